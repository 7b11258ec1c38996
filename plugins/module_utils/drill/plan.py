# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A failover drill: which events there are, and what is wrong with what a user asks for. Private to this collection.

Nothing in here does input or output. All times are seconds.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..model import link, services
from ..model.services import words
from ..node import announcer
from ..probe.dns import DnsProbe
from ..probe.targets import probe_targets
from ..system.request import CLIENTS, Inventory, Row, unknown_name
from ..system.text import plain_message


@dataclasses.dataclass(frozen=True)
class Kind:
    """What an event does: `command` breaks something and `undo` puts it back, both by a shell, on the node.

    With on="controller" the two are names of variables of the node or router, whose values the controller runs. `undo`
    may run twice, so it must not mind.
    """

    title: str
    command: str
    undo: str
    why: str  # How the default of the limit comes about; the seconds are in L(default_limit)
    on: str = "node"
    subject: str = "node"  # Or "router": the kind of host that it breaks
    leaves: bool = True  # Whether the node must leave the router's next hops. Else it may be back before a look
    needs: tuple[str, ...] = ()  # What the service must have
    delay: float = 0.0


# The drill does not read the interval. At 0.2 s, 3 intervals + the skew of the lowest priority are 0.8 s.
_GATEWAY = (
    "VRRP gives the clients a gateway again after 3 advertisement intervals + skew (RFC 9568 6.1), at most 0.8 s with"
    " an interval of 0.2 s"
)
EVENTS = {
    "drain": Kind(
        "drain of {node}",
        "systemctl stop {announcers}",
        "systemctl start {announcers}",
        "the node goes on answering until the router sends no client there",
    ),
    "stop": Kind(
        "stop of {unit} on {node}",
        "systemctl stop {unit}",
        "systemctl start {unit} {announcer}",
        "systemd withdraws the service before it stops it",
        needs=("unit",),
    ),
    "kill": Kind(
        "kill -9 of {unit} on {node}",
        "systemctl kill --kill-whom=main --signal=KILL {unit}",
        "systemctl start {unit} {announcer}",
        "systemd notices at once, OSPF and the router need a moment",
        leaves=False,
        needs=("unit",),
    ),
    "hang": Kind(
        "hang (SIGSTOP) of {unit} on {node}",
        "systemctl kill --kill-whom=all --signal=STOP {unit}",
        "systemctl kill --kill-whom=all --signal=CONT {unit}",
        "interval + timeout of the service's check, 0.1 s for each further failure (fall), 0.3 s for the router",
        needs=("unit", "check"),
    ),
    "bird_kill": Kind(
        "kill -9 of bird on {node}",
        "systemctl kill --kill-whom=main --signal=KILL bird.service",
        "systemctl start bird.service {announcers}",
        "the service goes on answering until the router sends no client there",
        leaves=False,
    ),
    "cut": Kind(
        "cable of {node} pulled",
        "anycast_drill_cut",
        "anycast_drill_restore",
        "the router has to notice: {detection}, and 1 s to change its routes",
        on="controller",
    ),
    "power_off": Kind(
        "{node} powered off",
        "anycast_drill_power_off",
        "anycast_drill_power_on",
        "the router has to notice: {detection}, and 1 s to change its routes",
        on="controller",
    ),
    "reboot": Kind(
        "reboot of {node}",
        # Not at once, or the connection is gone before Ansible is told that it worked.
        "systemd-run --quiet --collect --on-active=1s --timer-property=AccuracySec=10ms systemctl reboot",
        "",
        "a shutdown withdraws the services before it stops them",
        delay=1.0,
    ),
    "router_cut": Kind(
        "cable of router {router} pulled",
        "anycast_drill_cut",
        "anycast_drill_restore",
        _GATEWAY,
        on="controller",
        subject="router",
    ),
    "router_power_off": Kind(
        "router {router} powered off",
        "anycast_drill_power_off",
        "anycast_drill_power_on",
        _GATEWAY,
        on="controller",
        subject="router",
    ),
}
ROUTER_EVENTS = tuple(name for name, kind in EVENTS.items() if kind.subject == "router")
# A node and a router have them by the same names.
COMMANDS = tuple(
    dict.fromkeys(name for kind in EVENTS.values() if kind.on == "controller" for name in (kind.command, kind.undo))
)
# Of an entry of the list of events; `event` alone is enough for one of EVENTS.
KEYS = ("event", "node", "router", "limit", "break", "undo", "on", "leaves")

