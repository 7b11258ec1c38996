# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans: what is written, what is not, and what is given back."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import plan, takeover

OURS = "homelab.anycast"
LINK = {"key": "k3y-of-the-link", "bfd": True}
BOTH = ["172.18.0.64", "2001:db8:64::64"]
SECOND = {"address": "192.168.88.1/24", "network": "192.168.88.0", "interface": "bridge-lan", "disabled": False}

STEPS = ("redirect_rules", "filter_rules", "instances", "old_filter_rules", "areas", "bfd")


@pytest.fixture
def planned(ask):
    """Return a function that plans for a router, with variables that are the usual ones but for these."""

    def planned(info, *links, **changes):
        (link,) = links or (LINK,)
        return plan.router_plan(info, ask(**changes), link, {})

    return planned


@pytest.fixture
def configured(router, planned):
    """Return a function that gives the router what a plan for these variables writes."""

    def configured(**changes):
        found = planned(router, **changes)
        ospf = {
            "instances": found["instances"]["rows"],
            "areas": found["areas"]["rows"],
            "interface_templates": found["templates"]["rows"],
            "neighbors": [],
        }
        rules = [*found["filter_rules"]["rows"], *found["note"]]
        return {
            **router,
            "ospf": {menu: [{".id": "*1", **row} for row in rows] for menu, rows in ospf.items()},
            "bfd": {"configurations": found["bfd"]["rows"]},
            "filter": {"rules": [{".id": "*2", "inactive": False, **rule} for rule in rules]},
            "firewall": {"ipv6_filter": found["redirect_rules"]["rows"], "interface_lists": {}},
            "ip_settings": {**router["ip_settings"], **found["ip_settings"]},
            "ipv6_settings": {**router["ipv6_settings"], **found["ipv6_settings"]},
        }

    return configured


def needed(found):
    return [name for name in STEPS if found[name]["needed"]]


def test_everything_is_written_to_an_empty_router(router, planned):
    found = planned(router, prefixes=BOTH)
    assert (found["problems"], found["notes"]) == ([], [])
    assert needed(found) == ["redirect_rules", "filter_rules", "instances", "areas", "bfd"]
    assert found["ip_settings"] == {"send-redirects": False, "ipv4-multipath-hash-policy": "l3"}
    assert found["ipv6_settings"] == {"multipath-hash-policy": "l3"}
    assert len(found["note"]) == 1 and len(found["templates"]["rows"]) == 2


def test_no_plan_has_the_key(router, planned, ask):
    plans = [planned(router), plan.rotation_plan(router, ask(), LINK, 2), plan.removal_plan(router, OURS)]
    assert "k3y" not in str(plans)


def test_nothing_is_written_a_second_time(configured, planned):
    found = planned(configured(prefixes=BOTH), prefixes=BOTH)
    assert (needed(found), found["ip_settings"], found["ipv6_settings"], found["note"]) == ([], {}, {}, [])
    # That the key is the same only the task knows that writes it.
    assert len(found["templates"]["rows"]) == 2


def test_a_row_with_a_property_more_is_written(configured, planned):
    """But for an instance and an area, of which the router prints more than the role writes."""
    info = configured()
    info["filter"]["rules"][0]["disabled"] = True
    info["bfd"]["configurations"][0]["forbid-bfd"] = True
    info["ospf"]["instances"][0]["vrf"] = info["ospf"]["areas"][0]["type"] = "default"
    assert needed(planned(info)) == ["filter_rules", "bfd"]


def test_rules_in_a_new_order_are_written(configured, planned):
    info = configured(prefixes=["10.9.9.9", "172.18.0.64"])
    info["filter"]["rules"][:2] = reversed(info["filter"]["rules"][:2])
    assert needed(planned(info, prefixes=["10.9.9.9", "172.18.0.64"])) == ["filter_rules"]


def test_a_new_chain_replaces_the_old_one(configured, planned):
    found = planned(configured(), filter_chain="other")
    assert needed(found) == ["filter_rules", "instances", "old_filter_rules"]
    assert found["old_filter_rules"]["restrict"][1] == {"field": "chain", "values": ["other"], "invert": True}


def test_the_filter_goes_and_a_chain_of_others_stays(configured, planned):
    info = configured()
    found = planned(info, filter_chain="")
    assert (needed(found), found["unfiltered_instances"]) == (["old_filter_rules"], ["anycast"])
    info["ospf"]["instances"][0]["in-filter-chain"] = "his"
    assert planned(info, filter_chain="")["unfiltered_instances"] == ["anycast"]
    info["filter"]["rules"].append({"chain": "his", "rule": "accept"})
    assert planned(info, filter_chain="")["unfiltered_instances"] == []


