# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP OPTIONS on the wire."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.probe.sip import SipProbe, answering_node

SOURCE, TARGET = ("172.18.0.22", 40000), ("172.18.0.64", 5060)


@pytest.fixture
def sip():
    return SipProbe("c0ffee")


def request(sip, number=7, index=2, source=SOURCE, target=TARGET):
    return sip.request(number, index, source, target).decode()


def headers(text):
    return dict(line.split(": ", 1) for line in text.split("\r\n")[1:] if line)


def answer(text, status="200 OK", **more):
    """Answer a request as RFC 3261 8.2.6 says: with its Via, From, To, Call-ID and CSeq."""
    kept = {name: value for name, value in headers(text).items() if name in ("Via", "From", "To", "Call-ID", "CSeq")}
    kept["To"] += ";tag=x"
    kept["Via"] = kept["Via"].replace(";rport", ";received=172.18.0.22;rport=40000")
    kept.update({name.replace("_", "-"): value for name, value in more.items()})
    lines = [f"{name}: {value}" for name, value in kept.items() if value is not None]
    return "\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", "", ""]).encode()


def test_the_request_has_what_rfc_3261_wants(sip):
    text = request(sip)
    assert text.startswith("OPTIONS sip:172.18.0.64:5060 SIP/2.0\r\n")
    assert text.endswith("Content-Length: 0\r\n\r\n")
    found = headers(text)
    assert found["Via"] == "SIP/2.0/UDP 172.18.0.22:40000;branch=z9hG4bKc0ffee.2.7;rport"
    assert found["Max-Forwards"] == "70"
    assert found["CSeq"] == "7 OPTIONS"
    assert found["From"] == "<sip:probe@172.18.0.22>;tag=c0ffee"
    assert found["To"] == "<sip:172.18.0.64:5060>"
    assert found["Call-ID"] == "c0ffee.2.7@172.18.0.22"


def test_ipv6_addresses_are_in_brackets(sip):
    text = request(sip, source=("2001:db8::2", 40000), target=("2001:db8::64", 5060))
    assert text.startswith("OPTIONS sip:[2001:db8::64]:5060 SIP/2.0\r\n")
    assert headers(text)["Via"].startswith("SIP/2.0/UDP [2001:db8::2]:40000;")


def test_reads_the_answer(sip):
    found = sip.parse(answer(request(sip), Server="sip1"))
    assert (found.key, found.node, found.status) == (sip.key(7, 2), "sip1", 200)


@pytest.mark.parametrize("status", ["404 Not Found", "503 Service Unavailable", "200 "])
def test_any_final_answer_counts(sip, status):
    assert sip.parse(answer(request(sip), status)).status == int(status[:3])


def test_compact_forms_bare_newlines_and_folded_case(sip):
    text = answer(request(sip), Server="sip1").decode().replace("\r\n", "\n")
    text = text.replace("Via:", "v:").replace("Call-ID:", "i:").replace("Server:", "SERVER :")
    assert sip.parse(text.encode()).node == "sip1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe",
        b"OPTIONS sip:probe@172.18.0.22 SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKother.2.7\r\nCall-ID: c0ffee.2.7@h\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKc0ffee.2.7\r\nCall-ID: c0ffee.2.8@h\r\n\r\n",
        b"SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKc0ffee.2.7\r\nCall-ID: c0ffee.2.7@h\r\n\r\n",
    ],
)
def test_is_not_confused_by_other_datagrams(sip, data):
    assert sip.parse(data) is None


@pytest.mark.parametrize(
    ("found", "node"),
    [
        ({"server": "sip1", "user-agent": "x", "warning": '392 10.0.0.1:5060 "y"'}, "sip1"),
        ({"user-agent": "Asterisk PBX 20"}, "Asterisk PBX 20"),
        ({"warning": '392 172.18.0.11:5060 "Noisy feedback tells"'}, "172.18.0.11:5060"),
        ({"warning": "?"}, None),
        ({}, None),
    ],
)
def test_who_answered(found, node):
    assert answering_node(found) == node
