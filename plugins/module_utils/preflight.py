# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against setting up a system, seen from both ends before anything is changed.

What one end can know of itself, C(router_problems) and C(node_problems) say. Here is what needs both: one function for
each check, which yields sentences. Those of PROBLEMS keep the system from working, those of WARNINGS may.

A router and a node are dictionaries, as L(router) and L(node) return them. Nothing in here does input or output.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.anycast.plugins.module_utils import family, node_facts, packet_filter
from ansible_collections.homelab.anycast.plugins.module_utils.link import (
    KINDS_WITH_KEY_ID,
    LinkError,
    normalise_link,
)
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import address_and_subnet, parse_version
from ansible_collections.homelab.anycast.plugins.module_utils.routeros_info import interface_problems
from ansible_collections.homelab.anycast.plugins.module_utils.services import announced, own_interfaces

# By version of IP: all OSPF routers, and the designated ones (RFC 2328 A.1, RFC 5340 A.1).
GROUPS = {4: ("224.0.0.5", "224.0.0.6"), 6: ("ff02::5", "ff02::6")}
BFD_PORT = 3784

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


def router(name, info=None, link=None, interfaces=(), failure=(), reached=True):
    """Return a router.

    :param info: result of the module routeros_info, None if it could not be read.
    :param link: the value of routeros_ospf_link; C(interfaces) that of routeros_ospf_interfaces.
    :param failure: what it says against itself, a list of sentences.
    :param reached: whether there was an answer; else C(failure) says why.
    """
    read = bool(info) and "interfaces" in info
    return {
        "name": name,
        "info": info if read else None,
        "link": _link(link),
        "interfaces": list(interfaces or ()),
        # A reading which failed and has everything failed for its interfaces, which router_interfaces knows better.
        "failure": [] if read and info.get("failed") else list(failure),
        "reached": reached,
    }


def node(
    name, facts=None, info=None, link=None, interfaces=(), services=(), source_gateway="", failure=(), reached=True
):
    """Return a node.

    :param facts: C(ansible_facts) of the node with the subset network, None if it could not be read.
    :param info: result of the module anycast_node_info.
    :param services: the value of bird_anycast_services; C(source_gateway) that of bird_anycast_source_gateway.
    """
    return {
        "name": name,
        "source_routing": bool(source_gateway),
        "facts": facts if facts and "interfaces" in facts else None,
        "info": info if info and "rp_filter" in info else None,
        "link": _link(link),
        "interfaces": list(interfaces or ()),
        "addresses": announced(services),
        "own_interfaces": own_interfaces(services),
        "failure": list(failure),
        "reached": reached,
    }


def _link(value):
    try:
        return normalise_link(value)
    except LinkError:
        # Its end says what is wrong with it.
        return None


def verdict(routers, nodes):
    """Return {problems, warnings} of a whole system, each sentence once and in the order of the checks."""
    return {
        "problems": list(dict.fromkeys(text for check in PROBLEMS for text in check(routers, nodes))),
        "warnings": list(dict.fromkeys(text for check in WARNINGS for text in check(routers, nodes))),
    }


# ---------------------------------------------------------------------------------------------------------------------
# What the checks have in common


def _pairs(routers, nodes):
    for one in routers:
        for other in nodes:
            yield one, other


def _networks(one):
    """Yield (interface, address, network) for the IPv4 addresses of a router that are in use."""
    for row in (one["info"] or {}).get("addresses", ()):
        try:
            own, network = address_and_subnet(row)
        except ValueError:
            continue
        if not row["disabled"]:
            yield row["interface"], own, network


def _connected(one):
    """Yield (interface, network) for the addresses of a router that are in use, of both versions of IP."""
    for name, _address, network in _networks(one):
        yield name, network
    for row in (one["info"] or {}).get("ipv6_addresses", ()):
        if not row["disabled"]:
            yield row["interface"], ipaddress.ip_interface(str(row["address"])).network


def _node_addresses(other, interfaces=None):
    """Yield (interface, address, network) for the IPv4 addresses of a node."""
    for name, own in node_facts.ipv4_addresses(other["facts"] or {}, interfaces):
        yield name, own.ip, own.network


