# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the system out of what was gathered: each way in which it can be broken, and that it is told once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import status, status_model

KEYS = ("expected", "announced", "installed", "healthy", "drained")


def model(system):
    return system.status()


def cell(found, node, service="sip"):
    cells = next(entry.nodes for entry in found.services if entry.name == service)
    return next(entry for entry in cells if entry.node == node)


def facts(entry):
    return tuple(getattr(entry, key) for key in KEYS)


def told(found, key="problems"):
    return [(", ".join(entry.hosts), entry.text) for entry in getattr(found, key)]


def verdict(found):
    return found.level, found.verdict, found.summary


def link(found, name):
    return next(node.link for node in found.nodes if node.name == name)


@pytest.mark.parametrize("bfd", [False, True])
def test_all_is_well(fake_system, bfd):
    found = model(fake_system(bfd=bfd))
    assert verdict(found) == ("well", "All is well", "sip served by 3 of 3")
    assert told(found) == told(found, "notes") == []
    assert [facts(entry) for entry in found.services[0].nodes] == [(True, True, True, True, False)] * 3
    assert [row.state for row in found.neighbors] == ["Full"] * 6
    assert [row.node for row in found.next_hops] == ["sip1", "sip2", "sip3"]
    assert {node.link.text for node in found.nodes} == {"Full, BFD up" if bfd else "Full"}


def test_a_node_that_cannot_be_reached(fake_system):
    system = fake_system()
    system.unreachable("sip2")
    found = model(system)
    assert told(found) == [("sip2", "cannot be reached: ssh to port 22: No route to host")]
    assert facts(cell(found, "sip2")) == (True, None, True, None, None)
    assert cell(found, "sip2").state == "unknown"
    # The router still knows.
    assert link(found, "sip2").text == "Full"
    assert found.verdict == "Degraded: 1 problem"
    assert found.summary == "sip served by 2 of 3, 1 not known"


def test_a_node_that_is_dead(fake_system):
    system = fake_system()
    system.unreachable("sip2")
    system.lose("sip2")
    found = model(system)
    # One cause, one problem.
    text = "down: it cannot be reached: ssh to port 22: No route to host, and no router has it as a neighbour"
    assert told(found) == [("sip2", text)]
    assert found.problems[0].commands == ["ping -c 3 172.18.0.12"]
    assert verdict(found) == ("degraded", "Degraded: sip served by 2 of 3", "")
    assert (cell(found, "sip2").state, found.nodes[1].trouble) == ("down", "down")
    assert facts(cell(found, "sip2")) == (True, None, False, None, None)
    assert link(found, "sip2").level == "bad"


def test_bird_is_down(fake_system):
    system = fake_system()
    system.bird_down("sip2")
    found = model(system)
    assert len(told(found)) == 1
    assert told(found)[0][0] == "sip2"
    assert told(found)[0][1].startswith("bird.service is failed: cannot be read: BIRD's control socket")
    # Its file is there, and nobody reads it.
    assert cell(found, "sip2").announced is False
    assert (cell(found, "sip2").state, cell(found, "sip2").why) == ("withdrawn", "bird.service is failed")


def test_drained(fake_system):
    system = fake_system()
    system.drained("sip2", reason="new disk")
    found = model(system)
    assert verdict(found) == ("well", "All is well", "sip served by 2 of 3, 1 drained")
    assert found.notes[0].commands == ["ansible-playbook homelab.anycast.undrain -e anycast_node=sip2"]
    text = "sip is drained: the node is drained since 2026-11-22T14:00:00Z by alice@desk: new disk"
    assert told(found, "notes") == [("sip2", text)]
    assert facts(cell(found, "sip2")) == (False, False, False, None, True)
    assert found.drains[0]["node"] == "sip2"


