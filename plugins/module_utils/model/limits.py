# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The limits of numbers in users' variables, which argument_specs.yml cannot state. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PRIORITY = (0, 255)  # An 8-bit field of the hello (RFC 2328 A.3.2)
_COST = (1, 65535)  # A 16-bit field of the router LSA (A.4.2); of an interface it is greater than zero (C.3)

LIMITS = {
    "bird_anycast_priority": _PRIORITY,
    "bird_anycast_cost": _COST,
    # Seconds. anycast-announce@.service has TimeoutStopSec=45, of which announcer.py may take 14 until it is withdrawn.
    "bird_anycast_withdraw_wait": (0, 20),
    "routeros_ospf_priority": _PRIORITY,
    "routeros_ospf_cost": _COST,
    "anycast_wait": (0, 3600),  # Seconds
    "anycast_drill_port": (1, 65535),
}


def limit_problems(values: Mapping[str, Any]) -> list[str]:
    """Return which values, numbers or text that is one as -e gives it, are outside their LIMITS, one sentence each."""
    return [
        f"{name} is {value}, expected {LIMITS[name][0]} to {LIMITS[name][1]}"
        for name, value in values.items()
        if not _is_within(value, *LIMITS[name])
    ]


def _is_within(value: Any, lowest: int, highest: int) -> bool:
    try:
        return lowest <= float(value) <= highest
    except (TypeError, ValueError):
        return False
