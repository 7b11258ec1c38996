"""Routing filter rules -> prefix lists; what of the filter and the settings of IPv6 is taken, and told the kernel."""

from __future__ import annotations

import pytest

from lab.routeros.errors import Trap
from lab.routeros.frr_filter import parse_chain, parse_rule
from lab.routeros.kernel import sysctls_v6
from lab.routeros.packet_filter import ruleset

from .recorded import Recording
from .test_api import refused, row

ARTICLE = "if (dst in 172.18.0.0/24 && dst-len == 32) { accept } else { reject }"


def meaning(*rules: str) -> list[tuple[str, list[str] | None]]:
    return [
        (
            "accept" if step.accept else "reject",
            None if step.matches is None else [one.prefix_list_entry() for one in step.matches if not one.never],
        )
        for step in parse_chain(rules)
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ARTICLE, [("accept", ["172.18.0.0/24 ge 32"]), ("reject", None)]),
        ("if(dst in 172.18.0.0/24&&dst-len==32){accept;}", [("accept", ["172.18.0.0/24 ge 32"])]),
        ("if (dst == 172.18.0.64/32) { accept; }", [("accept", ["172.18.0.64/32"])]),
        ("if (dst == 172.18.0.64) { accept }", [("accept", ["172.18.0.64/32"])]),
        ("if (dst in 10.0.0.0/8) { reject }", [("reject", ["10.0.0.0/8 le 32"])]),
        ("if (dst-len in {24-32}) { accept }", [("accept", ["0.0.0.0/0 ge 24 le 32"])]),
        ("if (dst-len > 24) { accept }", [("accept", ["0.0.0.0/0 ge 25 le 32"])]),
        ("if (dst-len <= 24) { reject } else { accept }", [("reject", ["0.0.0.0/0 le 24"]), ("accept", None)]),
        ("if (protocol ospf && dst in 172.18.0.64/32) { accept }", [("accept", ["172.18.0.64/32"])]),
        ("if (dst == 1.2.3.4/32 || dst == 1.2.3.5/32) { accept }", [("accept", ["1.2.3.4/32", "1.2.3.5/32"])]),
        ("if (dst in 10.0.0.0/8 && dst in 11.0.0.0/8) { accept }", [("accept", [])]),
        ("if (dst in 10.0.0.0/8 && (dst-len == 16 || dst-len == 24)) { accept }",
         [("accept", ["10.0.0.0/8 ge 16 le 16", "10.0.0.0/8 ge 24 le 24"])]),
        ("accept", [("accept", None)]),
        ("reject;", [("reject", None)]),
        ("return", [("reject", None)]),
    ],
)  # fmt: skip
def test_rules_within_the_subset(rule: str, expected: list[tuple[str, list[str] | None]]) -> None:
    got = meaning(rule)
    # `ge 32` and `ge 32 le 32` say the same of IPv4; FRR prints the latter.
    tidy = [(verdict, None if entries is None else [entry.replace("ge 32 le 32", "ge 32") for entry in entries])
            for verdict, entries in got]  # fmt: skip
    assert tidy == expected


def test_a_chain_ends_where_every_route_is_taken() -> None:
    assert meaning("if (dst == 1.2.3.4) { reject }", "accept", "reject") == [
        ("reject", ["1.2.3.4/32"]),
        ("accept", None),
    ]


@pytest.mark.parametrize(
    ("rule", "culprit"),
    [
        ("if (dst in anycast-list) { accept }", "'anycast-list'"),
        ("if (ospf-type intra) { accept }", "'ospf-type'"),
        ("if (not dst == 1.2.3.4) { accept }", "'not'"),
        ("if (dst != 1.2.3.4) { accept }", "'!='"),
        ("if (dst == 1.2.3.4) { set distance 5; accept }", "'set'"),
        ("jump other", "'jump'"),
        ("if (dst in 2001:db8::/129) { accept }", "'2001:db8::/129'"),
        ("if (protocol bgp) { accept }", "'bgp'"),
        ("if (dst == 1.2.3.4) { accept } accept", "'accept'"),
        ("if dst == 1.2.3.4 { accept }", "'dst'"),
        ("if (dst == 1.2.3.4) { }", "'}'"),
        ("", "an empty rule"),
    ],
)
def test_a_rule_outside_the_subset_is_refused_by_name(rule: str, culprit: str) -> None:
    with pytest.raises(Trap) as caught:
        parse_rule(rule)
    assert culprit in str(caught.value)
    assert "emulator" in str(caught.value)


