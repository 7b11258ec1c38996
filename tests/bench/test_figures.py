"""What the benchmark makes of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench import figures
from bench.figures import (
    ARTICLE,
    BEHIND,
    BOUND,
    CLIENTS,
    COLLECTION,
    EXABGP,
    HANGS,
    KILLED,
    LAN,
    LINK_CUT,
    REASONS,
    VRRP,
    WITHDRAW,
    Measured,
    Sent,
    Spread,
    behind_others,
    checks,
    fastest,
    others_table,
    outcome,
    share,
    shares,
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
    found = outcome(group, [False, True, True], event=1.0, end=2.5, interval=STEP)
    assert (found.sent, found.lost, found.lost_by_others, found.window_s) == (12, 3, 1, 2 * STEP)


@pytest.mark.parametrize(
    ("behind", "lan", "node"),
    [
        (["node1", "node2", "node2"], ["node1", "node2"], "node2"),
        (["node1", "node2", "node2"], ["node2", "node2"], "node2"),
        (["node1", "node1", "node2"], ["node2"], "node2"),
        # None serves both: most clients.
        (["node1", "node2", "node2"], ["node3"], "node2"),
    ],
)
def test_the_victim_serves_clients_of_both_groups_where_there_is_one(
    behind: list[str], lan: list[str], node: str
) -> None:
    assert victim([behind, lan]) == node


def test_shares_name_nodes_without_clients() -> None:
    assert share(["node2", "node1", "node2"], 3) == "2/1/0"


def test_median_and_spread() -> None:
    assert Spread.of([3.0, 1.0, 2.25]).text() == "2.25 (1.00..3.00)"
    assert Spread.of([4, 1]).text(0) == "2 (1..4)"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.5, 0.5, 0.5], "0.50"),
        ([0.5, 0.7, 0.4], "0.50 (0.40..0.70)"),
        ([12.01, 12.04, 12.02], "≥12"),
        ([3.0, 12.02, 12.01], "≥12 (3.00..≥12)"),
    ],
)
def test_what_was_not_recovered_is_no_figure(values: list[float], text: str) -> None:
    assert Spread.of(values).seconds() == text


def rounds(event: str, client: str, side: str, windows: Sequence[float], others: int = 0) -> list[Measured]:
    """One measurement for each round; of one lost probe for each whole or begun second."""
    return [
        Measured(event, client, side, number, -int(-seconds // 1), others, 100, seconds, "6/4/2")
        for number, seconds in enumerate(windows, start=1)
    ]


def results(
    behind: Sequence[float] = (0.3, 0.4, 0.5),
    article: Sequence[float] = (2.0, 2.5, 3.0),
    lan: Sequence[float] = (0.3, 0.4, 1.9),
    article_lan: Sequence[float] = (12.0, 12.0, 12.0),
    withdraw: Sequence[float] = (0.0, 0.0, 0.0),
) -> list[Measured]:
    return [
        *rounds(LINK_CUT, BEHIND, COLLECTION, behind),
        *rounds(LINK_CUT, BEHIND, ARTICLE, article),
        *rounds(LINK_CUT, LAN, COLLECTION, lan),
        *rounds(LINK_CUT, LAN, ARTICLE, article_lan),
        *rounds(WITHDRAW, BEHIND, COLLECTION, withdraw),
        *rounds(WITHDRAW, LAN, COLLECTION, [0.0, 0.0, 0.0]),
    ]


def failed(measured: list[Measured]) -> list[str]:
    return [check.required for check in checks(measured) if not check.holds]


def test_the_required_results_hold() -> None:
    assert failed(results()) == []
    assert len(checks(results())) == 4


@pytest.mark.parametrize(
    ("measured", "required"),
    [
        (results(behind=[0.3, 1.1, 1.1], article=[9.0, 9.0, 9.0]), "median window at most 1 s"),
        (results(article=[1.9, 1.9, 9.0]), "at least 5 times shorter"),
        (results(behind=[0.0, 0.0, 0.0], article=[0.0, 0.0, 0.0]), "at least 5 times shorter"),
        (results(lan=[0.3, 0.4, 2.1]), "recovers within 2 s"),
        (results(article_lan=[12.0, 12.0, 9.9]), "recovers within 2 s"),
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
        " against 0.60 s"
    )


def test_what_was_not_measured_is_not_checked() -> None:
    measured = [one for one in results() if one.event == WITHDRAW]
    assert [check.required for check in checks(measured)] == [
        "planned withdraw: nothing lost in any round, at either place"
    ]


def both(event: str, side: str, windows: Sequence[float], others: int = 0) -> list[Measured]:
    return [one for client in CLIENTS for one in rounds(event, client, side, windows, others)]


def test_the_table_has_a_line_for_each_event_and_a_column_for_each_side() -> None:
    measured = [*results(), *both(LINK_CUT, VRRP, [2.0, 2.0, 2.0])]
    assert table(measured).splitlines() == [
        "| event | article | keepalived, 1 s | collection |",
        "|---|---|---|---|",
        "| link cut | 2.50 (2.00..3.00); LAN ≥12 | 2.00 | **0.40 (0.30..0.50)** |",
        "| planned withdraw | - | - | **0.00** |",
    ]


def test_sides_that_no_round_tells_apart_are_both_the_fastest() -> None:
    hangs = [*both(HANGS, VRRP, [2.9, 3.0, 3.5]), *both(HANGS, COLLECTION, [3.2, 3.4, 3.6])]
    assert fastest([*hangs, *both(HANGS, EXABGP, [3.6, 3.7, 3.9])], HANGS) == [VRRP, COLLECTION]


def test_where_the_collection_is_slower_is_said() -> None:
    for event, why in ((KILLED, f" {REASONS[KILLED]}"), (HANGS, "")):
        slower = [*both(event, BOUND, [1.0, 1.1, 1.2]), *both(event, COLLECTION, [2.0, 2.1, 2.2])]
        assert behind_others(slower) == [f"{event}: 2.10 (2.00..2.20) s, but {BOUND} 1.10 (1.00..1.20) s.{why}"]
    assert behind_others(results()) == []


def test_a_place_without_a_client_of_the_node_has_no_figure() -> None:
    measured = [*rounds(HANGS, LAN, VRRP, [3.0]), *both(HANGS, COLLECTION, [2.0])]
    assert "| service hangs | on the nodes' LAN: 3.00 | **2.00** |" in table(measured)


def test_the_place_that_loses_more_decides() -> None:
    lan_dead = [*rounds(HANGS, BEHIND, VRRP, [0.0]), *rounds(HANGS, LAN, VRRP, [12.0])]
    assert fastest([*lan_dead, *both(HANGS, COLLECTION, [2.0])], HANGS) == [COLLECTION]


def test_clients_of_other_nodes() -> None:
    measured = [*both(HANGS, VRRP, [1.0, 1.0], others=3), *both(HANGS, COLLECTION, [1.0])]
    assert others_table(measured).splitlines()[4:] == [
        f"| service hangs | keepalived, 1 s | {client} | 3 (3..3) | 100 |" for client in CLIENTS
    ]
    assert others_table(both(HANGS, COLLECTION, [1.0])) == "Nothing, in any event on any side."


def test_an_interrupted_run_says_how_many_rounds_it_had() -> None:
    assert figures.rounds(both(HANGS, VRRP, [1.0, 1.0])) == "2 rounds"
    assert figures.rounds([*both(HANGS, VRRP, [1.0, 1.0]), *both(LINK_CUT, VRRP, [1.0])]) == "1 to 2 rounds"
    assert figures.rounds(both(HANGS, VRRP, [1.0])) == "1 round"


def test_shares() -> None:
    assert shares(both(HANGS, VRRP, [1.0])).splitlines()[2:] == ["| keepalived, 1 s | 6/4/2 | 6/4/2 |"]
