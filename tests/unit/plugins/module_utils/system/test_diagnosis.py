# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node is not as the inventory has it: the message names it, and what is wrong."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import diagnosis, endpoints

KEY = "k3y-of-the-lab"
ROUTER_IDS = {"hap-lite": "172.18.0.1", "sip1": "172.18.0.11", "sip2": "172.18.0.12", "sip3": "172.18.0.13"}
NODES = ["sip1", "sip2", "sip3"]
LINK = {"name": "enp0s11", "area": "0.0.0.0", "type": "broadcast", "hello": 3.0, "dead": 12.0, "silent": False}
DUMMY = {"name": "dummy0", "area": "0.0.0.0", "type": "broadcast", "hello": 10.0, "dead": 40.0, "silent": True}
FAILURES = {"hap-lite": "a neighbour is missing", "sip2": "so is here"}


class System:
    """A healthy one, for a test to spoil."""

    def __init__(self):
        self.nodes = [endpoints.node(name, link={"key": KEY}, interfaces=["enp0s11"]) for name in NODES]
        self.bird: dict = {
            name: {
                "info": {"router_id": ROUTER_IDS[name], "interfaces": copy.deepcopy([LINK, DUMMY]), "refused": []},
                "changed_files": [],
            }
            for name in NODES
        }
        self.info = self.bird["sip2"]["info"]

    def refuse(self, receiver, *senders, reason):
        self.bird[receiver]["info"]["refused"] += [
            {"sender": ROUTER_IDS.get(sender, sender), "interface": "enp0s11", "reason": reason, "count": 3}
            for sender in senders
        ]

    def lines(self):
        found = diagnosis.verdict([endpoints.router("hap-lite")], self.nodes, self.bird, FAILURES, ROUTER_IDS)
        assert found[0] == "OSPF is not up as expected, hap-lite and sip2 say. Why:"
        return found[1:]


@pytest.fixture
def system():
    return System()


@pytest.mark.parametrize(
    ("key", "value", "found", "expected"),
    [
        ("dead", 16.0, "dead interval of BIRD on sip2 is 16 s", "12 s (dead_interval in bird_anycast_link)"),
        ("hello", 10.0, "hello interval of BIRD on sip2 is 10 s", "3 s (hello_interval in bird_anycast_link)"),
        ("area", "0.0.0.1", "area of BIRD on sip2 is 0.0.0.1", "0.0.0.0 (area in bird_anycast_link)"),
        ("type", "ptp", "network type of BIRD on sip2 is ptp", "broadcast (network_type in bird_anycast_link)"),
    ],
)
def test_bird_runs_with_something_else(system, key, value, found, expected):
    system.info["interfaces"][0][key] = value
    lines = system.lines()
    assert lines[0] == f"the {found} (interface enp0s11), expected {expected}"
    assert "'birdc configure'" in lines[1]


def test_what_is_wrong_on_disk_is_put_back_by_the_role(system):
    system.info["interfaces"][0]["dead"] = 16.0
    system.bird["sip2"]["changed_files"] = ["/etc/bird/bird.conf"]
    lines = system.lines()
    assert lines[1] == "/etc/bird/bird.conf on sip2 is not what the role writes"
    assert lines[2] == "Put back what the role writes: ansible-playbook homelab.anycast.site"


def test_the_key_is_not_shown(system):
    system.bird["sip2"]["changed_files"] = ["/etc/bird/anycast.key"]
    lines = system.lines()
    assert (
        lines[0] == "the key in /etc/bird/anycast.key on sip2 is not the one of bird_anycast_link (keys are not shown)"
    )
    assert KEY not in str(lines)


def test_the_router_id_of_another(system):
    system.info["router_id"] = ROUTER_IDS["sip1"]
    assert system.lines()[0] == (
        "the router id of BIRD on sip2 is 172.18.0.11, the one of sip1, expected 172.18.0.12 (bird_anycast_router_id)"
    )


def test_the_interface_of_another(system):
    system.info["interfaces"][0]["name"] = "enp0s2"
    assert system.lines()[0] == "BIRD on sip2 speaks OSPF on enp0s2, expected enp0s11 (bird_anycast_interfaces)"


def test_no_interface(system):
    system.info["interfaces"] = [DUMMY]
    assert system.lines()[0].startswith("BIRD on sip2 speaks OSPF on no interface, expected enp0s11")


def test_bird_does_not_run(system):
    system.bird["sip2"] = {
        "info": {"failed": True, "msg": "BIRD's control socket does not exist"},
        "changed_files": None,
    }
    assert system.lines() == ["sip2: BIRD's control socket does not exist"]


def test_a_node_that_is_off(system):
    system.bird["sip2"] = {"info": None, "changed_files": None}
    system.nodes[1] = endpoints.node("sip2", failure=["timed out"], reached=False)
    lines = system.lines()
    assert len(lines) == 1
    assert lines[0].startswith("sip2 cannot be reached: timed out.")


def test_whom_several_refuse_is_to_blame(system):
    for receiver in ("sip1", "sip3"):
        system.refuse(receiver, "sip2", reason="wrong password")
    system.refuse("sip2", "hap-lite", "sip1", "sip3", reason="wrong password")
    assert system.lines() == [
        "sip1 and sip3 refuse the OSPF packets of sip2: wrong password",
        "sip2 refuses the OSPF packets of hap-lite, sip1 and sip3: wrong password",
    ]


def test_a_stranger_is_named_by_its_address(system):
    system.refuse("sip1", "192.0.2.9", reason="area mismatch (1.1.1.1)")
    assert system.lines() == ["sip1 refuses the OSPF packets of 192.0.2.9: area mismatch (1.1.1.1)"]


def test_a_journal_that_cannot_be_read(system):
    system.info["refused"] = None
    assert system.lines()[0].startswith("No cause was found at either end")


def test_what_preflight_knows_counts(system):
    system.nodes[1]["link"] = endpoints.node("sip2", link={"key": KEY, "dead_interval": 16})["link"]
    router = endpoints.router("hap-lite", link={"key": KEY})
    found = diagnosis.verdict([router], system.nodes, system.bird, FAILURES, ROUTER_IDS)
    assert any(
        "dead_interval is 12 in routeros_ospf_link of hap-lite and 16 in bird_anycast_link of sip2" in t for t in found
    )