def test_a_drain_of_another_service(fake_system):
    system = fake_system(services=("sip", "dns"))
    system.nodes["sip1"]["info"]["records"] = [
        {"service": "dns", "by": "bob", "reason": "x", "since": "2026-11-22T14:00:00Z", "done": False}
    ]
    found = model(system)
    assert cell(found, "sip1").state == "serving"
    assert cell(found, "sip1", "dns").state == "draining"
    assert found.level == "well"


def test_drained_and_the_router_does_not_let_go(fake_system):
    system = fake_system()
    system.drained("sip2")
    system.hops().append(system.hop("172.18.0.12"))
    found = model(system)
    assert cell(found, "sip2").state == "still installed"
    assert "yet the router still sends clients to it" in told(found)[0][1]


def test_withdrawn_by_its_check(fake_system):
    system = fake_system()
    system.withdrawn("sip3")
    found = model(system)
    assert told(found) == [("sip3", "sip is withdrawn: 172.18.0.64 does not answer within 0.5 s")]
    assert facts(cell(found, "sip3")) == (True, False, False, False, False)
    assert found.verdict == "Degraded: sip served by 2 of 3"
    assert found.problems[0].commands == ["ssh root@172.18.0.13 journalctl -n 20 -u anycast-announce@sip"]


def test_announced_but_not_installed(fake_system):
    system = fake_system(services=("sip", "dns"))
    system.forget("sip1")
    found = model(system)
    assert cell(found, "sip1").state == "not installed"
    # Both services by one sentence.
    assert len(told(found)) == 1
    assert told(found)[0][1].startswith("sip, dns are not installed: ")
    assert "in-filter-chain" in told(found)[0][1]


def test_installed_but_not_active(fake_system):
    system = fake_system()
    system.hops()[0].update(active=False)
    found = model(system)
    assert cell(found, "sip1").installed is False
    assert "172.18.0.11 is a candidate for 172.18.0.64/32 only" in told(found, "notes")[0][1]


def test_not_announced_but_installed(fake_system):
    system = fake_system()
    hops = list(system.hops())
    system.withdrawn("sip1")
    system.hops()[:] = hops
    assert cell(model(system), "sip1").state == "still installed"


def test_a_strangers_next_hop(fake_system):
    system = fake_system()
    system.hops().append(system.hop("172.18.0.99"))
    found = model(system)
    assert [where for where, _text in told(found)] == ["hap-lite"]
    assert "172.18.0.99 is a next hop of 172.18.0.64/32, and no node of the inventory has that" in told(found)[0][1]
    assert found.next_hops[-1].level == found.routers[0].level == "bad"


def test_a_node_whose_ospfv2_is_down_is_no_stranger_to_ospfv3(fake_system):
    system = fake_system()
    system.lose("sip2")
    system.hops().append(system.hop("fe80::12", link_local="fe80::12", router_id="172.18.0.12"))
    found = model(system)
    assert (found.next_hops[-1].node, found.next_hops[-1].level) == ("sip2", "good")
    assert cell(found, "sip2").installed is True
    assert "stranger" not in str(told(found))


def test_a_next_hop_that_is_a_node_without_the_service(fake_system):
    system = fake_system()
    system.nodes["sip3"].update(services=[])
    system.nodes["sip3"]["info"]["services"] = []
    text = "172.18.0.13 (sip3) is a next hop of 172.18.0.64/32, which its bird_anycast_services does not list"
    assert told(model(system)) == [("hap-lite", text)]


def test_a_static_route(fake_system):
    system = fake_system()
    system.hops()[0].update(protocol="static", distance=1)
    assert "by a route of kind static (distance 1), expected ospf" in told(model(system))[0][1]


def test_nobody_serves(fake_system):
    system = fake_system(nodes=1)
    system.drained("sip1")
    found = model(system)
    assert told(found) == [("sip (172.18.0.64)", "no node serves it: the router has no next hop")]
    assert found.problems[0].commands == ["ansible-playbook homelab.anycast.undrain -e anycast_node=sip1"]
    assert verdict(found) == ("outage", "OUTAGE: nobody serves sip (172.18.0.64)", "")


