# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that somebody has made in WinBox: which become the role's, which cannot, and what is given back."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import takeover as adoption

OURS = "homelab.anycast"


def router(comment=None, rules=(), **changes):
    """Return a router with an OSPF that was made by hand; changes are properties by kind of row, None: without it."""
    rows: dict = {
        "instance": {".id": "*1", "name": "home", "version": 2, "vrf": "main", "router-id": "172.18.0.1"},
        "area": {".id": "*2", "name": "backbone", "instance": "home", "area-id": "0.0.0.0", "type": "default"},
        "template": {".id": "*3", "area": "backbone", "interfaces": "bridge-lan"},
    }
    for kind, row in rows.items():
        row.update({"comment": comment} if comment else {}, **changes.get(kind, {}))
        rows[kind] = {name: value for name, value in row.items() if value is not None}
    return {
        "ospf": {
            "instances": [rows["instance"]],
            "areas": [rows["area"]],
            "interface_templates": [rows["template"], *changes.get("more", [])],
        },
        "filter": {"rules": list(rules)},
        "ip_settings": {"send-redirects": True, "ipv4-multipath-hash-policy": "l4", "rp-filter": "no"},
        "ipv6_settings": {"multipath-hash-policy": "l4", "forward": True},
        "firewall": {"ipv6_filter": []},
    }


def plan(info, interfaces=("bridge-lan",), router_id="172.18.0.1", chain="anycast-in", area_id="0.0.0.0"):
    return adoption.plan(info, area_id, router_id, list(interfaces), OURS, chain, "anycast", "anycast")


def test_what_does_the_same_is_taken_over_under_its_name():
    found = plan(router())
    assert (found["problems"], found["instance"], found["area"]) == ([], "home", "backbone")
    # Found by its name, as it has no comment of ours yet; and what the role makes beside it for OSPFv3.
    assert found["restrict"]["instance"] == [{"field": "name", "values": ["home", "home-v3"]}]
    assert found["restrict"]["template"][1] == {"field": "interfaces", "values": ["bridge-lan"]}
    (note,) = found["note"]
    assert (note["chain"], note["disabled"]) == ("anycast-before", True)


@pytest.mark.parametrize("ours", [(), ("instance",), ("instance", "area")])
def test_what_was_taken_over_in_part_is_taken_over_still(ours):
    """The note is written first, and the comments one after the other."""
    (note,) = plan(router(comment="his"))["note"]
    info = router(comment="his", rules=[note], **{kind: {"comment": OURS} for kind in ours})
    found = plan(info)
    assert (found["problems"], found["instance"], found["area"]) == ([], "home", "backbone")
    assert found["restrict"]["area"] == [{"field": "name", "values": ["backbone", "backbone-v3"]}]
    # The first note has the comments that are to be given back.
    assert found["note"] == []
    assert adoption.read_note(info, OURS)["adopted"]["instance"]["comment"] == "his"


def test_on_an_empty_router_nothing_is_taken_over():
    info = router()
    info["ospf"] = {"instances": [], "areas": [], "interface_templates": []}
    found = plan(info)
    assert (found["instance"], found["adopted"], found["problems"]) == ("anycast", {}, [])
    # What /ip/settings and /ipv6/settings were is noted all the same.
    assert adoption.read_note(router(rules=found["note"]), OURS) == {
        "settings": {"send-redirects": True, "ipv4-multipath-hash-policy": "l4"},
        "ipv6_settings": {"multipath-hash-policy": "l4"},
        "adopted": {},
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"template": {"interfaces": "ether2"}}, id="on another interface"),
        pytest.param({"template": {"disabled": True}}, id="disabled"),
        pytest.param({"instance": {"disabled": True}}, id="its instance is disabled"),
        pytest.param({"area": {"instance": "gone"}}, id="its instance is gone"),
        pytest.param({"template": {"area": "gone"}}, id="its area is gone"),
        pytest.param({"instance": {"version": 3}}, id="of OSPFv3"),
    ],
)
def test_what_does_something_else_is_left_alone(changes):
    found = plan(router(**changes))
    assert (found["adopted"], found["problems"], found["instance"]) == ({}, [], "anycast")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"template": {"passive": ""}}, "it is passive: take that away"),
        ({"template": {"networks": "172.18.0.0/26"}}, "it is limited to networks=172.18.0.0/26: take that away"),
        ({"area": {"area-id": "0.0.0.1"}}, "its area-id is 0.0.0.1, expected 0.0.0.0 (area in routeros_ospf_link)"),
        ({"area": {"type": "stub"}}, "its area is of type stub, expected default"),
        ({"instance": {"vrf": "guests"}}, "its instance is in vrf guests, expected main"),
        (
            {"instance": {"router-id": "main"}},
            "router-id=main, expected 172.18.0.1, and another one restarts OSPF: at a time when that does no harm,"
            " /routing/ospf/instance/set home router-id=172.18.0.1",
        ),
        (
            {"instance": {"router-id": "10.0.0.1"}},
            "set routeros_ospf_router_id to 10.0.0.1, or, at a time when that does no harm, /routing/ospf/instance/set"
            " home router-id=172.18.0.1",
        ),
        ({"instance": {"in-filter-chain": "his"}}, "in-filter-chain=his already, which ours would replace"),
        (
            {"more": [{".id": "*9", "area": "backbone", "interfaces": "ether5"}]},
            "its instance serves the templates *9 (ether5) too, whose routes the import filter would shut out",
        ),
        (
            {"more": [{".id": "*9", "area": "backbone", "interfaces": "bridge-lan"}]},
            "*3 and *9 match the same interfaces: remove all but one of them",
        ),
    ],
)
def test_what_cannot_be_taken_over_says_why(changes, says):
    found = plan(router(**changes))
    assert found["adopted"] == {}
    assert len(found["problems"]) == 1
    assert "the interface template *3 (area 'backbone', instance 'home') of somebody else's" in found["problems"][0]
    assert says in found["problems"][0]


