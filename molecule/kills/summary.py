"""How long phones got no answer by each kill of a service, as a line of the terminal and as build/kills.json.

Reads what this scenario left in build/kills-probes.json: {"kills", "limit", "behind", "results"}, with the results of
the module anycast_probe and their runs. Exits with 1 if a kill cost more than the limit, or if the phones saw none.
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


def main() -> int:
    measured = json.loads((BUILD / "kills-probes.json").read_text())
    found = sorted(windows(measured["results"]))
    rest = {key: measured[key] for key in ("kills", "limit", "behind")}
    (BUILD / "kills.json").write_text(json.dumps({**rest, "windows_s": found}) + "\n")
    if len(found) < 2:
        print(f"the phones saw {len(found)} of {measured['kills']} kills: no phone was with the node", file=sys.stderr)
        return 1
    deciles = [f"{part:.2f}" for part in statistics.quantiles(found, n=10, method="inclusive")]
    print(
        f"{measured['kills']} kills, of which the phones saw {len(found)}; seconds without an answer: median"
        f" {statistics.median(found):.2f}, lowest {found[0]:.2f}, highest {found[-1]:.2f}, limit {measured['limit']:g};"
        f" deciles {' '.join(deciles)}; probes were sent up to {measured['behind']:.2f} s late"
    )
    return int(found[-1] > measured["limit"])


if __name__ == "__main__":
    sys.exit(main())
