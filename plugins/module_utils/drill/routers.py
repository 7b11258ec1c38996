# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A drill that takes a router away: whether the others can take over, and whether it was away at all.

Nothing in here does input or output. Private to this collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..system.request import Row
from ..system.text import and_list


def unlike_routers(router: str, neighbors: Iterable[Row], next_hops: Iterable[Row]) -> list[str]:
    """Return where the other routers do not send clients to the same nodes as a router, one sentence each.

    Of a node, routers on two links know two addresses, so the nodes are compared by their router ids.

    :param neighbors: of a loop of the module routeros_ospf_neighbors over the routers.
    :param next_hops: of a loop of the module routeros_next_hops over (router, prefix).
    """
    router_ids = {
        found["item"]: {row["address"]: row["router_id"] for row in found["neighbors"]} for found in neighbors
    }
    nodes: dict[str, dict[str, list[str]]] = {}  # By prefix and router
    for found in next_hops:
        name, prefix = found["item"]
        known = router_ids[name]
        nodes.setdefault(prefix, {})[name] = sorted({known.get(gateway, gateway) for gateway in found["gateways"]})
    return [
        f"{prefix}: {name} sends clients to {and_list(others) or 'no node'}, and {router} sends clients to"
        f" {and_list(by_router[router]) or 'no node'}, expected the same nodes: homelab.anycast.verify looks for the"
        " cause"
        for prefix, by_router in nodes.items()
        for name, others in by_router.items()
        if others != by_router[router]
    ]


def still_there(router: str, answer: Row, router_ids: Collection[str]) -> list[str]:
    """Return the sentence about a router that should be away, and has nodes as neighbours; none if it cannot be asked.

    :param answer: of the module routeros_ospf_neighbors.
    :param router_ids: those of the nodes.
    """
    full = [row["router_id"] for row in answer.get("neighbors", ()) if row["state"] == "Full"]
    nodes = [router_id for router_id in full if router_id in router_ids]
    if not nodes:
        return []
    return [
        f"{router} still answers, and has {and_list(nodes)} as Full neighbours, expected none: the command has not"
        " taken it away from the nodes. Correct the command in the inventory"
    ]
