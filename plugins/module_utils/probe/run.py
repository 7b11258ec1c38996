# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered UDP probes from several source addresses to one address: sending, matching answers, counting losses.

What a probe looks like on the wire is a class of its own (sip.SipProbe). It has the methods key(), request() and
parse(); another kind of probe is another such class.

Nothing is sent twice: a datagram which is lost counts as lost. The book-keeping (Tally) takes times as arguments; run()
does the input and output.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import time

# From linux/in.h, linux/in6.h and linux/errqueue.h; Python's socket module has no names for them.
IP_RECVERR = 11
IPV6_RECVERR = 25
_EXTENDED_ERROR = struct.Struct("@IBBBBII")

REASONS: dict = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EACCES: "administratively prohibited",
    errno.EPERM: "forbidden by this host's firewall",
    errno.EMSGSIZE: "datagram too big",
    errno.EPROTO: "protocol error",
}


class ProbeError(Exception):
    """The probes cannot be sent as they are asked for; the text is for the user."""


class Answer:
    """What a datagram says that answers a probe.

    :param key: of the probe.
    :param node: name of the node that answered, None if it does not say.
    """

    def __init__(self, key, node, status=None, phrase=""):
        self.key = key
        self.node = node
        self.status = status
        self.phrase = phrase


class Probe:
    """One datagram, and what became of it."""

    def __init__(self, number, at):
        self.number = number
        self.at = at
        # None while we wait for it; then "answered", or why it is lost.
        self.fate = None
        self.answer = None
        self.rtt = None
        self.by = None
        # An answer which came after the timeout, or from another address than the one asked.
        self.note = None


class Tally:
    """The probes from one source.

    :param timeout: seconds after which an answer comes too late.
    """

    def __init__(self, source, target, timeout):
        self.source = source
        self.target = target
        self.timeout = timeout
        self.probes = []
        self.duplicates = 0
        self.late = 0
        self._by_key = {}
        # Probes we still wait for start at this index, as all wait equally long.
        self._waiting = 0

    def sent(self, number, key, now):
        """Note that a probe has gone out."""
        probe = Probe(number, now)
        self.probes.append(probe)
        self._by_key[key] = probe
        return probe

    def received(self, answer, sender, now):
        """Note an answer. One which comes too late, again, or from another address does not make up for the loss."""
        probe = self._by_key.get(answer.key)
        if probe is None:
            return
        if probe.fate == "answered":
            self.duplicates += 1
        elif sender != self.target:
            probe.note = "{} answered from its own address {}".format(answer.node or "a node", sender)
        elif probe.fate is not None or now - probe.at > self.timeout:
            self.late += 1
            probe.fate = probe.fate or "timeout"
            probe.note = "answered after %.0f ms" % ((now - probe.at) * 1000)
        else:
            probe.fate = "answered"
            probe.answer = answer
            probe.rtt = now - probe.at

    def failed(self, key, reason, by=None):
        """Note that the network says a probe has not arrived."""
        probe = self._by_key.get(key)
        if probe is not None and probe.fate is None:
            probe.fate = reason
            probe.by = by

    def expire(self, now):
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
    def losses(self):
        return [probe for probe in self.probes if probe.fate != "answered"]

    def runs(self, start):
        """Return neighbouring probes with the same fate as one run, each as in the module's results[].runs.

        :param start: as for L(report).
        """
        found = []
        for probe in self.probes:
            node = probe.answer.node if probe.answer else None
            reason = None if probe.fate == "answered" else probe.fate
            seconds = round(probe.at - start, 3)
            if found and (found[-1]["answered_by"], found[-1]["reason"]) == (node, reason):
                found[-1]["last"] = seconds
                found[-1]["probes"] += 1
            else:
                found.append({"first": seconds, "last": seconds, "probes": 1, "answered_by": node, "reason": reason})
        return found

    def report(self, start, wall_start, details=False, runs=False):
        """Return what the module returns for this source.

        :param start: when the run started, by the clock of the probes; wall_start: the same in seconds since 1970.
        """
        answered = [probe for probe in self.probes if probe.fate == "answered"]
        losses = self.losses
        reasons, nodes, statuses = {}, {}, {}
        for probe in losses:
            reasons[probe.fate] = reasons.get(probe.fate, 0) + 1
        for probe in answered:
            name = probe.answer.node or "unknown"
            nodes[name] = nodes.get(name, 0) + 1
            status = str(probe.answer.status)
            statuses[status] = statuses.get(status, 0) + 1
        times = [probe.rtt * 1000 for probe in answered]

        def moment(probe):
            offset = probe.at - start
            stamp = wall_start + offset
            return {
                "number": probe.number,
                "seconds": round(offset, 3),
                "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp)) + ".%03dZ" % (stamp % 1 * 1000),
            }

        report = {
            "source": self.source,
            "sent": len(self.probes),
            "answered": len(answered),
            "lost": len(losses),
            "loss_reasons": reasons,
            "first_loss": moment(losses[0]) if losses else None,
            "last_loss": moment(losses[-1]) if losses else None,
            "answered_by": list(dict.fromkeys(probe.answer.node for probe in answered)),
            "answers": nodes,
            "status_codes": statuses,
            "rtt_ms": _summary(times),
            "late": self.late,
            "duplicates": self.duplicates,
            "notes": list(dict.fromkeys(probe.note for probe in losses if probe.note))[:10],
        }
        if runs:
            report["runs"] = self.runs(start)
        if details:
            report["probes"] = [
                dict(
                    moment(probe),
                    answered=probe.fate == "answered",
                    reason=None if probe.fate == "answered" else probe.fate,
                    answered_by=probe.answer.node if probe.answer else None,
                    status=probe.answer.status if probe.answer else None,
                    rtt_ms=round(probe.rtt * 1000, 3) if probe.rtt is not None else None,
                )
                for probe in self.probes
            ]
        return report


