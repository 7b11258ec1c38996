# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why OSPF neighbours are not as expected, without input or output. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from ..waiting import after
from .neighbors import STATES, Comparison, Neighbor, Own, OwnInterface


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with its likely causes, the most likely first."""

    router_ids: Sequence[str | None]
    state: str  # Of the neighbours, or in words
    interface: str | None
    found: str
    expected: str
    causes: list[str]


def likely_causes(state: str, interface: OwnInterface | None = None, role: str | None = None) -> list[str]:
    """Return the likely causes of a neighbour's state, most likely first (RFC 2328 10.1, 10.5, 10.6 and 10.8).

    The state is a name of STATES, or "Missing" for a neighbour that is not there at all; the interface is this end's,
    the role the neighbour's.
    """
    here = interface or OwnInterface("")
    authentication = "the authentication differs in kind, key id or key"
    firewall = "a firewall drops OSPF (IP protocol 89, multicast 224.0.0.5 and 224.0.0.6)"
    network_type = f"the network type differs: broadcast at one end, ptp at the other{_here(here.type)}"
    timers = None if None in (here.hello, here.dead) else f"hello {here.hello:g} s, dead {here.dead:g} s"
    missing = [
        "the other end is down, or does not speak OSPF on its interface to this end",
        f"the hello or dead interval differs{_here(timers)}",
        f"the area or its type differs{_here(here.area)}",
        authentication,
        f"the subnet mask differs{_here(here.network)}",
        firewall + " at either end",
        "multicast does not get through the switch or bridge (IGMP snooping)",
        "two routers have the same router id",
    ]
    init = [
        f"its hellos arrive here, ours do not arrive there: {firewall} at the other end or on the way out of this one",
        "the other end rejects our hellos: " + authentication,
        f"it has only just come up: this state passes within one hello interval{_seconds(here.hello)}",
    ]
    no_priority = "priority is 0 here, and the other end is not the designated router: raise its priority"
    by_design = "neither end is the designated router or its backup: two such ends stay in 2-Way by design"
    two_way = [
        *([no_priority] if here.priority == 0 else []),
        *([by_design] if role in (None, "DROther") else []),
        "no designated router is elected, as all have priority 0: give the router priority 1 or more",
        f"the election still waits{_seconds(here.wait, 'wait timer ')}",
        network_type,
    ]
    exchange = [
        "the MTU of the two interfaces differs",
        "two routers have the same router id",
        "unicast between the two interface addresses is dropped, though multicast gets through: " + firewall,
        network_type,
    ]
    loading = [
        "link state requests or updates are lost: the path has a smaller MTU than the interfaces, or the link is lossy",
        "a damaged link state advertisement is asked for again and again: restart OSPF where it comes from",
    ]
    causes = {"Init": init, "2-Way": two_way, "Loading": loading}
    causes.update(dict.fromkeys(("Missing", "Down", "Attempt"), missing))
    causes.update(dict.fromkeys(("ExStart", "Exchange"), exchange))
    return causes.get(state, [])


def _here(value: str | None) -> str:
    return "" if value is None else f" (here: {value})"


def _seconds(value: float | None, of: str = "") -> str:
    return _here(None if value is None else f"{of}{value:g} s")


def _any_of(states: Iterable[str]) -> str:
    return " or ".join(sorted(set(states), key=STATES.index))


def neighbor_findings(comparison: Comparison, own: Own) -> list[Finding]:
    """Return what is wrong, one finding for each thing."""
    expectation = comparison.expectation
    findings = []
    shared = list(comparison.duplicates)
    if own.router_id and any(entry.router_id == own.router_id for entry in comparison.counted):
        shared.append(own.router_id)
    if shared:
        causes = ["two routers have the same router id: give each its own, and never the anycast address"]
        place, title = expectation.interface, "Duplicate router id"
        findings.append(Finding(shared, title, place, "used more than once", "unique", causes))
    if comparison.missing or (comparison.short and not comparison.stuck):
        found = "nothing" if comparison.missing else f"{(expectation.count or 0) - comparison.short} neighbour(s)"
        expected, causes = _any_of(expectation.states), _why_missing(comparison, own)
        findings.append(Finding(comparison.missing, "Missing", expectation.interface, found, expected, causes))
    stuck: dict[Any, list[Neighbor]] = {}
    without_bfd: dict[Any, list[Neighbor]] = {}
    for entry in comparison.stuck:
        if expectation.lacks_only_bfd(entry):
            without_bfd.setdefault((entry.bfd, entry.interface, entry.state), []).append(entry)
        else:
            stuck.setdefault((entry.state, entry.interface, entry.role), []).append(entry)
    for (bfd, interface, state), entries in without_bfd.items():
        session = "no BFD session" if bfd is None else f"BFD {bfd}"
        ids, title = [entry.router_id for entry in entries], session[0].upper() + session[1:]
        found, expected = f"{state}, {session}", f"{state}, BFD up"
        findings.append(Finding(ids, title, interface, found, expected, bfd_causes(bfd)))
    for (state, interface, role), entries in stuck.items():
        ids = [entry.router_id for entry in entries]
        expected = _any_of(allowed for router_id in ids for allowed in expectation.allowed(router_id))
        causes = likely_causes(state, own.interface(interface, [entry.address for entry in entries]), role)
        findings.append(Finding(ids, state, interface, state, expected, causes))
    return findings


def bfd_causes(state: str | None) -> list[str]:
    """Return the likely causes of a BFD session which is not up, None without one, most likely first (RFC 5880 6.2)."""
    configure = (
        "RouterOS needs use-bfd=yes in the OSPF interface template and a row in /routing/bfd/configuration, BIRD needs"
        " 'bfd yes' in the OSPF interface and a 'protocol bfd'"
    )
    firewall = "a firewall drops BFD (UDP port 3784)"
    causes = {
        None: ["OSPF does not ask for BFD at this end: " + configure, "the adjacency has only just come up"],
        "forbidden": [
            "no row of /routing/bfd/configuration allows BFD on the interface: add one with interfaces, min-tx, min-rx"
            " and multiplier, or enable it",
            "a row before it has forbid-bfd=yes",
        ],
        "down": [
            "BFD is not on at the other end: " + configure,
            firewall + " at either end",
            "the neighbour has just gone, and OSPF keeps it until its dead interval is over",
        ],
        "init": [
            f"its packets arrive here, ours do not arrive there: {firewall} at the other end or on the way out of"
            " this one",
            "it has only just come up",
        ],
    }
    return causes.get(state, ["BFD is switched off by hand at one end (administratively down)"])


def _why_missing(comparison: Comparison, own: Own) -> list[str]:
    wanted = comparison.expectation.interface
    causes = []
    if own.router_id in comparison.missing:
        advice = "correct what is expected, or give one of the two a different one"
        causes.append(f"{own.router_id} is the router id of this end itself: {advice}")
    causes += [
        f"{other.router_id} is seen on interface {other.interface} instead, {other.state}"
        for other in map(comparison.elsewhere.get, comparison.missing)
        if other
    ]
    speaking = ", ".join(entry.name for entry in own.speaking)
    # Router ids are addresses of the link, as a rule.
    here = own.interface(wanted, [*comparison.missing, own.router_id])
    if own.interfaces and not speaking:
        names = ", ".join(entry.name for entry in own.interfaces)
        return [
            *causes,
            f"OSPF here has stub or passive interfaces only, which send no hellos: {names}. The interface to the"
            " neighbours is down, or its configuration does not name it",
        ]
    if wanted is not None and here is None and own.interfaces:
        return [*causes, f"OSPF does not run on interface {wanted} here, but on {speaking}"]
    if own.interfaces is not None and not own.interfaces:
        return [*causes, "OSPF runs on no interface here: its configuration names none that is there and up"]
    if here is not None and here.silent:
        return [*causes, f"interface {here.name} is stub or passive here, so it sends no hellos"]
    if comparison.surplus:
        others = ", ".join(sorted({str(entry.router_id) for entry in comparison.surplus}))
        causes.append(f"it is there with a different router id: {others} is not expected")
    return [*causes, *likely_causes("Missing", here)]


def say_causes(causes: Iterable[str]) -> str:
    """Return likely causes as a sentence without its end."""
    return "Likely causes: " + "; ".join(f"({number}) {cause}" for number, cause in enumerate(causes, 1))


def neighbors_failure(comparison: Comparison, own: Own, spent: float = 0.0, stable: float | None = None) -> str:
    """Return the message for a user who expected something else, or the same for some seconds (stable)."""
    expectation = comparison.expectation
    who = own.name + (f" (router id {own.router_id})" if own.router_id else "")
    counted = ", ".join(entry.in_words() for entry in comparison.counted)
    if stable is not None:
        return (
            f"The OSPF neighbours of {who} are as expected{after(spent)}, but have not been for {stable:g} s: a"
            f" neighbour changed its state while the module looked. Found: {counted or 'none'}."
        )
    lines = [f"The OSPF neighbours of {who} are not as expected{after(spent)}."]
    for finding in neighbor_findings(comparison, own):
        text = _finding_in_words(finding, expectation.count)
        lines.append(f"- {text} {say_causes(finding.causes)}." if finding.causes else f"- {text}")
    if expectation.exact and comparison.surplus:
        surplus = ", ".join(entry.in_words() for entry in comparison.surplus)
        advice = "Add the router ids that belong there to router_ids, or turn OSPF off at the others."
        lines.append(f"- Not expected, yet there: {surplus}. {advice}")
    if comparison.over and expectation.count is not None:
        found = expectation.count + comparison.over
        lines.append(f"- Found {found} neighbours, expected exactly {expectation.count}.")
    where = " on " + expectation.interface if expectation.interface else ""
    lines.append(f"Found{where}: {counted or 'no neighbour'}.")
    if own.interfaces:
        lines.append(f"Interfaces here: {'; '.join(entry.in_words() for entry in own.interfaces)}.")
    return "\n".join(lines)


def _finding_in_words(finding: Finding, count: int | None) -> str:
    ids = ", ".join(map(str, finding.router_ids))
    if finding.state == "Missing" and ids:
        return f"Missing: {ids} (expected {finding.expected})."
    if finding.state == "Missing":
        return f"Found {finding.found} in state {finding.expected}, expected {count}."
    if finding.state == "Duplicate router id":
        return f"Duplicate router id: {ids}."
    where = f" on interface {finding.interface}" if finding.interface else ""
    return f"{ids}: state {finding.found}{where}, expected {finding.expected}."
