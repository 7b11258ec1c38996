"""Two routers on two links: each has its own subnet with the nodes, and each node an interface to each.

Clients are behind each router, in a network that the other router does not know.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from bed import ANYCAST, Bed, Emulator, Machine, requirements, wait_for
from bed.topology import BRIDGE, HOME, INTERFACE, REMOTE, REMOTE_CLIENTS, SECOND, SECOND_REMOTE
from role_network import LINK, Network, die, next_link, no_probe_is_lost, no_route_changes, no_secret, start_service
from role_node import AREA_FILE, PACKAGE_CONFIG

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

# Instead of 5 s, for a busy machine.
SLOW = {**LINK, "dead_interval": 10}
ANNOUNCEMENT = "/etc/bird/anycast.d/sip.area"
# Of each link.
NODES = [HOME.nodes(2), SECOND.nodes(2)]
CLIENTS = [[str(network[number]) for number in REMOTE_CLIENTS[:4]] for network in (REMOTE, SECOND_REMOTE)]
# What only a route of the node can tell it: that to all others is the default route, by the first router.
WAY_BACK = (str(SECOND_REMOTE), "via", SECOND.address(1))


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(2, remote=True, second_link=True) as bed:
        for router in bed.routers:
            router.start_frr()
        for node in bed.nodes:
            # It would forward, and it drops what does not come by the interface of the way back.
            node.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=1")
            node.run("ip", "route", "add", *WAY_BACK)
            node.write(ANNOUNCEMENT, AREA_FILE)
            node.start_bird(PACKAGE_CONFIG)
            start_service(node)
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


def next_hops(network: Network) -> list[list[str]]:
    """Those of each router."""
    return [network.gateways(router) for router in network.routers]


def withdraw(node: Machine) -> None:
    node.path(ANNOUNCEMENT).unlink()
    node.birdc("configure")


def announce(node: Machine) -> None:
    node.write(ANNOUNCEMENT, AREA_FILE)
    node.birdc("configure")


def full(node: Machine, router_id: str) -> bool:
    lines = [line.split() for line in node.birdc("show", "ospf", "neighbors").splitlines()]
    return any(words[:1] == [router_id] and words[2].startswith("Full") for words in lines)


def test_each_router_sends_to_the_nodes_by_their_addresses_on_its_link(network: Network) -> None:
    assert next_hops(network) == NODES
    said = network.site(network.link)
    assert said.count("changed=0") == network.hosts, said


def test_verify_proves_both_links(network: Network) -> None:
    said = network.play("homelab.anycast.verify", network.link)
    # And localhost.
    assert said.count("failed=0") == network.hosts + 1, said
    for address in NODES[0] + NODES[1]:
        assert address in said


def test_the_clients_behind_each_router_are_served(bed: Bed, network: Network) -> None:
    for machine, sources in zip(bed.remotes, CLIENTS, strict=True):
        with no_probe_is_lost(machine, sources):
            pass


def test_a_node_without_a_route_to_the_clients_of_a_router_does_not_serve_them(bed: Bed, network: Network) -> None:
    """The answers would leave by the default route, so by the other router."""
    for node in bed.nodes:
        node.run("ip", "route", "del", *WAY_BACK)
    answers = [answered(machine, sources[0]) for machine, sources in zip(bed.remotes, CLIENTS, strict=True)]
    for node in bed.nodes:
        node.run("ip", "route", "add", *WAY_BACK)
    assert answers == [True, False]


def answered(machine: Machine, source: str) -> bool:
    return " 0 received" not in machine.run("ping", "-c", "2", "-W", "2", "-I", source, ANYCAST, check=False)


def test_a_withdrawal_is_gone_at_both_routers(bed: Bed, network: Network) -> None:
    withdraw(bed.nodes[0])
    wait_for("it to be gone", lambda: next_hops(network) == [[HOME.address(12)], [SECOND.address(12)]])
    announce(bed.nodes[0])
    wait_for("it to be back", lambda: next_hops(network) == NODES)


def test_the_nodes_forward_nothing_between_the_links(bed: Bed, network: Network) -> None:
    """OSPF tells each router the way through the nodes to the other link, and the filter of the role rejects it."""
    for router, link in zip(bed.routers, (SECOND, HOME), strict=True):
        assert str(link.network) in router.vtysh("show ip ospf route")
        assert "unreachable" in router.run("ip", "route", "get", link.address(1), check=False)
    for node in bed.nodes:
        assert "proto bird" not in node.run("ip", "route")


@pytest.mark.parametrize("dead", [0, 1])
def test_a_router_that_dies_and_comes_back_changes_nothing_at_the_other(bed: Bed, network: Network, dead: int) -> None:
    router, gone, other = bed.routers[dead], bed.router_addresses[dead], 1 - dead
    with no_probe_is_lost(bed.remotes[other], CLIENTS[other]), no_route_changes(network.routers[other]):
        die(router)
        router.run("ip", "link", "set", BRIDGE, "down")
        wait_for("the nodes to notice", lambda: not any(full(node, gone) for node in bed.nodes))
        # The way to the clients of the router stays as it was.
        routes = [node.run("ip", "route", "get", CLIENTS[dead][0]) for node in bed.nodes]
        assert [f"via {gone} " in route for route in routes] == [True, True]
        router.run("ip", "link", "set", BRIDGE, "up")
        router.start_frr()
        # The emulator looks every 30 s whether FRR was started again.
        wait_for("it to be back", lambda: next_hops(network) == NODES, timeout=120)


def test_the_key_changes_at_both_routers_and_nothing_is_lost(bed: Bed, network: Network) -> None:
    old, new = network.link, next_link(network.link)
    with contextlib.ExitStack() as stack:
        for machine, sources in zip(bed.remotes, CLIENTS, strict=True):
            stack.enter_context(no_probe_is_lost(machine, sources))
        stack.enter_context(no_route_changes(*network.routers))
        said = network.rotate(new)
    assert said.count("failed=0") == network.hosts + 1, said
    assert network.auth_ids() == [new["key_id"]] * 2
    assert network.have_only(new, old)
    assert no_secret(said)
    network.link = new


def test_a_cable_that_is_pulled_on_one_link_does_not_change_the_other(bed: Bed, network: Network) -> None:
    """Then the limit of this model: a node is also a way to the other link, where another node announces."""
    first, second = bed.nodes
    with no_probe_is_lost(bed.remotes[1], CLIENTS[1]), no_route_changes(network.routers[1]):
        first.run("ip", "link", "set", INTERFACE, "down")
        wait_for("the router to notice", lambda: next_hops(network) == [[HOME.address(12)], NODES[1]])
    # No node of the first link announces any more. The router reaches the first node by the second one and the second
    # link, and the second node takes the packets for its own.
    withdraw(second)
    wait_for("it to be gone at the second router", lambda: next_hops(network)[1] == [SECOND.address(11)])
    assert next_hops(network)[0] == [HOME.address(12)]
    assert [full(second, router_id) for router_id in bed.router_addresses] == [True, True]
