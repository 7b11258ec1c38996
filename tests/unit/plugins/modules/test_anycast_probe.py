# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run over loopback against a node which answers, or does not, as a test says. Linux has all of 127.0.0.0/8."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest

MODULE = "anycast_probe"
ADDRESS = "127.0.0.64"


def sequence(request):
    """Return the number of a request, the word as it is in the header."""
    found = re.search(r"CSeq: (\d+)", request)
    assert found
    return found[1]


class Node:
    """Answers OPTIONS on a port of ADDRESS; behave(number, source) says how."""

    def __init__(self, behave):
        self.behave = behave
        self.requests = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 0))
        self.port = self._socket.getsockname()[1]
        self._own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._own.bind(("127.0.0.11", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (ADDRESS, self.port))
        self._thread.join(5)
        self._socket.close()
        self._own.close()

    def _serve(self):
        while True:
            data, sender = self._socket.recvfrom(65536)
            if not data:
                return
            text = data.decode()
            self.requests.append((sender, text))
            number = int(sequence(text))
            for name in self.behave(number, sender[0]):
                kept = [
                    line for line in text.split("\r\n")[1:] if line.startswith(("Via", "From", "To", "Call-", "CSeq"))
                ]
                answer = "\r\n".join(["SIP/2.0 200 OK", *kept, f"Server: {name.strip('@')}", "", ""]).encode()
                (self._own if name.startswith("@") else self._socket).sendto(answer, sender)


@pytest.fixture
def node():
    nodes = []

    def start(behave=lambda number, source: ["sip1"]):
        nodes.append(Node(behave))
        return nodes[-1]

    yield start
    for one in nodes:
        one.stop()


@pytest.fixture
def run(run_module):
    def run(port=5060, **options):
        return run_module(MODULE, **{"address": ADDRESS, "port": port, "interval": 0.005, "timeout": 1, **options})

    return run


def test_one_probe_from_the_kernels_choice(run, node):
    result = run(node().port)
    assert (result["sent"], result["answered"], result["lost"]) == (1, 1, 0)
    assert result["answered_by"] == ["sip1"]
    assert result["changed"] is False
    (source,) = result["results"]
    assert source["source"].startswith("127.0.0.")
    assert source["status_codes"] == {"200": 1}


def test_each_source_has_its_node(run, node):
    sip = node(lambda number, source: ["sip1" if source.endswith("4") else "sip2"])
    sources = ["127.0.0.22", "127.0.0.23", "127.0.0.24", "127.0.0.25"]
    result = run(sip.port, sources=sources, count=5)
    assert [entry["source"] for entry in result["results"]] == sources
    assert [entry["answered_by"] for entry in result["results"]] == [["sip2"], ["sip2"], ["sip1"], ["sip2"]]
    assert (result["sent"], result["answered_by"]) == (20, ["sip1", "sip2"])
    # Each from one port of its own, each probe with its number, none sent twice.
    for source in sources:
        sent = [(sender[1], text) for sender, text in sip.requests if sender[0] == source]
        assert len({port for port, _text in sent}) == 1
        assert [sequence(text) for _port, text in sent] == ["1", "2", "3", "4", "5"]


def test_a_lost_probe_fails_and_is_named(run, node):
    sip = node(lambda number, source: [] if number in (2, 3) else ["sip1"])
    result = run(sip.port, sources=["127.0.0.22"], count=5)
    assert result["failed"]
    assert (result["sent"], result["answered"], result["lost"]) == (5, 3, 2)
    assert "from 127.0.0.22 2 of 5: timeout: 2-3" in result["msg"]
    assert result["results"][0]["first_loss"]["number"] == 2
    assert result["results"][0]["last_loss"]["number"] == 3
    assert len(sip.requests) == 5


@pytest.mark.parametrize(("max_lost", "failed"), [(0, True), (1, True), (2, False), (-1, False)])
def test_how_many_may_be_lost(run, node, max_lost, failed):
    sip = node(lambda number, source: [] if number < 3 else ["sip1"])
    result = run(sip.port, count=4, max_lost=max_lost)
    assert result.get("failed", False) is failed
    assert result["lost"] == 2


def test_probes_are_sent_again_until_all_are_answered(run, node, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    calls = []

    def second_time(number, source):
        calls.append(number)
        return ["sip1"] if len(calls) > 3 else []

    result = run(node(second_time).port, count=3, timeout=0.2, wait=60)
    assert "failed" not in result
    assert (result["sent"], result["lost"], calls) == (3, 0, [1, 2, 3, 1, 2, 3])


def test_what_stays_lost_fails_after_the_wait(run, node):
    result = run(node(lambda number, source: []).port, timeout=0.01, wait=0.05)
    assert result["failed"]
    assert result["lost"] == 1


def test_sending_ends_with_the_file(run, node, tmp_path):
    path = tmp_path / "sending"
    path.touch()

    def last_one(number, source):
        if number == 3:
            path.unlink()
        return ["sip1"]

    # Time between them: the answer to the third is there before the fourth would be sent.
    result = run(node(last_one).port, count=1000, interval=1, while_file=str(path))
    assert (result["sent"], result["lost"]) == (3, 0)


def test_refused_is_told_from_timed_out(run, node):
    sip = node()
    port = sip.port
    sip.stop()
    result = run(port, sources=["127.0.0.22", "127.0.0.23"], count=2, timeout=5)
    assert [entry["loss_reasons"] for entry in result["results"]] == [{"connection refused": 2}] * 2
    assert "connection refused (says 127.0.0.64): 1-2" in result["msg"]
    assert "no program there listens on 127.0.0.64" in result["msg"]


def test_an_answer_from_another_address_is_a_loss(run, node):
    result = run(node(lambda number, source: ["@sip1"]).port)
    assert result["lost"] == 1
    assert "sip1 answered from its own address 127.0.0.11" in result["msg"]


def test_a_second_answer_counts_once(run, node):
    result = run(node(lambda number, source: ["sip1", "sip2"]).port, count=3)
    assert (result["answered"], result["answered_by"]) == (3, ["sip1"])
    assert result["results"][0]["duplicates"] >= 2  # the last one may come after the end


def test_runs(run, node):
    before = time.time()
    sip = node(lambda number, source: ["sip1"] if number < 3 else ["sip2"])
    result = run(sip.port, count=4, runs=True)
    first, second = result["results"][0]["runs"]
    assert (first["answered_by"], first["probes"]) == ("sip1", 2)
    assert (second["answered_by"], second["probes"]) == ("sip2", 2)
    assert first["first"] <= first["last"] <= second["first"]
    # By this key async_status takes a result for that of a job that still runs.
    assert "started" not in result
    assert before - 0.01 <= result["began"] <= time.time()


def test_probes_go_out_at_intervals(run, node):
    result = run(node().port, count=3, interval=0.25, runs=True)["results"][0]
    assert [(one["probes"], one["last"] >= 0.5) for one in result["runs"]] == [(3, True)]


def test_probes_in_check_mode_too(run, node):
    assert run(node().port, check_mode=True)["answered"] == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"address": "sip.example.com"}, "address: 'sip.example.com' is not an IP address"),
        ({"sources": ["phone1"]}, "sources: 'phone1' is not an IP address"),
        ({"sources": ["192.0.2.22"]}, "source 192.0.2.22 is not an address of this host. Correct sources"),
        ({"sources": ["127.0.0.2", "127.0.0.2"]}, "sources has an address more than once"),
        ({"sources": ["::1"]}, "address and sources are of different IP versions"),
        ({"port": 0}, "port is 0, expected 1 to 65535"),
        ({"port": 65536}, "port is 65536, expected 1 to 65535"),
        ({"kind": "dns", "count": 65537}, "count is 65537, expected 65536 or less with kind dns"),
        ({"count": 0}, "count is 0, expected 1 or more"),
        ({"interval": 0}, "interval is 0, expected more than 0 seconds"),
        ({"timeout": -1}, "timeout is -1, expected more than 0 seconds"),
        ({"while_file": "/nowhere/at/all"}, "while_file: there is no file /nowhere/at/all on this host"),
        ({"kind": "carrier pigeon"}, "value of kind must be one of"),
    ],
)
def test_bad_input(run, options, says):
    assert says in run(**options)["msg"]


