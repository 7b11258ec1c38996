"""A gateway of two routers: the emulator in front of real keepalived, and what hash seeds do to the clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bed import ANYCAST, Bed, Machine, Router, ensure_rootfs, requirements, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE, INTERFACE
from role_router import BIN, INTERPRETER, run

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

GATEWAY = "172.18.0.62"
VIRTUAL_MAC = "00:00:5e:00:01:01"
CLIENTS = range(100, 200)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.start_frr()
        yield bed


@pytest.fixture(scope="module")
def routers(bed: Bed) -> Iterator[dict[str, Emulator]]:
    """The router of the bed, and a second one that is plugged into its bridge; r1 is to be the master."""
    with ExitStack() as stack:
        second = Router("router2", ensure_rootfs())
        stack.callback(second.stop)
        bed.router.connect("ether9", second, INTERFACE)
        bed.router.run("ip", "link", "set", "ether9", "master", BRIDGE)
        second.run("ip", "address", "add", "172.18.0.2/26", "dev", INTERFACE)
        second.start_frr()
        found = {name: stack.enter_context(Emulator(one)) for name, one in (("r1", bed.router), ("r2", second))}
        for emulator, interface, priority in ((found["r1"], BRIDGE, 200), (found["r2"], INTERFACE, 100)):
            add(emulator, "interface/vrrp", name="vrrp1", interface=interface, priority=priority, interval="200ms")
            add(emulator, "ip/address", address=f"{GATEWAY}/32", interface="vrrp1")
        yield found


def add(emulator: Emulator, menu: str, **values: str | int) -> None:
    api = emulator.connect()
    api.path(*menu.split("/")).add(**values)
    api.close()


def command(emulator: Emulator, name: str, **values: str | int) -> None:
    api = emulator.connect()
    list(api.path("interface", "vrrp")(name, numbers="vrrp1", **values))
    api.close()


def wait_state(emulator: Emulator, state: str) -> None:
    wait_for(f"{emulator.router.name} to be {state}", lambda: emulator.rows("interface", "vrrp")[0].get(state))


def read(emulator: Emulator) -> str:
    """The state of the gateway as our module reads it."""
    printed = run(
        emulator.router.on_its_network(
            str(BIN / "ansible"), "localhost", "--module-name", "homelab.anycast.routeros_ospf_neighbors", "--args",
            json.dumps({"hostname": "127.0.0.1", "username": "ansible", "password": "lab-password", "gateways": True}),
            "--extra-vars", INTERPRETER,
        )
    )  # fmt: skip
    (gateway,) = json.loads(printed[printed.index("=> {") + 3 :])["gateways"]
    assert (gateway["addresses"], gateway["networks"]) == ([f"{GATEWAY}/32"], ["172.18.0.0/26"])
    return str(gateway["state"])


def answering(client: Machine) -> str:
    """The MAC address that answers for the gateway."""
    client.run("ip", "neighbor", "flush", "dev", INTERFACE)
    client.run("ping", "-c", "1", "-W", "2", GATEWAY)
    return client.run("ip", "neighbor", "show", GATEWAY).split()[4]


def test_one_router_is_the_master_and_the_other_takes_over(bed: Bed, routers: dict[str, Emulator]) -> None:
    first, second = routers.values()
    wait_state(first, "master")
    wait_state(second, "backup")
    assert (read(first), read(second)) == ("master", "backup")
    assert answering(bed.phones) == VIRTUAL_MAC
    command(first, "disable")
    wait_state(second, "master")
    assert (first.rows("interface", "vrrp")[0]["disabled"], read(second)) == (True, "master")
    assert answering(bed.phones) == VIRTUAL_MAC
    # The one with the higher priority takes it back (preemption-mode=yes).
    command(first, "enable")
    wait_state(second, "backup")
    wait_state(first, "master")


def test_a_changed_priority_moves_the_gateway(routers: dict[str, Emulator]) -> None:
    first, second = routers.values()
    command(second, "set", priority=250)
    wait_state(second, "master")
    wait_state(first, "backup")
    command(second, "set", priority=100)
    wait_state(first, "master")


def test_a_router_whose_keepalived_dies_is_no_master(bed: Bed, routers: dict[str, Emulator]) -> None:
    first, second = routers.values()
    wait_state(first, "master")
    first.router.run("sh", "-c", "kill -KILL $(cat /run/keepalived/pid)")
    wait_state(second, "master")
    assert "master" not in first.rows("interface", "vrrp")[0]
    # What is left of it ends by itself.
    wait_for("keepalived to end", lambda: not first.router.path("/run/keepalived/vrrp.pid").exists())
    for name in ("disable", "enable"):
        command(first, name)
    wait_state(first, "master")


def hops(machine: Machine, seed: int, nodes: int) -> list[str]:
    """The next hop of each client, on a router with that seed; 0 is the kernel's own."""
    machine.run("sysctl", "-qw", f"net.ipv4.fib_multipath_hash_seed={seed}")
    interface = BRIDGE if machine.name == "router" else INTERFACE
    paths = [word for node in range(nodes) for word in ("nexthop", "via", f"172.18.0.{11 + node}")]
    machine.run("ip", "route", "replace", f"{ANYCAST}/32", *paths)
    shown = [
        machine.run("ip", "-json", "route", "get", ANYCAST, "from", f"198.51.100.{client}", "iif", interface)
        for client in CLIENTS
    ]
    machine.run("ip", "route", "del", f"{ANYCAST}/32")
    return [json.loads(text)[0]["gateway"] for text in shown]


@pytest.mark.parametrize("nodes", [2, 3])
def test_routers_send_a_client_to_the_same_node_only_with_the_same_seed(
    routers: dict[str, Emulator], nodes: int
) -> None:
    first, second = (emulator.router for emulator in routers.values())
    for machine in (first, second):
        # So that a packet of these clients has a way back.
        machine.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.ip_forward=1")
        interface = BRIDGE if machine.name == "router" else INTERFACE
        machine.run("ip", "route", "replace", "198.51.100.0/24", "dev", interface)
    moved = [one != other for one, other in zip(hops(first, 7, nodes), hops(second, 8, nodes), strict=True)]
    expected = (nodes - 1) / nodes
    assert abs(sum(moved) / len(moved) - expected) < 0.15
    assert hops(first, 7, nodes) == hops(second, 7, nodes)
