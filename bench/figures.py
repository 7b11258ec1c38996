"""What the measurements say: windows, medians, tables, which side is fastest, and whether required results hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

ARTICLE, COLLECTION = "article", "collection"
VRRP, VRRP_FAST = "keepalived, 1 s", "keepalived, 0.1 s"
HEALTHCHECKER, EXABGP, BOUND = "anycast_healthchecker", "ExaBGP", "BIRD bound by systemd"
SIDES = (ARTICLE, VRRP, VRRP_FAST, HEALTHCHECKER, EXABGP, BOUND, COLLECTION)
BEHIND, LAN = "behind the router", "on the nodes' LAN"
CLIENTS = (BEHIND, LAN)
WITHDRAW, KILLED, KILLED_SOON = "planned withdraw", "service killed", "killed 1 s after its announcement"
SECOND_DIES, HANGS, LINK_CUT = "second service dies 1 s after the first", "service hangs", "link cut"
DAEMON_KILLED, CHECKER_KILLED = "routing daemon killed", "checker killed, then service"
BACK, BOOT = "node comes back", "node boots before its service"

ROUNDS = 3
"""As many at least make docs/bench.md."""
LONGEST = 12.0
"""Seconds after an event for which clients that are not answered are observed."""
UNRECOVERED = 10.0
"""Seconds without recovery that count as none."""
LIMITS = {WITHDRAW: 0.0, KILLED: 0.6, KILLED_SOON: 0.6, SECOND_DIES: 0.6, HANGS: 2.0, LINK_CUT: 1.0}
"""Seconds that the collection's median window may be, at either place."""

_BOUND_IS_FASTER = "It ends BIRD, and with it all services of its node; here the announcer ends, and tells BIRD of one."
REASONS = {
    **dict.fromkeys((KILLED, KILLED_SOON, SECOND_DIES), _BOUND_IS_FASTER),
    BOOT: (
        "The router still has the LSA from before the node lost its power, and uses it from Full until the node has"
        " flushed it. BGP and VRRP have nothing from before; a BIRD bound to its service starts after it."
    ),
}
"""Why a side is faster, by event; without one the measurement asks for a look."""


@dataclass(frozen=True)
class Sent:
    """A probe: when it was sent (seconds of any clock), and whether it was answered."""

    at: float
    answered: bool


@dataclass(frozen=True)
class Outcome:
    """What a group of clients lost by one event; `window_s` is the longest of them."""

    lost: int
    lost_by_others: int
    """By clients of other nodes than the one that the event strikes."""
    sent: int
    window_s: float


@dataclass(frozen=True)
class Measured:
    """One line of build/bench.json."""

    event: str
    client: str
    side: str
    round: int
    lost: int
    lost_by_others: int
    sent: int
    window_s: float
    share: str
    """How many clients each node had before, most first: 6/4/2."""

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

    def seconds(self) -> str:
        """As text(); what was not recovered while it was observed is "≥12", and what never differs stands alone."""
        texts = [f"≥{LONGEST:g}" if one >= LONGEST else f"{one:.2f}" for one in (self.median, self.least, self.most)]
        return texts[0] if len(set(texts)) == 1 else f"{texts[0]} ({texts[1]}..{texts[2]})"


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


def outcome(
    sources: Iterable[Sequence[Sent]], others: Iterable[bool], event: float, end: float, interval: float
) -> Outcome:
    """What a group of clients lost from the event on.

    :param others: for each source whether the event strikes a node that is not its own.
    """
    since = [[one for one in probes if one.at >= event] for probes in sources]
    lost = [sum(not one.answered for one in probes) for probes in since]
    return Outcome(
        lost=sum(lost),
        lost_by_others=sum(count for count, other in zip(lost, others, strict=True) if other),
        sent=sum(len(probes) for probes in since),
        window_s=round(max(window(probes, event, end, interval) for probes in since), 3),
    )


def share(nodes: Sequence[str], of: int) -> str:
    """How many clients each node has, most first.

    :param of: how many nodes there are.
    """
    counts = sorted(Counter(nodes).values(), reverse=True)
    return "/".join(str(count) for count in [*counts, *[0] * (of - len(counts))])


def victim(groups: Sequence[Sequence[str]]) -> str:
    """The node to strike: the one that serves clients of every group, if there is one, and most of them.

    :param groups: for each group of clients the node that serves each.
    """
    nodes = sorted({node for group in groups for node in group})
    shares = {node: [list(group).count(node) for group in groups] for node in nodes}
    return max(nodes, key=lambda node: (min(shares[node]), sum(shares[node])))


def _values(measured: Iterable[Measured], event: str, client: str, side: str, name: str) -> list[float]:
    return [
        getattr(one, name)
        for one in measured
        if (one.event, one.client, one.side) == (event, client, side)
    ]  # fmt: skip


def rounds(measured: Iterable[Measured]) -> str:
    """How often each event was measured on each side: "3 rounds", or "2 to 3 rounds" after an interruption."""
    # Either place may be missing, not both.
    taken = Counter((event, side) for event, side, _round in {(one.event, one.side, one.round) for one in measured})
    counts = sorted({min(taken.values()), max(taken.values())})
    return f"{' to '.join(map(str, counts))} round{'' if counts == [1] else 's'}"


def _windows(measured: Iterable[Measured], event: str, side: str) -> dict[str, Spread]:
    """Of each place, of those that were measured."""
    values = {client: _values(measured, event, client, side, "window_s") for client in CLIENTS}
    return {client: Spread.of(found) for client, found in values.items() if found}


