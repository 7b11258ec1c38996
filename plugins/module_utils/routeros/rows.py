# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role routeros_ospf is asked for, and the rows that it writes for it. Private to this collection."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any, Union

from ..model import ip
from ..model.link import Link
from .values import Row, address_and_subnet, routeros_duration

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# How the clients are spread over the next hops of a route, by the role's name; and what /ip/settings
# ipv4-multipath-hash-policy calls it (manual, "Multipath (ECMP) routes"): l3 hashes the two addresses, l4 the protocol
# and the ports as well.
HASH_POLICIES = {"per_client": "l3", "per_flow": "l4"}

REDIRECT = 137  # ICMPv6 type of a redirect, RFC 4861 4.5; its code is 0


@dataclasses.dataclass(frozen=True)
class RouterRequest:
    """The variables of the role, by their names."""

    router_id: str
    interfaces: list[str]
    instance: str  # Of OSPFv2, as is the area; ip.versioned() makes those of OSPFv3
    area: str
    comment: str
    priority: Any  # A number, or text that is one, as -e gives it; checks.request_problems() looks at both
    cost: Any
    prefixes: list[str]
    filter_chain: str  # Empty for no filter
    distribution: str
    send_redirects: bool
    allow_interruption: bool
    notrack: bool = True  # Whether clients on the nodes' own LAN are to be untracked, where that helps them
    networks: tuple[str, ...] = ()  # The subnets to limit OSPFv2 to; worked out by takeover.link_networks()

    @property
    def versions(self) -> list[int]:
        return ip.ospf_versions(self.prefixes)

    @property
    def chains(self) -> list[str]:
        return [ip.versioned(self.filter_chain, version) for version in self.versions if self.filter_chain]

    @property
    def mark(self) -> Row:
        """What each row of the role has."""
        return {"disabled": False, "comment": self.comment}

    def without(self, addresses: Iterable[str]) -> RouterRequest:
        """Return the same without the addresses of a service; a prefix that holds more than those stays."""
        gone = set(anycast_networks(addresses)[0])
        stay = [prefix for prefix in self.prefixes if not gone.intersection(anycast_networks([prefix])[0])]
        return dataclasses.replace(self, prefixes=stay)


def instance_rows(request: RouterRequest) -> list[Row]:
    """Return the rows of /routing/ospf/instance, one for each version of OSPF.

    What is unset is left out, here and below: a value of None would reach the router as the text "None" on add
    (community.routeros 3.x).
    """
    return [
        {
            "name": ip.versioned(request.instance, version),
            "version": version,
            "router-id": request.router_id,
            **request.mark,
            **({"in-filter-chain": ip.versioned(request.filter_chain, version)} if request.filter_chain else {}),
        }
        for version in request.versions
    ]


def area_rows(link: Link, request: RouterRequest) -> list[Row]:
    """Return the rows of /routing/ospf/area, one for each version of OSPF."""
    return [
        {
            "name": ip.versioned(request.area, version),
            "instance": ip.versioned(request.instance, version),
            "area-id": link.area,
            **request.mark,
        }
        for version in request.versions
    ]


def template_rows(link: Link, request: RouterRequest) -> list[Row]:
    """Return the rows of /routing/ospf/interface-template without their key, one for each version of OSPF."""
    row: Row = {
        "interfaces": ",".join(request.interfaces),
        "type": link.network_type,
        "cost": int(request.cost),
        "priority": int(request.priority),
        "hello-interval": routeros_duration(link.hello_interval),
        "dead-interval": routeros_duration(link.dead_interval),
        "retransmit-interval": routeros_duration(link.retransmit_interval),
        # Said where it is the default, too: else api_modify would set it on the second run.
        "use-bfd": link.bfd,
        **request.mark,
    }
    if link.authentication != "none":
        row["auth"] = link.authentication
    if link.key_id is not None:
        row["auth-id"] = link.key_id
    # OSPFv3 runs on link-local addresses.
    limits = {2: {"networks": ",".join(request.networks)} if request.networks else {}}
    return [
        {"area": ip.versioned(request.area, version), **row, **limits.get(version, {})} for version in request.versions
    ]


def bfd_rows(link: Link, request: RouterRequest) -> list[Row]:
    """Return the rows of /routing/bfd/configuration: one, or none without BFD.

    "Anything not explicitly listed is forbidden by default" (manual, BFD): use-bfd of the template alone does nothing.
    """
    if not link.bfd:
        return []
    interval = routeros_duration(milliseconds=link.bfd_interval or 0)
    timers = {"min-tx": interval, "min-rx": interval, "multiplier": link.bfd_multiplier}
    return [{"interfaces": ",".join(request.interfaces), **timers, **request.mark}]


