# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What packet filters do to OSPF and BFD, with rules as routers and nodes have them."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import packet_filter
from ansible_collections.homelab.anycast.plugins.module_utils.system.packet_filter import Packet, iptables_tables


def routeros_drop(rows, packet, members):
    firewall = {"filter": rows, "ipv6_filter": rows, "interface_lists": members}
    return packet_filter.routeros_drop(firewall, packet)


def nft_drop(*arguments):
    return packet_filter.nft_drop(*arguments)


def iptables_drop(*arguments):
    return packet_filter.iptables_drop(*arguments)


def packet(protocol, source, destination, interface, **more):
    return Packet(protocol, ip_address(source), ip_address(destination), interface, **more)


HELLO = packet(89, "172.18.0.11", "224.0.0.5", "bridge-lan")
BFD = packet(17, "172.18.0.11", "172.18.0.1", "bridge-lan", destination_port=3784)
ANSWER = packet(89, "172.18.0.1", "224.0.0.5", "bridge-lan", outgoing=True)


HELLO_V3 = packet(89, "fe80::11", "ff02::5", "bridge-lan")
BFD_V6 = packet(17, "fe80::11", "fe80::1", "bridge-lan", destination_port=3784)


def seen(drop):
    return None if drop is None else drop.certain


# What a hAP lite leaves the factory with.
DEFCONF = [
    {"chain": "input", "action": "accept", "connection-state": "established,related,untracked"},
    {"chain": "input", "action": "drop", "connection-state": "invalid"},
    {"chain": "input", "action": "accept", "protocol": "icmp"},
    {"chain": "input", "action": "accept", "dst-address": "127.0.0.1"},
    {
        "chain": "input",
        "action": "drop",
        "in-interface-list": "!LAN",
        "comment": "defconf: drop all but LAN",
    },
    {"chain": "forward", "action": "drop"},
]
LAN = {"LAN": ["bridge-lan"], "WAN": ["ether1"]}
DROP = {"chain": "input", "action": "drop"}
JUMP = {"chain": "input", "action": "jump", "jump-target": "mine"}


def routeros(*rows, packet=HELLO, members=None):
    return routeros_drop([{".id": f"*{number:X}", **row} for number, row in enumerate(rows, 1)], packet, members or LAN)


def test_the_factory_rules_let_a_neighbour_in_from_the_lan_only():
    assert routeros(*DEFCONF) is None
    assert routeros(*DEFCONF, packet=BFD) is None
    drop = routeros(*DEFCONF, members={"LAN": ["ether2"]})
    assert drop.certain
    assert drop.text == (
        "rule *5 of /ip/firewall/filter (chain input, action drop, comment 'defconf: drop all but LAN')"
    )


