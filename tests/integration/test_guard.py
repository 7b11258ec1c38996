"""What the router's role keeps from happening: routes that are none of the nodes' business, and clients that wander."""

from __future__ import annotations

import contextlib
import json
import select
import selectors
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from bed import ANYCAST, Bed, Machine, requirements, wait_for
from bed.configs import node_config
from bed.emulator import Emulator
from role_router import configure

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

KEY = "a-good-key"
LINK = {"hello_interval": 1, "dead_interval": 4, "key": KEY}
PORT = 5060
# A default route; the router's own LAN as it is, half of it, and a phone on it; a network from elsewhere.
STRANGE = ("0.0.0.0/0", "172.18.0.0/26", "172.18.0.32/27", "172.18.0.25/32", "192.0.2.0/24")
# The LAN as it is stays the router's own in any case, as a connected route goes before one of OSPF.
HARMFUL = {"default", "172.18.0.32/27", "172.18.0.25", "192.0.2.0/24"}


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(3) as bed:
        bed.router.start_frr()
        for number, node in enumerate(bed.nodes, start=11):
            node.start_bird(node_config(f"172.18.0.{number}", auth="sha256", key=KEY, networks=strange(number)))
        yield bed


def strange(number: int) -> tuple[str, ...]:
    """The last of the nodes announces more than it should."""
    return STRANGE if number == 13 else ()


@pytest.fixture(scope="module")
def router(bed: Bed) -> Iterator[Emulator]:
    with Emulator(bed.router) as emulator:
        yield emulator


def installed(bed: Bed) -> dict[str, int]:
    """The routes that OSPF brought into the router's kernel, and over how many next hops they go."""
    routes = json.loads(bed.router.run("ip", "-json", "route", "show", "proto", "ospf"))
    return {route["dst"]: len(route.get("nexthops", [route])) for route in routes}


def change_route(bed: Bed, address: str) -> None:
    """Have the router's kernel tell of a change that means nothing."""
    bed.router.run("ip", "route", "add", "blackhole", address)
    bed.router.run("ip", "route", "del", "blackhole", address)


@contextlib.contextmanager
def route_events(bed: Bed) -> Iterator[list[str]]:
    """Every change of the router's routes in the meantime; filled when it ends."""
    lines: list[str] = []
    monitor = subprocess.Popen(
        bed.router.on_its_network("ip", "-oneline", "monitor", "route"), stdout=subprocess.PIPE, text=True
    )
    stdout = monitor.stdout
    assert stdout is not None

    def listens() -> bool:
        change_route(bed, "198.51.100.1")
        return bool(select.select([stdout], [], [], 0.1)[0])

    try:
        # It starts when it likes: what is changed before is not seen.
        wait_for("ip monitor to listen", listens)
        yield lines
    finally:
        change_route(bed, "198.51.100.2")
        for line in stdout:
            if "198.51.100.2" in line:
                break
            if "198.51.100.1" not in line:
                lines.append(line.rstrip())
        monitor.terminate()
        monitor.communicate()


def test_a_node_brings_nothing_in_but_the_anycast_address(bed: Bed, router: Emulator) -> None:
    assert "failed=0" in configure(router, LINK, routeros_ospf_filter_chain="")
    # Without the filter it does what it likes.
    wait_for("all of it", lambda: set(installed(bed)) == {*HARMFUL, ANYCAST} and installed(bed)[ANYCAST] == 3)

    with route_events(bed) as events:
        assert "failed=0" in configure(router, LINK)
        wait_for("the rest to go", lambda: installed(bed) == {ANYCAST: 3})
        filtered = {row["dst-address"] for row in router.rows("routing", "route") if row.get("filtered")}
        assert filtered == {"0.0.0.0/0", "172.18.0.32/27", "172.18.0.25/32", "192.0.2.0/24"}
        assert "changed=0" in configure(router, LINK)
        # Another chain with another prefix, and none at last.
        said = configure(
            router, LINK, routeros_ospf_filter_chain="other", routeros_ospf_anycast_prefixes=[ANYCAST, "192.0.2.0/24"]
        )
        assert "changed=3" in said
        # Inside a declared range, but not a host route.
        assert installed(bed) == {ANYCAST: 3}
        assert "changed=2" in configure(router, LINK, routeros_ospf_filter_chain="")
        wait_for("all of it again", lambda: set(installed(bed)) == {*HARMFUL, ANYCAST})
    assert [line for line in events if "192.0.2.0/24" in line]
    assert [line for line in events if line.startswith("Deleted") and ANYCAST in line.split()] == []


@contextlib.contextmanager
def answering(nodes: list[Machine]) -> Iterator[None]:
    """Each node answers at the anycast address with its name."""
    selector = selectors.DefaultSelector()
    stop, stopped = socket.socketpair()
    selector.register(stopped, selectors.EVENT_READ)
    for node in nodes:
        with node.network():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((ANYCAST, PORT))
        selector.register(server, selectors.EVENT_READ, node.name.encode())

    def serve() -> None:
        while True:
            for key, _events in selector.select():
                if key.data is None:
                    return
                assert isinstance(key.fileobj, socket.socket)
                _data, client = key.fileobj.recvfrom(64)
                key.fileobj.sendto(key.data, client)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.send(b".")
        thread.join()
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        stop.close()
        selector.close()


def answers(bed: Bed, source: str, ports: int) -> set[str]:
    """The nodes that a client reaches from as many source ports."""
    found = set()
    for _number in range(ports):
        with bed.phones.network():
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.bind((source, 0))
            client.settimeout(10)
            client.sendto(b"who", (ANYCAST, PORT))
            found.add(client.recv(64).decode())
    return found


def test_a_client_stays_on_its_node_or_its_flows_are_spread(bed: Bed, router: Emulator) -> None:
    nodes = {node.name for node in bed.nodes}
    with answering(bed.nodes):
        assert "failed=0" in configure(router, LINK)
        wait_for("three next hops", lambda: installed(bed) == {ANYCAST: 3})
        for phone in range(22, 26):
            assert len(answers(bed, f"172.18.0.{phone}", ports=20)) == 1
        assert "changed=1" in configure(router, LINK, routeros_ospf_distribution="per_flow")
        # That one of three nodes gets none of 60 flows has a chance of 1 in 10^10.
        assert answers(bed, "172.18.0.22", ports=60) == nodes
        assert "changed=1" in configure(router, LINK)
        assert len(answers(bed, "172.18.0.22", ports=20)) == 1