def _summary(times):
    if not times:
        return None
    return {"min": round(min(times), 3), "avg": round(sum(times) / len(times), 3), "max": round(max(times), 3)}


def loss_message(tallies, target, port, max_lost, name):
    """Return the message for a user who lost more than allowed: which source lost what, and what to look at."""
    lost = sum(len(tally.losses) for tally in tallies)
    total = sum(len(tally.probes) for tally in tallies)
    lines = [
        "Lost %d of %d probes (%s) to %s port %d, allowed are %d." % (lost, total, name, target, port, max_lost),
    ]
    seen = set()
    for tally in tallies:
        losses = tally.losses
        if not losses:
            continue
        reasons = {}
        for probe in losses:
            reason = probe.fate + (f" (says {probe.by})" if probe.by else "")
            reasons.setdefault(reason, []).append(probe.number)
            seen.add(probe.fate)
        text = "; ".join(f"{reason}: {ranges(numbers)}" for reason, numbers in reasons.items())
        notes = list(dict.fromkeys(probe.note for probe in losses if probe.note))[:3]
        if notes:
            text += " ({})".format(", ".join(notes))
        if any("own address" in note for note in notes):
            seen.add("own address")
        elif any(note.startswith("answered after") for note in notes):
            seen.add("late")
        lines.append("- from %s %d of %d: %s" % (tally.source, len(losses), len(tally.probes), text))
    for reason, advice in _ADVICE:
        if reason in seen:
            lines.append(advice.format(target=target, port=port))
    return "\n".join(lines)


_ADVICE = (
    (
        "own address",
        "A node answers from its own address, so clients do not take it for an answer: make the service listen on"
        " {target} itself, not on 0.0.0.0.",
    ),
    (
        "connection refused",
        "Connection refused: the packet reached a node, but no program there listens on {target} port {port}. Start the"
        " service there, or withdraw the address from that node.",
    ),
    (
        "forbidden by this host's firewall",
        "This host's own firewall drops the packets before they leave: allow UDP to {target} port {port} in its OUTPUT"
        " chain.",
    ),
    (
        "network unreachable",
        "Network unreachable: a host on the way, or this one, has no route to {target}: is it announced by any node?",
    ),
    (
        "host unreachable",
        "Host unreachable: the last router does not reach the node it has chosen; that node has just died, or is not"
        " on its LAN.",
    ),
    (
        "late",
        "Some answers came after the timeout: the node or the way is slow; raise timeout if that is acceptable.",
    ),
    (
        "timeout",
        "Timeout: nobody answered. Either no node announces {target} (module routeros_next_hops says which do), a"
        " firewall drops the packets, or the node has just died.",
    ),
)