def test_without_an_import_filter_others_are_not_shut_out():
    more = [{".id": "*9", "area": "backbone", "networks": "10.0.0.0/8"}]
    assert plan(router(instance={"in-filter-chain": "his"}, more=more), chain="")["problems"] == []


def noted(info=None):
    """Return the rules of the router after the role has taken over what was there."""
    return plan(info or router())["note"]


def test_the_second_run_finds_its_names_again():
    found = plan(router(OURS, noted()))
    assert (found["instance"], found["area"], found["note"]) == ("home", "backbone", [])
    # By our comment now.
    assert found["restrict"]["instance"] == [{"field": "comment", "values": [OURS]}]


def test_a_name_that_somebody_has_changed_since_is_no_longer_ours():
    renamed = router(OURS, noted(), instance={"name": "renamed"}, area={"instance": "renamed"})
    assert plan(renamed)["instance"] == "anycast"


def test_the_time_before_cannot_be_noted_afterwards():
    """Rows of ours are there, so what /ip/settings hold may be ours too."""
    assert plan(router(OURS))["note"] == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": {}}'])
def test_a_damaged_note_is_none(text):
    rule = {"chain": adoption.CHAIN, "comment": f"{OURS} before: {text}"}
    assert adoption.read_note(router(rules=[rule]), OURS) is None


def test_rows_look_taken_over_to_the_checks():
    info = router()
    after = adoption.taken_over(info, plan(info)["adopted"], OURS)
    assert {row["comment"] for rows in after["ospf"].values() for row in rows} == {OURS}
    assert "comment" not in info["ospf"]["instances"][0]
    assert adoption.taken_over(info, {}, OURS) is info


def test_removal_gives_back_what_was_there():
    info = router(OURS, noted(router("his own")))
    found = adoption.removal(info, OURS)
    assert found["settings"] == {"send-redirects": True, "ipv4-multipath-hash-policy": "l4"}
    assert found["adopted"]["instance"] == {"name": "home", "comment": "his own"}
    # All of ours but that.
    assert found["restrict"]["instance"] == [
        {"field": "comment", "values": [OURS]},
        {"field": "name", "values": ["home"], "invert": True},
    ]
    assert found["restrict"]["template"][1] == {"field": "area", "values": ["backbone"], "invert": True}
    (note,) = found["notes"]
    assert "the instance 'home', the area 'backbone' and the interface template on bridge-lan" in note


def test_removal_without_a_note_leaves_the_settings():
    found = adoption.removal(router(OURS), OURS)
    assert (found["settings"], found["adopted"]) == ({}, {})
    assert "send-redirects=yes, ipv4-multipath-hash-policy=l4): nobody has noted" in found["notes"][0]


def test_removal_from_a_router_that_has_nothing_of_ours():
    found = adoption.removal(router(), OURS)
    assert found["notes"] == []
    assert found["restrict"] == dict.fromkeys(
        ("instance", "area", "template"), [{"field": "comment", "values": [OURS]}]
    )
