# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSPF neighbours in one form for both ends: what is found, against what is expected.

Why it may differ is in causes.py. Nothing in here does input or output. A neighbour is a dictionary with the
keys of KEYS, None for what a side cannot tell.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import Any

from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Verdict

# RFC 2328 10.1, in the order in which an adjacency comes up.
STATES = ("Down", "Attempt", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full")
KEYS = (
    "router_id",
    "address",
    "interface",
    "state",
    "role",
    "priority",
    "full_seconds",
    "state_changes",
    "dead_seconds",
    "bfd",
)
# RFC 5880 4.1, and what RouterOS says of a session that no row of /routing/bfd/configuration allows.
BFD_STATES = ("admin-down", "down", "init", "up", "forbidden")

# Full since when is told in whole seconds; a difference beyond this is another adjacency.
_FULL_ROUNDING = 2.0

_SPELLINGS = {state.replace("-", "").lower(): state for state in STATES}
_SPELLINGS["twoway"] = "2-Way"


def expectation_argument_spec():
    """Return the options of the documentation fragment homelab.anycast.neighbor_expectation."""
    return {
        "router_ids": {"type": "list", "elements": "str"},
        "count": {"type": "int"},
        "full_with": {"type": "list", "elements": "str", "default": []},
        "states": {"type": "list", "elements": "str", "choices": list(STATES), "default": ["Full"]},
        "interface": {"type": "str"},
        "exact": {"type": "bool", "default": False},
        "bfd": {"type": "bool", "default": False},
        "stable": {"type": "float", "default": 0},
        "wait": {"type": "float", "default": 0},
        "poll_interval": {"type": "float", "default": 2},
    }


EXPECTATION_MUTUALLY_EXCLUSIVE = [("router_ids", "count")]


def normalise_state(text):
    """Return RFC 2328's spelling of a state (TwoWay, 2-Way and two-way are one); an unknown one as it is."""
    plain = text.strip().strip('"')
    return _SPELLINGS.get(plain.replace("-", "").replace(" ", "").lower(), plain)


def neighbor(**values):
    """Return a neighbour with all KEYS."""
    return {key: values.get(key) for key in KEYS}


def add_bfd(neighbors, sessions):
    """Put the state of its BFD session into each neighbour.

    :param sessions: list of (address, interface, state). An interface may be None, at either side, where it is unknown.
    """
    for entry in neighbors:
        entry["bfd"] = bfd_state(sessions, entry["address"], entry["interface"])
    return neighbors


def bfd_state(sessions, address, interface):
    """Return the state of the BFD session with an address on an interface, None without a session.

    :param sessions: as for add_bfd().
    """
    return next(
        (
            state
            for peer, place, state in sessions
            if peer == address and (None in (place, interface) or place == interface)
        ),
        None,
    )


def describe(entry):
    """Return a neighbour in a few words."""
    text = "{} {}".format(entry["router_id"], entry["state"])
    if entry["role"]:
        text += "/" + entry["role"]
    if entry["interface"]:
        text += " on " + entry["interface"]
    if entry["bfd"]:
        text += " with BFD " + entry["bfd"]
    return text


class Own:
    """What this end says about itself, to be put beside what it says about its neighbours.

    :param name: of the end, for messages.
    :param router_id: its router id, None if unknown.
    :param interfaces: list of dictionaries with the key name, and type, area, network, state, hello, dead, wait,
      priority (each None if unknown) and silent (it sends no hellos: stub or passive). None if they are not known.
    """

    def __init__(self, name, router_id=None, interfaces=None):
        self.name = name
        self.router_id = router_id
        self.known = interfaces is not None
        self.interfaces = list(interfaces or ())

    def interface(self, name):
        """Return the interface of this name; without a name, the only one that speaks OSPF."""
        if name is not None:
            return next((entry for entry in self.interfaces if entry["name"] == name), None)
        speaking = [entry for entry in self.interfaces if not entry.get("silent")]
        return speaking[0] if len(speaking) == 1 else None


class Expectation:
    """What the neighbours should be like; made from the options of expectation_argument_spec()."""

    def __init__(
        self, router_ids=None, count=None, full_with=(), states=("Full",), interface=None, exact=False, bfd=False
    ):
        self.full_with = frozenset(full_with)
        # In the order in which the user wrote them, each once.
        self.router_ids = list(dict.fromkeys([*(router_ids or ()), *full_with]))
        self.count = count
        self.states = tuple(state for state in STATES if state in states)
        self.interface = interface
        self.exact = exact
        self.bfd = bfd
        self.given = bool(self.router_ids) or count is not None or (exact and router_ids is not None)

    @classmethod
    def from_params(cls, params):
        return cls(
            **{
                name: params[name]
                for name in (
                    "router_ids",
                    "count",
                    "full_with",
                    "states",
                    "interface",
                    "exact",
                    "bfd",
                )
            }
        )

    def allowed(self, router_id):
        """Return the states in which this neighbour is good."""
        return ("Full",) if router_id in self.full_with else self.states

    def lacks_only_bfd(self, entry):
        """Return whether nothing is wrong with a neighbour but its BFD session."""
        return self.bfd and entry["bfd"] != "up" and entry["state"] in self.allowed(entry["router_id"])

    def good(self, entry):
        """Return whether a neighbour is as it should be."""
        return entry["state"] in self.allowed(entry["router_id"]) and not self.lacks_only_bfd(entry)


def expectation_problems(params):
    """Return what is wrong with the options, one sentence each; an empty list if nothing is."""
    problems = []
    for option in ("router_ids", "full_with"):
        for value in params[option] or ():
            try:
                IPv4Address(value)
            except AddressValueError:
                problems.append(f"{option}: '{value}' is no router id, expected four numbers as in 172.18.0.1")
            else:
                if value == "0.0.0.0":
                    problems.append(f"{option}: 0.0.0.0 is no router id (RFC 2328 C.1)")
    if params["count"] is not None and params["count"] < 0:
        problems.append("count is %d, expected 0 or more" % params["count"])
    for option in ("exact", "bfd"):
        if params[option] and params["count"] is None and params["router_ids"] is None and not params["full_with"]:
            problems.append(f"{option} is true, but nothing is expected: give router_ids, count or full_with as well")
    problems.extend(time_problems(params, ("stable", "wait")))
    return problems


def time_problems(params, names):
    """Return what is wrong with options that are spans of time, and with poll_interval."""
    problems = [f"{name} is {params[name]:g}, expected 0 or more seconds" for name in names if params[name] < 0]
    if params["poll_interval"] <= 0:
        problems.append("poll_interval is {:g}, expected more than 0 seconds".format(params["poll_interval"]))
    return problems


class Comparison:
    """Found against expected.

    :ivar missing: router ids which are expected and not there.
    :ivar stuck: neighbours which are expected and in a state that is not good.
    :ivar surplus: neighbours which nobody expects (only with expected router ids, not with a count).
    :ivar good: neighbours by which the expectation is met.
    :ivar duplicates: router ids that more than one neighbour on the same interface has.
    :ivar short: how many neighbours are missing from the expected count.
    :ivar over: how many neighbours are there beyond the exact count.
    """

    def __init__(self, neighbors, expectation):
        self.expectation = expectation
        wanted = expectation.interface
        self.counted = [entry for entry in neighbors if wanted is None or entry["interface"] == wanted]
        self.elsewhere = {}
        for entry in neighbors:
            if wanted is not None and entry["interface"] != wanted:
                self.elsewhere.setdefault(entry["router_id"], entry)
        by_id = {}
        for entry in self.counted:
            by_id.setdefault(entry["router_id"], []).append(entry)
        self.duplicates = [router_id for router_id, entries in by_id.items() if _is_duplicate(entries)]
        self.missing, self.stuck, self.good, self.surplus = [], [], [], []
        self.short = self.over = 0
        for router_id in expectation.router_ids:
            entries = by_id.get(router_id, ())
            good = [entry for entry in entries if expectation.good(entry)]
            self.good.extend(good)
            if not entries:
                self.missing.append(router_id)
            elif not good:
                self.stuck.extend(entries)
        if expectation.count is not None:
            self._count(by_id)
        elif expectation.given:
            expected = set(expectation.router_ids)
            self.surplus = [entry for entry in self.counted if entry["router_id"] not in expected]

    def _count(self, by_id):
        expectation = self.expectation
        good_ids = set()
        for router_id, entries in by_id.items():
            good = [entry for entry in entries if expectation.good(entry)]
            if good:
                good_ids.add(router_id)
                if router_id not in expectation.router_ids:
                    self.good.extend(good)
        self.short = max(0, expectation.count - len(good_ids))
        if expectation.exact:
            self.over = max(0, len(by_id) - expectation.count)
        if self.short or expectation.exact:
            self.stuck.extend(
                entry
                for router_id, entries in by_id.items()
                if router_id not in good_ids and router_id not in expectation.router_ids
                for entry in entries
            )

    @property
    def met(self):
        extra = self.expectation.exact and (self.surplus or self.over)
        return not (self.missing or self.stuck or self.short or extra)


def _is_duplicate(entries):
    """Two links to the same neighbour are fine; two neighbours on one link with the same router id are not."""
    interfaces = [entry["interface"] for entry in entries]
    return len(entries) > 1 and len(set(interfaces)) < len(interfaces)


class Watch:
    """Knows since when the expectation holds, look by look."""

    def __init__(self, expectation):
        self.expectation = expectation
        self.neighbors = []
        self.comparison: Any = None
        self._since = {}
        self._broken = None

    def look(self, neighbors, now):
        """Take in what was found at this time; return the Verdict."""
        self.neighbors = neighbors
        self.comparison = Comparison(neighbors, self.expectation)
        since = {}
        for entry in neighbors:
            key = (entry["router_id"], entry["address"], entry["interface"])
            signature = (entry["state"], entry["state_changes"], self.expectation.bfd and entry["bfd"])
            before, start = self._since.get(key, (None, now))
            if before != signature:
                start = now
            if entry["full_seconds"] is not None:
                full_since = now - entry["full_seconds"]
                if full_since < start or full_since > start + _FULL_ROUNDING:
                    start = full_since
            since[key] = (signature, start)
        self._since = since
        if not self.comparison.met:
            self._broken = now
            return Verdict(False)
        starts = [since[entry["router_id"], entry["address"], entry["interface"]][1] for entry in self.comparison.good]
        if not starts and self._broken is None:
            self._broken = now
        if self._broken is not None:
            starts.append(self._broken)
        return Verdict(True, held=now - max(starts))
