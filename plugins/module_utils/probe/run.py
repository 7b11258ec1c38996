# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Numbered UDP probes from several source addresses to one address: sending, matching answers, counting losses.

Nothing is sent twice: a datagram which is lost counts as lost. The book-keeping (Tally) takes times as arguments;
send_probes() does the input and output. Private to this collection.
"""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
import selectors
import socket
import statistics
import struct
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol

# From linux/in.h, linux/in6.h and linux/errqueue.h; Python's socket module has no names for them.
IP_RECVERR = 11
IPV6_RECVERR = 25
# From asm-generic/socket.h: the time at which the kernel got a datagram, as a struct timespec beside it (socket(7)).
SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ERROR_QUEUES = {socket.AF_INET: (socket.IPPROTO_IP, IP_RECVERR), socket.AF_INET6: (socket.IPPROTO_IPV6, IPV6_RECVERR)}
_EXTENDED_ERROR = struct.Struct("@IBBBBII")

REASONS: dict[int, str] = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EACCES: "administratively prohibited",
    errno.EPERM: "forbidden by this host's firewall",
    errno.EMSGSIZE: "datagram too big",
    errno.EPROTO: "protocol error",
}

Address = tuple[str, int]  # An IP address and a port


class ProbeError(Exception):
    """The probes cannot be sent as they are asked for; the text is for the user."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a datagram says that answers a probe."""

    key: Hashable  # Of the probe
    node: str | None  # Name of the node that answered, None if it does not say
    status: int | str | None = None  # A SIP status code, or the name of a DNS response code


class Kind(Protocol):
    """What a probe looks like on the wire."""

    name: str

    def key(self, number: int, source_index: int) -> Hashable:
        """Return what an answer repeats, and by which it is told to which probe it belongs."""

    def request(self, number: int, source_index: int, source: Address, target: Address) -> bytes: ...

    def parse(self, data: bytes) -> Answer | None:
        """Return the answer in a datagram, None if it is none to a probe of ours."""


@dataclasses.dataclass
class Probe:
    """One datagram, and what became of it."""

    number: int
    at: float
    fate: str | None = None  # None while we wait for it; then "answered", or why it is lost
    answer: Answer | None = None
    rtt: float = 0.0
    by: str | None = None  # Who says that it is lost
    note: str | None = None  # An answer which came after the timeout, or from a different address than the one asked

    @property
    def node(self) -> str | None:
        return self.answer.node if self.answer else None


