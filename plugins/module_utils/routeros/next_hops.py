# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The next hops of a prefix on a router, and those that are expected. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from ..waiting import after
from .session import Router
from .values import Row, flag, number, split_at

# The flags by which a row of /ip/route says where the route comes from; RouterOS sets one of them.
PROTOCOLS = ("connect", "static", "ospf", "rip", "bgp", "is-is", "dhcp", "vpn", "modem", "slaac", "bgp-mpls-vpn")


@dataclasses.dataclass(frozen=True)
class NextHop:
    """A row of /ip/route or /ipv6/route; None for what the router does not tell."""

    gateway: str | None
    interface: str | None
    vrf: str | None
    routing_table: str
    protocol: str | None
    distance: int | None
    active: bool
    ecmp: bool
    dynamic: bool
    blackhole: bool
    link_local: str | None = None  # Of an IPv6 next hop, which says nothing to a reader; see name_nodes()
    router_id: str | None = None

    def as_dict(self) -> Row:
        hop = dataclasses.asdict(self)
        if self.link_local is None:
            del hop["link_local"], hop["router_id"]
        return hop

    @property
    def addresses(self) -> set[str]:
        return addresses_of(vars(self))

    @property
    def label(self) -> str:
        return self.gateway or self.interface or "blackhole"


def addresses_of(hop: Mapping[str, Any]) -> set[str]:
    """Return by which addresses a next hop, as as_dict(), can be named: of IPv6 by its own, and by those of the node.

    The router id is the last resort, where OSPFv2 does not know the node; the collection takes the node's address.
    """
    return {hop[key] for key in ("gateway", "link_local", "router_id") if hop.get(key)}


def _address(text: str) -> str | None:
    """Return an address as RouterOS spells it (FE80::1 is fe80::1), None for what is none."""
    try:
        # Python takes fe80::1%ether2 for an address.
        return None if "%" in text else str(ip_address(text))
    except ValueError:
        return None


def split_gateway(text: str, names: Collection[str] = ()) -> tuple[str | None, str | None, str | None]:
    """Return (address, interface, vrf) of 10.1.1.2%ether2@VRF1, ether4 or 192.0.2.1; names as for split_at()."""
    address, percent, interface = text.partition("%")
    if not percent:
        address, _at, vrf = text.partition("@")  # An address has no @, so what follows one is a VRF
        if _address(address):
            return address, None, vrf or None
        address, interface = "", text
    interface, of_vrf = split_at(interface, names)
    return address or None, interface or None, of_vrf


def parse_route(row: Row, names: Collection[str] = ()) -> NextHop:
    gateway, interface, vrf = split_gateway(str(row.get("gateway", "")), names)
    if interface is None and row.get("immediate-gw"):
        interface = split_gateway(str(row["immediate-gw"]), names)[1]
    return NextHop(
        gateway=gateway,
        interface=interface,
        vrf=vrf,
        routing_table=str(row.get("routing-table", "main")),
        protocol=next((name for name in PROTOCOLS if flag(row, name)), None),
        distance=number(row, "distance"),
        active=flag(row, "active"),
        ecmp=flag(row, "ecmp"),
        dynamic=flag(row, "dynamic"),
        blackhole=flag(row, "blackhole"),
    )


def parse_routes(rows: Iterable[Row], prefix: str, names: Collection[str] = ()) -> list[NextHop]:
    """Return the next hops of a prefix in the main routing table, in the order of their addresses."""
    found = [parse_route(row, names) for row in rows if str(row.get("dst-address")) == prefix]
    return sorted((hop for hop in found if hop.routing_table == "main"), key=_order)


def _order(hop: NextHop) -> tuple[int, Any, str]:
    address = ip_address(hop.gateway or "0.0.0.0")
    return address.version, address, hop.interface or ""


def route_menu(prefix: str) -> str:
    return "/ipv6/route" if ip_network(prefix).version == 6 else "/ip/route"


def read_next_hops(router: Router, prefix: str) -> list[NextHop]:
    rows = router.rows(route_menu(prefix), where=("dst-address", prefix))
    return _with_nodes(router, prefix, parse_routes(rows, prefix, _names(router, rows)))


def read_filtered_next_hops(router: Router, prefix: str) -> list[NextHop]:
    """Return the next hops that a filter rejects, which is good to know; none if the router does not say."""
    rows = router.rows_if_any("/routing/route", where=("dst-address", prefix))
    filtered = [row for row in rows if flag(row, "filtered") or row.get("contribution") == "filtered"]
    found = parse_routes(filtered, prefix, _names(router, filtered))
    return _with_nodes(router, prefix, [hop for hop in found if hop.gateway])


def _names(router: Router, rows: Iterable[Row]) -> set[str]:
    """Return the interfaces of the router, where a row needs them."""
    if not any("@" in str(row.get(name)) for row in rows for name in ("gateway", "immediate-gw")):
        return set()
    return {str(row.get("name")) for row in router.rows("/interface", proplist=("name",))}


def _with_nodes(router: Router, prefix: str, next_hops: list[NextHop]) -> list[NextHop]:
    if ":" not in prefix or not next_hops:
        return next_hops
    return name_nodes(next_hops, router.rows("/routing/ospf/neighbor"))