@pytest.mark.parametrize(
    "rows, hello, bfd",
    [
        ([DROP], True, True),
        ([{**DROP, "action": "reject"}], True, True),
        ([{**DROP, "disabled": True}], None, None),
        ([{**DROP, "disabled": "true"}], None, None),
        ([{**DROP, "invalid": True}], None, None),
        ([{**DROP, "chain": "output"}], None, None),
        ([{**DROP, "protocol": "ospf"}], True, None),
        ([{**DROP, "protocol": 89}], True, None),
        ([{**DROP, "protocol": "!tcp"}], True, True),
        ([{**DROP, "protocol": "udp", "dst-port": "3000-4000,53"}], None, True),
        ([{**DROP, "protocol": "udp", "dst-port": 53}], None, None),
        ([{**DROP, "src-address": "172.18.0.0/26"}], True, True),
        ([{**DROP, "src-address": "172.18.0.12-172.18.0.20"}], None, None),
        ([{**DROP, "dst-address": "224.0.0.0/4"}], True, None),
        ([{**DROP, "dst-address": "!224.0.0.0/4"}], None, True),
        ([{**DROP, "dst-address-type": "multicast"}], True, None),
        ([{**DROP, "in-interface": "bridge-lan"}], True, True),
        ([{**DROP, "in-interface": "!bridge-lan"}], None, None),
        ([{**DROP, "in-interface-list": "WAN"}], None, None),
        ([{**DROP, "in-interface-list": "all"}], True, True),
        # Nobody knows from here: perhaps.
        ([{**DROP, "in-interface-list": "dynamic"}], False, False),
        ([{**DROP, "src-address-list": "bad"}], False, False),
        ([{**DROP, "limit": "10,5:packet"}], False, False),
        ([{**DROP, "protocol": "tcp", "src-address-list": "bad"}], None, None),
        # The first that matches decides.
        ([{"chain": "input", "action": "accept", "protocol": "ospf"}, DROP], None, True),
        ([{"chain": "input", "action": "log"}, DROP], True, True),
        ([{"chain": "input", "action": "accept", "src-address-list": "good"}, DROP], False, False),
        ([{"chain": "input", "action": "accept", "connection-state": "new,established"}, DROP], None, None),
        # Chains of one's own.
        (
            [{"chain": "input", "action": "jump", "jump-target": "mine"}, {"chain": "mine", "action": "drop"}],
            True,
            True,
        ),
        (
            [
                JUMP,
                {"chain": "mine", "action": "return", "protocol": "ospf"},
                {"chain": "mine", "action": "drop"},
            ],
            None,
            True,
        ),
        (
            [
                {**JUMP, "src-address-list": "bad"},
                {"chain": "mine", "action": "drop"},
            ],
            False,
            False,
        ),
        (
            [
                JUMP,
                {"chain": "mine", "action": "return", "src-address-list": "good"},
                {"chain": "mine", "action": "drop"},
            ],
            False,
            False,
        ),
        ([{**JUMP, "jump-target": "input"}], None, None),
    ],
)
def test_routeros(rows, hello, bfd):
    assert seen(routeros(*rows)) is hello
    assert seen(routeros(*rows, packet=BFD)) is bfd


def test_what_the_router_sends_goes_through_its_output_chain():
    assert seen(routeros({"chain": "output", "action": "drop", "protocol": "ospf"}, packet=ANSWER)) is True
    assert routeros({"chain": "output", "action": "drop", "in-interface": "bridge-lan"}, packet=ANSWER) is None
    assert routeros(DROP, packet=ANSWER) is None


# ---------------------------------------------------------------------------------------------------------------------
# nftables, in the form of nft 1.1

TO_NODE = packet(89, "172.18.0.1", "224.0.0.5", "enp0s11")
BFD_TO_NODE = packet(17, "172.18.0.1", "172.18.0.11", "enp0s11", destination_port=3784)


def table(*rules, policy="drop", hook="input", family="inet", name="filter", more=()):
    chain = {"family": family, "table": name, "name": hook, "handle": 1}
    base = {**chain, "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    return [
        {"metainfo": {"version": "1.1.3", "json_schema_version": 1}},
        {"table": {"family": family, "name": name, "handle": 1}},
        {"chain": base},
        *more,
        *({"rule": {"family": family, "table": name, "chain": hook, "expr": list(rule)}} for rule in rules),
    ]


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


ACCEPT, NFT_DROP = {"accept": None}, {"drop": None}
STATE = {"ct": {"key": "state"}}
ESTABLISHED = match(STATE, ["established", "related"], "in")
L4 = {"meta": {"key": "l4proto"}}
PROTOCOL = {"payload": {"protocol": "ip", "field": "protocol"}}
UDP_PORT = {"payload": {"protocol": "udp", "field": "dport"}}
TCP_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
# The rule sets that stand in many places.
WORKSTATION = [
    (match({"meta": {"key": "iif"}}, "lo"), ACCEPT),
    (ESTABLISHED, ACCEPT),
    (match(TCP_PORT, {"set": [22, 5061]}), {"counter": {"packets": 1, "bytes": 2}}, ACCEPT),
    (match(L4, "icmp"), ACCEPT),
]


