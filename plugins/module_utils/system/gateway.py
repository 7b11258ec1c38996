# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways that several routers share by VRRP: whether they agree, and which router is the master.

The collection reads /interface/vrrp and never writes it. Private to this collection.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..routeros.values import quoted
from . import packet_filter
from .endpoints import NodeEnd, RouterEnd, Row
from .packet_filter import Drop, Packet
from .text import Finding, and_list

Routers = Sequence[RouterEnd]
Nodes = Sequence[NodeEnd]

# What the routers of a gateway must have in common, and why (manual, "VRRP").
AGREED = {
    "vrid": "with different ones both routers become the master",
    "version": "a router does not read advertisements of the other version",
    "interval": "a router discards advertisements with a different interval",
    "addresses": "a router discards advertisements with different addresses",
}
# RFC 9568 5.1.1.2 and 5.1.1.4.
GROUP, PROTOCOL = ipaddress.IPv4Address("224.0.0.18"), 112
HASH_POLICY = "ipv4-multipath-hash-policy"
# The states in which a router cannot have the gateway.
_CURES = {
    "invalid": "Correct what '/interface/vrrp/print detail' shows",
    "failure": "See that the interface {interface} is running",
}


@dataclasses.dataclass(frozen=True)
class Gateway:
    """One gateway of the clients, with the row of each router that has it, and the routers that could not be read."""

    addresses: tuple[str, ...]
    networks: tuple[str, ...]
    rows: dict[str, Row]
    unread: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How it is called: by its addresses, or by what it has instead."""
        row = next(iter(self.rows.values()))
        return ", ".join(self.addresses) or f"{row['name']} without an address"

    @property
    def vrid(self) -> int:
        return int(next(iter(self.rows.values()))["vrid"])

    @property
    def states(self) -> dict[str, str]:
        """The state of each router, the master first; unknown of those that could not be read."""
        ordered = sorted(self.rows.items(), key=lambda item: item[1]["state"] != "master")
        return {router: str(row["state"]) for router, row in ordered} | dict.fromkeys(self.unread, "unknown")

    @property
    def masters(self) -> list[str]:
        return [router for router, row in self.rows.items() if row["state"] == "master"]

    @property
    def level(self) -> str:
        """Whether it is as it should be: one master, and nothing wrong with the others."""
        if self.problems():
            return "bad"
        return "good" if self.masters else "unknown"

    def in_words(self) -> str:
        """Return which router is its master, and what the others are."""
        told = ", ".join(f"{state} {router}" for router, state in self.states.items())
        return f"{self.name} (VRRP, vrid {self.vrid}): {told}"

    def problems(self) -> list[Finding]:
        """Return what is wrong with it now, each with its cure. A router that does not answer may be the master."""
        masters, having = self.masters, tuple(self.rows)
        found = []
        if len(masters) > 1:
            found.append(
                Finding(
                    f"are all master of the gateway {self.name}, expected one: they do not hear each other. See that"
                    " preflight finds no difference, that no filter drops IP protocol 112 (VRRP) between them, and that"
                    " the switch carries multicast",
                    tuple(masters),
                )
            )
        if not masters and not self.unread:
            found.append(
                Finding(
                    f"no router is master of the gateway {self.name}, expected one: clients have no gateway. See"
                    " '/interface/vrrp/print' on the router",
                    having,
                )
            )
        return [*found, *(_cannot_serve(self.name, name, row) for name, row in self.rows.items() if _fails(row))]


def _fails(row: Row) -> bool:
    return row["state"] in _CURES


def _cannot_serve(gateway: str, router: str, row: Row) -> Finding:
    return Finding(
        f"the VRRP interface {row['name']} is in the state {row['state']}, expected master or backup: the router cannot"
        f" have the gateway {gateway}. {_CURES[row['state']].format(**row)}",
        (router,),
    )


def gateways(found: Mapping[str, Sequence[Row] | None]) -> list[Gateway]:
    """Return the gateways that routers have, by the rows of each; None stands for a router that could not be read.

    Rows of several routers are of one gateway where they are in a common network, and have the vrid or an address in
    common: with the address alone, they were meant to be one. A disabled row is none.
    """
    grouped: list[list[tuple[str, Row]]] = []
    for router, rows in found.items():
        for row in _enabled(rows or ()):
            for members in grouped:
                if all(name != router for name, _row in members) and any(_is_same(row, other) for _n, other in members):
                    members.append((router, row))
                    break
            else:
                grouped.append([(router, row)])
    unread = tuple(router for router, rows in found.items() if rows is None)
    return [
        Gateway(
            tuple(_bare(address) for address in _united(members, "addresses")),
            tuple(_united(members, "networks")),
            dict(members),
            unread,
        )
        for members in grouped
    ]


def _enabled(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["state"] != "disabled"]


def _united(members: Sequence[tuple[str, Row]], key: str) -> list[str]:
    return sorted({value for _router, row in members for value in row[key]})


def _is_same(one: Row, other: Row) -> bool:
    if one["protocol"] != other["protocol"] or not set(one["networks"]) & set(other["networks"]):
        return False
    common = {_bare(address) for address in one["addresses"]} & {_bare(address) for address in other["addresses"]}
    return one["vrid"] == other["vrid"] or bool(common)


def _bare(address: str) -> str:
    return address.partition("/")[0]


def moved_share(gateway_count: int, routers: int, nodes: int) -> str | None:
    """Return in a sentence which clients meet a different node after a gateway has moved, None where none can.

    Linux hashes the addresses with a secret that it draws at each boot (net/core/flow_dissector.c, hashrnd), and
    RouterOS has no setting for it. Two independent draws agree for one client in as many as there are nodes: measured
    with two network namespaces, docs/docsite/rst/two_routers.rst.
    """
    if not gateway_count or routers < 2 or nodes < 2:
        return None
    return (
        f"when a gateway moves to a different router, about {100 * (nodes - 1) / nodes:.0f} % of its clients meet a"
        " different node: each router has its own hash seed"
    )


# What preflight asks: of all routers, before anything is changed.


def _of_routers(routers: Routers) -> list[Gateway]:
    return gateways({router.name: router.info.get("vrrp", ()) if router.info else None for router in routers})


def gateway_agreement(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where the routers of a gateway differ, so that each is master, or none takes over (manual, "VRRP")."""
    for gateway in _of_routers(routers):
        for key, why in AGREED.items():
            said = {router: _said(key, row) for router, row in gateway.rows.items()}
            if len(set(said.values())) > 1:
                told = ", ".join(f"{value} on {router}" for router, value in said.items())
                verb = "are" if key == "addresses" else "is"
                yield Finding(
                    f"the {key} of the gateway {gateway.name} (VRRP) {verb} {told}, expected the same: {why}. Correct"
                    f" {_where(key, gateway)}"
                )


