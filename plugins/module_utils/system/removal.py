# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which services, nodes or all are to go, without input or output. Private to this collection."""

from __future__ import annotations

from ..model.services import named
from .request import ROUTERS, Inventory, Row, by_node, group_problem, node_problems, unknown_name


def removal_request(values: Row, inventory: Inventory) -> tuple[Row, list[str]]:
    """Return (what goes: {nodes, router, services, prefixes}, the last two by node; what is wrong with what is asked).

    `router` says whether the router is concerned as well, which keeps nothing of a single node.
    """
    wanted, asked, everything, force = (values[name] for name in ("service", "node", "everything", "force"))
    problems = node_problems(asked, inventory)
    if not (wanted or asked or everything):
        problems.append(
            "nothing is asked for: -e anycast_service=NAME, -e anycast_node=NAME, both for one service of one node, or"
            " -e anycast_everything=true"
        )
    if everything and (wanted or asked):
        problems.append("anycast_everything goes with neither anycast_service nor anycast_node: leave those out")
    chosen = [name for name in asked if name in inventory.nodes] if asked else inventory.nodes
    services, wrong = inventory.services(chosen)
    problems += wrong
    if wanted:
        there = {name: [service.name for service in listed] for name, listed in services.items()}
        chosen = [name for name, names in there.items() if wanted in names]
        if not chosen and not problems:
            names = {service.name for listed in services.values() for service in listed}
            problems.append(unknown_name("anycast_service", wanted, sorted(names)))
        problems += [
            f"'{wanted}' is the only service of {name}: remove the node (-e anycast_node={name}), or everything"
            " (-e anycast_everything=true)"
            for name in chosen
            if len(there[name]) == 1
        ]
    if not inventory.routers and not force:
        problems.append(f"{group_problem(ROUTERS, inventory.groups)} To go on without a router: -e anycast_force=true")
    if not problems and not force and not (asked and set(asked) != set(inventory.nodes)):
        problems.append(
            f"no node would serve {f'service {wanted!r}' if wanted else 'any anycast address'} any more. If that is"
            " what you want: -e anycast_force=true"
        )
    going = {name: named(services[name], wanted) for name in chosen}
    return {"nodes": chosen, "router": not asked, **by_node(going)}, problems
