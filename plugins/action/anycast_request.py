# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The check of what is asked of a playbook; documented in plugins/modules/anycast_request.py."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from ansible import context
from ansible.module_utils.common.yaml import yaml_load
from ansible.utils.vars import load_extra_vars

from ..module_utils.drill.plan import drill_request
from ..module_utils.drill.report import library_problems
from ..module_utils.system import request
from ..module_utils.system.removal import removal_request
from ..module_utils.system.request import Inventory
from ..module_utils.system.rotation import rotation_request
from ..module_utils.system.text import verdict_text
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.hosts import CLIENTS, NODES, ROUTERS, members, user_and_host

COLLECTION = Path(__file__).resolve().parents[2]
NAME = "homelab.anycast."
CHECKS: dict[str, Callable[[Row, Inventory], tuple[Row, list[str]]]] = {
    "drain": request.drain_request,
    "undrain": request.drain_request,
    "remove": removal_request,
    "rotate_key": rotation_request,
    "drill": drill_request,
}


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        playbook = options["playbook"]
        concerned = [host for group in (ROUTERS, NODES, CLIENTS) for host in members(task_vars, group)]
        hosts = {host.name: host for host in concerned}
        inventory = Inventory(hosts, task_vars["groups"])
        given = load_extra_vars(self._loader)
        roles = _role_variables() if any(name.startswith(request.ROLES) for name in given) else []
        problems = request.variable_problems(given, playbook, _called(), roles)
        if problems:
            # What is missing is what they were to be.
            self.refuse(verdict_text(problems))
        values, problems = request.read_values(playbook, self._given(playbook, task_vars))
        left = task_vars["ansible_play_hosts_all"]
        misfits = request.inventory_problems(playbook, inventory, left, values.get("node", []))
        found: Row = {}
        if not misfits and playbook in CHECKS:
            found, misfits = CHECKS[playbook](values, inventory)
            problems += [f"{host.name}: {text}" for host in hosts.values() for text in dict.fromkeys(host.problems)]
        problems += misfits
        if playbook == "drill":
            problems += library_problems()
            report = Path(values["drill_report"]).expanduser().resolve()
            found.update(
                id=uuid.uuid4().hex, time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), report=str(report)
            )
        if problems:
            self.refuse(verdict_text(problems))
        return {**{name: value for name, value in values.items() if name != "new_key"}, **found}

    def _given(self, playbook: str, task_vars: Row) -> Row:
        """Return what is given for the variables of a playbook: on the command line, by the inventory or else."""
        given = {"anycast_by": user_and_host()}
        for name, variable in request.variables_of(playbook).items():
            if name in task_vars:
                given[name] = self._templar.template(task_vars[name])
            elif variable.environment in os.environ:
                given[name] = os.environ[variable.environment]
        return given


def _called() -> list[str]:
    """Return the playbooks of the command line, if all of them are the collection's."""
    called: list[str] = []
    for argument in context.CLIARGS.get("args") or ():
        path = Path(argument)
        if argument.startswith(NAME):
            called.append(argument.removeprefix(NAME))
        elif path.resolve().parent == COLLECTION / "playbooks":
            called.append(path.stem)
        else:
            return []
    return called


def _role_variables() -> list[str]:
    found: list[str] = []
    for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml_load(path.read_text())["argument_specs"].values():
            found += entry.get("options", {})
    return found
