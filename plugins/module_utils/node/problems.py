# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a node from announcing services, without input or output. Private to this collection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model.services import Service, service_prefixes
from ..ospf.router_id import router_id_problems
from .facts import Facts, interface
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
    problems.extend(_dummy_problems(services, facts))
    for name, own in addresses_of(facts):
        network = own.network
        if name in own_interfaces:
            continue
        if own.ip in anycast and network.prefixlen == own.max_prefixlen:
            problems.append(
                f"anycast address {own.ip} is on interface {name} already, expected on the dummy interface of its"
                f" service alone. Take it away there (ip address del {own} dev {name}) and in the file that sets it"
            )
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
            yield f"bird_anycast_interfaces names {name}, which is not on the node; it has: {', '.join(others)}"
        elif name in own_interfaces:
            yield f"interface {name} carries a service and cannot be the link to the router too"


def _dummy_problems(services: list[Service], facts: Facts) -> Iterator[str]:
    """Say which interfaces of services are there and are something else: the role would write over their files."""
    for service in services:
        found = interface(facts, service.interface)
        if found.get("kind", "dummy") != "dummy":
            what = found.get("kind") or "no dummy interface"
            yield (
                f"service '{service.name}': interface {service.interface} is on this node already and is {what},"
                " expected a dummy interface or a name that no interface has. Set interface of the service to a free"
                " name, such as anycast0"
            )
        elif found.get("master"):
            yield (
                f"service '{service.name}': interface {service.interface} is a port of {found['master']}, expected a"
                " dummy interface that nothing else uses. Set interface of the service to a free name, such as anycast0"
            )


def unit_problems(services: Iterable[Service], states: Mapping[str, dict[str, str]]) -> list[str]:
    """Return which services follow a unit that the node does not have."""
    loads = {name: state["load"] for name, state in states.items()}
    return [
        f"service '{service.name}': unit {service.unit} is {loads.get(service.unit, 'not-found')} on this node; install"
        " it first, or correct the name"
        for service in services
        if service.unit and loads.get(service.unit) != "loaded"
    ]


def unit_warnings(services: Iterable[Service], states: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return which units stay active when their daemon dies, such as systemd's of scripts in /etc/init.d."""
    return [
        f"service '{service.name}': unit {service.unit} stays active when its daemon dies (RemainAfterExit=yes), so the"
        " service would stay announced. Add a check to it in anycast_services"
        for service in services
        if service.unit and not service.check and states.get(service.unit, {}).get("remains")
    ]


def resolver_warnings(services: list[Service], resolvers: list[str]) -> list[str]:
    """Return which nameservers of a node are its own anycast addresses: these answer from the node itself alone.

    A drained node keeps the address on its dummy interface, so its own questions never leave it.
    """
    anycast = [prefix.split("/")[0] for prefix in service_prefixes(services)]
    own = [address for address in dict.fromkeys(resolvers) if address in anycast]
    others = [address for address in resolvers if address not in anycast]
    if not own or others:
        return []
    return [
        f"the node resolves names by its own anycast address {', '.join(own)} alone. While its DNS server is stopped,"
        " as in a drain for an upgrade, the node has no DNS. Add a second DNS server after it, such as a different"
        " node's own address (nameserver in /etc/resolv.conf, DNS in resolved.conf)"
    ]


# Where upstream has mended reads out of bounds before authentication ("OSPF: Fix OOB read in authentication check" in
# its NEWS): the first two numbers, and the third that has it. Debian 13 has 2.17.5 and 3.1.7 as security updates.
_MENDED = {(2, 17): 5, (2, 18): 2, (2, 19): 1, (3, 1): 7}


def bird_warnings(installed: Mapping[str, str | None], updates: Mapping[str, str]) -> list[str]:
    """Return which installed BIRD has a known fault, or is older than its distribution's security update.

    The known faults are also found where apt has not asked for updates for long.
    """
    found = []
    for package, version in installed.items():
        numbers = [int(number) for number in re.findall(r"\d+", (version or "").partition("-")[0])]
        mended = _MENDED.get((numbers[0], numbers[1])) if len(numbers) > 1 else None
        if mended is not None and (numbers + [0])[2] < mended:
            said = (
                "reads beyond a packet's end before it checks the packet's authentication, which"
                f" {numbers[0]}.{numbers[1]}.{mended} has mended"
            )
        elif version and package in updates:
            said = f"is older than the security update {updates[package]}"
        else:
            continue
        upgrade = f"Drain the node and upgrade it there: apt-get update && apt-get install {package}"
        found.append(f"{package} {version} {said}. {upgrade}")
    return found


# What may not be possible on a node, such as in a container: by the name of the try, what failed and its cure.
_CURES = {
    "dummy": "no dummy interface can be made on this node. Load the driver, in a container on its host: 'modprobe"
    " dummy', and add the line 'dummy' to /etc/modules there",
}


def try_problems(tries: Mapping[str, str | None]) -> list[str]:
    """Return what was tried and cannot be had, one sentence each."""
    return [f"{_CURES[name]} (the node says: {said})" for name, said in tries.items() if said and name in _CURES]


def sandbox_warnings(tries: Mapping[str, str | None]) -> list[str]:
    said = tries.get("sandbox")
    if not said:
        return []
    return [
        f"systemd cannot give the announcer its own view of the file system on this node ({said}), so it runs without"
        " that part of its sandbox. In a container of Proxmox: 'pct set ID --features nesting=1' on the host, then"
        " restart the container"
    ]


def bird_package(asked: str, installed: Mapping[str, str | None]) -> str:
    """Return the name of the package which brings BIRD: what is asked for, else what is installed, else bird2."""
    return str(asked) or ("bird3" if installed.get("bird3") else "bird2")


def package_problems(asked: str, installed: Mapping[str, str | None]) -> list[str]:
    other = {"bird2": "bird3", "bird3": "bird2"}.get(str(asked))
    if other and installed.get(other):
        return [
            f"bird_anycast_package is {asked}, but {other} is installed on this node, and the one replaces the other:"
            f" drain the node and run 'apt-get install {asked}' there, or leave the variable out"
        ]
    return []
