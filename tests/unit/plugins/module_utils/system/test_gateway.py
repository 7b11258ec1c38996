# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two routers that share a gateway by VRRP, and each way in which they may not agree."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import gateway, preflight
from ansible_collections.homelab.anycast.plugins.module_utils.system.endpoints import NodeEnd, RouterEnd
from ansible_collections.homelab.anycast.plugins.module_utils.system.gateway import gateways, moved_share

SETTINGS = {"send-redirects": False, "ipv4-multipath-hash-policy": "l3"}
NODES = [NodeEnd("sip1"), NodeEnd("sip2")]


def row(**more):
    return {
        "name": "vrrp1",
        "interface": "bridge-lan",
        "vrid": 1,
        "priority": 200,
        "interval": 1.0,
        "version": 3,
        "protocol": "ipv4",
        "preemption": True,
        "state": "master",
        "addresses": ["172.18.0.1/32"],
        "networks": ["172.18.0.0/26"],
        **more,
    }


BACKUP = {"priority": 100, "state": "backup"}


def router(name, *rows, own="172.18.0.2/26", settings=None):
    """A router as preflight has read it."""
    places = [("bridge-lan", own), *((one["name"], address) for one in rows for address in one["addresses"])]
    addresses = [
        {"address": address, "network": None, "interface": interface, "disabled": False}
        for interface, address in places
    ]
    info = {"vrrp": list(rows), "addresses": addresses, "interfaces": []}
    return RouterEnd(name, info=info, interfaces=["bridge-lan"], ip_settings=settings or SETTINGS)


def pair(first=None, second=None):
    second = {**BACKUP, **(second or {})}
    return [router("r1", row(**(first or {}))), router("r2", row(**second), own="172.18.0.3/26")]


def problems(routers):
    return [
        str(finding)
        for check in (gateway.gateway_agreement, gateway.gateway_owner)
        for finding in check(routers, NODES)
    ]


def warnings(routers):
    checks = (gateway.gateway_doubts, gateway.gateway_firewall, gateway.gateway_distribution)
    return [str(finding) for check in checks for finding in check(routers, NODES)]


def test_two_routers_that_agree_are_told_nothing():
    assert (problems(pair()), warnings(pair())) == ([], [])


def test_preflight_asks_all_of_it():
    routers = pair({"interval": 0.2}, {"priority": 200})
    assert any("the interval of the gateway" in str(one) for one in preflight.preflight_findings(routers, NODES))
    assert any("have the priority 200" in str(one) for one in preflight.preflight_warnings(routers, NODES))
    spread = [router("r1", settings=SETTINGS), router("r2", settings={"ipv4-multipath-hash-policy": "l4"})]
    assert any("l3 on r1, l4 on r2" in str(one) for one in preflight.preflight_warnings(spread, NODES))
    taken = [router("r1", row(), own="172.18.0.1/26")]
    assert any("on bridge-lan, where it stays" in str(one) for one in preflight.preflight_findings(taken, NODES))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({}, {"version": 2}, "the version of the gateway 172.18.0.1 (VRRP) is 3 on r1, 2 on r2, expected the same"),
        ({"interval": 0.2}, {}, "the interval of the gateway 172.18.0.1 (VRRP) is 0.2 s on r1, 1 s on r2"),
        ({"vrid": 7}, {}, "the vrid of the gateway 172.18.0.1 (VRRP) is 7 on r1, 1 on r2"),
        (
            {},
            {"addresses": ["172.18.0.1/32", "172.18.0.5/32"]},
            "the addresses of the gateway 172.18.0.1, 172.18.0.5 (VRRP) are 172.18.0.1 on r1, 172.18.0.1, 172.18.0.5",
        ),
        ({}, {"addresses": []}, "(VRRP) are 172.18.0.1 on r1, none on r2"),
    ],
)
def test_what_they_must_have_in_common(first, second, said):
    (found,) = problems(pair(first, second))
    assert said in found
    assert "/interface/vrrp/set vrrp1" in found or "/ip/address/print where interface=vrrp1" in found


def test_a_different_vrid_with_a_different_address_is_a_different_gateway():
    """Each router is the master of one, and the backup of the other: two gateways that share the clients."""
    one, two = row(), row(name="vrrp2", vrid=2, priority=100, state="backup", addresses=["172.18.0.4/32"])
    turned = [row(**BACKUP), {**two, "priority": 200, "state": "master"}]
    routers = [router("r1", one, two), router("r2", *turned, own="172.18.0.3/26")]
    assert (problems(routers), warnings(routers)) == ([], [])
    found = gateways({end.name: end.info["vrrp"] for end in routers})
    assert [(one.name, one.masters) for one in found] == [("172.18.0.1", ["r1"]), ("172.18.0.4", ["r2"])]


def test_the_same_vrid_in_a_different_network_or_protocol_is_a_different_gateway():
    elsewhere = row(networks=["192.0.2.0/24"], addresses=["192.0.2.1/32"])
    assert len(gateways({"r1": [row()], "r2": [elsewhere]})) == 2
    assert len(gateways({"r1": [row()], "r2": [row(protocol="ipv6", addresses=["2001:db8::1/64"])]})) == 2


def test_who_has_the_address_itself_is_told_to_give_it_away():
    routers = [router("r1", row(), own="172.18.0.1/26"), router("r2", row(**BACKUP), own="172.18.0.3/26")]
    (found,) = problems(routers)
    assert found.startswith("the router r1 has the address 172.18.0.1 of a gateway (VRRP) on bridge-lan")
    assert "and add 172.18.0.1/32 to the VRRP interface only" in found


def test_the_same_priority_is_a_doubt():
    (found,) = warnings(pair({}, {"priority": 200}))
    assert found.startswith(
        "r1 and r2 have the priority 200 for the gateway 172.18.0.1 (VRRP), expected different ones"
    )


