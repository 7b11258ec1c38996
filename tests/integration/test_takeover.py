"""Nodes that were set up before the role: real BIRD next to a real FRR, and the role's own plan and templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import Bed, ensure_rootfs, requirements, wait_for
from bed.topology import INTERFACE, ROUTER_ADDRESS
from bench.article import bird_conf, frr_conf
from role_node import RoleNode, bird_of_root

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

KEY = "artkey99"
SECRET = "somebody-elses-password"
LINK = {"hello_interval": 1, "dead_interval": 5, "authentication": "simple", "key": KEY}
FRR = frr_conf(KEY, 1, 5)
ARTICLE = bird_conf(KEY, 1, 5, export="none")
BGP = f"""
router id 192.0.2.1;
protocol device {{ }}
# the old password was {SECRET}
filter out {{ reject; }}
protocol bgp upstream {{
  disabled;
  local as 64512;
  neighbor 198.51.100.1 as 64511;
  password "{SECRET}";
  ipv4 {{ import none; export filter out; }};
}}
include "own/*.conf";
"""
SERVICES = [{"name": "sip", "addresses": ["172.18.0.64"], "interface": "dummy0"}]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.start_frr()
        bed.router.write("/run/frr.conf", FRR)
        bed.router.run("vtysh", "-f", "/run/frr.conf")
        yield bed


@pytest.fixture
def node(bed: Bed, tmp_path: Path) -> Iterator[RoleNode]:
    node = RoleNode(bed.nodes[0], tmp_path, bird_of_root(ensure_rootfs()))
    yield node
    node.stop()


def full(node: RoleNode) -> None:
    wait_for("the adjacency", lambda: node.states().get(ROUTER_ADDRESS) == "Full", timeout=30)


def announced(bed: Bed) -> bool:
    return "172.18.0.64/32" in bed.router.vtysh_json("show ip route ospf json")


def lsas(bed: Bed) -> list[str]:
    """Which kinds of LSA tell the router of the address."""
    marks = {"router": "Net: 172.18.0.64\n", "summary": "Link State ID: 172.18.0.64 "}
    return [kind for kind, mark in marks.items() if mark in bed.router.vtysh(f"show ip ospf database {kind}")]


def names(node: RoleNode) -> list[str]:
    return sorted(path.name for path in node.conf.parent.iterdir() if path.is_file())


def test_the_articles_node_is_taken_over(node: RoleNode, bed: Bed) -> None:
    node.conf.write_text(ARTICLE)
    node.announce()
    node.start()
    full(node)
    wait_for("the route", lambda: announced(bed))
    # As a router prefers these (RFC 2328 11), the nodes that are not taken over have all the clients until all are.
    assert lsas(bed) == ["router"]
    shown = node.configure(LINK, "--check", "--diff", bird_anycast_services=SERVICES)
    assert shown["changed"] and shown["diff"][0]["before"].startswith("(not shown: ")
    assert KEY not in shown["printed"] and node.conf.read_text() == ARTICLE

    result = node.configure(LINK, "--diff", bird_anycast_services=SERVICES)
    assert (result["changed"], result["before"], result["lost"]) == (True, [ROUTER_ADDRESS], [])
    assert KEY not in result["printed"]
    assert "myAnycast" not in node.ask("show protocols")
    assert KEY not in node.conf.read_text()
    full(node)
    wait_for("the route", lambda: announced(bed))
    assert result["told"] == ["172.18.0.64/32"]
    assert lsas(bed) == ["summary"]
    # Text is a list of one.
    result = node.configure(LINK, bird_anycast_services=SERVICES, bird_anycast_interfaces=INTERFACE)
    assert (result["changed"], result.get("msg")) == (False, None)


def test_a_bird_conf_that_does_more_is_not_changed(node: RoleNode, bed: Bed) -> None:
    own = node.conf.parent / "own" / "more.conf"
    own.parent.mkdir()
    own.write_text("define MORE = 1;\n")
    node.conf.write_text(BGP)
    node.announce()
    node.start()
    result = node.configure(LINK, bird_anycast_services=SERVICES)
    line = f'include "{node.conf.parent}/anycast*.conf";'
    assert result["failed"] and f"add the line '{line}'" in result["msg"][0]
    assert (names(node), node.conf.read_text()) == (["bird.conf"], BGP)

    theirs = BGP + line + "\n"
    node.conf.write_text(theirs)
    # Nothing matches the line yet, which does not keep BIRD from starting.
    assert "0003 Reconfigured" in node.ask("configure")
    assert node.configure(LINK, "--check", "--diff", bird_anycast_services=SERVICES)["changed"]
    assert names(node) == ["bird.conf"]
    result = node.configure(LINK, "--diff", bird_anycast_services=SERVICES)
    assert result["changed"] and SECRET not in result["printed"] and KEY not in result["printed"]
    full(node)
    wait_for("the route", lambda: announced(bed))
    assert node.conf.read_text() == theirs
    assert names(node) == ["anycast.conf", "anycast.key", "bird.conf"]
    assert {"upstream", "anycast"} <= set(node.ask("show protocols").split())
    # Ours has a router id of its own, theirs keeps its.
    assert "Router ID is 192.0.2.1" in node.ask("show status")
    assert node.address in str(bed.router.vtysh_json("show ip ospf neighbor json"))
    assert not node.configure(LINK, bird_anycast_services=SERVICES)["changed"]

    # It is seen there too in which form the addresses are announced, and waited for.
    for lsa, kind in (("router", "router"), ("service", "summary")):
        result = node.configure(LINK, bird_anycast_services=SERVICES, bird_anycast_lsa=lsa)
        assert (result["changed"], result["told"]) == (True, ["172.18.0.64/32"])
        # BIRD flushes the LSA of the run before when it hears it from the router again (RFC 2328 13.4).
        wait_for(f"the {kind} LSA alone", lambda kind=kind: lsas(bed) == [kind])  # type: ignore[misc]

    # A change that loses the adjacency is taken back here too.
    result = node.configure({**LINK, "dead_interval": 6}, bird_anycast_services=SERVICES)
    assert result["failed"] and (result["lost"], result["rolled_back"]) == ([ROUTER_ADDRESS], True)
    assert "dead 5;" in (node.conf.parent / "anycast.conf").read_text()
    assert names(node) == ["anycast.conf", "anycast.key", "bird.conf"]
    full(node)
    # And a good one is confirmed.
    assert node.configure(LINK, bird_anycast_cost=7, bird_anycast_services=SERVICES)["changed"]
    assert re.search(r"Cost: 7", node.ask("show ospf interface anycast"))
    wrong = node.configure(LINK, bird_anycast_cost="cheap", bird_anycast_services=SERVICES)
    assert "BIRD does not take the new configuration, nothing was changed: " in wrong["msg"]
    assert f"{node.conf.parent}/anycast.conf:" in wrong["msg"]
    assert SECRET not in wrong["printed"]
