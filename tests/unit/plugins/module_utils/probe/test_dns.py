# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The query for a DNS server's identity on the wire."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.probe.dns import DnsProbe

SOURCE, TARGET = ("172.18.0.22", 40000), ("172.18.0.65", 53)
QUESTION = b"\x02id\x06server\x00" + b"\x00\x10" + b"\x00\x03"
POINTER = b"\xc0\x0c"


@pytest.fixture
def dns():
    return DnsProbe("0102abcdef00")


def response(key, flags=0x8400, question=QUESTION, records=(), questions=1):
    return struct.pack(">6H", key, flags, questions, len(records), 0, 0) + question + b"".join(records)


def txt(text=b"dns1", owner=POINTER, kind=16, klass=3):
    content = bytes([len(text)]) + text
    return owner + struct.pack(">HHIH", kind, klass, 0, len(content)) + content


def test_the_query_is_that_of_rfc_4892(dns):
    assert dns.request(7, 0, SOURCE, TARGET) == b"\x01\x09\0\0\0\1\0\0\0\0\0\0" + QUESTION


def test_each_of_65536_queries_has_an_id_of_its_own(dns):
    assert len({dns.key(number, 0) for number in range(1, DnsProbe.most + 1)}) == DnsProbe.most


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param(POINTER, id="a pointer to the question, as unbound and BIND"),
        pytest.param(b"\x02id\x06server\x00", id="written out"),
    ],
)
def test_reads_who_answered(dns, owner):
    found = dns.parse(response(dns.key(7, 0), records=[txt(owner=owner)]))
    assert (found.key, found.node, found.status) == (dns.key(7, 0), "dns1", "NOERROR")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(response(1, 0x8005), "REFUSED", id="a server that hides its identity"),
        pytest.param(response(1, 0x8005, question=b"", questions=0), "REFUSED", id="without the question"),
        pytest.param(response(1, 0x8403), "NXDOMAIN", id="no such name"),
        pytest.param(response(1, 0x840B), "RCODE11", id="a code of no name"),
        pytest.param(response(1), "NOERROR", id="no record"),
        pytest.param(response(1, records=[txt(kind=5)]), "NOERROR", id="another type"),
        pytest.param(response(1, records=[txt(klass=1)]), "NOERROR", id="another class"),
        pytest.param(response(1, records=[txt()])[:-1], "NOERROR", id="cut off in the text"),
        pytest.param(response(1, records=[txt()])[:-8], "NOERROR", id="cut off before it"),
        pytest.param(response(1, records=[txt(b"")]), "NOERROR", id="an empty text"),
    ],
)
def test_a_node_that_does_not_say_its_name_is_there_all_the_same(dns, data, status):
    found = dns.parse(data)
    assert (found.key, found.node, found.status) == (1, None, status)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0" * 11, id="too short"),
        pytest.param(response(1, 0x0000), id="a query, such as our own"),
        pytest.param(response(1, 0x8000 | 4 << 11), id="a notification"),
        pytest.param(response(1, question=b"\x07example\0\0\1\0\1"), id="the response to another question"),
    ],
)
def test_what_is_no_answer(dns, data):
    assert dns.parse(data) is None


def test_the_question_may_come_back_in_other_letters(dns):
    """RFC 4343: names are compared without case, and some servers normalise them."""
    assert dns.parse(response(1, question=QUESTION.replace(b"id", b"ID"), records=[txt()])).node == "dns1"
