# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two ends of the link as preflight and diagnosis see them. Private to this collection."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Union

from ..model import ip
from ..model.link import Link
from ..node import facts as node_facts
from ..node.source_routing import SourceRouting
from ..routeros.values import address_and_subnet

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Row = dict[str, Any]  # What a module returned


class Placed(NamedTuple):
    """An IPv4 address of an end, and where it is."""

    interface: str
    address: ipaddress.IPv4Address
    network: ipaddress.IPv4Network


@dataclasses.dataclass(frozen=True)
class End:
    """What routers and nodes have in common."""

    name: str
    info: Row = dataclasses.field(default_factory=dict)  # What the module that reads it returned, empty without
    link: Link | None = None  # None where it cannot work; the end's own problems say why
    interfaces: list[str] = dataclasses.field(default_factory=list)
    # What its role says of it alone, or why it did not answer; doubts keep nothing from working now.
    problems: list[str] = dataclasses.field(default_factory=list)
    doubts: list[str] = dataclasses.field(default_factory=list)
    reached: bool = True
    asked: bool = True  # False where --limit leaves it out, so that only its name and router id are known
    router_id: str | None = None
    neighbors: Row = dataclasses.field(default_factory=dict)  # The result of the module that reads them


@dataclasses.dataclass(frozen=True)
class RouterEnd(End):
    """A router, with the result of routeros_info."""

    priority: int | None = None  # What its plan writes; None without a plan
    warnings: list[str] = dataclasses.field(default_factory=list)  # What its plan says of the packets of clients
    ip_settings: Row = dataclasses.field(default_factory=dict)  # /ip/settings, as its plan leaves it

    def places(self) -> Iterator[Placed]:
        """Yield the IPv4 addresses that are in use."""
        for row in self.info.get("addresses", ()):
            try:
                own, network = address_and_subnet(row)
            except ValueError:
                continue
            if not row["disabled"]:
                yield Placed(row["interface"], own, network)

    def ipv6_addresses(self) -> Iterator[tuple[str, ipaddress.IPv6Interface]]:
        """Yield (interface, address) for the IPv6 addresses that are in use."""
        for row in self.info.get("ipv6_addresses", ()):
            if not row["disabled"]:
                yield row["interface"], ipaddress.IPv6Interface(str(row["address"]))

    def connected(self) -> Iterator[tuple[str, Network]]:
        for place in self.places():
            yield place.interface, place.network
        for name, own in self.ipv6_addresses():
            yield name, own.network

    def link_local(self, interface: str) -> list[Address]:
        return [own.ip for name, own in self.ipv6_addresses() if name == interface and own.ip.is_link_local]


@dataclasses.dataclass(frozen=True)
class NodeEnd(End):
    """A node, with the result of anycast_node_info."""

    addresses: list[str] = dataclasses.field(default_factory=list)  # Prefixes
    own_interfaces: frozenset[str] = frozenset()  # The interfaces that carry them
    source_routing: SourceRouting | None = None  # None where its answers leave by its routes
    planned: Row = dataclasses.field(default_factory=dict)  # What its plan says of BIRD, empty where there is none
    bird: Row = dataclasses.field(default_factory=dict)  # The result of bird_info, empty where it did not run
    changed_files: list[str] | None = None  # Files of BIRD that the role would change, None where not compared

    @property
    def facts(self) -> node_facts.Facts:
        facts: node_facts.Facts = self.info.get("facts", {})
        return facts

    def places(self, interfaces: Iterable[str] | None = None) -> Iterator[Placed]:
        """Yield the IPv4 addresses of all interfaces, or of these."""
        for name, own in node_facts.ipv4_addresses(self.facts, interfaces):
            yield Placed(name, own.ip, own.network)

    def link_local(self, interface: str) -> list[Address]:
        return [own.ip for _name, own in node_facts.ipv6_addresses(self.facts, [interface]) if own.ip.is_link_local]


class Pair(NamedTuple):
    """An address of a router and one of a node that share a subnet, each with its interface."""

    interface: str
    address: Address
    node_interface: str
    node_address: Address


def pairs(router: RouterEnd, node: NodeEnd) -> Iterator[Pair]:
    """Yield where the two share an IPv4 subnet."""
    for place in router.places():
        for own in node.places(node.interfaces) if place.interface in router.interfaces else ():
            if own.address in place.network:
                yield Pair(place.interface, place.address, own.interface, own.address)


def pairs_of_both_versions(router: RouterEnd, node: NodeEnd) -> Iterator[Pair]:
    """Yield what pairs() does, then the same with the link-local addresses, where OSPFv3 is to run between these."""
    found = list(pairs(router, node))
    yield from found
    for pair in found if ip.has_ipv6(node.addresses) else ():
        for address in router.link_local(pair.interface):
            for own_address in node.link_local(pair.node_interface):
                yield Pair(pair.interface, address, pair.node_interface, own_address)