SETTINGS = ("interval", "timeout", "poll_interval", "settle", "return")
_GLANCE = 10.0  # To wait for a node that may have left the next hops for a moment
_SERVED = 90.0  # For all clients to be served again, and for what Ansible itself takes


@dataclasses.dataclass(frozen=True)
class Node:
    """A node of the inventory; its link has no authentication, its commands are those of the controller by variable."""

    services: list[services.Service]
    link: link.Link
    commands: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class System:
    """The inventory of a drill; a client has the addresses that it asks from, a router the controller's commands."""

    nodes: dict[str, Node]
    clients: dict[str, list[str]]
    routers: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a user asks for. An entry of `events` is the name of one, or a dictionary with KEYS."""

    events: list[Any]
    nodes: list[str]
    service: str
    consent: bool
    port: int | None
    limits: Any  # Seconds by the name of an event, or of what comes after it: recovery
    settings: Mapping[str, Any]  # Each of SETTINGS
    routers: list[str] = dataclasses.field(default_factory=list)  # Empty: all that have the commands


@dataclasses.dataclass(frozen=True)
class Event:
    """One event on one node or one router, with everything that the playbook needs."""

    event: str
    node: str  # Empty where it breaks a router
    router: str  # Empty where it breaks a node
    nodes: list[str]  # Which the routers must have as neighbours, before and afterwards
    title: str
    on: str
    command: str
    undo: str
    delay: float
    leaves: bool
    limit: float  # Seconds that it may cost a client
    why: str
    recovery_limit: float
    services: list[Row]
    prefixes: list[str]
    prefix: str  # Which of them the clients ask
    kind: str
    port: int
    sources: dict[str, list[str]]  # The addresses that each client asks from
    settle: float
    back: float
    deadline: int
    total: int
    interval: float
    timeout: float
    poll_interval: float
    count: int  # Of probes
    number: int = 1
    of: int = 1

    @property
    def host(self) -> str:
        """The node or the router that it breaks."""
        return self.node or self.router

    @property
    def progress(self) -> str:
        meanwhile = (
            f"The router is away for {self.settle:g} s, its return may take {self.back:g} s"
            if self.router
            else f"The router may take {self.settle:g} s, the node's return {self.back:g} s"
        )
        return (
            f"Event {self.number} of {self.of}: {self.title}. It may cost a client {self.limit:g} s ({self.why})."
            f" {meanwhile}; it is put back within {self.deadline} s, even if this play dies."
        )

    def as_dict(self) -> Row:
        return {**vars(self), "progress": self.progress}

    @classmethod
    def of_dict(cls, row: Row) -> Event:
        return cls(**{name: value for name, value in row.items() if name != "progress"})


def drill_request(values: Row, inventory: Inventory) -> tuple[Row, list[str]]:
    """Return ({events, seconds}, what is wrong with what is asked for, one sentence each)."""
    given = {name: values[f"drill_{name}"] for name in ("events", "consent", "port", "limits")}
    settings = {name: values[f"drill_{name}"] for name in SETTINGS}
    hosts = {"nodes": values["node"], "routers": values["router"]}
    asked = Asked(service=values["service"], settings=settings, **hosts, **given)
    system, problems = read_system(inventory)
    events, more = plan_drill(asked, system)
    longest = max((event.total for event in events), default=0)
    return {"events": [event.as_dict() for event in events], "seconds": longest}, problems + more


def read_system(inventory: Inventory) -> tuple[System, list[str]]:
    """Return (the system, what is wrong with its inventory, one sentence each)."""
    listed, problems = inventory.services(inventory.nodes)
    nodes: dict[str, Node] = {}
    for name in inventory.nodes:
        variables = inventory.hostvars[name]
        try:
            node_link = link.without_authentication(variables.get("bird_anycast_link") or {})
        except link.LinkError as error:
            problems.append(f"{name}: bird_anycast_link: {error}")
            node_link = link.Link()
        nodes[name] = Node(listed[name], node_link, _commands(variables))
    clients: dict[str, list[str]] = {}
    for name in inventory.groups.get(CLIENTS, []):
        clients[name], wrong = _sources(inventory.hostvars[name].get("anycast_probe_sources"))
        problems += [f"{name}: anycast_probe_sources: '{source}' is no IP address" for source in wrong]
        if not clients[name] and not wrong:
            advice = "list the addresses of this host that the probes are to come from"
            problems.append(f"{name} has no anycast_probe_sources: {advice}")
    routers = {name: _commands(inventory.hostvars[name]) for name in inventory.routers}
    return System(nodes, clients, routers), problems


def _commands(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {command: variables.get(command) for command in COMMANDS}


def _sources(listed: Any) -> tuple[list[str], list[Any]]:
    """Return (the addresses in a list, what in it is none)."""
    found, wrong = [], []
    for source in words(listed):
        try:
            found.append(str(ipaddress.ip_address(str(source))))
        except ValueError:
            wrong.append(source)
    return found, wrong


def detection_time(node_link: link.Link) -> tuple[float, str]:
    """Return (seconds in which either end notices that the other is dead, in words)."""
    if node_link.bfd_interval and node_link.bfd_multiplier:
        seconds = node_link.bfd_interval * node_link.bfd_multiplier / 1000
        return seconds, f"BFD {node_link.bfd_interval} ms x {node_link.bfd_multiplier}"
    return float(node_link.dead_interval), f"dead_interval {node_link.dead_interval} s"


def default_limit(event: str, service: services.Service, node_link: link.Link) -> float:
    """Return how many seconds an event may cost a client, its needs fulfilled."""
    if event in ("cut", "power_off"):
        return detection_time(node_link)[0] + 1
    if event == "hang" and service.check:
        return round(service.check.hang_limit + 0.3, 3)
    return 1.0 if event == "kill" or event in ROUTER_EVENTS else 0.0


def plan_drill(asked: Asked, system: System) -> tuple[list[Event], list[str]]:
    """Return (the events in their order, what is wrong with what is asked for, one sentence each)."""
    nodes = system.nodes
    entries = [entry if isinstance(entry, dict) else {"event": entry} for entry in asked.events]
    subjects = {_subject(entry) for entry in entries}
    problems = [unknown_name("anycast_node", name, sorted(nodes)) for name in asked.nodes if name not in nodes]
    known = sorted(system.routers)
    problems += [unknown_name("anycast_router", name, known) for name in asked.routers if name not in known]
    for subject, names in (("node", asked.nodes), ("router", asked.routers)):
        if names and entries and subject not in subjects:
            problems.append(f"anycast_{subject} has no effect, as no event breaks a {subject}: leave it out")
    if len(nodes) < 2 and subjects != {"router"}:
        there = f"anycast_nodes has {len(nodes)} node(s)"
        problems.append(f"{there}, expected 2 or more: without a second node, every event is an outage")
    wrong = [*_limit_problems(asked.limits), *_setting_problems(asked.settings)]
    problems += wrong
    if wrong:
        # The rest is looked at with others, as there is no plan with a problem.
        asked = dataclasses.replace(asked, limits={}, settings=dict.fromkeys(SETTINGS, 1))
    if not entries:
        example = "-e anycast_drill_events=drain,stop"
        problems.append(f"anycast_drill_events is missing: say which, {example}; there is: {', '.join(EVENTS)}")
    found: list[Event] = []
    for entry in entries:
        wrong = _entry_problems(entry)
        hosts_of = _routers_of if _subject(entry) == "router" else _nodes_of
        names, unknown = hosts_of(entry, asked, system)
        problems += [*wrong, *unknown]
        for name in names if not wrong else ():
            planned = _planned(entry, name, asked, system)
            if isinstance(planned, Event):
                found.append(planned)
            else:
                problems += planned
    problems = list(dict.fromkeys(problems))
    if problems:
        return [], problems
    if found and not asked.consent:
        problems.append(
            "anycast_drill_consent is missing: this breaks, one after the other,"
            f" {', '.join(event.title for event in found)}. If that is what you want: -e anycast_drill_consent=true"
        )
    numbered = enumerate(found, start=1)
    return [dataclasses.replace(event, number=number, of=len(found)) for number, event in numbered], problems


def _subject(entry: Row) -> str:
    """Return what an entry of the list of events breaks, node or router; an event of the user's own breaks a node."""
    return next((kind.subject for name, kind in EVENTS.items() if name == entry.get("event")), "node")