@pytest.mark.parametrize(
    ("at_router", "at_node", "says", "cause"),
    [
        (
            "ExStart",
            "Exchange",
            "OSPF with hap-lite: ExStart at the router, Exchange at the node",
            "the MTU",
        ),
        ("ExStart", "ExStart", "OSPF with hap-lite: ExStart", "the MTU"),
        (
            "Full",
            "Init",
            "OSPF with hap-lite: Full at the router, Init at the node",
            "its hellos arrive",
        ),
    ],
)
def test_a_neighbour_that_is_stuck(fake_system, at_router, at_node, says, cause):
    system = fake_system()
    system.sees("sip1", {"state": at_router}, {"state": at_node})
    system.forget("sip1")
    found = model(system)
    # The service that is not installed for it is not told again.
    assert told(found) == [("sip1", says)]
    assert found.problems[0].causes[0].startswith(cause)
    assert link(found, "sip1").text in (at_router, at_node)
    assert link(found, "sip1").level == "bad"


def test_the_link_shows_the_worse_end(fake_system):
    system = fake_system()
    system.sees("sip1", at_node={"state": "Init"})
    assert link(model(system), "sip1").text == "Init"


@pytest.mark.parametrize("state", ["down", "init", "forbidden", "admin-down", None])
def test_bfd_is_not_up(fake_system, state):
    system = fake_system(bfd=True)
    system.sees("sip1", at_router={"bfd": state})
    found = model(system)
    assert len(told(found)) == 1
    assert told(found)[0][1].startswith(f"BFD with hap-lite: {state or 'no session'} at the router")
    assert link(found, "sip1") == status_model.LinkState("bad", f"Full, BFD {state or 'none'}")


def test_bfd_that_nobody_expects(fake_system):
    system = fake_system()
    system.sees("sip1", at_router={"bfd": "down"}, at_node={"bfd": "down"})
    found = model(system)
    assert found.level == "well"
    assert link(found, "sip1").text == "Full, BFD down"


def test_the_router_refuses(fake_system):
    system = fake_system()
    system.router.update(neighbors={"msg": "the router rejects the login of user 'ansible'"}, next_hops=[])
    found = model(system)
    assert told(found) == [("hap-lite", "cannot be read: the router rejects the login of user 'ansible'")]
    assert facts(cell(found, "sip1")) == (True, True, None, True, False)
    # Nothing is said of what is not known.
    assert verdict(found)[:2] == ("degraded", "Degraded: 1 problem")
    assert "announced by 3 of 3, and the router's next hops are not known" in found.summary
    assert found.services[0].serving is None


def test_one_of_two_routers_lacks_a_node(fake_system):
    system = fake_system()
    other = fake_system()
    other.forget("sip1")
    backup = {**other.router, "name": "backup", "router_id": "172.18.0.2"}
    for node in system.nodes.values():
        node["neighbors"]["neighbors"].append(system.neighbor("172.18.0.2"))
    found = cell(system.status(backup), "sip1")
    assert found.state == "not installed"
    assert found.why.startswith("it is announced, and no active next hop of backup: see the import filter there")


def test_two_routers_on_two_links(fake_system):
    system = fake_system()
    found = json.loads(json.dumps(system.router).replace("172.18.0.1", "172.18.1.1"))
    second = {**found, "name": "hap-ac", "router_id": "172.18.1.1"}
    for entry, node in zip(second["neighbors"]["neighbors"], system.nodes.values(), strict=True):
        entry["router_id"] = node["router_id"]
    for node in system.nodes.values():
        node["neighbors"]["neighbors"].append(system.neighbor("172.18.1.1"))
    found = system.status(second)
    assert verdict(found) == ("well", "All is well", "sip served by 3 of 3")
    assert [(row.router, row.next_hop, row.node) for row in found.next_hops[2:4]] == [
        ("hap-lite", "172.18.0.13", "sip3"),
        ("hap-ac", "172.18.1.11", "sip1"),
    ]