def _links(one, other):
    """Yield (router's interface, its address, node's interface, its address) where the two share a subnet."""
    for name, address, network in _networks(one):
        if name not in one["interfaces"]:
            continue
        for own_name, own_address, _own_network in _node_addresses(other, other["interfaces"]):
            if own_address in network:
                yield name, address, own_name, own_address


def _router_link_local(one, interface):
    """Return the IPv6 link-local addresses of an interface of a router."""
    rows = (one["info"] or {}).get("ipv6_addresses", ())
    own = [ipaddress.ip_interface(str(row["address"])).ip for row in rows if _in_use(row, interface)]
    return [address for address in own if address.is_link_local]


def _in_use(row, interface):
    return row["interface"] == interface and not row["disabled"]


def _node_link_local(other, interface):
    """Return the IPv6 link-local addresses of an interface of a node."""
    own = [address.ip for _name, address in node_facts.ipv6_addresses(other["facts"] or {}, [interface])]
    return [address for address in own if address.is_link_local]


def _links_of_both(one, other):
    """Yield what _links() does, then the same with the link-local addresses, where OSPFv3 is to run between these."""
    links = list(_links(one, other))
    yield from links
    for name, _address, own_name, _own_address in links if family.has_ipv6(other["addresses"]) else ():
        for address in _router_link_local(one, name):
            for own_address in _node_link_local(other, own_name):
                yield name, address, own_name, own_address


def _names(entries):
    return ", ".join(entry["name"] for entry in entries)


# ---------------------------------------------------------------------------------------------------------------------
# Problems


def ends(routers, nodes):
    """Say who cannot be reached, and what each end has against itself."""
    variables = [(one, "routeros_ospf_api") for one in routers] + [(one, "ansible_host") for one in nodes]
    for entry, variable in variables:
        if not entry["reached"]:
            yield "{} cannot be reached: {}. Start it, correct its {}, or leave it out by --limit '!{}'".format(
                entry["name"], "; ".join(entry["failure"]) or "no answer", variable, entry["name"]
            )
            continue
        for text in entry["failure"]:
            yield "{}: {}".format(entry["name"], text)


def agreement(routers, nodes):
    """Compare what the two ends would be given."""
    for one in routers:
        for key in AGREED if one["link"] else ():
            found = {}
            for other in nodes:
                if other["link"] and other["link"][key] != one["link"][key]:
                    found.setdefault(str(other["link"][key]), []).append(other)
            for value, others in found.items():
                yield (
                    "{} is {} in routeros_ospf_link of {} and {} in bird_anycast_link of {}: both must have the"
                    " same. Hand both ends one dictionary (anycast_link)".format(
                        key, one["link"][key], one["name"], value, _names(others)
                    )
                )
        differ = [
            other for other in nodes if one["link"] and other["link"] and other["link"]["key"] != one["link"]["key"]
        ]
        if differ:
            yield (
                "key in routeros_ospf_link of {} is another than in bird_anycast_link of {} (keys are not shown): hand"
                " both ends one dictionary (anycast_link)".format(one["name"], _names(differ))
            )


def router_interfaces(routers, nodes):
    """Say which interfaces of a router are missing, disabled or without link."""
    for one in routers:
        if not one["info"]:
            continue
        interfaces = one["info"]["interfaces"]
        for text in interface_problems(interfaces, one["interfaces"], one["name"]):
            yield f"routeros_ospf_interfaces: {text}"
        networks = {name for name, _address, _network in _networks(one)}
        for entry in interfaces:
            name = entry["name"]
            if name not in one["interfaces"] or entry["disabled"]:
                continue
            if not entry["running"]:
                yield (
                    "interface '{}' of the router {} is not running: plug in its cable, or name another in"
                    " routeros_ospf_interfaces".format(name, one["name"])
                )
            if name not in networks:
                yield (
                    "interface '{0}' of the router {1} has no IPv4 address: add one (/ip/address/add interface={0}), or"
                    " name the interface that has it in routeros_ospf_interfaces".format(name, one["name"])
                )