def test_a_router_without_the_gateway_is_named_with_the_command():
    (found,) = warnings([router("r1", row()), router("r2", own="172.18.0.3/26")])
    assert found.startswith("r1 has the gateway 172.18.0.1 by VRRP, and the router r2 in the same network has not")
    assert "/interface/vrrp/add name=vrrp1 interface=bridge-lan vrid=1" in found
    disabled = router("r2", row(state="disabled"), own="172.18.0.3/26")
    assert "/interface/vrrp/enable vrrp1" in warnings([router("r1", row()), disabled])[0]


def test_a_router_that_cannot_have_it_or_was_not_read_is_not_named():
    elsewhere = router("r2", own="192.0.2.1/24")
    assert warnings([router("r1", row()), elsewhere, RouterEnd("r3", reached=False)]) == []


def test_one_router_is_told_nothing():
    assert (problems([router("r1", row())]), warnings([router("r1", row())])) == ([], [])
    assert (problems([router("r1")]), warnings([router("r1")])) == ([], [])


def test_a_wide_address_on_the_vrrp_interface_is_a_doubt():
    (found,) = warnings(pair({"addresses": ["172.18.0.1/26"]}, {}))
    assert found.startswith("the router r1 has 172.18.0.1/26 on the VRRP interface vrrp1, expected 172.18.0.1/32")


def test_redirects_on_the_nodes_link_are_a_doubt_if_the_role_leaves_them():
    routers = [router("r1", row(), settings={**SETTINGS, "send-redirects": True}), pair()[1]]
    (found,) = warnings(routers)
    assert "the router r1 sends ICMP redirects" in found
    apart = [RouterEnd(end.name, info=end.info, interfaces=["ether1"], ip_settings=end.ip_settings) for end in routers]
    assert warnings(apart) == []


def test_an_interface_list_without_the_vrrp_interface_is_a_doubt():
    routers = pair()
    routers[0].info["firewall"] = {"interface_lists": {"LAN": ["bridge-lan"], "WAN": ["ether1"]}}
    routers[1].info["firewall"] = {"interface_lists": {"LAN": ["bridge-lan", "vrrp1"]}}
    (found,) = warnings(routers)
    assert found.startswith(
        "the VRRP interface vrrp1 of the router r1 is not in the interface list LAN, and bridge-lan"
    )
    assert "/interface/list/member/add list=LAN interface=vrrp1" in found


def test_a_rule_that_drops_the_advertisements_is_a_doubt():
    routers = pair()
    rule = {".id": "*5", "chain": "input", "action": "drop", "in-interface": "bridge-lan"}
    allowed = {".id": "*4", "chain": "input", "action": "accept", "protocol": "vrrp"}
    lists = {"interface_lists": {}}
    routers[0].info["firewall"] = {"filter": [rule], **lists}
    routers[1].info["firewall"] = {"filter": [allowed, rule], **lists}
    (found,) = warnings(routers)
    assert "(chain input, action drop) of the router r1 drops VRRP (IP protocol 112) from r2: both would be" in found
    assert "chain=input action=accept protocol=vrrp in-interface=bridge-lan place-before=0" in found
    assert any(str(one) == found for one in preflight.preflight_warnings(routers, NODES))
    # Only what the other router sends: this one is of its own address.
    routers[0].info["firewall"]["filter"] = [{**rule, "src-address": "172.18.0.2"}]
    assert warnings(routers) == []


# What is seen of them


def seen(**rows):
    return gateways({name: None if one is None else [one] for name, one in rows.items()})


def test_one_master_is_good_and_is_named_first():
    (found,) = seen(r2=row(**BACKUP), r1=row())
    assert (found.level, found.problems()) == ("good", [])
    assert found.in_words() == "172.18.0.1 (VRRP, vrid 1): master r1, backup r2"


def test_two_masters_are_a_problem_with_its_cause():
    (found,) = seen(r1=row(), r2=row(priority=100))
    (said,) = found.problems()
    assert found.level == "bad"
    assert str(said).startswith("r1, r2: are all master of the gateway 172.18.0.1, expected one: they do not hear")
    assert "IP protocol 112" in said.text


def test_no_master_is_a_problem_unless_a_router_does_not_answer():
    (found,) = seen(r1=row(**BACKUP), r2=row(**BACKUP))
    (said,) = found.problems()
    assert str(said).startswith("r1, r2: no router is master of the gateway 172.18.0.1, expected one")
    (found,) = seen(r1=None, r2=row(**BACKUP))
    assert (found.level, found.problems()) == ("unknown", [])
    assert found.in_words() == "172.18.0.1 (VRRP, vrid 1): backup r2, unknown r1"
    (found,) = seen(r1=None, r2=row())
    assert (found.level, found.in_words()) == ("good", "172.18.0.1 (VRRP, vrid 1): master r2, unknown r1")


@pytest.mark.parametrize(("state", "cure"), [("failure", "bridge-lan is running"), ("invalid", "print detail")])
def test_a_router_that_cannot_take_over_is_a_problem(state, cure):
    (found,) = seen(r1=row(), r2=row(state=state))
    (said,) = found.problems()
    assert str(said).startswith(f"r2: the VRRP interface vrrp1 is in the state {state}, expected master or backup")
    assert cure in said.text


def test_how_many_clients_meet_a_different_node():
    assert moved_share(1, 2, 3) == (
        "when a gateway moves to a different router, about 67 % of its clients meet a different node: each router has"
        " its own hash seed"
    )
    assert "50 %" in (moved_share(1, 2, 2) or "")
    assert [moved_share(0, 2, 3), moved_share(1, 1, 3), moved_share(1, 2, 1)] == [None] * 3
