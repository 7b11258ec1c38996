# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the variables of hosts, as far as the inventory alone shows it.

Nothing in here does input or output. Private to this collection.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..model.link import closest, link_problems, unknown_key
from ..model.services import ServicesError, announced, normalise_services
from ..ospf.router_id import router_id_problems
from .request import NODES, ROUTERS

Row = dict[str, Any]

_REFERENCE = re.compile(r"\s*\{\{\s*(\w+)\s*\}\}\s*")
_ENVIRONMENT = re.compile(r"""lookup\(\s*['"](?:ansible\.builtin\.)?env['"]\s*,\s*['"](\w+)['"]""")
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
# Of an error that Ansible has wrapped, each with what it was about.
_WRAPPING = re.compile(r"^(?:Error while resolving (?:value for )?[^:]*|Finalization of [^:]*): ")


@dataclasses.dataclass(frozen=True)
class Variables:
    """The variables of a host: resolved, why one cannot be resolved, and as the inventory has them."""

    values: Mapping[str, Any]  # Without those that are missing or cannot be resolved
    errors: Mapping[str, str]
    written: Mapping[str, Any]

    def written_value(self, variable: str, key: str) -> Any:
        """Return a key of a variable as it was written, wherever the variable refers to."""
        whole = self._followed(self.written.get(variable))
        return self._followed(whole.get(key)) if isinstance(whole, Mapping) else None

    def _followed(self, value: Any) -> Any:
        seen: set[str] = set()
        while isinstance(value, str) and (found := _REFERENCE.fullmatch(value)) and found[1] not in seen:
            seen.add(found[1])
            value = self.written.get(found[1])
        return value

    def unset(self, variable: str, key: str, environment: Mapping[str, str]) -> str | None:
        """Return the sentence about an empty key of a variable that the inventory takes from the environment."""
        names = _ENVIRONMENT.findall(str(self.written_value(variable, key)))
        if not names:
            return None
        state = "is set, but empty" if names[0] in environment else "is not set"
        return f"the environment variable {names[0]} {state}. Run: export {names[0]}=..."


@dataclasses.dataclass(frozen=True)
class Controller:
    """What the host that runs Ansible has."""

    environment: Mapping[str, str]
    exists: Callable[[str], bool]  # Whether there is a file
    login_options: Collection[str]  # That community.routeros' modules take


# Playbooks that use nothing of a router but the login, and of a node what they check themselves.
_LOGIN_ONLY = ("report", "drain", "undrain", "remove", "drill")
LOGIN = "routeros_ospf_api"


def role_of(playbook: str, group: str) -> str | None:
    """Return the role whose variables a playbook needs of the hosts of a group; status shows what is wrong itself."""
    if playbook == "status":
        return None
    if group == ROUTERS:
        return "routeros_bootstrap" if playbook == "bootstrap" else "routeros_ospf"
    return "bird_anycast" if group == NODES and playbook not in (*_LOGIN_ONLY, "bootstrap") else None


def needed_options(playbook: str, options: Mapping[str, Row]) -> Mapping[str, Row]:
    """Return those options of a role that a playbook needs."""
    return {LOGIN: options[LOGIN]} if playbook in _LOGIN_ONLY else options


def host_problems(
    variables: Variables, role: str, options: Mapping[str, Row], known: Container[str], controller: Controller
) -> list[str]:
    """Return what is wrong with the variables that a playbook needs of a host, one sentence each.

    :param options: the role's that are needed, as its argument_specs have them.
    :param known: the variables of all roles.
    """
    found = [*variable_problems(variables, options, known)]
    if LOGIN in options:
        found += login_problems(variables, controller)
    own = f"{role}_router_id"
    if own in options and isinstance(router_id := variables.values.get(own), str):
        found += router_id_problems(own, router_id, {})
    return found + [*model_problems(variables, role, controller)]


