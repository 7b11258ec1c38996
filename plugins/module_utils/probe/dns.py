# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The DNS query for a server's identity as a probe (RFC 4892). Private to this collection."""

from __future__ import annotations

import struct

from .run import Address, Answer

# RFC 1035 4.1: id, flags, and how many questions, answers, authorities and additional records follow.
_HEADER = struct.Struct(">6H")
_RECORD = struct.Struct(">HHIH")
_RESPONSE, _OPCODE, _RCODE = 0x8000, 0x7800, 0x000F
_TXT, _CHAOS = 16, 3
_NAME = b"\2id\6server\0"
_QUESTION = _NAME + struct.pack(">HH", _TXT, _CHAOS)
# RFC 1035 4.1.1 and RFC 2136 2.2 have more; these are what resolvers say of a query.
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class DnsProbe:
    """Numbered queries for id.server, class CH, type TXT; the hexadecimal token says at which id they begin."""

    name = "DNS id.server"
    most = 0x10000  # A query is told from others by its id alone, of 16 bits

    def __init__(self, token: str) -> None:
        self._first = int(token[:4], 16)

    def key(self, number: int, source_index: int) -> int:
        """Return the id. Each source has a port of its own, so two may have the same."""
        return (self._first + number) % self.most

    def request(self, number: int, source_index: int, source: Address, target: Address) -> bytes:
        # Recursion is not desired: the server that is asked is the one to answer.
        return _HEADER.pack(self.key(number, source_index), 0, 1, 0, 0, 0) + _QUESTION

    def parse(self, data: bytes) -> Answer | None:
        """Return the answer in a datagram; None if it is no response to our question."""
        if len(data) < _HEADER.size:
            return None
        key, flags, questions, answers, _authorities, _more = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if not flags & _RESPONSE or flags & _OPCODE:
            return None
        # A server that refuses may leave the question out.
        if questions and not body.lower().startswith(_QUESTION):
            return None
        rcode = flags & _RCODE
        node = _identity(body[len(_QUESTION) :]) if questions and answers else None
        return Answer(key, node, RCODES.get(rcode, f"RCODE{rcode}"))


def _identity(records: bytes) -> str | None:
    """Return the text of the first record, None if it is none of ours or cut off."""
    # Its name is a pointer to the question's, or that name once more (RFC 1035 4.1.4).
    start = 2 if records[:1] >= b"\xc0" else len(_NAME)
    content = records[start + _RECORD.size :]
    if not content:
        return None
    kind, klass, _ttl, size = _RECORD.unpack_from(records, start)
    if (kind, klass) != (_TXT, _CHAOS) or len(content) < size:
        return None
    # The first of its strings, each after its length.
    return content[1 : 1 + content[0]].decode("utf-8", "replace") or None
