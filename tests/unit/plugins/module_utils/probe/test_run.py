# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The book-keeping of probes, with times given, and TCP connections on the loopback."""

from __future__ import annotations

import errno
import socket
import struct
import time
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.probe import run
from ansible_collections.homelab.anycast.plugins.module_utils.probe.run import (
    Answer,
    ProbeError,
    Series,
    Tally,
    loss_message,
    number_ranges,
)
from ansible_collections.homelab.anycast.plugins.module_utils.probe.sip import SipProbe
from ansible_collections.homelab.anycast.plugins.module_utils.probe.tcp import connect_each

TARGET = "172.18.0.64"


@pytest.fixture
def tally():
    """Three probes, sent at 10, 11 and 12."""
    tally = Tally("172.18.0.22", TARGET, timeout=1.0)
    for number in (1, 2, 3):
        tally.sent(number, f"k{number}", 9.0 + number)
    return tally


def answer(number, node="sip1"):
    return Answer(f"k{number}", node, 200)


def report(tally):
    return tally.report(10.0, 1000000000.5)


def test_all_answered(tally):
    for number, took in ((1, 0.001), (2, 0.002), (3, 0.006)):
        tally.received(answer(number), TARGET, 9.0 + number + took)
    assert tally.expire(12.1) is None
    found = report(tally)
    assert (found["sent"], found["answered"], found["lost"]) == (3, 3, 0)
    assert found["answered_by"] == ["sip1"]
    assert found["rtt_ms"] == {"min": 1.0, "avg": 3.0, "max": 6.0}
    assert (found["first_loss"], found["last_loss"], found["loss_reasons"]) == (None, None, {})
    assert found["status_codes"] == {"200": 3}


def test_a_change_of_node_is_seen(tally):
    for number, node in ((1, "sip2"), (2, None), (3, "sip1")):
        tally.received(answer(number, node), TARGET, 9.0 + number)
    found = report(tally)
    assert found["answered_by"] == ["sip2", None, "sip1"]
    assert found["answers"] == {"sip2": 1, "unknown": 1, "sip1": 1}


def test_when_it_was_lost(tally):
    tally.received(answer(1), TARGET, 10.0)
    tally.expire(99.0)
    found = report(tally)
    assert (found["answered"], found["lost"], found["loss_reasons"]) == (1, 2, {"timeout": 2})
    assert found["first_loss"] == {"number": 2, "seconds": 1.0, "at": "2001-09-09T01:46:41.500Z"}
    assert found["last_loss"]["number"] == 3


def test_expires_one_by_one(tally):
    assert tally.expire(10.5) == 11.0
    assert tally.expire(11.5) == 12.0
    tally.received(answer(2), TARGET, 11.6)
    assert tally.expire(11.9) == 13.0


def test_not_done_before_all_are_sent():
    tally = Tally("172.18.0.22", TARGET, timeout=1.0)
    tally.sent(1, "k1", 0.0)
    assert tally.expire(5.0) is None


def test_a_late_answer_does_not_make_up_for_the_loss(tally):
    tally.expire(11.5)
    tally.received(answer(1), TARGET, 11.6)
    tally.received(answer(2), TARGET, 12.5)  # not expired yet, but too late
    found = report(tally)
    assert (found["answered"], found["late"]) == (0, 2)
    assert found["loss_reasons"]["timeout"] == 2
    assert found["notes"] == ["answered after 1600 ms", "answered after 1500 ms"]


def test_a_second_answer_counts_once(tally):
    tally.received(answer(1), TARGET, 10.1)
    tally.received(answer(1, "sip2"), TARGET, 10.2)
    found = report(tally)
    assert (found["answered"], found["duplicates"], found["answered_by"]) == (1, 1, ["sip1"])


def test_an_answer_to_nothing_we_sent_is_ignored(tally):
    tally.received(answer(9), TARGET, 10.1)
    assert report(tally)["answered"] == 0


def test_an_answer_from_the_nodes_own_address_is_none(tally):
    tally.received(answer(1), "172.18.0.11", 10.1)
    tally.expire(99)
    assert report(tally)["notes"] == ["sip1 answered from its own address 172.18.0.11"]
    assert "make the service listen on 172.18.0.64 itself" in loss_message([tally], (TARGET, 5060), 0, "SIP OPTIONS")


