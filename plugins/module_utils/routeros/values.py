# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values as RouterOS prints them: versions, durations, flags, lists, addresses. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

Row = dict[str, Any]  # A row of a menu: its properties by their names


def parse_version(text: Any) -> tuple[int, int, int] | None:
    """Return (7, 20, 8) for "7.20.8 (long-term)", None if there is no version in it."""
    match = re.match(r"\s*(\d+)\.(\d+)(?:\.(\d+))?", str(text))
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


_DURATION = re.compile(
    r"(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?(?:(?P<s>\d+)s)?(?:(?P<ms>\d+)ms)?\Z"
)
# In milliseconds, the longest first.
_UNITS = {"w": 604800000, "d": 86400000, "h": 3600000, "m": 60000, "s": 1000, "ms": 1}


def parse_duration(text: Any) -> float | None:
    """Return seconds for 1h26m4s, 200ms or 00:00:36; None for None and what is no duration."""
    if text is None:
        return None
    text = str(text)
    if ":" in text:
        try:
            hours, minutes, seconds = text.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            return None
    match = _DURATION.match(text)
    if not match or not text:
        return float(text) if text.isdigit() else None
    return sum(int(value) * _UNITS[unit] for unit, value in match.groupdict().items() if value) / 1000


def routeros_duration(seconds: int = 0, milliseconds: int = 0) -> str:
    """Return whole numbers as RouterOS prints them, without parts of zero: 60 s is 1m, 3723 s is 1h2m3s."""
    rest = seconds * 1000 + milliseconds
    text = ""
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def flag(row: Row, name: str) -> bool:
    """Return whether a flag of a row is set. RouterOS leaves most out when they are not; a switch is set by ''."""
    return name in row and row[name] in (True, "true", "yes", "")


def number(row: Row, name: str) -> int | None:
    """Return a number of a row, None where the router leaves it out."""
    return None if row.get(name) is None else int(row[name])


def split_list(text: Any) -> list[str]:
    """Return the names in a property that lists several: ether1,ether2."""
    return [name.strip() for name in str(text or "").split(",") if name.strip()]


def quoted(name: str) -> str:
    """Return a name as a command of the console takes it: in quotes, unless it is one word."""
    return name if re.fullmatch(r"[\w.*:/@-]+", name) else '"' + re.sub(r'(["\\$?])', r"\\\1", name) + '"'


def split_at(text: str, names: Collection[str]) -> tuple[str, str | None]:
    """Return (interface, vrf) of vlan10@bridge or ether2@VRF1 by the names of the interfaces, which may have any @."""
    parts = text.split("@")
    for count in range(len(parts), 0, -1):
        if "@".join(parts[:count]) in names:
            return "@".join(parts[:count]), "@".join(parts[count:]) or None
    return text, None


def address_and_subnet(row: Row) -> tuple[IPv4Address, IPv4Network]:
    """Return (own address, subnet) of a row of /ip/address; the subnet of a /32 is its other end. Raises ValueError."""
    own = IPv4Interface(str(row.get("address")))
    if own.network.prefixlen == 32 and row.get("network"):
        return own.ip, IPv4Network(str(row["network"]))
    return own.ip, own.network
