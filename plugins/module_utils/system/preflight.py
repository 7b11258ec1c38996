# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The problems of setting up a system, seen from both ends before anything is changed.

What one end knows of itself, its role says (C(End.problems)). Here is what needs both, or how an end is seen: one
function for each check, which yields findings. Those of PROBLEMS keep the system from working, those of WARNINGS may.
Those of INTERRUPTIONS cost clients some seconds, to which the user has to agree.
Private to this collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from ..model import ip
from ..model.link import KINDS_WITH_KEY_ID
from ..node import facts
from ..node.plan import BACKBONE, ROUTER_LSA, SERVICE_LSA
from ..routeros.values import parse_version, quoted
from .endpoints import End, NodeEnd, RouterEnd, pairs
from .firewall import node_firewall, node_firewall_doubts, router_firewall, router_firewall_doubts
from .gateway import gateway_agreement, gateway_distribution, gateway_doubts, gateway_firewall, gateway_owner
from .text import Finding, duration

Routers = Sequence[RouterEnd]
Nodes = Sequence[NodeEnd]

# What two ends must have in common: RFC 2328 10.5 for the timers, 8.2 for the area, D.3 for the keys. The retransmit
# interval need not agree. BFD is up only where both ends ask for it.
AGREED = ("area", "network_type", "hello_interval", "dead_interval", "authentication", "key_id", "bfd")

# Octets. RouterOS 7 leaves a router of 32 MB a few MB free; below this an adjacency or an upgrade is at risk. A rule of
# thumb: MikroTik names no limit.
LEAST_FREE_MEMORY = 3 * 1024 * 1024
# Seconds. Clocks that ask a time server differ by less than one; the rest is what it takes to read them.
MOST_SKEW = 60
# Milliseconds: what 650 MHz should not be asked to go below, which is RouterOS' default, and notices after 1 s.
LEAST_BFD_INTERVAL_SMIPS = 200
# Release notes of 7.23.8 and 7.24.5: "ospf - fixed unset interface template parameters not being applied".
TEMPLATE_BUG = (((7, 23, 0), (7, 23, 8)), ((7, 24, 0), (7, 24, 5)))


