# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Next hops: found against expected. The rows are captures of RouterOS 7.20.8."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.next_hops import (
    NextHopExpectation,
    compare_next_hops,
    name_nodes,
    next_hops_failure,
    normalise_prefix,
    parse_route,
    parse_routes,
    split_gateway,
)

PREFIX = "172.18.0.64/32"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("172.18.0.24%bridge-lan", ("172.18.0.24", "bridge-lan", None)),
        ("10.1.1.2%ether2@VRF1", ("10.1.1.2", "ether2", "VRF1")),
        ("ether2@VRF1", (None, "ether2", "VRF1")),
        ("ether4", (None, "ether4", None)),
        # ntc-templates, routing_ospf_interface_print_terse.
        ("1.1.1.1%vlan11@vlan975@sfp-sfpplus1", ("1.1.1.1", "vlan11@vlan975@sfp-sfpplus1", None)),
        ("1.1.1.1%vlan10@bridge@VRF1", ("1.1.1.1", "vlan10@bridge", "VRF1")),
        ("192.0.2.1@VRF1", ("192.0.2.1", None, "VRF1")),
        ("172.31.255.29", ("172.31.255.29", None, None)),
        ("", (None, None, None)),
    ],
)
def test_gateway(text, parts):
    assert split_gateway(text, {"ether2", "vlan11", "vlan11@vlan975@sfp-sfpplus1", "vlan10@bridge"}) == parts


OSPF = {
    ".id": "*2018C020",
    "active": True,
    "distance": 110,
    "dst-address": "172.16.77.8/30",
    "dynamic": True,
    "ecmp": True,
    "gateway": "172.16.77.1%ether4",
    "immediate-gw": "172.16.77.1%ether4",
    "inactive": False,
    "ospf": True,
    "routing-table": "main",
    "scope": 20,
    "target-scope": 10,
}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            OSPF,
            {
                "gateway": "172.16.77.1",
                "interface": "ether4",
                "vrf": None,
                "routing_table": "main",
                "protocol": "ospf",
                "distance": 110,
                "active": True,
                "ecmp": True,
                "dynamic": True,
                "blackhole": False,
            },
        ),
        (
            {"active": True, "connect": True, "distance": 0, "dynamic": True, "gateway": "ether4", "inactive": False},
            {"gateway": None, "interface": "ether4", "protocol": "connect", "ecmp": False},
        ),
        (
            {"dynamic": False, "gateway": "172.31.255.29", "immediate-gw": "172.31.255.29%ether1", "static": True},
            {
                "gateway": "172.31.255.29",
                "interface": "ether1",
                "protocol": "static",
                "active": False,
                "distance": None,
            },
        ),
        (
            {"bgp": True, "distance": 20, "gateway": "220.50.50.1"},
            {"protocol": "bgp", "active": False, "interface": None},
        ),
        ({"static": True, "blackhole": "", "active": True}, {"blackhole": True, "gateway": None, "interface": None}),
    ],
)
def test_route(row, expected):
    found = parse_route(row)
    assert {key: getattr(found, key) for key in expected} == expected


def test_routes_of_this_prefix_and_the_main_table_in_order():
    rows = [
        dict(OSPF, **{"dst-address": PREFIX, "gateway": "172.18.0.13%b"}),
        dict(OSPF, **{"dst-address": PREFIX, "gateway": "172.18.0.9%b"}),
        dict(OSPF, **{"dst-address": PREFIX, "gateway": "172.18.0.11%b", "routing-table": "VRF1"}),
        OSPF,
    ]
    assert [hop.gateway for hop in parse_routes(rows, PREFIX)] == ["172.18.0.9", "172.18.0.13"]


@pytest.mark.parametrize(
    ("text", "prefix"), [("172.18.0.64", PREFIX), (PREFIX, PREFIX), ("10.0.0.0/255.0.0.0", "10.0.0.0/8")]
)
def test_prefix(text, prefix):
    assert normalise_prefix(text) == prefix


@pytest.mark.parametrize("text", ["172.18.0.64/25", "172.18.0.64/33", "sip.example.com", "2001:db8::64/64", ""])
def test_no_prefix(text):
    with pytest.raises(ValueError, match=f"prefix: '{text}' is not a prefix"):
        normalise_prefix(text)


def hop(gateway, active=True, protocol="ospf", distance=110):
    return parse_route({"gateway": gateway + "%bridge-lan", "active": active, protocol: True, "distance": distance})


SIP1, SIP2, SIP3 = "172.18.0.11", "172.18.0.12", "172.18.0.13"
TWO = [hop(SIP1), hop(SIP2)]


