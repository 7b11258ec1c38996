# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSPF neighbours in one form for both ends: what is found, against what is expected. Private to this collection.

Why it may differ is in causes.py. Nothing in here does input or output.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from ..waiting import Verdict

# RFC 2328 10.1, in the order in which an adjacency comes up.
STATES = ("Down", "Attempt", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full")

_FULL_ROUNDING = 2.0  # Full since when is told in whole seconds; a difference beyond this is a new adjacency

_SPELLINGS = {state.replace("-", "").lower(): state for state in STATES}
_SPELLINGS["twoway"] = "2-Way"


def normalise_state(text: str) -> str:
    """Return RFC 2328's spelling of a state (TwoWay, 2-Way and two-way are one); an unknown one as it is."""
    plain = text.strip().strip('"')
    return _SPELLINGS.get(plain.replace("-", "").replace(" ", "").lower(), plain)


@dataclasses.dataclass(frozen=True)
class Neighbor:
    """A neighbour as one end sees it; None for what that end does not tell."""

    router_id: str | None
    address: str | None
    interface: str | None
    state: str
    role: str | None = None
    priority: int | None = None
    full_seconds: float | None = None
    state_changes: int | None = None
    dead_seconds: float | None = None
    bfd: str | None = None

    def in_words(self) -> str:
        role = f"/{self.role}" if self.role else ""
        where = f" on {self.interface}" if self.interface else ""
        return f"{self.router_id} {self.state}{role}{where}{f' with BFD {self.bfd}' if self.bfd else ''}"


@dataclasses.dataclass(frozen=True)
class OwnInterface:
    """An OSPF interface of this end; timers in seconds, None for what this end does not tell."""

    name: str
    network: str | None = None
    silent: bool = False  # It sends no hellos: stub or passive
    type: str | None = None
    area: str | None = None
    state: str | None = None
    priority: int | None = None
    hello: float | None = None
    dead: float | None = None
    wait: float | None = None  # RouterOS tells neither this
    retransmit: float | None = None  # nor this

    def as_dict(self) -> dict[str, Any]:
        unknown = [key for key in ("wait", "retransmit") if getattr(self, key) is None]
        return {key: value for key, value in vars(self).items() if key not in unknown}

    def has_any(self, addresses: Iterable[str]) -> bool:
        """Return whether one of the addresses is in the network."""
        with contextlib.suppress(ValueError):
            network = ipaddress.ip_network(str(self.network), strict=False)
            return any(ipaddress.ip_address(address) in network for address in addresses)
        return False

    def in_words(self) -> str:
        words = [word for word in (self.type, self.network, self.area and f"area {self.area}") if word]
        if self.silent:
            words.append("stub or passive")
        else:
            words += [f"{key} {value:g} s" for key, value in (("hello", self.hello), ("dead", self.dead)) if value]
            words += [f"priority {self.priority}"] if self.priority is not None else []
            words += [f"state {self.state}"] if self.state else []
        return f"{self.name} ({', '.join(words)})"


@dataclasses.dataclass(frozen=True)
class Own:
    """What this end says about itself, to be put beside its neighbours; interfaces is None if it could not be asked."""

    name: str
    router_id: str | None = None
    interfaces: Sequence[OwnInterface] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"router_id": self.router_id, "interfaces": [entry.as_dict() for entry in self.interfaces or ()]}

    @property
    def speaking(self) -> list[OwnInterface]:
        """The interfaces that send hellos."""
        return [entry for entry in self.interfaces or () if not entry.silent]

    def interface(self, name: str | None, near: Iterable[str | None] = ()) -> OwnInterface | None:
        """Return the interface of this name, of several the one in the subnet of near; without a name, the only one."""
        if name is not None:
            found = [entry for entry in self.interfaces or () if entry.name == name]
            others = [str(address) for address in near]
            return next((entry for entry in found if entry.has_any(others)), found[0] if found else None)
        return self.speaking[0] if len(self.speaking) == 1 else None