class Tally:
    """The probes from one source; after the timeout an answer comes too late."""

    def __init__(self, source: str, target: str, timeout: float) -> None:
        self.source = source
        self.target = target
        self.timeout = timeout
        self.probes: list[Probe] = []
        self.duplicates = 0
        self.late = 0
        self._by_key: dict[Hashable, Probe] = {}
        # Probes we still wait for start at this index, as all wait equally long.
        self._waiting = 0

    def sent(self, number: int, key: Hashable, now: float) -> None:
        self._by_key[key] = Probe(number, now)
        self.probes.append(self._by_key[key])

    def received(self, answer: Answer, sender: str, now: float) -> None:
        """Note an answer. One which comes too late, again, or from another address does not make up for the loss."""
        probe = self._by_key.get(answer.key)
        if probe is None:
            return
        if probe.fate == "answered":
            self.duplicates += 1
        elif sender != self.target:
            probe.note = f"{answer.node or 'a node'} answered from its own address {sender}"
        elif probe.fate is not None or now - probe.at > self.timeout:
            self.late += 1
            probe.fate = probe.fate or "timeout"
            probe.note = f"answered after {(now - probe.at) * 1000:.0f} ms"
        else:
            probe.fate = "answered"
            probe.answer = answer
            probe.rtt = now - probe.at

    def failed(self, key: Hashable, reason: str, by: str | None = None) -> None:
        """Note that the network says a probe has not arrived."""
        probe = self._by_key.get(key)
        if probe is not None and probe.fate is None:
            probe.fate = reason
            probe.by = by

    def expire(self, now: float) -> float | None:
        """Give up the probes whose time is over. Return when the next one's is, None if there is none."""
        while self._waiting < len(self.probes):
            probe = self.probes[self._waiting]
            if probe.fate is None:
                if now - probe.at < self.timeout:
                    return probe.at + self.timeout
                probe.fate = "timeout"
            self._waiting += 1
        return None

    @property
    def losses(self) -> list[Probe]:
        return [probe for probe in self.probes if probe.fate != "answered"]

    def notes(self, most: int) -> list[str]:
        return list(dict.fromkeys(probe.note for probe in self.losses if probe.note))[:most]

    def runs(self, start: float) -> list[dict[str, Any]]:
        """Return neighbouring probes with the same fate as one run, each as in the module's results[].runs."""
        found: list[dict[str, Any]] = []
        fates = itertools.groupby(self.probes, lambda one: (one.node, None if one.fate == "answered" else one.fate))
        for (node, reason), same in fates:
            times = [round(probe.at - start, 3) for probe in same]
            run = {"first": times[0], "last": times[-1], "probes": len(times), "answered_by": node, "reason": reason}
            found.append(run)
        return found

    def report(self, start: float, wall_start: float) -> dict[str, Any]:
        """Return what the module returns for this source; the run started by the probes' clock, and since 1970."""
        answers = [probe.answer for probe in self.probes if probe.answer]
        times = [probe.rtt * 1000 for probe in self.probes if probe.answer]
        rtt = {"min": min(times), "avg": statistics.fmean(times), "max": max(times)} if times else {}
        losses = self.losses

        def moment(probe: Probe) -> dict[str, Any]:
            offset = probe.at - start
            stamp = wall_start + offset
            return {
                "number": probe.number,
                "seconds": round(offset, 3),
                "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp)) + ".%03dZ" % (stamp % 1 * 1000),
            }

        return {
            "source": self.source,
            "sent": len(self.probes),
            "answered": len(answers),
            "lost": len(losses),
            "loss_reasons": dict(Counter(probe.fate for probe in losses)),
            "first_loss": moment(losses[0]) if losses else None,
            "last_loss": moment(losses[-1]) if losses else None,
            "answered_by": list(dict.fromkeys(answer.node for answer in answers)),
            "answers": dict(Counter(answer.node or "unknown" for answer in answers)),
            "status_codes": dict(Counter(str(answer.status) for answer in answers)),
            "rtt_ms": {name: round(value, 3) for name, value in rtt.items()} or None,
            "late": self.late,
            "duplicates": self.duplicates,
            "notes": self.notes(most=10),
        }


def most_behind(tallies: Iterable[Tally], start: float, interval: float) -> float:
    """Return by how many seconds at most a probe was sent after its time: this host had no processor time before."""
    return max((one.at - start - (one.number - 1) * interval for tally in tallies for one in tally.probes), default=0.0)


def loss_message(tallies: Iterable[Tally], target: Address, max_lost: int, name: str) -> str:
    """Return the message for a user who lost more than allowed: which source lost what, and what to look at."""
    address, port = target
    tallies = list(tallies)
    lines = []
    seen = set()
    for tally in tallies:
        losses = tally.losses
        reasons: dict[str, list[int]] = {}
        for probe in losses:
            reason = f"{probe.fate} (says {probe.by})" if probe.by else str(probe.fate)
            reasons.setdefault(reason, []).append(probe.number)
            seen.add(probe.fate)
        text = "; ".join(f"{reason}: {number_ranges(numbers)}" for reason, numbers in reasons.items())
        notes = tally.notes(most=3)
        if notes:
            text += f" ({', '.join(notes)})"
        if any("own address" in note for note in notes):
            seen.add("own address")
        elif any(note.startswith("answered after") for note in notes):
            seen.add("late")
        lines += [f"- from {tally.source} {len(losses)} of {len(tally.probes)}: {text}"] if losses else []
    advice = [text.format(target=address, port=port) for reason, text in _ADVICE.items() if reason in seen]
    total, lost = sum(len(each.probes) for each in tallies), sum(len(each.losses) for each in tallies)
    heading = f"Lost {lost} of {total} probes ({name}) to {address} port {port}, allowed are {max_lost}."
    return "\n".join([heading, *lines, *advice])


