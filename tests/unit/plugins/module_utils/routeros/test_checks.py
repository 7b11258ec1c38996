# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the role from configuring a router."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.checks import (
    has_key_id,
    interruption_problems,
    request_problems,
    rotation_problems,
    router_problems,
)

OURS = "homelab.anycast"
WITH_BFD = normalise_link({"key": "a-good-key", "bfd": True})
BOTH = ["172.18.0.64", "2001:db8:64::64"]


# ---------------------------------------------------------------------------------------------------------------------
# The variables


@pytest.mark.parametrize(
    "changes",
    [{}, {"distribution": "per_flow"}, {"filter_chain": "", "prefixes": []}, {"prefixes": BOTH}],
)
def test_variables_that_can_be_written(ask, changes):
    assert request_problems(ask(**changes)) == []


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"cost": 0}, ["routeros_ospf_cost is 0, expected 1 to 65535"]),
        (
            {"prefixes": []},
            ["routeros_ospf_anycast_prefixes is empty", "inventories/home makes it of"],
        ),
        ({"prefixes": ["172.18.0.65/26"]}, ["with host bits set, expected 172.18.0.64/26"]),
        ({"filter_chain": "no"}, ["routeros_ospf_filter_chain is 'no'"]),
        ({"filter_chain": "my chain"}, ["routeros_ospf_filter_chain is 'my chain', expected a letter and then"]),
        ({"distribution": "per_packet"}, ["'per_packet', which RouterOS 7 does not offer", "Take 'per_client'"]),
        ({"distribution": "l4"}, ["'l4', expected one of: per_client, per_flow"]),
    ],
)
def test_variables_that_cannot(ask, changes, words):
    (sentence,) = request_problems(ask(**changes))
    assert [word for word in words if word not in sentence] == []


# ---------------------------------------------------------------------------------------------------------------------
# The router


@pytest.fixture
def problems(router, ask):
    """Return a function that checks the router with these rows, for these variables."""

    def problems(templates=(), bfd_rows=(), rules=(), bfd=False, info=None, ospf=None, **changes):
        router["ospf"]["interface_templates"] = list(templates)
        router["ospf"].update(ospf or {})
        router["bfd"]["configurations"] = list(bfd_rows)
        router["filter"]["rules"] = list(rules)
        router.update(info or {})
        return router_problems(router, ask(**changes), {"sip1": "172.18.0.11"}, WITH_BFD if bfd else None)

    return problems


OTHER = {".id": "*3", "area": "backbone", "interfaces": "ether1,bridge-lan"}
OWN = {".id": "*2", "interfaces": "bridge-lan", "comment": OURS}
RULE = {".id": "*7", "chain": "anycast-in", "rule": "reject"}


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"prefixes": BOTH},
        {
            "ospf": {
                "instances": [{"name": "anycast", "comment": OURS}],
                "areas": [{"name": "anycast", "comment": OURS}],
            }
        },
        {"ospf": {"instances": [{"name": "default", "comment": "defconf"}], "areas": [{"name": "backbone"}]}},
        # Its name is that of OSPFv3, which does not run.
        {"ospf": {"instances": [{"name": "anycast-v3"}]}},
        {"templates": [{**OTHER, "comment": OURS}]},
        {"templates": [{**OTHER, "disabled": True}]},
        {"templates": [{**OTHER, "interfaces": "ether1"}]},
        {"templates": [{".id": "*4", "area": "backbone", "networks": "10.0.0.0/8"}]},
        {"templates": [{**OWN, "area": "anycast", "key_as_given": False}]},
        # Without a filter nothing is asked of it.
        {"filter_chain": "", "prefixes": [], "rules": [RULE]},
        {"rules": [{**RULE, "comment": OURS}, {**RULE, "chain": "his"}, {**RULE, "disabled": True}]},
        {"info": {"addresses": [{"address": "172.18.0.64/26", "interface": "ether1", "disabled": True}]}},
        # Without an IPv6 prefix nothing is asked of IPv6.
        {"info": {"ipv6_settings": {"disable-ipv6": True}}},
    ],
)
def test_nothing_in_the_way(problems, found):
    assert problems(**found) == []


