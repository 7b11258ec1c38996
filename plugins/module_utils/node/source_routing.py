# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Source routing on a node with several ways out: what comes from an anycast address leaves by the link to the router.

A node answers by its main routing table, so where its default route points elsewhere the answers take another way than
the questions came, and are lost where that way has NAT, a stateful firewall or a reverse-path filter. A policy rule for
each anycast address (ip-rule(8)) sends its answers to a routing table with nothing but the link and the gateway on it.

IPv4 only: where an IPv6 address would need it, the problems say so. Nothing in here does input or output. Private to
this collection.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Any

from ..model import ip
from .facts import Facts, ipv4_addresses

# Of the role's rules and no others: after local (0), see ip-rule(8), and before what others make, such as strongSwan
# (220), VRF (1000) and Tailscale (5210 to 5270, tailscale/tailscale#12450).
PRIORITY = 64
_EARLIER = 6464  # Of earlier versions of the role
_RESERVED = (0, 253, 254, 255)  # The kernel's own (rt_tables): unspec, default, main, local


@dataclasses.dataclass(frozen=True)
class Commands:
    """What brings source routing up and down for the addresses of one interface; empty where there is none."""

    before: list[str]  # What has to be up first
    up: list[str]
    down: list[str]


@dataclasses.dataclass(frozen=True)
class SourceRouting:
    """Source routing as a user asks for it, on a node with these facts."""

    gateway: str  # As the user gives it; nothing is asked for where it is empty
    table: Any  # Number of the routing table, as the user gives it
    link_interfaces: list[str]
    facts: Facts

    def link(self) -> tuple[str, ipaddress.IPv4Interface] | None:
        """Return the interface on whose subnet the gateway is and its address there, None if it is on none."""
        try:
            address = ipaddress.IPv4Address(self.gateway)
        except ValueError:
            return None
        own = ipv4_addresses(self.facts, self.link_interfaces)
        return next(((name, found) for name, found in own if address in found.network), None)

    def is_table(self) -> bool:
        return str(self.table).isdecimal() and 0 < int(self.table) < 2**32 and int(self.table) not in _RESERVED

    def source_routing_problems(self, prefixes: list[str]) -> list[str]:
        """Return why it cannot work, one sentence each. The prefixes are of both IP versions."""
        if not self.gateway:
            return []
        problems = []
        if not self.is_table():
            problems.append(
                f"bird_anycast_source_table is {self.table}, expected a number of a routing table that nothing else"
                " uses, 1 to 4294967295 without 253, 254 and 255"
            )
        return problems + self._gateway_problems() + self._ipv6_problems(prefixes)

    def _gateway_problems(self) -> list[str]:
        try:
            ipaddress.IPv4Address(self.gateway)
        except ValueError:
            return [
                f"bird_anycast_source_gateway is '{self.gateway}', expected the IPv4 address of the router on the link:"
                " source routing is of IPv4 only"
            ]
        link = self.link()
        if link is None:
            own = ipv4_addresses(self.facts, self.link_interfaces)
            networks = ", ".join(f"{found.network} on {name}" for name, found in own)
            return [
                f"bird_anycast_source_gateway {self.gateway} is in no subnet of bird_anycast_interfaces"
                f" ({networks or 'they have no address'}), expected the router's address there"
            ]
        if str(link[1].ip) == self.gateway:
            own_address = f"bird_anycast_source_gateway {self.gateway} is this node's own address"
            return [f"{own_address}, expected the router's on that link"]
        return []

    def _ipv6_problems(self, prefixes: list[str]) -> list[str]:
        """An IPv6 address needs no rule where the node's default route of IPv6 is by the link."""
        own, way_out = ip.of_version(prefixes, 6), self.facts.get("default_ipv6")
        if not own or not way_out or way_out in self.link_interfaces:
            return []
        return [
            f"bird_anycast_source_gateway is of IPv4 only, and answers from {', '.join(own)} would leave by {way_out},"
            " the node's default route of IPv6: make that one of bird_anycast_interfaces"
            f" ({', '.join(self.link_interfaces)}), or take the IPv6 addresses out of bird_anycast_services"
        ]

    def forget_commands(self) -> list[str]:
        """Return the commands that undo earlier ones, also where source routing is off now."""
        # A rule that is deleted shows that the role has used the table.
        return [
            f"while ip rule del priority {priority} 2>/dev/null; do ip route flush table {self.table}; done"
            for priority in (PRIORITY, _EARLIER)
        ]

    def commands(self, prefixes: list[str]) -> Commands:
        """Return what has the answers from these addresses leave by the link."""
        link = self.link()
        if link is None:
            return Commands([], [], [])
        name, own = link
        up = [
            f"ip route replace {own.network} dev {name} table {self.table}",
            f"ip route replace default via {self.gateway} dev {name} table {self.table}",
        ]
        down = []
        for address in ip.of_version(prefixes, 4):
            rule = f"from {address} lookup {self.table} priority {PRIORITY}"
            # Added twice it would be there twice.
            up += [f"ip rule del {rule} 2>/dev/null || true", f"ip rule add {rule}"]
            down.append(f"ip rule del {rule} || true")
        # At boot the interfaces come up in the order of their files; these routes need the link to be up.
        return Commands([f"ifup {name} || true"], up, down)

    def source_routing_warnings(self, shown: str) -> list[str]:
        """Return which rules in C(ip -N rule show) come before the role's, one sentence each."""
        rules = [re.match(r"(\d+):\s*(.*\blookup (\S+).*)", line) for line in shown.splitlines() if self.gateway]
        return [
            f"the policy rule '{rule[1]}: {' '.join(rule[2].split())}' on this node comes before those of the source"
            f" routing ({PRIORITY}), so answers that it matches leave by its table. Give it a priority above {PRIORITY}"
            for rule in rules
            if rule and 0 < int(rule[1]) <= PRIORITY and rule[3] != str(self.table)
        ]

    def missing_source_routing(self, prefixes: list[str], shown: str) -> list[str]:
        """Return which rules and routes C(ip -N rule show) and C(ip -N route show table T) do not show, in words."""
        link = self.link()
        if link is None:
            return []
        name, own = link
        wanted = {
            f"{PRIORITY}: from {address.partition('/')[0]} lookup {self.table}": f"the rule for {address}"
            for address in ip.of_version(prefixes, 4)
        }
        wanted[f"{own.network} dev {name}"] = f"the route to {own.network}"
        wanted[f"default via {self.gateway} dev {name}"] = f"the route by {self.gateway}"
        lines = [" ".join(line.split()) + " " for line in shown.splitlines()]
        return [words for start, words in wanted.items() if not any(line.startswith(start + " ") for line in lines)]