def ranges(numbers):
    """Return 1-3, 7 for [1, 2, 3, 7], at most ten parts of it."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    text = ", ".join(str(first) if first == last else "%d-%d" % (first, last) for first, last in parts[:10])
    return text + (", and more" if len(parts) > 10 else "")


# ---------------------------------------------------------------------------------------------------------------------
# Input and output


def local_address(family, target, port):
    """Return the address from which this host would send. Raises ProbeError if it has no route."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, port))
        except OSError as exc:
            raise ProbeError(
                f"this host has no route to {target}: {exc.strerror}. Correct address, or see to the host's routes"
                f" (ip route get {target})."
            ) from exc
        return probe.getsockname()[0]


def open_socket(family, source):
    """Return a socket bound to a source address. Raises ProbeError if this host does not have it."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind((source, 0))
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRNOTAVAIL:
            raise ProbeError(
                f"source {source} is no address of this host. Correct sources, or run the probe on the host that"
                " has it ('ip"
                " -br address' shows what this one has)."
            ) from exc
        raise ProbeError(f"cannot send from source {source}: {exc.strerror}") from exc
    # Not connected, so as to see answers from a wrong address; errors then come by the error queue, with the datagram.
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    sock.setblocking(False)
    return sock


def read_errors(sock):
    """Return the errors for what a socket has sent, as a list of (datagram, errno, address of who says it)."""
    errors = []
    while True:
        try:
            data, ancillary, _flags, _address = sock.recvmsg(4096, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return errors
        for level, kind, content in ancillary:
            if (level, kind) not in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
                continue
            number = _EXTENDED_ERROR.unpack_from(content)[0]
            errors.append((data, number, _offender(content[_EXTENDED_ERROR.size :])))


def _offender(address):
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

    def __init__(self, index, sock, tally, protocol):
        self.index = index
        self.sock = sock
        self.tally = tally
        self.protocol = protocol
        self.address = sock.getsockname()[:2]
        self._keys = {}

    def send(self, number, target, clock):
        key = self.protocol.key(number, self.index)
        data = self.protocol.request(number, key, self.address, target)
        self._keys[data] = key
        self.tally.sent(number, key, clock())
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

    def receive(self, clock):
        while True:
            try:
                data, sender = self.sock.recvfrom(65536)[:2]
            except BlockingIOError:
                break
            except OSError:
                if not self.errors():
                    break
                continue
            answer = self.protocol.parse(data)
            if answer is not None:
                self.tally.received(answer, sender[0], clock())
        self.errors()

    def errors(self):
        errors = read_errors(self.sock)
        for data, number, by in errors:
            self.tally.failed(self._keys.get(data), REASONS.get(number, os.strerror(number)), by)
        return errors


def run(protocol, family, target, sources, count, interval, timeout, go_on=None):
    """Send count probes from each source, and wait for the answers. Return (tallies, when it started).

    All sources send their next probe at the same time.

    :param target: (address, port).
    :param sources: addresses; the same one may not come twice.
    :param go_on: called before each probe; sending ends early when it returns False.
    """
    clock = time.monotonic
    selector = selectors.DefaultSelector()
    opened = []
    try:
        for index, address in enumerate(sources):
            sock = open_socket(family, address)
            source = _Source(index, sock, Tally(address, target[0], timeout), protocol)
            opened.append(source)
            selector.register(sock, selectors.EVENT_READ, source)
        start = clock()
        number = 0
        while True:
            now = clock()
            while number < count and now >= start + number * interval:
                if go_on and not go_on():
                    count = number
                    break
                number += 1
                for source in opened:
                    source.send(number, target, clock)
                now = clock()
            deadlines = [
                deadline for deadline in (source.tally.expire(now) for source in opened) if deadline is not None
            ]
            if number < count:
                deadlines.append(start + number * interval)
            if not deadlines:
                break
            for key, _events in selector.select(max(0.0, min(deadlines) - clock())):
                key.data.receive(clock)
        return [source.tally for source in opened], start
    finally:
        selector.close()
        for source in opened:
            source.sock.close()