def test_what_ipv6_had_before_comes_back_with_the_last_ipv6_prefix(configured, planned):
    info = configured(prefixes=BOTH)
    found = planned(info)
    assert found["ipv6_settings"] == {"multipath-hash-policy": "l4"}
    assert found["redirect_rules"]["needed"] and found["redirect_rules"]["rows"] == []
    # Once OSPFv3 is gone, it is not the role's any more.
    info["ospf"]["instances"] = info["ospf"]["instances"][:1]
    assert planned(info)["ipv6_settings"] == {}


@pytest.mark.parametrize(
    "link, changes, says",
    [
        ({"key": "k", "hello_interval": 5, "dead_interval": 5}, {}, "routeros_ospf_link: dead_interval is 5 s"),
        ({"key": "k", "authentication": "md5"}, {"prefixes": BOTH}, "routeros_ospf_link: authentication is 'md5'"),
        (None, {}, "routeros_ospf_link: the link is missing"),
        (LINK, {"distribution": "round"}, "'round', expected one of"),
        (LINK, {"prefixes": ["sip"]}, "has 'sip', expected an IPv4 prefix"),
    ],
)
def test_variables_that_cannot_be_written_leave_no_rows(router, planned, link, changes, says):
    found = planned(router, link, **changes)
    (problem,) = found["problems"]
    assert says in problem
    assert set(found) == {"problems", "notes"}


def test_all_problems_are_said_at_once(router, planned):
    found = planned(router, {"key": "k", "area": "x"}, cost=0, interfaces=["bridge"])
    assert [problem.partition(" ")[0] for problem in found["problems"]] == [
        "routeros_ospf_link:",
        "routeros_ospf_cost",
        "routeros_ospf_interfaces:",
    ]


def test_an_interruption_is_a_problem_unless_it_is_allowed(configured, planned):
    info = configured()
    info["ospf"]["neighbors"] = [
        {"area": "anycast", "address": "172.18.0.11", "router-id": "172.18.0.11", "state": "Full"}
    ]
    slow = {**LINK, "hello_interval": 2}
    (problem,) = planned(info, slow)["problems"]
    assert "loses its neighbours 172.18.0.11" in problem
    assert planned(info, slow, allow_interruption=True)["problems"] == []


def test_the_neighbours_to_wait_for_are_those_that_are_full_now(configured, planned):
    info = configured()
    row = {"area": "anycast", "router-id": "172.18.0.11", "state": "Full"}
    info["ospf"]["neighbors"] = [
        row,
        {**row, "router-id": "172.18.0.12", "state": "2-Way"},
        {**row, "router-id": "192.0.2.1", "area": "his"},
    ]
    assert planned(info)["full_neighbors"] == ["172.18.0.11"]


def test_a_takeover_is_told(by_hand, planned):
    found = planned(by_hand())
    assert found["problems"] == []
    assert found["notes"] == [
        "the role takes over the OSPF instance 'home', the area 'backbone' and the interface template on bridge-lan:"
        " they keep their names, and it manages them from now on"
    ]
    assert found["instances"]["rows"][0]["name"] == "home" and found["instances"]["needed"]
    assert found["templates"]["rows"][0]["area"] == "backbone"


def test_with_a_wrong_link_nothing_is_taken_over(by_hand, planned):
    found = planned(by_hand(), {"area": "nonsense"})
    assert found["notes"] == [] and found["problems"][0].startswith("routeros_ospf_link: area is 'nonsense'")


# ---------------------------------------------------------------------------------------------------------------------
# The key


def test_the_router_gets_the_new_key_id(configured, ask):
    info = configured()
    found = plan.rotation_plan(info, ask(), LINK, 2)
    assert (found["problems"], found["moved"]) == ([], False)
    assert [row["auth-id"] for row in found["templates"]["rows"]] == [2]
    info["ospf"]["interface_templates"][0]["auth-id"] = 2
    assert plan.rotation_plan(info, ask(), LINK, 2)["moved"] is True


def test_what_else_is_not_as_the_link_says_is_said_before_the_router_moves(configured, ask):
    info = configured()
    info["ospf"]["neighbors"] = [
        {"area": "anycast", "address": "172.18.0.11", "router-id": "172.18.0.11", "state": "Full"}
    ]
    slow = {**LINK, "hello_interval": 2}
    (problem,) = plan.rotation_plan(info, ask(), slow, 2)["problems"]
    assert "hello-interval=1s, expected 2s" in problem
    info["ospf"]["interface_templates"][0]["auth-id"] = 2
    assert plan.rotation_plan(info, ask(), slow, 2)["problems"] == []


