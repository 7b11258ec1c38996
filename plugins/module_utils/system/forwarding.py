# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a router does to the packets of clients on the nodes' own LAN, which leave by the interface that they came by.

The node answers such a client past the router, so the router sees one direction only: each packet of UDP is "new" to
its connection tracking, and of TCP all but the first are "invalid", which MikroTik's default configuration drops in
forward. Private to this collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ..routeros.rows import RouterRequest, anycast_networks, link_subnets, notrack_rows
from ..routeros.values import quoted
from . import packet_filter
from .packet_filter import Drop, Packet

Info = dict[str, Any]

# What a client sends: (protocol, what connection tracking calls it).
_NEW, _INVALID = (packet_filter.UDP, "new"), (packet_filter.TCP, "invalid")
_WHY = ": the nodes answer past the router, so its connection tracking calls all but the first packet invalid"
_WHAT = {_NEW: ("UDP", ""), _INVALID: ("TCP", _WHY)}

_SIP_HELPER = (
    "; where it must stay and the service is SIP, disable the SIP helper, which rewrites what crosses NAT"
    " (/ip/firewall/service-port/disable sip)"
)
_PLACE = "\0"  # Stands for the prefixes in a sentence; in no comment of a rule


def notrack_helps(info: Info, request: RouterRequest) -> bool:
    """Return whether a rule drops these clients' TCP, and none does once the role has them untracked."""
    without = _firewall(info, dataclasses.replace(request, notrack=False))
    having = _firewall(info, dataclasses.replace(request, notrack=True))
    dropped = any(packet_filter.routeros_drop(without, packet) for _place, packet in _packets(info, request, _INVALID))
    packets = [packet for kind in (_NEW, _INVALID) for _place, packet in _packets(info, request, kind)]
    return dropped and not any(packet_filter.routeros_drop(having, packet) for packet in packets)


def client_warnings(info: Info, request: RouterRequest, asked: bool) -> list[str]:
    """Return what keeps these clients from the anycast addresses; asked: the user wants the rules of raw."""
    firewall = _firewall(info, request)
    found: dict[tuple[str, str], dict[str, None]] = {}
    for kind in (_NEW, _INVALID):
        for place, packet in _packets(info, request, kind):
            for text, advice in _obstacles(info, firewall, packet, kind, asked):
                found.setdefault((text, advice), {})[place] = None
    return [f"{text.replace(_PLACE, ', '.join(places))}. {advice}" for (text, advice), places in found.items()]


def _obstacles(
    info: Info, firewall: Info, packet: Packet, kind: tuple[int, str], asked: bool
) -> Iterator[tuple[str, str]]:
    what, why = _WHAT[kind]
    clients = f"{what} from clients on {packet.interface} to {_PLACE}"
    state = packet_filter.tracked(firewall, packet).state
    for menu, chain, drop in packet_filter.routeros_drops(firewall, packet):
        matchers = f"in-interface={quoted(packet.interface)}"
        if chain == "forward":
            matchers = f"connection-state={state} {matchers} out-interface={quoted(packet.interface)}"
        accept = f"ccept them before it ({menu}/add chain={chain} action=accept {matchers} place-before=0)"
        helps = chain == "forward" and state == "invalid" and not asked
        advice = f"Set routeros_ospf_notrack to true, or a{accept}" if helps else f"A{accept}"
        said = why if chain == "forward" and state == "invalid" else ""
        yield f"{drop.text} {_verb(drop, 'drops', 'may drop')} {clients}{said}", advice
    if kind == _INVALID:
        # The same for both, and said once.
        return
    nat = packet_filter.routeros_nat(firewall, packet) if state != "untracked" and packet.version == 4 else None
    if nat:
        yield (
            f"{nat.text} {_verb(nat, 'gives', 'may give')} {clients} the router's own address, so all of them are one"
            " client to the nodes, and go to one node",
            "Limit it to the interface of the uplink (out-interface or out-interface-list)"
            + (_SIP_HELPER if info.get("sip_helper") else ""),
        )
    rule = packet_filter.routeros_rule_drop(info.get("routing_rules", ()), packet)
    if rule:
        yield (
            f"{rule.text} {_verb(rule, 'keeps', 'may keep')} {clients} from the routing table main, where OSPF's routes"
            " are",
            f"Add a rule before it (/routing/rule/add dst-address={packet.destination} action=lookup table=main"
            " place-before=0)",
        )


def _verb(drop: Drop, certain: str, doubtful: str) -> str:
    return certain if drop.certain else doubtful


def _packets(info: Info, request: RouterRequest, kind: tuple[int, str]) -> Iterator[tuple[str, Packet]]:
    """Yield (prefix, what a client sends there) for each subnet of the link and each anycast prefix."""
    protocol, state = kind
    for interface, own, subnet in link_subnets(info, request.interfaces):
        # Any host of the subnet but the router.
        source = subnet[-2] if subnet.num_addresses > 2 and subnet[-2] != own else subnet[0]
        for network in anycast_networks(request.prefixes)[0]:
            if network.version == subnet.version:
                address = network.network_address
                yield str(network), Packet(protocol, source, address, interface, state=state, onward=interface)


def _firewall(info: Info, request: RouterRequest) -> Info:
    """Return the packet filter with the role's rules of raw as they are to be."""
    firewall = dict(info["firewall"])
    for menu, version in (("raw", 4), ("ipv6_raw", 6)):
        others = [row for row in firewall.get(menu, ()) if row.get("comment") != request.comment]
        firewall[menu] = [*others, *notrack_rows(info, request, version)]
    return firewall
