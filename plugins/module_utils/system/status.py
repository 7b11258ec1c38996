# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of the whole system, out of what was read at both ends: what serves, what does not, and why.

Private to this collection.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Iterator

from ..model.services import Service
from ..node.drain import Drain
from ..ospf import causes as ospf_causes
from ..ospf.neighbors import STATES, Neighbor
from ..routeros.next_hops import addresses_of
from .gateway import gateways, moved_share
from .status_model import (
    LEVELS,
    NOT_ASKED,
    Cell,
    Change,
    Client,
    GatewayState,
    LinkState,
    NeighborRow,
    NextHopRow,
    NodeState,
    Problem,
    ReadEnd,
    ReadNode,
    ReadRouter,
    RouterState,
    Row,
    ServiceState,
    Status,
    reason,
    worst,
)
from .text import and_list, count, duration

# What can be wrong, the most harmful first: clients get no answer, fewer nodes serve, less protection, on purpose. Each
# has its entry in the operator's guide.
KINDS = (
    *("no next hop", "gateway", "not healthy", "still installed", "next hop", "down", "no BIRD", "withdrawn"),
    *("no neighbour",),
    *("not installed", "not read", "BFD", "still announced", "not listed", "inventory", "not asked"),
    *("draining", "drained", "candidate", "unknown neighbour", "gateway moves"),
)
_GUIDE = "https://homelab-anycast.github.io/homelab.anycast/docsite/operate.html#"
_NAMED = 3  # Services with figures of their own to name in the verdict
_STATUS = "ansible-playbook homelab.anycast.status"
_VERIFY = "ansible-playbook homelab.anycast.verify"


