# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who has signed an OSPF packet (RFC 2328 A.3.1 and D.4.3, RFC 5709 3.3). Private to this collection."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import socket
import time
from collections.abc import Collection

PROTOCOL = 89
_CRYPTOGRAPHIC = 2
_APAD = bytes.fromhex("878fe1f3")  # RFC 5709 3.3: what stands in place of the digest while it is computed


@dataclasses.dataclass(frozen=True)
class Signer:
    """A router, and the key with which it signs. The kind is an authentication of the link model, one with a key id."""

    router_id: str
    kind: str
    key_id: int
    key: str = dataclasses.field(repr=False)


def is_signed(datagram: bytes, signer: Signer) -> bool:
    """Return whether an IPv4 datagram, with its IP header as of a raw socket, is an OSPF packet of the signer."""
    packet = datagram[(datagram[0] & 0x0F) * 4 :] if datagram else b""
    if len(packet) < 24 or packet[0] != 2 or int.from_bytes(packet[14:16], "big") != _CRYPTOGRAPHIC:
        return False
    if packet[4:8] != socket.inet_aton(signer.router_id) or packet[18] != signer.key_id:
        return False
    length, octets = int.from_bytes(packet[2:4], "big"), packet[19]
    signature = packet[length : length + octets]
    return hmac.compare_digest(signature, digest(packet[:length], signer.kind, signer.key))


def digest(packet: bytes, kind: str, key: str) -> bytes:
    """Return the digest that a sender appends to the packet."""
    secret = key.encode()
    if kind == "md5":
        return hashlib.md5(packet + secret.ljust(16, b"\0"), usedforsecurity=False).digest()
    trailer = _APAD * (hashlib.new(kind).digest_size // len(_APAD))
    return hmac.new(secret, packet + trailer, kind).digest()


class Listener:
    """Hears the OSPF packets that arrive at this host, from any of its interfaces."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def wait_for(self, timeout: float, signers: Collection[Signer]) -> Signer | None:
        """Wait for a packet of any of the signers; return the one that is heard first, None if none is in time."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(socket.timeout):  # TimeoutError from Python 3.10 on
                datagram = self._socket.recv(65535)
                if heard := next((signer for signer in signers if is_signed(datagram, signer)), None):
                    return heard
        return None