def _nodes_of(entry: Row, asked: Asked, system: System) -> tuple[list[str], list[str]]:
    """Return (which nodes an entry of the list of events breaks, what is wrong with those it names)."""
    known = sorted(system.nodes)
    own = words(entry.get("node"))
    problems = [unknown_name("node", name, known) for name in own if name not in known]
    if not own and not asked.nodes:
        there = f"-e anycast_node=NAME; there is: {', '.join(known) or 'none'}"
        problems.append(f"event '{entry.get('event')}' has no node: say which, {there}")
    return [name for name in own or asked.nodes if name in known], problems


def _routers_of(entry: Row, asked: Asked, system: System) -> tuple[list[str], list[str]]:
    """Return (which routers an entry of the list of events breaks, what is wrong with those it names).

    Where none is named, all that have its commands, or one of them: that the other is missing is told then.
    """
    event, known = entry["event"], list(system.routers)
    if len(known) < 2:
        there = f"anycast_routers has {len(known)} router(s), expected 2 or more"
        return [], [f"event '{event}': {there}: without its only router, a client would have no gateway"]
    own = words(entry.get("router"))
    problems = [unknown_name("router", name, known) for name in own if name not in known]
    needed = (EVENTS[event].command, EVENTS[event].undo)
    able = [name for name, commands in system.routers.items() if any(map(commands.get, needed))]
    return [name for name in own or asked.routers or able or known if name in known], problems


