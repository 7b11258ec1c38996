# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role writes to the router."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import (
    anycast_networks,
    area_rows,
    bfd_rows,
    filter_rows,
    instance_rows,
    redirect_rows,
    template_rows,
)

BOTH = ["172.18.0.64", "2001:db8:64::64"]


@pytest.fixture
def template(ask):
    def template(**link):
        (row,) = template_rows(normalise_link(link), ask(interfaces=["bridge-lan", "ether2"]))
        return row

    return template


def test_template_with_a_digest(template):
    assert template(key="k3y", dead_interval=60) == {
        "area": "anycast",
        "interfaces": "bridge-lan,ether2",
        "type": "broadcast",
        "cost": 1,
        "priority": 128,
        "hello-interval": "1s",
        "dead-interval": "1m",
        "retransmit-interval": "2s",
        "use-bfd": False,
        "disabled": False,
        "comment": "homelab.anycast",
        "auth": "sha256",
        "auth-id": 1,
    }


def test_template_leaves_out_what_is_unset(template):
    assert {"auth", "auth-id", "auth-key"} & set(template(authentication="none")) == set()
    assert "auth-id" not in template(authentication="simple", key="k")


def test_without_bfd_there_is_no_row_of_it(template, ask):
    assert template(key="k")["use-bfd"] is False
    assert bfd_rows(normalise_link({"key": "k"}), ask()) == []


def test_bfd_in_the_template_and_its_row(template, ask):
    assert template(key="k", bfd=True)["use-bfd"] is True
    link = normalise_link({"key": "k", "bfd": True, "bfd_interval": 1000, "bfd_multiplier": 3})
    assert bfd_rows(link, ask(interfaces=["bridge-lan", "ether2"])) == [
        {
            "interfaces": "bridge-lan,ether2",
            "min-tx": "1s",
            "min-rx": "1s",
            "multiplier": 3,
            "disabled": False,
            "comment": "homelab.anycast",
        }
    ]


def test_instance_names_its_chain_only_where_there_is_one(ask):
    assert instance_rows(ask()) == [
        {
            "name": "anycast",
            "version": 2,
            "router-id": "172.18.0.1",
            "in-filter-chain": "anycast-in",
            "disabled": False,
            "comment": "homelab.anycast",
        }
    ]
    assert "in-filter-chain" not in instance_rows(ask(filter_chain=""))[0]


def test_rows_of_a_router_with_ipv6(ask):
    request = ask(prefixes=BOTH)
    two, three = instance_rows(request)
    assert (two["name"], two["version"], two["in-filter-chain"]) == ("anycast", 2, "anycast-in")
    assert (three["name"], three["version"], three["in-filter-chain"]) == ("anycast-v3", 3, "anycast-in-v3")
    link = normalise_link({"key": "key", "area": 1})
    assert [(row["name"], row["instance"], row["area-id"]) for row in area_rows(link, request)] == [
        ("anycast", "anycast", "0.0.0.1"),
        ("anycast-v3", "anycast-v3", "0.0.0.1"),
    ]
    templates = template_rows(link, request)
    assert [row.pop("area") for row in templates] == ["anycast", "anycast-v3"]
    assert templates[0] == templates[1]


def test_filter_rules_accept_host_routes_and_end_with_reject(ask):
    rows = filter_rows(ask(prefixes=["192.0.2.0/24", "172.18.0.64", "172.18.0.64/32"]))
    assert [row["rule"] for row in rows] == [
        "if (dst in 172.18.0.64/32 && dst-len == 32) { accept }",
        "if (dst in 192.0.2.0/24 && dst-len == 32) { accept }",
        "reject",
    ]
    assert {(row["chain"], row["comment"]) for row in rows} == {("anycast-in", "homelab.anycast")}


def test_each_chain_accepts_only_its_own_prefixes(ask):
    assert [(row["chain"], row["rule"]) for row in filter_rows(ask(prefixes=BOTH))] == [
        ("anycast-in", "if (dst in 172.18.0.64/32 && dst-len == 32) { accept }"),
        ("anycast-in", "reject"),
        ("anycast-in-v3", "if (dst in 2001:db8:64::64/128 && dst-len == 128) { accept }"),
        ("anycast-in-v3", "reject"),
    ]


def test_without_a_chain_there_is_no_rule(ask):
    assert filter_rows(ask(filter_chain="")) == []


@pytest.mark.parametrize(
    "prefixes, words",
    [
        (["172.18.0.64/33"], ["has '172.18.0.64/33', expected an IPv4 prefix"]),
        (["172.18.0.64", "sip", "172.18.0.65/26"], ["has 'sip'", "has '172.18.0.65/26' with host bits set"]),
        (["fe80::1"], ["has 'fe80::1', expected unicast prefixes that can be routed"]),
        (["ff02::5"], ["has 'ff02::5', expected unicast prefixes"]),
        (["::ffff:172.18.0.64"], ["has '::ffff:172.18.0.64', expected unicast prefixes"]),
    ],
)
def test_prefixes_that_are_none(prefixes, words):
    problems = anycast_networks(prefixes)[1]
    assert [word for word, problem in zip(words, problems, strict=True) if word not in problem] == []


def test_prefixes_without_a_service(ask):
    """A range that holds more than its address stays, and so does what is no prefix: the checks say so."""
    asked = ask(prefixes=["172.18.0.64", "172.18.0.65/32", "192.0.2.0/24", "sip"])
    left = asked.without(["172.18.0.65", "192.0.2.1/32"])
    assert left.prefixes == ["172.18.0.64", "192.0.2.0/24", "sip"]


def test_redirects_are_dropped_where_there_is_an_ipv6_prefix(ask):
    assert redirect_rows(ask(prefixes=BOTH)) == [
        {
            "chain": "output",
            "action": "drop",
            "protocol": "icmpv6",
            "icmp-options": "137:0-255",
            "comment": "homelab.anycast",
        }
    ]
    assert redirect_rows(ask()) == redirect_rows(ask(prefixes=BOTH, send_redirects=True)) == []