def _worst(measured: Iterable[Measured], event: str, side: str) -> Spread | None:
    """Of the place that lost more."""
    return max(_windows(measured, event, side).values(), key=lambda one: one.median, default=None)


def fastest(measured: Sequence[Measured], event: str) -> list[str]:
    """The sides that no side beats: whose best round is at most the worst one of the side with the least median."""
    found = {side: one for side in SIDES if (one := _worst(measured, event, side))}
    best = min(found.values(), key=lambda one: one.median)
    return [side for side, one in found.items() if one.least <= best.most]


def _cell(windows: Mapping[str, Spread]) -> str:
    if not windows:
        return "-"
    if len(windows) == 1:
        ((client, found),) = windows.items()
        return f"{client}: {found.seconds()}"
    behind, lan = windows[BEHIND], windows[LAN]
    # Of a second, the phase of a check is the most that two places of one side differ by.
    differs = abs(behind.median - lan.median) > 0.1
    return f"{behind.seconds()}; LAN {lan.seconds()}" if differs else behind.seconds()


def table(measured: Sequence[Measured]) -> str:
    """A Markdown table: for each event the windows of all sides, those of the fastest in bold."""
    sides = [side for side in SIDES if any(one.side == side for one in measured)]
    lines = [f"| event | {' | '.join(sides)} |", "|---" * (len(sides) + 1) + "|"]
    for event in dict.fromkeys(one.event for one in measured):
        first = fastest(measured, event)
        cells = [(_cell(_windows(measured, event, side)), side in first) for side in sides]
        lines.append(f"| {event} | {' | '.join(f'**{text}**' if bold else text for text, bold in cells)} |")
    return "\n".join(lines)


def others_table(measured: Sequence[Measured]) -> str:
    """A Markdown table: what clients of other nodes lost, of the events and sides where they did in any round."""
    head = ["| event | side | clients | probes lost | of |", "|---|---|---|---|---|"]
    lines = []
    for event in dict.fromkeys(one.event for one in measured):
        for side in SIDES:
            for client in CLIENTS:
                lost = _values(measured, event, client, side, "lost_by_others")
                if any(lost):
                    sent = _values(measured, event, client, side, "sent")
                    lines.append(f"| {event} | {side} | {client} | {Spread.of(lost).text(0)} | {median(sent):.0f} |")
    return "\n".join(["Nothing, but:", "", *head, *lines] if lines else ["Nothing, in any event on any side."])


def shares(measured: Sequence[Measured]) -> str:
    """A Markdown table: how many clients each node has, the most usual of what was seen."""
    lines = [f"| side | {' | '.join(CLIENTS)} |", "|---|---|---|"]
    for side in dict.fromkeys(one.side for one in measured):
        seen = [
            Counter(one.share for one in measured if (one.side, one.client) == (side, client)) for client in CLIENTS
        ]
        lines.append(f"| {side} | {' | '.join(counter.most_common(1)[0][0] for counter in seen)} |")
    return "\n".join(lines)


def behind_others(measured: Sequence[Measured]) -> list[str]:
    """Sentences for each event in which a side is faster than the collection in every round."""
    found = []
    for event in dict.fromkeys(one.event for one in measured):
        first, ours = fastest(measured, event), _worst(measured, event, COLLECTION)
        if ours and COLLECTION not in first:
            theirs = ", ".join(f"{side} {_worst(measured, event, side).text()} s" for side in first)  # type: ignore[union-attr]
            found.append(" ".join([f"{event}: {ours.text()} s, but {theirs}.", REASONS.get(event, "")]).strip())
    return found


@dataclass(frozen=True)
class Check:
    """One of the required results, and what was found."""

    required: str
    found: str
    holds: bool

    def text(self) -> str:
        return f"{'holds' if self.holds else 'DOES NOT HOLD'}: {self.required}; found {self.found}"


def checks(measured: Sequence[Measured]) -> list[Check]:
    """The required results of what was measured."""
    found = []
    for event, limit in LIMITS.items():
        if (ours := _worst(measured, event, COLLECTION)) is None:
            continue
        text = f"median window at most {limit:g} s" if limit else "nothing lost in any round"
        holds = ours.median <= limit if limit else ours.most == 0
        found.append(Check(f"{event}: {text}, at either place", f"{ours.text()} s", holds))
    cut = {side: _windows(measured, LINK_CUT, side) for side in (ARTICLE, COLLECTION)}
    if all(cut.values()):
        theirs, ours_there = cut[ARTICLE], cut[COLLECTION]
        found.append(
            Check(
                f"{LINK_CUT}, client {BEHIND}: at least 5 times shorter than the article's",
                f"{theirs[BEHIND].median:.2f} s against {ours_there[BEHIND].median:.2f} s",
                # Nothing lost where the article loses nothing either is no result.
                theirs[BEHIND].median > 0 and theirs[BEHIND].median >= 5 * ours_there[BEHIND].median,
            )
        )
        found.append(
            Check(
                f"{LINK_CUT}, client {LAN}: recovers within 2 s, the article's not in {UNRECOVERED:g} s, each round",
                f"at most {ours_there[LAN].most:.2f} s, the article's at least {theirs[LAN].least:.2f} s",
                ours_there[LAN].most <= 2 and theirs[LAN].least >= UNRECOVERED,
            )
        )
    return found