def _number(value: Any) -> float | None:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _is_limit(value: Any) -> bool:
    number = _number(value)
    return number is not None and number >= 0


def _limit_problems(limits: Any) -> Iterator[str]:
    if not isinstance(limits, dict):
        example = '{"anycast_drill_limits": {"hang": 6}}'
        yield f"anycast_drill_limits is '{limits}', expected a dictionary: -e '{example}'"
        return
    known = (*EVENTS, "recovery")
    for name, value in limits.items():
        if name not in known:
            yield unknown_name("anycast_drill_limits:", name, known)
        elif not _is_limit(value):
            yield f"anycast_drill_limits: {name} is '{value}', expected seconds, 0 or more"


def _setting_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if not _number(value) or not _is_limit(value):
            yield f"anycast_drill_{name} is '{value}', expected seconds, more than 0"


def _entry_problems(entry: Row) -> list[str]:
    event = entry.get("event")
    if not event:
        return ["anycast_drill_events: an entry has no key 'event'"]
    if not isinstance(event, str):
        return [unknown_name("event", event, EVENTS)]
    problems = [f"event '{event}': {link.unknown_key(key, KEYS)}" for key in entry if key not in KEYS]
    if event not in EVENTS and not entry.get("break"):
        problems.append(unknown_name("event", event, EVENTS) + "; your own event needs the key 'break', a command")
    subject = _subject(entry)
    other = "router" if subject == "node" else "node"
    if entry.get(other):
        problems.append(f"event '{event}' breaks a {subject}, not a {other}: leave out '{other}'")
    changed = [f"'{key}'" for key in ("break", "undo", "on", "leaves") if entry.get(key) is not None]
    if event in EVENTS and changed:
        problems.append(f"event '{event}' has its own {' and '.join(changed)}; give your event a different name")
    if event not in EVENTS and entry.get("limit") is None:
        problems.append(f"event '{event}' has no 'limit': say how many seconds it may cost a client")
    elif "limit" in entry and not _is_limit(entry["limit"]):
        problems.append(f"event '{event}': limit is '{entry['limit']}', expected seconds, 0 or more")
    if entry.get("on", "node") not in ("node", "controller"):
        problems.append(f"event '{event}': on is '{entry['on']}', expected node or controller")
    return problems