@dataclasses.dataclass(frozen=True)
class Expectation:
    """What the neighbours should be like; the options of the documentation fragment neighbor_expectation say how."""

    router_ids: Sequence[str] | None = None
    count: int | None = None
    full_with: Sequence[str] = ()
    states: Sequence[str] = ("Full",)
    interface: str | None = None
    exact: bool = False
    bfd: bool = False

    @property
    def wanted(self) -> list[str]:
        """The router ids that must be there, in the order in which the user wrote them, each once."""
        return list(dict.fromkeys([*(self.router_ids or ()), *self.full_with]))

    @property
    def given(self) -> bool:
        none_is_exact = self.exact and self.router_ids is not None
        return bool(self.router_ids or self.full_with or none_is_exact) or self.count is not None

    def allowed(self, router_id: str | None) -> Sequence[str]:
        """Return the states in which this neighbour is good."""
        return ("Full",) if router_id in self.full_with else self.states

    def lacks_only_bfd(self, entry: Neighbor) -> bool:
        """Return whether nothing is wrong with a neighbour but its BFD session."""
        return self.bfd and entry.bfd != "up" and entry.state in self.allowed(entry.router_id)

    def good(self, entry: Neighbor) -> bool:
        return entry.state in self.allowed(entry.router_id) and not (self.bfd and entry.bfd != "up")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Found against expected."""

    expectation: Expectation
    counted: list[Neighbor]  # The neighbours on the interface that is looked at
    elsewhere: dict[str | None, Neighbor]  # Of the others, the first of each router id
    missing: list[str]  # Router ids which are expected and not there
    stuck: list[Neighbor]  # Neighbours which are expected and in a state that is not good
    good: list[Neighbor]  # Neighbours by which the expectation is met
    surplus: list[Neighbor]  # Neighbours beside the expected router ids; none where a count is expected
    duplicates: list[str | None]  # Router ids that more than one neighbour on the same interface has
    short: int  # How many neighbours the expected count lacks
    over: int  # How many are there beyond the exact count

    @property
    def met(self) -> bool:
        extra = self.expectation.exact and (self.surplus or self.over)
        return not (self.missing or self.stuck or self.short or extra)


def compare(neighbors: Iterable[Neighbor], expectation: Expectation) -> Comparison:
    """Return how the neighbours differ from what is expected."""
    counted: list[Neighbor] = []
    elsewhere: dict[str | None, Neighbor] = {}
    by_id: dict[str | None, list[Neighbor]] = {}
    for entry in neighbors:
        if expectation.interface in (None, entry.interface):
            counted.append(entry)
            by_id.setdefault(entry.router_id, []).append(entry)
        else:
            elsewhere.setdefault(entry.router_id, entry)
    good = {router_id: [entry for entry in entries if expectation.good(entry)] for router_id, entries in by_id.items()}
    wanted = dict.fromkeys(expectation.wanted)
    beside = [router_id for router_id in by_id if router_id not in wanted]
    short = over = 0
    if expectation.count is not None:
        short = max(0, expectation.count - sum(map(bool, good.values())))
        over = max(0, len(by_id) - expectation.count) if expectation.exact else 0
    # Any neighbour may make up a count. One that is not good is in the way where the count is short or exact.
    counting = beside if expectation.count is not None else []
    may_surpass = expectation.given and expectation.count is None
    to_be_good = [*wanted, *(counting if short or expectation.exact else ())]
    return Comparison(
        expectation=expectation,
        counted=counted,
        elsewhere=elsewhere,
        missing=[router_id for router_id in wanted if router_id not in by_id],
        stuck=[entry for router_id in to_be_good if not good.get(router_id) for entry in by_id.get(router_id, ())],
        good=[entry for router_id in (*wanted, *counting) for entry in good.get(router_id, ())],
        surplus=[entry for entry in counted if may_surpass and entry.router_id not in wanted],
        # Two links to the same neighbour are fine; two neighbours on one link with the same router id are not.
        duplicates=[one for one, entries in by_id.items() if len({e.interface for e in entries}) < len(entries)],
        short=short,
        over=over,
    )


class Watch:
    """Knows since when the expectation holds, look by look."""

    def __init__(self, expectation: Expectation) -> None:
        self.expectation = expectation
        self.comparison = compare([], expectation)
        self._since: dict[Any, tuple[Any, float]] = {}  # By neighbour: what must not change, and since when
        self._broken: float | None = None

    def look(self, neighbors: Sequence[Neighbor], now: float) -> Verdict:
        """Take in what was found at this time."""
        self.comparison = compare(neighbors, self.expectation)
        since = {}
        for entry in neighbors:
            signature = (entry.state, entry.state_changes, self.expectation.bfd and entry.bfd)
            place = _place(entry)
            before, start = self._since.get(place, (None, now))
            if before != signature:
                start = now
            if entry.full_seconds is not None:
                full_since = now - entry.full_seconds
                if full_since < start or full_since > start + _FULL_ROUNDING:
                    start = full_since
            since[place] = (signature, start)
        self._since = since
        if not self.comparison.met:
            self._broken = now
            return Verdict(False)
        starts = [since[_place(entry)][1] for entry in self.comparison.good]
        if not starts and self._broken is None:
            self._broken = now
        if self._broken is not None:
            starts.append(self._broken)
        return Verdict(True, held=now - max(starts))


def _place(entry: Neighbor) -> tuple[str | None, str | None, str | None]:
    return entry.router_id, entry.address, entry.interface
