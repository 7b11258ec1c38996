# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against setting up a system, seen from both ends before anything is changed.

What one end can know of itself, C(router_problems) and C(node_problems) say. Here is what needs both: one function for
each check, which yields sentences. Those of PROBLEMS keep the system from working, those of WARNINGS may.

A router and a node are dictionaries, as ends.router() and ends.node() return them. Nothing in here does input or
output.
"""

from __future__ import annotations

import ipaddress
from itertools import product

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import KINDS_WITH_KEY_ID
from ansible_collections.homelab.anycast.plugins.module_utils.node import facts
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.facts import interface_problems
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import parse_version
from ansible_collections.homelab.anycast.plugins.module_utils.system.endpoints import (
    connected,
    links,
    names,
    networks,
    node_addresses,
    node_link_local,
    router_link_local,
)
from ansible_collections.homelab.anycast.plugins.module_utils.system.firewall import (
    node_firewall,
    node_firewall_doubts,
    router_firewall,
    router_firewall_doubts,
)

# What two ends must have in common: RFC 2328 10.5 for the timers, 8.2 for the area, D.3 for the keys. The retransmit
# interval is each end's own affair. BFD is up only where both ends ask for it.
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


def verdict(routers, nodes):
    """Return {problems, warnings} of a whole system, each sentence once and in the order of the checks."""
    return {
        "problems": list(dict.fromkeys(text for check in PROBLEMS for text in check(routers, nodes))),
        "warnings": list(dict.fromkeys(text for check in WARNINGS for text in check(routers, nodes))),
    }


# ---------------------------------------------------------------------------------------------------------------------
# Problems


def ends(routers, nodes):
    """Say who cannot be reached, and what each end has against itself."""
    entries = [(router, "routeros_ospf_api") for router in routers] + [(node, "ansible_host") for node in nodes]
    for entry, variable in entries:
        if not entry["reached"]:
            yield "{} cannot be reached: {}. Start it, correct its {}, or leave it out by --limit '!{}'".format(
                entry["name"], "; ".join(entry["failure"]) or "no answer", variable, entry["name"]
            )
            continue
        for text in entry["failure"]:
            yield "{}: {}".format(entry["name"], text)


def agreement(routers, nodes):
    """Compare what the two ends would be given."""
    for router in routers:
        for key in AGREED if router["link"] else ():
            found = {}
            for node in nodes:
                if node["link"] and getattr(node["link"], key) != getattr(router["link"], key):
                    found.setdefault(str(getattr(node["link"], key)), []).append(node)
            for value, others in found.items():
                yield (
                    "{} is {} in routeros_ospf_link of {} and {} in bird_anycast_link of {}: both must have the"
                    " same. Hand both ends one dictionary (anycast_link)".format(
                        key, getattr(router["link"], key), router["name"], value, names(others)
                    )
                )
        differ = [node for node in nodes if router["link"] and node["link"] and node["link"].key != router["link"].key]
        if differ:
            yield (
                "key in routeros_ospf_link of {} is another than in bird_anycast_link of {} (keys are not shown): hand"
                " both ends one dictionary (anycast_link)".format(router["name"], names(differ))
            )


def router_interfaces(routers, nodes):
    """Say which interfaces of a router are missing, disabled or without link."""
    for router in routers:
        if not router["info"]:
            continue
        interfaces = router["info"]["interfaces"]
        for text in interface_problems(interfaces, router["interfaces"], router["name"]):
            yield f"routeros_ospf_interfaces: {text}"
        addressed = {name for name, _address, _network in networks(router)}
        for entry in interfaces:
            name = entry["name"]
            if name not in router["interfaces"] or entry["disabled"]:
                continue
            if not entry["running"]:
                yield (
                    "interface '{}' of the router {} is not running: plug in its cable, or name another in"
                    " routeros_ospf_interfaces".format(name, router["name"])
                )
            if name not in addressed:
                yield (
                    "interface '{0}' of the router {1} has no IPv4 address: add one (/ip/address/add interface={0}), or"
                    " name the interface that has it in routeros_ospf_interfaces".format(name, router["name"])
                )


def node_interfaces(routers, nodes):
    """Say which interfaces of a node are down or have no address; that they exist, C(node_problems) checks."""
    for node in nodes:
        for name in node["interfaces"] if node["facts"] else ():
            if name not in node["facts"]["interfaces"]:
                continue
            if facts.interface(node["facts"], name).get("active") is False:
                yield (
                    "interface {0} of {1} is down: bring it up (ip link set {0} up), or name another in"
                    " bird_anycast_interfaces".format(name, node["name"])
                )
            elif not list(node_addresses(node, [name])):
                yield (
                    "interface {} of {} has no IPv4 address: give it one of the router's subnet, or name another in"
                    " bird_anycast_interfaces".format(name, node["name"])
                )


def subnet(routers, nodes):
    """Say which node has no address in the router's subnet, or another mask (RFC 2328 10.5)."""
    for router, node in product(routers, nodes):
        theirs = [entry for entry in networks(router) if entry[0] in router["interfaces"]]
        ours = list(node_addresses(node, node["interfaces"]))
        if not theirs or not ours:
            continue
        if not list(links(router, node)):
            yield (
                "{} has {} on {}, and the router {} has {} on {}: neighbours must share a subnet (RFC 2328 8.2)."
                " Correct bird_anycast_interfaces or routeros_ospf_interfaces, or an address".format(
                    node["name"],
                    ", ".join(f"{address}/{network.prefixlen}" for _name, address, network in ours),
                    ", ".join(dict.fromkeys(name for name, _address, _network in ours)),
                    router["name"],
                    ", ".join(str(network) for _name, _address, network in theirs),
                    ", ".join(dict.fromkeys(name for name, _address, _network in theirs)),
                )
            )
        # Point-to-point links have no mask to compare.
        if node["link"] and node["link"].network_type == "ptp":
            continue
        for name, _address, network in theirs:
            for own_name, own_address, own_network in ours:
                if own_address in network and own_network != network:
                    yield (
                        "{} on {} of {} has the prefix length {}, and {} of the router {} has {}: hellos with another"
                        " network mask are dropped (RFC 2328 10.5). Correct the mask of one of them".format(
                            own_address,
                            own_name,
                            node["name"],
                            own_network.prefixlen,
                            name,
                            router["name"],
                            network.prefixlen,
                        )
                    )


