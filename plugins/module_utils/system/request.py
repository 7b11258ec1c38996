# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users give a playbook by -e: the variables that there are, and what is wrong with a call of a playbook.

Nothing in here does input or output. Private to this collection. VARIABLES is the one place that documents them: the
heads of the playbooks and the page about them are held against it by tests/docs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..model.limits import limit_problems
from ..model.link import closest
from ..model.services import Service, ServicesError, named, normalise_services, service_prefixes, words

Row = dict[str, Any]  # A dictionary that a user wrote, or that a task returns

PREFIX = "anycast_"
ROLES = ("bird_anycast_", "routeros_ospf_", "routeros_bootstrap_")  # The prefixes of the roles' variables
ROUTERS, NODES, CLIENTS = "anycast_routers", "anycast_nodes", "anycast_clients"

# The groups of the inventory without which a playbook would do nothing, or half of it.
GROUPS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("bootstrap", "report"), (ROUTERS,)),
    **dict.fromkeys(("preflight", "site", "verify", "neighbors", "status", "drain", "undrain"), (ROUTERS, NODES)),
    "drill": (ROUTERS, NODES, CLIENTS),
    "rotate_key": (ROUTERS, NODES),
    "remove": (NODES,),  # With anycast_force it needs no router
}
# Playbooks in which --limit must not leave out a host that they are about. One of several routers may be left out of
# MAINTENANCE: one that is away must not keep the user from work on a node.
MAINTENANCE = ("drain", "undrain", "remove")
WHOLE = (*MAINTENANCE, "drill", "rotate_key")


@dataclasses.dataclass(frozen=True)
class Variable:
    """A variable that a user gives by -e."""

    kind: str  # text, names (a list, or text with commas), flag, number (limits.py), any (the playbook checks it)
    playbooks: tuple[str, ...]
    meaning: str
    default: Any = None
    environment: str = ""  # The variable of the environment that holds it otherwise


_DRILL = ("drill",)
_WORK = ("drain", "undrain", "remove", "drill")
_WAIT = ("site", "verify", "neighbors", "drain", "undrain", "drill", "rotate_key", "remove")

VARIABLES = {
    "anycast_wait": Variable(
        "number", _WAIT, "seconds for the router and the nodes to reach the expected state, at each step", 60
    ),
    "anycast_node": Variable("names", _WORK, "the node; separate several nodes with commas"),
    "anycast_router": Variable(
        "names", _DRILL, "the router of a router's event; without it each that has the commands"
    ),
    "anycast_service": Variable("text", _WORK, "only this service; in drill, the service to break and measure"),
    "anycast_reason": Variable("text", ("drain",), "reason, recorded on the node"),
    "anycast_by": Variable("text", ("drain", "drill"), "who drains or drills, instead of this user and host"),
    "anycast_force": Variable(
        "flag", ("site", "preflight", "drain", "undrain", "remove"), "go on although the playbook would refuse", False
    ),
    "anycast_stop_service": Variable("flag", ("drain",), "stop the services afterwards", False),
    "anycast_everything": Variable(
        "flag", ("remove",), "remove all services from all nodes, and the router's part", False
    ),
    "anycast_new_key": Variable("any", ("rotate_key",), "the new key", environment="ANYCAST_NEW_KEY"),
    "anycast_new_key_id": Variable("any", ("rotate_key",), "the new key_id", environment="ANYCAST_NEW_KEY_ID"),
    "anycast_drill_events": Variable("names", _DRILL, "events, in this order: with commas, or a list"),
    "anycast_drill_consent": Variable("flag", _DRILL, "required, because a drill breaks services", False),
    "anycast_drill_limits": Variable(
        "any", _DRILL, "seconds that an event, or the recovery after it, may cost a client", {}
    ),
    "anycast_drill_report": Variable(
        "text", _DRILL, "where to write the report, without .html and .json", "anycast-drill"
    ),
    "anycast_drill_takeover": Variable(
        "flag", _DRILL, "repair what a drill whose run has died broke, then start", False
    ),
    "anycast_drill_port": Variable("number", _DRILL, "port for the probes, instead of the port of the check"),
    "anycast_drill_interval": Variable("any", _DRILL, "seconds between two probes of a client's address", 0.05),
    "anycast_drill_timeout": Variable("any", _DRILL, "seconds for an answer", 1),
    "anycast_drill_poll_interval": Variable(
        "any", _DRILL, "seconds between two readings of the router's next hops", 0.1
    ),
    "anycast_drill_settle": Variable(
        "any", _DRILL, "seconds, beyond the limit, for a node to leave the next hops, or for a router to be away", 30
    ),
    "anycast_drill_return": Variable(
        "any", _DRILL, "seconds for a node or a router to come back, including a boot", 300
    ),
    "anycast_report_file": Variable("text", ("report",), "where to write the report", "anycast-report.txt"),
    "anycast_status_file": Variable(
        "text", ("status",), "where to write the page; empty: no page", "anycast-status.html"
    ),
    "anycast_status_json": Variable("text", ("status",), "where to write the state for scripts; empty: nowhere", ""),
    "anycast_status_metrics": Variable(
        "text", ("status",), "where to write the state for Prometheus; empty: nowhere", ""
    ),
    "anycast_status_strict": Variable("flag", ("status",), "fail if there are problems, for monitoring", False),
}
# Variables of the inventory with the same prefix.
INVENTORY = (
    *("anycast_link", "anycast_services", "anycast_probe_sources"),
    *("anycast_drill_cut", "anycast_drill_restore", "anycast_drill_power_off", "anycast_drill_power_on"),
)
# What they were called before all had one prefix; without it most are close enough to be recognised.
RENAMED = {
    "drill_node": "anycast_node",
    "drill_service": "anycast_service",
    "remove_node": "anycast_node",
    "remove_service": "anycast_service",
    "remove_everything": "anycast_everything",
    "remove_consent": "anycast_force",
}


