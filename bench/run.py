"""Both configurations, the same events and the same probes, in turns."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bed import Machine

from . import BUILD, DOCS, figures, report
from .clients import INTERVAL, wait_answered
from .figures import (
    BIRD_KILLED,
    CLIENTS,
    EVENTS,
    LINK_CUT,
    LONGEST,
    ROUNDS,
    SERVICE_DEAD,
    WITHDRAW,
    WITHDRAW_STOP,
    Measured,
)
from .sides import Article, Collection, Side

WARM_UP = 2.0
"""Seconds of answered probes before each event; time enough for a redirect to arrive."""
SHORTEST = 8.0
"""Seconds for which every event is observed: longer than either configuration needs to notice it."""
QUIET = 3.0
"""Seconds in which every client is answered, after which the observation ends."""


def act(side: Side, event: str, node: Machine) -> None:
    """Have an event happen to a node."""
    actions: dict[str, Callable[[Machine], None]] = {
        LINK_CUT: side.cut,
        BIRD_KILLED: side.kill_bird,
        SERVICE_DEAD: side.hang_service,
        WITHDRAW: side.withdraw,
        WITHDRAW_STOP: side.withdraw_and_stop,
    }
    actions[event](node)


def measure(side: Side, event: str, number: int) -> list[Measured]:
    """One event on one side, of which the side has recovered at the end."""
    groups = side.clients()
    for group in groups:
        group.start()
    try:
        if not wait_answered(groups, WARM_UP, time.monotonic() + 30):
            raise TimeoutError(f"{side.name}: some clients get no answers before the event '{event}'")
        name = figures.victim([group.answered_by() for group in groups])
        node = next(one for one in side.bed.nodes if one.name == name)
        begun = time.monotonic()
        act(side, event, node)
        wait_answered(groups, QUIET, begun + LONGEST, not_before=begun + SHORTEST)
        end = time.monotonic()
    finally:
        probes = [group.stop() for group in groups]
    side.recover()
    found = []
    for client, sources in zip(CLIENTS, probes, strict=True):
        if before := figures.lost_before(sources, begun):
            print(f"  {before} probes were lost before the event by clients {client}")
        result = figures.outcome(sources, begun, end, INTERVAL)
        found.append(Measured(event, client, side.name, result.lost, result.sent, result.window_s, number))
    return found


def run(rounds: int, events: Sequence[str]) -> int:
    """Measure, print, write build/bench.json and docs/bench.md; 1 if a required result does not hold."""
    measured: list[Measured] = []
    loads = [os.getloadavg()[0]]
    started = time.monotonic()
    BUILD.mkdir(exist_ok=True)
    with ExitStack() as stack:
        print("starting both beds", flush=True)
        sides = [stack.enter_context(one()) for one in (Article, Collection)]
        versions = report.versions(sides[0].bed)
        for number in range(1, rounds + 1):
            for event in events:
                for side in sides:
                    rows = measure(side, event, number)
                    measured += rows
                    # Written each time: what is measured stays when somebody interrupts.
                    (BUILD / "bench.json").write_text(json.dumps([one.as_row() for one in measured], indent=1) + "\n")
                    loads.append(os.getloadavg()[0])
                    said = "; ".join(f"{row.client} {row.lost}/{row.sent} lost, {row.window_s:.2f} s" for row in rows)
                    print(
                        f"[{time.monotonic() - started:4.0f} s, load {loads[-1]:.1f}]"
                        f" round {number}/{rounds} {event}, {side.name}: {said}",
                        flush=True,
                    )
    results = figures.checks(measured)
    text = report.bench(measured, results, report.machine(versions, loads), rounds)
    print(text)
    if rounds >= ROUNDS and tuple(events) == EVENTS:
        (DOCS / "bench.md").write_text(text)
    else:
        print(f"docs/bench.md stays as it is: it is of all events and {ROUNDS} rounds or more")
    for check in results:
        print(check.text())
    return int(not all(check.holds for check in results))
