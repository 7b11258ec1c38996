"""What the phones lost by each event, as a table and as build/figures.json.

Reads what this scenario left in build/figures, one file per event: {"event", "limit", "results"}, with the results
of the module anycast_probe. Exits with 1 if an event cost more than its limit, or if nothing was measured.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BUILD = Path(__file__).parents[2] / "build"
INTERVAL = 0.05
"""Seconds between two probes of a phone: one lost probe is a window of this length."""
COLUMNS = ("event", "sent", "lost", "window_s", "limit", "ok")


def row(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one event.

    `window_s` is the longest time, over all phones, from the first lost probe to the end of the last. It must not
    exceed `limit`, in seconds, and the phone must have been answered again at last.
    """
    results = measured["results"]
    with_losses = [result for result in results if result["lost"]]
    windows = [result["last_loss"]["seconds"] - result["first_loss"]["seconds"] + INTERVAL for result in with_losses]
    window = round(max(windows, default=0.0), 3)
    return {
        "event": measured["event"],
        "sent": sum(result["sent"] for result in results),
        "lost": sum(result["lost"] for result in results),
        "window_s": window,
        "limit": measured["limit"],
        "ok": window <= measured["limit"] and all(r["last_loss"]["number"] < r["sent"] for r in with_losses),
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as what the terminal shows."""
    found = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        found.add_column(column, justify="left" if column == "event" else "right")
    for row in rows:
        numbers = (str(row["sent"]), str(row["lost"]), f"{row['window_s']:.2f}", f"{row['limit']:g}")
        found.add_row(row["event"], *numbers, "yes" if row["ok"] else "NO")
    return found


def main() -> int:
    files = sorted((BUILD / "figures").glob("*.json"))
    if not files:
        print("build/figures is empty: nothing was measured; make figures measures", file=sys.stderr)
        return 1
    rows = [row(json.loads(file.read_text())) for file in files]
    (BUILD / "figures.json").write_text(json.dumps(rows, indent=2) + "\n")
    Console().print(table(rows))
    print("window_s: longest time from a phone's first lost probe to its last; limit: what it may be, in seconds")
    return int(not all(row["ok"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
