# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next hops of a prefix on a router: reading the rows of /ip/route, and comparing them with what is expected."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import bfd_state
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import flag
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Verdict, after

# The flags by which a row of /ip/route says where the route comes from; RouterOS sets one of them.
PROTOCOLS = ("connect", "static", "ospf", "rip", "bgp", "is-is", "dhcp", "vpn", "modem", "slaac", "bgp-mpls-vpn")


def _address(text):
    """Return an address as RouterOS spells it (FE80::1 is fe80::1), None for what is none."""
    try:
        # Python takes fe80::1%ether2 for an address.
        return None if "%" in text else str(ip_address(text))
    except ValueError:
        return None


def split_gateway(text):
    """Return (address, interface, vrf) of a gateway: 10.1.1.2%ether2, 10.1.1.2%ether2@VRF1, ether4 or 192.0.2.1."""
    place, _at, vrf = str(text).partition("@")
    first, percent, interface = place.partition("%")
    if percent:
        return first, interface or None, vrf or None
    if _address(first):
        return first, None, vrf or None
    return None, first or None, vrf or None


def parse_route(row):
    """Return a row of /ip/route as a next hop."""
    gateway, interface, vrf = split_gateway(row.get("gateway", ""))
    if interface is None and row.get("immediate-gw"):
        interface = split_gateway(row["immediate-gw"])[1]
    distance = row.get("distance")
    return {
        "gateway": gateway,
        "interface": interface,
        "vrf": vrf,
        "routing_table": str(row.get("routing-table", "main")),
        "protocol": next((name for name in PROTOCOLS if flag(row, name)), None),
        "distance": None if distance is None else int(distance),
        "active": flag(row, "active"),
        "ecmp": flag(row, "ecmp"),
        "dynamic": flag(row, "dynamic"),
        "blackhole": flag(row, "blackhole"),
    }


def parse_routes(rows, prefix, routing_table="main"):
    """Return the next hops of a prefix in a routing table, in the order of their addresses."""
    found = [
        parse_route(row)
        for row in rows
        if str(row.get("dst-address")) == prefix and str(row.get("routing-table", "main")) == routing_table
    ]
    return sorted(found, key=_order)


def _order(hop):
    address = ip_address(hop["gateway"] or "0.0.0.0")
    return address.version, address, hop["interface"] or ""


def route_menu(prefix):
    """Return the menu with the routes of a prefix."""
    return "/ipv6/route" if ip_network(prefix).version == 6 else "/ip/route"


def read(router, prefix, routing_table="main"):
    """Return the next hops of a prefix as they are now, asked of a routeros.Router."""
    rows = router.rows(route_menu(prefix), where=("dst-address", prefix))
    return _with_nodes(router, prefix, parse_routes(rows, prefix, routing_table))


def read_filtered(router, prefix, routing_table="main"):
    """Return the next hops that a filter rejects, as read() does; none if the router does not say.

    Only good to know: the menu of the routes does not tell.
    """
    rows = router.rows_if_any("/routing/route", where=("dst-address", prefix))
    filtered = [row for row in rows if flag(row, "filtered") or row.get("contribution") == "filtered"]
    found = [hop for hop in parse_routes(filtered, prefix, routing_table) if hop["gateway"]]
    return _with_nodes(router, prefix, found)


def _with_nodes(router, prefix, next_hops):
    if ":" not in prefix or not next_hops:
        return next_hops
    return name_nodes(next_hops, router.rows("/routing/ospf/neighbor"))


def name_nodes(next_hops, neighbors):
    """Put the node's IPv4 address into each next hop of IPv6, whose link-local address says nothing to a reader.

    Which node it is, OSPFv3 says by the router id, which the node has in OSPFv2 too. One that OSPFv2 does not know
    keeps its address; it is known by its router id then, if OSPFv3 knows it.

    :param neighbors: rows of /routing/ospf/neighbor.
    """
    by_address, by_router_id = {}, {}
    for row in neighbors:
        address, _percent, interface = str(row.get("address", "")).partition("%")
        if ":" in address:
            by_address[address, str(row.get("interface") or interface)] = row.get("router-id")
        else:
            by_router_id[row.get("router-id")] = address
    for hop in next_hops:
        if hop["gateway"] and ":" in hop["gateway"]:
            hop["link_local"] = hop["gateway"]
            hop["router_id"] = by_address.get((hop["gateway"], hop["interface"]))
            hop["gateway"] = by_router_id.get(hop["router_id"]) or hop["gateway"]
    return sorted(next_hops, key=_order)


def add_bfd(next_hops, sessions):
    """Put the state of the BFD session with it into each next hop; None without a session.

    :param sessions: as for neighbors.add_bfd().
    """
    for hop in next_hops:
        hop["bfd"] = bfd_state(sessions, hop.get("link_local", hop["gateway"]), hop["interface"])
    return next_hops


def addresses(hop):
    """Return by which addresses a next hop can be named: of IPv6 by its own, and by those of the node.

    The router id is the last resort, where OSPFv2 does not know the node; the collection takes the node's address.
    """
    return {hop[key] for key in ("gateway", "link_local", "router_id") if hop.get(key)}


def normalise_prefix(text, option="prefix"):
    """Return 172.18.0.64/32 for 172.18.0.64, as RouterOS writes it. Raises ValueError with a text for the user."""
    try:
        return str(ip_network(text))
    except ValueError as exc:
        raise ValueError(f"{option}: '{text}' is no prefix as in 172.18.0.64/32 or 2001:db8::64/128: {exc}") from exc