def system_status(
    routers: list[ReadRouter], nodes: list[ReadNode], clients: list[Client], time: str, by: str
) -> Status:
    """Return the state of the system, and when it was read by whom."""
    return _System(routers, nodes).status(clients, time, by)


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
        self.findings: dict[tuple[str, ...], Problem] = {}
        self.by_router_id: dict[str, list[str]] = {}
        for host in self.ends:
            if host.router_id:
                self.by_router_id.setdefault(host.router_id, []).append(host.name)
        read = [end for end in self.ends if "neighbors" in end.neighbors]
        self.seen = {end.name: [Neighbor(**entry) for entry in end.neighbors["neighbors"]] for end in read}
        self.addresses = {node.name: self._addresses(node) for node in self.nodes}
        self.away = [router.name for router in self.routers if self._is_away(router)]
        self.dead = [node.name for node in self.nodes if self._is_dead(node)]

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

    def _lacking(self, node: ReadNode, service: str) -> str:
        """Return which routers do not send clients to a node, in words."""
        addresses = [prefix for one in node.services if one.name == service for prefix in one.addresses]
        read = [(router.name, hops) for prefix in addresses for router, hops in self._readable(prefix)]
        lacking = {name for name, hops in read if not any(hop["active"] and self._is(hop, node.name) for hop in hops)}
        return and_list(sorted(lacking)) if len(self.routers) > 1 else "the router"

    def _is_away(self, router: ReadRouter) -> bool:
        """Return whether clients reach no node by a router: it cannot be read, and no node has it as a neighbour."""
        views = [self._views(node, router).get("the node") for node in self.nodes if node.name in self.seen]
        lost = not any(view and view.state == "Full" for view in views)
        return bool(router.router_id and views and lost) and _level_of(router.trouble or NOT_ASKED) == "bad"

    def _is_dead(self, node: ReadNode) -> bool:
        """Return whether a node is down: it cannot be reached, and no router that answers has anything of it."""
        views = [view for router in self.routers for view in self._views(node, router).values()]
        gone = bool(views) and not any(views)
        return (
            gone and node.info.get("reached") is False and not any(self._installed(node, s)[1] for s in node.services)
        )

    def _find(
        self,
        kind: str,
        host: str,
        text: str,
        command: str = "",
        *,
        level: str = "bad",
        causes: Iterable[str] = (),
        services: Iterable[str] = (),
    ) -> None:
        """Keep a problem; the same of several hosts, or of several addresses, is one."""
        causes = list(causes)
        docs = _GUIDE + kind.lower().replace(" ", "-")
        found = self.findings.setdefault(
            (level, kind, text, *causes), Problem(level, kind, [], text, causes, [], [], docs)
        )
        for values, new in ((found.hosts, [host]), (found.services, services), (found.commands, [command])):
            values += [value for value in dict.fromkeys(new) if value and value not in values]

    def _hosts(self) -> None:
        """Find what keeps hosts from being looked at."""
        for what, group in (("router", self.routers), ("node", self.nodes)):
            if not group:
                text = f"there is no {what}: the group anycast_{what}s is empty"
                self._find("inventory", "inventory", text, "ansible-inventory --graph")
        for router_id, names in self.by_router_id.items():
            for name in names if len(names) > 1 else ():
                text = f"have the same router id, {router_id}: give each its own"
                self._find("inventory", name, text, shlex.join(["ansible-inventory", "--host", name]))
        for host in self.ends:
            for problem in host.problems:
                self._find("inventory", host.name, problem, shlex.join(["ansible-inventory", "--host", host.name]))
        for router in self.routers:
            self._router_troubles(router)
        for node in self.nodes:
            self._node_troubles(node)

    def _router_troubles(self, router: ReadRouter) -> None:
        preflight = "ansible-playbook homelab.anycast.preflight"
        if router.name in self.away:
            names = [service.name for node in self.nodes for service in node.services]
            text = "no node has it as a neighbour, and it cannot be read"
            causes = [(router.trouble or "").removeprefix("cannot be read: ")]
            self._find("down", router.name, text, preflight, causes=causes, services=names)
        elif router.trouble == NOT_ASKED:
            self._find("not asked", router.name, NOT_ASKED, _STATUS, level="unknown")
        elif router.trouble:
            self._find("not read", router.name, router.trouble, preflight)
        else:
            for result in router.next_hops:
                if trouble := reason(result, "next_hops"):
                    self._find("not read", router.name, f"routes to {result.get('item')}: {trouble}", preflight)

    def _node_troubles(self, node: ReadNode) -> None:
        names = [service.name for service in node.services]
        address = node.address or node.name
        for trouble in node.troubles:
            if node.name in self.dead:
                text = f"down: it {trouble}, and no router has it as a neighbour"
                self._find("down", node.name, text, shlex.join(["ping", "-c", "3", address]), services=names)
            elif trouble == NOT_ASKED:
                self._find("not asked", node.name, trouble, _STATUS, level="unknown")
            elif node.bird_state == "active":
                self._find("not read", node.name, trouble, node.command("systemctl", "status", "bird"))
            else:
                command = node.command("journalctl", "-n", "20", "-u", "bird")
                self._find("no BIRD", node.name, trouble, command, services=names)
        for name in node.info.get("unlisted", ()):
            text = f"announces '{name}', which its bird_anycast_services does not list"
            self._find("not listed", node.name, text, "ansible-playbook homelab.anycast.site")

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
        if node.name in self.dead:
            return "down", "bad", node.troubles[0]
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
                    f"it is announced, and no active next hop of {self._lacking(node, cell.service)}: see the import"
                    " filter there (in-filter-chain), and whether another route to the address hides this one"
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
        asked = {prefix: [hops for _router, hops in self._readable(prefix)] for prefix in addresses}
        unhealthy = [cell.node for cell in cells if cell.healthy is False]
        if any(asked.values()):
            out = [
                prefix
                for prefix, answers in asked.items()
                if answers
                and not any(hop["active"] and self._owner(hop) not in unhealthy for one in answers for hop in one)
            ]
        else:
            gone = all(router.name in self.away for router in self.routers) if self.routers else False
            out = addresses if gone or all(cell.announced is False for cell in cells) else []
        announced = sum(bool(cell.announced) for cell in cells)
        known = any(cell.installed is not None for cell in cells)
        serving = sum(cell.state == "serving" for cell in cells) if known else None
        said = f"served by {serving}" if known else f"announced by {announced}"
        said += f" of {len(cells)}"
        for state in ("drained", "unknown"):
            number = sum(cell.state == state for cell in cells)
            said += f", {number} {'not known' if state == 'unknown' else state}" if number else ""
        said += "" if known else ", and the router's next hops are not known"
        level = "outage" if out else worst(cell.level for cell in cells)
        return ServiceState(name, addresses, cells, announced, serving, level, out, said)

    def _judge_cells(self, node: ReadNode, cells: list[Cell]) -> None:
        """Find what is wrong with the services of a node; those with the same trouble together."""
        together: dict[tuple[str, str, str], list[str]] = {}
        # Told once, as what is wrong with the node, with BIRD or with the adjacency.
        told = {"withdrawn": bool(node.troubles), "not installed": self._link(node).level == "bad", "down": True}
        for cell in cells:
            if cell.level in ("bad", "note") and not told.get(cell.state, False):
                together.setdefault((cell.level, cell.state, cell.why), []).append(cell.service)
        for (level, state, why), names in together.items():
            unit = f"anycast-announce@{names[0] if len(names) == 1 else '*'}"
            command = node.command("journalctl", "-n", "20", "-u", unit)
            if state in ("not installed", "still installed"):
                command = _VERIFY
            elif level == "note":
                command = self._undrain(node)
            text = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {state}: {why}"
            self._find(state, node.name, text, command, level=level, services=names)

    @staticmethod
    def _undrain(node: ReadNode) -> str:
        drains = [Drain.from_dict(record) for record in node.info.get("records", ())]
        more = [f"anycast_service={one.service}" for one in drains[:1] if one.service]
        words = ["ansible-playbook", "homelab.anycast.undrain", "-e", f"anycast_node={node.name}"]
        return shlex.join([*words, *(word for value in more for word in ("-e", value))])

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
        # One of several routers that is away says nothing about the node.
        routers = [router for router in self.routers if router.name not in self.away] or self.routers
        views = [entry for router in routers for entry in self._views(node, router).values()]
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
            # Without BIRD there is no neighbour, nor where one end is down: each needs no telling.
            silent = node.bird_state != "active" or node.name in self.dead
            for router in self.routers if not silent else ():
                views = self._views(node, router)
                states = {seen: entry.state if entry else "missing" for seen, entry in views.items()}
                if any(state != "Full" for state in states.values()) and router.name not in self.away:
                    self._judge_adjacency(node, router, states)
                elif node.bfd or router.bfd:
                    self._judge_bfd(node, router, views)
        for end in self.ends:
            for entry in self.seen.get(end.name, ()):
                if entry.router_id not in self.by_router_id:
                    text = f"has the neighbour {entry.in_words()}, which is not in the inventory"
                    self._find("unknown neighbour", end.name, text, "ansible-inventory --graph", level="note")

    def _judge_adjacency(self, node: ReadNode, router: ReadRouter, states: dict[str, str]) -> None:
        said = {seen: "no neighbour" if state == "missing" else state for seen, state in states.items()}
        same = len(set(said.values())) == 1
        told = set(said.values()) if same else [f"{state} at {seen}" for seen, state in said.items()]
        furthest = max(states.values(), key=_rank)
        state = min(states.values(), key=_rank) if furthest == "Full" else furthest
        causes = [] if node.troubles else ospf_causes.likely_causes("Missing" if state == "missing" else state)
        names = [service.name for service in node.services]
        text = f"OSPF with {router.name}: {', '.join(told)}"
        self._find("no neighbour", node.name, text, _VERIFY, causes=causes, services=names)

    def _judge_bfd(self, node: ReadNode, router: ReadRouter, views: dict[str, Neighbor | None]) -> None:
        states = {seen: entry.bfd for seen, entry in views.items() if entry and entry.bfd != "up"}
        if states and router.name not in self.away:
            said = ", ".join(f"{state or 'no session'} at {seen}" for seen, state in states.items())
            causes = ospf_causes.bfd_causes(next(iter(states.values())))
            self._find("BFD", node.name, f"BFD with {router.name}: {said}", _VERIFY, causes=causes)

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
                text = f"{name} is a candidate for {prefix} only: a different route hides it, or a filter rejects it"
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
            menu = "/ipv6" if ":" in prefix else "/ip"
            command = f"{menu}/route/print detail where dst-address={prefix}"
            names = [s.name for one in self.nodes for s in one.services if prefix in s.addresses]
            self._find("next hop" if active else "candidate", router, text, command, level=level, services=names)
        told = {key: hop[key] for key in ("interface", "protocol", "distance", "ecmp")}
        return NextHopRow(prefix, router, level, next_hop=name, node=node, active=active, **told)

    def _gateways(self, services: list[ServiceState]) -> list[GatewayState]:
        """Find what is wrong with the gateways that the routers share."""
        found = gateways({router.name: router.gateways for router in self.routers})
        for gateway in found:
            for problem in gateway.problems():
                for name in problem.hosts:
                    self._find("gateway", name, problem.text, "/interface/vrrp/print detail")
        serving = max((service.serving or 0 for service in services), default=0)
        names = ", ".join(gateway.name for gateway in found)
        if moved := moved_share(len(found), len(self.routers), serving):
            self._find("gateway moves", names, moved, level="note")
        return [
            GatewayState(
                addresses=list(gateway.addresses),
                vrid=gateway.vrid,
                level=gateway.level,
                master=gateway.masters,
                states=gateway.states,
                text=gateway.in_words(),
            )
            for gateway in found
        ]

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
        dead = ["down"] if node.name in self.dead else []
        troubles = dead + node.troubles + node.problems
        link = self._link(node)
        address, trouble = next(iter(self.addresses[node.name]), None), next(iter(troubles), None)
        level = worst([*map(_level_of, troubles), link.level, *(cell.level for cell in cells)])
        return NodeState(node.name, address, trouble, link, cells, level)

    def _router(self, router: ReadRouter) -> RouterState:
        level = worst(problem.level for problem in self.findings.values() if router.name in problem.hosts)
        trouble = "no neighbour" if router.name in self.away else router.trouble
        return RouterState(router.name, router.router_id, router.neighbors.get("version"), trouble, level)

    def _sorted(self, services: list[ServiceState]) -> list[Problem]:
        """Return what was found, the most harmful first."""
        out = [service for service in services if service.out]
        for service in out:
            if not any(one.level == "bad" and service.name in one.services for one in self.findings.values()):
                where = f"{service.name} ({_bare(service.out)})"
                drained = [node for node in self.nodes if any(c.node == node.name and c.drained for c in service.nodes)]
                commands = [self._undrain(node) for node in drained] or [_VERIFY]
                text = "no node serves it: the router has no next hop"
                for command in commands:
                    self._find("no next hop", where, text, command, services=[service.name])
        names = {service.name for service in out}
        found = [
            dataclasses.replace(one, level="outage") if one.level == "bad" and names & set(one.services) else one
            for one in self.findings.values()
        ]
        return sorted(found, key=lambda one: (LEVELS.index(one.level), KINDS.index(one.kind), -len(one.hosts)))

    def status(self, clients: list[Client], time: str, by: str) -> Status:
        self._hosts()
        services = self._services()
        self._adjacencies()
        next_hops = self._next_hops()
        shared = self._gateways(services)
        findings = self._sorted(services)
        problems = [one for one in findings if one.level != "note"]
        level, verdict, summary = _verdict(problems, services, self.away)
        return Status(
            time=time,
            by=by,
            level=level,
            verdict=verdict,
            summary=summary,
            problems=problems,
            notes=[one for one in findings if one.level == "note"],
            services=services,
            routers=[self._router(router) for router in self.routers],
            nodes=[self._node(node, services) for node in self.nodes],
            clients=clients,
            short_names=short_names([*(end.name for end in self.ends), *(one.name for one in clients)]),
            neighbors=self._neighbors(),
            next_hops=next_hops,
            gateways=shared,
            drains=[{"node": node.name, **record} for node in self.nodes for record in node.info.get("records", ())],
            changes=self._changes(),
        )