def node_interfaces(routers, nodes):
    """Say which interfaces of a node are down or have no address; that they exist, C(node_problems) checks."""
    for other in nodes:
        for name in other["interfaces"] if other["facts"] else ():
            if name not in other["facts"]["interfaces"]:
                continue
            if node_facts.interface(other["facts"], name).get("active") is False:
                yield (
                    "interface {0} of {1} is down: bring it up (ip link set {0} up), or name another in"
                    " bird_anycast_interfaces".format(name, other["name"])
                )
            elif not list(_node_addresses(other, [name])):
                yield (
                    "interface {} of {} has no IPv4 address: give it one of the router's subnet, or name another in"
                    " bird_anycast_interfaces".format(name, other["name"])
                )


def subnet(routers, nodes):
    """Say which node has no address in the router's subnet, or another mask (RFC 2328 10.5)."""
    for one, other in _pairs(routers, nodes):
        theirs = [entry for entry in _networks(one) if entry[0] in one["interfaces"]]
        ours = list(_node_addresses(other, other["interfaces"]))
        if not theirs or not ours:
            continue
        if not list(_links(one, other)):
            yield (
                "{} has {} on {}, and the router {} has {} on {}: neighbours must share a subnet (RFC 2328 8.2)."
                " Correct bird_anycast_interfaces or routeros_ospf_interfaces, or an address".format(
                    other["name"],
                    ", ".join(f"{address}/{network.prefixlen}" for _name, address, network in ours),
                    ", ".join(dict.fromkeys(name for name, _address, _network in ours)),
                    one["name"],
                    ", ".join(str(network) for _name, _address, network in theirs),
                    ", ".join(dict.fromkeys(name for name, _address, _network in theirs)),
                )
            )
        # Point-to-point links have no mask to compare.
        if other["link"] and other["link"]["network_type"] == "ptp":
            continue
        for name, _address, network in theirs:
            for own_name, own_address, own_network in ours:
                if own_address in network and own_network != network:
                    yield (
                        "{} on {} of {} has the prefix length {}, and {} of the router {} has {}: hellos with another"
                        " network mask are dropped (RFC 2328 10.5). Correct the mask of one of them".format(
                            own_address,
                            own_name,
                            other["name"],
                            own_network.prefixlen,
                            name,
                            one["name"],
                            network.prefixlen,
                        )
                    )


def link_local_addresses(routers, nodes):
    """Say who has no link-local address where OSPFv3 is to run: its packets come from one (RFC 5340 2.5)."""
    for one, other in _pairs(routers, nodes):
        for name, _address, own_name, _own_address in _links(one, other) if family.has_ipv6(other["addresses"]) else ():
            if not _router_link_local(one, name):
                yield (
                    "interface {0} of the router {1} has no IPv6 link-local address, and there are IPv6 addresses to"
                    " announce: OSPFv3 speaks from it (RFC 5340 2.5). Enable IPv6 (/ipv6/settings set disable-ipv6=no"
                    " disable-link-local-address=no, then reboot), or take the IPv6 addresses out of"
                    " anycast_services".format(name, one["name"])
                )
            if not _node_link_local(other, own_name):
                yield (
                    "interface {0} of {1} has no IPv6 link-local address, and there are IPv6 addresses to announce:"
                    " OSPFv3 speaks from it (RFC 5340 2.5). Enable IPv6 there (sysctl net.ipv6.conf.{0}.disable_ipv6=0,"
                    " and in /etc/sysctl.d), or take the IPv6 addresses out of anycast_services".format(
                        own_name, other["name"]
                    )
                )


def mtu(routers, nodes):
    """Say where the MTUs differ: database descriptions with a larger one are rejected (RFC 2328 10.6)."""
    for one, other in _pairs(routers, nodes):
        theirs = {entry["name"]: entry.get("mtu") for entry in (one["info"] or {}).get("interfaces", ())}
        for name, _address, own_name, _own_address in _links(one, other):
            own = node_facts.interface(other["facts"], own_name).get("mtu")
            if own and theirs.get(name) and int(own) != int(theirs[name]):
                yield (
                    "the MTU is {0} on {1} of the router {2} and {3} on {4} of {5}: such neighbours never get beyond"
                    " ExStart (RFC 2328 10.6). Make them equal: '/interface set {1} mtu={3}' on the router, or"
                    " 'mtu {0}' for {4} in the node's /etc/network/interfaces".format(
                        theirs[name], name, one["name"], own, own_name, other["name"]
                    )
                )