@pytest.mark.parametrize(
    ("next_hops", "expected", "good", "missing", "surplus"),
    [
        (TWO, {}, True, [], []),
        (TWO, {"gateways": [SIP2, SIP1]}, True, [], []),
        (TWO, {"gateways": [SIP1, SIP3]}, False, [SIP3], [SIP2]),
        (TWO, {"gateways": []}, False, [], [SIP1, SIP2]),
        ([], {"gateways": []}, True, [], []),
        (TWO, {"contains": [SIP1]}, True, [], []),
        (TWO, {"contains": [SIP1, SIP3]}, False, [SIP3], []),
        ([hop(SIP1), hop(SIP2, active=False)], {"gateways": [SIP1, SIP2]}, False, [SIP2], []),
        ([hop(SIP1), hop(SIP2, active=False)], {"gateways": [SIP1]}, True, [], []),
        ([hop(SIP1, protocol="static", distance=1)], {"protocol": "ospf"}, False, [], []),
        (TWO, {"protocol": "ospf"}, True, [], []),
        (
            [parse_route({"static": True, "blackhole": True, "active": True})],
            {"gateways": []},
            False,
            [],
            ["blackhole"],
        ),
    ],
)
def test_comparison(next_hops, expected, good, missing, surplus):
    comparison = compare_next_hops(next_hops, NextHopExpectation(**expected))
    assert comparison.met is good
    assert (comparison.missing, comparison.surplus) == (missing, surplus)


# Of sip1 OSPFv2 knows nothing at the moment; sip9 is nobody's neighbour any more.
OSPF_NEIGHBORS = [
    {"address": "fe80::11%bridge-lan", "router-id": SIP1},
    {"address": "fe80::12%bridge-lan", "router-id": SIP2},
    {"address": SIP2, "router-id": SIP2},
]


def six(*gateways, active=True):
    return name_nodes([hop(gateway, active) for gateway in gateways], OSPF_NEIGHBORS)


@pytest.mark.parametrize(
    ("expected", "good", "missing", "surplus"),
    [
        ({"without": ["fe80::12"]}, False, [], [SIP2]),
        ({"without": ["FE80:0::12"]}, False, [], [SIP2]),
        ({"without": [SIP2]}, False, [], [SIP2]),
        # By its router id.
        ({"without": [SIP1]}, False, [], ["fe80::11"]),
        ({"without": [SIP3, "fe80::13"]}, True, [], []),
        ({"contains": ["FE80::12", SIP1, "fe80::9"]}, True, [], []),
        ({"contains": [SIP3]}, False, [SIP3], []),
        ({"gateways": [SIP1, "fe80::12", "FE80::9"]}, True, [], []),
        ({"gateways": [SIP1, SIP2]}, False, [], ["fe80::9"]),
    ],
)
def test_nodes_of_ipv6_have_several_names(expected, good, missing, surplus):
    comparison = compare_next_hops(six("fe80::9", "fe80::11", "fe80::12"), NextHopExpectation(**expected))
    assert comparison.found == [SIP2, "fe80::9", "fe80::11"]
    assert comparison.met is good
    assert (comparison.missing, comparison.surplus) == (missing, surplus)


def test_a_missing_node_of_ipv6_is_found_by_each_of_its_names():
    comparison = compare_next_hops(six("fe80::12", active=False), NextHopExpectation(contains=["fe80::12", SIP1]))
    text = next_hops_failure(comparison, "2001:db8::64/128", "hap-lite", {}, filtered=six("fe80::11"))
    assert "Missing: fe80::12 is there (ospf, distance 110) but not active" in text
    assert "Missing: 172.18.0.11 is announced, but a filter of the router rejects it" in text


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ({"gateways": ["sip1"]}, "gateways: 'sip1' is not an address such as 172.18.0.11"),
        ({"contains": ["172.18.0.11/32"]}, "contains: '172.18.0.11/32' is not an address"),
        ({"without": ["fe80::11%bridge-lan"]}, "without: 'fe80::11%bridge-lan' is not an address"),
    ],
)
def test_bad_expectations_are_told(expected, problem):
    (found,) = NextHopExpectation(**expected).option_problems()
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("next_hops", "expected", "says"),
    [
        (
            TWO,
            {"gateways": [SIP1, SIP3]},
            ["Missing: 172.18.0.13 (sip3) is not a next hop", "there: 172.18.0.12 (sip2)."],
        ),
        (TWO, {"gateways": [SIP1]}, ["Found: 172.18.0.11, 172.18.0.12 (sip2)."]),
        (
            [hop(SIP1, protocol="static", distance=1), hop(SIP2, active=False)],
            {"gateways": [SIP1, SIP2]},
            ["172.18.0.12 (sip2) is there (ospf, distance 110) but not active: a route with a lower distance wins"],
        ),
        ([hop(SIP2, protocol="static", distance=1)], {"protocol": "ospf"}, ["(sip2) comes from static (distance 1)"]),
        ([], {"gateways": [SIP1]}, ["no route to 172.18.0.64/32 at all", "in-filter-chain"]),
    ],
)
def test_message(next_hops, expected, says):
    comparison = compare_next_hops(next_hops, NextHopExpectation(**expected))
    text = next_hops_failure(comparison, PREFIX, "hap-lite", {SIP2: "sip2", SIP3: "sip3"}, spent=30.0)
    assert text.startswith("The next hops of 172.18.0.64/32 on the router hap-lite are not as expected after 30 s.")
    for part in says:
        assert part in text
