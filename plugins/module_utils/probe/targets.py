# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a client asks the services: which address, from where, and in which protocol."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import CHECK_KINDS

# Kinds of a service's check that anycast_probe speaks too.
_SPOKEN = ("sip", "dns")
# The article's service, and what a service without such a check is taken for.
_OTHERWISE = "sip"
PORTS = {kind: CHECK_KINDS[kind]["port"] for kind in _SPOKEN}


def targets(services, sources):
    """Return what a client can ask, one dictionary {service, address, kind, port, sources} for each anycast address.

    An address of an IP version that the client has none of is left out.

    :param services: normalised services.
    :param sources: addresses of the client; while it is empty, the client chooses.
    """
    found = []
    for service in services:
        check = service.check if service.check and service.check.kind in _SPOKEN else None
        kind = check.kind if check else _OTHERWISE
        port = check.port if check else PORTS[kind]
        found.extend(
            {
                "service": service.name,
                "address": prefix.partition("/")[0],
                "kind": kind,
                "port": port,
                "sources": ip.sources_for(sources, prefix),
            }
            for prefix in ip.reachable_from(service.addresses, sources)
        )
    return found