def _verdict(problems: list[Problem], services: list[ServiceState], away: list[str]) -> tuple[str, str, str]:
    """Return (level, verdict, what there is to say of the services that the verdict does not name)."""
    if out := [service for service in services if service.out]:
        names = [f"{service.name} ({_bare(service.out)})" for service in out[:_NAMED]]
        more = len(out) - len(names)
        told = and_list([*names, *([f"{more} more"] if more else [])])
        head = f"{and_list(away)} {'has' if len(away) == 1 else 'have'} no neighbour, nobody reaches"
        head = head if away else "nobody serves"
        return "outage", f"OUTAGE: {head} {told}", _served(one for one in services if not one.out)
    if not problems:
        return "well", "All is well", _served(services) or "no service is known"
    lacking = [service for service in services if service.level == "bad"]
    if not lacking and services and all(cell.state == "unknown" for service in services for cell in service.nodes):
        lacking = services
    rest = _served(service for service in services if service not in lacking)
    return "degraded", f"Degraded: {_served(lacking) or count(len(problems), 'problem')}", rest


def _served(services: Iterable[ServiceState]) -> str:
    """Return by how many nodes services are served: those alike together, and not all of many."""
    alike: dict[str, list[str]] = {}
    for service in services:
        alike.setdefault(service.served, []).append(service.name)
    told = [
        f"{', '.join(names) if len(names) <= _NAMED else f'{len(names)} services'} {said}"
        for said, names in alike.items()
    ]
    more = sum(map(len, list(alike.values())[_NAMED:]))
    return "; ".join([*told[:_NAMED], *([count(more, "more service")] if more else [])])


def _bare(prefixes: Iterable[str]) -> str:
    """Return addresses without the length of a prefix."""
    return ", ".join(prefix.partition("/")[0] for prefix in prefixes)


def _level_of(trouble: str) -> str:
    return "unknown" if trouble == NOT_ASKED else "bad"


def _rank(state: str) -> int:
    """Return how far an adjacency is; nothing there, and an unknown state, come before all."""
    return STATES.index(state) if state in STATES else -1
