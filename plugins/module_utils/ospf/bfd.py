# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states of BFD sessions, and which of them is a neighbour's. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from .neighbors import Neighbor

# RFC 5880 4.1, and what RouterOS says of a session that no row of /routing/bfd/configuration allows.
BFD_STATES = ("admin-down", "down", "init", "up", "forbidden")


@dataclasses.dataclass(frozen=True)
class BfdSession:
    """A session with an address on an interface, None where that is unknown."""

    address: str
    interface: str | None
    state: str


def with_bfd(neighbors: Iterable[Neighbor], sessions: Iterable[BfdSession]) -> list[Neighbor]:
    listed = list(sessions)
    return [dataclasses.replace(one, bfd=bfd_state(listed, one.address, one.interface)) for one in neighbors]


def bfd_state(sessions: Iterable[BfdSession], address: str | None, interface: str | None) -> str | None:
    """Return the state of the session with an address on an interface, None without a session."""
    mine = (session for session in sessions if session.address == address)
    same = (one.state for one in mine if None in (one.interface, interface) or one.interface == interface)
    return next(same, None)