def variable_problems(variables: Variables, options: Mapping[str, Row], known: Container[str]) -> Iterator[str]:
    """Yield which variables are missing, misspelt or of the wrong type."""
    others = [name for name in variables.written if name not in known]
    for name, option in options.items():
        if error := variables.errors.get(name):
            yield unresolved(name, error, others)
        elif name in variables.values:
            yield from type_problems(name, option, variables.values[name])
        elif option.get("required"):
            close = closest(name, others, 0.8)
            found = f"The inventory has '{close}': correct its name" if close else "Define it in the inventory"
            yield f"{name} is missing. {found}"
    # One that is required is said to be missing.
    optional = [name for name, option in options.items() if not option.get("required")]
    for name in variables.written:
        if name not in known and (close := closest(name, optional, 0.9)):
            yield f"the variable '{name}' is unknown, did you mean '{close}'?"


def unresolved(name: str, error: str, others: Collection[str]) -> str:
    """Return the sentence about a variable that cannot be resolved; others are those of the inventory's own."""
    if not (found := _UNDEFINED.search(error)):
        plain = " ".join(error.split())
        while _WRAPPING.match(plain):
            plain = _WRAPPING.sub("", plain)
        return f"{name} cannot be resolved: {plain}"
    missing = found[1]
    if close := closest(missing, [each for each in others if not each.startswith("ansible_")], 0.8):
        return f"the variable {missing} is undefined. The inventory has '{close}': correct one of the two names"
    where = "your vault file" if missing.startswith("vault") else "group_vars/all.yml"
    return f"the variable {missing} is undefined. Define it in {where} beside hosts.yml; {name} needs it"


def type_problems(name: str, option: Row, value: Any) -> list[str]:
    kind, listed = option.get("type"), isinstance(value, list)
    # Its own check says more of each entry.
    if kind == "list" and option.get("elements") == "dict":
        return [] if listed else [f"{name} is {_kind(value)}, expected a list: put '- ' before the first key"]
    if kind == "list" and isinstance(value, Mapping) or kind == "str" and isinstance(value, (list, Mapping)):
        return [f"{name} is {_kind(value)}, expected {'a list' if kind == 'list' else 'text'}"]
    if kind == "dict" and not isinstance(value, Mapping):
        return [f"{name} is {_kind(value)}, expected a dictionary"]
    checked = {key: option[key] for key in ("type", "elements", "choices") if key in option}
    if not ArgumentSpecValidator({name: checked}).validate({name: value}).error_messages:
        return []
    choices = option.get("choices")
    expected = f"one of: {', '.join(map(str, choices))}" if choices else {"int": "a whole number"}.get(kind or "", kind)
    return [f"{name} is {value}, expected {expected}"]


def _kind(value: Any) -> str:
    if isinstance(value, (list, Mapping)):
        return "a list" if isinstance(value, list) else "a dictionary"
    return f"'{value}'" if isinstance(value, str) else str(value)


def model_problems(variables: Variables, role: str, controller: Controller) -> Iterator[str]:
    """Yield what is wrong with the link and the services of an end."""
    link, services = (variables.values.get(f"{role}_{name}") for name in ("link", "services"))
    if isinstance(link, Mapping):
        said = variables.unset(f"{role}_link", "key", controller.environment) if not link.get("key") else None
        # The other problems of the link first, which may be that it needs no key.
        others = link_problems(f"{role}_link", {**link, "key": "x"} if said else link, announced(services))
        yield from others or ([f"the OSPF key is empty: {said}"] if said else [])
    if isinstance(services, list):
        try:
            normalise_services(services)
        except ServicesError as error:
            yield f"{role}_services: {error}"


def login_problems(variables: Variables, controller: Controller) -> Iterator[str]:
    """Yield what is wrong with the login to a router's API."""
    login = variables.values.get(LOGIN)
    if not isinstance(login, Mapping):
        return
    for key in login:
        if key not in controller.login_options:
            yield f"{LOGIN}: {unknown_key(key, controller.login_options)}"
    yield from (f"{LOGIN}: {key} is missing" for key in ("hostname", "username") if not login.get(key))
    if not login.get("password"):
        if said := variables.unset(LOGIN, "password", controller.environment):
            yield f"the password of the router is empty: {said}"
        elif "password" not in login:
            yield f"{LOGIN}: password is missing"
    path = login.get("ca_path")
    if path and login.get("tls") and login.get("validate_certs", True) and not controller.exists(path):
        yield f"the file {path} (ca_path in {LOGIN}) is missing: run homelab.anycast.bootstrap, or correct ca_path"