def link_local_addresses(routers, nodes):
    """Say who has no link-local address where OSPFv3 is to run: its packets come from one (RFC 5340 2.5)."""
    for router, node in product(routers, nodes):
        for name, _address, own_name, _own_address in links(router, node) if ip.has_ipv6(node["addresses"]) else ():
            if not router_link_local(router, name):
                yield (
                    "interface {} of the router {} has no IPv6 link-local address, and there are IPv6 addresses to"
                    " announce: OSPFv3 speaks from it (RFC 5340 2.5). Enable IPv6 (/ipv6/settings set disable-ipv6=no"
                    " disable-link-local-address=no, then reboot), or take the IPv6 addresses out of"
                    " anycast_services".format(name, router["name"])
                )
            if not node_link_local(node, own_name):
                yield (
                    "interface {0} of {1} has no IPv6 link-local address, and there are IPv6 addresses to announce:"
                    " OSPFv3 speaks from it (RFC 5340 2.5). Enable IPv6 there (sysctl net.ipv6.conf.{0}.disable_ipv6=0,"
                    " and in /etc/sysctl.d), or take the IPv6 addresses out of anycast_services".format(
                        own_name, node["name"]
                    )
                )


def mtu(routers, nodes):
    """Say where the MTUs differ: database descriptions with a larger one are rejected (RFC 2328 10.6)."""
    for router, node in product(routers, nodes):
        theirs = {entry["name"]: entry.get("mtu") for entry in (router["info"] or {}).get("interfaces", ())}
        for name, _address, own_name, _own_address in links(router, node):
            own = facts.interface(node["facts"], own_name).get("mtu")
            if own and theirs.get(name) and int(own) != int(theirs[name]):
                yield (
                    "the MTU is {0} on {1} of the router {2} and {3} on {4} of {5}: such neighbours never get beyond"
                    " ExStart (RFC 2328 10.6). Make them equal: '/interface set {1} mtu={3}' on the router, or"
                    " 'mtu {0}' for {4} in the node's /etc/network/interfaces".format(
                        theirs[name], name, router["name"], own, own_name, node["name"]
                    )
                )


