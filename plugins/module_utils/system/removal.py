# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking services, nodes or everything away again: what is asked for.

Nothing in here does input or output.
"""

from __future__ import annotations

import ipaddress

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import words


def wanted(arguments, nodes, routers):
    """Return what a user asks to remove: {nodes, service, everything, problems}.

    :param arguments: {service, node, everything, consent}, as they were given on the command line.
    :param nodes: the names of the services of each node there is, by its name.
    :param routers: the names of the routers.
    """
    service = str(arguments.get("service") or "").strip()
    asked = words(arguments.get("node"))
    everything = boolean(arguments.get("everything"), strict=False)
    consent = boolean(arguments.get("consent"), strict=False)
    known = ", ".join(sorted(nodes)) or "none"
    problems = []
    if not (service or asked or everything):
        problems.append(
            "nothing is asked for: -e remove_service=NAME, -e remove_node=NAME, both for one service of one node, or"
            " -e remove_everything=true"
        )
    if everything and (service or asked):
        problems.append("remove_everything goes with neither remove_service nor remove_node: leave those out")
    problems += [f"remove_node '{name}' is unknown; there is: {known}" for name in asked if name not in nodes]
    chosen = [name for name in asked if name in nodes] or (list(nodes) if not asked else [])
    if service:
        having = [name for name in chosen if service in nodes[name]]
        services = sorted({name for names in nodes.values() for name in names})
        if chosen and not having:
            problems.append(
                "remove_service '{}' is none of {}; there is: {}".format(
                    service, ", ".join(chosen), ", ".join(services) or "none"
                )
            )
        problems += [
            f"'{service}' is the only service of {name}: remove the node (-e remove_node={name}), or everything"
            " (-e remove_everything=true)"
            for name in having
            if len(nodes[name]) == 1
        ]
        chosen = having
    if not routers and not consent:
        problems.append(last_node.NO_ROUTER + ". To go on without asking one: -e remove_consent=true")
    if not problems and not consent and not (asked and set(asked) != set(nodes)):
        problems.append(
            "nobody would serve {} any more: say that you want that, -e remove_consent=true".format(
                f"service '{service}'" if service else "any anycast address"
            )
        )
    return {
        "nodes": [] if problems else chosen,
        "service": service,
        "everything": everything,
        # The router has nothing of a single node.
        "router": not problems and not asked,
        "problems": problems,
    }


def prefixes_without(prefixes, addresses):
    """Return the prefixes without the host addresses of a service; one that holds more than those stays."""
    gone = {ipaddress.ip_network(address) for address in addresses}
    return [prefix for prefix in prefixes if ipaddress.ip_network(prefix) not in gone]
