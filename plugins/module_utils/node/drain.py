# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A drain, as a node records it; no input or output in here. Private to this collection."""

from __future__ import annotations

import calendar
import dataclasses
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..model.metrics import gauge

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclasses.dataclass(frozen=True)
class Drain:
    """The record of a drain of one service, or of the whole node where the service is None."""

    service: str | None
    by: str
    reason: str
    since: str  # In UTC, such as 2026-11-22T15:00:00Z
    done: bool = False  # Whether the router sends nothing to the node any more
    stopped: list[str] = dataclasses.field(default_factory=list)  # Units that it has stopped, and undrain starts

    @classmethod
    def begin(cls, service: str | None, by: str, reason: str, now: float) -> Drain:
        """Return the record of a drain that begins now, in seconds since 1970."""
        return cls(service, by, reason, time.strftime(_TIME, time.gmtime(now)))

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Drain:
        return cls(**{field.name: found[field.name] for field in dataclasses.fields(cls) if field.name in found})

    @classmethod
    def parse(cls, text: str, service: str | None) -> Drain:
        """Return the record in a service's file. A damaged one is a drain too: systemd asks only whether it exists."""
        try:
            return cls.from_dict({"service": service, **json.loads(text)})
        except (TypeError, ValueError):
            return cls(service, "an unknown user", "the record is damaged", "an unknown time")

    def covers(self, service: str) -> bool:
        return self.service in (None, service)

    def __str__(self) -> str:
        what = f"service '{self.service}'" if self.service else "the node"
        state = "is drained" if self.done else "is being drained"
        return f"{what} {state} since {self.since} by {self.by}: {self.reason}"

    def begun(self) -> int:
        """Return since when, in seconds since 1970; 0 where it is not known."""
        try:
            return calendar.timegm(time.strptime(self.since, _TIME))
        except ValueError:
            return 0


def drain_metrics(drains: Iterable[Drain]) -> str:
    """Return the drains of a node as Prometheus reads them; the label service of a whole node's is empty."""
    text = "Since when the service is drained, or the whole node (an empty service)."
    samples = [({"service": drain.service or ""}, drain.begun()) for drain in drains]
    return gauge("anycast_drained_timestamp_seconds", text, samples)
