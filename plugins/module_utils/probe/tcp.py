# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a TCP connection carries data, whatever is spoken in it. Private to this collection.

That it opens proves little: the first packet is enough for that. So each connection is closed at once for sending, and
the other end's acknowledgement of this is awaited, which the kernel gives where the program that listens does nothing.
"""

from __future__ import annotations

import select
import socket
import time

from .run import REASONS, Address, Answer, ProbeError, Series, Tally

_FIN_WAIT1, _CLOSING = 4, 11  # Of tcp_states.h, as the first octet of TCP_INFO says it: our end is not acknowledged
STALLED = "the connection opened, and carries nothing"


def connect_each(series: Series) -> tuple[list[Tally], float]:
    """Open a connection from each source. Return the tallies, and when it started by the monotonic clock."""
    start = time.monotonic()
    tallies = []
    for source in series.sources:
        tally = Tally(source, series.target[0], series.timeout)
        tallies.append(tally)
        tally.sent(1, 1, time.monotonic())
        reason = _failure(source, series.target, series.timeout)
        if reason:
            tally.failed(1, reason)
        else:
            tally.received(Answer(1, None, "carries data"), series.target[0], time.monotonic())
    return tallies, start


def _failure(source: str, target: Address, timeout: float) -> str | None:
    """Return why a connection carries no data, None where it does."""
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((source, 0))
        except OSError as exc:
            raise ProbeError(f"cannot connect from source {source}: {exc.strerror}. Correct sources") from exc
        sock.settimeout(timeout)
        try:
            sock.connect(target)
            sock.shutdown(socket.SHUT_WR)
        except socket.timeout:
            return "timeout"
        except OSError as exc:
            return REASONS.get(exc.errno or 0, str(exc.strerror))
        while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (_FIN_WAIT1, _CLOSING):
            if time.monotonic() >= deadline:
                return STALLED
            # The kernel does not report an acknowledgement; data that comes meanwhile must not make this a busy loop.
            select.select([], [], [sock], 0.01)
    return None