def test_refused_is_not_timed_out(tally):
    tally.failed("k1", "connection refused", "172.18.0.11")
    tally.failed("k9", "connection refused")
    tally.received(answer(2), TARGET, 11.1)
    tally.failed("k2", "connection refused")
    tally.expire(99)
    assert report(tally)["loss_reasons"] == {"connection refused": 1, "timeout": 1}
    text = loss_message([tally], (TARGET, 5060), 0, "SIP OPTIONS")
    assert text.startswith("Lost 2 of 3 probes (SIP OPTIONS) to 172.18.0.64 port 5060, allowed are 0.")
    assert "- from 172.18.0.22 2 of 3: connection refused (says 172.18.0.11): 1; timeout: 3" in text
    assert "no program there listens on 172.18.0.64 port 5060" in text
    assert "Timeout: no answer came" in text


def test_a_source_without_losses_is_not_mentioned(tally):
    other = Tally("172.18.0.23", TARGET, timeout=1.0)
    other.sent(1, "k1", 0.0)
    other.received(answer(1), TARGET, 0.1)
    tally.expire(99)
    assert "172.18.0.23" not in loss_message([tally, other], (TARGET, 5060), 0, "SIP OPTIONS")


def test_runs(tally):
    # The three of the fixture: refused, refused, answered; then another node, and nobody.
    for key in ("k1", "k2"):
        tally.failed(key, "connection refused")
    tally.received(answer(3), TARGET, 12.1)
    tally.sent(4, "k4", 13.0)
    tally.received(Answer("k4", "sip2"), TARGET, 13.1)
    tally.sent(5, "k5", 14.0)
    tally.expire(99)
    assert tally.runs(10.0) == [
        {"first": 0.0, "last": 1.0, "probes": 2, "answered_by": None, "reason": "connection refused"},
        {"first": 2.0, "last": 2.0, "probes": 1, "answered_by": "sip1", "reason": None},
        {"first": 3.0, "last": 3.0, "probes": 1, "answered_by": "sip2", "reason": None},
        {"first": 4.0, "last": 4.0, "probes": 1, "answered_by": None, "reason": "timeout"},
    ]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([4], "4"),
        ([1, 2, 3, 7], "1-3, 7"),
        ([3, 1, 2], "1-3"),
        (range(1, 50, 2), "1, 3, 5, 7, 9, 11, 13, 15, 17, 19, and more"),
    ],
)
def test_ranges(numbers, text):
    assert number_ranges(numbers) == text


class ErrorQueue:
    """A socket with one ICMP error in its queue."""

    def __init__(self, ancillary):
        self.queue = [(b"the datagram", ancillary, 0, None)]

    def recvmsg(self, *_how):
        if not self.queue:
            raise BlockingIOError
        return self.queue.pop()


def errors_in(ancillary):
    queue: Any = ErrorQueue(ancillary)
    return run.read_errors(queue)


def test_reads_the_error_queue():
    error = struct.pack("@IBBBBII", errno.ECONNREFUSED, 2, 3, 3, 0, 0, 0)
    offender = struct.pack("@HH4s8x", socket.AF_INET, 0, socket.inet_aton("172.18.0.11"))
    ancillary = [(socket.IPPROTO_IP, run.IP_RECVERR, error + offender), (socket.IPPROTO_IP, 8, b"else")]
    assert errors_in(ancillary) == [(b"the datagram", errno.ECONNREFUSED, "172.18.0.11")]


def test_an_error_of_this_host_has_no_offender():
    error = struct.pack("@IBBBBII", errno.EMSGSIZE, 1, 0, 0, 0, 0, 0)
    ancillary = [(socket.IPPROTO_IP, run.IP_RECVERR, error + bytes(16))]
    assert errors_in(ancillary) == [(b"the datagram", errno.EMSGSIZE, None)]


# ---------------------------------------------------------------------------------------------------------------------
# What this host itself does to a datagram


