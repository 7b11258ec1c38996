"""What each phone lost when a router went and came, and by which node it was served, as a table and as JSON.

Reads what this scenario left in build/two_routers, one file for each event: {"event", "limit", "results"}, with the
results of the module anycast_probe and their runs; writes build/two_routers.json. Exits with 1 if a phone lost more
than the limit in seconds, all its losses together, if it was not answered in the end, or if nothing was measured.
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
"""Seconds between two probes of a phone."""
COLUMNS = ("event", "phone", "sent", "lost_s", "limit", "before", "after", "ok")


def row(event: str, limit: float, result: dict[str, Any]) -> dict[str, Any]:
    """Return what an event cost one phone, and which node served it before and after."""
    served = [run["answered_by"] for run in result["runs"] if run["reason"] is None]
    lost = round(result["lost"] * INTERVAL, 3)
    return {
        "event": event,
        "phone": result["source"],
        "sent": result["sent"],
        "lost_s": lost,
        "limit": limit,
        "before": served[0] if served else None,
        "after": served[-1] if served else None,
        "ok": lost <= limit and bool(served) and result["runs"][-1]["reason"] is None,
    }


def moved(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each event: how many phones met a different node afterwards."""
    events: dict[str, list[bool]] = {}
    for found in rows:
        events.setdefault(found["event"], []).append(found["before"] != found["after"])
    return [f"{event}: {sum(other)} of {len(other)} phones met a different node" for event, other in events.items()]


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as what the terminal shows."""
    found = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        found.add_column(column)
    for one in rows:
        numbers = (str(one["sent"]), f"{one['lost_s']:.2f}", f"{one['limit']:g}")
        nodes = (str(one["before"]), str(one["after"]))
        found.add_row(one["event"], one["phone"], *numbers, *nodes, "yes" if one["ok"] else "NO")
    return found


def main() -> int:
    events = [json.loads(file.read_text()) for file in sorted((BUILD / "two_routers").glob("*.json"))]
    if not events:
        print("build/two_routers is empty: nothing was measured", file=sys.stderr)
        return 1
    rows = [row(one["event"], one["limit"], result) for one in events for result in one["results"]]
    (BUILD / "two_routers.json").write_text(json.dumps(rows, indent=2) + "\n")
    Console(width=120).print(table(rows))
    print("\n".join(moved(rows)))
    return int(not all(one["ok"] for one in rows))


if __name__ == "__main__":
    sys.exit(main())
