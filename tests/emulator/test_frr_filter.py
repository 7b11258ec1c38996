"""Routing filter rules -> prefix lists."""

from __future__ import annotations

import pytest

from lab.routeros.errors import Trap
from lab.routeros.frr_filter import parse_chain, parse_rule

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