def anycast_addresses(routers, nodes):
    """Say which anycast address lies in a connected subnet; of a node's own ones, C(node_problems) says it."""
    announced = list(dict.fromkeys(prefix for other in nodes for prefix in other["addresses"]))
    for prefix in announced:
        address = ipaddress.ip_interface(prefix).ip
        for one in routers:
            for name, network in _connected(one):
                if address in network:
                    yield (
                        "anycast address {} lies inside {} on interface {} of the router {}: the router would look for"
                        " it on that link and take no route to it; choose an address outside every subnet (addresses in"
                        " anycast_services)".format(address, network, name, one["name"])
                    )
        for other in nodes:
            if prefix in other["addresses"]:
                continue
            for name, network in node_facts.connected_networks(other["facts"] or {}):
                if address in network and name not in other["own_interfaces"]:
                    yield (
                        "anycast address {} lies inside {} on interface {} of {}, which would look for it on that"
                        " link; choose an address outside every subnet (addresses in anycast_services)".format(
                            address, network, name, other["name"]
                        )
                    )


def strangers(routers, nodes):
    """Say which routes to an anycast address the router has from elsewhere than our nodes and routers."""
    known = {str(address) for other in nodes for _name, address, _network in _node_addresses(other)}
    # Who could not be read may be one of the next hops.
    blind = any(not other["facts"] for other in nodes) or any(not one["info"] for one in routers)
    for one in routers:
        ours = known | {str(address) for peer in routers if peer is not one for _n, address, _net in _networks(peer)}
        for route in (one["info"] or {}).get("routes", ()):
            if not route["active"] and route["dynamic"]:
                continue
            where = route["gateway"] or route["interface"] or "nowhere"
            if route["protocol"] != "ospf":
                yield (
                    "the router {} has a {} route to the anycast address {} via {} (distance {}), which OSPF's (110)"
                    " does not replace: remove it, or choose another address (addresses in anycast_services)".format(
                        one["name"], route["protocol"] or "foreign", route["prefix"], where, route["distance"]
                    )
                )
            elif route["gateway"] not in ours and not blind:
                yield (
                    "the anycast address {} is announced to the router {} by {} already, which is none of our nodes:"
                    " stop it there, add that host to the group anycast_nodes, or choose another address (addresses in"
                    " anycast_services)".format(route["prefix"], one["name"], where)
                )


def router_firewall(routers, nodes):
    """Say which of OSPF's and BFD's packets the router is certain to drop."""
    for text, certain in _router_drops(routers, nodes):
        if certain:
            yield text


def node_firewall(routers, nodes):
    """Say which of OSPF's and BFD's packets a node is certain to drop."""
    for text, certain in _node_drops(routers, nodes):
        if certain:
            yield text


# ---------------------------------------------------------------------------------------------------------------------
# Warnings


def router_firewall_doubts(routers, nodes):
    """Say which of them the router may drop."""
    for text, certain in _router_drops(routers, nodes):
        if not certain:
            yield text


def node_firewall_doubts(routers, nodes):
    """Say which of them a node may drop."""
    for text, certain in _node_drops(routers, nodes):
        if not certain:
            yield text


_OSPF_NAMES = {4: "OSPF (IP protocol 89)", 6: "OSPFv3 (IP protocol 89 over IPv6)"}
_BFD_NAMES = {4: f"BFD (UDP port {BFD_PORT})", 6: f"BFD (UDP port {BFD_PORT} over IPv6)"}


def _packets(link, receiver, designated):
    """Yield (name, protocol, destination, port) for what is said to a receiver."""
    version = receiver.version
    all_routers, designated_routers = GROUPS[version]
    yield _OSPF_NAMES[version], packet_filter.OSPF, all_routers, None
    # Only the designated router and its backup listen to this group, and the nodes never become either.
    if designated and link and link["network_type"] == "broadcast":
        yield _OSPF_NAMES[version], packet_filter.OSPF, designated_routers, None
    if link and link["bfd"]:
        yield _BFD_NAMES[version], packet_filter.UDP, receiver, BFD_PORT


