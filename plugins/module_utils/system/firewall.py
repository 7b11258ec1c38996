# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of OSPF's and BFD's packets packet filters drop: checks of preflight.py. Private to this collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

from ..model.link import Link
from ..routeros.rows import REDIRECT, RouterRequest, redirect_rows
from ..routeros.values import quoted
from . import packet_filter
from .endpoints import Address, NodeEnd, RouterEnd, Row, pairs_of_both_versions
from .packet_filter import Drop, Packet
from .text import Finding

# By version of IP: all OSPF routers, and the designated ones (RFC 2328 A.1, RFC 5340 A.1).
GROUPS: dict[int, tuple[Address, Address]] = {
    4: (ipaddress.IPv4Address("224.0.0.5"), ipaddress.IPv4Address("224.0.0.6")),
    6: (ipaddress.IPv6Address("ff02::5"), ipaddress.IPv6Address("ff02::6")),
}
BFD_PORT = 3784


_OSPF_NAMES = {4: "OSPF (IP protocol 89)", 6: "OSPFv3 (IP protocol 89 over IPv6)"}
_BFD_NAMES = {4: f"BFD (UDP port {BFD_PORT})", 6: f"BFD (UDP port {BFD_PORT} over IPv6)"}


def _packets(
    link: Link | None, sender: Address, receiver: Address, interface: str, outgoing: bool, designated: bool
) -> Iterator[tuple[str, Packet]]:
    """Yield (name, packet) for what is said to a receiver."""
    version = receiver.version
    all_routers, designated_routers = GROUPS[version]
    yield _OSPF_NAMES[version], Packet(packet_filter.OSPF, sender, all_routers, interface, outgoing)
    # Only the designated router and its backup listen to this group, and the nodes never become either.
    if designated and link and link.network_type == "broadcast":
        yield _OSPF_NAMES[version], Packet(packet_filter.OSPF, sender, designated_routers, interface, outgoing)
    if link and link.bfd:
        yield _BFD_NAMES[version], Packet(packet_filter.UDP, sender, receiver, interface, outgoing, BFD_PORT)


_ROUTEROS_MATCH = {packet_filter.OSPF: "protocol=ospf", packet_filter.UDP: f"protocol=udp dst-port={BFD_PORT}"}
_NFT_OSPF = {4: "ip protocol 89", 6: "meta l4proto 89"}
_IPTABLES_MATCH = {packet_filter.OSPF: "-p ospf", packet_filter.UDP: f"-p udp --dport {BFD_PORT}"}


def _router_drops(routers: Sequence[RouterEnd], nodes: Sequence[NodeEnd]) -> Iterator[tuple[Finding, bool]]:
    """Yield (finding, whether it is certain) for each rule of a router and each kind of packet, once."""
    for router in routers:
        firewall = router.info.get("firewall") or {}
        found: dict[tuple[Drop, str, str, str], dict[str, None]] = {}
        for node in nodes if firewall else ():
            for pair in pairs_of_both_versions(router, node):
                for outgoing in (False, True):
                    ends = (pair.address, pair.node_address) if outgoing else (pair.node_address, pair.address)
                    for what, packet in _packets(router.link, *ends, pair.interface, outgoing, not outgoing):
                        for menu, chain, drop in packet_filter.routeros_drops(firewall, packet):
                            key = (drop, what, "to" if outgoing else "from", _routeros_advice(menu, chain, packet))
                            found.setdefault(key, {})[node.name] = None
        for (drop, what, way, advice), names in found.items():
            text = f"{drop.text} of the router {router.name} {_drops(drop)} {what} {way} {', '.join(names)}"
            yield Finding(f"{text}: allow it before that rule ({advice})"), drop.certain


def _routeros_advice(menu: str, chain: str, packet: Packet) -> str:
    return (
        f"{menu} add chain={chain} action=accept {_ROUTEROS_MATCH[packet.protocol]}"
        f" {'out' if packet.outgoing else 'in'}-interface={quoted(packet.interface)} place-before=0"
    )


def _drops(drop: Drop) -> str:
    return "drops" if drop.certain else "may drop"


