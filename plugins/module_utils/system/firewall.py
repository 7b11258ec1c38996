# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of OSPF's and BFD's packets the packet filters of routers and nodes drop: checks of preflight.py.

Nothing in here does input or output.
"""

from __future__ import annotations

from itertools import product

from ansible_collections.homelab.anycast.plugins.module_utils.system import packet_filter
from ansible_collections.homelab.anycast.plugins.module_utils.system.endpoints import links_of_both

# By version of IP: all OSPF routers, and the designated ones (RFC 2328 A.1, RFC 5340 A.1).
GROUPS = {4: ("224.0.0.5", "224.0.0.6"), 6: ("ff02::5", "ff02::6")}
BFD_PORT = 3784


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
    if designated and link and link.network_type == "broadcast":
        yield _OSPF_NAMES[version], packet_filter.OSPF, designated_routers, None
    if link and link.bfd:
        yield _BFD_NAMES[version], packet_filter.UDP, receiver, BFD_PORT


_ROUTEROS_MATCH = {packet_filter.OSPF: "protocol=ospf", packet_filter.UDP: f"protocol=udp dst-port={BFD_PORT}"}
_ROUTEROS_ROWS = {4: "filter", 6: "ipv6_filter"}
_NFT_OSPF = {4: "ip protocol 89", 6: "meta l4proto 89"}
_IPTABLES_MATCH = {packet_filter.OSPF: "-p ospf", packet_filter.UDP: f"-p udp --dport {BFD_PORT}"}


def _router_drops(routers, nodes):
    """Yield (sentence, whether it is certain) for each rule of a router and each kind of packet, once."""
    for router in routers:
        firewall = (router["info"] or {}).get("firewall") or {}
        found = {}
        for node in nodes if firewall else ():
            for name, address, _own_name, own_address in links_of_both(router, node):
                for outgoing in (False, True):
                    sender, receiver = (address, own_address) if outgoing else (own_address, address)
                    for what, protocol, destination, port in _packets(router["link"], receiver, not outgoing):
                        drop = packet_filter.routeros_drop(
                            firewall[_ROUTEROS_ROWS[receiver.version]],
                            packet_filter.Packet(protocol, sender, destination, name, outgoing, port),
                            firewall["interface_lists"],
                        )
                        if drop:
                            key = (what, protocol, receiver.version, outgoing, name, drop.text, drop.certain)
                            found.setdefault(key, []).append(node["name"])
        for (what, protocol, version, outgoing, name, text, certain), names in found.items():
            yield (
                "{} of the router {} {} {} {} {}: allow it before that rule ({} add chain={}"
                " action=accept {} {}={} place-before=0)".format(
                    text,
                    router["name"],
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
    for router, node in product(routers, nodes):
        info = node["info"] or {}
        found = {}
        for _name, address, own_name, own_address in links_of_both(router, node):
            for outgoing in (False, True):
                sender, receiver = (own_address, address) if outgoing else (address, own_address)
                for what, protocol, destination, port in _packets(node["link"], receiver, False):
                    packet = packet_filter.Packet(protocol, sender, destination, own_name, outgoing, port)
                    for drop, advice in _filters(info, packet, protocol):
                        found[what, outgoing, drop.text, drop.certain, advice] = None
        for what, outgoing, text, certain, advice in found:
            yield (
                "{} of {} {} {} {} the router {}: allow it before that ({})".format(
                    text,
                    node["name"],
                    "drops" if certain else "may drop",
                    what,
                    "to" if outgoing else "from",
                    router["name"],
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
