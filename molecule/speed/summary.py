"""What a first and an unchanged second `site` cost beside a plain playbook, as a table and as build/speed.json.

Reads what this scenario left in build/speed, one file per run. Exits with 1 if an unchanged run of `site` changes
anything, executes more than MOST_EXECUTIONS modules on a node, logs in at the router more than MOST_LOGINS times, or is
slower than that of the plain playbook (medians of the runs after the first).
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BUILD = Path(__file__).parents[2] / "build"
MOST_EXECUTIONS = 10
MOST_LOGINS = 8
COLUMNS = ("playbook", "run", "seconds", "executions", "logins", "changed")


def row(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one run: `executions` are modules executed on the node that had the most."""
    before, after = measured["before"], measured["after"]
    span = datetime.fromisoformat(measured["end"]) - datetime.fromisoformat(measured["start"])
    return {
        "playbook": measured["playbook"],
        "run": measured["run"],
        "seconds": round(span.total_seconds(), 1),
        "executions": max(number - before["executions"][node] for node, number in after["executions"].items()),
        "logins": after["logins"] - before["logins"],
        "changed": sum(int(number) for number in re.findall(r"changed=(\d+)", measured["recap"])),
    }


def problems(rows: list[dict[str, Any]]) -> list[str]:
    """Return what is not as it has to be, one sentence each."""
    again = {name: [row for row in rows if row["playbook"] == name and row["run"] > 1] for name in ("site", "plain")}
    if not all(again.values()):
        return ["both playbooks have to run again after their first run"]
    found = []
    for key, most in (("changed", 0), ("executions", MOST_EXECUTIONS), ("logins", MOST_LOGINS)):
        worst = max(row[key] for row in again["site"])
        if worst > most:
            found.append(f"{key} of an unchanged run of site: {worst}, expected {most} or fewer")
    site, plain = (statistics.median(row["seconds"] for row in again[name]) for name in ("site", "plain"))
    if site > plain:
        found.append(f"an unchanged run of site takes {site:g} s (median), that of the plain playbook {plain:g} s")
    return found


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as what the terminal shows."""
    found = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        found.add_column(column, justify="left" if column == "playbook" else "right")
    for entry in rows:
        found.add_row(*(str(entry[column]) for column in COLUMNS))
    return found


def main() -> int:
    files = sorted((BUILD / "speed").glob("*.json"))
    if not files:
        print("build/speed is empty: nothing was measured; make speed measures", file=sys.stderr)
        return 1
    rows = [row(json.loads(file.read_text())) for file in files]
    (BUILD / "speed.json").write_text(json.dumps(rows, indent=2) + "\n")
    Console().print(table(rows))
    print("executions: modules on the node that had the most; logins: at the router's API")
    wrong = problems(rows)
    for text in wrong:
        print(text, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