@pytest.mark.parametrize(
    "rules, hello, bfd",
    [
        ([], True, True),
        (WORKSTATION, True, True),
        ([*WORKSTATION, (match(L4, "ospf"), ACCEPT)], None, True),
        ([*WORKSTATION, (match(PROTOCOL, 89), ACCEPT)], None, True),
        ([(match(PROTOCOL, "ospf", "!="), ACCEPT)], True, None),
        ([*WORKSTATION, (match(UDP_PORT, 3784), ACCEPT)], True, None),
        ([(match(UDP_PORT, {"range": [3000, 4000]}), ACCEPT)], True, None),
        ([(match(L4, {"set": ["ospf", "udp"]}), ACCEPT)], None, None),
        ([(match(SOURCE, {"prefix": {"addr": "172.18.0.0", "len": 26}}), ACCEPT)], None, None),
        ([(match(SOURCE, {"range": ["172.18.0.2", "172.18.0.9"]}), ACCEPT)], True, True),
        ([(match(SOURCE, "@friends"), ACCEPT)], None, None),
        ([(match(SOURCE, "@nobody"), ACCEPT)], False, False),
        ([(match({"meta": {"key": "iifname"}}, "enp0s*"), ACCEPT)], None, None),
        ([(match({"meta": {"key": "iifname"}}, {"set": ["lo", "enp0s12"]}), ACCEPT)], True, True),
        ([(match({"meta": {"key": "oifname"}}, "enp0s11"), ACCEPT)], True, True),
        ([(match({"meta": {"key": "pkttype"}}, "multicast"), ACCEPT)], None, True),
        ([(match({"payload": {"protocol": "ip6", "field": "saddr"}}, "::1"), ACCEPT)], True, True),
        ([(match({"meta": {"key": "mark"}}, 7), ACCEPT)], False, False),
        ([({"limit": {"rate": 5, "per": "second"}}, ACCEPT)], False, False),
        ([({"log": {"prefix": "in "}}, ACCEPT)], None, None),
        ([({"vmap": {"key": STATE, "data": {"set": [["established", ACCEPT], ["new", ACCEPT]]}}},)], None, None),
        ([({"vmap": {"key": STATE, "data": {"set": [["established", ACCEPT], ["invalid", NFT_DROP]]}}},)], True, True),
        ([({"vmap": {"key": L4, "data": "@verdicts"}},)], None, True),
        ([({"jump": {"target": "mine"}},)], None, True),
        # A rule of iptables, in a form of its own: what it matches is not said.
        ([({"xt": {"type": "match", "name": "recent"}}, ACCEPT)], False, False),
        # nft before 1.0.6 does not even say what kind of rule it is.
        ([({"xt": None}, ACCEPT)], False, False),
    ],
)
def test_nftables_with_a_policy_of_drop(rules, hello, bfd):
    place = {"family": "inet", "table": "filter"}
    ruleset = table(
        *rules,
        more=[
            {"set": {**place, "name": "friends", "type": "ipv4_addr", "elem": ["10.0.0.1", "172.18.0.1"]}},
            {"map": {**place, "name": "verdicts", "type": "inet_proto", "map": "verdict", "elem": [["ospf", ACCEPT]]}},
            {"chain": {**place, "name": "mine"}},
            {"rule": {**place, "chain": "mine", "expr": [match(L4, 89), ACCEPT]}},
        ],
    )
    assert seen(nft_drop(ruleset, TO_NODE)) is hello
    assert seen(nft_drop(ruleset, BFD_TO_NODE)) is bfd


def test_nftables_elsewhere():
    drop_all = [(NFT_DROP,)]
    assert nft_drop([], TO_NODE) is None
    assert nft_drop(table(policy="accept"), TO_NODE) is None
    assert nft_drop(table(*drop_all, family="ip6"), TO_NODE) is None
    assert nft_drop(table(*drop_all, hook="forward"), TO_NODE) is None
    assert nft_drop(table(*drop_all, hook="output"), TO_NODE) is None
    assert nft_drop(
        table(*drop_all, hook="output"), packet(89, "172.18.0.11", "224.0.0.5", "enp0s11", outgoing=True)
    ).certain
    # Each base chain has to let it pass.
    both = [*table(policy="accept"), *table(*drop_all, policy="accept", name="other")]
    assert nft_drop(both, TO_NODE).text == "a rule of the chain input of the nftables table inet other"
    assert (
        nft_drop(table(policy="drop"), TO_NODE).text
        == "the policy of the chain input of the nftables table inet filter"
    )
    assert nft_drop(table(*drop_all, family="ip"), TO_NODE, ["filter"]) is None


