#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_fault
short_description: Break something on a host for a drill, and always put it back
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the playbook C(homelab.anycast.drill), in this order. O(state=claimed) keeps a second drill away,
    O(state=broken) arms an undo on the host itself and then breaks something, O(state=mended) undoes it, and
    O(state=released) lets the next drill in.
  - The undo that is armed happens after O(seconds) by itself. It needs neither the play nor the controller, nor a
    connection to the host.
  - What a drill has left behind is undone by the O(state=claimed) of the next one.
notes:
  - On a node it keeps its record in C(/run/homelab-anycast-drill), and the undo is C(anycast-drill-undo.timer), which
    C(systemctl list-timers) shows. Both are gone after a boot, and so is what was broken.
  - With O(undo_by=process), for a host without systemd and for what the controller can undo only, the record is in
    C(~/.ansible/homelab-anycast-drill), and the undo is a process that no terminal and no play can end. It does not
    survive a boot of that host, but the record does.
extends_documentation_fragment: [homelab.anycast.attributes, homelab.anycast.attributes.linux]
attributes:
  check_mode:
    support: partial
    details: In check mode O(state=claimed) claims nothing, and O(state=broken) fails if the host is not claimed.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: O(state=broken) breaks it again.
options:
  state: {type: str, choices: [claimed, broken, mended, released], required: true, description: What is to be done.}
  id: {type: str, required: true, description: "Identifier of this drill, the same in all its steps."}
  by: {type: str, description: "Who does the drill, for the message of a refused drill. Required if O(state=claimed)."}
  seconds:
    description:
      - Seconds for which the host is claimed, or after which the undo happens by itself.
      - Required if O(state=claimed) or O(state=broken).
    type: int
  takeover:
    description: Whether to claim a host that a different drill has claimed, and to put back what that drill broke.
    type: bool
    default: false
  what: {type: str, description: "What is broken, in words. Required if O(state=broken)."}
  command: {type: str, description: What C(/bin/sh) runs to break it. Required if O(state=broken).}
  undo:
    description: What C(/bin/sh) runs to put it back; it may run more than once. Empty for what comes back by itself.
    type: str
    default: ""
  undo_by: {type: str, choices: [systemd, process], default: systemd, description: What waits to undo it.}
"""

EXAMPLES = r"""
- name: Stop the service, for two minutes at most
  homelab.anycast.anycast_fault:
    state: broken
    id: 4f1c
    what: stop of kamailio.service
    command: systemctl stop kamailio.service
    undo: systemctl start kamailio.service
    seconds: 120
  become: true
"""

RETURN = r"""
at:
  description: Time of the break or of the repair, in seconds since 1970 by the clock of the host.
  returned: if the module broke or repaired something
  type: float
undone: {type: str, returned: O(state=claimed), description: "What an earlier drill had left broken, or null."}
kept:
  description: What is still broken, or null. The host then stays claimed, and the next drill repairs it.
  returned: O(state=released)
  type: str
