# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import (
    OptionError,
    bfd_configuration,
    filter_rules,
    guard_problems,
    hash_policy,
    instances,
    interface_template,
    router_problems,
)


def row(**link):
    return interface_template(normalise_link(link), "anycast", ["bridge-lan", "ether2"], 128, 1, "ours")


def test_template_with_a_digest():
    assert row(key="k3y", dead_interval=60) == {
        "area": "anycast",
        "interfaces": "bridge-lan,ether2",
        "type": "broadcast",
        "cost": 1,
        "priority": 128,
        "hello-interval": "3s",
        "dead-interval": "1m",
        "retransmit-interval": "2s",
        "use-bfd": False,
        "disabled": False,
        "comment": "ours",
        "auth": "sha256",
        "auth-id": 1,
        "auth-key": "k3y",
    }


def test_template_leaves_out_what_is_unset():
    assert {"auth", "auth-id", "auth-key"} & set(row(authentication="none")) == set()
    assert "auth-id" not in row(authentication="simple", key="k")


def test_without_bfd_there_is_no_row_of_it():
    assert row(key="k")["use-bfd"] is False
    assert bfd_configuration(normalise_link({"key": "k"}), ["bridge-lan"], "ours") == []


def test_bfd_in_the_template_and_its_row():
    assert row(key="k", bfd=True)["use-bfd"] is True
    link = normalise_link({"key": "k", "bfd": True, "bfd_interval": 1000, "bfd_multiplier": 3})
    assert bfd_configuration(link, ["bridge-lan", "ether2"], "ours") == [
        {
            "interfaces": "bridge-lan,ether2",
            "min-tx": "1s",
            "min-rx": "1s",
            "multiplier": 3,
            "disabled": False,
            "comment": "ours",
        }
    ]


def info(instances=(), areas=(), templates=(), bfd=(), rules=()):
    return {
        "addresses": [
            {"address": "172.18.0.1/26", "interface": "bridge-lan", "disabled": False},
            {"address": "192.0.2.2/30", "interface": "ether1", "disabled": False},
        ],
        "ospf": {"instances": list(instances), "areas": list(areas), "interface_templates": list(templates)},
        "bfd": {"configurations": list(bfd)},
        "filter": {"rules": list(rules)},
    }


def problems(found, router_id="172.18.0.1", others=None, bfd=False):
    return router_problems(found, router_id, "anycast", "anycast", ["bridge-lan"], "ours", others, bfd)


FOREIGN_TEMPLATE = {".id": "*3", "area": "backbone", "interfaces": "ether1,bridge-lan"}


@pytest.mark.parametrize(
    "found",
    [
        info(),
        info([{"name": "anycast", "comment": "ours"}], [{"name": "anycast", "comment": "ours"}]),
        info([{"name": "default", "comment": "defconf"}], [{"name": "backbone"}]),
        info(templates=[{**FOREIGN_TEMPLATE, "comment": "ours"}]),
        info(templates=[{**FOREIGN_TEMPLATE, "disabled": True}]),
        info(templates=[{**FOREIGN_TEMPLATE, "interfaces": "ether1"}]),
        info(templates=[{".id": "*4", "area": "backbone", "networks": "10.0.0.0/8"}]),
    ],
)
def test_nothing_speaks_against_it(found):
    assert problems(found) == []


@pytest.mark.parametrize(
    "found, words",
    [
        (info([{"name": "anycast"}]), ["instance 'anycast' of somebody else's", "routeros_ospf_instance"]),
        (info(areas=[{"name": "anycast", "comment": "his"}]), ["area 'anycast'", "'his'", "routeros_ospf_area"]),
        (info(templates=[FOREIGN_TEMPLATE]), ["interface bridge-lan is matched already", "*3", "area backbone"]),
        (info(templates=[{**FOREIGN_TEMPLATE, "interfaces": "all"}]), ["interface all is matched already"]),
    ],
)
def test_foreign_rows_in_the_way(found, words):
    sentences = problems(found)
    assert len(sentences) == 1
    assert [word for word in words if word not in sentences[0]] == []


OURS = {".id": "*2", "interfaces": "bridge-lan", "comment": "ours"}


def test_a_user_who_may_not_see_the_keys():
    (said,) = problems(info(templates=[{**OURS, "area": "anycast", "key_masked": True}]))
    assert "interface templates *2 as *****" in said
    assert "lacks the policy 'sensitive'" in said and "/user/group" in said
    assert problems(info(templates=[{**OURS, "area": "anycast", "key_as_given": False}])) == []


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [OURS],
        [OURS, {".id": "*3", "forbid-bfd": "true"}],
        [{".id": "*3", "interfaces": "ether1", "forbid-bfd": "true"}],
        [{".id": "*3", "disabled": True}],
        [{".id": "*3", "interfaces": "bridge-lan", "addresses": "10.0.0.0/8,192.0.2.0/24"}],
        [{".id": "*3", "addresses": "2001:db8::/32"}],
        [{".id": "*3", "address-list": "peers"}],
        [{".id": "*3", "vrf": "guests"}],
    ],
)
def test_bfd_rows_that_are_in_nobodys_way(rows):
    assert problems(info(bfd=rows), bfd=True) == []


@pytest.mark.parametrize(
    "found, words",
    [
        ({".id": "*1", "forbid-bfd": "true"}, ["row *1 of /routing/bfd/configuration", "forbids it"]),
        ({".id": "*1", "forbid-bfd": True, "interfaces": "all"}, ["forbids it"]),
        ({".id": "*1", "interfaces": "ether1,bridge-lan", "comment": "his"}, ["'his'", "may have other timers"]),
        ({".id": "*1", "addresses": "172.18.0.0/16", "vrf": "main", "address-list": ""}, ["BFD on bridge-lan"]),
    ],
)
def test_bfd_rows_in_the_way(found, words):
    for rows in ([found], [found, OURS]):
        sentences = problems(info(bfd=rows), bfd=True)
        assert len(sentences) == 1
        assert [word for word in words if word not in sentences[0]] == []
        assert problems(info(bfd=rows), bfd=False) == []


