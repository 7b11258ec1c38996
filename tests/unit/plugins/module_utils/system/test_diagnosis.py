# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node is not as the inventory has it: the message names it, and what is wrong."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import Link
from ansible_collections.homelab.anycast.plugins.module_utils.system.diagnosis import diagnosis
from ansible_collections.homelab.anycast.plugins.module_utils.system.endpoints import NodeEnd, RouterEnd

KEY = "k3y-of-the-lab"
ROUTER_IDS = {
    "hap-lite": "172.18.0.1",
    "edge": "172.18.0.2",
    "sip1": "172.18.0.11",
    "sip2": "172.18.0.12",
    "sip3": "172.18.0.13",
}
NODES = ["sip1", "sip2", "sip3"]
LINK = {"name": "enp0s11", "area": "0.0.0.0", "type": "broadcast", "hello": 1.0, "dead": 4.0, "silent": False}
DUMMY = {"name": "dummy0", "area": "0.0.0.0", "type": "broadcast", "hello": 10.0, "dead": 40.0, "silent": True}


def lacks(*names, state="Missing", causes=("a cable",)):
    """As a module that reads neighbours returns it."""
    found = "nothing" if state == "Missing" else state
    entry = {"state": state, "found": found, "expected": "Full", "causes": list(causes)}
    return {"neighbors": [], "likely_causes": [{"router_ids": [ROUTER_IDS[name] for name in names], **entry}]}


class System:
    """One in which the router and sip2 are no neighbours, for a test to say why."""

    def __init__(self):
        self.router = RouterEnd("hap-lite", router_id=ROUTER_IDS["hap-lite"], neighbors=lacks("sip2"))
        self.nodes = {
            name: NodeEnd(
                name,
                info={"facts": {}},
                link=Link(key=KEY),
                interfaces=["enp0s11"],
                addresses=["172.18.0.64/32"],
                router_id=ROUTER_IDS[name],
                neighbors={"neighbors": []},
                bird={
                    "router_id": ROUTER_IDS[name],
                    "interfaces": copy.deepcopy([LINK, DUMMY]),
                    "refused": [],
                },
                changed_files=[],
            )
            for name in NODES
        }
        self.change("sip2", neighbors=lacks("hap-lite"))
        self.info = self.nodes["sip2"].bird

    def change(self, name, **fields):
        self.nodes[name] = dataclasses.replace(self.nodes[name], **fields)

    def refuse(self, receiver, *senders, reason):
        self.nodes[receiver].bird["refused"] += [
            {"sender": ROUTER_IDS.get(sender, sender), "interface": "enp0s11", "reason": reason, "count": 3}
            for sender in senders
        ]

    def all(self):
        return diagnosis([self.router], list(self.nodes.values()))

    def lines(self):
        """Return the causes."""
        first, second, *causes = self.all()
        assert first == "hap-lite: no neighbour sip2, expected Full"
        assert second == "sip2: no neighbour hap-lite, expected Full"
        return causes


@pytest.fixture
def system():
    return System()


def test_one_of_two_routers_is_away(system):
    """What is said names it, and is no fault of the rest."""
    for name in NODES:
        system.change(name, neighbors=lacks("edge"))
    router = dataclasses.replace(system.router, neighbors={"neighbors": []})
    refused = "No route to host"
    edge = RouterEnd(
        "edge", router_id=ROUTER_IDS["edge"], reached=False, problems=[refused], neighbors={"msg": refused}
    )
    found = diagnosis([router, edge], list(system.nodes.values()))
    assert found == [
        "sip1, sip2, sip3: no neighbour edge, expected Full",
        "edge: cannot be reached (No route to host). Start it, correct routeros_ospf_api, or leave it out by --limit"
        " '!NAME'",
    ]
    # As asked for: the playbook does not have the nodes wait for it.
    for name in NODES:
        system.change(name, neighbors={"neighbors": []})
    left_out = RouterEnd("edge", asked=False, router_id=ROUTER_IDS["edge"])
    assert diagnosis([router, left_out], list(system.nodes.values())) == []


@pytest.mark.parametrize(
    ("key", "value", "found", "expected"),
    [
        ("dead", 16.0, "dead interval of BIRD is 16 s", "4 s (dead_interval in bird_anycast_link)"),
        ("hello", 10.0, "hello interval of BIRD is 10 s", "1 s (hello_interval in bird_anycast_link)"),
        ("area", "0.0.0.1", "area of BIRD is 0.0.0.1", "0.0.0.0 (area in bird_anycast_link)"),
        ("type", "ptp", "network type of BIRD is ptp", "broadcast (network_type in bird_anycast_link)"),
    ],
)
def test_bird_runs_with_something_else(system, key, value, found, expected):
    system.info["interfaces"][0][key] = value
    lines = system.lines()
    assert lines[0] == f"sip2: the {found} (interface enp0s11), expected {expected}"
    assert "'birdc configure'" in lines[1]


def test_what_is_wrong_on_disk_is_put_back_by_the_role(system):
    system.info["interfaces"][0]["dead"] = 16.0
    system.change("sip2", changed_files=["/etc/bird/bird.conf"])
    lines = system.lines()
    assert lines[1] == "sip2: /etc/bird/bird.conf is not what the role writes"
    assert lines[2] == "Restore the role's files: ansible-playbook homelab.anycast.site"