def _node_drops(routers: Sequence[RouterEnd], nodes: Sequence[NodeEnd]) -> Iterator[tuple[Finding, bool]]:
    for router, node in product(routers, nodes):
        found: dict[tuple[Drop, str, str, str], None] = {}
        for pair in pairs_of_both_versions(router, node):
            for outgoing in (False, True):
                ends = (pair.node_address, pair.address) if outgoing else (pair.address, pair.node_address)
                for what, packet in _packets(node.link, *ends, pair.node_interface, outgoing, False):
                    for drop, advice in _filters(node.info, packet):
                        found[drop, what, "to" if outgoing else "from", advice] = None
        for drop, what, way, advice in found:
            text = f"{drop.text} {_drops(drop)} {what} {way} the router {router.name}: allow it before that ({advice})"
            yield Finding(text, (node.name,)), drop.certain


def _check(
    drops: Callable[[Sequence[RouterEnd], Sequence[NodeEnd]], Iterator[tuple[Finding, bool]]], certain: bool
) -> Callable[[Sequence[RouterEnd], Sequence[NodeEnd]], Iterator[Finding]]:
    return lambda routers, nodes: (finding for finding, sure in drops(routers, nodes) if sure is certain)


# Which of OSPF's and BFD's packets the router, or a node, is certain to drop, and which it may drop.
router_firewall, router_firewall_doubts = _check(_router_drops, True), _check(_router_drops, False)
node_firewall, node_firewall_doubts = _check(_node_drops, True), _check(_node_drops, False)


def _filters(info: Row, packet: Packet) -> Iterator[tuple[Drop, str]]:
    """Yield (drop, how to allow the packet) for each packet filter of a node that drops it."""
    program = packet_filter.iptables_program(packet.version)
    saved = info.get(program) or ""
    way = "o" if packet.outgoing else "i"
    hook = "output" if packet.outgoing else "input"
    # nft lists the tables of iptables-nft and ip6tables-nft too, in a form that only iptables can read well.
    same = packet_filter.iptables_tables(saved) if "(nf_tables)" in saved else ()
    drop = packet_filter.nft_drop(info.get("nftables") or (), packet, same)
    if drop:
        match = _NFT_OSPF[packet.version] if packet.protocol == packet_filter.OSPF else f"udp dport {BFD_PORT}"
        yield drop, f"/etc/nftables.conf: {way}ifname {packet.interface} {match} accept, in chain {hook}"
    # The kernel asks both, where rules of the older one are left (iptables-nft(8)).
    for name, text in ((program, saved), (f"{program}-legacy", info.get(f"{program}_legacy") or "")):
        drop = packet_filter.iptables_drop(text, packet, name)
        if not drop:
            continue
        match = _IPTABLES_MATCH[packet.protocol]
        yield drop, f"{name} -I {hook.upper()} -{way} {packet.interface} {match} -j ACCEPT, and save it"


def redirect_problems(info: dict[str, Any], request: RouterRequest) -> Iterator[str]:
    """Say which rule of the router lets ICMPv6 redirects out before the one that is to drop them."""
    rows, lists = info["firewall"]["ipv6_filter"], info["firewall"]["interface_lists"]
    menu = packet_filter.routeros_menu(6)
    for rule in redirect_rows(request):
        ours = next((place for place, row in enumerate(rows) if row.get("comment") == request.comment), None)
        before = _lets_out(rows[:ours], rule, lists)
        if before is None:
            continue
        if ours is None:
            words = " ".join(f"{name}={value}" for name, value in rule.items())
            advice = f"Add the role's rule before it ({menu}/add {words} place-before={before.get('.id')})"
        else:
            move = f"{menu}/move {rows[ours].get('.id')} destination={before.get('.id')}"
            advice = f"Move the role's rule before it ({move})"
        yield (
            f"the {packet_filter.routeros_rule(before, menu)} lets ICMPv6 redirects out before the rule that drops"
            " them, so clients on the nodes' LAN send to one node without the router, and get no answer when it dies."
            f" {advice}; or set routeros_ospf_send_redirects to true, if no client with IPv6 is on that LAN"
        )


def _lets_out(rows: list[Row], rule: Row, lists: dict[str, list[str]]) -> Row | None:
    """Return the row which is certain to let a redirect out though the rule follows, None if none does."""
    # Connection tracking does not know them: "invalid" in Linux' output, which no manual promises.
    own, client = ipaddress.IPv6Address("fe80::1"), ipaddress.IPv6Address("fe80::2")
    redirect = Packet(packet_filter.ICMPV6, own, client, "", outgoing=True, icmp=REDIRECT, state=None)
    for count in range(1, len(rows) + 1):
        if packet_filter.routeros_walk([*rows[:count], rule], "", "output", redirect, lists) is None:
            return rows[count - 1]
    return None