def test_bfd_rows_about_a_point_to_point_address():
    """The neighbour has the address at the other end, which RouterOS calls the network of a /32."""
    row = {".id": "*1", "addresses": "192.0.2.2/32", "forbid-bfd": "true"}
    found = info(bfd=[row])
    assert problems(found, bfd=True) == []
    found["addresses"] = [
        {"address": "192.0.2.1/32", "network": "192.0.2.2", "interface": "bridge-lan", "disabled": False}
    ]
    assert "forbids it" in problems(found, bfd=True)[0]


def test_router_id():
    assert "router id of sip1 too" in problems(info(), others={"sip1": "172.18.0.1"})[0]


# The import filter and the distribution


def test_instance_names_its_chain_only_where_there_is_one():
    assert instances("anycast", "172.18.0.1", "anycast-in", "ours")[0] == {
        "name": "anycast",
        "version": 2,
        "router-id": "172.18.0.1",
        "in-filter-chain": "anycast-in",
        "disabled": False,
        "comment": "ours",
    }
    assert "in-filter-chain" not in instances("anycast", "172.18.0.1", "", "ours")[0]


def test_filter_rules_accept_host_routes_and_end_with_reject():
    rows = filter_rules(["192.0.2.0/24", "172.18.0.64", "172.18.0.64/32"], "anycast-in", "ours")
    assert [row["rule"] for row in rows] == [
        "if (dst in 172.18.0.64/32 && dst-len == 32) { accept }",
        "if (dst in 192.0.2.0/24 && dst-len == 32) { accept }",
        "reject",
    ]
    assert {(row["chain"], row["comment"]) for row in rows} == {("anycast-in", "ours")}


@pytest.mark.parametrize(
    "prefixes, words",
    [
        ([], ["routeros_ospf_anycast_prefixes is empty", "routeros_ospf_filter_chain to ''"]),
        ("172.18.0.64", ["is '172.18.0.64', expected a list"]),
        (["172.18.0.64/33"], ["has '172.18.0.64/33', expected an IPv4 prefix"]),
        (
            ["172.18.0.64", "sip", "172.18.0.65/26"],
            ["has 'sip'", "'172.18.0.65/26' with host bits set", "172.18.0.64/26"],
        ),
    ],
)
def test_prefixes_that_are_none(prefixes, words):
    with pytest.raises(OptionError) as caught:
        filter_rules(prefixes, "anycast-in", "ours")
    assert [word for word in words if word not in str(caught.value)] == []


def guard(prefixes=("172.18.0.64/32",), chain="anycast-in", distribution="per_client", rules=(), found=None):
    return guard_problems(found or info(rules=rules), prefixes, chain, distribution, "ours")


RULE = {".id": "*7", "chain": "anycast-in", "rule": "reject"}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"distribution": "per_flow"},
        {"distribution": None},
        # Without a filter nothing is asked of it.
        {"chain": "", "prefixes": [], "rules": [RULE]},
        {"rules": [{**RULE, "comment": "ours"}, {**RULE, "chain": "his"}, {**RULE, "disabled": True}]},
        {"found": {**info(), "addresses": [{"address": "172.18.0.64/26", "interface": "ether1", "disabled": True}]}},
    ],
)
def test_nothing_speaks_against_the_guard(arguments):
    assert guard(**arguments) == []


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"prefixes": ["172.18.0.60"]}, ["172.18.0.60/32, which lies inside 172.18.0.0/26 on interface bridge-lan"]),
        ({"prefixes": ["172.18.0.0/24"]}, ["172.18.0.0/24, which holds 172.18.0.0/26 on interface bridge-lan"]),
        (
            {
                "prefixes": ["10.0.0.2"],
                "found": {
                    **info(),
                    "addresses": [
                        {"address": "10.0.0.1/32", "network": "10.0.0.2", "interface": "l2tp", "disabled": False}
                    ],
                },
            },
            ["10.0.0.2/32, which lies inside 10.0.0.2/32 on interface l2tp"],
        ),
        ({"prefixes": []}, ["routeros_ospf_anycast_prefixes is empty"]),
        ({"rules": [RULE]}, ["rule *7 of somebody else's", "'anycast-in'", "(comment '', expected 'ours')"]),
        ({"rules": [{**RULE, "comment": "his"}]}, ["(comment 'his'", "set routeros_ospf_filter_chain to another name"]),
        ({"rules": [{**RULE, "comment": "ours", "disabled": True}]}, ["rule *7", "is disabled", "enable or remove it"]),
        ({"chain": "no"}, ["routeros_ospf_filter_chain is 'no'"]),
        ({"chain": "my chain"}, ["routeros_ospf_filter_chain is 'my chain', expected a letter and then"]),
        ({"distribution": "per_packet"}, ["'per_packet', which RouterOS 7 does not offer", "Take 'per_client'"]),
        ({"distribution": "l4"}, ["'l4', expected one of: per_client, per_flow"]),
    ],
)
def test_what_speaks_against_the_guard(arguments, words):
    (sentence,) = guard(**arguments)
    assert [word for word in words if word not in sentence] == []


def test_a_prefix_that_holds_several_subnets_is_told_for_each():
    assert len(guard(["0.0.0.0/0"])) == 2


@pytest.mark.parametrize("distribution, policy", [("per_client", "l3"), ("per_flow", "l4")])
def test_hash_policy(distribution, policy):
    assert hash_policy(distribution) == policy