@pytest.mark.parametrize(
    "found, words",
    [
        ({"router_id": "172.18.0.11"}, ["router id of sip1 too"]),
        ({"router_id": ""}, ["routeros_ospf_router_id is missing"]),
        (
            {"ospf": {"instances": [{"name": "anycast"}]}},
            ["OSPF instance 'anycast' that this role does not manage", "name in routeros_ospf_instance"],
        ),
        ({"ospf": {"instances": [{"name": "anycast-v3"}]}, "prefixes": BOTH}, ["OSPF instance 'anycast-v3'"]),
        ({"ospf": {"areas": [{"name": "anycast", "comment": "his"}]}}, ["area 'anycast'", "'his'", "_ospf_area"]),
        ({"templates": [OTHER]}, ["interface bridge-lan is matched by", "*3", "area backbone", "set the comment"]),
        ({"templates": [{**OTHER, "interfaces": "all"}]}, ["interface bridge-lan is matched by"]),
        (
            {"templates": [{**OWN, "area": "anycast", "key_masked": True}]},
            ["interface templates *2 as *****", "lacks the policy 'sensitive'", "/user/group"],
        ),
        ({"prefixes": ["172.18.0.60"]}, ["172.18.0.60/32, which lies inside 172.18.0.0/26 on interface bridge-lan"]),
        ({"prefixes": ["172.18.0.0/24"]}, ["172.18.0.0/24, which holds 172.18.0.0/26 on interface bridge-lan"]),
        ({"prefixes": ["2001:db8::64"]}, ["2001:db8::64/128, which lies inside 2001:db8::/64 on interface bridge-lan"]),
        ({"prefixes": ["2001:db8::/32"]}, ["2001:db8::/32, which holds 2001:db8::/64 on interface bridge-lan"]),
        (
            {
                "prefixes": ["10.0.0.2"],
                "info": {
                    "addresses": [
                        {"address": "10.0.0.1/32", "network": "10.0.0.2", "interface": "l2tp", "disabled": False}
                    ]
                },
            },
            ["10.0.0.2/32, which lies inside 10.0.0.2/32 on interface l2tp"],
        ),
        ({"rules": [RULE]}, ["chain 'anycast-in'", "rule *7 that this role does not manage", "(comment '')"]),
        (
            {"rules": [{**RULE, "comment": "his"}]},
            ["(comment 'his')", "a different name in routeros_ospf_filter_chain"],
        ),
        ({"rules": [{**RULE, "comment": OURS, "disabled": True}]}, ["rule *7", "is disabled", "Enable or remove it"]),
        (
            {"interfaces": ["bridge"]},
            ["routeros_ospf_interfaces: the router has no interface 'bridge'; it has: ether1"],
        ),
        ({"interfaces": ["ether2"]}, ["interface 'ether2' of the router is disabled. Enable it (/interface enable"]),
        (
            {"info": {"ipv6_settings": {"disable-ipv6": True}}, "prefixes": BOTH},
            ["IPv6 is disabled on the router (/ipv6/settings disable-ipv6=yes)", "take the IPv6 prefix out of"],
        ),
        (
            {"info": {"ipv6_settings": {"forward": False}}, "prefixes": BOTH},
            ["the router does not forward IPv6 (/ipv6/settings forward=no)", "take the IPv6 prefix out of"],
        ),
    ],
)
def test_what_is_in_the_way(problems, found, words):
    (sentence,) = problems(**found)
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize(
    "matchers, said",
    [
        ({"networks": "172.18.0.0/26"}, "networks=172.18.0.0/26"),
        ({"networks": "0.0.0.0/0"}, "networks=0.0.0.0/0"),
        ({}, "every interface"),
        ({"interfaces": "LAN"}, "interfaces=LAN"),
        ({"interfaces": "static"}, "interfaces=static"),
        ({"interfaces": "LAN", "networks": "192.168.88.0/24"}, None),
        ({"interfaces": "dynamic"}, None),
        ({"networks": "192.0.2.0/24"}, None),
        ({"area": "old"}, None),
        ({"area": "six"}, None),
    ],
)
def test_templates_that_match_by_other_means(problems, matchers, said):
    """Manual, OSPF, and forum 1120588; the area of a router upgraded from version 6 is disabled."""
    areas = [{"name": "backbone", "instance": "his"}, {"name": "old", "instance": "his", "disabled": True}]
    instances = [{"name": "his", "version": 2}, {"name": "v3", "version": 3}]
    areas.append({"name": "six", "instance": "v3"})
    found = problems(
        templates=[{".id": "*3", "area": "backbone", **matchers}], ospf={"areas": areas, "instances": instances}
    )
    assert len(found) == (said is not None)
    start = f"interface bridge-lan is matched by the interface template *3 (area backbone, {said}"
    assert all(text.startswith(start) for text in found)


def test_an_interface_whose_name_has_a_blank(problems):
    name = "ether2 Lan Switch"
    (sentence,) = problems(interfaces=[name], info={"interfaces": [{"name": name, "disabled": True}]})
    assert f'/interface enable "{name}"' in sentence


