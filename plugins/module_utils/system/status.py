# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of the whole system, out of what was read at both ends: what serves, what does not, and why.

What could not be read is None in the model, never false. Levels are good, note (on purpose, or worth knowing), bad, and
unknown. Private to this collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from ..model.services import Service
from ..node.drain import Drain
from ..ospf import causes as ospf_causes
from ..ospf.neighbors import STATES, Neighbor
from ..routeros.next_hops import addresses_of
from .text import count, duration, plain_message

Row = dict[str, Any]  # What a module returned, or failed with; empty where it never ran

_LEVELS = ("bad", "unknown", "note", "good")  # The worst first
_CAUSES = 3  # Causes to name with each adjacency that is stuck
_NOT_ASKED = "was not asked: --limit leaves it out"


@dataclasses.dataclass(frozen=True)
class ReadEnd:
    """A router or a node, as status reads it."""

    name: str
    router_id: str | None
    bfd: bool  # Whether its link asks for BFD
    problems: list[str]  # What is wrong with its variables
    neighbors: Row  # The result of routeros_ospf_neighbors, or of bird_ospf_neighbors


@dataclasses.dataclass(frozen=True)
class ReadRouter(ReadEnd):
    next_hops: list[Row]  # The results of routeros_next_hops, each with the prefix as item

    @property
    def trouble(self) -> str | None:
        """Why it could not be looked at."""
        return reason(self.neighbors, "neighbors")


@dataclasses.dataclass(frozen=True)
class ReadNode(ReadEnd):
    address: str | None  # By which Ansible reaches it
    services: list[Service]
    info: Row  # The result of anycast_services_info

    @property
    def bird_state(self) -> str:
        return str(self.info.get("bird_state", "active"))

    @property
    def troubles(self) -> list[str]:
        """Why it could not be looked at, or BIRD on it; each reason once."""
        unread = reason(self.info, "services")
        if unread and (self.info.get("unreachable") or not self.neighbors):
            return [unread]
        # Told by the problem with the variables that it comes from.
        troubles = [unread] if unread and not self.problems else []
        bird = reason(self.neighbors, "neighbors")
        if bird:
            troubles.append(bird if self.bird_state == "active" else f"bird.service is {self.bird_state}: {bird}")
        return troubles


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    addresses: list[str]


@dataclasses.dataclass(frozen=True)
class Note:
    """What is worth telling of one place: a host, a service or the inventory."""

    level: str
    where: str
    text: str


@dataclasses.dataclass(frozen=True)
class Cell:
    """One service on one node."""

    service: str
    node: str
    expected: bool
    announced: bool | None
    installed: bool | None
    healthy: bool | None
    drained: bool | None
    state: str = "unknown"
    level: str = "unknown"
    why: str = ""


@dataclasses.dataclass(frozen=True)
class ServiceState:
    name: str
    addresses: list[str]
    nodes: list[Cell]
    announced: int  # On how many nodes
    serving: int | None
    level: str


@dataclasses.dataclass(frozen=True)
class LinkState:
    """The adjacencies of a node with all routers, the worst of what both ends see of them."""

    level: str
    text: str


@dataclasses.dataclass(frozen=True)
class NeighborRow(Neighbor):
    """A neighbour, and at which end it is seen."""

    at: str = ""
    neighbor: str | None = None
    full_for: str | None = None
    level: str = "note"
    bfd_level: str = "note"


@dataclasses.dataclass(frozen=True)
class NextHopRow:
    """A next hop; without one, all of it but the prefix is None."""

    prefix: str
    router: str
    level: str
    next_hop: str | None = None
    node: str | None = None
    interface: str | None = None
    protocol: str | None = None
    distance: int | None = None
    active: bool | None = None
    ecmp: bool | None = None


@dataclasses.dataclass(frozen=True)
class Change:
    time: str
    node: str
    service: str
    text: str


@dataclasses.dataclass(frozen=True)
class RouterState:
    name: str
    router_id: str | None
    version: str | None
    trouble: str | None
    level: str


@dataclasses.dataclass(frozen=True)
class NodeState:
    name: str
    address: str | None
    trouble: str | None
    link: LinkState
    services: list[Cell]
    level: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    level: str
    text: str
    summary: str


@dataclasses.dataclass(frozen=True)
class Status:
    time: str
    by: str
    verdict: Verdict
    troubles: list[Note]
    notes: list[Note]
    services: list[ServiceState]
    routers: list[RouterState]
    nodes: list[NodeState]
    clients: list[Client]
    short_names: dict[str, str]  # Of all hosts, by their names
    neighbors: list[NeighborRow]
    next_hops: list[NextHopRow]
    drains: list[tuple[str, Drain]]  # By node
    changes: list[Change]