def test_the_key_is_not_shown(system):
    system.change("sip2", changed_files=["/etc/bird/anycast.key"])
    lines = system.lines()
    assert lines[0] == "sip2: the key in /etc/bird/anycast.key is not the one of bird_anycast_link (keys are not shown)"
    assert KEY not in str(lines)


def test_the_router_id_of_another(system):
    system.info["router_id"] = ROUTER_IDS["sip1"]
    assert system.lines()[0] == (
        "sip2: the router id of BIRD is 172.18.0.11, the one of sip1, expected 172.18.0.12 (bird_anycast_router_id)"
    )


def test_the_interface_of_another(system):
    system.info["interfaces"][0]["name"] = "enp0s2"
    assert system.lines()[0] == "sip2: BIRD speaks OSPF on enp0s2, expected enp0s11 (bird_anycast_interfaces)"


def test_no_interface(system):
    system.info["interfaces"] = [DUMMY]
    assert system.lines()[0].startswith("sip2: BIRD speaks OSPF on no interface, expected enp0s11")


def test_bird_does_not_run(system):
    down = {"failed": True, "msg": "BIRD's control socket does not exist"}
    for name in ("sip2", "sip3"):
        unread = {**down, "msg": f"Cannot read the OSPF neighbours: {down['msg']}"}
        system.change(name, neighbors=unread, bird=down, changed_files=None)
    assert system.all() == [
        "hap-lite: no neighbour sip2, expected Full",
        "sip2, sip3: BIRD's control socket does not exist",
    ]


def test_a_node_that_is_off(system):
    off = {"unreachable": True, "msg": "timed out"}
    system.nodes["sip2"] = NodeEnd(
        "sip2", problems=["timed out"], reached=False, router_id="172.18.0.12", neighbors=off
    )
    first, second = system.all()
    assert first == "hap-lite: no neighbour sip2, expected Full"
    assert second.startswith("sip2: cannot be reached (timed out).")


def test_a_router_that_does_not_answer(system):
    refused = {"failed": True, "msg": "Task failed: Module failed: Cannot connect to the router\n at 172.18.0.1"}
    system.router = RouterEnd("hap-lite", neighbors=refused, problems=["Cannot connect to the router at 172.18.0.1"])
    assert "hap-lite: Cannot connect to the router at 172.18.0.1" in system.all()
    assert len(system.all()) == 2


def test_neighbours_that_are_stuck_or_without_bfd(system):
    system.router = dataclasses.replace(system.router, neighbors=lacks("sip1", "sip2", state="Full, BFD down"))
    assert system.all()[0] == "hap-lite: found sip1 and sip2 Full, BFD down, expected Full"


def test_all_is_as_expected(system):
    system.router = dataclasses.replace(system.router, neighbors={"neighbors": []})
    system.change("sip2", neighbors={"neighbors": []})
    assert system.all() == []


def test_whom_several_refuse_is_to_blame(system):
    for receiver in ("sip1", "sip3"):
        system.refuse(receiver, "sip2", reason="wrong password")
    system.refuse("sip2", "hap-lite", "sip1", "sip3", reason="wrong password")
    assert system.lines() == [
        "sip2: BIRD refuses the OSPF packets of hap-lite, sip1 and sip3: wrong password",
        "sip1, sip3: BIRD refuses the OSPF packets of sip2: wrong password",
    ]


def test_a_stranger_is_named_by_its_address(system):
    system.refuse("sip1", "192.0.2.9", reason="area mismatch (1.1.1.1)")
    assert system.lines() == ["sip1: BIRD refuses the OSPF packets of 192.0.2.9: area mismatch (1.1.1.1)"]


def test_no_cause_says_what_was_read(system):
    system.router = dataclasses.replace(system.router, info={"version": "7.20.8"})
    system.change("sip1", bird={**system.nodes["sip1"].bird, "refused": None}, changed_files=None)
    assert system.lines() == [
        "No cause was found. Checked: what BIRD runs with (sip1, sip2 and sip3); BIRD's files (sip2 and sip3); the"
        " packets that BIRD refused (sip2 and sip3); MTU, subnets and packet filters, of a router raw"
        " prerouting and output, filter input and output, of a node input and output (hap-lite, sip1, sip2 and sip3)."
        " See what is between the two ends, and '/routing/ospf/interface/print' on the router",
        "hap-lite, sip2: Likely causes: (1) a cable",
    ]


def test_no_cause_where_no_node_was_asked(system):
    """It said that BIRD runs with what the role writes."""
    for name in NODES:
        system.nodes[name] = NodeEnd(name, asked=False, router_id=ROUTER_IDS[name])
    _lacking, line, _likely = system.all()
    assert line.startswith("No cause was found. Checked: nothing. Not read: hap-lite, sip1, sip2 and sip3. See what is")


def test_what_preflight_knows_counts(system):
    system.change("sip2", link=Link(key=KEY, dead_interval=16))
    system.router = dataclasses.replace(system.router, link=Link(key=KEY))
    assert any(
        "dead_interval is 4 in routeros_ospf_link of hap-lite and 16 in bird_anycast_link of sip2" in line
        for line in system.lines()
    )