def test_a_prefix_that_holds_several_subnets_is_told_for_each(problems):
    assert len(problems(prefixes=["0.0.0.0/0"])) == 2


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [OWN],
        [OWN, {".id": "*3", "forbid-bfd": "true"}],
        [{".id": "*3", "interfaces": "ether1", "forbid-bfd": "true"}],
        [{".id": "*3", "disabled": True}],
        [{".id": "*3", "interfaces": "bridge-lan", "addresses": "10.0.0.0/8,192.0.2.0/24"}],
        [{".id": "*3", "addresses": "2001:db8::/32"}],
        [{".id": "*3", "address-list": "peers"}],
        [{".id": "*3", "vrf": "guests", "min-rx": "1s"}],
        # It says what the role's would.
        [{".id": "*3"}],
        [{".id": "*3", "interfaces": "all", "min-rx": "200ms", "min-tx": "200ms", "multiplier": 5}],
        [{".id": "*3", "interfaces": "dynamic", "forbid-bfd": "true"}],
    ],
)
def test_bfd_rows_that_are_not_in_the_way(problems, rows):
    assert problems(bfd_rows=rows, bfd=True) == []


@pytest.mark.parametrize(
    "found, words",
    [
        ({".id": "*1", "forbid-bfd": "true"}, ["row *1 of /routing/bfd/configuration", "forbids it"]),
        ({".id": "*1", "forbid-bfd": True, "interfaces": "all"}, ["forbids it"]),
        (
            {".id": "*1", "interfaces": "ether1,bridge-lan", "comment": "his", "min-tx": "1s"},
            ["'his'", "has other timers"],
        ),
        ({".id": "*1", "addresses": "172.18.0.0/16", "vrf": "main", "multiplier": 3}, ["BFD on bridge-lan"]),
        # 29 threads have such a row before.
        ({".id": "*1", "interfaces": "LAN", "forbid-bfd": True}, ["BFD on bridge-lan", "forbids it"]),
    ],
)
def test_bfd_rows_in_the_way(problems, found, words):
    for rows in ([found], [found, OWN]):
        (sentence,) = problems(bfd_rows=rows, bfd=True)
        assert [word for word in words if word not in sentence] == []
        assert problems(bfd_rows=rows, bfd=False) == []


def test_bfd_rows_about_a_point_to_point_address(problems):
    """The neighbour has the address at the other end, which RouterOS calls the network of a /32."""
    rows = [{".id": "*1", "addresses": "192.0.2.2/32", "forbid-bfd": "true"}]
    assert problems(bfd_rows=rows, bfd=True) == []
    tunnel = {"address": "192.0.2.1/32", "network": "192.0.2.2", "interface": "bridge-lan", "disabled": False}
    (sentence,) = problems(bfd_rows=rows, bfd=True, info={"addresses": [tunnel]})
    assert "forbids it" in sentence


# ---------------------------------------------------------------------------------------------------------------------
# Interruptions

HAS = {
    "area": "anycast",
    "interfaces": "bridge-lan",
    "type": "broadcast",
    "hello-interval": "1s",
    "dead-interval": "4s",
    "auth": "sha256",
    "auth-id": 1,
    "comment": OURS,
}


@pytest.fixture
def said(router, ask):
    """Return a function that says what a link costs a router with one neighbour, and HAS with these properties."""

    def said(link=None, state="Full", prefixes=("172.18.0.64",), area="0.0.0.0", **row):
        template = {**HAS, **{name.replace("_", "-"): value for name, value in row.items() if name != "key_as_given"}}
        template |= {"key_as_given": row["key_as_given"]} if "key_as_given" in row else {}
        router["ospf"] = {
            "areas": [{"name": "anycast", "area-id": area, "comment": OURS}],
            "interface_templates": [{name: value for name, value in template.items() if value is not None}],
            "neighbors": [
                {"area": "anycast", "address": "172.18.0.11%bridge-lan", "state": state},
                {"area": "his", "address": "10.0.0.2", "state": "Full"},
            ],
        }
        normalised = normalise_link({"key": "k3y-of-the-link", **(link or {})})
        return interruption_problems(router, normalised, ask(prefixes=list(prefixes)))

    return said


def test_what_is_there_already_interrupts_nothing(said):
    assert said() == []
    assert said(key_as_given=True) == []
    # Its own affair, or what a neighbour takes over.
    assert said({"retransmit_interval": 9, "bfd": True}, cost=50, priority=1) == []


