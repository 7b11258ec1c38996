# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of other hosts, for actions that look at the whole system. Private to this collection."""

import getpass
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from jinja2 import TemplateError, Undefined

from ..module_utils.system.variables import Variables

ROUTERS, NODES, CLIENTS = "anycast_routers", "anycast_nodes", "anycast_clients"


class Host:
    """A host of the inventory. Any of its variables may be undefined or wrong; C(problems) says which are."""

    def __init__(self, name: str, variables: Mapping[str, Any]) -> None:
        self.name = name
        self.problems: list[str] = []
        self._variables = variables

    def get(self, variable: str, default: Any = None, required: bool = False) -> Any:
        """Return the value of a variable, the default where it has none, or cannot be resolved."""
        try:
            # What a host does not have at all is no error here, what it has and cannot be resolved is one.
            value = _resolved(self._variables.get(variable))
        except (AnsibleError, TemplateError, KeyError) as error:
            self.problems.append(f"{variable} cannot be resolved: {' '.join(str(error).split())}")
            return default
        if value is None and required:
            self.problems.append(f"{variable} is missing")
        return default if value is None else value

    def text(self, variable: str, required: bool = False) -> str | None:
        value = self.get(variable, required=required)
        return None if value is None else str(value)


def _resolved(value: Any) -> Any:
    """Return a value with everything inside it resolved, so that what is undefined shows here and not later."""
    if isinstance(value, Undefined):
        # Raises, and says what is undefined.
        return str(value)
    if isinstance(value, dict):
        return {key: _resolved(entry) for key, entry in value.items()}
    return [_resolved(entry) for entry in value] if isinstance(value, list) else value


def host_variables(task_vars: Mapping[str, Any], name: str, wanted: Iterable[str]) -> Variables:
    """Return those of a host's variables that are wanted, and all as they were written."""
    hostvars = task_vars["hostvars"]
    values, errors = {}, {}
    for variable in wanted:
        try:
            value = _resolved(hostvars[name].get(variable))
        except (AnsibleError, TemplateError, KeyError) as error:
            errors[variable] = str(error)
            continue
        if value is not None:
            values[variable] = value
    return Variables(values, errors, hostvars.raw_get(name))


def members(task_vars: Mapping[str, Any], group: str) -> list[Host]:
    """Return the hosts of a group, in the order of the inventory, whether or not the play has them."""
    return [Host(name, task_vars["hostvars"][name]) for name in task_vars["groups"].get(group, ())]


def other_router_ids(task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the router ids that the roles give the other hosts of the inventory, by host."""
    found = {}
    for name in task_vars["hostvars"]:
        host = Host(name, task_vars["hostvars"][name])
        router_id = host.get("routeros_ospf_router_id") or host.get("bird_anycast_router_id")
        if name != task_vars["inventory_hostname"] and router_id:
            found[name] = router_id
    return found


def user_and_host() -> str:
    """Return who runs this, and where."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # In a container, a user without a name
    return f"{user}@{os.uname().nodename}"