def test_a_link_that_cannot_work_has_no_rotation(router, ask):
    found = plan.rotation_plan(router, ask(), {"dead_interval": "long"}, 2)
    assert "dead_interval is 'long'" in found["problems"][0] and "templates" not in found


# ---------------------------------------------------------------------------------------------------------------------
# Removal


def test_all_that_was_written_goes(configured):
    found = plan.removal_plan(configured(prefixes=BOTH), OURS)
    steps = ("redirect_rules", "filter_rules", "instances", "areas", "bfd", "templates", "note")
    assert [found[name]["needed"] for name in steps] == [True] * len(steps)
    assert found["ip_settings"] == {"send-redirects": True, "ipv4-multipath-hash-policy": "l4"}
    assert found["ipv6_settings"] == {"multipath-hash-policy": "l4"}
    assert (found["notes"], found["given_back"]) == ([], {})


def test_removal_gives_back_what_was_there(by_hand, ask):
    before = by_hand("his own")
    taken_over = takeover.plan_takeover(before, ask(), "0.0.0.0").taken_over
    rules = takeover.note_rows(before, OURS, taken_over)
    info = by_hand(OURS, rules, instance={"in-filter-chain": "anycast-in"})
    found = plan.removal_plan(info, OURS)
    assert found["given_back"]["instance"] == {
        "find": {"name": "home", "comment": OURS},
        "set": {"comment": "his own", "!in-filter-chain": None},
    }
    assert found["given_back"]["template"]["find"] == {"area": "backbone", "comment": OURS}
    # All of the role's but that.
    assert found["instances"]["restrict"] == [
        {"field": "comment", "values": [OURS]},
        {"field": "name", "values": ["home"], "invert": True},
    ]
    assert found["templates"]["restrict"][1] == {"field": "area", "values": ["backbone"], "invert": True}
    assert not any(found[name]["needed"] for name in ("instances", "areas", "templates"))
    (note,) = found["notes"]
    assert "the OSPF instance 'home', the area 'backbone' and the interface template on bridge-lan were there" in note


def test_removal_without_a_note_leaves_the_settings(by_hand):
    found = plan.removal_plan(by_hand(OURS), OURS)
    assert (found["ip_settings"], found["given_back"]) == ({}, {})
    assert "send-redirects=yes, ipv4-multipath-hash-policy=l4): the router has no note" in found["notes"][0]


def test_removal_from_a_router_that_has_nothing_of_the_role(by_hand):
    found = plan.removal_plan(by_hand(), OURS)
    assert found["notes"] == []
    assert not any(step["needed"] for step in found.values() if isinstance(step, dict) and "needed" in step)


@pytest.mark.parametrize(
    "router_id, addresses, networks",
    [
        ("172.18.0.1", [], None),
        ("172.18.0.1", [SECOND], "172.18.0.0/26"),
        ("172.18.0.1", [{**SECOND, "disabled": True}], None),
        ("172.18.0.1", [{**SECOND, "interface": "ether1"}], None),
        # Which of the two is the link's is not clear.
        ("10.0.0.1", [SECOND], None),
    ],
)
def test_of_two_addresses_on_a_bridge_ospf_runs_on_the_links(router, planned, router_id, addresses, networks):
    """RouterOS runs it once for each address that a template matches."""
    router["addresses"] += addresses
    found = planned(router, router_id=router_id, prefixes=BOTH)
    assert [row.get("networks") for row in found["templates"]["rows"]] == [networks, None]


def test_a_template_limited_to_the_links_network_is_taken_over_as_it_is(by_hand, planned):
    info = by_hand(template={"networks": "172.18.0.0/26"})
    found = planned(info)
    assert found["problems"] == []
    assert found["templates"]["rows"][0]["networks"] == "172.18.0.0/26"
    (problem,) = planned(by_hand(template={"networks": "10.0.0.0/8"}))["problems"]
    assert "limited to networks=10.0.0.0/8" in problem


def test_a_template_that_had_no_networks_is_given_back_without(by_hand, planned):
    info = by_hand()
    info["addresses"].append(SECOND)
    found = planned(info)
    assert found["templates"]["rows"][0]["networks"] == "172.18.0.0/26"
    after = by_hand(OURS, found["note"], template={"networks": "172.18.0.0/26"})
    back = plan.removal_plan(after, OURS)["given_back"]["template"]
    assert back["set"] == {"comment": "", "!networks": None}


def test_a_template_for_the_other_network_is_not_in_the_way(router, planned):
    router["addresses"].append(SECOND)
    other = {".id": "*3", "area": "backbone", "interfaces": "bridge-lan", "networks": "192.168.88.0/24"}
    router["ospf"]["interface_templates"] = [other]
    assert planned(router)["problems"] == []
