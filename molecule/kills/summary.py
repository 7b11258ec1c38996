"""How long phones got no answer by each kill of a service, as a line of the terminal and as build/kills.json.

Reads what this scenario left in build/kills-probes.json: {"kills", "limit", "most", "behind", "results"}, with the
results of the module anycast_probe and their runs. Exits with 1 if more than one kill of twenty cost more than `limit`
seconds, if one cost more than `most`, or if the phones saw none.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

BUILD = Path(__file__).parents[2] / "build"
INTERVAL = 0.05
"""Seconds between two probes of a phone: one lost probe is a window of this length."""
APART = 3.0
"""Seconds between two losses of different kills, at least."""
RARE = 0.05
"""The share of the kills that may cost more than the limit: the lab's machines share two slow processors."""


def windows(results: list[dict[str, Any]]) -> list[float]:
    """Return for each kill that phones saw the longest time from a first lost probe to a last, over the phones."""
    lost = sorted(
        (run["first"], run["last"], result["source"])
        for result in results
        for run in result["runs"]
        if run["reason"] is not None
    )
    kills: list[dict[str, list[float]]] = []
    ended = float("-inf")
    for first, last, source in lost:
        if first - ended > APART:
            kills.append({})
        span = kills[-1].setdefault(source, [first, last])
        span[1] = last
        ended = max(ended, last)
    return [round(max(last - first for first, last in spans.values()) + INTERVAL, 3) for spans in kills]


def hold(found: list[float], limit: float, most: float) -> bool:
    """Return whether the seconds of all kills are within what they may be."""
    return max(found) <= most and sum(seconds > limit for seconds in found) <= RARE * len(found)


def main() -> int:
    measured = json.loads((BUILD / "kills-probes.json").read_text())
    found = sorted(windows(measured["results"]))
    rest = {key: measured[key] for key in ("kills", "limit", "most", "behind")}
    (BUILD / "kills.json").write_text(json.dumps({**rest, "windows_s": found}) + "\n")
    if len(found) < 2:
        print(f"the phones saw {len(found)} of {measured['kills']} kills: no phone was with the node", file=sys.stderr)
        return 1
    limit, most = measured["limit"], measured["most"]
    deciles = [f"{part:.2f}" for part in statistics.quantiles(found, n=10, method="inclusive")]
    over = sum(seconds > limit for seconds in found)
    print(
        f"{measured['kills']} kills, of which the phones saw {len(found)}; seconds without an answer: median"
        f" {statistics.median(found):.2f}, lowest {found[0]:.2f}, highest {found[-1]:.2f}; deciles {' '.join(deciles)};"
        f" {over} took more than {limit:g}, as one of twenty may, and none may take more than {most:g};"
        f" probes were sent up to {measured['behind']:.2f} s late"
    )
    return int(not hold(found, limit, most))


if __name__ == "__main__":
    sys.exit(main())
