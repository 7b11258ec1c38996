"""Two routers on two links: each has its own subnet with the nodes, and each node an interface to each.

Clients are behind each router, in a network that the other router does not know.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from bed import ANYCAST, Bed, Emulator, Machine, requirements, wait_for
from bed.topology import REMOTE, REMOTE_CLIENTS, SECOND, SECOND_INTERFACE, SECOND_REMOTE
from bench.clients import PORT, Clients
from bench.sides import PROGRAM
from role_network import LINK, Network
from role_node import AREA_FILE, PACKAGE_CONFIG, ROOT

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

# Instead of 5 s, for a busy machine.
SLOW = {**LINK, "dead_interval": 10}
ANNOUNCEMENT = "/etc/bird/anycast.d/sip.area"
SETTINGS = (
    # Nodes that would forward, if a packet came that asks for it.
    "net.ipv4.ip_forward=1",
    # The kernel drops what does not come by the interface of the way back.
    "net.ipv4.conf.all.rp_filter=1",
)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(2, remote=True, second_link=True) as bed:
        for router in bed.routers:
            router.start_frr()
        for node in bed.nodes:
            node.run("sysctl", "-qw", *SETTINGS)
            # The way back to the clients of the second router. That to all others is the default route.
            node.run("ip", "route", "add", str(SECOND_REMOTE), "via", SECOND.address(1))
            node.write(ANNOUNCEMENT, AREA_FILE)
            node.start_bird(PACKAGE_CONFIG)
            node.write(PROGRAM, (ROOT / "bench" / "service.py").read_text())
            node.start_program("service", "python3", "-IS", PROGRAM, node.name, str(PORT), ANYCAST)
        yield bed


@pytest.fixture(scope="module")
def network(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """With the roles on both ends, and the address routed to both nodes by both routers."""
    with contextlib.ExitStack() as stack:
        routers = [stack.enter_context(Emulator(router)) for router in bed.routers]
        network = Network(bed, routers, tmp_path_factory.mktemp("network"), SLOW)
        said = network.site(SLOW)
        assert said.count("failed=0") == network.hosts, said
        wait_for("all next hops", network.all_routed, timeout=120)
        yield network


def sent_to(network: Network) -> list[list[str]]:
    """The next hops of each router."""
    return [network.gateways(router) for router in network.routers]


def test_x(bed, network) -> None:
    print(sent_to(network))
    for r in bed.routers:
        print(r.name, r.run("ip", "route"), r.vtysh("show ip ospf neighbor"), r.vtysh("show ip ospf route"))
        print(r.vtysh("show ip ospf database"))
    for n in bed.nodes:
        print(n.run("ip", "route"), n.birdc("show ospf neighbors"), n.birdc("show ospf interface"))
        print(n.path("/etc/bird/bird.conf").read_text())
    def show(what):
        print("=====", what)
        for r in bed.routers:
            print(r.name, r.run("ip", "route", "show", ANYCAST), r.vtysh("show ip ospf route"))
    first, second = bed.nodes
    first.run("ip", "link", "set", "enp0s11", "down")
    wait_for("cable", lambda: network.gateways(network.routers[0]) == bed.addresses[1:])
    show("cable of node1 off")
    second.path(ANNOUNCEMENT).unlink()
    second.birdc("configure")
    wait_for("withdrawn at second", lambda: network.gateways(network.routers[1]) == [SECOND.address(11)])
    import time; time.sleep(8)
    show("and node2 withdrawn")
    assert 0