_ADVICE = {
    "the connection opened, and carries nothing": "The first packets of the connection arrived, the others did not. The"
    " router drops what its connection tracking calls invalid: homelab.anycast.preflight names the rule, and"
    " routeros_ospf_notrack mends it.",
    "own address": "A node answers from its own address, so clients do not take it for an answer: make the service"
    " listen on {target} itself, not on 0.0.0.0.",
    "connection refused": "Connection refused: the packet reached a node, but no program there listens on {target} port"
    " {port}. Start the service there, or withdraw the address from that node.",
    "forbidden by this host's firewall": "This host's own firewall drops the packets before they leave: allow UDP to"
    " {target} port {port} in its OUTPUT chain.",
    "network unreachable": "Network unreachable: a host on the way, or this one, has no route to {target}: is it"
    " announced by any node?",
    "host unreachable": "Host unreachable: the last router does not reach the node it has chosen; that node has just"
    " died, or is not on its LAN.",
    "late": "Some answers came after the timeout: the node or the way is slow; raise timeout if that is acceptable.",
    "timeout": "Timeout: no answer came. Either no node announces {target} (module routeros_next_hops says which do), a"
    " firewall drops the packets, or the node has just died.",
}


def number_ranges(numbers: Iterable[int]) -> str:
    """Return 1-3, 7 for [1, 2, 3, 7], at most ten parts of it."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts[:10])
    return text + (", and more" if len(parts) > 10 else "")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def local_address(target: Address) -> str:
    """Return the address from which this host would send. Raises ProbeError if it has no route."""
    address = target[0]
    with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(target)
        except OSError as exc:
            raise ProbeError(
                f"this host has no route to {address}: {exc.strerror}. Correct address, or check the host's routes"
                f" (ip route get {address})."
            ) from exc
        return str(probe.getsockname()[0])


def open_socket(source: str) -> socket.socket:
    """Return a socket bound to a source address. Raises ProbeError if this host does not have it."""
    family = _family(source)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind((source, 0))
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRNOTAVAIL:
            raise ProbeError(
                f"source {source} is not an address of this host. Correct sources, or run the probe on the host that"
                " has it ('ip -br address' shows what this one has)."
            ) from exc
        raise ProbeError(f"cannot send from source {source}: {exc.strerror}") from exc
    # Not connected, so as to see answers from a wrong address; errors then come by the error queue, with the datagram.
    sock.setsockopt(*_ERROR_QUEUES[family], 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setblocking(False)
    return sock


def arrival(ancillary: Iterable[tuple[int, int, bytes]]) -> float:
    """Return when the kernel got a datagram, by the monotonic clock; now if it does not say.

    A process that gets no processor time reads an answer long after it has arrived.
    """
    now, wall = time.monotonic(), time.time()
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack_from(content)
            stamp: float = seconds + nanoseconds / 1e9
            # Not later than now, should the clock have been set meanwhile.
            return min(now - wall + stamp, now)
    return now


def read_errors(sock: socket.socket) -> list[tuple[bytes, int, str | None]]:
    """Return the errors for what a socket has sent, as a list of (datagram, errno, address of who says it)."""
    errors: list[tuple[bytes, int, str | None]] = []
    while True:
        try:
            data, ancillary, _flags, _address = sock.recvmsg(4096, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return errors
        for level, kind, content in ancillary:
            if (level, kind) in _ERROR_QUEUES.values():
                number = _EXTENDED_ERROR.unpack_from(content)[0]
                errors.append((data, number, _offender(content[_EXTENDED_ERROR.size :])))


def _offender(address: bytes) -> str | None:
    """Return the address in a struct sockaddr, None if there is none."""
    if len(address) < 8:
        return None
    family = struct.unpack_from("@H", address)[0]
    if family == socket.AF_INET:
        return socket.inet_ntop(family, address[4:8])
    if family == socket.AF_INET6 and len(address) >= 24:
        return socket.inet_ntop(family, address[8:24])
    return None


class _Source:
    """A socket with its tally."""

    def __init__(self, index: int, sock: socket.socket, tally: Tally, kind: Kind) -> None:
        self.index = index
        self.sock = sock
        self.tally = tally
        self.kind = kind
        self.address: Address = sock.getsockname()[:2]
        self._keys: dict[bytes, Hashable] = {}

    def send(self, number: int, target: Address) -> None:
        key = self.kind.key(number, self.index)
        data = self.kind.request(number, self.index, self.address, target)
        self._keys[data] = key
        self.tally.sent(number, key, time.monotonic())
        for _attempt in range(2):
            try:
                self.sock.sendto(data, target)
                return
            except BlockingIOError:
                self.tally.failed(key, "this host's send buffer is full")
                return
            except OSError as exc:
                # It may be the error of an earlier datagram, which the error queue tells better.
                error = exc.errno or 0
                if not self.errors():
                    break
        self.tally.failed(key, REASONS.get(error, os.strerror(error)))

    def receive(self) -> None:
        while True:
            try:
                data, ancillary, _flags, sender = self.sock.recvmsg(65536, 64)
            except BlockingIOError:
                break
            except OSError:
                if not self.errors():
                    break
                continue
            answer = self.kind.parse(data)
            if answer is not None:
                self.tally.received(answer, sender[0], arrival(ancillary))
        self.errors()

    def errors(self) -> bool:
        """Note what the error queue says; return whether it said anything."""
        errors = read_errors(self.sock)
        for data, number, by in errors:
            self.tally.failed(self._keys.get(data), REASONS.get(number, os.strerror(number)), by)
        return bool(errors)


@dataclasses.dataclass(frozen=True)
class Series:
    """What to send. All sources send their next probe at the same time; none may come twice."""

    target: Address
    sources: Sequence[str]
    count: int
    interval: float
    timeout: float


def send_probes(kind: Kind, series: Series, go_on: Callable[[], bool] | None = None) -> tuple[list[Tally], float]:
    """Send the probes, and wait for the answers. Return the tallies, and when it started by the monotonic clock.

    Before each probe go_on is called; sending ends early when it returns False.
    """
    selector = selectors.DefaultSelector()
    opened = []
    try:
        for index, address in enumerate(series.sources):
            sock = open_socket(address)
            source = _Source(index, sock, Tally(address, series.target[0], series.timeout), kind)
            opened.append(source)
            selector.register(sock, selectors.EVENT_READ, source)
        start = time.monotonic()
        number, count, wait = 0, series.count, 0.0
        while True:
            # By this time the probes are given up: what has arrived before it, is read before that.
            looked = time.monotonic()
            for key, _events in selector.select(wait):
                key.data.receive()
            # One after the other, also when this host is behind: else there would be no time left to read the answers.
            if number < count and time.monotonic() >= start + number * series.interval:
                if go_on and not go_on():
                    count = number
                else:
                    number += 1
                    for source in opened:
                        source.send(number, series.target)
            deadlines = [at for at in (source.tally.expire(looked) for source in opened) if at is not None]
            if number < count:
                deadlines.append(start + number * series.interval)
            if not deadlines:
                break
            wait = max(0.0, min(deadlines) - time.monotonic())
        return [source.tally for source in opened], start
    finally:
        selector.close()
        for source in opened:
            source.sock.close()
