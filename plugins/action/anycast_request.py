# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The check of what is asked of a playbook; documented in plugins/modules/anycast_request.py."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml
from ansible import constants, context
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.compat.version import LooseVersion
from ansible.release import __version__
from ansible.utils.vars import load_extra_vars
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.drill.plan import drill_request
from ..module_utils.drill.report import library_problems
from ..module_utils.system import request, variables
from ..module_utils.system.removal import removal_request
from ..module_utils.system.request import Inventory
from ..module_utils.system.rotation import forks_problems, rotation_request
from ..module_utils.system.text import Finding, merged, verdict_text
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.hosts import CLIENTS, NODES, ROUTERS, host_variables, members, user_and_host

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
        asked = Inventory(hosts, task_vars["groups"])
        given = load_extra_vars(self._loader)
        roles = _role_variables() if any(name.startswith(request.ROLES) for name in given) else []
        problems = request.variable_problems(given, playbook, _called(), roles)
        problems += _core_problems()
        if problems:
            # What is missing is what they were to be.
            self.refuse(verdict_text(problems))
        values, problems = request.read_values(playbook, self._given(playbook, task_vars))
        left = task_vars["ansible_play_hosts_all"]
        misfits = request.inventory_problems(playbook, asked, left, values.get("node", []))
        misfits = [*_unread_inventories(), *misfits] if misfits else merged(self._findings(playbook, task_vars, left))
        found: Row = {}
        if not misfits and playbook in CHECKS:
            found, misfits = CHECKS[playbook](values, asked)
            problems += [f"{host.name}: {text}" for host in hosts.values() for text in dict.fromkeys(host.problems)]
        problems += misfits
        if playbook == "rotate_key":
            problems += forks_problems(asked.routers, context.CLIARGS.get("forks", constants.DEFAULT_FORKS))
        if playbook == "drill":
            problems += library_problems()
            report = Path(values["drill_report"]).expanduser().resolve()
            found.update(
                id=uuid.uuid4().hex, time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), report=str(report)
            )
        if problems:
            self.refuse(verdict_text(problems))
        routers = request.routers_to_ask(asked, left)
        for warning in request.left_out_warnings(playbook, asked, routers):
            self._display.warning(warning)
        # Of a playbook that imports this one, as site does with preflight: its plays go on afterwards.
        outer = task_vars.get("__anycast_request", {})
        names = {name.removeprefix(request.PREFIX) for name in request.VARIABLES} - {"new_key"}
        kept = {name: value for name, value in {**outer, **values}.items() if name in names}
        return {**kept, **found, "routers": routers}

    def _findings(self, playbook: str, task_vars: Row, hosts: list[str]) -> Iterator[Finding]:
        """Yield what the inventory alone shows to be wrong with the hosts that the playbook looks at."""
        controller = variables.Controller(os.environ, self._loader.path_exists, api_argument_spec())
        known, hostvars = _role_variables(), task_vars["hostvars"]
        for group in request.GROUPS[playbook]:
            if not (role := variables.role_of(playbook, group)):
                continue
            options = variables.needed_options(playbook, _entry_points(role)["main"]["options"])
            for host in (name for name in task_vars["groups"][group] if name in hosts):
                # What a user's play defines for all of its hosts is no variable of a host.
                own = {name: options[name] for name in options if name not in task_vars or name in hostvars[host]}
                found = host_variables(task_vars, host, own)
                for problem in variables.host_problems(found, role, own, known, controller):
                    yield Finding(problem, (host,))

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


def _unread_inventories() -> Iterator[str]:
    """Yield which inventories of the command line cannot be read; Ansible itself only warns, and goes on."""
    for source in context.CLIARGS.get("inventory") or ():
        path = Path(source)
        if not path.exists() and "," not in source:
            yield f"the inventory {source} does not exist: correct -i"
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.suffix in (".yml", ".yaml") and file.is_file():
                try:
                    yaml.compose(file.read_text())
                except yaml.MarkedYAMLError as error:
                    line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
                    yield f"the inventory {file} cannot be read: {error.problem}{line}. Correct that line or one above"


def _core_problems() -> list[str]:
    """Return the sentence about an ansible-core that is too old, of which Ansible itself only warns."""
    expected = yaml_load((COLLECTION / "meta" / "runtime.yml").read_text())["requires_ansible"]
    if LooseVersion(__version__) >= LooseVersion(expected.removeprefix(">=")):
        return []
    return [f"ansible-core {__version__} was found, {expected} was expected: upgrade ansible, by apt or pip"]


def _role_variables() -> list[str]:
    entries = [entry for path in COLLECTION.glob("roles/*") for entry in _entry_points(path.name).values()]
    return [name for entry in entries for name in entry.get("options", {})]


def _entry_points(role: str) -> Row:
    found: Row = yaml_load((COLLECTION / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return found