def asked_of(service: services.Service, clients: Mapping[str, list[str]]) -> Row | None:
    """Return how the clients ask a service: {prefix, kind, port, sources: {client: [address]}}; None if none can.

    It is asked by the first of its addresses that some client can reach, and by the clients that can reach that one:
    those with an address of its IP version.
    """
    for prefix in service.addresses:
        here = dataclasses.replace(service, addresses=[prefix])
        asked = {client: probe_targets([here], sources) for client, sources in clients.items() if sources}
        targets = {client: found[0] for client, found in asked.items() if found}
        if targets:
            one = next(iter(targets.values()))
            from_where = {client: target.sources for client, target in targets.items()}
            return {"prefix": prefix, "kind": one.kind, "port": one.port, "sources": from_where}
    return None


def _behind(router: str, system: System) -> Node:
    """Return what a router stands for, as if it were a node: the services of all nodes, and the slowest link."""
    nodes = system.nodes.values()
    offered = {service.name: service for node in nodes for service in node.services}
    slowest = max((node.link for node in nodes), key=lambda one: detection_time(one)[0], default=link.Link())
    return Node(list(offered.values()), slowest, system.routers[router])


def _planned(entry: Row, name: str, asked: Asked, system: System) -> Event | list[str]:
    """Return one event on one node or one router, or what is wrong with it."""
    event, limits = entry["event"], asked.limits
    kind = EVENTS.get(event)
    if not kind:
        where = {"on": entry.get("on", "node"), "leaves": boolean(entry.get("leaves"), strict=False)}
        own = (str(entry["break"]), str(entry.get("undo") or ""))
        kind = Kind("{event} on {node}", *own, "as the inventory says", **where)
    router = name if kind.subject == "router" else ""
    node = _behind(router, system) if router else system.nodes[name]
    if not node.services:
        return [f"{'no node has' if router else f'node {name} has no'} services in bird_anycast_services"]
    chosen = services.named(node.services, asked.service)
    if not chosen:
        offered = [service.name for service in node.services]
        return [unknown_name(f"anycast_service on {name}:", asked.service, offered)]
    service = chosen[0]
    unnoticed = "the node would not notice, and its clients would lose everything until the end"
    missing = {"unit": f"there is nothing to {event}", "check": unnoticed}
    problems = [
        f"event '{event}': service '{service.name}' of {name} has no {key}, so {missing[key]}; set it in"
        " bird_anycast_services, or leave the event out"
        for key in kind.needs
        if not getattr(service, key)
    ]
    detection, noticed = detection_time(node.link)
    texts = {
        "event": event,
        "node": name,
        "router": router,
        "unit": service.unit,
        "announcer": announcer.instance(service.name),
        "announcers": " ".join(announcer.instance(other.name) for other in node.services),
        "detection": noticed,
    }
    command, undo = kind.command, kind.undo
    if event in EVENTS and kind.on == "controller":
        problems += [
            f"event '{event}': {name} has no variable {variable}, the command for it on the controller; set it for the"
            " host in the inventory, or leave the event out"
            for variable in (command, undo)
            if not node.commands.get(variable)
        ]
        command, undo = (str(node.commands.get(variable)) for variable in (command, undo))
    elif event in EVENTS:
        command, undo = command.format(**texts), undo.format(**texts)
    how = asked_of(service, system.clients)
    if how is None and any(system.clients.values()):
        problems.append(
            f"service '{service.name}' has {', '.join(service.addresses)}, and no client has an address of that IP"
            " version in anycast_probe_sources: add one"
        )
    if problems or how is None:
        return problems
    concerned = [service] if "unit" in kind.needs else node.services
    given = entry.get("limit", limits.get(event))
    limit = float(default_limit(event, service, node.link) if given is None else given)
    # The routes of the routers that stay change when OSPF notices, which may be after VRRP has.
    changed = limit + detection if router else limit
    return Event(
        event=event,
        node="" if router else name,
        router=router,
        nodes=list(system.nodes) if router else [name],
        title=kind.title.format(**texts),
        command=command,
        undo=undo,
        **{key: getattr(kind, key) for key in ("on", "delay", "leaves")},
        limit=limit,
        why=kind.why.format(**texts) if given is None else "as asked for",
        recovery_limit=float(limits.get("recovery", 0)),
        services=[each.as_dict() for each in concerned],
        prefixes=services.service_prefixes(concerned),
        **{**how, "port": asked.port or how["port"]},
        **_timing(kind.leaves, changed, how["kind"], asked.settings),
    )