"""

import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.drill.record import Record, parse_record, refusal, undo_command
from ..module_utils.node.files import write_file

_T = TypeVar("_T")

DIRECTORIES = {
    "systemd": "/run/homelab-anycast-drill",
    "process": str(Path.home() / ".ansible" / "homelab-anycast-drill"),
}
UNIT = "anycast-drill-undo"
# By these files processes wait, each by its own: what has been called off must not take the next one's for it.
TOKENS = "armed-*"
# A shell out of reach of Ctrl-C and of the end of the play; its arguments follow. Not every controller has setsid(1).
DETACHED = """
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(null, number)
os.execv("/bin/sh", ["sh", "-c", *sys.argv[1:]])
"""
# Its arguments: seconds, the file that it waits with, what to run, and the record.
WAIT_AND_UNDO = """
spent=0
while [ -e "$2" ] && [ "$spent" -lt "$1" ]; do sleep 1; spent=$((spent + 1)); done
if [ -e "$2" ]; then /bin/sh -c "$3" && rm -f "$2" "$4"; fi
"""


class Host:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.by_systemd = self.params["undo_by"] == "systemd"
        self.directory = Path(DIRECTORIES[self.params["undo_by"]])
        self.path = self.directory / "drill.json"
        self.found: dict[str, Any] = {"changed": False}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process reads the record while it is changed."""
        if self.module.check_mode:
            yield
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.directory / "lock").open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self) -> Record | None:
        return parse_record(self.path.read_text(encoding="utf-8")) if self.path.exists() else None

    def write(self, record: Record) -> None:
        write_file(self.path, record.as_json())

    def own(self) -> Record | None:
        record = self.read()
        return record if record and record.id == self.params["id"] else None

    def run(self, words: list[str]) -> str:
        # The variables are the shell's.
        out: str = self.module.run_command(words, check_rc=True, expand_user_and_vars=False)[1]
        return out

    def shell(self, command: str, purpose: str) -> float:
        at = time.time()
        code, out, err = self.module.run_command(["/bin/sh", "-c", command], expand_user_and_vars=False)
        if code:
            self.module.fail_json(msg=f"cannot {purpose}: '{command}' ended with {code}: {(err or out).strip()}")
        return round(at, 3)

    # What waits to undo

    def arm(self, record: Record) -> None:
        seconds = self.params["seconds"]
        self.disarm()
        if self.by_systemd:
            self.run(undo_command(record, UNIT, seconds, str(self.path)))
            return
        token = self.directory / TOKENS.replace("*", str(time.time_ns()))
        token.touch()
        line = [WAIT_AND_UNDO, UNIT, str(seconds), str(token), record.undo, str(self.path)]
        self.run([sys.executable, "-c", DETACHED, *line])

    def disarm(self) -> None:
        if not self.by_systemd:
            for token in self.directory.glob(TOKENS):
                token.unlink(missing_ok=True)
            return
        for verb in ("stop", "reset-failed"):
            if units := self.units():
                self.run(["systemctl", verb, *units])

    def units(self) -> list[str]:
        """Return those of our units that systemd has."""
        names = [UNIT + kind for kind in (".timer", ".service")]
        out = self.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", *names])
        return [word for word in (row.split()[0] for row in out.splitlines() if row.strip()) if word in names]

    # The steps

    def claimed(self) -> None:
        record, now, params = self.read(), time.time(), self.params
        reason = refusal(record, params["id"], now)
        if reason and not params["takeover"]:
            self.module.fail_json(msg=reason)
        claim = Record(params["id"], params["by"], now, now + params["seconds"])
        self.found["undone"] = None
        if record and record.id == params["id"]:
            claim = replace(claim, since=record.since, what=record.what, undo=record.undo)
        elif record and record.undo:
            self.found["undone"] = record.what
            self.change(self.shell, record.undo, "undo what an earlier drill has left behind")
            self.change(self.disarm)
        self.change(self.write, claim)

    def broken(self) -> None:
        record = self.own()
        if record is None:
            self.module.fail_json(
                msg=f"nothing is broken: this host is not claimed by the drill '{self.params['id']}'. Either"
                " state=claimed has not run here before, or a different drill has taken the host over, or it was booted"
            )
        elif self.params["undo"]:
            until = max(record.until, time.time() + self.params["seconds"])
            record = replace(record, what=self.params["what"], undo=self.params["undo"], until=until)
            self.change(self.write, record)
            self.change(self.arm, record)
        self.found["at"] = self.change(self.shell, self.params["command"], "break it")

    def mended(self) -> None:
        record = self.own()
        if record is None or not record.undo:
            # A boot, or the undo that was armed, has done it.
            return
        self.found["at"] = self.change(self.shell, record.undo, "put it back")
        # Not before: until here it would have been put back without us.
        self.change(self.disarm)
        self.change(self.write, replace(record, what=None, undo=""))

    def released(self) -> None:
        record = self.own()
        self.found["kept"] = record.what if record and record.undo else None
        if record and not record.undo:
            self.change(self.path.unlink)

    def change(self, action: Callable[..., _T], *arguments: Any) -> _T | None:
        """Do it, unless in check mode."""
        self.found["changed"] = True
        return None if self.module.check_mode else action(*arguments)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["claimed", "broken", "mended", "released"], "required": True},
            "id": {"type": "str", "required": True},
            "by": {"type": "str"},
            "seconds": {"type": "int"},
            "takeover": {"type": "bool", "default": False},
            "what": {"type": "str"},
            "command": {"type": "str"},
            "undo": {"type": "str", "default": ""},
            "undo_by": {"type": "str", "choices": ["systemd", "process"], "default": "systemd"},
        },
        required_if=[
            ("state", "claimed", ("by", "seconds")),
            ("state", "broken", ("what", "command", "seconds")),
        ],
        supports_check_mode=True,
    )
    host = Host(module)
    with host.locked():
        getattr(host, module.params["state"])()
    module.exit_json(**host.found)


if __name__ == "__main__":
    main()