def _said(key: str, row: Row) -> str:
    value: Any = row[key]
    if key == "addresses":
        return ", ".join(map(_bare, value)) or "none"
    return f"{value:g} s" if key == "interval" and value is not None else str(value)


def _where(key: str, gateway: Gateway) -> str:
    names = list(dict.fromkeys(quoted(row["name"]) for row in gateway.rows.values()))
    if key == "addresses":
        return f"the addresses on {and_list(names)} (/ip/address/print where interface={names[0]})"
    return f"it on one of them (/interface/vrrp/set {names[0]} {key}=)"


def gateway_owner(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where a router has a gateway's address as its own: RouterOS cannot be the owner of one (manual, "VRRP")."""
    for gateway in _of_routers(routers):
        for router in routers:
            row = gateway.rows.get(router.name)
            for place in router.places():
                if str(place.address) in gateway.addresses and (row is None or place.interface != row["name"]):
                    yield Finding(
                        f"the router {router.name} has the address {place.address} of a gateway (VRRP) on"
                        f" {place.interface}, where it stays while a different router is the master. Give"
                        f" {place.interface} a different address, and add {place.address}/32 to the VRRP interface only"
                    )


def gateway_doubts(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say what makes a gateway weaker than it could be."""
    for gateway in _of_routers(routers):
        yield from _alone(gateway, routers)
        yield from _equal_priorities(gateway)
        yield from _wide_addresses(gateway)
        yield from _redirects(gateway, routers)
        yield from _interface_lists(gateway, routers)


def _alone(gateway: Gateway, routers: Routers) -> Iterator[Finding]:
    having = and_list(gateway.rows)
    for router in routers:
        if router.name in gateway.rows or not router.info:
            continue
        there = [place for place in router.places() if str(place.network) in gateway.networks]
        for place in there[:1]:
            row, *_others = gateway.rows.values()
            disabled = [one["name"] for one in router.info.get("vrrp", ()) if one["vrid"] == row["vrid"]]
            cure = f"/interface/vrrp/add name={quoted(row['name'])} interface={quoted(place.interface)}"
            cure = f"/interface/vrrp/enable {quoted(disabled[0])}" if disabled else f"{cure} vrid={row['vrid']}"
            yield Finding(
                f"{having} {'has' if len(gateway.rows) == 1 else 'have'} the gateway {gateway.name} by VRRP, and the"
                f" router {router.name} in the same network has not: it does not replace a router that is lost. Give"
                f" it the gateway ({cure}; and its address)"
            )


def _equal_priorities(gateway: Gateway) -> Iterator[Finding]:
    of_priority: dict[int, list[str]] = {}
    for router, row in gateway.rows.items():
        of_priority.setdefault(row["priority"], []).append(router)
    for priority, names in of_priority.items():
        if len(names) > 1:
            yield Finding(
                f"{and_list(names)} have the priority {priority} for the gateway {gateway.name} (VRRP), expected"
                " different ones: their addresses decide which is the master. Give the router that should be it a"
                f" higher one (/interface/vrrp/set {quoted(gateway.rows[names[0]]['name'])} priority=)"
            )


def _wide_addresses(gateway: Gateway) -> Iterator[Finding]:
    for router, row in gateway.rows.items():
        for address in row["addresses"]:
            own = ipaddress.ip_interface(address)
            if own.version == 4 and own.network.prefixlen < 32 and str(own.network) in row["networks"]:
                yield Finding(
                    f"the router {router} has {address} on the VRRP interface {row['name']}, expected {own.ip}/32: with"
                    f" the network on two interfaces it sends to clients by either. Correct the address"
                    f' (/ip/address/set [find address="{address}"] address={own.ip}/32)'
                )


def _redirects(gateway: Gateway, routers: Routers) -> Iterator[Finding]:
    for router in routers:
        row = gateway.rows.get(router.name)
        if row and row["interface"] in router.interfaces and router.ip_settings.get("send-redirects"):
            yield Finding(
                f"the gateway {gateway.name} (VRRP) is on the nodes' link, and the router {router.name} sends ICMP"
                " redirects: a redirected client stays with one node, whichever router has the gateway. Set"
                " routeros_ospf_send_redirects to false"
            )


def _interface_lists(gateway: Gateway, routers: Routers) -> Iterator[Finding]:
    """Say where rules miss the clients: what goes to a gateway comes by its interface (public set-ups of RouterOS)."""
    for router in routers:
        row = gateway.rows.get(router.name)
        lists = router.info.get("firewall", {}).get("interface_lists", {}) if row else {}
        for name, members in lists.items():
            if row and row["interface"] in members and row["name"] not in members:
                yield Finding(
                    f"the VRRP interface {row['name']} of the router {router.name} is not in the interface list {name},"
                    f" and {row['interface']} is: rules for that list do not match packets that clients send to the"
                    f" gateway {gateway.name}. Add it (/interface/list/member/add list={quoted(name)}"
                    f" interface={quoted(row['name'])})"
                )


def gateway_firewall(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which rule of a router drops what the other routers of a gateway advertise."""
    ends = {router.name: router for router in routers}
    for gateway in _of_routers(routers):
        for name, row in gateway.rows.items():
            firewall = ends[name].info.get("firewall") or {}
            found: dict[tuple[Drop, str, str], dict[str, None]] = {}
            for other, packet in _advertisements(gateway, ends, name) if "filter" in firewall else ():
                for menu, chain, drop in packet_filter.routeros_drops(firewall, packet):
                    found.setdefault((drop, menu, chain), {})[other] = None
            for (drop, menu, chain), others in found.items():
                yield Finding(
                    f"{drop.text} of the router {name} {'drops' if drop.certain else 'may drop'} VRRP (IP protocol 112)"
                    f" from {', '.join(others)}: both would be master of the gateway {gateway.name}. Allow it before"
                    f" that rule ({menu}/add chain={chain} action=accept protocol=vrrp"
                    f" in-interface={quoted(row['interface'])} place-before=0)"
                )


def _advertisements(gateway: Gateway, ends: Mapping[str, RouterEnd], receiver: str) -> Iterator[tuple[str, Packet]]:
    """Yield (router, packet) for what the others send to a router, from their own addresses; of IPv4."""
    for other, row in gateway.rows.items():
        for place in ends[other].places() if other != receiver and row["protocol"] == "ipv4" else ():
            if place.interface == row["interface"]:
                yield other, Packet(PROTOCOL, place.address, GROUP, gateway.rows[receiver]["interface"])


def gateway_distribution(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where routers spread clients in different ways, which then depends on who is the master."""
    of_policy: dict[str, list[str]] = {}
    for router in routers:
        if HASH_POLICY in router.ip_settings:
            of_policy.setdefault(str(router.ip_settings[HASH_POLICY]), []).append(router.name)
    if len(of_policy) > 1:
        told = ", ".join(f"{policy} on {and_list(names)}" for policy, names in of_policy.items())
        yield Finding(
            f"{HASH_POLICY} is to be {told}, expected the same: by which rule a client keeps its node depends on the"
            " router. Set routeros_ospf_distribution to one value for all"
        )
