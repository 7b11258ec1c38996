# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OSPF neighbours of a router, and what it says about itself. Private to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from ..ospf.bfd import BFD_STATES, BfdSession, with_bfd
from ..ospf.neighbors import Neighbor, Own, OwnInterface, normalise_state
from .session import Router
from .values import Row, address_and_subnet, flag, number, parse_duration, parse_version, split_at


def split_address(text: str, names: Collection[str]) -> tuple[str, str | None]:
    """Return (address, interface) of 10.1.1.1%ether2 or 10.1.1.1%ether2@VRF1; the names are as for split_at()."""
    address, _percent, interface = text.partition("%")
    return address, split_at(interface, names)[0] or None


def neighbor_role(row: Row) -> str | None:
    """Return the role of the neighbour in a row of /routing/ospf/neighbor.

    It follows from whom the neighbour itself takes for designated router and backup; on point-to-point links RouterOS
    prints neither, nor a priority. 0.0.0.0 is none (RFC 2328 9), as while none is elected.
    """
    dr, bdr = (None if row.get(name) == "0.0.0.0" else row.get(name) for name in ("dr", "bdr"))
    if dr is None and bdr is None:
        return None if "priority" in row else "PtP"
    own = row.get("router-id" if _is_link_local(row) else "address")  # OSPFv3 names them by their router ids
    return "DR" if own == dr else "BDR" if own == bdr else "DROther"


def parse_neighbors(rows: Iterable[Row], interface_of: Callable[[Row], str | None]) -> list[Neighbor]:
    """Return rows of /routing/ospf/neighbor; interface_of() is for those without interface, up to RouterOS 7.20."""
    found = []
    for row in rows:
        interface = row["interface"] if "interface" in row else interface_of(row)
        found.append(
            Neighbor(
                router_id=str(row.get("router-id", "")) or None,
                address=str(row.get("address", "")).partition("%")[0] or None,
                interface=None if interface is None else str(interface),
                state=normalise_state(str(row.get("state", "Down"))),
                role=neighbor_role(row),
                priority=number(row, "priority"),
                full_seconds=parse_duration(row.get("adjacency")),
                state_changes=number(row, "state-changes"),
                dead_seconds=parse_duration(row.get("timeout")),
            )
        )
    return found


def read_bfd_sessions(router: Router, names: Collection[str]) -> list[BfdSession]:
    """Return the sessions; C(names) as for split_at()."""
    rows = router.rows("/routing/bfd/session", proplist=("remote-address", "state", "about"))
    return parse_bfd_sessions(rows, names)


def parse_bfd_sessions(rows: Iterable[Row], names: Collection[str] = ()) -> list[BfdSession]:
    """Return rows of /routing/bfd/session as sessions.

    A session that no row of /routing/bfd/configuration allows has no state, but says so ("BFD forbidden for destination
    address", manual, BFD).
    """
    found = []
    for row in rows:
        address, interface = split_address(str(row.get("remote-address", "")), names)
        state = str(row.get("state", "down"))
        if "forbidden" in str(row.get("about", "")):
            state = "forbidden"
        found.append(BfdSession(address, interface, state if state in BFD_STATES else "down"))
    return found


def _is_link_local(row: Row) -> bool:
    """Return whether a row of /routing/ospf/neighbor is of OSPFv3, which runs on link-local addresses."""
    return ":" in str(row.get("address", ""))