def test_one_of_two_routers_is_away(fake_system):
    system = fake_system(bfd=True)
    refused = "cannot log in to 172.18.0.2: No route to host"
    away = {"name": "edge", "router_id": "172.18.0.2", "bfd": True, "problems": []}
    found = system.status({**away, "neighbors": {"msg": refused}, "next_hops": []})
    # The rest is as it was: one problem, each node has its adjacency, each service its nodes.
    assert told(found) == [("edge", "no node has it as a neighbour, and it cannot be read")]
    assert (found.problems[0].kind, found.problems[0].causes) == ("down", [refused])
    assert verdict(found) == ("degraded", "Degraded: 1 problem", "sip served by 3 of 3")
    assert {node.link.text for node in found.nodes} == {"Full, BFD up"}
    assert [(router.name, router.trouble, router.level) for router in found.routers] == [
        ("hap-lite", None, "good"),
        ("edge", "no neighbour", "bad"),
    ]


def test_nothing_at_all(fake_system):
    assert told(status.system_status([], [], [], "2026-11-22T15:30:00Z", "alice@desk")) == [
        ("inventory", "there is no router: the group anycast_routers is empty"),
        ("inventory", "there is no node: the group anycast_nodes is empty"),
    ]


def test_nobody_was_asked(fake_system):
    system = fake_system(nodes=1)
    system.router.update(neighbors={}, next_hops=[])
    system.nodes["sip1"].update(info={}, neighbors={})
    found = model(system)
    assert told(found) == [("hap-lite, sip1", "was not asked: --limit leaves it out")]
    assert found.verdict.startswith("Degraded: sip announced by 0 of 1, 1 not known")
    assert found.nodes[0].level == "unknown"


def test_the_same_router_id_twice(fake_system):
    system = fake_system()
    system.nodes["sip2"]["router_id"] = "172.18.0.11"
    assert ("sip1, sip2", "have the same router id, 172.18.0.11: give each its own") in told(model(system))


def test_a_neighbour_that_is_not_in_the_inventory(fake_system):
    system = fake_system()
    system.router["neighbors"]["neighbors"].append(system.neighbor("172.18.0.99"))
    found = model(system)
    text = "has the neighbour 172.18.0.99 Full on bridge-lan, which is not in the inventory"
    assert told(found, "notes") == [("hap-lite", text)]


def test_nodes_that_see_each_other(fake_system):
    system = fake_system()
    system.nodes["sip1"]["neighbors"]["neighbors"].append(system.neighbor("172.18.0.12", state="2-Way"))
    found = model(system)
    assert found.level == "well"
    assert len(found.neighbors) == 6


def test_what_is_announced_though_it_is_not_listed(fake_system):
    system = fake_system()
    system.nodes["sip1"]["info"]["unlisted"] = ["old"]
    assert "announces 'old', which its bird_anycast_services does not list" in told(model(system))[0][1]


def test_problems_of_variables_are_told_instead_of_what_follows(fake_system):
    system = fake_system()
    system.nodes["sip1"].update(problems=["bird_anycast_services: no list"], info={"msg": "Finalization failed"})
    assert [text for where, text in told(model(system)) if where == "sip1"] == ["bird_anycast_services: no list"]


def test_changes_of_all_nodes_the_last_first(fake_system):
    system = fake_system()
    system.nodes["sip2"]["info"]["services"][0]["changes"] = [
        {"time": "2026-11-22T15:20:00Z", "text": "sip announced"},
        {"time": "2026-11-22T14:00:00Z", "text": "sip withdrawn"},
    ]
    assert [row.node for row in model(system).changes] == ["sip2", "sip1", "sip3", "sip2"]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["sip1.example.com", "sip2.example.com"], ["sip1", "sip2"]),
        (["sip.east.example", "sip.west.example"], ["sip.east.example", "sip.west.example"]),
        (["172.18.0.11"], ["172.18.0.11"]),
    ],
)
def test_short_names(names, short):
    assert list(status.short_names(names).values()) == short


