# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failover drill: which events there are, and what is wrong with what a user asks for.

What an event cost the clients is in drill_result.py, what a host keeps of the drill on it in drill_record.py. Nothing
in here does input or output. Two shapes go through it:

- a system: {routers: [name], nodes: {name: {services, link, commands}}, clients: {name: [address]}}, with normalised
  services, the link normalised without its authentication, the commands of the inventory by their variable, and the
  addresses that each client asks from;
- a plan: what L(plan) makes of the user's wishes, one dictionary per event with everything that the playbook needs.

All times are seconds.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import math

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.homelab.anycast.plugins.module_utils.model import link, services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from ansible_collections.homelab.anycast.plugins.module_utils.probe.dns import DnsProbe
from ansible_collections.homelab.anycast.plugins.module_utils.probe.targets import probe_targets
from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import words

# `break` and `undo` are what a shell runs. `undo` may run twice, so it must not mind.
# `on`: the node itself, or the controller, which then runs what these variables of the node say.
# `leaves`: whether the router must let go of the node. Where it need not, it may do so for a moment and be back before
# anybody has looked.
# `needs`: what the service must have.
# `why`: how the default of the limit comes about; the seconds are in L(default_limit).
EVENTS: dict[str, dict] = {
    "drain": {
        "title": "drain of {node}",
        "on": "node",
        "break": "systemctl stop {announcers}",
        "undo": "systemctl start {announcers}",
        "leaves": True,
        "needs": (),
        "why": "the node goes on answering until the router has let go of it",
    },
    "stop": {
        "title": "stop of {unit} on {node}",
        "on": "node",
        "break": "systemctl stop {unit}",
        "undo": "systemctl start {unit} {announcer}",
        "leaves": True,
        "needs": ("unit",),
        "why": "systemd withdraws the service before it stops it",
    },
    "kill": {
        "title": "kill -9 of {unit} on {node}",
        "on": "node",
        "break": "systemctl kill --kill-whom=main --signal=KILL {unit}",
        "undo": "systemctl start {unit} {announcer}",
        "leaves": False,
        "needs": ("unit",),
        "why": "systemd notices at once, OSPF and the router need a moment",
    },
    "hang": {
        "title": "hang (SIGSTOP) of {unit} on {node}",
        "on": "node",
        "break": "systemctl kill --kill-whom=all --signal=STOP {unit}",
        "undo": "systemctl kill --kill-whom=all --signal=CONT {unit}",
        "leaves": True,
        "needs": ("unit", "check"),
        "why": "interval + timeout of the service's check, 0.1 s for each further failure (fall), 0.3 s for the router",
    },
    "bird_kill": {
        "title": "kill -9 of bird on {node}",
        "on": "node",
        "break": "systemctl kill --kill-whom=main --signal=KILL bird.service",
        "undo": "systemctl start bird.service {announcers}",
        "leaves": False,
        "needs": (),
        "why": "the service goes on answering until the router has let go of the node",
    },
    "cut": {
        "title": "cable of {node} pulled",
        "on": "controller",
        "break": "anycast_drill_cut",
        "undo": "anycast_drill_restore",
        "leaves": True,
        "needs": (),
        "why": "the router has to notice: {detection}, and 1 s to change its routes",
    },
    "power_off": {
        "title": "{node} powered off",
        "on": "controller",
        "break": "anycast_drill_power_off",
        "undo": "anycast_drill_power_on",
        "leaves": True,
        "needs": (),
        "why": "the router has to notice: {detection}, and 1 s to change its routes",
    },
    "reboot": {
        "title": "reboot of {node}",
        "on": "node",
        # Not at once, or the connection is gone before anybody is told that it worked.
        "break": "systemd-run --quiet --collect --on-active=1s --timer-property=AccuracySec=10ms systemctl reboot",
        "undo": "",
        "delay": 1.0,
        "leaves": True,
        "needs": (),
        "why": "a shutdown withdraws the services before it stops them",
    },
}
COMMANDS = ("anycast_drill_cut", "anycast_drill_restore", "anycast_drill_power_off", "anycast_drill_power_on")
# Of an entry of the list of events; `event` alone is enough for one of EVENTS.
KEYS = ("event", "node", "limit", "break", "undo", "on", "leaves")