def filter_rows(request: RouterRequest) -> list[Row]:
    """Return the rows of /routing/filter/rule: host routes inside the prefixes are accepted, nothing else is.

    Each version of OSPF has its own chain. One row for each prefix, sorted, so that a new prefix changes a row and
    never takes away what stays accepted.

    RouterOS leaves C(disabled) out of an enabled row of this menu, and so does this: api_modify knows no default of it.
    """
    networks = anycast_networks(request.prefixes)[0]
    rows = []
    for version in request.versions if request.filter_chain else ():
        rules = [
            f"if (dst in {network} && dst-len == {network.max_prefixlen}) {{ accept }}"
            for network in networks
            if network.version == {2: 4, 3: 6}[version]
        ]
        # The default action of a chain is reject (manual); said so that a reader of the chain need not know that.
        row = {"chain": ip.versioned(request.filter_chain, version), "comment": request.comment}
        rows += [{**row, "rule": rule} for rule in (*rules, "reject")]
    return rows


def redirect_rows(request: RouterRequest) -> list[Row]:
    """Return the rows of /ipv6/firewall/filter: one, or none where there is no IPv6 or redirects are wanted.

    /ip/settings has send-redirects, /ipv6/settings has nothing like it (manual, CLI reference, ipv6/settings). Linux
    sends them as IPv4's, when a packet leaves by the interface it came in by, and a client keeps what one says until
    its own next hop is found dead: 12 s and 29 s in the quick bed.
    """
    if request.send_redirects or not ip.has_ipv6(request.prefixes):
        return []
    # The manual writes all codes of a type so ("Building Advanced Firewall": 134:0-255).
    packets = {"protocol": "icmpv6", "icmp-options": f"{REDIRECT}:0-255"}
    return [{"chain": "output", "action": "drop", **packets, "comment": request.comment}]


def link_subnets(
    info: dict[str, Any], interfaces: Iterable[str]
) -> Iterator[tuple[str, Union[ipaddress.IPv4Address, ipaddress.IPv6Address], Network]]:
    """Yield (interface, the router's address, subnet) for the addresses on these interfaces; no link-local ones."""
    for row in info["addresses"]:
        if row["interface"] in interfaces and not row["disabled"]:
            yield (row["interface"], *address_and_subnet(row))
    for row in info["ipv6_addresses"]:
        own = ipaddress.IPv6Interface(str(row["address"]))
        if row["interface"] in interfaces and not row["disabled"] and not own.is_link_local:
            yield row["interface"], own.ip, own.network


def notrack_rows(info: dict[str, Any], request: RouterRequest, version: int) -> list[Row]:
    """Return the rows of /ip/firewall/raw or /ipv6/firewall/raw: none where the role is not to write them.

    Raw, and not an accept in forward before the rule that drops what is invalid: its place among other rules does not
    matter, and the processor is spared the connection tracking of every packet. No packet of these is FastTracked
    either way, as no connection is established. The way back as well: a node with source routing, and one that reaches
    the client by the router, answer through it. Limited to the subnets of the link, so that what comes from elsewhere
    stays tracked.
    """
    networks = [network for network in anycast_networks(request.prefixes)[0] if network.version == version]
    links = link_subnets(info, request.interfaces if request.notrack else ())
    subnets = [subnet for _interface, _own, subnet in links if subnet.version == version]
    pairs = [pair for subnet in subnets for one in networks for pair in ((subnet, one), (one, subnet))]
    row = {"chain": "prerouting", "action": "notrack", "comment": request.comment}
    found = dict.fromkeys((_matched(source), _matched(destination)) for source, destination in pairs)
    return [{**row, "src-address": source, "dst-address": destination} for source, destination in found]


def _matched(network: Network) -> str:
    """Return a network as the packet filter prints it: a host of IPv4 without a length."""
    return str(network.network_address if network.prefixlen == 32 and network.version == 4 else network)


def anycast_networks(prefixes: Iterable[Any]) -> tuple[list[Network], list[str]]:
    """Return (the prefixes as networks, sorted and each once; what is wrong with them)."""
    variable = "routeros_ospf_anycast_prefixes"
    networks, problems = set(), []
    expected = "expected an IPv4 prefix such as 172.18.0.64/32, or an IPv6 prefix such as 2001:db8::64/128"
    for prefix in prefixes:
        try:
            interface = ipaddress.ip_interface(str(prefix))
        except ValueError:
            problems.append(f"{variable} has '{prefix}', {expected}")
            continue
        address = interface.ip
        if address.version == 6 and (address.is_link_local or address.is_multicast or address.ipv4_mapped):
            problems.append(f"{variable} has '{prefix}', expected unicast prefixes that can be routed")
        if address != interface.network.network_address:
            problems.append(f"{variable} has '{prefix}' with host bits set, expected {interface.network}")
        networks.add(interface.network)
    return sorted(networks, key=lambda network: (network.version, network)), problems