def _interfaces_of(addresses: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """Return rows of /ip/address by (address, interface)."""
    return {
        (str(row.get("address", "")).partition("/")[0], str(row.get("actual-interface", row.get("interface")))): row
        for row in addresses
    }


class InterfaceFinder:
    """Finds where a neighbour is, out of /routing/ospf/interface and /ip/address: not every RouterOS says so."""

    def __init__(self, interfaces: Iterable[Row], addresses: Iterable[Row]) -> None:
        known = _interfaces_of(addresses)
        self.names = {name for _address, name in known}
        self.subnets: dict[IPv4Network, set[str]] = {}
        self.by_area: dict[Any, set[str]] = {}  # Those which speak OSPF
        for row in interfaces:
            address, name = split_address(str(row.get("address", "")), self.names)
            if name is None:
                continue
            if (address, name) in known:
                with contextlib.suppress(ValueError):
                    self.subnets.setdefault(address_and_subnet(known[address, name])[1], set()).add(name)
            if row.get("state") != "passive":
                self.by_area.setdefault(row.get("area"), set()).add(name)
        self.prefix_lengths = sorted({subnet.prefixlen for subnet in self.subnets}, reverse=True)

    def __call__(self, row: Row) -> str | None:
        """Return the interface for a row of /routing/ospf/neighbor, None if it is not clear."""
        if _is_link_local(row):
            return split_address(row["address"], self.names)[1]
        try:
            address = IPv4Address(str(row.get("address", "")).partition("%")[0])
        except AddressValueError:
            return None
        own = (IPv4Network((address, length), strict=False) for length in self.prefix_lengths)
        # On an unnumbered link, say, it is in no subnet.
        matches = next(filter(None, map(self.subnets.get, own)), None) or self.by_area.get(row.get("area"), set())
        return next(iter(matches)) if len(matches) == 1 else None


def own_interfaces(interfaces: Iterable[Row], addresses: Iterable[Row]) -> list[OwnInterface]:
    """Return rows of /routing/ospf/interface as interfaces of this end."""
    known = _interfaces_of(addresses)
    names = {name for _address, name in known}
    found = []
    for row in interfaces:
        address, name = split_address(str(row.get("address", "")), names)
        place = known.get((address, str(name)))
        found.append(
            OwnInterface(
                name=name or address,
                type=row.get("network-type", row.get("type")),
                area=row.get("area"),
                network=str(place["address"]) if place else None,
                state=row.get("state"),
                hello=parse_duration(row.get("hello-interval")),
                dead=parse_duration(row.get("dead-interval")),
                priority=number(row, "priority"),
                silent=row.get("state") == "passive",
            )
        )
    return found


class OspfReader:
    """Reads the neighbours of a router, and what it says about itself."""

    # Not all properties: from RouterOS 7.23 on this menu can hold keys. The network type has another name since.
    INTERFACE_PROPERTIES = ("address", "area", "state", "priority", "hello-interval", "dead-interval")
    ADDRESS_PROPERTIES = ("address", "network", "interface", "actual-interface", "disabled")

    def __init__(self, router: Router, instance: str | None = None) -> None:
        self.router = router
        self.instance = instance
        self._find: InterfaceFinder | None = None

    def neighbors(self) -> list[Neighbor]:
        self.router.version()
        rows = self.router.rows("/routing/ospf/neighbor")
        # A node of OSPFv3 would be there twice, with the same router id.
        of_version_2 = [row for row in rows if not _is_link_local(row)]
        if self.instance is not None:
            rows = [row for row in rows if row.get("instance") == self.instance]
        elif of_version_2 or self._has_version_2():
            rows = of_version_2
        found = parse_neighbors(rows, self._interface_of)
        if self._find is not None and any(entry.interface is None for entry in found):
            # An interface may have come since we read them; once more, and then it stays unknown.
            self._find = None
            found = parse_neighbors(rows, self._interface_of)
        return with_bfd(found, read_bfd_sessions(self.router, {str(entry.interface) for entry in found}))

    def own(self) -> Own:
        name = f"{self.router.hostname} (RouterOS {self.router.version().split(' ', 1)[0]})"
        return Own(name, self._router_id(), own_interfaces(self._interfaces(), self._addresses()))

    def _has_version_2(self) -> bool:
        """Return whether the router is to speak OSPFv2, though it may have no neighbour in it now."""
        rows = self.router.rows("/routing/ospf/instance", proplist=("name", "version", "disabled"))
        return any(str(row.get("version")) != "3" and not flag(row, "disabled") for row in rows)

    def _interface_of(self, row: Row) -> str | None:
        if self._find is None:
            self._find = InterfaceFinder(self._interfaces(), self._addresses())
        return self._find(row)

    def _interfaces(self) -> list[Row]:
        kind = "type" if (parse_version(self.router.version()) or ()) >= (7, 23) else "network-type"
        return self.router.rows("/routing/ospf/interface", proplist=(*self.INTERFACE_PROPERTIES, kind))

    def _addresses(self) -> list[Row]:
        rows = self.router.rows("/ip/address", proplist=self.ADDRESS_PROPERTIES)
        return [row for row in rows if not flag(row, "disabled")]

    def _router_id(self) -> str | None:
        """Return the router id of the instance; it may be written there as the name of a row of /routing/id.

        A router upgraded from version 6 has an enabled instance without an enabled area, which does not run.
        """
        menu, properties = "/routing/ospf/instance", ("name", "router-id", "version", "disabled")
        instances = self.router.rows_if_any(menu, proplist=properties)
        if self.instance is not None:
            instances = [row for row in instances if row.get("name") == self.instance]
        else:
            instances = [row for row in instances if str(row.get("version")) != "3"] or instances
        if len(instances) > 1:
            areas = self.router.rows_if_any("/routing/ospf/area", proplist=("instance", "disabled"))
            running = {row.get("instance") for row in areas if not flag(row, "disabled")}
            instances = [row for row in instances if not flag(row, "disabled") and row.get("name") in running]
        if len(instances) != 1:
            return None
        value = str(instances[0].get("router-id", "main"))
        with contextlib.suppress(AddressValueError):
            return str(IPv4Address(value))
        rows = self.router.rows_if_any("/routing/id", proplist=("name", "id", "dynamic-id"))
        return next((row.get("dynamic-id") or row.get("id") for row in rows if row.get("name") == value), None)
