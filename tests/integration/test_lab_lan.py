"""The lab's LAN is a hub. With the filter of its routers a backup forwards nothing that is for the master."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bed import Machine, ensure_rootfs, requirements
from lab import personality
from lab.machines import LAN_INTERFACE, machine
from lab.personality import BRIDGE

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

EDGE, HAP_LITE, PHONE = machine("edge"), machine("hap-lite"), machine("phones")
OWN, OTHER, CLIENT = EDGE.addresses[0], HAP_LITE.addresses[0], PHONE.addresses[0]
VIRTUAL_MAC, GROUP_MAC, BROADCAST = "00:00:5e:00:01:12", "01:00:5e:00:00:12", "ff:ff:ff:ff:ff:ff"
VRRP, ARP = 112, 0x806


@pytest.fixture
def phone() -> Iterator[Machine]:
    """A client beside a router that has an interface of VRRP on its bridge; it sends to it by the virtual address."""
    with ExitStack() as stack:
        router, phone = (Machine(name, ensure_rootfs()) for name in ("edge", "phones"))
        stack.callback(router.stop)
        stack.callback(phone.stop)
        router.connect(LAN_INTERFACE, phone, LAN_INTERFACE)
        phone.run("ip", "address", "add", f"{CLIENT}/26", "dev", LAN_INTERFACE)
        phone.run("ip", "neighbor", "add", OWN, "lladdr", VIRTUAL_MAC, "dev", LAN_INTERFACE)
        router.run("ip", "link", "add", BRIDGE, "address", EDGE.mac(1), "type", "bridge")
        router.run("ip", "address", "add", f"{OWN}/26", "dev", BRIDGE)
        router.write("/run/lan-echo.nft", personality.echo_filter(EDGE))
        router.run("nft", "-f", "/run/lan-echo.nft")
        router.run("ip", "link", "set", LAN_INTERFACE, "master", BRIDGE)
        router.run("ip", "link", "add", "vrrp1", "link", BRIDGE, "address", VIRTUAL_MAC, "type", "macvlan")
        for name in (BRIDGE, "vrrp1"):
            router.run("ip", "link", "set", name, "up")
        yield phone


def send(phone: Machine, payload: bytes, kind: int = 0x800) -> None:
    """A frame from the virtual address, as the hub gives it to the router."""
    to = BROADCAST if kind == ARP else GROUP_MAC
    header = bytes.fromhex(f"{to}{VIRTUAL_MAC}".replace(":", "")) + struct.pack("!H", kind)
    with phone.network(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as card:
        card.bind((LAN_INTERFACE, 0))
        card.send(header + payload)


def advertisement(address: str) -> bytes:
    """An IPv4 packet of VRRP; the filter does not look further."""
    ends = socket.inet_aton(address) + socket.inet_aton("224.0.0.18")

    def header(checksum: int) -> bytes:
        return struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 255, VRRP, checksum) + ends

    total = sum(struct.unpack("!10H", header(0)))
    return header(~(total % 0xFFFF) & 0xFFFF) + bytes(8)


def reaches(phone: Machine) -> bool:
    """Whether the router takes what is sent to the virtual address."""
    return "1 received" in phone.run("ping", "-c", "1", "-W", "1", OWN, check=False)


def test_a_router_takes_what_is_for_the_virtual_address_as_the_master_alone(phone: Machine) -> None:
    assert not reaches(phone), "no router has been the master"
    send(phone, advertisement(OTHER))
    assert not reaches(phone), "hap-lite is the master"
    send(phone, advertisement(OWN))  # given back by the hub
    assert reaches(phone)
    # An ARP reply of a router does not tell which one sends it.
    send(phone, bytes(28), ARP)
    assert reaches(phone)
    send(phone, advertisement(OTHER))
    assert not reaches(phone), "hap-lite is the master again"
