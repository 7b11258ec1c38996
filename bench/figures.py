"""What the measurements say: windows, medians, ratios, tables, and whether the required results hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

ARTICLE, COLLECTION = "article", "collection"
_CONFIGS = (ARTICLE, COLLECTION)
BEHIND, LAN = "behind the router", "on the nodes' LAN"
LINK_CUT, BIRD_KILLED, SERVICE_DEAD = "link cut", "bird killed", "service dead"
WITHDRAW, WITHDRAW_STOP = "planned withdraw", "withdraw, then stop"
EVENTS = (LINK_CUT, BIRD_KILLED, SERVICE_DEAD, WITHDRAW, WITHDRAW_STOP)
CLIENTS = (BEHIND, LAN)

ROUNDS = 5
"""As many at least make docs/bench.md."""
LONGEST = 25.0
"""Seconds after an event for which clients that are not answered are observed."""
UNRECOVERED = 20.0
"""Seconds without recovery that count as none."""


@dataclass(frozen=True)
class Sent:
    """A probe: when it was sent (seconds of any clock), and whether it was answered."""

    at: float
    answered: bool


@dataclass(frozen=True)
class Outcome:
    """What clients lost by one event; `window_s` is the longest of them."""

    lost: int
    sent: int
    window_s: float


@dataclass(frozen=True)
class Measured:
    """One line of build/bench.json."""

    event: str
    client: str
    config: str
    lost: int
    sent: int
    window_s: float
    round: int

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Spread:
    """Median, least and most of a figure."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def text(self, digits: int = 2) -> str:
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}..{self.most:.{digits}f})"


def window(probes: Sequence[Sent], event: float, end: float, interval: float) -> float:
    """Seconds from one client's first lost probe to the end of its last, 0 if none is lost.

    :param probes: all sent from the event on, in order.
    :param end: until when it was observed. A client whose last probe is lost has not recovered: then the window is all
        of the time since the event.
    :param interval: seconds between two probes; a single lost one is a window of this length.
    """
    lost = [one.at for one in probes if not one.answered]
    if not lost:
        return 0.0
    if not probes[-1].answered:
        return end - event
    return lost[-1] - lost[0] + interval


def outcome(sources: Iterable[Sequence[Sent]], event: float, end: float, interval: float) -> Outcome:
    """What a group of clients lost from the event on."""
    since = [[one for one in probes if one.at >= event] for probes in sources]
    return Outcome(
        lost=sum(not one.answered for probes in since for one in probes),
        sent=sum(len(probes) for probes in since),
        window_s=round(max(window(probes, event, end, interval) for probes in since), 3),
    )


def lost_before(sources: Iterable[Sequence[Sent]], event: float) -> int:
    """Probes lost before the event: there should be none."""
    return sum(not one.answered and one.at < event for probes in sources for one in probes)


def victim(groups: Sequence[Sequence[str]]) -> str:
    """The node to strike: the one that serves clients of every group, and most of them.

    :param groups: for each group of clients the node that serves each.
    """
    nodes = sorted({node for group in groups for node in group})
    shares = {node: min(list(group).count(node) for group in groups) for node in nodes}
    chosen = max(nodes, key=lambda node: shares[node])
    if not shares[chosen]:
        raise ValueError(f"no node serves clients of every group, found {[sorted(set(group)) for group in groups]}")
    return chosen


def _values(measured: Iterable[Measured], event: str, client: str, config: str, name: str) -> list[float]:
    return [
        getattr(one, name)
        for one in measured
        if (one.event, one.client, one.config) == (event, client, config)
    ]  # fmt: skip


def ratio(article: float, collection: float) -> str:
    """How many times longer the article's is."""
    if article == 0:
        return "-"
    return f"{article / collection:.1f}" if collection else "∞"


def table(measured: Sequence[Measured]) -> str:
    """A Markdown table: for each event and client the windows and losses of both configurations."""
    lines = [
        "| event | client | article: window, s | collection: window, s | ratio | article: lost | collection: lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for event in dict.fromkeys(one.event for one in measured):
        for client in CLIENTS:
            windows = [Spread.of(_values(measured, event, client, config, "window_s")) for config in _CONFIGS]
            lost = [Spread.of(_values(measured, event, client, config, "lost")) for config in _CONFIGS]
            cells = [event, client, *(one.text() for one in windows), ratio(windows[0].median, windows[1].median)]
            lines.append("| " + " | ".join([*cells, *(one.text(0) for one in lost)]) + " |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Check:
    """One of the required results, and what was found."""

    required: str
    found: str
    holds: bool

    def text(self) -> str:
        return f"{'holds' if self.holds else 'DOES NOT HOLD'}: {self.required}; found {self.found}"


def checks(measured: Sequence[Measured]) -> list[Check]:
    """The required results of the events that were measured."""
    found = []
    events = {one.event for one in measured}
    if LINK_CUT in events:
        behind = [median(_values(measured, LINK_CUT, BEHIND, config, "window_s")) for config in _CONFIGS]
        found.append(
            Check(
                f"{LINK_CUT}, client {BEHIND}: median window at most 1.0 s",
                f"{behind[1]:.2f} s",
                behind[1] <= 1.0,
            )
        )
        found.append(
            Check(
                f"{LINK_CUT}, client {BEHIND}: at least 5 times shorter than the article's",
                f"{behind[0]:.2f} s against {behind[1]:.2f} s, {ratio(*behind)} times",
                # Nothing lost where the article loses nothing either is no result.
                behind[0] > 0 and behind[0] >= 5 * behind[1],
            )
        )
        theirs, ours = (_values(measured, LINK_CUT, LAN, config, "window_s") for config in _CONFIGS)
        found.append(
            Check(
                f"{LINK_CUT}, client {LAN}: recovers within 2 s, the article's not in {UNRECOVERED:g} s, each round",
                f"at most {max(ours):.2f} s, the article's at least {min(theirs):.2f} s",
                max(ours) <= 2 and min(theirs) >= UNRECOVERED,
            )
        )
    if WITHDRAW in events:
        lost = [value for client in CLIENTS for value in _values(measured, WITHDRAW, client, COLLECTION, "lost")]
        found.append(Check(f"{WITHDRAW}: nothing lost in any round", f"at most {max(lost)} lost", max(lost) == 0))
    return found
