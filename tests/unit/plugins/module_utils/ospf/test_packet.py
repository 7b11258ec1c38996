# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose key has signed a packet. The quick bed asks the same of packets that BIRD and FRR have sent."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import socket
import struct

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf import packet as ospf_packet
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.packet import Listener, Signer, is_signed

OCTETS = {"md5": 16, "sha256": 32}


def hello(kind="sha256", key="secret", router_id="172.18.0.1", key_id=1, version=2, kind_of_key=2, options=b""):
    """Return an IPv4 datagram with a hello and its digest (RFC 2328 D.4.3; RFC 5709 3.3)."""
    body = b"\xff\xff\xff\xc0" + b"\0\3\2\1" + b"\0\0\0\x0c" + bytes(8)
    header = struct.pack(">BBH", version, 1, 24 + len(body)) + socket.inet_aton(router_id) + bytes(4)
    header += b"\0\0" + struct.pack(">H", kind_of_key) + struct.pack(">HBBI", 0, key_id, OCTETS[kind], 77)
    packet = header + body
    if kind == "md5":
        signature = hashlib.md5(packet + key.encode().ljust(16, b"\0"), usedforsecurity=False).digest()
    else:
        signature = hmac.digest(key.encode(), packet + bytes.fromhex("878fe1f3") * 8, "sha256")
    ip = bytes([0x40 | (20 + len(options)) // 4]) + bytes(19) + options
    return ip + packet + signature


ASKED = Signer("172.18.0.1", "sha256", 1, "secret")


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_the_key_of_the_router(kind):
    assert is_signed(hello(kind), Signer("172.18.0.1", kind, 1, "secret"))


def test_an_ip_header_with_options():
    assert is_signed(hello(options=bytes(4)), ASKED)


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(hello()[:40], id="cut off"),
        pytest.param(hello(key="other"), id="another key under this id"),
        pytest.param(hello(key_id=2), id="another id"),
        pytest.param(hello(router_id="172.18.0.2"), id="another router"),
        pytest.param(hello("md5"), id="another kind of digest"),
        pytest.param(hello(version=3), id="OSPFv3"),
        pytest.param(hello(kind_of_key=1), id="a key in clear"),
        pytest.param(hello()[:-1] + b"\0", id="a digest with another last octet"),
    ],
)
def test_what_it_has_not_signed(datagram):
    assert not is_signed(datagram, ASKED)


class Wire:
    """Stands in for a raw socket, and for the time that passes while it waits."""

    def __init__(self, packets):
        self.packets = list(packets)
        self.now = 0.0
        self.closed = False

    def monotonic(self):
        return self.now

    def settimeout(self, seconds):
        self.left = seconds

    def recv(self, _size):
        if not self.packets:
            self.now += self.left
            raise socket.timeout  # noqa: UP041
        self.now += 3
        return self.packets.pop(0)

    def close(self):
        self.closed = True


@pytest.fixture
def wire(monkeypatch):
    def wire(*packets):
        made = Wire(packets)
        monkeypatch.setattr(ospf_packet, "time", made)
        monkeypatch.setattr(socket, "socket", lambda family, kind, protocol: made if protocol == 89 else None)
        return made

    return wire


def test_waits_until_the_router_has_moved(wire):
    heard = wire(hello(key_id=2), hello(router_id="172.18.0.3"), hello(), hello())
    with Listener() as listener:
        assert listener.wait_for(30, [ASKED])
    assert len(heard.packets) == 1 and heard.closed


def test_of_several_routers_the_first_one_that_has_moved_counts(wire):
    second = dataclasses.replace(ASKED, router_id="172.18.0.2")
    wire(hello(router_id="172.18.0.2", key="other"), hello(router_id="172.18.0.2"), hello())
    with Listener() as listener:
        assert listener.wait_for(30, [ASKED, second]) == second
        assert listener.wait_for(30, [ASKED, second]) == ASKED


@pytest.mark.parametrize("packets", [[], [hello(key="other")] * 20])
def test_gives_up_when_the_time_is_over(wire, packets):
    heard = wire(*packets)
    with Listener() as listener:
        assert listener.wait_for(30, [ASKED]) is None
    assert heard.now == 30


def test_gives_up_on_python_3_9_too(wire, monkeypatch):
    """There this is no TimeoutError."""
    monkeypatch.setattr(socket, "timeout", type("timeout", (OSError,), {}))
    heard = wire()
    with Listener() as listener:
        assert listener.wait_for(30, [ASKED]) is None
    assert heard.now == 30