def unknown_name(what: str, name: Any, known: Iterable[str]) -> str:
    """Return the sentence about a name that is none of those known."""
    known = list(known)
    hint = f", did you mean '{close}'?" if (close := closest(name, known)) else ";"
    return f"{what} '{name}' is unknown{hint} there is: {', '.join(known) or 'none'}"


def variables_of(playbook: str) -> dict[str, Variable]:
    return {name: variable for name, variable in VARIABLES.items() if playbook in variable.playbooks}


def read_values(playbook: str, given: Mapping[str, Any]) -> tuple[Row, list[str]]:
    """Return (the value of each variable of a playbook by its name without the prefix, what is wrong with any)."""
    values: Row = {}
    problems: list[str] = []
    for name, variable in variables_of(playbook).items():
        value = given.get(name, variable.default)
        if variable.kind == "text":
            value = str("" if value is None else value).strip()
        elif variable.kind == "names":
            value = words(value)
        elif variable.kind == "number":
            problems += limit_problems({name: value}) if value is not None else []
        elif variable.kind == "flag":
            try:
                value = boolean(value)
            except TypeError:
                problems.append(f"{name} is '{value}', expected true or false")
        values[name.removeprefix(PREFIX)] = value
    return values, problems


def variable_problems(
    given: Iterable[str], playbook: str, called: Collection[str], roles: Collection[str]
) -> list[str]:
    """Return which of the variables that a user gives have no effect, one sentence each.

    One that resembles none of the collection's is the user's own.

    :param called: the playbooks that were called, where all are the collection's. Else a playbook of the user's was,
        which may import several, and has variables of its own.
    :param roles: the variables of the roles.
    """
    here = VARIABLES if called else variables_of(playbook)
    problems = []
    for name in given:
        variable = VARIABLES.get(name)
        if variable and called and not set(called) & set(variable.playbooks):
            others = ", ".join(variable.playbooks)
            problems.append(f"{name} has no effect on {', '.join(called)}, it is for {others}: leave it out")
        if variable or name in INVENTORY or name in roles:
            continue
        # As an own word, for a common prefix makes all names alike.
        prefix = next((prefix for prefix in (PREFIX, *ROLES) if name.startswith(prefix)), "")
        stem = name.removeprefix(prefix)
        known = [*VARIABLES, *INVENTORY, *roles] if prefix else here
        stems = {each.removeprefix(prefix or PREFIX): each for each in known if each.startswith(prefix or PREFIX)}
        renamed = RENAMED.get(stem if prefix == PREFIX else name)
        if meant := renamed if renamed in here else stems.get(closest(stem, stems, 0.8) or ""):
            problems.append(f"the variable '{name}' is unknown, did you mean '{meant}'?")
    return problems


