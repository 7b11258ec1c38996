# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module anycast_fault keeps on a host of a drill that is under way, and how that is undone without it.

Nothing in here does input or output. Points in time are seconds since 1970.
"""

from __future__ import annotations

import json
import time


def claim(identifier, by, now, seconds):
    """Return the record of a drill on a host.

    :param now: seconds since 1970 by the clock of the host.
    """
    return {"id": identifier, "by": by, "since": now, "until": now + seconds, "what": None, "undo": ""}


def refusal(record, identifier, now):
    """Return why a drill may not begin on a host, None if it may.

    :param record: of the drill that is there, None if there is none.
    """
    if record is None or record["id"] == identifier or record["until"] <= now:
        return None
    return (
        "a drill by {by} has been under way since {since}{what}, and ends at {until} at the latest. Wait for it. If"
        " that play is no more, put back what it broke and go on with -e drill_takeover=true"
    ).format(
        by=record["by"],
        since=moment(record["since"]),
        until=moment(record["until"]),
        what=" ({})".format(record["what"]) if record["what"] else "",
    )


def moment(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def parse_record(text):
    """Return a record from its file, None where it is empty or broken: the host died while it was written."""
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return (
        record if isinstance(record, dict) and {"id", "by", "since", "until", "what", "undo"} <= set(record) else None
    )


def undo_command(undo, unit, what, seconds, path):
    """Return the words by which systemd undoes it by itself after so many seconds.

    :param path: of the record, which goes with the fault.
    """
    script = f"{undo} && rm -f {path}"
    return [
        "systemd-run",
        "--quiet",
        f"--unit={unit}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=1s",
        "--service-type=oneshot",
        f"--description=Undo of a drill: {what}",
        "/bin/sh",
        "-c",
        # systemd replaces variables, and would leave the shell none.
        script.replace("$", "$$"),
    ]