def preflight_findings(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Yield what keeps a system from working."""
    return (finding for check in PROBLEMS for finding in check(routers, nodes))


def preflight_interruptions(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Yield what no client is served for a moment by."""
    return (finding for check in INTERRUPTIONS for finding in check(routers, nodes))


def preflight_warnings(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Yield what may do so."""
    return (finding for check in WARNINGS for finding in check(routers, nodes))


def _names(ends: Sequence[End]) -> str:
    return ", ".join(end.name for end in ends)


def without_it(end: End, routers: Routers) -> str:
    """Return what to add to the reason why an end was not read: how to go on without one of several routers."""
    away = isinstance(end, RouterEnd) and not end.info and len(routers) > 1
    return f". To go on without this router: --limit '!{end.name}'" if away else ""


def ends(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say who cannot be reached, and what each end says of itself."""
    for end in (*routers, *nodes):
        if not end.reached:
            variable = "routeros_ospf_api" if isinstance(end, RouterEnd) else "ansible_host"
            reason = "; ".join(end.problems) or "no answer"
            yield Finding(
                f"cannot be reached ({reason}). Start it, correct {variable}, or leave it out by --limit '!NAME'",
                (end.name,),
            )
            continue
        for problem in end.problems:
            yield Finding(f"{problem}{without_it(end, routers)}", (end.name,))


def doubts(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say what the role of an end doubts of it alone."""
    return (Finding(doubt, (end.name,)) for end in (*routers, *nodes) for doubt in end.doubts)


def services(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where there is nothing to announce."""
    if nodes and not any(node.addresses or not node.asked for node in nodes):
        text = "bird_anycast_services has no address, expected one or more to announce: add them to anycast_services"
        yield Finding(text, tuple(node.name for node in nodes))


def agreement(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Compare what the two ends would be given."""
    for router in routers:
        if not router.link:
            continue
        for key in AGREED:
            expected = getattr(router.link, key)
            found: dict[str, list[NodeEnd]] = {}
            for node in nodes:
                found.setdefault(str(getattr(node.link, key, expected)), []).append(node)
            found.pop(str(expected), None)
            for value, others in found.items():
                yield Finding(
                    f"{key} is {expected} in routeros_ospf_link of {router.name} and {value} in bird_anycast_link of"
                    f" {_names(others)}: both must have the same. Give both ends one dictionary (anycast_link)"
                )
        differ = [node for node in nodes if node.link and node.link.key != router.link.key]
        if differ:
            yield Finding(
                f"key in routeros_ospf_link of {router.name} differs from that in bird_anycast_link of {_names(differ)}"
                " (keys are not shown): give both ends one dictionary (anycast_link)"
            )


def priorities(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which of several routers could not take over as the designated router (RFC 2328 9.4)."""
    for router in routers:
        others = [other for other in routers if other is not router]
        if others and router.priority == 0 and router.link and router.link.network_type == "broadcast":
            yield Finding(
                f"routeros_ospf_priority is 0, expected 1 or more: without {_names(others)} the link would have no"
                " designated router (RFC 2328 9.4), and no node a full neighbour",
                (router.name,),
            )


def router_interfaces(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which interfaces of a router are without link or address; that they exist, the role's plan checks."""
    for router in routers:
        addressed = {place.interface for place in router.places()}
        for entry in router.info.get("interfaces") or ():
            name = entry["name"]
            if name not in router.interfaces or entry["disabled"]:
                continue
            if not entry["running"]:
                yield Finding(
                    f"interface '{name}' of the router {router.name} is not running: plug in its cable, or name a"
                    " different one in routeros_ospf_interfaces"
                )
            if name not in addressed:
                yield Finding(
                    f"interface '{name}' of the router {router.name} has no IPv4 address: add one (/ip/address/add"
                    f" interface={quoted(name)}), or name the interface that has it in routeros_ospf_interfaces"
                )


def node_interfaces(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which interfaces of a node are down or have no address; that they exist, the node's role checks."""
    for node in nodes:
        for name in node.interfaces:
            interface = facts.interface(node.facts, name)
            if interface.get("active") is False:
                advice = f"is down: bring it up (ip link set {name} up)"
            elif interface and not list(node.places([name])):
                advice = "has no IPv4 address: give it one of the router's subnet"
            else:
                continue
            yield Finding(
                f"interface {name} {advice}, or name a different one in bird_anycast_interfaces", (node.name,)
            )


def subnet(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which node has no address in the router's subnet, or a different mask (RFC 2328 10.5)."""
    for router, node in product(routers, nodes):
        theirs = [place for place in router.places() if place.interface in router.interfaces]
        ours = list(node.places(node.interfaces))
        if not theirs or not ours:
            continue
        if not list(pairs(router, node)):
            names, their_names = (", ".join(dict.fromkeys(one.interface for one in ends)) for ends in (ours, theirs))
            nets, their_nets = (", ".join(dict.fromkeys(str(one.network) for one in ends)) for ends in (ours, theirs))
            yield Finding(
                f"{names} is in subnet {nets}, and {their_names} of the router {router.name} in {their_nets}:"
                " neighbours must share a subnet (RFC 2328 8.2). Correct bird_anycast_interfaces or"
                " routeros_ospf_interfaces, or an address",
                (node.name,),
            )
        # Point-to-point links have no mask to compare.
        if node.link and node.link.network_type == "ptp":
            continue
        for place, own in product(theirs, ours):
            if own.address in place.network and own.network != place.network:
                yield Finding(
                    f"{own.interface} has the prefix length {own.network.prefixlen}, and {place.interface} of the"
                    f" router {router.name} has {place.network.prefixlen}: hellos with a different network mask are"
                    " dropped (RFC 2328 10.5). Correct the mask of one of them",
                    (node.name,),
                )


def link_local_addresses(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say who has no link-local address where OSPFv3 is to run: its packets come from one (RFC 5340 2.5)."""
    for router, node in product(routers, nodes):
        for pair in pairs(router, node) if ip.has_ipv6(node.addresses) else ():
            if not router.link_local(pair.interface):
                yield Finding(
                    f"interface {pair.interface} of the router {router.name} has no IPv6 link-local address, and there"
                    " are IPv6 addresses to announce: OSPFv3 speaks from it (RFC 5340 2.5). Enable IPv6 (/ipv6/settings"
                    " set disable-ipv6=no disable-link-local-address=no, then reboot), or take the IPv6 addresses out"
                    " of anycast_services"
                )
            if not node.link_local(pair.node_interface):
                yield Finding(
                    f"interface {pair.node_interface} has no IPv6 link-local address, and there are IPv6 addresses to"
                    " announce: OSPFv3 speaks from it (RFC 5340 2.5). Enable IPv6 there (sysctl net.ipv6.conf."
                    f"{pair.node_interface}.disable_ipv6=0, and in /etc/sysctl.d), or take the IPv6 addresses out of"
                    " anycast_services",
                    (node.name,),
                )


def mtu(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where the MTUs differ: database descriptions with a larger one are rejected (RFC 2328 10.6)."""
    for router, node in product(routers, nodes):
        mtus = {entry["name"]: entry.get("mtu") for entry in router.info.get("interfaces", ())}
        for pair in pairs(router, node):
            theirs, own = mtus.get(pair.interface), facts.interface(node.facts, pair.node_interface).get("mtu")
            if theirs and own and int(theirs) != int(own):
                yield Finding(
                    f"the MTU is {own} on {pair.node_interface}, and {theirs} on {pair.interface} of the router"
                    f" {router.name}: such neighbours never get beyond ExStart (RFC 2328 10.6). Make them equal:"
                    f" '/interface set {quoted(pair.interface)} mtu={own}' on the router, or 'mtu {theirs}' for"
                    f" {pair.node_interface} in the node's /etc/network/interfaces",
                    (node.name,),
                )


def anycast_addresses(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which anycast address lies in a connected subnet; of a node's own ones, the node's role says it."""
    for prefix in dict.fromkeys(prefix for node in nodes for prefix in node.addresses):
        address = ipaddress.ip_interface(prefix).ip
        for router in routers:
            for name, network in router.connected():
                if address in network:
                    yield Finding(
                        f"anycast address {address} lies inside {network} on interface {name} of the router"
                        f" {router.name}: the router would look for it on that link and take no route to it; choose an"
                        " address outside every subnet (addresses in anycast_services)"
                    )
        for node in nodes:
            for name, own in facts.addresses(node.facts) if prefix not in node.addresses else ():
                if address in own.network and name not in node.own_interfaces:
                    yield Finding(
                        f"anycast address {address} lies inside {own.network} on interface {name}: the node would look"
                        " for it on that link; choose an address outside every subnet (addresses in anycast_services)",
                        (node.name,),
                    )


def strangers(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which routes to an anycast address the router has from elsewhere than our nodes and routers."""
    # While OSPFv2 is down and OSPFv3 is up, an IPv6 address is all the router knows of a node.
    known = {str(own.ip) for node in nodes for _name, own in facts.addresses(node.facts)}
    of_router = {router.name: {str(place.address) for place in router.places()} for router in routers}
    for router in routers:
        of_router[router.name].update(str(own.ip) for _name, own in router.ipv6_addresses())
    # An end that could not be read may be one of the next hops.
    blind = any(not end.info for end in (*routers, *nodes))
    for router in routers:
        ours = known.union(*(own for name, own in of_router.items() if name != router.name))
        for route in router.info.get("routes", ()):
            if not route["active"] and route["dynamic"]:
                continue
            where = route["gateway"] or route["interface"] or "nowhere"
            if route["protocol"] != "ospf":
                yield Finding(
                    f"the router {router.name} has a {route['protocol'] or 'foreign'} route to the anycast address"
                    f" {route['prefix']} via {where} (distance {route['distance']}), which OSPF's (110) does not"
                    " replace: remove it, or choose a different address (addresses in anycast_services)"
                )
            elif route["gateway"] not in ours and not blind:
                yield Finding(
                    f"the anycast address {route['prefix']} is announced to the router {router.name} by {where}"
                    " already, which is not in the inventory: stop it there, add that host to the group anycast_nodes,"
                    " or choose a different address (addresses in anycast_services)"
                )


def clients_on_the_lan(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say what a router does to clients on the nodes' own LAN, as its plan has it."""
    return (Finding(warning, (router.name,)) for router in routers for warning in router.warnings)


def clocks(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say whose clocks differ, where packets carry a sequence number that comes from the clock.

    Neither end compares it with its own clock, so a skew alone does no harm: "correct time is NOT important, only that
    it never goes backwards" (FRR's manual, ip ospf authentication message-digest). A packet whose number is below the
    last one of that neighbour is dropped (RFC 2328 D.5.3), and BIRD's numbers start with the time of day
    (proto/ospf/packet.c). What RouterOS starts with is not documented. A clock that was set back costs the dead
    interval, after which the neighbour has forgotten the number. A skew only tells that one end asks no time server,
    hence a warning.
    """
    for router, node in product(routers, nodes):
        if not router.link or router.link.authentication not in KINDS_WITH_KEY_ID:
            continue
        theirs, own = ((end.info.get("clock") or {}).get("skew") for end in (router, node))
        if theirs is None or own is None or abs(theirs - own) <= MOST_SKEW:
            continue
        yield Finding(
            f"the clock is {duration(abs(theirs - own))} {'behind' if theirs > own else 'ahead of'} that of the router"
            f" {router.name}: sequence numbers of {router.link.authentication} authentication come from the clock, and"
            " after a restart with a clock that is set back (a router without a battery) packets are dropped as replays"
            " until the dead interval is over. Let both ask a time server: /system/ntp/client set enabled=yes"
            " servers=pool.ntp.org on the router, timedatectl set-ntp true on the node",
            (node.name,),
        )


def memory(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which router has little memory left."""
    for router in routers:
        free = router.info.get("free_memory")
        if free is not None and int(free) < LEAST_FREE_MEMORY:
            yield Finding(
                f"the router {router.name} has {int(free) / 1048576:.1f} MiB of memory left, expected"
                f" {LEAST_FREE_MEMORY / 1048576:.0f} or more: disable what it does not need (/system/package, DNS"
                " cache, address lists), then reboot it"
            )


def model(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say what this version or this model does badly. The oldest version, 7.16, has sha256 (7.6) and BFD (7.10)."""
    for router in routers:
        version, link = parse_version(router.info.get("version")), router.link
        for first, fixed in TEMPLATE_BUG:
            if version and first <= version < fixed:
                yield Finding(
                    f"the router {router.name} runs RouterOS {str(router.info['version']).split(' ', 1)[0]}, which does"
                    " not apply a parameter that is unset in an interface template, such as authentication; fixed in"
                    f" {'.'.join(map(str, fixed))}. Upgrade it (/system/package/update)"
                )
        if router.info.get("l3_hw_offloading"):
            yield Finding(
                f"the router {router.name} forwards by its switch chip (l3-hw-offloading=yes), where equal-cost routes"
                " may stay as they were after a node has gone (forum 1114490). Turn it off"
                " (/interface/ethernet/switch/set 0 l3-hw-offloading=no), or keep the anycast routes out of it by"
                " a filter chain that is not the role's (set suppress-hw-offload yes; accept)"
            )
        smips = router.info.get("architecture") == "smips"
        if smips and link and link.bfd_interval and link.bfd_interval < LEAST_BFD_INTERVAL_SMIPS:
            yield Finding(
                f"bfd_interval in routeros_ospf_link is {link.bfd_interval} ms, expected {LEAST_BFD_INTERVAL_SMIPS} ms"
                f" or more on the {router.info.get('board') or 'router'} {router.name} (smips, 650 MHz): else its"
                " sessions fall when the processor is busy"
            )


def held_back(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where an earlier change of its node holds a withdrawal back (MinLSInterval, RFC 2328 12.4)."""
    for node in nodes:
        if node.planned.get("lsa") != ROUTER_LSA:
            continue
        backbone = node.link and node.link.area == BACKBONE
        cure = (
            "set bird_anycast_lsa to service" if backbone else f"set area to {BACKBONE} in anycast_link, at both ends"
        )
        yield Finding(
            "all services of the node share its router LSA. BIRD sends a changed router LSA at most once in 5 s (5.9 s"
            " with BIRD 2.0). If a service dies sooner after a different change of the node, its clients wait for the"
            f" rest of that time. To avoid it, {cure}",
            (node.name,),
        )


def mixed_forms(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which nodes get no client: intra-area paths are preferred to inter-area ones (RFC 2328 11)."""
    forms = {lsa: [node for node in nodes if node.planned.get("lsa") == lsa] for lsa in (SERVICE_LSA, ROUTER_LSA)}
    if all(forms.values()):
        yield Finding(
            f"bird_anycast_lsa is {ROUTER_LSA} on {_names(forms[ROUTER_LSA])}, and {SERVICE_LSA} on"
            f" {_names(forms[SERVICE_LSA])}: the router sends all clients to the former (RFC 2328 11). Set it to the"
            " same value on all nodes"
        )


def only_node(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which address is not served for a moment, as OSPF starts anew on the one node that has its clients."""
    for node, router in product(nodes, routers):
        own = {str(address.ip) for _name, address in facts.addresses(node.facts)}
        found: dict[str, set[str]] = {}
        for route in router.info.get("routes", ()) if node.planned.get("restarts_ospf") else ():
            if route["active"] and route["prefix"] in node.addresses:
                found.setdefault(route["prefix"], set()).add(str(route["gateway"]))
        alone = sorted(prefix for prefix, gateways in found.items() if gateways <= own)
        if alone:
            yield Finding(
                f"OSPF starts anew on the node, as it is to announce in a new way, and the router {router.name} sends"
                f" {', '.join(alone)} to no other node: no node serves that for some seconds, once. To avoid it, start"
                " a second node before. To accept it, at a time when no client needs it: -e anycast_force=true",
                (node.name,),
            )


def designated_node(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say that OSPF starts anew on the designated router, without which the link has no path (RFC 2328 9.4, 12.4.2)."""
    for node, router in product(nodes, routers):
        own = {str(address.ip) for _name, address in facts.addresses(node.facts)}
        neighbors = router.info.get("ospf", {}).get("neighbors", ())
        if node.planned.get("restarts_ospf") and any(str(row.get("dr")) in own for row in neighbors):
            yield Finding(
                f"OSPF starts anew on the node, and the node is the designated router of the link, expected the router"
                f" {router.name}. Until the others have a new one, which takes 0.5 to 6 s, once, the router sends no"
                " client to any node. Nothing avoids that. To accept it, at a time when no client needs the addresses:"
                " -e anycast_force=true",
                (node.name,),
            )


def router_rp_filter(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say where a router drops packets that do not come by the interface of the way back."""
    for router in routers:
        if str(router.info.get("ip_settings", {}).get("rp-filter", "no")) == "strict":
            yield Finding(
                f"/ip/settings rp-filter of the router {router.name} is strict: it drops packets that do not come"
                " by the interface of the way back, such as the last answers of a node that was drained. Set it to"
                " loose (/ip/settings set rp-filter=loose)"
            )


def node_rp_filter(routers: Routers, nodes: Nodes) -> Iterator[Finding]:
    """Say which node drops clients that reach it through a router, since its way back is by a different interface.

    With source routing it is by the gateway: the kernel looks for the way back to a client from the anycast address.
    """
    for node in nodes:
        way, route = node.facts.get("default_ipv4"), "the default route leaves by"
        if node.source_routing:
            link = node.source_routing.link()
            way, route = link and link[0], "bird_anycast_source_gateway is on"
        for name in node.interfaces if way else ():
            if name != way and node.info.get("rp_filter", {}).get(name) == 1:
                key = name.replace(".", "/")  # sysctl(8): a dot within a name is a slash
                yield Finding(
                    f"the reverse-path filter on {name} is strict, and {route} {way}: packets of clients beyond the"
                    f" router are dropped, unless the node has a route to them by {name}. Set"
                    f" net.ipv4.conf.{key}.rp_filter and net.ipv4.conf.all.rp_filter to 2 (/etc/sysctl.d)",
                    (node.name,),
                )


_Check = Callable[[Routers, Nodes], Iterator[Finding]]

PROBLEMS: tuple[_Check, ...] = (
    *(ends, services, agreement, priorities, router_interfaces, node_interfaces, subnet, link_local_addresses, mtu),
    *(anycast_addresses, strangers, router_firewall, node_firewall, gateway_agreement, gateway_owner),
)
WARNINGS: tuple[_Check, ...] = (
    *(doubts, router_firewall_doubts, node_firewall_doubts, clients_on_the_lan, clocks, memory, model),
    *(held_back, mixed_forms, router_rp_filter, node_rp_filter, gateway_doubts, gateway_firewall),
    gateway_distribution,
)
INTERRUPTIONS: tuple[_Check, ...] = (only_node, designated_node)
