#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_drain
short_description: The steps of a drain that are done on the node
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - A drain is a file on the node, in C(/var/lib/homelab-anycast/drain/), which says who drained it, when and why. As
    long as it is there, systemd starts no announcer for what it covers, so it survives a boot, a restart of the service
    and a run of the role.
  - The steps in between, which ask the router, are in the playbooks C(homelab.anycast.drain) and
    C(homelab.anycast.undrain); use these.
extends_documentation_fragment:
  - homelab.anycast.attributes
attributes:
  check_mode:
    support: partial
    details:
      - O(state=recorded) writes no record then, and O(state=drained) without one fails as ever.
      - O(state=undrained) cannot say how healthy a service will be whose unit it would start.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
    platforms: Debian
options:
  state:
    description:
      - V(read) only returns the records.
      - V(recorded) writes the record. From here on the service is not announced again, once it is withdrawn. Fails if
        somebody else is at it.
      - V(withdrawn) withdraws what the record covers.
      - V(drained) notes that the router has let go of the node, and with O(stop_service) stops the services.
      - V(forgotten) removes a record that led to nothing.
      - V(undrained) starts what the drain has stopped, waits until all that is to come back is healthy, removes the
        record and has it announced.
    type: str
    choices: [read, recorded, withdrawn, drained, forgotten, undrained]
    default: read
  service:
    description: The service that the drain is about. Without it, the drain is about the whole node.
    type: str
  services:
    description: The services of the node, as P(homelab.anycast.services#filter) gives them.
    type: list
    elements: dict
    default: []
  by:
    description: Who drains. Required with O(state=recorded).
    type: str
  reason:
    description: Why. Required with O(state=recorded).
    type: str
  stop_service:
    description:
      - Whether to stop the units of the services, with O(state=drained).
      - A unit that a service follows which is not drained goes on, with a warning.
    type: bool
    default: false
  force:
    description:
      - With O(state=recorded), take over a drain which somebody else has begun.
      - With O(state=undrained), do not ask whether it is healthy.
    type: bool
    default: false
  wait:
    description: Seconds to wait for health, with O(state=undrained).
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: What is drained on this node?
  homelab.anycast.anycast_drain:
  become: true
  register: drain
"""

RETURN = r"""
records:
  description: What is drained, or about to be, after this step; in check mode, as it is.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: The service, null for the whole node.
      type: str
    by:
      description: Who drains it.
      type: str
    reason:
      description: Why.
      type: str
    since:
      description: Since when, in UTC, such as V(2026-11-22T15:00:00Z).
      type: str
    done:
      description: Whether the router has let go of the node.
      type: bool
    stopped:
      description: Units that were stopped afterwards, and that O(state=undrained) starts again.
      type: list
      elements: str
  sample:
    - service: null
      by: alice@desk
      reason: new disk
      since: "2026-11-22T15:00:00Z"
      done: true
      stopped: [kamailio.service]
new:
  description: With O(state=recorded), whether the record was not there before; else false.
  returned: success
  type: bool
  sample: false
prefixes:
  description: With O(state=undrained), the prefixes that are announced again; else none.
  returned: success
  type: list
  elements: str
  sample: [172.18.0.64/32]
"""

import errno
import json
import os
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import named
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer, systemd
from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node


class Node:
    def __init__(self, module):
        self.module = module
        self.scope = module.params["service"]
        self.path = Path(announcer.drain_file(self.scope))
        self.all_services = systemd.services_of(module)
        self.services = named(self.all_services, self.scope)
        self.changed = False
        self.new = False
        self.coming = []

    def what(self):
        return "the node" if self.scope is None else f"service '{self.scope}'"

    def states(self):
        units = [unit for s in self.services for unit in (announcer.instance(s.name), announcer.starter(s))]
        return systemd.unit_states(self.module.run_command, units)

    def change(self, action, *arguments):
        """Do it, unless in check mode."""
        self.changed = True
        if not self.module.check_mode:
            action(*arguments)

    def systemctl(self, verb, unit):
        self.change(lambda: self.module.run_command(["systemctl", verb, unit], check_rc=True))

    def write(self, record, exclusive=False):
        """Write the record so that it is there as a whole or not at all, and is not lost with the power."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = self.path.with_suffix(f".{os.getpid()}")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump(record, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            if exclusive:
                # Fails where there is one.
                os.link(new, self.path)
            else:
                new.replace(self.path)
        finally:
            if new.exists():
                new.unlink()
        directory = os.open(announcer.DRAINED, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    # The steps

    def recorded(self):
        record = systemd.read_drain(self.scope)
        if record and not record.get("done") and not self.module.params["force"]:
            self.busy(record)
        if record:
            return
        params = self.module.params
        try:
            self.change(self.write, last_node.record(self.scope, params["by"], params["reason"], time.time()), True)
            self.new = True
        except OSError as exc:
            if exc.errno != errno.EEXIST:
                raise
            self.busy(systemd.read_drain(self.scope))

    def busy(self, record):
        self.module.fail_json(
            msg="{}. If that play is no more, run homelab.anycast.undrain, or take over with -e force=true".format(
                last_node.text(record) if record else "somebody has just drained it"
            )
        )

    def withdrawn(self):
        states = self.states()
        for service in self.services:
            unit = announcer.instance(service.name)
            # Also one that systemd is about to try again.
            if states[unit]["ActiveState"] not in ("inactive", "failed"):
                self.systemctl("stop", unit)

    def drained(self):
        record = systemd.read_drain(self.scope)
        if record is None:
            self.module.fail_json(
                msg=f"{self.path} is gone: somebody has undrained {self.what()} meanwhile. Drain it again if it is to"
                " stay out"
            )
        units = list(self.units_to_stop()) if self.module.params["stop_service"] else []
        if not record.get("done") or units:
            stopped = sorted(set(record.get("stopped", [])) | set(units))
            self.change(self.write, dict(record, done=True, stopped=stopped))
        for unit in units:
            self.systemctl("stop", unit)

    def units_to_stop(self):
        states = self.states()
        staying = [s for s in self.all_services if not systemd.drain_of(s.name)]
        for unit in dict.fromkeys(s.unit for s in self.services if s.unit):
            names = ", ".join(s.name for s in staying if s.unit == unit)
            if names:
                self.module.warn(f"{unit} is not stopped: it also runs what is not drained, {names}")
            elif states[unit]["ActiveState"] == "active":
                yield unit

    def forgotten(self):
        if systemd.read_drain(self.scope) is not None:
            self.change(self.path.unlink)

    def undrained(self):
        record = systemd.read_drain(self.scope) or {}
        # A service with a drain of its own stays out when its node comes back.
        alone = {s.name: systemd.read_drain(s.name) for s in self.services} if not self.scope else {}
        self.coming = [s for s in self.services if alone.get(s.name) is None]
        for name in (name for name, found in alone.items() if found is not None):
            self.module.warn(f"{last_node.text(alone[name])}. It stays so: -e service={name} undrains it")
        if self.scope is not None and systemd.read_drain(None) is not None:
            self.module.fail_json(
                msg=f"{last_node.text(systemd.read_drain(None))}; undrain the node, not one service of it"
            )
        stopped = record.get("stopped", [])
        for unit in stopped:
            self.systemctl("start", unit)
        if not self.module.params["force"]:
            # In check mode these have not been started.
            unknown = stopped if self.module.check_mode else []
            self.wait_for_health([s for s in self.coming if s.unit not in unknown])
        self.forgotten()
        states = self.states()
        for service in self.coming:
            # An announcer that systemd is told to start would have it start the service too.
            runs = states[announcer.starter(service)]["ActiveState"] == "active"
            if runs and states[announcer.instance(service.name)]["ActiveState"] != "active":
                self.systemctl("start", announcer.instance(service.name))

    def wait_for_health(self, services):
        start = time.monotonic()
        while True:
            problems = list(self.health_problems(services))
            spent = time.monotonic() - start
            if not problems:
                return
            if spent >= self.module.params["wait"] or self.module.check_mode:
                self.module.fail_json(
                    msg="{} stays drained, as it is not healthy after {:.0f} s: {}. Repair it, or announce it as it is"
                    " with -e force=true".format(self.what(), spent, "; ".join(problems))
                )
            time.sleep(1)

    def health_problems(self, services):
        states = self.states()
        for service in services:
            state = states[announcer.starter(service)]["ActiveState"]
            if state != "active":
                yield f"{announcer.starter(service)} is {state}"
            elif service.check:
                # With the rights that the announcer has.
                runuser = self.module.get_bin_path("runuser", required=True)
                line = [runuser, "-u", "bird", "--", *announcer.COMMAND, "check", service.name]
                code, _out, err = self.module.run_command(line)
                if code:
                    yield "service '{}': {}".format(service.name, err.strip())


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["read", "recorded", "withdrawn", "drained", "forgotten", "undrained"],
                "default": "read",
            },
            "service": {"type": "str"},
            "services": {"type": "list", "elements": "dict", "default": []},
            "by": {"type": "str"},
            "reason": {"type": "str"},
            "stop_service": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "wait": {"type": "float", "default": 60},
        },
        required_if=[("state", "recorded", ("by", "reason"))],
        supports_check_mode=True,
    )
    node = Node(module)
    if module.params["state"] != "read":
        getattr(node, module.params["state"])()
    module.exit_json(
        changed=node.changed,
        records=systemd.records(),
        new=node.new,
        prefixes=[address for service in node.coming for address in service.addresses],
    )


if __name__ == "__main__":
    main()