class Card:
    """Stands in for a socket whose sending fails."""

    def __init__(self, *fates):
        self.fates = list(fates)

    def getsockname(self):
        return ("172.18.0.22", 40000)

    def sendto(self, _data, _target):
        fate = self.fates.pop(0)
        if fate:
            raise fate

    def recvmsg(self, *_arguments):
        raise BlockingIOError


def source_of(tally, *fates):
    card: Any = Card(*fates)
    return run._Source(0, card, tally, SipProbe("c0ffee"))


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        (BlockingIOError(), "this host's send buffer is full"),
        (PermissionError(errno.EPERM, "no"), "forbidden by this host's firewall"),
        (OSError(errno.ENOBUFS, "no"), "No buffer space available"),
    ],
)
def test_what_never_leaves_is_lost_at_once(fate, reason):
    tally = Tally("172.18.0.22", "172.18.0.64", 1)
    source = source_of(tally, fate)
    source.send(1, ("172.18.0.64", 5060))
    assert [one.fate for one in tally.losses] == [reason]


def test_the_error_of_an_earlier_datagram_is_not_that_of_the_next(monkeypatch):
    """Linux reports it at the next call, whatever that sends."""
    tally = Tally("172.18.0.22", "172.18.0.64", 1)
    source = source_of(tally, None, ConnectionRefusedError(errno.ECONNREFUSED, "no"), None)
    source.send(1, ("172.18.0.64", 5060))
    first = next(iter(source._keys))
    queue = [[(first, errno.ECONNREFUSED, "172.18.0.11")]]
    monkeypatch.setattr(run, "read_errors", lambda _sock: queue.pop(0) if queue else [])
    source.send(2, ("172.18.0.64", 5060))
    assert [(one.number, one.fate, one.by) for one in tally.losses] == [
        (1, "connection refused", "172.18.0.11"),
        (2, None, None),
    ]


class Echo:
    """A kind of probe whose answer is the probe itself."""

    name = "echo"

    def key(self, number, source_index):
        return number

    def request(self, number, source_index, source, target):
        return str(number).encode()

    def parse(self, data):
        return run.Answer(int(data), None)


def test_an_answer_that_this_host_reads_late_is_not_lost():
    """As a process does that gets no processor time for longer than the timeout."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        sent: list[bool] = []

        def busy():
            # Before each probe: answer the one before, then do nothing for longer than it may take.
            if sent:
                server.sendto(*server.recvfrom(100))
                time.sleep(0.3)
            sent.append(True)
            return True

        kind: Any = Echo()
        series = Series(server.getsockname(), ["127.0.0.1"], 3, 0.01, 0.2)
        ((tally,), start) = run.send_probes(kind, series, busy)
    # The server does not answer the last probe.
    assert [one.number for one in tally.losses] == [3]
    assert all(one.rtt < 0.2 for one in tally.probes)
    assert run.most_behind([tally], start, 0.01) > 0.5


def test_a_clock_that_is_set_meanwhile_moves_no_answer_into_the_future():
    ahead = run._TIMESPEC.pack(int(time.time()) + 3600, 0)
    before = time.monotonic()
    assert before <= run.arrival([(socket.SOL_SOCKET, run.SO_TIMESTAMPNS, ahead)]) <= time.monotonic()
    assert before <= run.arrival([]) <= time.monotonic()


def asked(port, sources=("127.0.0.1",)):
    tallies, start = connect_each(Series(("127.0.0.1", port), list(sources), 1, 0.1, 1))
    return [tally.report(start, start) for tally in tallies]


def test_a_program_that_does_nothing_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = asked(server.getsockname()[1], ("127.0.0.1", "127.0.0.2"))
    assert [(one["source"], one["answered"], one["status_codes"]) for one in found] == [
        ("127.0.0.1", 1, {"carries data": 1}),
        ("127.0.0.2", 1, {"carries data": 1}),
    ]


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert asked(port)[0]["loss_reasons"] == {"connection refused": 1}


def test_a_source_that_this_host_does_not_have():
    with pytest.raises(ProbeError, match="cannot connect from source 192.0.2.1"):
        asked(9, ("192.0.2.1",))