def anycast_addresses(routers, nodes):
    """Say which anycast address lies in a connected subnet; of a node's own ones, C(node_problems) says it."""
    announced = list(dict.fromkeys(prefix for node in nodes for prefix in node["addresses"]))
    for prefix in announced:
        address = ipaddress.ip_interface(prefix).ip
        for router in routers:
            for name, network in connected(router):
                if address in network:
                    yield (
                        "anycast address {} lies inside {} on interface {} of the router {}: the router would look for"
                        " it on that link and take no route to it; choose an address outside every subnet (addresses in"
                        " anycast_services)".format(address, network, name, router["name"])
                    )
        for node in nodes:
            if prefix in node["addresses"]:
                continue
            for name, own in facts.addresses(node["facts"] or {}):
                if address in own.network and name not in node["own_interfaces"]:
                    yield (
                        "anycast address {} lies inside {} on interface {} of {}, which would look for it on that"
                        " link; choose an address outside every subnet (addresses in anycast_services)".format(
                            address, own.network, name, node["name"]
                        )
                    )


def _own_addresses(router):
    rows = (router["info"] or {}).get("ipv6_addresses", ())
    return {str(address) for _name, address, _network in networks(router)} | {
        str(ipaddress.ip_interface(str(row["address"])).ip) for row in rows if not row["disabled"]
    }


def strangers(routers, nodes):
    """Say which routes to an anycast address the router has from elsewhere than our nodes and routers."""
    known = {str(address) for node in nodes for _name, address, _network in node_addresses(node)}
    # While OSPFv2 is down and OSPFv3 is up, that is all the router knows of a node.
    known |= {str(own.ip) for node in nodes for _name, own in facts.ipv6_addresses(node["facts"] or {})}
    # Who could not be read may be one of the next hops.
    blind = any(not node["facts"] for node in nodes) or any(not router["info"] for router in routers)
    for router in routers:
        ours = known.union(*(_own_addresses(peer) for peer in routers if peer is not router))
        for route in (router["info"] or {}).get("routes", ()):
            if not route["active"] and route["dynamic"]:
                continue
            where = route["gateway"] or route["interface"] or "nowhere"
            if route["protocol"] != "ospf":
                yield (
                    "the router {} has a {} route to the anycast address {} via {} (distance {}), which OSPF's (110)"
                    " does not replace: remove it, or choose another address (addresses in anycast_services)".format(
                        router["name"], route["protocol"] or "foreign", route["prefix"], where, route["distance"]
                    )
                )
            elif route["gateway"] not in ours and not blind:
                yield (
                    "the anycast address {} is announced to the router {} by {} already, which is none of our nodes:"
                    " stop it there, add that host to the group anycast_nodes, or choose another address (addresses in"
                    " anycast_services)".format(route["prefix"], router["name"], where)
                )


# ---------------------------------------------------------------------------------------------------------------------
# Warnings


def clocks(routers, nodes):
    """Say whose clocks differ, where packets carry a sequence number that comes from the clock.

    Neither end compares it with its own clock, so a skew alone does no harm: "correct time is NOT important, only that
    it never goes backwards" (FRR's manual, ip ospf authentication message-digest). A packet whose number is below the
    last one of that neighbour is dropped (RFC 2328 D.5.3), and BIRD's numbers start with the time of day
    (proto/ospf/packet.c). What RouterOS starts with is not documented. A clock that was set back costs the dead
    interval, after which the neighbour has forgotten the number. A skew only tells that one end asks no time server,
    hence a warning.
    """
    for router, node in product(routers, nodes):
        if not router["link"] or router["link"].authentication not in KINDS_WITH_KEY_ID:
            continue
        theirs = ((router["info"] or {}).get("clock") or {}).get("skew")
        own = ((node["info"] or {}).get("clock") or {}).get("skew")
        if theirs is None or own is None or abs(theirs - own) <= MOST_SKEW:
            continue
        yield (
            "the clock of the router {} is {} s {} that of {}: sequence numbers of {} authentication come from the"
            " clock, and after a restart with a clock that is set back (a router without a battery) packets are dropped"
            " as replays until the dead interval is over. Let both ask a time server: /system/ntp/client set"
            " enabled=yes servers=pool.ntp.org on the router, timedatectl set-ntp true on the node".format(
                router["name"],
                abs(theirs - own),
                "ahead of" if theirs > own else "behind",
                node["name"],
                router["link"].authentication,
            )
        )