_ROUTEROS_MATCH = {packet_filter.OSPF: "protocol=ospf", packet_filter.UDP: f"protocol=udp dst-port={BFD_PORT}"}
_ROUTEROS_ROWS = {4: "filter", 6: "ipv6_filter"}
_NFT_OSPF = {4: "ip protocol 89", 6: "meta l4proto 89"}
_IPTABLES_MATCH = {packet_filter.OSPF: "-p ospf", packet_filter.UDP: f"-p udp --dport {BFD_PORT}"}


def _router_drops(routers, nodes):
    """Yield (sentence, whether it is certain) for each rule of a router and each kind of packet, once."""
    for one in routers:
        firewall = (one["info"] or {}).get("firewall") or {}
        found = {}
        for other in nodes if firewall else ():
            for name, address, _own_name, own_address in _links_of_both(one, other):
                for outgoing in (False, True):
                    sender, receiver = (address, own_address) if outgoing else (own_address, address)
                    for what, protocol, destination, port in _packets(one["link"], receiver, not outgoing):
                        drop = packet_filter.routeros_drop(
                            firewall[_ROUTEROS_ROWS[receiver.version]],
                            packet_filter.Packet(protocol, sender, destination, name, outgoing, port),
                            firewall["interface_lists"],
                        )
                        if drop:
                            key = (what, protocol, receiver.version, outgoing, name, drop.text, drop.certain)
                            found.setdefault(key, []).append(other["name"])
        for (what, protocol, version, outgoing, name, text, certain), names in found.items():
            yield (
                "{} of the router {} {} {} {} {}: allow it before that rule ({} add chain={}"
                " action=accept {} {}={} place-before=0)".format(
                    text,
                    one["name"],
                    "drops" if certain else "may drop",
                    what,
                    "to" if outgoing else "from",
                    ", ".join(dict.fromkeys(names)),
                    packet_filter.routeros_menu(version),
                    "output" if outgoing else "input",
                    _ROUTEROS_MATCH[protocol],
                    "out-interface" if outgoing else "in-interface",
                    name,
                ),
                certain,
            )


def _node_drops(routers, nodes):
    for one, other in _pairs(routers, nodes):
        info = other["info"] or {}
        found = {}
        for _name, address, own_name, own_address in _links_of_both(one, other):
            for outgoing in (False, True):
                sender, receiver = (own_address, address) if outgoing else (address, own_address)
                for what, protocol, destination, port in _packets(other["link"], receiver, False):
                    packet = packet_filter.Packet(protocol, sender, destination, own_name, outgoing, port)
                    for drop, advice in _filters(info, packet, protocol):
                        found[what, outgoing, drop.text, drop.certain, advice] = None
        for what, outgoing, text, certain, advice in found:
            yield (
                "{} of {} {} {} {} the router {}: allow it before that ({})".format(
                    text,
                    other["name"],
                    "drops" if certain else "may drop",
                    what,
                    "to" if outgoing else "from",
                    one["name"],
                    advice,
                ),
                certain,
            )


def _filters(info, packet, protocol):
    """Yield (drop, how to allow the packet) for each packet filter of a node that drops it."""
    program = packet_filter.iptables_program(packet.version)
    saved = info.get(program) or ""
    way = "o" if packet.outgoing else "i"
    hook = "output" if packet.outgoing else "input"
    # nft lists the tables of iptables-nft and ip6tables-nft too, in a form that only iptables can read well.
    same = packet_filter.iptables_tables(saved) if "(nf_tables)" in saved else ()
    drop = packet_filter.nft_drop(info.get("nftables") or (), packet, same)
    if drop:
        match = _NFT_OSPF[packet.version] if protocol == packet_filter.OSPF else f"udp dport {BFD_PORT}"
        yield drop, f"/etc/nftables.conf: {way}ifname {packet.interface} {match} accept, in chain {hook}"
    drop = packet_filter.iptables_drop(saved, packet)
    if drop:
        yield (
            drop,
            f"{program} -I {hook.upper()} -{way} {packet.interface} {_IPTABLES_MATCH[protocol]} -j ACCEPT, and save it",
        )