@pytest.mark.parametrize(
    "link, phrase",
    [
        ({"hello_interval": 5, "dead_interval": 20}, "hello-interval=1s, expected 5s, dead-interval=4s, expected 20s"),
        ({"network_type": "ptp"}, "type=broadcast, expected ptp"),
        ({"area": "0.0.0.7"}, "area-id=0.0.0.0, expected 0.0.0.7"),
        ({"key_id": 2}, "auth-id=1, expected 2"),
        ({"authentication": "none", "key": None}, "auth=sha256, expected none"),
    ],
)
def test_what_both_ends_must_agree_on(said, link, phrase):
    (text,) = said(link)
    assert f"the router has {phrase} in its interface template on bridge-lan" in text
    assert "loses its neighbours 172.18.0.11, and their clients" in text
    assert "homelab.anycast.rotate_key" in text
    assert "routeros_ospf_allow_interruption" in text


def test_a_new_key_is_said_and_not_shown(said):
    (text,) = said(key_as_given=False)
    assert "the router has an auth-key that is not the link's (keys are not shown) in its" in text
    assert "k3y" not in text
    # A key that goes with its authentication is no second reason.
    (text,) = said({"authentication": "md5"}, key_as_given=False)
    assert "auth=sha256, expected md5 in its" in text


@pytest.mark.parametrize("state", ["Init", "TwoWay", "Down"])
def test_without_a_full_neighbour_nothing_is_lost(said, state):
    assert said({"hello_interval": 5, "dead_interval": 20}, state=state) == []


@pytest.mark.parametrize("row", [{"comment": "his"}, {"disabled": True}])
def test_a_template_that_is_not_the_roles_or_not_in_force(said, row):
    assert said({"hello_interval": 5, "dead_interval": 20}, **row) == []


def test_what_routeros_does_not_print_is_its_default(said):
    template = {"hello_interval": None, "dead_interval": None, "type": None}
    assert said({"hello_interval": 10, "dead_interval": 40}, **template) == []
    (text,) = said({}, **template)
    assert "hello-interval=10s, expected 1s, dead-interval=40s, expected 4s in" in text
    # Of simple authentication a router may say an id or none: it carries none.
    assert said({"authentication": "simple", "key": "k3y"}, auth="simple", auth_id=0) == []


def test_ospfv3_beside_it_is_new_and_has_no_neighbours(said):
    assert said(prefixes=BOTH) == []


# ---------------------------------------------------------------------------------------------------------------------
# The change of the key

LINK = normalise_link({"key": "old-secret"})


def keyed(**template):
    row = {"comment": OURS, "auth": "sha256", "auth-id": 1, **template}
    return {"ospf": {"interface_templates": [{"comment": "his", "auth-id": 2}, row]}}


@pytest.mark.parametrize("key_id, moved", [(1, False), (2, True), ("2", True)])
def test_the_router_has_the_old_key_or_the_new_one(key_id, moved):
    found = keyed(**{"auth-id": key_id})
    assert rotation_problems(found, LINK, OURS, 2) == []
    assert has_key_id(found, OURS, 2) is moved


def test_a_router_with_a_different_new_key_from_an_earlier_run():
    """Several routers would get two keys with one id."""
    assert rotation_problems(keyed(**{"auth-id": 2, "key_as_new": True}), LINK, OURS, 2) == []
    assert rotation_problems(keyed(**{"auth-id": 1, "key_as_new": False}), LINK, OURS, 2) == []
    (problem,) = rotation_problems(keyed(**{"auth-id": 2, "key_as_new": False}), LINK, OURS, 2)
    assert "the router has auth-id=2 from an earlier run, with a key that is not anycast_new_key" in problem
    assert "with the key of that run" in problem


@pytest.mark.parametrize(
    "found, words",
    [
        (keyed(**{"auth-id": 3}), ["auth=sha256 with auth-id=3, expected sha256 with 1", "or 2"]),
        (keyed(auth="md5"), ["auth=md5 with auth-id=1, expected sha256"]),
        ({"ospf": {"interface_templates": []}}, ["no interface template with the comment", "site first"]),
    ],
)
def test_a_router_that_is_not_as_the_inventory_says(found, words):
    (problem,) = rotation_problems(found, LINK, OURS, 2)
    assert [word for word in words if word not in problem] == []
    assert not has_key_id(found, OURS, 2)


def test_a_router_that_does_not_forward(ask, router):
    router["ip_settings"]["ip-forward"] = False
    (problem,) = router_problems(router, ask(), {}, None)
    assert problem.startswith("the router does not forward IPv4 (/ip/settings ip-forward=no)")
