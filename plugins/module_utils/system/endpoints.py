# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ends of the link as preflight and diagnosis see them: what routers and nodes are given, and what they have.

Nothing in here does input or output.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import LinkError, normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import announced, own_interfaces
from ansible_collections.homelab.anycast.plugins.module_utils.node import facts as node_facts
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import address_and_subnet


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

    :param facts: C(facts) of the result of anycast_node_info, None if it could not be read.
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


# ---------------------------------------------------------------------------------------------------------------------
# What the checks ask of them


def networks(router):
    """Yield (interface, address, network) for the IPv4 addresses of a router that are in use."""
    for row in (router["info"] or {}).get("addresses", ()):
        try:
            own, network = address_and_subnet(row)
        except ValueError:
            continue
        if not row["disabled"]:
            yield row["interface"], own, network


def connected(router):
    """Yield (interface, network) for the addresses of a router that are in use, of both versions of IP."""
    for name, _address, network in networks(router):
        yield name, network
    for row in (router["info"] or {}).get("ipv6_addresses", ()):
        if not row["disabled"]:
            yield row["interface"], ipaddress.ip_interface(str(row["address"])).network


def node_addresses(node, interfaces=None):
    """Yield (interface, address, network) for the IPv4 addresses of a node."""
    for name, own in node_facts.ipv4_addresses(node["facts"] or {}, interfaces):
        yield name, own.ip, own.network


def links(router, node):
    """Yield (router's interface, its address, node's interface, its address) where the two share a subnet."""
    for name, address, network in networks(router):
        if name not in router["interfaces"]:
            continue
        for own_name, own_address, _own_network in node_addresses(node, node["interfaces"]):
            if own_address in network:
                yield name, address, own_name, own_address


def router_link_local(router, interface):
    """Return the IPv6 link-local addresses of an interface of a router."""
    rows = (router["info"] or {}).get("ipv6_addresses", ())
    own = [ipaddress.ip_interface(str(row["address"])).ip for row in rows if _in_use(row, interface)]
    return [address for address in own if address.is_link_local]


def _in_use(row, interface):
    return row["interface"] == interface and not row["disabled"]


def node_link_local(node, interface):
    """Return the IPv6 link-local addresses of an interface of a node."""
    own = [address.ip for _name, address in node_facts.ipv6_addresses(node["facts"] or {}, [interface])]
    return [address for address in own if address.is_link_local]


def links_of_both(router, node):
    """Yield what links() does, then the same with the link-local addresses, where OSPFv3 is to run between these."""
    found = list(links(router, node))
    yield from found
    for name, _address, own_name, _own_address in found if ip.has_ipv6(node["addresses"]) else ():
        for address in router_link_local(router, name):
            for own_address in node_link_local(node, own_name):
                yield name, address, own_name, own_address


def names(ends):
    """Return the names of some routers or nodes."""
    return ", ".join(end["name"] for end in ends)