def clocks(routers, nodes):
    """Say whose clocks differ, where packets carry a sequence number that comes from the clock.

    Neither end compares it with its own clock, so a skew alone does no harm: "correct time is NOT important, only that
    it never goes backwards" (FRR's manual, ip ospf authentication message-digest). A packet whose number is below the
    last one of that neighbour is dropped (RFC 2328 D.5.3), and BIRD's numbers start with the time of day
    (proto/ospf/packet.c). What RouterOS starts with is not documented. A clock that was set back costs the dead
    interval, after which the neighbour has forgotten the number. A skew only tells that one end asks no time server,
    hence a warning.
    """
    for one, other in _pairs(routers, nodes):
        if not one["link"] or one["link"]["authentication"] not in KINDS_WITH_KEY_ID:
            continue
        theirs = ((one["info"] or {}).get("clock") or {}).get("skew")
        own = ((other["info"] or {}).get("clock") or {}).get("skew")
        if theirs is None or own is None or abs(theirs - own) <= MOST_SKEW:
            continue
        yield (
            "the clock of the router {} is {} s {} that of {}: sequence numbers of {} authentication come from the"
            " clock, and after a restart with a clock that is set back (a router without a battery) packets are dropped"
            " as replays until the dead interval is over. Let both ask a time server: /system/ntp/client set"
            " enabled=yes servers=pool.ntp.org on the router, timedatectl set-ntp true on the node".format(
                one["name"],
                abs(theirs - own),
                "ahead of" if theirs > own else "behind",
                other["name"],
                one["link"]["authentication"],
            )
        )


def memory(routers, nodes):
    """Say which router has little memory left."""
    for one in routers:
        free = (one["info"] or {}).get("free_memory")
        if free is not None and int(free) < LEAST_FREE_MEMORY:
            yield (
                "the router {} has {:.1f} MiB of memory left, expected {:.0f} or more: disable what it does not"
                " need (/system/package, DNS cache, address lists), then reboot it".format(
                    one["name"], int(free) / 1048576, LEAST_FREE_MEMORY / 1048576
                )
            )


def model(routers, nodes):
    """Say what this version or this model does badly. The oldest version, 7.16, has sha256 (7.6) and BFD (7.10)."""
    for one in routers:
        info = one["info"] or {}
        version = parse_version(info.get("version"))
        for first, fixed in TEMPLATE_BUG:
            if version and first <= version < fixed:
                yield (
                    "the router {} runs RouterOS {}, which does not apply a parameter that is unset in an interface"
                    " template, such as authentication; fixed in {}. Upgrade it (/system/package/update)".format(
                        one["name"], str(info["version"]).split(" ", 1)[0], ".".join(str(part) for part in fixed)
                    )
                )
        link = one["link"]
        if (
            info.get("architecture") == "smips"
            and link
            and link["bfd"]
            and link["bfd_interval"] < LEAST_BFD_INTERVAL_SMIPS
        ):
            yield (
                "bfd_interval in routeros_ospf_link is {} ms, expected {} ms or more on the {} {} (smips, 650 MHz):"
                " else its sessions fall when the processor is busy".format(
                    link["bfd_interval"],
                    LEAST_BFD_INTERVAL_SMIPS,
                    info.get("board") or "router",
                    one["name"],
                )
            )


def router_rp_filter(routers, nodes):
    """Say where a router drops what comes by another interface than the way back."""
    for one in routers:
        if str((one["info"] or {}).get("ip_settings", {}).get("rp-filter", "no")) == "strict":
            yield (
                "/ip/settings rp-filter of the router {} is strict: it drops what comes by another interface"
                " than the way back, such as the last answers of a node that was drained. Set it to loose"
                " (/ip/settings set rp-filter=loose)".format(one["name"])
            )


def node_rp_filter(routers, nodes):
    """Say which node drops clients that reach it through the router, since its way back is another one.

    With source routing it is not: the kernel looks for the way back to a client from the anycast address.
    """
    for other in nodes:
        if other["source_routing"]:
            continue
        default = ((other["facts"] or {}).get("default_ipv4") or {}).get("interface")
        filters = (other["info"] or {}).get("rp_filter", {})
        for name in other["interfaces"]:
            if filters.get(name) == 1 and default and default not in other["interfaces"]:
                yield (
                    "the reverse-path filter of {0} on {1} is strict, and its default route leaves by {2}: packets of"
                    " clients beyond the router are dropped. Set net.ipv4.conf.{1}.rp_filter and"
                    " net.ipv4.conf.all.rp_filter to 2 (/etc/sysctl.d)".format(other["name"], name, default)
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
