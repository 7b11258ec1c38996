# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows made in WinBox: which the role takes over, and which it cannot."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import takeover

OURS = "homelab.anycast"


@pytest.fixture
def plan(ask):
    """Return a function that plans the takeover, for variables that are the usual ones but for these."""
    return lambda info, **changes: takeover.plan_takeover(info, ask(**changes), "0.0.0.0")


@pytest.fixture
def note(plan):
    """Return a function that gives the rules of a router after the role has taken over what was there."""
    return lambda info: takeover.note_rows(info, OURS, plan(info).taken_over)


def test_what_does_the_same_is_taken_over_under_its_name(by_hand, plan, note):
    found = plan(by_hand())
    assert (found.problems, found.instance, found.area) == ([], "home", "backbone")
    # Found by its name, as it has no comment of ours yet; and what the role makes beside it for OSPFv3.
    assert found.restrict["instance"] == [{"field": "name", "values": ["home", "home-v3"]}]
    assert found.restrict["template"][1] == {"field": "interfaces", "values": ["bridge-lan"]}
    (row,) = note(by_hand())
    assert (row["chain"], row["disabled"]) == ("anycast-before", True)


@pytest.mark.parametrize("ours", [(), ("instance",), ("instance", "area")])
def test_what_was_taken_over_in_part_is_taken_over_still(by_hand, plan, note, ours):
    """The note is written first, and the comments one after the other."""
    rules = note(by_hand(comment="his"))
    info = by_hand(comment="his", rules=rules, **{kind: {"comment": OURS} for kind in ours})
    found = plan(info)
    assert (found.problems, found.instance, found.area) == ([], "home", "backbone")
    assert found.restrict["area"] == [{"field": "name", "values": ["backbone", "backbone-v3"]}]
    # The first note has the comments that are to be given back.
    assert note(info) == []
    noted = takeover.read_note(info, OURS)
    assert noted and noted.taken_over["instance"]["comment"] == "his"


def test_on_an_empty_router_nothing_is_taken_over(router, plan, note):
    found = plan(router)
    assert (found.instance, found.taken_over, found.problems) == ("anycast", {}, [])
    # What /ip/settings and /ipv6/settings were is noted all the same.
    assert takeover.read_note({**router, "filter": {"rules": note(router)}}, OURS) == takeover.Note(
        {"send-redirects": True, "ipv4-multipath-hash-policy": "l4"}, {"multipath-hash-policy": "l4"}, {}
    )


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
def test_what_does_something_else_is_left_alone(by_hand, plan, changes):
    found = plan(by_hand(**changes))
    assert (found.taken_over, found.problems, found.instance) == ({}, [], "anycast")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"template": {"passive": ""}}, "it is passive. Remove that"),
        ({"template": {"networks": "172.18.0.0/26"}}, "it is limited to networks=172.18.0.0/26. Remove that"),
        ({"area": {"area-id": "0.0.0.1"}}, "its area-id is 0.0.0.1, expected 0.0.0.0 (area in routeros_ospf_link)"),
        ({"area": {"type": "stub"}}, "its area is of type stub, expected default"),
        ({"instance": {"routing-table": "rmark-vpn-redirect"}}, "its instance has routing-table=rmark-vpn-redirect"),
        ({"template": {"instance-id": 5}}, "its template has instance-id=5, expected none"),
        ({"area": {"instance-id": 5}}, "its area has instance-id=5, expected none"),
        ({"instance": {"vrf": "guests"}}, "its instance is in vrf guests, expected main"),
        (
            {"instance": {"router-id": "main"}},
            "router-id=main, expected 172.18.0.1, and a new one restarts OSPF. At a time when that does no harm:"
            " /routing/ospf/instance/set home router-id=172.18.0.1",
        ),
        (
            {"instance": {"router-id": "10.0.0.1"}},
            "Set routeros_ospf_router_id to 10.0.0.1, or, at a time when that does no harm: /routing/ospf/instance/set"
            " home router-id=172.18.0.1",
        ),
        ({"instance": {"in-filter-chain": "his"}}, "in-filter-chain=his, which the role would replace"),
        (
            {"more": [{".id": "*9", "area": "backbone", "interfaces": "ether5"}]},
            "its instance serves the templates *9 (ether5) too, whose routes the import filter would reject",
        ),
        (
            {"more": [{".id": "*9", "area": "backbone", "interfaces": "bridge-lan"}]},
            "*3 and *9 match the same interfaces. Remove all but one of them",
        ),
    ],
)
def test_what_cannot_be_taken_over_says_why(by_hand, plan, changes, says):
    found = plan(by_hand(**changes))
    assert found.taken_over == {}
    (problem,) = found.problems
    assert "the interface template *3 (area 'backbone', instance 'home') on bridge-lan does what the role's" in problem
    assert says in problem


def test_without_an_import_filter_others_are_not_shut_out(by_hand, plan):
    more = [{".id": "*9", "area": "backbone", "networks": "10.0.0.0/8"}]
    found = plan(by_hand(instance={"in-filter-chain": "his"}, more=more), filter_chain="")
    assert (found.problems, found.instance) == ([], "home")


def test_the_second_run_finds_its_names_again(by_hand, plan, note):
    info = by_hand(OURS, note(by_hand()))
    found = plan(info)
    assert (found.instance, found.area, note(info)) == ("home", "backbone", [])
    # By our comment now.
    assert found.restrict["instance"] == [{"field": "comment", "values": [OURS]}]


def test_a_name_that_was_changed_since_is_no_longer_the_roles(by_hand, plan, note):
    renamed = by_hand(OURS, note(by_hand()), instance={"name": "renamed"}, area={"instance": "renamed"})
    assert plan(renamed).instance == "anycast"


def test_the_time_before_cannot_be_noted_afterwards(by_hand, note):
    """Rows of the role are there, so what /ip/settings hold may be the role's too."""
    assert note(by_hand(OURS)) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": {}}'])
def test_a_damaged_note_is_none(by_hand, text):
    rule = {"chain": takeover.CHAIN, "comment": f"{OURS} before: {text}"}
    assert takeover.read_note(by_hand(rules=[rule]), OURS) is None


def test_rows_look_taken_over_to_the_checks(by_hand, plan):
    info = by_hand()
    after = takeover.after_takeover(info, plan(info).taken_over, OURS)
    assert {row["comment"] for rows in after["ospf"].values() for row in rows} == {OURS}
    assert "comment" not in info["ospf"]["instances"][0]
    assert takeover.after_takeover(info, {}, OURS) is info
