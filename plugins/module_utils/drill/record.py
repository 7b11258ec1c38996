# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module anycast_fault keeps on a host of a drill, and how systemd undoes it. Private to this collection.

Nothing in here does input or output. Points in time are seconds since 1970.
"""

from __future__ import annotations

import dataclasses
import json
import time


@dataclasses.dataclass(frozen=True)
class Record:
    """A drill on a host: what it has broken there, and what puts that back, if anything."""

    id: str
    by: str
    since: float
    until: float
    what: str | None = None
    undo: str = ""

    def as_json(self) -> str:
        return json.dumps(vars(self))


def refusal(record: Record | None, identifier: str, now: float) -> str:
    """Return why a drill may not begin on a host that has a record, nothing if it may."""
    if record is None or record.id == identifier or record.until <= now:
        return ""
    what = f" ({record.what})" if record.what else ""
    return (
        f"a drill by {record.by} has been under way since {_moment(record.since)}{what}, and ends at"
        f" {_moment(record.until)} at the latest. Wait for it. If that run has died, put back what it broke and go on"
        " with -e anycast_drill_takeover=true"
    )


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def parse_record(text: str) -> Record | None:
    """Return a record from its file, None where it is empty or broken: the host died while it was written."""
    try:
        return Record(**json.loads(text))
    except (ValueError, TypeError):
        return None


def undo_command(record: Record, unit: str, seconds: int, path: str) -> list[str]:
    """Return the words by which systemd undoes it after so many seconds; the record at the path goes with the fault."""
    script = f"{record.undo} && rm -f {path}"
    return [
        *("systemd-run", "--quiet", f"--unit={unit}", f"--description=Undo of a drill: {record.what}"),
        *(f"--on-active={seconds}s", "--timer-property=AccuracySec=1s", "--service-type=oneshot"),
        # systemd replaces variables, and would leave the shell none.
        *("/bin/sh", "-c", script.replace("$", "$$")),
    ]