SETTINGS = {
    # Between two probes of a client's address.
    "interval": 0.05,
    # Within which one must be answered.
    "timeout": 1.0,
    # Between two looks at the router's next hops.
    "poll_interval": 0.1,
    # To wait for the router to let go of a node, beyond what the event may cost.
    "settle": 30.0,
    # To wait for a node to be back; a machine has to boot in it.
    "return": 300.0,
}
# To wait for a router that may have let go of a node for a moment nobody has seen.
_GLANCE = 10.0
# For all clients to be served again, and for what Ansible itself takes.
_SERVED = 90.0


# ---------------------------------------------------------------------------------------------------------------------
# What is asked for


def system(hostvars, groups):
    """Return (the system, what is wrong with its inventory, one sentence each)."""
    problems, nodes = [], {}
    for name in groups.get("anycast_nodes", []):
        variables = hostvars[name]
        try:
            listed = services.normalise_services(variables.get("bird_anycast_services", []))
        except services.ServicesError as error:
            problems.append(f"{name}: bird_anycast_services: {error}")
            listed = []
        try:
            node_link = link.without_authentication(variables.get("bird_anycast_link") or {})
        except link.LinkError as error:
            problems.append(f"{name}: bird_anycast_link: {error}")
            node_link = link.without_authentication({})
        nodes[name] = {
            "services": listed,
            "link": node_link,
            "commands": {command: variables.get(command) for command in COMMANDS},
        }
    clients = {}
    for name in groups.get("anycast_clients", []):
        clients[name], wrong = _sources(hostvars[name].get("anycast_probe_sources"))
        problems += [f"{name}: anycast_probe_sources: '{source}' is no IP address" for source in wrong]
        if not clients[name] and not wrong:
            problems.append(
                f"{name} has no anycast_probe_sources: list the addresses of this host that the probes are to come from"
            )
    return {"nodes": nodes, "routers": groups.get("anycast_routers", []), "clients": clients}, problems


def _sources(listed):
    """Return (the addresses in a list, what in it is none)."""
    found, wrong = [], []
    for source in words(listed):
        try:
            found.append(str(ipaddress.ip_address(str(source))))
        except ValueError:
            wrong.append(source)
    return found, wrong


