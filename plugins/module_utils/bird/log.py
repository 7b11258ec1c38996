# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What BIRD's log says of refused OSPF packets (proto/ospf/packet.c, hello.c, dbdes.c). Private to this collection."""

from __future__ import annotations

import collections
import dataclasses
import re
from ipaddress import IPv4Address
from typing import Any

# In the brackets is the number in question: the interval or the area that the packet has, or its length.
_DETAIL = r" - (?P<why>[^()]+?) \((?P<value>.*)\)$"
_REFUSALS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<what>Authentication failed) for nbr (?P<sender>\S+) on (?P<interface>\S+)" + _DETAIL,
        r"Bad (?P<what>\S+) packet from nbr (?P<sender>\S+) on (?P<interface>\S+)" + _DETAIL,
        r"Bad (?P<what>packet) from (?P<sender>\S+) via (?P<interface>\S+)" + _DETAIL,
        r"(?P<why>MTU mismatch) with nbr (?P<sender>\S+) on (?P<interface>\S+) \((?P<value>.*)\)$",
    )
)
# Of these the number says nothing to a reader, or differs in every packet.
_WITHOUT_VALUE = ("wrong password", "wrong authentication code", "lower sequence number", "my own router ID")


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Packets that BIRD refused for one reason."""

    sender: str  # A router id, or an address where BIRD says no more
    interface: str
    reason: str
    count: int  # Lines of the log


def parse_refusals(text: str) -> list[Refusal]:
    """Return the refused packets in a log of any protocol, one entry for each reason."""
    matches = (next(filter(None, (pattern.search(line) for pattern in _REFUSALS)), None) for line in text.splitlines())
    found = collections.Counter((m["sender"], m["interface"], _reason(m.groupdict())) for m in matches if m)
    return [Refusal(*told, count) for told, count in found.items()]


def _reason(match: dict[str, Any]) -> str:
    why, value = match["why"], match["value"]
    if why == "area mismatch" and value.isdigit():
        value = str(IPv4Address(int(value)))
    text = why if why in _WITHOUT_VALUE else f"{why} ({value})"
    return "authentication failed, " + text if match.get("what") == "Authentication failed" else text
