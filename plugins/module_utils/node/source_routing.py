# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source routing on a node with several ways out: what comes from an anycast address leaves by the link to the router.

A node answers by its main routing table, so where its default route points elsewhere the answers take another way than
the questions came, and are lost where that way has NAT, a stateful firewall or a reverse-path filter. A policy rule for
each anycast address (ip-rule(8)) sends its answers to a table of their own, which knows the link and the gateway on it.

IPv4 only: where an IPv6 address would need it, ipv6_problems() says so. Nothing in here does input or output.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.node.facts import ipv4_addresses

# Of our rules and no others: after local (0) and before main (32766), see ip-rule(8).
PRIORITY = 6464
# The kernel's own (rt_tables): unspec, default, main, local.
_RESERVED = (0, 253, 254, 255)


def find_link(gateway, link_interfaces, facts):
    """Return (name of the interface, its IPv4Interface) on whose subnet the gateway is, None if it is on none.

    :param gateway: IPv4 address.
    :param facts: C(facts) of the result of anycast_node_info.
    """
    address = ipaddress.IPv4Address(str(gateway))
    for name, interface in ipv4_addresses(facts):
        if name in link_interfaces and address in interface.network:
            return name, interface
    return None


def problems(gateway, table, link_interfaces, facts):
    """Return what speaks against source routing by this gateway, one sentence each.

    :param gateway: as the user gives it; nothing is asked for where it is empty.
    :param table: number of the routing table.
    """
    if not gateway:
        return []
    found = []
    if not str(table).isdecimal() or not 0 < int(table) < 2**32 or int(table) in _RESERVED:
        found.append(
            f"bird_anycast_source_table is {table}, expected a number of a routing table that nothing else uses, 1 to"
            " 4294967295 without 253, 254 and 255"
        )
    try:
        link = find_link(gateway, link_interfaces, facts)
    except ValueError:
        found.append(
            f"bird_anycast_source_gateway is '{gateway}', expected the IPv4 address of the router on the link:"
            " source routing"
            " is of IPv4 only"
        )
        return found
    if link is None:
        networks = [f"{i.network} on {name}" for name, i in ipv4_addresses(facts) if name in link_interfaces]
        found.append(
            "bird_anycast_source_gateway {} is in no subnet of bird_anycast_interfaces ({}), expected the router's"
            " address there".format(gateway, ", ".join(networks) or "they have no address")
        )
    elif str(link[1].ip) == str(gateway):
        found.append(
            f"bird_anycast_source_gateway {gateway} is this node's own address, expected the router's on that link"
        )
    return found


def ipv6_problems(addresses, gateway, link_interfaces, facts):
    """Return what speaks against source routing on a node with these anycast addresses, one sentence each.

    The rules are of IPv4. An IPv6 address needs none where the node's default route of IPv6 is by the link.

    :param addresses: prefixes of both versions.
    """
    prefixes = ip.of_version(addresses, 6)
    way_out = facts.get("default_ipv6")
    if not gateway or not prefixes or not way_out or way_out in link_interfaces:
        return []
    return [
        "bird_anycast_source_gateway is of IPv4 only, and answers from {} would leave by {}, the node's default route"
        " of IPv6: make that one of bird_anycast_interfaces ({}), or take the IPv6 addresses out of"
        " bird_anycast_services".format(", ".join(prefixes), way_out, ", ".join(link_interfaces))
    ]


def commands(addresses, gateway, table, link_interfaces, facts):
    """Return the commands that bring up and take down source routing for the addresses of one interface.

    :param addresses: prefixes.
    :return: dictionary of C(before) (what has to be up first), C(up) and C(down), each a list, empty without a gateway;
      and C(forget), which takes away what others of ours have made.
    """
    # A rule that is deleted shows that the table was ours.
    forget = [f"while ip rule del priority {PRIORITY} 2>/dev/null; do ip route flush table {table}; done"]
    link = find_link(gateway, link_interfaces, facts) if gateway else None
    if link is None:
        return {"before": [], "up": [], "down": [], "forget": forget}
    name, interface = link
    up = [
        f"ip route replace {interface.network} dev {name} table {table}",
        f"ip route replace default via {gateway} dev {name} table {table}",
    ]
    down = []
    for address in ip.of_version(addresses, 4):
        rule = f"from {address} lookup {table} priority {PRIORITY}"
        # Added twice it would be there twice.
        up.append(f"ip rule del {rule} 2>/dev/null || true")
        up.append(f"ip rule add {rule}")
        down.append(f"ip rule del {rule} || true")
    # At boot the interfaces come up in the order of their files; these routes need the link to be up.
    return {"before": [f"ifup {name} || true"], "up": up, "down": down, "forget": forget}


def missing(services, gateway, table, link_interfaces, facts, shown):
    """Return what is gone of the source routing that should be there, in words; an empty list if nothing is.

    :param services: normalised services.
    :param shown: output of C(ip -N rule show) and of C(ip -N route show table TABLE).
    """
    link = find_link(gateway, link_interfaces, facts) if gateway else None
    if link is None:
        return []
    name, interface = link
    wanted = {
        f"{PRIORITY}: from {address.partition('/')[0]} lookup {table}": f"the rule for {address}"
        for service in services
        for address in ip.of_version(service.addresses, 4)
    }
    wanted[f"{interface.network} dev {name}"] = f"the route to {interface.network}"
    wanted[f"default via {gateway} dev {name}"] = f"the route by {gateway}"
    lines = [" ".join(line.split()) + " " for line in shown.splitlines()]
    return [words for start, words in wanted.items() if not any(line.startswith(start + " ") for line in lines)]
