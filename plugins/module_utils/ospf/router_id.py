# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The router id of an end of the link. Private to this collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any


def router_id_problems(
    variable: str, router_id: Any, others: Mapping[str, Any], anycast: Iterable[Any] = ()
) -> list[str]:
    """Return what is wrong with a router id, which is unique (RFC 2328 C.1), as no anycast address is."""
    if router_id in (None, ""):
        return [f"{variable} is missing, expected an IPv4 address that no other router has as its router id"]
    try:
        found = ipaddress.IPv4Address(str(router_id))
    except ValueError:
        return [f"{variable} is '{router_id}', expected a dotted quad such as the address of the interface"]
    problems = []
    same = sorted(name for name, other in others.items() if str(other) == str(found))
    if same:
        problems.append(f"{variable} {found} is the router id of {', '.join(same)} too, expected a unique one")
    if str(found) in [str(address) for address in anycast]:
        problems.append(f"{variable} {found} is an anycast address, expected one of this router alone")
    if found.is_unspecified:
        problems.append(f"{variable} is 0.0.0.0, which OSPF reserves, expected the address of an interface")
    return problems
