# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router does to clients on the nodes' own LAN, with rules as routers have them."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import RouterRequest, notrack_rows
from ansible_collections.homelab.anycast.plugins.module_utils.system.forwarding import client_warnings, notrack_helps

# Chain forward of MikroTik's default configuration, of IPv4; the one of IPv6 is the same here.
FACTORY = [
    {"chain": "forward", "action": "accept", "ipsec-policy": "in,ipsec"},
    {"chain": "forward", "action": "accept", "ipsec-policy": "out,ipsec"},
    {"chain": "forward", "action": "fasttrack-connection", "connection-state": "established,related"},
    {"chain": "forward", "action": "accept", "connection-state": "established,related,untracked"},
    {"chain": "forward", "action": "drop", "connection-state": "invalid", "comment": "defconf: drop invalid"},
    {
        "chain": "forward",
        "action": "drop",
        "connection-nat-state": "!dstnat",
        "connection-state": "new",
        "in-interface-list": "WAN",
    },
]
MASQUERADE = {"chain": "srcnat", "action": "masquerade"}
REQUEST = RouterRequest(
    router_id="172.18.0.1",
    interfaces=["bridge-lan"],
    instance="anycast",
    area="anycast",
    comment="homelab.anycast",
    priority=128,
    cost=1,
    prefixes=["172.18.0.64/32", "2001:db8:64::64/128"],
    filter_chain="anycast-in",
    distribution="per_client",
    send_redirects=False,
    allow_interruption=False,
)


def router(*rules, nat=(), raw=(), routing_rules=()):
    rows = [{".id": f"*{number:X}", **rule} for number, rule in enumerate(rules, 1)]
    return {
        "addresses": [
            {"address": "172.18.0.1/26", "network": "172.18.0.0", "interface": "bridge-lan", "disabled": False},
            {"address": "192.0.2.2/30", "network": "192.0.2.0", "interface": "ether1", "disabled": False},
        ],
        "ipv6_addresses": [
            {"address": "2001:db8::1/64", "interface": "bridge-lan", "disabled": False},
            {"address": "fe80::1/64", "interface": "bridge-lan", "disabled": False},
        ],
        "firewall": {
            "filter": rows,
            "ipv6_filter": rows,
            "nat": [{".id": "*1", **rule} for rule in nat],
            "raw": [{".id": "*9", **rule} for rule in raw],
            "interface_lists": {"LAN": ["bridge-lan"], "WAN": ["ether1"]},
        },
        "routing_rules": [{".id": "*1", **rule} for rule in routing_rules],
    }


def warnings(info, asked=True, request=REQUEST):
    wanted = dataclasses.replace(request, notrack=asked and notrack_helps(info, request))
    return client_warnings(info, wanted, asked)


def test_the_factory_rules_drop_tcp_which_untracked_passes():
    info = router(*FACTORY)
    assert notrack_helps(info, REQUEST)
    assert warnings(info) == []
    found = warnings(info, asked=False)
    assert found[0] == (
        "rule *5 of /ip/firewall/filter (chain forward, action drop, comment 'defconf: drop invalid') drops TCP from"
        " clients on bridge-lan to 172.18.0.64/32: the nodes answer past the router, so its connection tracking calls"
        " all but the first packet invalid. Set routeros_ospf_notrack to true, or accept them before it"
        " (/ip/firewall/filter/add chain=forward action=accept connection-state=invalid in-interface=bridge-lan"
        " out-interface=bridge-lan place-before=0)"
    )
    assert found[1].startswith("rule *5 of /ipv6/firewall/filter") and len(found) == 2


def test_both_ways_are_untracked_and_other_networks_stay_tracked():
    assert [(row["src-address"], row["dst-address"]) for row in notrack_rows(router(), REQUEST, 4)] == [
        ("172.18.0.0/26", "172.18.0.64"),
        ("172.18.0.64", "172.18.0.0/26"),
    ]
    assert [(row["src-address"], row["dst-address"]) for row in notrack_rows(router(), REQUEST, 6)] == [
        ("2001:db8::/64", "2001:db8:64::64/128"),
        ("2001:db8:64::64/128", "2001:db8::/64"),
    ]
    assert notrack_rows(router(), dataclasses.replace(REQUEST, notrack=False), 4) == []


