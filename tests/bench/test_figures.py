"""What the benchmark makes of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.figures import (
    ARTICLE,
    BEHIND,
    COLLECTION,
    LAN,
    LINK_CUT,
    WITHDRAW,
    Measured,
    Sent,
    Spread,
    checks,
    lost_before,
    outcome,
    ratio,
    table,
    victim,
    window,
)

STEP = 0.5


def probes(pattern: str) -> list[Sent]:
    """One each half second from 0 on: + was answered, - was not."""
    return [Sent(number * STEP, sign == "+") for number, sign in enumerate(pattern)]


@pytest.mark.parametrize(
    ("pattern", "seconds"),
    [
        ("++++++", 0.0),
        ("++-+++", STEP),
        ("+---++", 3 * STEP),
        # What was answered in between does not end it.
        ("+-++-+", 4 * STEP),
        # Lost at the end: not recovered, however late it began.
        ("+++++-", 10.0),
        ("------", 10.0),
    ],
)
def test_window(pattern: str, seconds: float) -> None:
    assert window(probes(pattern), event=0.0, end=10.0, interval=STEP) == seconds


def test_a_group_counts_from_the_event_on_and_has_the_longest_window() -> None:
    group = [probes("-++--+"), probes("++-+++"), probes("++++++")]
    found = outcome(group, event=1.0, end=2.5, interval=STEP)
    assert (found.sent, found.lost, found.window_s) == (12, 3, 2 * STEP)
    assert lost_before(group, 1.0) == 1


@pytest.mark.parametrize(
    ("behind", "lan", "node"),
    [
        (["node1", "node2", "node2"], ["node1", "node2"], "node1"),
        (["node1", "node2", "node2"], ["node2", "node2"], "node2"),
        (["node1", "node1", "node2"], ["node2"], "node2"),
    ],
)
def test_the_victim_serves_clients_of_both_groups(behind: list[str], lan: list[str], node: str) -> None:
    assert victim([behind, lan]) == node


def test_no_victim() -> None:
    with pytest.raises(ValueError, match="no node serves clients of every group"):
        victim([["node1"], ["node2"]])


def test_median_and_spread() -> None:
    assert Spread.of([3.0, 1.0, 2.25]).text() == "2.25 (1.00..3.00)"
    assert Spread.of([4, 1]).text(0) == "2 (1..4)"


@pytest.mark.parametrize(("article", "collection", "text"), [(3.0, 0.5, "6.0"), (3.0, 0.0, "∞"), (0.0, 0.0, "-")])
def test_ratio(article: float, collection: float, text: str) -> None:
    assert ratio(article, collection) == text


def rounds(event: str, client: str, config: str, windows: Sequence[float]) -> list[Measured]:
    """One measurement for each round; of one lost probe for each whole or begun second."""
    return [
        Measured(event, client, config, lost=-int(-seconds // 1), sent=100, window_s=seconds, round=number)
        for number, seconds in enumerate(windows, start=1)
    ]


def results(
    behind: Sequence[float] = (0.3, 0.4, 0.5),
    article: Sequence[float] = (2.0, 2.5, 3.0),
    lan: Sequence[float] = (0.3, 0.4, 1.9),
    article_lan: Sequence[float] = (25.0, 25.0, 20.0),
    withdraw: Sequence[float] = (0.0, 0.0, 0.0),
) -> list[Measured]:
    return [
        *rounds(LINK_CUT, BEHIND, COLLECTION, behind),
        *rounds(LINK_CUT, BEHIND, ARTICLE, article),
        *rounds(LINK_CUT, LAN, COLLECTION, lan),
        *rounds(LINK_CUT, LAN, ARTICLE, article_lan),
        *rounds(WITHDRAW, BEHIND, COLLECTION, withdraw),
        *rounds(WITHDRAW, BEHIND, ARTICLE, [1.0, 1.0, 1.0]),
        *rounds(WITHDRAW, LAN, COLLECTION, [0.0, 0.0, 0.0]),
        *rounds(WITHDRAW, LAN, ARTICLE, [1.0, 1.0, 1.0]),
    ]


def failed(measured: Sequence[Measured]) -> list[str]:
    return [check.required for check in checks(measured) if not check.holds]


def test_all_required_results_hold() -> None:
    assert len(checks(results())) == 4
    assert failed(results()) == []


@pytest.mark.parametrize(
    ("measured", "required"),
    [
        (results(behind=[0.3, 1.1, 1.2], article=[9.0, 9.0, 9.0]), "median window at most 1.0 s"),
        (results(article=[1.9, 1.9, 9.0]), "at least 5 times shorter"),
        (results(behind=[0.0, 0.0, 0.0], article=[0.0, 0.0, 0.0]), "at least 5 times shorter"),
        (results(lan=[0.3, 0.4, 2.1]), "recovers within 2 s"),
        (results(article_lan=[25.0, 25.0, 19.9]), "recovers within 2 s"),
        (results(withdraw=[0.0, 0.0, 0.02]), "nothing lost in any round"),
    ],
)
def test_each_of_them_can_fail(measured: list[Measured], required: str) -> None:
    (found,) = failed(measured)
    assert required in found


def test_a_failure_says_what_was_found() -> None:
    (check,) = [one for one in checks(results(behind=[0.3, 0.6, 0.7])) if not one.holds]
    assert check.text() == (
        "DOES NOT HOLD: link cut, client behind the router: at least 5 times shorter than the article's; found 2.50 s"
        " against 0.60 s, 4.2 times"
    )


def test_what_was_not_measured_is_not_checked() -> None:
    measured = [one for one in results() if one.event == WITHDRAW]
    assert [check.required for check in checks(measured)] == ["planned withdraw: nothing lost in any round"]


def test_the_table_has_a_line_for_each_event_and_client() -> None:
    lines = table(results()).splitlines()[2:]
    assert lines[0] == (
        "| link cut | behind the router | 2.50 (2.00..3.00) | 0.40 (0.30..0.50) | 6.2 | 3 (2..3) | 1 (1..1) |"
    )
    assert [line.split(" | ")[:2] for line in lines[1:]] == [
        ["| link cut", "on the nodes' LAN"],
        ["| planned withdraw", "behind the router"],
        ["| planned withdraw", "on the nodes' LAN"],
    ]
