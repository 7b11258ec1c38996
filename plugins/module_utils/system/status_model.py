# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was read of the whole system, and what its state consists of. Private to this collection.

What could not be read is None, never false. Levels are good, note (on purpose, or worth knowing), unknown, bad, and
outage (a problem of a service that no node serves).
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable
from typing import Any

from ..model.services import Service
from ..ospf.neighbors import Neighbor
from .text import plain_message

Row = dict[str, Any]  # What a module returned, or failed with; empty where it never ran

LEVELS = ("outage", "bad", "unknown", "note", "good")  # The worst first
NOT_ASKED = "was not asked: --limit leaves it out"


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

    @property
    def gateways(self) -> list[Row] | None:
        """The rows of its gateways, None where they were not read."""
        return self.neighbors.get("gateways")


@dataclasses.dataclass(frozen=True)
class ReadNode(ReadEnd):
    address: str | None  # By which Ansible reaches it
    services: list[Service]
    info: Row  # The result of anycast_services_info
    user: str = "root"  # As whom Ansible logs in
    port: str = "22"

    @property
    def bird_state(self) -> str:
        return str(self.info.get("bird_state", "active"))

    @property
    def troubles(self) -> list[str]:
        """Why it could not be looked at, or BIRD on it; each reason once."""
        unread = reason(self.info, "services")
        if unread and (self.info.get("reached") is False or not self.neighbors):
            return [unread]
        # Told by the problem with the variables that it comes from.
        troubles = [unread] if unread and not self.problems else []
        bird = reason(self.neighbors, "neighbors")
        if bird:
            troubles.append(bird if self.bird_state == "active" else f"bird.service is {self.bird_state}: {bird}")
        return troubles

    def command(self, *words: str) -> str:
        """Return a command that runs there, for a shell."""
        port = [] if self.port == "22" else ["-p", self.port]
        sudo = [] if self.user == "root" else ["sudo"]
        return shlex.join(["ssh", *port, f"{self.user}@{self.address or self.name}", *sudo, *words])


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    addresses: list[str]


@dataclasses.dataclass(frozen=True)
class Problem:
    """One cause of trouble, or a note: the hosts that have it, and what to do next."""

    level: str
    kind: str
    hosts: list[str]  # Or "inventory", or a service
    text: str
    causes: list[str]  # Likely ones, the most likely first
    services: list[str]  # That it concerns
    commands: list[str]  # The next step, for each host its own
    docs: str

    def __str__(self) -> str:
        return f"{', '.join(self.hosts)}: {self.text}"


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
    out: list[str]  # Addresses that no node serves
    served: str  # By how many nodes, in words


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
class GatewayState:
    """A gateway that routers share by VRRP, and the state that each router says it has, unknown where it says none."""

    addresses: list[str]
    vrid: int
    level: str
    master: list[str]
    states: dict[str, str]
    text: str


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
class Status:
    """The fields are those of the JSON, which scripts read: add some, and rename none."""

    time: str
    by: str
    level: str  # outage, degraded or well
    verdict: str
    summary: str  # The services that the verdict does not name
    problems: list[Problem]
    notes: list[Problem]
    services: list[ServiceState]
    routers: list[RouterState]
    nodes: list[NodeState]
    clients: list[Client]
    short_names: dict[str, str]  # Of all hosts, by their names
    neighbors: list[NeighborRow]
    next_hops: list[NextHopRow]
    gateways: list[GatewayState]
    drains: list[Row]  # The records of drain, each with its node
    changes: list[Change]


def worst(levels: Iterable[str]) -> str:
    """Return the worst of some levels, good if there are none."""
    return min(levels, key=LEVELS.index, default="good")


def reason(result: Row, key: str) -> str | None:
    """Return why a result does not have what it should have, None if it does."""
    if key in result:
        return None
    if not result or result.get("skipped"):
        return NOT_ASKED
    return f"cannot be {'reached' if result.get('reached') is False else 'read'}: {plain_message(result)}"
