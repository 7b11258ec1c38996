# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of the system as Prometheus reads it. Private to this collection."""

from __future__ import annotations

from ..model.metrics import gauge
from .status_model import Status


def status_metrics(status: Status, now: float) -> str:
    """Return what the routers say, which no node knows: who serves, BFD, and whether they were seen.

    What could not be read has no sample.
    """
    bfd = [
        ({"at": row.at, "neighbor": row.neighbor}, row.bfd_level == "good")
        for row in status.neighbors
        if row.neighbor and row.bfd
    ]
    return "".join(
        [
            gauge(
                "anycast_service_out",
                "Whether an address of the service is served by no node.",
                [
                    ({"service": service.name}, bool(service.out))
                    for service in status.services
                    if service.out or service.serving is not None
                ],
            ),
            gauge(
                "anycast_service_wanted_nodes",
                "Nodes that are to serve the service: all but those that are drained.",
                [
                    ({"service": service.name}, sum(cell.expected for cell in service.nodes))
                    for service in status.services
                ],
            ),
            gauge(
                "anycast_service_serving_nodes",
                "Nodes to which the routers send clients of the service.",
                [
                    ({"service": service.name}, service.serving)
                    for service in status.services
                    if service.serving is not None
                ],
            ),
            gauge("anycast_bfd_up", "Whether the BFD session with the neighbor is up, as seen at this end.", bfd),
            gauge(
                "anycast_router_seen",
                "Whether the router could be read.",
                [({"router": router.name}, router.trouble is None) for router in status.routers],
            ),
            gauge("anycast_status_timestamp_seconds", "When this was read.", [({}, int(now))]),
        ]
    )
