# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a service would be left without a node, without input or output. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any

from ..model.services import Service
from ..node.drain import Drain
from .request import Row


@dataclasses.dataclass(frozen=True)
class Other:
    """A node that is to stay: by which addresses the routers know it, and what is drained there."""

    name: str
    addresses: list[str]
    drains: list[Drain]  # None where it cannot be reached: it counts as announcing as long as the router says so


def last_node_problems(
    services: Iterable[Service], next_hops: Iterable[Row], addresses: Collection[str], others: Iterable[Other]
) -> list[str]:
    """Return for which addresses no node would be left, were the services withdrawn from one, one sentence each.

    Of two drains at once, at least one sees the record of the other: each writes its own before it reads the others'.

    :param next_hops: of a loop of the module routeros_next_hops over (router, prefix).
    """
    others = list(others)
    problems = []
    for service in services:
        leaving = {
            address: other.name
            for other in others
            if any(drain.covers(service.name) for drain in other.drains)
            for address in other.addresses
        }
        for found in next_hops:
            (router, prefix), gateways = found["item"], found["gateways"]
            if prefix not in service.addresses or not set(addresses) & set(gateways):
                continue
            staying = [gateway for gateway in gateways if gateway not in addresses]
            if all(gateway in leaving for gateway in staying):
                names = ", ".join(sorted({leaving[gateway] for gateway in staying}))
                problems.append(
                    f"{prefix} of service '{service.name}' would be left without a node: {router} sends it to no other"
                    + (f" that stays ({names} is being drained too)" if names else "")
                )
    return problems


def neighbor_addresses(results: Iterable[Row], router_id: Any) -> list[str]:
    """Return the addresses by which routers know a node; its router id, one of them, if no router says so."""
    neighbors = [neighbor for result in results for neighbor in result["neighbors"]]
    known = {neighbor["address"] for neighbor in neighbors if neighbor["router_id"] == str(router_id)}
    return sorted(known) or ([str(router_id)] if router_id else [])
