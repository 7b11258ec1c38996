"""What the article's configuration does: the reasons that the design page gives for doing otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bed import ANYCAST, Machine, requirements, wait_for
from bed.topology import HOME
from bench.article import BIRD_CONF
from bench.sides import Article, next_hops

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

LAN = str(HOME.network)
ELSEWHERE = "198.51.100.1"
LOWEST = "10.0.0.1"


@pytest.fixture(scope="module")
def article() -> Iterator[Article]:
    with Article() as side:
        side.recover()
        yield side


@pytest.fixture
def side(article: Article) -> Iterator[Article]:
    """The article's router and nodes; a test may leave the nodes as it likes."""
    yield article
    for node in article.bed.nodes:
        node.run("ip", "link", "set", "dummy0", "up")
        node.run("ip", "address", "flush", "dev", "dummy0")
        node.run("ip", "address", "add", f"{ANYCAST}/32", "dev", "dummy0")
        node.stop_bird()
    article.recover()


def announcing(network: str) -> str:
    """The article's bird.conf, of a node that announces another network as well."""
    return BIRD_CONF.replace("stubnet", f"stubnet {network} {{ }};\n    stubnet", 1)


def routes(machine: Machine, network: str, protocol: str) -> list[str]:
    return machine.run("ip", "-4", "route", "show", network, "proto", protocol).splitlines()


def test_a_stubnet_is_announced_though_its_interface_is_down(side: Article) -> None:
    node = side.bed.nodes[0]
    node.run("ip", "link", "set", "dummy0", "down")
    wait_for("BIRD to see it", lambda: ["dummy0", "down"] in [
        line.split()[:2] for line in node.birdc("show interfaces summary").splitlines()
    ])  # fmt: skip
    # It comes in the same LSA, so what the router has with it is what the node says after it lost the interface.
    node.start_bird(announcing(f"{ELSEWHERE}/32"))
    wait_for("the router to hear of it", lambda: routes(side.bed.router, ELSEWHERE, "ospf"))
    wait_for("all next hops, as before", lambda: next_hops(side.bed.router) == len(side.bed.nodes))


def test_router_and_nodes_take_the_default_route_of_any_node(side: Article) -> None:
    node, other, _third = side.bed.nodes
    # A node has a second route to its own LAN at once.
    wait_for("a second route to the LAN", lambda: routes(other, LAN, "bird"))
    assert routes(other, LAN, "kernel")
    node.start_bird(announcing("0.0.0.0/0"))
    via = f"via {side.bed.addresses[0]}"
    wait_for("it at another node", lambda: any(via in route for route in routes(other, "default", "bird")))
    wait_for("it at the router", lambda: any(via in route for route in routes(side.bed.router, "default", "ospf")))


def test_without_a_router_id_nodes_take_the_lowest_address_and_overwrite_each_other(side: Article) -> None:
    nodes = side.bed.nodes
    for node in nodes:
        node.run("ip", "address", "add", f"{LOWEST}/32", "dev", "dummy0")
        node.stop_bird()
    for node in nodes:
        node.start_bird(BIRD_CONF.replace(ANYCAST, LOWEST))
    wait_for("the adjacencies", lambda: all("Full" in node.birdc("show ospf neighbors") for node in nodes))
    assert all(f"Router ID is {LOWEST}" in node.birdc("show status") for node in nodes)

    def neighbors() -> int:
        return len(side.bed.router.vtysh_json("show ip ospf neighbor json")["neighbors"].get(LOWEST, []))

    # All of them are neighbours, and one of them gets all the clients: there is one router LSA of that router id.
    wait_for("the router to have them as neighbours", lambda: neighbors() == len(nodes))
    wait_for("a route", lambda: next_hops(side.bed.router, LOWEST))
    assert next_hops(side.bed.router, LOWEST) == 1
