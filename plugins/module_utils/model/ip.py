# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IPv4 and IPv6 beside each other: OSPFv2 (RFC 2328) carries the one, OSPFv3 (RFC 5340) the other.

Both run over the same link, with the same link model; OSPFv3 runs where there is an IPv6 prefix to announce. Private to
this collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any


def of_version(prefixes: Iterable[str], version: int) -> list[str]:
    return [prefix for prefix in prefixes if ipaddress.ip_interface(str(prefix)).version == version]


def has_ipv6(prefixes: Iterable[Any]) -> bool:
    """Return whether there is an IPv6 prefix among them, so that OSPFv3 is wanted; what is no prefix is none."""
    for prefix in prefixes:
        try:
            if ipaddress.ip_interface(str(prefix)).version == 6:
                return True
        except ValueError:
            continue
    return False


def ospf_versions(prefixes: Any) -> list[int]:
    """Return the versions of OSPF that carry the prefixes. OSPFv2 is always there: it is what the link is proven by."""
    return [2, 3] if has_ipv6(prefixes if isinstance(prefixes, (list, tuple)) else []) else [2]


def versioned(name: str, version: int) -> str:
    """Return the name of a thing for this version of OSPF: anycast, anycast-v3."""
    return name if version == 2 or not name else f"{name}-v{version}"


def sources_for(sources: Iterable[str], prefix: str) -> list[str]:
    """Return those of the addresses from which the prefix can be asked: of the same IP version."""
    return of_version(sources, ipaddress.ip_interface(str(prefix)).version)


def reachable_from(prefixes: Iterable[str], sources: Iterable[str]) -> list[str]:
    """Return the prefixes which can be asked from one of the addresses; all where none are named."""
    return [prefix for prefix in prefixes if not sources or sources_for(sources, prefix)]