def unknown(what, name, known):
    """Return the sentence about a name that is none of those known."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return "{} '{}' is unknown, {}there is: {}".format(what, name, hint, ", ".join(known) or "none")


def detection_time(node_link):
    """Return (seconds in which the router notices a dead node, in words)."""
    if node_link.bfd:
        seconds = node_link.bfd_interval * node_link.bfd_multiplier / 1000
        return seconds, f"BFD {node_link.bfd_interval} ms x {node_link.bfd_multiplier}"
    return float(node_link.dead_interval), f"dead_interval {node_link.dead_interval} s"


def default_limit(event, service, node_link):
    """Return how many seconds an event may cost a client. It must be one of EVENTS, its needs fulfilled."""
    if event in ("cut", "power_off"):
        return detection_time(node_link)[0] + 1
    if event == "hang":
        check = service.check
        return round(check.hang_limit + 0.3, 3)
    return 1.0 if event == "kill" else 0.0


def plan(asked, system):
    """Return (the events in their order, what is wrong with what is asked for, one sentence each).

    :param asked: {consent, events, node, service, limits, settings}, as the user gave them, None or empty if not.
    """
    nodes = system["nodes"]
    names = words(asked.get("node"))
    problems = [unknown("drill_node:", name, sorted(nodes)) for name in names if name not in nodes]
    if len(nodes) < 2:
        problems.append(
            f"anycast_nodes has {len(nodes)} node(s), expected 2 or more: without another, every event is an outage"
        )
    if not system["routers"]:
        problems.append(last_node.NO_ROUTER)
    if not system["clients"]:
        problems.append("the group anycast_clients is empty: name a host to send the probes from")
    limits = asked.get("limits") or {}
    if isinstance(limits, dict):
        wrong_limits = list(_limit_problems(limits))
    else:
        wrong_limits = [
            f"drill_limits is '{limits}', expected a dictionary: -e '{{\"drill_limits\": {{\"hang\": 6}}}}'"
        ]
    problems.extend(wrong_limits)
    given = {name: value for name, value in (asked.get("settings") or {}).items() if value is not None}
    problems.extend(_setting_problems(given))
    settings = {**SETTINGS, **given}
    entries = words(asked.get("events"))
    if not entries:
        problems.append(
            "drill_events is missing: say which, -e drill_events=drain,stop; there is: {}".format(", ".join(EVENTS))
        )
    found = []
    for entry in entries:
        entry = entry if isinstance(entry, dict) else {"event": entry}
        wrong = _entry_problems(entry)
        problems.extend(wrong)
        on = words(entry.get("node")) or names
        if entry.get("node"):
            problems.extend(unknown("node", name, sorted(nodes)) for name in on if name not in nodes)
        elif not names:
            problems.append(
                "event '{}' has no node: say which, -e drill_node=NAME; there is: {}".format(
                    entry.get("event"), ", ".join(sorted(nodes)) or "none"
                )
            )
        for name in on:
            if name in nodes and not wrong:
                planned, wrong_here = _planned(
                    entry, name, nodes[name], asked.get("service"), {} if wrong_limits else limits, system["clients"]
                )
                problems.extend(wrong_here)
                found.append(planned)
    problems = list(dict.fromkeys(problems))
    if problems:
        return [], problems
    for number, event in enumerate(found, start=1):
        event.update(_timing(event, settings), number=number, of=len(found))
        event["progress"] = progress(event)
    if not boolean(asked.get("consent"), strict=False):
        problems.append(
            "consent is missing: this breaks, one after the other, {}. If that is what you want: -e"
            " drill_consent=true".format(", ".join(event["title"] for event in found))
        )
    return found, problems


def _number(value):
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _limit_problems(limits):
    known = (*EVENTS, "recovery")
    for name, value in limits.items():
        if name not in known:
            yield unknown("drill_limits:", name, known)
        elif _number(value) is None or _number(value) < 0:
            yield f"drill_limits: {name} is '{value}', expected seconds, 0 or more"


def _setting_problems(settings):
    for name, value in settings.items():
        if _number(value) is None or _number(value) <= 0:
            yield f"drill_{name} is '{value}', expected seconds, more than 0"


def _entry_problems(entry):
    event = entry.get("event")
    if not event:
        return ["drill_events: an entry has no key 'event'"]
    if not isinstance(event, str):
        return [unknown("event", event, EVENTS)]
    problems = [f"event '{event}': {link.unknown_key(key, KEYS)}" for key in entry if key not in KEYS]
    if event not in EVENTS and not entry.get("break"):
        problems.append(unknown("event", event, EVENTS) + "; one of your own needs the key 'break', a command")
    changed = [key for key in ("break", "undo", "on", "leaves") if entry.get(key) is not None]
    if event in EVENTS and changed:
        problems.append(
            "event '{}' has its own {}; give yours another name".format(
                event, " and ".join(f"'{key}'" for key in changed)
            )
        )
    if event not in EVENTS and entry.get("limit") is None:
        problems.append(f"event '{event}' has no 'limit': say how many seconds it may cost a client")
    elif "limit" in entry and (_number(entry["limit"]) is None or _number(entry["limit"]) < 0):
        problems.append("event '{}': limit is '{}', expected seconds, 0 or more".format(event, entry["limit"]))
    if entry.get("on", "node") not in ("node", "controller"):
        problems.append("event '{}': on is '{}', expected node or controller".format(event, entry["on"]))
    return problems


def asked_of(service, clients):
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
            return {
                "prefix": prefix,
                "kind": one.kind,
                "port": one.port,
                "sources": {client: target.sources for client, target in targets.items()},
            }
    return None


def _planned(entry, name, node, service_name, limits, clients):
    """Return (one event on one node, what is wrong with it)."""
    event = entry["event"]
    kind = EVENTS.get(event) or {
        "title": "{event} on {node}",
        "on": entry.get("on", "node"),
        "leaves": boolean(entry.get("leaves"), strict=False),
        "needs": (),
        "why": "as the inventory says",
    }
    offered = node["services"]
    if not offered:
        return {}, [f"node {name} has no services in bird_anycast_services"]
    chosen = services.named(offered, service_name)
    if not chosen:
        return {}, [unknown(f"drill_service: on {name},", service_name, [service.name for service in offered])]
    service = chosen[0]
    problems = []
    for key in kind["needs"]:
        if not getattr(service, key):
            what = {
                "unit": "there is nothing to {}".format("kill" if event == "kill" else event),
                "check": "nobody would notice, and its clients would lose everything until the end",
            }[key]
            problems.append(
                "event '{}': service '{}' of {} has no {}, so {}; set it in bird_anycast_services, or leave the event"
                " out".format(event, service.name, name, key, what)
            )
    texts = {
        "event": event,
        "node": name,
        "unit": service.unit,
        "announcer": announcer.instance(service.name),
        "announcers": " ".join(announcer.instance(other.name) for other in offered),
        "detection": detection_time(node["link"])[1],
    }
    if event not in EVENTS:
        commands = {key: str(entry.get(key) or "") for key in ("break", "undo")}
    elif kind["on"] == "controller":
        commands = {key: str(node["commands"].get(kind[key]) or "") for key in ("break", "undo")}
        problems.extend(
            f"event '{event}': {name} has no variable {kind[key]}, the command for it on the controller; set it for the"
            " host in the inventory, or leave the event out"
            for key in ("break", "undo")
            if not commands[key]
        )
    else:
        commands = {key: kind[key].format(**texts) for key in ("break", "undo")}
    asked = asked_of(service, clients)
    if asked is None and any(clients.values()):
        problems.append(
            "service '{}' has {}, and no client has an address of that IP version in anycast_probe_sources: add"
            " one".format(service.name, ", ".join(service.addresses))
        )
    if problems:
        return {}, problems
    concerned = [service] if "unit" in kind["needs"] else offered
    limit = entry.get("limit", limits.get(event))
    return {
        "event": event,
        "node": name,
        "title": kind["title"].format(**texts),
        "on": kind["on"],
        "break": commands["break"],
        "undo": commands["undo"],
        "delay": kind.get("delay", 0.0),
        "leaves": kind["leaves"],
        "limit": float(default_limit(event, service, node["link"]) if limit is None else limit),
        "why": kind["why"].format(**texts) if limit is None else "as asked for",
        "recovery_limit": float(limits.get("recovery", 0)),
        "services": [each.as_dict() for each in concerned],
        "prefixes": [address for each in concerned for address in each.addresses],
        **(asked or {}),
    }, []


def _timing(event, settings):
    """Return the seconds for each step of an event."""
    settle = event["limit"] + float(settings["settle"] if event["leaves"] else _GLANCE)
    back = float(settings["return"])
    # What is armed must not strike while the drill still looks on.
    deadline = settle + _SERVED + 30
    total = deadline + back + _SERVED
    count = int(total / float(settings["interval"]))
    return {
        "settle": settle,
        "return": back,
        "deadline": int(deadline),
        "total": int(total),
        "interval": float(settings["interval"]),
        "timeout": float(settings["timeout"]),
        "poll_interval": float(settings["poll_interval"]),
        # A query of DNS has one of so many ids. Probes that ended before their event make it a failed one.
        "count": min(count, DnsProbe.most) if event["kind"] == "dns" else count,
    }


def progress(event):
    """Return the line about an event that begins."""
    return (
        "Event {number} of {of}: {title}. It may cost a client {limit:g} s ({why}). The router may take {settle:g} s,"
        " the node's return {return:g} s; whatever happens to this play, it is put back within {deadline} s.".format(
            **event
        )
    )


# ---------------------------------------------------------------------------------------------------------------------
# Before an event


def unreachable(results):
    """Return a sentence for each host of a loop that could not be reached."""
    return [
        "{} cannot be reached: {}".format(found["item"], found.get("msg", ""))
        for found in results
        if found.get("unreachable")
    ]


def short(name):
    """Return a host's name without its domain."""
    return str(name).partition(".")[0]


def unserved_nodes(events, names, answers):
    """Return a sentence for each node of a plan that serves none of the clients.

    :param names: of all nodes. If none of the answers names one, nobody knows who serves whom.
    :param answers: names that answered the clients.
    """
    said = {short(answer) for answer in answers if answer}
    if not said & {short(name) for name in names}:
        return []
    return [
        "{} serves none of the clients' addresses now, so breaking it would show nothing: give the clients more in"
        " anycast_probe_sources, or choose another node; {} answer".format(node, ", ".join(sorted(said)))
        for node in dict.fromkeys(event["node"] for event in events)
        if short(node) not in said
    ]
