#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_drain
short_description: Do the steps of a drain on the node
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - A drain is a file on the node, in C(/var/lib/homelab-anycast/drain/), with the person, the time and the reason.
    While the file exists, systemd starts no announcer of the drained services. So a drain survives a boot, a
    restart of the service and a run of the role.
  - The steps in between, which ask the router, are in the playbooks C(homelab.anycast.drain) and
    C(homelab.anycast.undrain); use these.
extends_documentation_fragment: [homelab.anycast.attributes, homelab.anycast.attributes.debian]
attributes:
  check_mode:
    support: partial
    details: >-
      In check mode O(state=recorded) writes no record, so O(state=drained) fails without an earlier one.
      O(state=undrained) does not check the health of a service whose unit it would start.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description:
      - V(read) only returns the records.
      - V(recorded) writes the record. From here on the service is not announced again, once it is withdrawn. Fails if
        a different run has begun a drain.
      - V(withdrawn) withdraws what the record covers.
      - V(drained) notes that the router sends nothing to the node, and with O(stop_service) stops the services.
      - V(forgotten) removes a record that led to nothing.
      - V(undrained) starts what the drain has stopped, waits until all that is to come back is healthy, removes the
        record and has it announced.
    type: str
    choices: [read, recorded, withdrawn, drained, forgotten, undrained]
    default: read
  service: {type: str, description: "The service to drain. Without it, the drain is of the whole node."}
  services: {type: list, elements: dict, default: [], description: As P(homelab.anycast.services#filter) gives them.}
  by: {type: str, description: Who drains. Required with O(state=recorded).}
  reason: {type: str, description: Why. Required with O(state=recorded).}
  stop_service:
    description:
      - Whether to stop the units of the services, with O(state=drained).
      - A unit that a service follows which is not drained goes on, with a warning.
    type: bool
    default: false
  force:
    description:
      - With O(state=recorded), take over a drain that a different run has begun.
      - With O(state=undrained), do not ask whether it is healthy.
    type: bool
    default: false
  wait: {type: float, default: 60, description: "Seconds to wait for health, with O(state=undrained)."}
"""

EXAMPLES = r"""
- name: What is drained on this node?
  homelab.anycast.anycast_drain:
  become: true
  register: drain
"""

RETURN = r"""
records:
  description:
    - The drains of the node after this step; in check mode, before it.
    - C(service) is null for the whole node. C(done) tells whether the router has stopped sending to the node.
      C(stopped) are the units that were stopped afterwards. O(state=undrained) starts them again.
  returned: success
  type: list
  elements: dict
  sample:
    - {service: null, by: alice@desk, reason: new disk, since: "2026-11-22T15:00:00Z", done: true, stopped: []}
new: {type: bool, returned: success, description: "With O(state=recorded), whether this step made the record."}
prefixes: {type: list, elements: str, returned: success, description: The addresses that O(state=undrained) announces.}
"""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.model.services import Service, named
from ..module_utils.node import announcer, systemd
from ..module_utils.node.drain import Drain
from ..module_utils.node.files import write_file
from ..module_utils.waiting import Verdict, wait_for


class Node:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.scope: str | None = module.params["service"]
        self.path = Path(announcer.drain_file(self.scope))
        self.all_services = systemd.services_of(module)
        self.services = named(self.all_services, self.scope)
        self.changed = False
        self.new = False
        self.coming: list[Service] = []

    def what(self) -> str:
        return "the node" if self.scope is None else f"service '{self.scope}'"

    def states(self) -> dict[str, systemd.UnitState]:
        return systemd.unit_states(self.module.run_command, announcer.units_of(self.services))

    def change(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Do it, unless in check mode."""
        self.changed = True
        if not self.module.check_mode:
            action(*arguments)

    def systemctl(self, verb: str, unit: str) -> None:
        self.change(lambda: self.module.run_command(["systemctl", verb, unit], check_rc=True))

    def write(self, record: Drain, new: bool = False) -> None:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_file(self.path, json.dumps(vars(record), indent=2) + "\n", mode=0o644, new=new)

    # The steps

    def recorded(self) -> None:
        record = systemd.read_drain(self.scope)
        if record and not record.done and not self.module.params["force"]:
            self.busy(record)
        if record:
            return
        try:
            begun = Drain.begin(self.scope, self.module.params["by"], self.module.params["reason"], time.time())
            self.change(self.write, begun, True)
            self.new = True
        except FileExistsError:
            self.busy(systemd.read_drain(self.scope))

    def busy(self, record: Drain | None) -> None:
        self.module.fail_json(
            msg=f"{record or self.what() + ' was drained by a different run just now'}. If that run has died, run"
            " homelab.anycast.undrain, or take over with -e anycast_force=true"
        )

    def withdrawn(self) -> None:
        states = self.states()
        for service in self.services:
            unit = announcer.instance(service.name)
            # Also one that systemd is about to try again.
            if states[unit]["ActiveState"] not in ("inactive", "failed"):
                self.systemctl("stop", unit)

    def drained(self) -> None:
        record = systemd.read_drain(self.scope)
        if record is None:
            self.module.fail_json(
                msg=f"{self.path} is gone: another play has undrained {self.what()} meanwhile. Drain it again if it is"
                " to stay out"
            )
            return
        units = list(self.units_to_stop()) if self.module.params["stop_service"] else []
        if not record.done or units:
            stopped = sorted({*record.stopped, *units})
            self.change(self.write, dataclasses.replace(record, done=True, stopped=stopped))
        for unit in units:
            self.systemctl("stop", unit)

    def units_to_stop(self) -> Iterator[str]:
        states = self.states()
        staying = [s for s in self.all_services if not systemd.drain_of(s.name)]
        for unit in dict.fromkeys(s.unit for s in self.services if s.unit):
            names = ", ".join(s.name for s in staying if s.unit == unit)
            if names:
                self.module.warn(f"{unit} is not stopped: services that are not drained follow it too, {names}")
            elif states[unit]["ActiveState"] == "active":
                yield unit

    def forgotten(self) -> None:
        if systemd.read_drain(self.scope):
            self.change(self.path.unlink)

    def undrained(self) -> None:
        of_node, of_scope = systemd.read_drain(None), systemd.read_drain(self.scope)
        # A service with a drain of its own stays out when its node comes back.
        alone = {s.name: systemd.read_drain(s.name) for s in self.services} if not self.scope else {}
        self.coming = [s for s in self.services if not alone.get(s.name)]
        for name, record in alone.items():
            if record:
                self.module.warn(f"{record}. It stays so: -e anycast_service={name} undrains it")
        if self.scope is not None and of_node:
            self.module.fail_json(msg=f"{of_node}. Undrain the node, not one service of it")
        stopped = of_scope.stopped if of_scope else []
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

    def wait_for_health(self, services: list[Service]) -> None:
        problems: list[str] = []

        def look(_now: float) -> Verdict:
            problems[:] = self.health_problems(services)
            return Verdict(not problems)

        verdict, spent = wait_for(look, wait=0 if self.module.check_mode else self.module.params["wait"], interval=1)
        if not verdict.good:
            self.module.fail_json(
                msg=f"{self.what()} stays drained, as it is not healthy after {spent:.0f} s: {'; '.join(problems)}."
                " Repair it, or announce it as it is with -e anycast_force=true"
            )

    def health_problems(self, services: list[Service]) -> Iterator[str]:
        states = self.states()
        for service in services:
            state = states[announcer.starter(service)]["ActiveState"]
            if state != "active":
                yield f"{announcer.starter(service)} is {state}"
            elif service.check:
                drop_in = Path(announcer.drop_in(service.name))
                namespaces = not drop_in.exists() or "ProtectSystem=no" not in drop_in.read_text("utf-8")
                sandbox = announcer.sandbox(Path(announcer.UNIT).read_text("utf-8"), namespaces)
                words = [*announcer.COMMAND, "check", service.name]
                reason = systemd.check_failure(self.module.run_command, sandbox, words)
                if reason is not None:
                    yield f"service '{service.name}': {reason}"


def main() -> None:
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
        if node.changed and not module.check_mode:
            systemd.expose_drains()
    module.exit_json(
        changed=node.changed,
        records=[vars(record) for record in systemd.drains()],
        new=node.new,
        prefixes=[address for service in node.coming for address in service.addresses],
    )


if __name__ == "__main__":
    main()
