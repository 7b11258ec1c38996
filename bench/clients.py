"""Clients of the bed that send numbered probes until they are told to stop."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence

from ansible_collections.homelab.anycast.plugins.module_utils.probe.run import Answer, Series, Tally, send_probes
from ansible_collections.homelab.anycast.plugins.module_utils.probe.sip import SipProbe
from bed import Machine

from .figures import Sent

PORT = 5060
INTERVAL = 0.02
"""Seconds between two probes from one address, which is how finely a window is measured."""
TIMEOUT = 2.0
"""Seconds after which a probe is lost: far more than an answer takes, as a busy machine must not count as a loss."""
ENDLESS = 10**9


class _Watched(SipProbe):
    """Notes, while the probes go on, when each source was last answered, and by which node."""

    def __init__(self) -> None:
        super().__init__(secrets.token_hex(4))
        self.last: dict[int, tuple[float, str]] = {}

    def parse(self, data: bytes) -> Answer | None:
        answer = super().parse(data)
        if answer is not None:
            self.last[int(str(answer.key).rsplit(".", 2)[1])] = (time.monotonic(), str(answer.node))
        return answer


class Clients:
    """One machine whose addresses are clients; they send inside `with`.

    :param sources: the addresses.
    :param target: the service's.
    """

    def __init__(self, machine: Machine, sources: Sequence[str], target: str) -> None:
        self.machine = machine
        self.sources = list(sources)
        self.target = target
        self._protocol = _Watched()
        self._stop = threading.Event()
        self._tallies: list[Tally] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._send, daemon=True)

    def start(self) -> None:
        """Have them send."""
        self._thread.start()

    def stop(self) -> list[list[Sent]]:
        """Have them end, and return the probes of each source."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return [[Sent(one.at, one.fate == "answered") for one in tally.probes] for tally in self._tallies]

    def answered_by(self) -> list[str]:
        """The node that answered each source last, in the order of `sources`."""
        return [node for _source, (_when, node) in sorted(self._protocol.last.copy().items())]

    def all_answered(self, within: float) -> bool:
        """Whether every source has had an answer within the last seconds, or sending has failed."""
        since = time.monotonic() - within
        last = list(self._protocol.last.values())
        return self._error is not None or (len(last) == len(self.sources) and all(when > since for when, _node in last))

    def _send(self) -> None:
        try:
            with self.machine.network():
                series = Series((self.target, PORT), self.sources, ENDLESS, INTERVAL, TIMEOUT)
                self._tallies, _start = send_probes(self._protocol, series, self._goes_on)
        except BaseException as error:
            self._error = error

    def _goes_on(self) -> bool:
        return not self._stop.is_set()


def wait_answered(clients: Sequence[Clients], quiet: float, deadline: float, not_before: float = 0.0) -> bool:
    """Wait until all sources have been answered without a gap of 0.5 s for `quiet` seconds, or until `deadline`.

    Return whether they have.

    :param not_before: an earlier end than this does not count; both are of the monotonic clock.
    """
    good_since: float | None = None
    while (now := time.monotonic()) < deadline:
        if not all(one.all_answered(0.5) for one in clients):
            good_since = None
        elif good_since is None:
            good_since = now
        elif now - good_since >= quiet and now >= not_before:
            return True
        time.sleep(0.05)
    return False
