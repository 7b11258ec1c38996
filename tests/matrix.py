"""build/matrix.json: what was run for the table of support, one row each, written by whoever has run it.

A row is `{"row": what, "where": on which bed or machine, "passed": bool}`; a later run of a row replaces the earlier
one.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterable
from pathlib import Path

FILE = Path(__file__).parents[1] / "build" / "matrix.json"


def record(row: str, where: str, passed: bool, file: Path = FILE) -> None:
    """Add a row to the file, or replace it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Several programs write: tests, and what runs the scenarios.
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = {(entry["row"], entry["where"]): entry for entry in read(file)}
        rows[row, where] = {"row": row, "where": where, "passed": passed}
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps([rows[name] for name in sorted(rows)], indent=2) + "\n")
        unfinished.replace(file)


def read(file: Path = FILE) -> list[dict[str, object]]:
    """The rows, none where nothing was run yet."""
    return json.loads(file.read_text()) if file.exists() else []


def scenarios(printed: str, names: Iterable[str]) -> dict[str, bool]:
    """Which scenarios have passed, from what `molecule test` printed, of those that it came to."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed).rpartition("SCENARIO RECAP")[2]
    recap = dict(re.findall(r"^(\S+) *: actions=\d+ .*?\bfailed=(\d+)", plain, re.MULTILINE))
    return {name: recap[name] == "0" for name in sorted(names) if name in recap}
