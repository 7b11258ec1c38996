# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a node from announcing services: its system, interfaces, addresses, units and packages.

Nothing in here does input or output. Private to this collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model.services import Service, service_prefixes
from ..ospf.router_id import router_id_problems
from .facts import Facts
from .facts import addresses as addresses_of


def node_problems(
    services: list[Service],
    router_id: Any,
    link_interfaces: list[str],
    facts: Facts,
    other_router_ids: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return what speaks against announcing the services from a node, one sentence each; an empty list if nothing does.

    :param services: normalised services.
    :param router_id: the node's router id, a dotted quad.
    :param link_interfaces: names of the interfaces that speak OSPF.
    :param facts: C(facts) of the result of anycast_node_info.
    :param other_router_ids: dictionary of the other routers' names and their router ids.
    """
    if "debian" not in facts.get("distributions", ()):
        return [
            f"the node runs {facts.get('distribution') or 'an unknown system'}, expected Debian or a derivative: the"
            " role installs by apt"
        ]
    others = other_router_ids or {}
    anycast = [ipaddress.ip_interface(prefix).ip for prefix in service_prefixes(services)]
    own_interfaces = {service.interface for service in services}
    problems = router_id_problems("bird_anycast_router_id", router_id, others, anycast)
    problems.extend(
        f"the router id of {name}, {other}, is an anycast address, expected one of that router alone"
        for name, other in others.items()
        if str(other) in [str(address) for address in anycast] and str(other) != str(router_id)
    )
    problems.extend(_interface_problems(link_interfaces, own_interfaces, facts))
    for name, own in addresses_of(facts):
        network = own.network
        if name in own_interfaces:
            continue
        problems.extend(
            f"anycast address {address} lies inside {network} on interface {name}: hosts there would look for it on"
            " their link instead of asking the router; choose an address outside every subnet"
            for address in anycast
            if address in network
        )
    return problems


def _interface_problems(link_interfaces: list[str], own_interfaces: set[str], facts: Facts) -> Iterator[str]:
    present = facts.get("interfaces", {})
    others = sorted(name for name in present if name not in own_interfaces and name != "lo")
    for name in link_interfaces:
        if name not in present:
            yield "bird_anycast_interfaces names {}, which is not on the node; it has: {}".format(
                name, ", ".join(others)
            )
        elif name in own_interfaces:
            yield f"interface {name} carries a service and cannot be the link to the router too"


def unit_problems(services: Iterable[Service], states: Mapping[str, dict[str, str]]) -> list[str]:
    """Return which services follow a unit that the node does not have.

    :param states: what systemd says of L(units), by name: {load}, which is C(loaded), C(not-found), C(masked).
    """
    loads = {name: state["load"] for name, state in states.items()}
    return [
        f"service '{service.name}': unit {service.unit} is {loads.get(service.unit, 'not-found')} on this node; install"
        " it first, or correct the name"
        for service in services
        if service.unit and loads.get(service.unit) != "loaded"
    ]


def bird_package(asked: str, installed: Mapping[str, str | None]) -> str:
    """Return the name of the package which brings BIRD: what is asked for, else what is installed, else bird2.

    :param asked: C(bird2), C(bird3), or an empty text.
    :param installed: versions by name of package, null for one that is not installed.
    """
    return str(asked) or ("bird3" if installed.get("bird3") else "bird2")


def package_problems(asked: str, installed: Mapping[str, str | None]) -> list[str]:
    """Return why the package cannot be installed; for the parameters see L(bird_package)."""
    other = {"bird2": "bird3", "bird3": "bird2"}.get(str(asked))
    if other and installed.get(other):
        return [
            f"bird_anycast_package is {asked}, but {other} is installed on this node, and the one replaces the other:"
            f" drain the node and run 'apt-get install {asked}' there, or leave the variable out"
        ]
    return []
