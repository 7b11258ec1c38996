# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces and addresses in C(ansible_facts) of a node, as the subset network has them."""

from __future__ import annotations

import ipaddress
import re


def interface(facts, name):
    """Return what the facts say of an interface, an empty dictionary if nothing."""
    # They keep it under its name with - and : replaced.
    return facts.get(re.sub("[-:]", "_", name)) or {}


def ipv4_addresses(facts, interfaces=None):
    """Yield (interface name, ipaddress.IPv4Interface) for every IPv4 address, or those of some interfaces."""
    for name in facts.get("interfaces", ()) if interfaces is None else interfaces:
        details = interface(facts, name)
        for entry in [details.get("ipv4") or {}, *details.get("ipv4_secondaries", ())]:
            if entry.get("address"):
                # Older facts of a /32 hold the mask only.
                mask = entry.get("prefix") or entry.get("netmask") or "32"
                yield name, ipaddress.IPv4Interface("{}/{}".format(entry["address"], mask))


def ipv6_addresses(facts, interfaces=None):
    """Yield (interface name, ipaddress.IPv6Interface) for every IPv6 address, or those of some interfaces."""
    for name in facts.get("interfaces", ()) if interfaces is None else interfaces:
        for entry in interface(facts, name).get("ipv6", ()):
            if entry.get("address"):
                yield name, ipaddress.IPv6Interface("{}/{}".format(entry["address"], entry.get("prefix") or "128"))


def connected_networks(facts):
    """Yield (interface name, network) for every address."""
    for name, address in (*ipv4_addresses(facts), *ipv6_addresses(facts)):
        yield name, address.network