# Rulesets as nft 1.0.6 of Debian 12 lists them, and whether Linux let a hello and a packet of BFD through them: loaded
# in a network namespace, with the two sent to it from another by a veth pair.
RECORDED = json.loads((Path(__file__).parents[2] / "fixtures" / "nftables.json").read_text())
# What cannot be told from the ruleset: a concatenation of fields, and a packet's mark.
IN_DOUBT = {"concat", "mark"}


@pytest.mark.parametrize("name", RECORDED)
def test_nftables_as_linux_does(name):
    recorded = RECORDED[name]
    drops = [nft_drop(recorded["ruleset"], packet) for packet in (TO_NODE, BFD_TO_NODE)]
    if name in IN_DOUBT:
        assert [drop.certain for drop in drops] == [False, False]
    else:
        assert [drop is None for drop in drops] == [recorded["hello"], recorded["bfd"]]
        assert all(drop is None or drop.certain for drop in drops)


# ---------------------------------------------------------------------------------------------------------------------
# iptables

SAVED = """\
# Generated by iptables-save v1.8.11 (nf_tables) on Sun Nov 22 18:48:02 2026
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
*filter
:INPUT {policy} [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "what we asked for" -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
{rules}COMMIT
"""


@pytest.mark.parametrize(
    "policy, rules, hello, bfd",
    [
        ("ACCEPT", [], None, None),
        ("DROP", [], True, True),
        ("DROP", ["-p ospf -j ACCEPT"], None, True),
        ("DROP", ["-p 89 -i enp+ -j ACCEPT"], None, True),
        ("DROP", ["-p udp -m udp --dport 3784 -j ACCEPT"], True, None),
        ("DROP", ["-p udp -m multiport --dports 53,3784:3785 -j ACCEPT"], True, None),
        ("DROP", ["-s 172.18.0.0/26 -j ACCEPT"], None, None),
        ("DROP", ["! -s 172.18.0.0/26 -j ACCEPT"], True, True),
        ("DROP", ["-d 224.0.0.0/4 -j ACCEPT"], None, True),
        ("DROP", ["-m pkttype --pkt-type multicast -j ACCEPT"], None, True),
        ("DROP", ["-m addrtype --dst-type LOCAL -j ACCEPT"], True, None),
        ("DROP", ["-m limit --limit 3/min -j ACCEPT"], False, False),
        ("DROP", ["-m recent --rcheck --name x -j ACCEPT"], False, False),
        ("ACCEPT", ["-j REJECT --reject-with icmp-port-unreachable"], True, True),
        ("ACCEPT", ["-p tcp --syn -j DROP"], None, None),
        ("ACCEPT", ["-j LOG --log-prefix x"], None, None),
        ("ACCEPT", ["-j NFQUEUE --queue-num 1"], False, False),
    ],
)
def test_iptables(policy, rules, hello, bfd):
    saved = SAVED.format(policy=policy, rules="".join(f"-A INPUT {rule}\n" for rule in rules))
    assert seen(iptables_drop(saved, TO_NODE)) is hello
    assert seen(iptables_drop(saved, BFD_TO_NODE)) is bfd


def test_iptables_chains_and_names():
    saved = SAVED.format(policy="ACCEPT", rules="-A INPUT -j mine\n-A mine -p ospf -j DROP\n")
    assert iptables_drop(saved, TO_NODE).text == "the rule '-A mine -p ospf -j DROP' of iptables"
    assert iptables_drop(saved, BFD_TO_NODE) is None
    assert iptables_drop(SAVED.format(policy="DROP", rules=""), TO_NODE).text == "the policy of iptables' chain INPUT"
    assert iptables_tables(saved) == ["nat", "filter"]
    assert iptables_drop("", TO_NODE) is None


# IPv6