def name_nodes(next_hops: Iterable[NextHop], neighbors: Iterable[Row]) -> list[NextHop]:
    """Return the next hops, those of IPv6 with the node's IPv4 address for their link-local one.

    Which node it is, OSPFv3 says by the router id in /routing/ospf/neighbor, which the node has in OSPFv2 too. One that
    OSPFv2 does not know keeps its address; it is known by its router id then, if OSPFv3 knows it.
    """
    by_address: dict[tuple[str, str | None], str | None] = {}
    by_router_id: dict[str | None, str] = {}
    for row in neighbors:
        address, _percent, interface = str(row.get("address", "")).partition("%")
        if ":" in address:
            by_address[address, str(row.get("interface") or interface)] = row.get("router-id")
        else:
            by_router_id[row.get("router-id")] = address
    named = []
    for hop in next_hops:
        if hop.gateway and ":" in hop.gateway:
            router_id = by_address.get((hop.gateway, hop.interface))
            node = by_router_id.get(router_id) or hop.gateway
            hop = dataclasses.replace(hop, gateway=node, link_local=hop.gateway, router_id=router_id)
        named.append(hop)
    return sorted(named, key=_order)


def normalise_prefix(text: str, option: str = "prefix") -> str:
    """Return 172.18.0.64/32 for 172.18.0.64, as RouterOS writes it. Raises ValueError with a text for the user."""
    try:
        return str(ip_network(text))
    except ValueError as exc:
        raise ValueError(
            f"{option}: '{text}' is not a prefix such as 172.18.0.64/32 or 2001:db8::64/128: {exc}"
        ) from exc


@dataclasses.dataclass(frozen=True)
class NextHopExpectation:
    """Which next hops there should be; the options of the module routeros_next_hops."""

    gateways: Sequence[str] | None = None  # Exactly these
    contains: Sequence[str] = ()  # At least these
    without: Sequence[str] = ()  # None of these
    protocol: str | None = None  # Where each of them must come from; None if it does not matter

    def option_problems(self) -> list[str]:
        options = (("gateways", self.gateways or ()), ("contains", self.contains), ("without", self.without))
        return [
            f"{option}: '{value}' is not an address such as 172.18.0.11"
            for option, values in options
            for value in values
            if not _address(value)
        ]


@dataclasses.dataclass(frozen=True)
class NextHopComparison:
    """Found against expected. Only active next hops count: to the others the router sends nothing."""

    expectation: NextHopExpectation
    next_hops: list[NextHop]
    found: list[str]  # What the active ones are shown as
    missing: list[str]  # Addresses which are expected and not among the active next hops
    surplus: list[str]  # What those of the active next hops are shown as that are not expected
    wrong_protocol: list[NextHop]  # Active next hops which come from elsewhere than from the expected protocol

    @property
    def met(self) -> bool:
        return not (self.missing or self.surplus or self.wrong_protocol)


def compare_next_hops(next_hops: list[NextHop], expectation: NextHopExpectation) -> NextHopComparison:
    active = [hop for hop in next_hops if hop.active]
    known: dict[str, set[str]] = {}  # What each is shown as, and by what else it can be expected
    for hop in active:
        known.setdefault(hop.label, {hop.label}).update(hop.addresses)
    # As RouterOS spells them; what is no address as it is, for option_problems().
    wanted, unwanted = (
        list(dict.fromkeys(_address(value) or value for value in values))
        for values in (
            expectation.contains if expectation.gateways is None else expectation.gateways,
            expectation.without,
        )
    )
    return NextHopComparison(
        expectation=expectation,
        next_hops=next_hops,
        found=list(known),
        missing=[address for address in wanted if not any(address in names for names in known.values())],
        surplus=[
            label
            for label, names in known.items()
            if names.intersection(unwanted) or (expectation.gateways is not None and names.isdisjoint(wanted))
        ],
        wrong_protocol=[hop for hop in active if expectation.protocol not in (None, hop.protocol)],
    )


def next_hops_failure(
    comparison: NextHopComparison,
    prefix: str,
    router: str,
    names: Mapping[str, str],
    spent: float = 0.0,
    filtered: Sequence[NextHop] = (),
) -> str:
    """Return the message for a user who expected other next hops; the names are those of the nodes by address."""

    def named(address: str) -> str:
        return f"{address} ({names[address]})" if address in names else address

    def listed(addresses: Iterable[str]) -> str:
        return ", ".join(map(named, addresses)) or "none"

    lines = [f"The next hops of {prefix} on the router {router} are not as expected{after(spent)}."]
    for address in comparison.missing:
        hop = next((hop for hop in comparison.next_hops if address in hop.addresses and not hop.active), None)
        if any(address in rejected.addresses for rejected in filtered):
            why = (
                "is announced, but a filter of the router rejects it: see in-filter-chain of the OSPF instance"
                " (routeros_ospf_anycast_prefixes) and /routing/filter/rule"
            )
        elif hop is None:
            why = (
                "is not a next hop: see that the node is a Full neighbour (module routeros_ospf_neighbors), and that it"
                " announces the address (its service is up and not drained)"
            )
        else:
            found = f"{hop.protocol}, distance {hop.distance}"
            why = f"is there ({found}) but not active: a route with a lower distance wins"
        lines.append(f"- Missing: {named(address)} {why}.")
    if comparison.surplus:
        lines.append(
            f"- Not expected, yet there: {listed(comparison.surplus)}. Correct what is expected, or withdraw the"
            " address from what should not serve it."
        )
    lines.extend(
        f"- {named(hop.label)} comes from {hop.protocol} (distance {hop.distance}), expected"
        f" {comparison.expectation.protocol}: remove that route."
        for hop in comparison.wrong_protocol
    )
    if comparison.next_hops:
        lines.append(f"Found: {listed(comparison.found)}.")
    else:
        lines.append(
            f"The router has no route to {prefix} at all: no node announces it, no neighbour is Full, or the OSPF"
            " instance's in-filter-chain rejects it."
        )
    return "\n".join(lines)
