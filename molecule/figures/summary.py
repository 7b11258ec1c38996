"""What the phones lost by each event, as a table and as build/figures.json.

Reads what this scenario left in build/figures, one file per measurement: {"event", "limit", "results"}, with the
results of the module anycast_probe. Exits with 1 if an event cost more than its limit, or if nothing was measured.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BUILD = Path(__file__).parents[2] / "build"
INTERVAL = 0.05
"""Seconds between two probes of a phone: one lost probe is a window of this length."""
COLUMNS = ("event", "sent", "lost", "window_s", "limit", "ok")


def window(results: list[dict[str, Any]]) -> float:
    """Return the longest time in seconds, over all phones, from the first lost probe to the end of the last."""
    lost = [result for result in results if result["lost"]]
    longest = (result["last_loss"]["seconds"] - result["first_loss"]["seconds"] + INTERVAL for result in lost)
    return round(max(longest, default=0.0), 3)


def row(measurements: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one event, which was measured once or several times.

    `sent` and `lost` are of all measurements, `windows_s` has one window of each; their median is `window_s`. None
    may exceed `limit`, in seconds, and the phones must have been answered again at last.
    """
    results = [result for measured in measurements for result in measured["results"]]
    windows = sorted(window(measured["results"]) for measured in measurements)
    event, limit = measurements[0]["event"], measurements[0]["limit"]
    return {
        "event": event,
        "sent": sum(result["sent"] for result in results),
        "lost": sum(result["lost"] for result in results),
        "windows_s": windows,
        "window_s": statistics.median(windows),
        "limit": limit,
        "ok": windows[-1] <= limit
        and all(result["last_loss"]["number"] < result["sent"] for result in results if result["lost"]),
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as what the terminal shows."""
    found = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        found.add_column(column, justify="left" if column == "event" else "right")
    for row in rows:
        spread = f" ({min(row['windows_s']):.2f}..{max(row['windows_s']):.2f})" if len(row["windows_s"]) > 1 else ""
        numbers = (str(row["sent"]), str(row["lost"]), f"{row['window_s']:.2f}{spread}", f"{row['limit']:g}")
        found.add_row(row["event"], *numbers, "yes" if row["ok"] else "NO")
    return found


def main() -> int:
    files = sorted((BUILD / "figures").glob("*.json"))
    if not files:
        print("build/figures is empty: nothing was measured; make figures measures", file=sys.stderr)
        return 1
    measured = [json.loads(file.read_text()) for file in files]
    # Measurements of one event follow each other.
    rows = [row(list(of_one)) for _event, of_one in itertools.groupby(measured, key=lambda one: one["event"])]
    (BUILD / "figures.json").write_text(json.dumps(rows, indent=2) + "\n")
    Console().print(table(rows))
    print(
        "window_s: longest time from a phone's first lost probe to its last, median (lowest..highest);"
        " limit: what each may be, in seconds"
    )
    return int(not all(row["ok"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
