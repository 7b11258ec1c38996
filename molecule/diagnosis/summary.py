"""What verify said of each misconfigured node, as a table and as build/diagnosis.json.

Reads what this scenario left in build/diagnosis, one file per case: {"case", "node", "cause", "said"}, the last one
what verify printed. Exits with 1 if a message does not name the node and the cause, or if there is none.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BUILD = Path(__file__).parents[2] / "build"


def message(said: str) -> list[str]:
    """Return the lines of the last error that a playbook printed."""
    return said.rpartition("[ERROR]: ")[2].partition("\n\n")[0].splitlines() if "[ERROR]: " in said else []


def row(measured: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be said of one case.

    `message` is the line that names the cause, or all of it where none does. The node counts as named by that line.
    """
    lines = message(measured["said"])
    naming = [line for line in lines if measured["cause"] in line]
    text = naming[0] if naming else " ".join(lines)
    names_node, names_cause = measured["node"] in text, bool(naming)
    return {
        "case": measured["case"],
        "message": text,
        "names_node": names_node,
        "names_cause": names_cause,
        "ok": names_node and names_cause,
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as what the terminal shows."""
    found = Table(box=None, pad_edge=False)
    for column in ("case", "verify says", "ok"):
        found.add_column(column, overflow="fold")
    for entry in rows:
        found.add_row(entry["case"], entry["message"], "yes" if entry["ok"] else "NO")
    return found


def main() -> int:
    files = sorted((BUILD / "diagnosis").glob("*.json"))
    if not files:
        print("build/diagnosis is empty: no case was made; make diagnosis makes them", file=sys.stderr)
        return 1
    rows = [row(json.loads(file.read_text())) for file in files]
    (BUILD / "diagnosis.json").write_text(json.dumps(rows, indent=2) + "\n")
    Console().print(table(rows))
    return int(not all(entry["ok"] for entry in rows))


if __name__ == "__main__":
    sys.exit(main())
