"""All sides, the same events and the same probes, in turns: while one is measured, the others recover."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from bed import wait_for

from . import BUILD, DOCS, figures, peers, report
from .clients import INTERVAL, wait_answered
from .events import EVENTS
from .figures import CLIENTS, LONGEST, ROUNDS, SIDES, Measured
from .sides import Article, Collection, Side, Unavailable

CLASSES: dict[str, type[Side]] = {
    side.name: side
    for side in (Article, peers.Vrrp, peers.VrrpFast, peers.Healthchecker, peers.ExaBgp, peers.Bound, Collection)
}
WARM_UP = 2.0
"""Seconds of answered probes before each event; time enough for a redirect to arrive."""
QUIET = 2.0
"""Seconds in which every client is answered, after which the observation ends."""
RESULTS = BUILD / "bench.json"


def measure(side: Side, name: str, number: int) -> list[Measured]:
    """One event on one side, of which the side has to recover afterwards."""
    event = EVENTS[name]
    side.wait_quiet()
    groups = side.clients(event.service)
    for group in groups:
        group.start()
    try:
        if not wait_answered(groups, WARM_UP, time.monotonic() + 30):
            raise TimeoutError(f"{side.name}: some clients get no answers before the event '{name}'")
        served = [group.answered_by() for group in groups]
        victim = figures.victim(served)
        node = next(one for one in side.nodes if one.name == victim)
        event.prepare(side, node)
        begun = time.monotonic()
        event.strike(side, node)
        if event.returns:
            wait_for("the node to serve again", lambda: victim in side.serving(event.service))
        wait_answered(groups, QUIET, max(begun + LONGEST, time.monotonic() + QUIET + 1), begun + event.least)
        end = time.monotonic()
    finally:
        probes = [group.stop() for group in groups]
    found = []
    for client, sources, nodes in zip(CLIENTS, probes, served, strict=True):
        # The kernel's hash, and redirects, may leave no client of a place to any node that has one of the other place.
        if victim not in nodes:
            continue
        result = figures.outcome(sources, [one != victim for one in nodes], begun, end, INTERVAL)
        share = figures.share(nodes, len(side.nodes))
        found.append(Measured(name, client, side.name, number, **vars(result), share=share))
    return found


@contextmanager
def started(names: Sequence[str]) -> Iterator[tuple[list[Side], dict[str, str]]]:
    """The sides on their beds, and why some cannot be had here."""
    found, missing = [], {}
    with ExitStack() as stack:
        for name in names:
            print(f"starting {name}", flush=True)
            try:
                found.append(stack.enter_context(CLASSES[name]()))
            except Unavailable as why:
                missing[name] = str(why)
                print(f"  not measured: {why}", flush=True)
        yield found, missing


def run(rounds: int, events: Sequence[str], names: Sequence[str], resume: bool) -> int:
    """Measure, print, write build/bench.json and docs/bench.md; 1 if a required result does not hold.

    :param resume: go on where build/bench.json ends.
    """
    earlier = json.loads(RESULTS.read_text()) if resume else {"measured": [], "loads": []}
    measured = [Measured(**row) for row in earlier["measured"]]
    known = {(one.round, one.event, one.side) for one in measured}
    loads = [*earlier["loads"], os.getloadavg()[0]]
    begun = time.monotonic()
    BUILD.mkdir(exist_ok=True)
    whole = tuple(events) == tuple(EVENTS) and tuple(names) == SIDES
    with started(names) as (sides, missing), ThreadPoolExecutor(len(names)) as pool:
        versions = report.peer_versions(sides)
        recovered: dict[str, Future[None]] = {side.name: pool.submit(side.recover) for side in sides}
        done = 0
        for number, name, side in _turns(rounds, events, sides):
            if (number, name, side.name) in known:
                continue
            recovered[side.name].result()
            rows = measure(side, name, number)
            measured += rows
            recovered[side.name] = pool.submit(side.recover)
            loads.append(os.getloadavg()[0])
            said = "; ".join(f"{row.lost}/{row.sent} lost, {row.window_s:.2f} s {row.client}" for row in rows)
            print(f"[{time.monotonic() - begun:4.0f} s, load {loads[-1]:.1f}] {number}/{rounds} {name}, {side.name}:"
                  f" {said}", flush=True)  # fmt: skip
            # After each turn, so that an interrupted run keeps its results.
            found = {
                "machine": report.machine(versions["frr"], loads),
                "versions": versions,
                "loads": loads,
                "missing": missing,
                "measured": [one.as_row() for one in measured],
            }
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
            done = number
        for future in recovered.values():
            future.result()
    print(f"{done} rounds took {time.monotonic() - begun:.0f} s")
    return page(write=whole and rounds >= ROUNDS)


def page(write: bool = True) -> int:
    """Make docs/bench.md of build/bench.json, and print it; 1 if a required result does not hold."""
    found = json.loads(RESULTS.read_text())
    measured = [Measured(**row) for row in found["measured"]]
    results = figures.checks(measured)
    whats = {name: CLASSES[name].what.format(**found["versions"]) for name in SIDES}
    events = {
        name: (event.what, [f"{side}: {CLASSES[side].skips[name]}" for side in SIDES if name in CLASSES[side].skips])
        for name, event in EVENTS.items()
    }
    text = report.bench(measured, results, found["machine"], whats, events, found["missing"])
    print(text)
    if write:
        (DOCS / "bench.md").write_text(text)
    else:
        print(f"docs/bench.md stays as it is: it is of all sides, all events, and {ROUNDS} rounds or more")
    for check in results:
        print(check.text())
    return int(not all(check.holds for check in results))


def _turns(rounds: int, events: Sequence[str], sides: Sequence[Side]) -> Iterator[tuple[int, str, Side]]:
    """Round by round, event by event, one side after the other."""
    for number in range(1, rounds + 1):
        for event in events:
            for side in sides:
                if event not in side.skips:
                    yield number, event, side
