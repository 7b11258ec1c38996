# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a node from announcing services, without input or output. Private to this collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model.services import Service, service_prefixes
from ..ospf.router_id import router_id_problems
from .facts import Facts
from .facts import addresses as addresses_of


def node_problems(
    services: list[Service], router_id: Any, link_interfaces: list[str], facts: Facts, others: Mapping[str, Any]
) -> list[str]:
    """Return what keeps a node from announcing the services, one sentence each; others are router ids by host."""
    if "debian" not in facts.get("distributions", ()):
        return [
            f"the node runs {facts.get('distribution') or 'an unknown system'}, expected Debian or a derivative: the"
            " role installs by apt"
        ]
    anycast = [ipaddress.ip_interface(prefix).ip for prefix in service_prefixes(services)]
    own_interfaces = {service.interface for service in services}
    problems = router_id_problems("bird_anycast_router_id", router_id, others, anycast)
    problems.extend(
        f"the router id of {name}, {other}, is an anycast address, expected one of that router alone"
        for name, other in others.items()
        if str(other) in [str(address) for address in anycast] and str(other) != str(router_id)
    )
    problems.extend(_interface_problems(link_interfaces, own_interfaces, facts))
    problems.extend(
        f"anycast address {address} lies inside {own.network} on interface {name}: hosts there would look for it on"
        " their link instead of asking the router; choose an address outside every subnet"
        for name, own in addresses_of(facts)
        for address in anycast
        if name not in own_interfaces and address in own.network
    )
    return problems


def _interface_problems(link_interfaces: list[str], own_interfaces: set[str], facts: Facts) -> Iterator[str]:
    present = facts.get("interfaces", {})
    others = sorted(name for name in present if name not in own_interfaces and name != "lo")
    for name in link_interfaces:
        if name not in present:
            yield f"bird_anycast_interfaces names {name}, which is not on the node; it has: {', '.join(others)}"
        elif name in own_interfaces:
            yield f"interface {name} carries a service and cannot be the link to the router too"


def unit_problems(services: Iterable[Service], states: Mapping[str, dict[str, str]]) -> list[str]:
    """Return which services follow a unit that the node does not have."""
    loads = {name: state["load"] for name, state in states.items()}
    return [
        f"service '{service.name}': unit {service.unit} is {loads.get(service.unit, 'not-found')} on this node; install"
        " it first, or correct the name"
        for service in services
        if service.unit and loads.get(service.unit) != "loaded"
    ]


def bird_package(asked: str, installed: Mapping[str, str | None]) -> str:
    """Return the name of the package which brings BIRD: what is asked for, else what is installed, else bird2."""
    return str(asked) or ("bird3" if installed.get("bird3") else "bird2")


def package_problems(asked: str, installed: Mapping[str, str | None]) -> list[str]:
    """Return why the package cannot be installed."""
    other = {"bird2": "bird3", "bird3": "bird2"}.get(str(asked))
    if other and installed.get(other):
        return [
            f"bird_anycast_package is {asked}, but {other} is installed on this node, and the one replaces the other:"
            f" drain the node and run 'apt-get install {asked}' there, or leave the variable out"
        ]
    return []