def test_nobody_serves_as_all_nodes_have_the_same_trouble(fake_system):
    system = fake_system(services=("sip", "dns"))
    for name in system.nodes:
        system.withdrawn(name)
    system.router["next_hops"][1]["next_hops"] = [system.hop(f"172.18.0.1{number}") for number in (1, 2, 3)]
    found = model(system)
    assert verdict(found) == ("outage", "OUTAGE: nobody serves sip (172.18.0.64)", "dns served by 3 of 3")
    assert told(found) == [("sip1, sip2, sip3", "sip is withdrawn: 172.18.0.64 does not answer within 0.5 s")]
    assert found.problems[0].level == "outage"
    assert [command.split()[1] for command in found.problems[0].commands] == [
        f"root@172.18.0.1{number}" for number in (1, 2, 3)
    ]


def test_all_next_hops_are_unhealthy(fake_system):
    system = fake_system(nodes=1)
    system.nodes["sip1"]["info"]["services"][0].update(healthy=False, why="it hangs")
    assert model(system).verdict == "OUTAGE: nobody serves sip (172.18.0.64)"


def test_one_of_two_addresses_is_served_by_nobody(fake_system):
    system = fake_system()
    system.services[0].addresses.append("2001:db8::64/128")
    system.router["next_hops"].append({"item": "2001:db8::64/128", "next_hops": []})
    assert model(system).verdict == "OUTAGE: nobody serves sip (2001:db8::64)"


def test_the_router_is_away(fake_system):
    system = fake_system()
    system.router.update(neighbors={"msg": "no answer within 30 s"}, next_hops=[])
    for node in system.nodes.values():
        node["neighbors"]["neighbors"] = []
    found = model(system)
    assert verdict(found) == ("outage", "OUTAGE: hap-lite has no neighbour, nobody reaches sip (172.18.0.64)", "")
    # The adjacencies of the nodes are no problems of their own.
    assert told(found) == [("hap-lite", "no node has it as a neighbour, and it cannot be read")]
    assert found.problems[0].causes == ["no answer within 30 s"]
    assert found.routers[0].trouble == "no neighbour"


def test_a_router_that_does_not_answer_and_has_its_neighbours_is_not_down(fake_system):
    system = fake_system()
    system.router.update(neighbors={"msg": "no answer within 30 s"}, next_hops=[])
    assert (model(system).level, model(system).problems[0].kind) == ("degraded", "not read")


def test_nobody_announces_and_the_router_cannot_be_asked(fake_system):
    system = fake_system()
    for name in system.nodes:
        system.withdrawn(name)
    system.router.update(neighbors={"msg": "no answer within 30 s"}, next_hops=[])
    assert model(system).level == "outage"


def test_the_most_harmful_first(fake_system):
    system = fake_system(nodes=5, bfd=True, services=("sip", "dns"))
    system.sees("sip1", {"bfd": "down"})
    system.withdrawn("sip2")
    system.unreachable("sip3")
    system.lose("sip3")
    system.hops().append(system.hop("172.18.0.99"))
    kinds = [problem.kind for problem in model(system).problems]
    assert kinds == ["next hop", "down", "withdrawn", "not installed", "BFD"]
    # What leaves a service without a node comes before all.
    system.router["next_hops"][1]["next_hops"].clear()
    assert (model(system).problems[0].level, model(system).problems[0].kind) == ("outage", "down")
    assert model(system).verdict == "OUTAGE: nobody serves dns (172.18.0.65)"