def test_no_route(run, monkeypatch):
    class Lonely(socket.socket):
        def connect(self, address):
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Lonely)
    assert "this host has no route to 127.0.0.64: Network is unreachable" in run()["msg"]


class Resolver(threading.Thread):
    """Answers each query on a port of ADDRESS with the same text."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ADDRESS, 0))
        self.port = self.socket.getsockname()[1]
        content = bytes([len(name)]) + name
        self.record = b"\xc0\x0c\0\x10\0\3\0\0\0\0" + len(content).to_bytes(2, "big") + content
        self.start()

    def run(self):
        while len(data := self.socket.recvfrom(512)) and data[0]:
            query, sender = data
            self.socket.sendto(query[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + query[12:] + self.record, sender)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (ADDRESS, self.port))
        self.join(5)
        self.socket.close()


def test_which_resolver_answers(run):
    resolver = Resolver(b"dns1")
    try:
        result = run(resolver.port, kind="dns", sources=["127.0.0.22", "127.0.0.23"], count=3)
    finally:
        resolver.stop()
    assert (result["sent"], result["answered"], result["answered_by"]) == (6, 6, ["dns1"])
    assert result["results"][0]["status_codes"] == {"NOERROR": 3}


@pytest.mark.parametrize(("kind", "name", "port"), [("sip", "SIP OPTIONS", 5060), ("dns", "DNS id.server", 53)])
def test_the_port_of_its_kind(run, kind, name, port):
    """Nobody is there; the message says where it was asked."""
    assert f"({name}) to 127.0.0.64 port {port}," in run(None, kind=kind, timeout=0.05)["msg"]


def test_a_tcp_connection(run_module):
    with socket.create_server((ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        result = run_module(MODULE, address=ADDRESS, kind="tcp", port=port, sources=["127.0.0.22", "127.0.0.23"])
    assert (result["answered"], result["lost"], result["results"][0]["answered_by"]) == (2, 0, [None])
    result = run_module(MODULE, address=ADDRESS, kind="tcp", port=port)
    assert result["failed"]
    assert result["msg"].startswith(f"Lost 1 of 1 probes (TCP) to {ADDRESS} port {port}, allowed are 0.")
    assert "connection refused" in result["msg"]
    for options in ({}, {"port": port, "count": 2}):
        result = run_module(MODULE, address=ADDRESS, kind="tcp", **options)
        assert result["msg"] == "kind is tcp, expected a port, and a count of 1"
