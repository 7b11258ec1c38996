# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a drain would leave a service without a node. Nothing in here does input or output."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import words

NO_ROUTER = "the group anycast_routers is empty: without a router nobody knows who else serves the clients"


def arguments_problems(arguments, nodes):
    """Return what is wrong with what a user asks to drain or undrain, one sentence each.

    :param arguments: {node, service, reason}, each None if not given; a reason that is not needed is not in it.
    :param nodes: the names of the services of each node there is, by its name.
    """
    asked = words(arguments.get("node"))
    known = ", ".join(sorted(nodes)) or "none"
    if not asked:
        return [f"node is missing: say which one, -e node=NAME; there is: {known}"]
    problems = [f"node '{name}' is unknown; there is: {known}" for name in asked if name not in nodes]
    service = arguments.get("service")
    if service:
        problems.extend(
            "node {} has no service '{}'; it has: {}".format(name, service, ", ".join(nodes[name]) or "none")
            for name in asked
            if name in nodes and service not in nodes[name]
        )
    if "reason" in arguments and not str(arguments["reason"] or "").strip():
        problems.append('reason is missing: say why, -e reason="..."; whoever looks at the node next will want to know')
    return problems


def next_hops(results):
    """Return [{prefix, router, gateways}] from a loop of the module routeros_next_hops over (router, prefix)."""
    return [
        {"router": result["item"][0], "prefix": result["item"][1], "gateways": result["gateways"]} for result in results
    ]


def last_node_problems(services, next_hops, node, drained):
    """Return for which addresses no node would be left, one sentence each.

    Of two drains at once, at least one sees the record of the other: each writes its own before it reads the others'.

    :param services: normalised services to be drained.
    :param next_hops: list of {prefix, router, gateways}, as the routers have them.
    :param node: addresses by which the routers know the node.
    :param drained: the records of the other nodes: list of {name, addresses, records}.
    """
    problems = []
    for service in services:
        leaving = {
            address: other["name"]
            for other in drained
            if any(found.covers(service.name) for found in other["records"])
            for address in other["addresses"]
        }
        for entry in next_hops:
            if entry["prefix"] not in service.addresses or not set(node) & set(entry["gateways"]):
                continue
            others = [gateway for gateway in entry["gateways"] if gateway not in node]
            if all(gateway in leaving for gateway in others):
                names = sorted({leaving[gateway] for gateway in others})
                problems.append(
                    "{} of service '{}' would be left without a node: {} sends it to no other{}".format(
                        entry["prefix"],
                        service.name,
                        entry["router"],
                        " that stays ({} is being drained too)".format(", ".join(names)) if names else "",
                    )
                )
    return problems


def neighbor_addresses(results, router_id):
    """Return the addresses by which routers know a node; its router id if it is nobody's neighbour.

    The router id is an address of the node, so there is always one to wait for.

    :param results: of the module routeros_ospf_neighbors, one of each router.
    :param router_id: of the node; None if it has none.
    """
    known = {
        neighbor["address"]
        for result in results
        for neighbor in result["neighbors"]
        if neighbor["router_id"] == str(router_id)
    }
    return sorted(known) or ([str(router_id)] if router_id else [])


def others(results, neighbors, router_ids):
    """Return the records of other nodes for L(last_node_problems).

    :param results: of a loop of the module anycast_drain over the names of nodes. One that cannot be reached has no
      records: it counts as announcing as long as the router says so.
    :param neighbors: as for L(neighbor_addresses).
    :param router_ids: router ids of the nodes, by their names.
    """
    return [
        {
            "name": result["item"],
            "addresses": neighbor_addresses(neighbors, router_ids[result["item"]]),
            "records": [Drain.from_dict(found) for found in result.get("records", [])],
        }
        for result in results
    ]