def test_an_unfinished_rule_is_invalid() -> None:
    with pytest.raises(Trap, match="invalid value for argument rule"):
        parse_rule("if (dst in")


FILTER, SETTINGS = "/ipv6/firewall/filter", "/ipv6/settings"
REDIRECTS = ("=chain=output", "=action=drop", "=protocol=icmpv6", "=icmp-options=137:0-255")


def test_a_rule_reaches_the_kernel(empty: Recording) -> None:
    empty.call(f"{FILTER}/add", *REDIRECTS, "=comment=ours")
    assert row(empty, FILTER) == {
        ".id": "*1",
        "chain": "output",
        "action": "drop",
        "protocol": "icmpv6",
        "icmp-options": "137:0-255",
        "comment": "ours",
        "bytes": 0,
        "packets": 0,
        "dynamic": False,
        "invalid": False,
    }
    assert "    icmpv6 type 137 counter drop\n" in ruleset(empty.kernel.ipv6_filter).replace("meta l4proto 58 ", "")
    empty.call(f"{FILTER}/disable", "=.id=*1")
    assert "137" not in ruleset(empty.kernel.ipv6_filter)
    empty.call(f"{FILTER}/remove", "=.id=*1")
    assert empty.kernel.ipv6_filter == []


def test_a_rule_about_addresses(empty: Recording) -> None:
    addresses = ("=src-address=!fe80::/10", "=dst-address=ff02::1-ff02::5")
    empty.call(f"{FILTER}/add", "=chain=input", "=action=drop", *addresses)
    assert "ip6 saddr != fe80::/10 ip6 daddr ff02::1-ff02::5 counter drop" in ruleset(empty.kernel.ipv6_filter)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["=protocol=icmp"], ("input does not match any value of protocol", 1)),
        (["=icmp-options=redirect"], ("invalid value for argument icmp-options", 1)),
        (["=icmp-options=256"], ("invalid value for argument icmp-options", 1)),
        (["=dst-port=70000"], ("invalid value for argument dst-port", 1)),
        (["=src-address=172.18.0.0/26"], ("invalid value for argument src-address", 1)),
        (["=src-address=here"], ("invalid value for argument src-address", 1)),
        (["=hop-limit=equal:255"], ("failure: the emulator does not support hop-limit=equal:255", 4)),
        (["=action=reject"], ("failure: the emulator does not support action=reject", 4)),
        (["=in-interface-list=all"], ("failure: the emulator does not support in-interface-list=all", 4)),
    ],
)
def test_a_rule_that_is_refused(empty: Recording, words: list[str], says: tuple[str, int]) -> None:
    assert refused(empty, f"{FILTER}/add", "=chain=output", *words) == says
    assert empty.call(f"{FILTER}/print") == [] == empty.kernel.ipv6_filter


def test_rules_as_nft_reads_them() -> None:
    rows = [
        {"chain": "input", "action": "accept", "protocol": "ospf", "in-interface": "!ether1"},
        {"chain": "input", "action": "jump", "jump-target": "mine", "src-address": "fe80::/10"},
        {"chain": "input", "action": "jump", "jump-target": "nowhere"},
        {"chain": "mine", "action": "drop", "protocol": "udp", "dst-port": "53,3784-3785"},
        {"chain": "output", "action": "passthrough", "icmp-options": "1:3"},
        {"chain": "output", "action": "drop", "disabled": "true"},
    ]
    assert (
        ruleset(rows)
        == """table ip6 routeros
delete table ip6 routeros
table ip6 routeros {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != "ether1" meta l4proto 89 counter accept
    ip6 saddr fe80::/10 counter jump c_6d696e65
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
  }
  chain output {
    type filter hook output priority filter; policy accept;
    icmpv6 type 1 icmpv6 code 3 counter
  }
  chain c_6d696e65 {
    meta l4proto 17 th dport { 53, 3784-3785 } counter drop
  }
}
"""
    )


def test_settings(empty: Recording) -> None:
    assert row(empty, SETTINGS)["multipath-hash-policy"] == "l3"
    assert sysctls_v6(empty.kernel.ipv6_settings) == {"conf/all/forwarding": 1, "fib_multipath_hash_policy": 0}
    empty.call(f"{SETTINGS}/set", "=multipath-hash-policy=l4", "=forward=no")
    assert sysctls_v6(empty.kernel.ipv6_settings) == {"conf/all/forwarding": 0, "fib_multipath_hash_policy": 1}
    assert refused(empty, f"{SETTINGS}/set", "=disable-ipv6=yes")[0].startswith(
        "failure: the emulator does not support"
    )