@pytest.mark.parametrize(
    ("user", "port", "begins"),
    [
        ("root", "22", "ssh root@172.18.0.13 journalctl"),
        ("o'neil", "2222", "ssh -p 2222 'o'\"'\"'neil@172.18.0.13' sudo"),
    ],
)
def test_a_command_logs_in_as_ansible_does(fake_system, user, port, begins):
    system = fake_system()
    system.withdrawn("sip3")
    system.nodes["sip3"].update(user=user, port=port)
    assert model(system).problems[0].commands[0].startswith(begins)


def test_services_alike_are_one_in_the_verdict(fake_system):
    system = fake_system(services=tuple(f"s{number}" for number in range(7)))
    system.unreachable("sip2")
    system.lose("sip2")
    assert model(system).verdict == "Degraded: 7 services served by 2 of 3"


def test_each_kind_has_its_entry_in_the_guide():
    guide = (Path(__file__).parents[5] / "docs" / "docsite" / "rst" / "operate.rst").read_text()
    assert [kind for kind in status.KINDS if f"   * - _`{kind}`\n" not in guide] == []


def with_gateway(system, own, other):
    """The state of a system of two routers, by the states of their VRRP interfaces; None: it does not answer."""
    vrrp = {"name": "vrrp1", "interface": "bridge-lan", "vrid": 1, "protocol": "ipv4", "priority": 100}
    vrrp |= {"addresses": ["172.18.0.2/32"], "networks": ["172.18.0.0/26"]}
    system.router["neighbors"]["gateways"] = [{**vrrp, "state": own}]
    second = {**system.router, "name": "hap-ac", "router_id": "172.18.0.3"}
    second["neighbors"] = {**system.router["neighbors"], "gateways": [{**vrrp, "state": other}]}
    for node in system.nodes.values():
        node["neighbors"]["neighbors"].append(system.neighbor("172.18.0.3"))
    if other is None:
        second |= {"neighbors": {"msg": "Could not connect"}, "next_hops": []}
    return system.status(second)


MOVES = (
    "172.18.0.2",
    "when a gateway moves to a different router, about 67 % of its clients meet a different node: each router has"
    " its own hash seed",
)


def test_the_master_of_a_gateway_is_shown(fake_system):
    found = with_gateway(fake_system(), "master", "backup")
    (shared,) = found.gateways
    assert (shared.level, shared.master) == ("good", ["hap-lite"])
    assert shared.text == "172.18.0.2 (VRRP, vrid 1): master hap-lite, backup hap-ac"
    assert (told(found), told(found, "notes")) == ([], [MOVES])


@pytest.mark.parametrize(
    ("states", "begins"),
    [
        (("master", "master"), "are all master of the gateway 172.18.0.2, expected one"),
        (("backup", "backup"), "no router is master of the gateway 172.18.0.2, expected one"),
    ],
)
def test_none_or_two_masters_are_one_problem(fake_system, states, begins):
    found = with_gateway(fake_system(), *states)
    (problem,) = found.problems
    assert (problem.kind, problem.hosts, found.gateways[0].level) == ("gateway", ["hap-lite", "hap-ac"], "bad")
    assert problem.text.startswith(begins)
    assert problem.commands == ["/interface/vrrp/print detail"]


def test_a_router_that_does_not_answer_is_no_backup(fake_system):
    found = with_gateway(fake_system(), "backup", None)
    (shared,) = found.gateways
    assert (shared.level, shared.states) == ("unknown", {"hap-lite": "backup", "hap-ac": "unknown"})
    assert [problem.kind for problem in found.problems] == ["not read"]


def test_one_router_has_no_gateway_to_share(fake_system):
    system = fake_system()
    assert (model(system).gateways, told(model(system), "notes")) == ([], [])
    second = {**system.router, "name": "hap-ac", "router_id": "172.18.0.3"}
    for router in (system.router, second):
        router["neighbors"] = {**router["neighbors"], "gateways": []}
    assert system.status(second).gateways == []