@pytest.mark.parametrize(
    "rules",
    [
        [],
        # What is not invalid is dropped too, so nothing is gained: without it, UDP would be lost as well.
        [
            {"chain": "forward", "action": "accept", "connection-state": "established,related,new"},
            {"chain": "forward", "action": "drop"},
        ],
        [{"chain": "forward", "action": "drop", "connection-state": "invalid", "in-interface-list": "WAN"}],
    ],
)
def test_nothing_is_written_that_does_not_help(rules):
    assert not notrack_helps(router(*rules), REQUEST)


def test_only_lan_to_wan_is_allowed():
    """Forum 213500."""
    rules = [
        {"chain": "forward", "action": "accept", "in-interface-list": "LAN", "out-interface-list": "WAN"},
        {"chain": "forward", "action": "drop"},
    ]
    found = warnings(router(*rules))
    assert [text.partition(" from clients")[0] for text in found[::2]] == [
        "rule *2 of /ip/firewall/filter (chain forward, action drop) drops UDP",
        "rule *2 of /ip/firewall/filter (chain forward, action drop) drops TCP",
    ]
    assert "Accept them before it (/ip/firewall/filter/add chain=forward action=accept connection-state=new" in found[0]


def test_a_rule_of_raw():
    """Manual, "Building Advanced Firewall"."""
    rule = {"chain": "prerouting", "action": "drop", "in-interface-list": "LAN", "src-address": "!192.168.88.0/24"}
    found = warnings(router(raw=[rule]))
    assert found[0].startswith("rule *9 of /ip/firewall/raw (chain prerouting, action drop) drops UDP from clients")
    assert "action=accept in-interface=bridge-lan" in found[0] and "/ip/firewall/raw/add chain=prerouting" in found[0]


@pytest.mark.parametrize(
    "rule, verb",
    [
        # Forum 1122079.
        (MASQUERADE, "gives"),
        ({**MASQUERADE, "src-address": "172.18.0.0/24"}, "gives"),
        ({**MASQUERADE, "src-address-list": "lan"}, "may give"),
        ({**MASQUERADE, "out-interface": "ether1"}, None),
        ({**MASQUERADE, "out-interface-list": "WAN", "ipsec-policy": "out,none"}, None),
        ({"chain": "dstnat", "action": "redirect"}, None),
    ],
)
def test_nat_of_clients(rule, verb):
    found = warnings(router(nat=[rule]))
    assert len(found) == (verb is not None)
    assert all(
        f"{verb} UDP from clients on bridge-lan to 172.18.0.64/32 the router's own address" in text for text in found
    )
    # What is untracked has no NAT.
    assert warnings(router(*FACTORY, nat=[rule])) == []


@pytest.mark.parametrize(
    "rule, found",
    [
        # Forum 1113439.
        ({"src-address": "172.18.0.0/24", "action": "lookup-only-in-table", "table": "isp2"}, True),
        ({"interface": "bridge-lan", "action": "unreachable"}, True),
        ({"interface": "ether1", "action": "unreachable"}, False),
        ({"action": "lookup-only-in-table", "table": "main"}, False),
        ({"action": "lookup", "table": "isp2"}, False),
        ({"src-address": "192.168.88.0/24", "action": "lookup-only-in-table", "table": "isp2"}, False),
    ],
)
def test_routing_rules(rule, found):
    said = warnings(router(routing_rules=[{**rule, "chain": "user", "inactive": False}]))
    assert bool([text for text in said if text.startswith("rule *1 of /routing/rule (")]) is found


def test_the_sip_helper_is_named_where_clients_cross_nat():
    info = {**router(nat=[MASQUERADE]), "sip_helper": True}
    assert "disable the SIP helper" in warnings(info)[0]
    assert warnings({**router(), "sip_helper": True}) == []