def _timing(leaves: bool, changed: float, probe: str, settings: Mapping[str, Any]) -> Row:
    """Return the seconds for each step of an event, and how many probes are sent meanwhile.

    :param changed: seconds after which the routes should have changed.
    """
    given = {name: float(value) for name, value in settings.items()}
    settle = changed + (given["settle"] if leaves else _GLANCE)
    deadline = settle + _SERVED + 30  # What is armed must not strike while the drill still looks on
    total = deadline + given["return"] + _SERVED
    count = int(total / given["interval"])
    return {
        "settle": settle,
        "back": given["return"],
        "deadline": int(deadline),
        "total": int(total),
        **{name: given[name] for name in ("interval", "timeout", "poll_interval")},
        # A query of DNS has one of so many ids. Probes that ended before their event make it a failed one.
        "count": min(count, DnsProbe.most) if probe == "dns" else count,
    }


def unready_hosts(results: Iterable[Row]) -> list[str]:
    """Return what the results of loops over hosts say: who could not be reached, for each reason, and all messages."""
    away: dict[str, list[str]] = {}
    said = []
    for found in results:
        if found.get("unreachable") or found.get("reached") is False:
            away.setdefault(plain_message(found), []).append(str(found["item"]))
        elif "msg" in found:
            said.append(plain_message(found, lines=True))
    sentences = [f"{', '.join(dict.fromkeys(names))} cannot be reached: {reason}" for reason, names in away.items()]
    return [*sentences, *dict.fromkeys(said)]


def _short(name: Any) -> str:
    return str(name).partition(".")[0]


def unserved_nodes(planned: Iterable[str], names: Iterable[str], answers: Iterable[Any]) -> list[str]:
    """Return a sentence for each planned node that answers no client, where answers are names of nodes at all."""
    said = {_short(answer) for answer in answers if answer}
    if not said & {_short(name) for name in names}:
        return []
    return [
        f"{node} serves none of the clients' addresses now, so breaking it would show nothing: give the clients more in"
        f" anycast_probe_sources, or choose a different node; {', '.join(sorted(said))} answer"
        for node in dict.fromkeys(planned)
        if _short(node) not in said
    ]
