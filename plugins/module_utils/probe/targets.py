# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a client asks the services: which address, from where, and in which protocol. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..model import ip
from ..model.services import CHECK_KINDS, Service

_SPOKEN = ("sip", "dns")  # Kinds of a service's check that anycast_probe speaks too
_OTHERWISE = "sip"  # The article's service, and what a service without such a check is taken for
PORTS: dict[str, int] = {kind: CHECK_KINDS[kind]["port"] for kind in _SPOKEN}


@dataclasses.dataclass(frozen=True)
class ProbeTarget:
    """An anycast address of a service, and how a client asks it."""

    service: str
    address: str
    kind: str
    port: int | None
    sources: list[str]  # Addresses of the client; empty where the client chooses


def probe_targets(services: Iterable[Service], sources: Sequence[str], connections: bool = False) -> list[ProbeTarget]:
    """Return what a client can ask. An address of an IP version that the client has none of is left out.

    :param sources: addresses of the client; while it is empty, the client chooses.
    :param connections: whether to open a TCP connection as well to what answers by TCP, to a DNS server (RFC 7766 5)
        and, instead of a probe that it would not understand, to a service with a check of the kind tcp.
    """
    found: list[ProbeTarget] = []
    for service in services:
        check = service.check if service.check and service.check.kind in _SPOKEN else None
        kind = check.kind if check else _OTHERWISE
        kinds = [(kind, check.port if check else PORTS[kind])]
        if connections and service.check and service.check.kind in ("tcp", "dns"):
            kinds = [*(kinds if check else ()), ("tcp", service.check.port)]
        found.extend(
            ProbeTarget(service.name, prefix.partition("/")[0], kind, port, ip.sources_for(sources, prefix))
            for prefix in ip.reachable_from(service.addresses, sources)
            for kind, port in kinds
        )
    return found