# What a hAP lite leaves the factory with, shortened: no list of addresses.
DEFCONF_V6 = [
    {"chain": "input", "action": "accept", "connection-state": "established,related,untracked"},
    {"chain": "input", "action": "drop", "connection-state": "invalid"},
    {"chain": "input", "action": "accept", "protocol": "icmpv6"},
    {"chain": "input", "action": "accept", "protocol": "udp", "dst-port": "33434-33534"},
    {"chain": "input", "action": "drop", "in-interface-list": "!LAN"},
]


@pytest.mark.parametrize("packet", [HELLO_V3, BFD_V6])
def test_the_factory_rules_of_ipv6(packet):
    assert routeros(*DEFCONF_V6, packet=packet) is None
    drop = routeros(*DEFCONF_V6, packet=packet, members={"LAN": ["ether2"]})
    assert drop.certain and drop.text == "rule *5 of /ipv6/firewall/filter (chain input, action drop)"


@pytest.mark.parametrize(
    "options, icmp, certain",
    [
        ("137:0-255", 137, True),
        ("137", 137, True),
        ("137:0", 137, True),
        ("137:1", 137, None),
        ("134:0-255", 137, None),
    ],
)
def test_icmp_options(options, icmp, certain):
    redirect = packet(58, "fe80::1", "fe80::2", "bridge-lan", icmp=icmp)
    assert seen(routeros({**DROP, "protocol": "icmpv6", "icmp-options": options}, packet=redirect)) is certain


def test_a_packet_that_connection_tracking_may_call_anything():
    redirect = packet(58, "fe80::1", "fe80::2", "bridge-lan", icmp=137, state=None)
    assert seen(routeros({**DROP, "connection-state": "invalid"}, packet=redirect)) is False


@pytest.mark.parametrize(
    "expression, hello, hello_v3",
    [
        (match({"payload": {"protocol": "ip", "field": "protocol"}}, 89), True, None),
        (match({"payload": {"protocol": "ip6", "field": "nexthdr"}}, 89), None, True),
        (match({"meta": {"key": "l4proto"}}, "ospf"), True, True),
        (match({"meta": {"key": "nfproto"}}, "ipv6"), None, True),
        (match({"meta": {"key": "protocol"}}, "ip"), True, None),
        (
            match({"payload": {"protocol": "ip6", "field": "saddr"}}, {"prefix": {"addr": "fe80::", "len": 10}}),
            None,
            True,
        ),
        (match({"payload": {"protocol": "ip6", "field": "daddr"}}, "ff02::6"), None, None),
        (match({"payload": {"protocol": "icmpv6", "field": "type"}}, "nd-redirect"), None, None),
    ],
)
def test_an_inet_table_and_both_versions(expression, hello, hello_v3):
    place = {"family": "inet", "table": "t", "chain": "in"}
    base = {"chain": {"family": "inet", "table": "t", "name": "in", "type": "filter", "hook": "input", "prio": 0}}
    ruleset = [base, {"rule": {**place, "expr": [expression, {"drop": None}]}}]
    assert (seen(nft_drop(ruleset, HELLO)), seen(nft_drop(ruleset, HELLO_V3))) == (hello, hello_v3)
    # Tables of one family are of that alone.
    for family, expected in (("ip", (True, None)), ("ip6", (None, True))):
        ruleset = [{"chain": {**base["chain"], "family": family, "policy": "drop"}}]
        assert (seen(nft_drop(ruleset, HELLO)), seen(nft_drop(ruleset, HELLO_V3))) == expected
        assert nft_drop(ruleset, HELLO_V3, ["t"]) is None


def test_a_comment_of_iptables_may_look_like_an_option():
    saved = '*filter\n:INPUT DROP [0:0]\n-A INPUT -p ospf -m comment --comment "- routers" -j ACCEPT\nCOMMIT\n'
    assert iptables_drop(saved, HELLO) is None


def test_ip6tables():
    saved = "*filter\n:INPUT DROP [0:0]\n-A INPUT -s fe80::/10 -p 89 -j ACCEPT\nCOMMIT\n"
    assert iptables_drop(saved, HELLO_V3) is None
    drop = iptables_drop(saved, BFD_V6)
    assert drop.certain and drop.text == "the policy of ip6tables' chain INPUT"