def _spelled(values):
    """Return addresses as RouterOS spells them, each once; what is none as it is, for problems()."""
    return list(dict.fromkeys(_address(value) or value for value in values))


class Expectation:
    """Which next hops there should be.

    :param gateways: exactly these addresses; None if not given.
    :param contains: at least these.
    :param count: exactly so many; None if not given.
    :param protocol: where each of them must come from; None if it does not matter.
    :param without: none of these.
    """

    def __init__(self, gateways=None, contains=(), count=None, protocol=None, without=()):
        self.gateways = None if gateways is None else _spelled(gateways)
        self.contains = _spelled(contains)
        self.count = count
        self.protocol = protocol
        self.without = _spelled(without)
        self.given = (
            self.gateways is not None
            or bool(self.contains or self.without)
            or count is not None
            or protocol is not None
        )

    def problems(self):
        """Return what is wrong with it, one sentence each."""
        problems = []
        for option, values in (
            ("gateways", self.gateways or ()),
            ("contains", self.contains),
            ("without", self.without),
        ):
            problems.extend(
                f"{option}: '{value}' is no address as in 172.18.0.11" for value in values if not _address(value)
            )
        if self.count is not None and self.count < 0:
            problems.append("count is %d, expected 0 or more" % self.count)
        return problems


class Comparison:
    """Found against expected. Only active next hops count: to the others the router sends nothing.

    :ivar missing: addresses which are expected and not among the active next hops.
    :ivar surplus: addresses of active next hops which nobody expects.
    :ivar wrong_protocol: active next hops which come from elsewhere than expected.
    :ivar miscounted: whether there are more or fewer than expected.
    """

    def __init__(self, next_hops, expectation):
        self.expectation = expectation
        self.next_hops = next_hops
        self.active = [hop for hop in next_hops if hop["active"]]
        # What each is shown as, and by what else it can be expected.
        known = {}
        for hop in self.active:
            shown = hop["gateway"] or hop["interface"] or "blackhole"
            known.setdefault(shown, {shown}).update(addresses(hop))
        self.found = list(known)
        wanted = expectation.contains if expectation.gateways is None else expectation.gateways
        self.missing = [address for address in wanted if not any(address in names for names in known.values())]
        self.surplus = [shown for shown, names in known.items() if names.intersection(expectation.without)]
        if expectation.gateways is not None:
            self.surplus = [shown for shown, names in known.items() if not names.intersection(expectation.gateways)]
        self.miscounted = expectation.count is not None and len(self.found) != expectation.count
        self.wrong_protocol = []
        if expectation.protocol is not None:
            self.wrong_protocol = [hop for hop in self.active if hop["protocol"] != expectation.protocol]

    def verdict(self):
        """Return the Verdict for waiting."""
        return Verdict(not (self.missing or self.surplus or self.miscounted or self.wrong_protocol))


def _named_by(address, next_hops):
    return next((hop for hop in next_hops if address in addresses(hop)), None)


def _named(address, names):
    return f"{address} ({names[address]})" if address in names else address


def _list(addresses, names):
    return ", ".join(_named(address, names) for address in addresses) or "none"


def failure_message(comparison, prefix, router, names=None, spent=0.0, filtered=()):
    """Return the message for a user who expected other next hops.

    :param names: of the nodes, by their addresses.
    :param filtered: next hops that a filter of the router rejects.
    """
    names = names or {}
    expectation = comparison.expectation
    lines = [f"The next hops of {prefix} on the router {router} are not as expected{after(spent)}."]
    inactive = [hop for hop in comparison.next_hops if not hop["active"]]
    for address in comparison.missing:
        hop = _named_by(address, inactive)
        if _named_by(address, filtered):
            why = (
                "is announced, but a filter of the router rejects it: see in-filter-chain of the OSPF instance"
                " (routeros_ospf_anycast_prefixes) and /routing/filter/rule"
            )
        elif hop is None:
            why = (
                "is not a next hop: see that the node is a Full neighbour (module routeros_ospf_neighbors), and"
                " that it announces the address (its service is up and not drained)"
            )
        else:
            why = "is there ({}, distance {}) but not active: a route with a lower distance wins".format(
                hop["protocol"],
                hop["distance"],
            )
        lines.append(f"- Missing: {_named(address, names)} {why}.")
    if comparison.surplus:
        lines.append(
            f"- Not expected, yet there: {_list(comparison.surplus, names)}. Correct what is expected, or withdraw"
            " the address from what should not"
            " serve it."
        )
    if comparison.miscounted:
        lines.append("- Found %d next hop(s), expected %d." % (len(comparison.found), expectation.count))
    lines.extend(
        "- {} comes from {} (distance {}), expected {}: remove that route.".format(
            _named(hop["gateway"] or hop["interface"] or "blackhole", names),
            hop["protocol"],
            hop["distance"],
            expectation.protocol,
        )
        for hop in comparison.wrong_protocol
    )
    if not comparison.next_hops:
        lines.append(
            f"The router has no route to {prefix} at all: no node announces it, no neighbour is Full, or the OSPF"
            " instance's"
            " in-filter-chain rejects it."
        )
    else:
        lines.append(f"Found: {_list(comparison.found, names)}.")
    return "\n".join(lines)