@dataclasses.dataclass(frozen=True)
class Inventory:
    """The hosts of an inventory by their groups, and their variables."""

    hostvars: Mapping[str, Any]  # By host what has get(variable), such as a dictionary
    groups: Mapping[str, list[str]]

    @property
    def routers(self) -> list[str]:
        return list(self.groups.get(ROUTERS, []))

    @property
    def nodes(self) -> list[str]:
        return list(self.groups.get(NODES, []))

    def services(self, nodes: Iterable[str]) -> tuple[dict[str, list[Service]], list[str]]:
        """Return (the services of some nodes, which are none where they cannot work, and why)."""
        found: dict[str, list[Service]] = {}
        problems = []
        for node in nodes:
            found[node] = []
            try:
                found[node] = normalise_services(self.hostvars[node].get("bird_anycast_services"))
            except ServicesError as error:
                problems.append(f"{node}: bird_anycast_services: {error}")
        return found, problems


def group_problem(group: str, groups: Mapping[str, Any]) -> str:
    """Return the sentence about a group without a host."""
    found = [name for name in groups if name not in ("all", "ungrouped", group)]
    close = closest(group, found, 0.8)
    return (
        f"the group {group} is {'empty' if group in groups else 'missing'}: is -i right? Groups found:"
        f" {', '.join(found) or 'none'}{f'. Is {close} to be {group}?' if close else ''}"
    )


def inventory_problems(
    playbook: str, inventory: Inventory, hosts: Collection[str], asked: Collection[str]
) -> list[str]:
    """Return why a playbook would do nothing, or half of it, on the hosts that --limit leaves, for the asked nodes."""
    groups = inventory.groups
    problems = [group_problem(group, groups) for group in GROUPS[playbook] if not groups.get(group)]
    if problems:
        return problems
    if playbook in WHOLE:
        nodes = inventory.nodes if playbook == "rotate_key" else [name for name in asked if name in inventory.nodes]
        some_routers = playbook in MAINTENANCE and any(name in hosts for name in inventory.routers)
        needed = [*(["localhost"] if playbook == "drill" else nodes), *([] if some_routers else inventory.routers)]
        left_out = [name for name in needed if name not in hosts]
        return [f"--limit leaves out {', '.join(left_out)}: run {playbook} without --limit"] if left_out else []
    concerned = (*GROUPS[playbook], *([CLIENTS] if playbook == "verify" else []))
    if not any(name in hosts for group in concerned for name in groups.get(group, ())):
        return [f"--limit leaves no host of {', '.join(concerned)}: {playbook} would do nothing"]
    return []


def routers_to_ask(inventory: Inventory, hosts: Collection[str]) -> list[str]:
    """Return the routers that a playbook asks: those that --limit leaves, all where it leaves nodes alone."""
    return [name for name in inventory.routers if name in hosts] or inventory.routers


def left_out_warnings(playbook: str, inventory: Inventory, asked: Collection[str]) -> list[str]:
    """Return what it means for maintenance that a router is not asked, a sentence for each router left out."""
    consequence = {
        "drain": "if it runs, its clients may be sent to the node until it has followed",
        "undrain": "whether it sends clients to the node is not proven",
        "remove": "it keeps what the role has written: run remove again when it answers",
    }
    return [
        f"{name} is left out by --limit, so it is not asked, and not waited for: {consequence[playbook]}"
        for name in inventory.routers
        if playbook in MAINTENANCE and name not in asked
    ]


def drain_request(values: Row, inventory: Inventory) -> tuple[Row, list[str]]:
    """Return (what drain or undrain is about: {services, prefixes} by node, what is wrong with what is asked for)."""
    names, wanted = values["node"], values["service"]
    problems = node_problems(names, inventory)
    services, wrong = inventory.services(name for name in names if name in inventory.nodes)
    problems += wrong
    if not names:
        there = ", ".join(inventory.nodes)
        problems.append(f"anycast_node is missing: say which, -e anycast_node=NAME; there is: {there}")
    for node, listed in services.items() if wanted and not wrong else ():
        known = [service.name for service in listed]
        problems += [] if wanted in known else [unknown_name(f"anycast_service on {node}:", wanted, known)]
    if values.get("reason") == "":
        why = "the node shows the reason to the next operator"
        problems.append(f'anycast_reason is missing: say why, -e anycast_reason="..."; {why}')
    return by_node({name: named(listed, wanted) for name, listed in services.items()}), problems


def node_problems(names: Iterable[str], inventory: Inventory) -> list[str]:
    known = sorted(inventory.nodes)
    return [unknown_name("anycast_node", name, known) for name in names if name not in known]


def by_node(services: Mapping[str, list[Service]]) -> Row:
    return {
        "services": {name: [service.as_dict() for service in listed] for name, listed in services.items()},
        "prefixes": {name: service_prefixes(listed) for name, listed in services.items()},
    }