def memory(routers, nodes):
    """Say which router has little memory left."""
    for router in routers:
        free = (router["info"] or {}).get("free_memory")
        if free is not None and int(free) < LEAST_FREE_MEMORY:
            yield (
                "the router {} has {:.1f} MiB of memory left, expected {:.0f} or more: disable what it does not"
                " need (/system/package, DNS cache, address lists), then reboot it".format(
                    router["name"], int(free) / 1048576, LEAST_FREE_MEMORY / 1048576
                )
            )


def model(routers, nodes):
    """Say what this version or this model does badly. The oldest version, 7.16, has sha256 (7.6) and BFD (7.10)."""
    for router in routers:
        info = router["info"] or {}
        version = parse_version(info.get("version"))
        for first, fixed in TEMPLATE_BUG:
            if version and first <= version < fixed:
                yield (
                    "the router {} runs RouterOS {}, which does not apply a parameter that is unset in an interface"
                    " template, such as authentication; fixed in {}. Upgrade it (/system/package/update)".format(
                        router["name"], str(info["version"]).split(" ", 1)[0], ".".join(str(part) for part in fixed)
                    )
                )
        link = router["link"]
        if info.get("architecture") == "smips" and link and link.bfd and link.bfd_interval < LEAST_BFD_INTERVAL_SMIPS:
            yield (
                "bfd_interval in routeros_ospf_link is {} ms, expected {} ms or more on the {} {} (smips, 650 MHz):"
                " else its sessions fall when the processor is busy".format(
                    link.bfd_interval,
                    LEAST_BFD_INTERVAL_SMIPS,
                    info.get("board") or "router",
                    router["name"],
                )
            )


def router_rp_filter(routers, nodes):
    """Say where a router drops what comes by another interface than the way back."""
    for router in routers:
        if str((router["info"] or {}).get("ip_settings", {}).get("rp-filter", "no")) == "strict":
            yield (
                "/ip/settings rp-filter of the router {} is strict: it drops what comes by another interface"
                " than the way back, such as the last answers of a node that was drained. Set it to loose"
                " (/ip/settings set rp-filter=loose)".format(router["name"])
            )


def node_rp_filter(routers, nodes):
    """Say which node drops clients that reach it through the router, since its way back is another one.

    With source routing it is not: the kernel looks for the way back to a client from the anycast address.
    """
    for node in nodes:
        if node["source_routing"]:
            continue
        default = (node["facts"] or {}).get("default_ipv4")
        filters = (node["info"] or {}).get("rp_filter", {})
        for name in node["interfaces"]:
            if filters.get(name) == 1 and default and default not in node["interfaces"]:
                yield (
                    "the reverse-path filter of {0} on {1} is strict, and its default route leaves by {2}: packets of"
                    " clients beyond the router are dropped. Set net.ipv4.conf.{1}.rp_filter and"
                    " net.ipv4.conf.all.rp_filter to 2 (/etc/sysctl.d)".format(node["name"], name, default)
                )


PROBLEMS = (
    ends,
    agreement,
    router_interfaces,
    node_interfaces,
    subnet,
    link_local_addresses,
    mtu,
    anycast_addresses,
    strangers,
    router_firewall,
    node_firewall,
)
WARNINGS = (
    router_firewall_doubts,
    node_firewall_doubts,
    clocks,
    memory,
    model,
    router_rp_filter,
    node_rp_filter,
)