def system_status(
    routers: list[ReadRouter], nodes: list[ReadNode], clients: list[Client], time: str, by: str
) -> Status:
    """Return the state of the system, and when it was read by whom."""
    return _System(routers, nodes).status(clients, time, by)


def worst(levels: Iterable[str]) -> str:
    """Return the worst of some levels, good if there are none."""
    return min(levels, key=_LEVELS.index, default="good")


def reason(result: Row, key: str) -> str | None:
    """Return why a result does not have what it should have, None if it does."""
    if key in result:
        return None
    if not result or result.get("skipped"):
        return _NOT_ASKED
    return f"cannot be {'reached' if result.get('unreachable') else 'read'}: {plain_message(result)}"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return the names by themselves without their domain, where they stay unique; addresses as they are."""
    heads = {name: name.partition(".")[0] for name in names}
    found = list(heads.values())
    return {name: name if head.isdigit() or found.count(head) > 1 else head for name, head in heads.items()}


class _System:
    def __init__(self, routers: list[ReadRouter], nodes: list[ReadNode]) -> None:
        self.routers = routers
        self.nodes = nodes
        self.ends: list[ReadEnd] = [*routers, *nodes]
        self.findings: dict[Note, None] = {}
        self.by_router_id: dict[str, list[str]] = {}
        for host in self.ends:
            if host.router_id:
                self.by_router_id.setdefault(host.router_id, []).append(host.name)
        read = [end for end in self.ends if "neighbors" in end.neighbors]
        self.seen = {end.name: [Neighbor(**entry) for entry in end.neighbors["neighbors"]] for end in read}
        self.addresses = {node.name: self._addresses(node) for node in self.nodes}

    def _addresses(self, node: ReadNode) -> list[str]:
        """Return the addresses by which routers know a node, and those it should have."""
        entries = [entry for router in self.routers for entry in self.seen.get(router.name, ())]
        known = {str(one.address) for one in entries if node.router_id and one.router_id == node.router_id}
        # OSPFv3's next hop is known by the router id alone while OSPFv2 is down.
        own = [address for address in (node.router_id, node.address) if address]
        return list(dict.fromkeys([*sorted(known), *own]))

    def _owner(self, hop: Row) -> str | None:
        """Return the name of the node that a next hop is, None for a stranger's."""
        return next((name for name in self.addresses if self._is(hop, name)), None)

    def _is(self, hop: Row, name: str) -> bool:
        return not addresses_of(hop).isdisjoint(self.addresses[name])

    def _readable(self, prefix: str) -> Iterator[tuple[ReadRouter, list[Row]]]:
        """Yield (router, next hops) of each router whose routes to the prefix could be read."""
        for router in self.routers:
            for result in router.next_hops:
                if result.get("item") == prefix and "next_hops" in result:
                    yield router, result["next_hops"]

    def _installed(self, node: ReadNode, service: Service) -> tuple[bool | None, bool]:
        """Return (whether all routers have the node as next hop of all addresses, None if unasked; whether any has)."""
        answers = [
            any(hop["active"] and self._is(hop, node.name) for hop in hops)
            for prefix in service.addresses
            for _router, hops in self._readable(prefix)
        ]
        return (all(answers) if answers else None), any(answers)

    def _find(self, level: str, where: str, text: str) -> None:
        # Each once: two addresses of a service have the same trouble.
        self.findings[Note(level, where, text)] = None

    def _hosts(self) -> None:
        """Find what keeps hosts from being looked at."""
        if not self.routers:
            self._find("bad", "inventory", "there is no router: the group anycast_routers is empty")
        if not self.nodes:
            self._find("bad", "inventory", "there is no node: the group anycast_nodes is empty")
        for router_id, names in self.by_router_id.items():
            if len(names) > 1:
                self._find("bad", ", ".join(names), f"have the same router id, {router_id}: give each its own")
        for host in self.ends:
            for problem in host.problems:
                self._find("bad", host.name, problem)
        for router in self.routers:
            if router.trouble:
                self._find(_level_of(router.trouble), router.name, router.trouble)
                continue
            for result in router.next_hops:
                trouble = reason(result, "next_hops")
                if trouble:
                    self._find("bad", router.name, f"routes to {result.get('item')}: {trouble}")
        for node in self.nodes:
            for trouble in node.troubles:
                self._find(_level_of(trouble), node.name, trouble)
            for name in node.info.get("unlisted", ()):
                text = f"announces '{name}', which its bird_anycast_services does not list: run homelab.anycast.site"
                self._find("bad", node.name, text)

    def _cell(self, node: ReadNode, service: Service) -> Cell:
        entry = next((found for found in node.info.get("services", ()) if found["name"] == service.name), None)
        drains = [found for found in map(Drain.from_dict, node.info.get("records", ())) if found.covers(service.name)]
        installed, anywhere = self._installed(node, service)
        cell = Cell(
            service=service.name,
            node=node.name,
            expected=not drains,
            announced=entry and entry["announced"] and node.bird_state == "active",
            installed=installed,
            healthy=entry and entry["healthy"],
            drained=bool(drains) if entry else None,
        )
        state, level, why = self._judge(cell, entry, drains, anywhere, node)
        return dataclasses.replace(cell, state=state, level=level, why=why)

    def _judge(
        self, cell: Cell, entry: Row | None, drains: list[Drain], anywhere: bool, node: ReadNode
    ) -> tuple[str, str, str]:
        """Return (state, level, why)."""
        if entry is None:
            return "unknown", "unknown", next(iter(node.troubles), "the node does not say")
        why = str(entry["why"]).removeprefix("announced: ").removeprefix("withdrawn: ")
        if drains:
            why = str(drains[0])
            if not (anywhere or cell.announced):
                return "drained", "note", why
            if not drains[0].done:
                return "draining", "note", why
            if anywhere:
                return "still installed", "bad", f"{why}, yet the router still sends clients to it"
            return "still announced", "bad", f"{why}, yet it is announced"
        if cell.announced:
            if cell.healthy is False:
                return "not healthy", "bad", f"it is announced, though it is not healthy: {why}"
            if cell.installed:
                return "serving", "good", why
            if cell.installed is None:
                return "announced", "unknown", "no router could be asked for its next hops"
            why = "it is announced, and its adjacency is not up"
            if self._link(node).level != "bad":
                why = (
                    "it is announced, and no active next hop of the router: see the router's import filter"
                    " (in-filter-chain), and whether another route to the address hides this one"
                )
            return "not installed", "bad", why
        if node.bird_state != "active":
            why = f"bird.service is {node.bird_state}"
        if anywhere:
            why = f"the router still sends clients to it, though it is not announced: {why}"
        return "still installed" if anywhere else "withdrawn", "bad", why

    def _services(self) -> list[ServiceState]:
        addresses: dict[str, list[str]] = {}
        cells: dict[str, list[Cell]] = {}
        for node in self.nodes:
            for service in node.services:
                known = addresses.setdefault(service.name, [])
                known += [prefix for prefix in service.addresses if prefix not in known]
                cells.setdefault(service.name, []).append(self._cell(node, service))
        found = [self._service(name, addresses[name], cells[name]) for name in cells]
        for node in self.nodes:
            self._judge_cells(node, [cell for service in found for cell in service.nodes if cell.node == node.name])
        return found

    def _service(self, name: str, addresses: list[str], cells: list[Cell]) -> ServiceState:
        known = any(cell.installed is not None for cell in cells)
        level = worst(cell.level for cell in cells)
        asked = [hops for prefix in addresses for _router, hops in self._readable(prefix)]
        if asked and not any(hop["active"] for hops in asked for hop in hops):
            level = "bad"
            self._find("bad", f"{name} ({', '.join(addresses)})", "no node serves it: the router has no next hop")
        announced = sum(bool(cell.announced) for cell in cells)
        serving = sum(cell.state == "serving" for cell in cells) if known else None
        return ServiceState(name, addresses, cells, announced, serving, level)

    def _judge_cells(self, node: ReadNode, cells: list[Cell]) -> None:
        """Find what is wrong with the services of a node; those with the same trouble together."""
        together: dict[tuple[str, str, str], list[str]] = {}
        # Told once, as what is wrong with BIRD or with the adjacency.
        told = {"withdrawn": bool(node.troubles), "not installed": self._link(node).level == "bad"}
        for cell in cells:
            follows = told.get(cell.state, False)
            if cell.level in ("bad", "note") and not follows:
                together.setdefault((cell.level, cell.state, cell.why), []).append(cell.service)
        for (level, state, why), names in together.items():
            self._find(level, node.name, f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {state}: {why}")

    def _views(self, node: ReadNode, router: ReadRouter) -> dict[str, Neighbor | None]:
        """Return the neighbour that each end sees in the other, None if it sees none; by whose view it is."""
        ends: tuple[tuple[str, ReadEnd, ReadEnd], ...] = (("the router", router, node), ("the node", node, router))
        return {
            seen: max(
                (entry for entry in self.seen[end.name] if entry.router_id == other.router_id),
                key=lambda entry: _rank(entry.state),
                default=None,
            )
            for seen, end, other in ends
            if end.name in self.seen and other.router_id
        }

    def _link(self, node: ReadNode) -> LinkState:
        views = [entry for router in self.routers for entry in self._views(node, router).values()]
        if not views:
            return LinkState("unknown", "not known")
        found = [entry for entry in views if entry]
        if len(found) < len(views):
            return LinkState("bad", "no neighbour")
        least = min((entry.state for entry in found), key=_rank)
        if least != "Full":
            return LinkState("bad", least)
        expected = node.bfd or any(router.bfd for router in self.routers)
        states = [entry.bfd for entry in found if entry.bfd != "up"]
        if not expected and len(states) == len(found) and not any(states):
            return LinkState("good", "Full")
        bfd = (states[0] or "none") if states else "up"
        return LinkState("bad" if expected and states else "good", f"Full, BFD {bfd}")

    def _adjacencies(self) -> None:
        """Find what is wrong with the adjacencies, and with their BFD sessions."""
        for node in self.nodes:
            # Without BIRD there is no neighbour, which needs no telling.
            for router in self.routers if node.bird_state == "active" else ():
                views = self._views(node, router)
                states = {seen: entry.state if entry else "missing" for seen, entry in views.items()}
                if any(state != "Full" for state in states.values()):
                    self._judge_adjacency(node, router, states)
                elif node.bfd or router.bfd:
                    self._judge_bfd(node, router, views)
        for end in self.ends:
            for entry in self.seen.get(end.name, ()):
                if entry.router_id not in self.by_router_id:
                    text = f"has the neighbour {entry.in_words()}, which is not in the inventory"
                    self._find("note", end.name, text)

    def _judge_adjacency(self, node: ReadNode, router: ReadRouter, states: dict[str, str]) -> None:
        said = {seen: "no neighbour" if state == "missing" else state for seen, state in states.items()}
        same = len(set(said.values())) == 1
        told = set(said.values()) if same else [f"{state} at {seen}" for seen, state in said.items()]
        text = f"OSPF with {router.name}: {', '.join(told)}"
        if not node.troubles:
            furthest = max(states.values(), key=_rank)
            state = min(states.values(), key=_rank) if furthest == "Full" else furthest
            text += _causes(ospf_causes.likely_causes("Missing" if state == "missing" else state))
        self._find("bad", node.name, text)

    def _judge_bfd(self, node: ReadNode, router: ReadRouter, views: dict[str, Neighbor | None]) -> None:
        states = {seen: entry.bfd for seen, entry in views.items() if entry and entry.bfd != "up"}
        if states:
            said = ", ".join(f"{state or 'no session'} at {seen}" for seen, state in states.items())
            causes = _causes(ospf_causes.bfd_causes(next(iter(states.values()))))
            self._find("bad", node.name, f"BFD with {router.name}: {said}{causes}")

    def _neighbors(self) -> list[NeighborRow]:
        rows = []
        for end in self.ends:
            others: Iterable[ReadEnd] = self.nodes if isinstance(end, ReadRouter) else self.routers
            expected = {other.router_id: other for other in others if other.router_id}
            entries = self.seen.get(end.name, [])
            seen = {entry.router_id for entry in entries}
            missing = [one for one in expected if one not in seen] if end.name in self.seen else []
            for entry in [*entries, *(Neighbor(router_id, None, None, "missing") for router_id in missing)]:
                # Nodes see each other too, and rest in 2-Way.
                if entry.router_id in expected or entry.router_id not in self.by_router_id:
                    rows.append(self._neighbor(end, expected.get(entry.router_id or ""), entry))
        return rows

    @staticmethod
    def _neighbor(end: ReadEnd, other: ReadEnd | None, entry: Neighbor) -> NeighborRow:
        bfd = other is not None and (end.bfd or other.bfd)
        own = {**vars(entry), "bfd": entry.bfd or ("none" if bfd and entry.state != "missing" else None)}
        return NeighborRow(
            **own,
            at=end.name,
            neighbor=other.name if other else None,
            full_for=None if entry.full_seconds is None else duration(entry.full_seconds),
            level="note" if other is None else "good" if entry.state == "Full" else "bad",
            bfd_level="bad" if bfd and entry.bfd != "up" else "good" if entry.bfd == "up" else "note",
        )

    def _next_hops(self) -> list[NextHopRow]:
        carriers: dict[str, list[str]] = {}
        for node in self.nodes:
            for service in node.services:
                for prefix in service.addresses:
                    carriers.setdefault(prefix, []).append(node.name)
        rows = []
        for prefix, names in carriers.items():
            for router, hops in self._readable(prefix):
                rows += [self._next_hop(prefix, router.name, hop, names) for hop in hops]
                if not hops:
                    rows.append(NextHopRow(prefix, router.name, "bad"))
        return rows

    def _next_hop(self, prefix: str, router: str, hop: Row, carriers: list[str]) -> NextHopRow:
        node, active, protocol = self._owner(hop), bool(hop["active"]), hop["protocol"]
        name = "blackhole" if hop["blackhole"] else hop["gateway"] or hop["interface"]
        text = None
        if not active:
            if protocol == "ospf" and node in carriers:
                text = f"{name} is a candidate for {prefix} only: another route hides it, or a filter rejects it"
        elif protocol not in (None, "ospf"):
            distance = hop["distance"]
            text = f"{prefix} goes to {name} by a route of kind {protocol} (distance {distance}), expected ospf"
        elif node is None:
            text = (
                f"{name} is a next hop of {prefix}, and no node of the inventory has that address: a different host"
                " announces it and gets its share of the clients"
            )
        elif node not in carriers:
            text = f"{name} ({node}) is a next hop of {prefix}, which its bird_anycast_services does not list"
        level = ("bad" if text else "good") if active else "note"
        if text:
            self._find(level, router, text)
        told = {key: hop[key] for key in ("interface", "protocol", "distance", "ecmp")}
        return NextHopRow(prefix, router, level, next_hop=name, node=node, active=active, **told)

    def _changes(self) -> list[Change]:
        rows = [
            Change(change["time"], node.name, entry["name"], change["text"])
            for node in self.nodes
            for entry in node.info.get("services", ())
            for change in entry["changes"]
        ]
        return sorted(rows, key=lambda row: row.time, reverse=True)

    def _node(self, node: ReadNode, services: list[ServiceState]) -> NodeState:
        cells = [cell for service in services for cell in service.nodes if cell.node == node.name]
        troubles = node.troubles + node.problems
        link = self._link(node)
        address, trouble = next(iter(self.addresses[node.name]), None), next(iter(troubles), None)
        level = worst([*map(_level_of, troubles), link.level, *(cell.level for cell in cells)])
        return NodeState(node.name, address, trouble, link, cells, level)

    def _router(self, router: ReadRouter) -> RouterState:
        level = worst(note.level for note in self.findings if note.where == router.name)
        return RouterState(router.name, router.router_id, router.neighbors.get("version"), router.trouble, level)

    def status(self, clients: list[Client], time: str, by: str) -> Status:
        self._hosts()
        services = self._services()
        self._adjacencies()
        next_hops = self._next_hops()
        # What is wrong with a host together, in the order of the inventory; what is wrong with all of them first.
        order = {host.name: position for position, host in enumerate(self.ends)}
        findings = sorted(self.findings, key=lambda note: order.get(note.where, -1))
        troubles = [note for note in findings if note.level != "note"]
        notes = [note for note in findings if note.level == "note"]
        return Status(
            time=time,
            by=by,
            verdict=_verdict(troubles, notes, services),
            troubles=troubles,
            notes=notes,
            services=services,
            routers=[self._router(router) for router in self.routers],
            nodes=[self._node(node, services) for node in self.nodes],
            clients=clients,
            short_names=short_names([*(end.name for end in self.ends), *(one.name for one in clients)]),
            neighbors=self._neighbors(),
            next_hops=next_hops,
            drains=[(node.name, Drain.from_dict(one)) for node in self.nodes for one in node.info.get("records", ())],
            changes=self._changes(),
        )


def _verdict(troubles: list[Note], notes: list[Note], services: list[ServiceState]) -> Verdict:
    text = f"Not well: {count(len(troubles), 'problem')}" if troubles else "All is well"
    if notes:
        text += f", {count(len(notes), 'note')}"
    served = []
    for service in services:
        told = f"served by {service.serving}", ""
        if service.serving is None:
            told = f"announced by {service.announced}", ", and the router's next hops are not known"
        served.append(f"{service.name} is {told[0]} of {count(len(service.nodes), 'node')}{told[1]}")
    level = "bad" if troubles else "note" if notes else "good"
    return Verdict(level, text, "; ".join(served) or "no service is known")


def _causes(causes: list[str]) -> str:
    return f". {ospf_causes.say_causes(causes[:_CAUSES])}" if causes else ""


def _level_of(trouble: str) -> str:
    return "unknown" if trouble == _NOT_ASKED else "bad"


def _rank(state: str) -> int:
    """Return how far an adjacency is; nothing there, and an unknown state, come before all."""
    return STATES.index(state) if state in STATES else -1
