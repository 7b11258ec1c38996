# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways that a router has by VRRP: rows of /interface/vrrp. Private to this collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from .session import Router
from .values import Row, flag, number, parse_duration

MENU = "/interface/vrrp"
TYPE = "vrrp"  # Of such an interface in /interface
# Not the password, and not the scripts, which may hold one.
VRRP_PROPERTIES = (
    *("name", "interface", "vrid", "priority", "interval", "version", "v3-protocol", "preemption-mode"),
    *("running", "master", "backup", "failure", "invalid", "disabled"),
)
ADDRESS_PROPERTIES = ("address", "interface", "actual-interface", "disabled")
# Flags of a row (manual, CLI reference, interface/vrrp), in the order in which they tell the state.
STATES = ("disabled", "invalid", "failure", "master", "backup")


def read_gateways(router: Router) -> list[Row]:
    """Return the gateways of a router: one question where it has none, and else the addresses of both versions."""
    rows = router.rows(MENU, proplist=VRRP_PROPERTIES)
    menus = ("/ip/address", "/ipv6/address") if rows else ()
    return parse_gateways(rows, [row for menu in menus for row in router.rows(menu, proplist=ADDRESS_PROPERTIES)])


def parse_gateways(rows: Iterable[Row], addresses: Iterable[Row]) -> list[Row]:
    """Return rows of /interface/vrrp as the modules do, each with the addresses on it and the networks it is in.

    The row of an address names the interface that it was given to; of one on a port of a bridge, the bridge is the
    actual interface. A link-local address is in no list: every router has one in the same network.
    """
    places: dict[str, list[str]] = {}
    for row in addresses:
        if not flag(row, "disabled"):
            for name in dict.fromkeys((str(row.get("interface")), str(row.get("actual-interface", "None")))):
                places.setdefault(name, []).append(str(row.get("address")))
    found = []
    for row in rows:
        interface = str(row.get("interface"))
        version = number(row, "version")
        found.append(
            {
                "name": str(row.get("name")),
                "interface": interface,
                "vrid": number(row, "vrid"),
                "priority": number(row, "priority"),
                "interval": parse_duration(row.get("interval")),
                "version": version,
                # Version 2 has IPv4 alone (RFC 3768).
                "protocol": "ipv4" if version == 2 else str(row.get("v3-protocol", "ipv4")),
                "preemption": flag(row, "preemption-mode"),
                "state": next((state for state in STATES if flag(row, state)), "unknown"),
                "addresses": sorted(filter(_is_global, places.get(str(row.get("name")), ()))),
                "networks": sorted({_network(one) for one in filter(_is_global, places.get(interface, ()))}),
            }
        )
    return found


def _is_global(address: str) -> bool:
    return not ipaddress.ip_interface(address).is_link_local


def _network(address: str) -> str:
    return str(ipaddress.ip_interface(address).network)
