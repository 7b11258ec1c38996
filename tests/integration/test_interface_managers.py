"""The dummy interface on nodes as people set them up: whose files are read at boot, and by what."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from field import ADDRESS, LINK, FieldNode, field_node

from bed import ANYCAST, ensure_rootfs, requirements
from bed.systemd import systemd_requirements

if reason := requirements() or systemd_requirements(ensure_rootfs()):
    pytest.skip(reason, allow_module_level=True)

INTERFACES = "/etc/network/interfaces"
LO = "auto lo\niface lo inet loopback\n"
BY_HAND = """
auto dummy0
iface dummy0 inet static
  address 172.18.0.64/32
  pre-up ip link add dev dummy0 type dummy
  post-down ip link del dev dummy0
"""
VMBR0 = f"""
auto {LINK}
iface {LINK} inet static
  address {ADDRESS}/26
  bridge-ports none
  bridge-stp off
"""
LINK_TYPE = """
auto dummy0
iface dummy0
  link-type dummy
  address 172.18.0.64/32
"""


@pytest.fixture
def ifupdown() -> Iterator[FieldNode]:
    with field_node("ifupdown") as node:
        yield node


def files(node: FieldNode) -> str:
    return node.machine.run("find", "/etc/network", "/etc/systemd/network", "-name", "*anycast*")


@pytest.mark.parametrize("stanza", ["", BY_HAND])
def test_an_interfaces_file_that_reads_no_other(ifupdown: FieldNode, stanza: str) -> None:
    """As in a container of Proxmox."""
    node = ifupdown
    node.machine.write(INTERFACES, LO + stanza)
    run = node.role()
    assert not run.good
    assert "Add the line 'source /etc/network/interfaces.d/*' at the end of /etc/network/interfaces" in run.printed
    assert run.changed == 0 and files(node) == ""
    assert node.machine.run("cat", INTERFACES) == LO + stanza

    node.machine.write(INTERFACES, LO + stanza + "source /etc/network/interfaces.d/*\n")
    run = node.role()
    assert run.good, run.printed
    node.boot_network()
    assert node.addresses() == [f"{ANYCAST}/32"]


def test_names_that_are_sourced(ifupdown: FieldNode) -> None:
    node = ifupdown
    node.machine.write(INTERFACES, LO + "source /etc/network/interfaces.d/*.cfg\n" + BY_HAND)
    node.machine.run("mkdir", "-p", "/etc/network/interfaces.d")
    run = node.role()
    assert run.good, run.printed
    assert files(node) == "/etc/network/interfaces.d/anycast-dummy0.cfg\n"
    assert node.role().changed == 0
    node.boot_network()
    assert node.addresses() == [f"{ANYCAST}/32"]
    # Without the service the file goes too.
    run = node.role(bird_anycast_services=[{"name": "sip", "addresses": ["172.18.0.65"], "interface": "dummy1"}])
    assert run.good, run.printed
    assert files(node) == "/etc/network/interfaces.d/anycast-dummy1.cfg\n"


@pytest.fixture
def ifupdown2() -> Iterator[FieldNode]:
    with field_node("ifupdown2") as node:
        node.machine.write(INTERFACES, LO + VMBR0 + "source /etc/network/interfaces.d/*\n")
        yield node


def test_ifupdown2(ifupdown2: FieldNode) -> None:
    """As on each Proxmox host. Its cache may not know what pre-up has made, 1 boot of 8 had no address."""
    node = ifupdown2
    run = node.role()
    assert run.good, run.printed
    assert "link-type dummy" in node.machine.run("cat", "/etc/network/interfaces.d/anycast-dummy0")
    assert node.addresses() == [f"{ANYCAST}/32"]
    assert node.role().changed == 0
    # More addresses come without the interface going down.
    index = node.machine.run("cat", "/sys/class/net/dummy0/ifindex")
    more = [{"name": "sip", "addresses": [ANYCAST]}, {"name": "dns", "addresses": ["172.18.0.65"]}]
    run = node.role(bird_anycast_services=more)
    assert run.good, run.printed
    assert node.addresses() == [f"{ANYCAST}/32", "172.18.0.65/32"]
    assert node.machine.run("cat", "/sys/class/net/dummy0/ifindex") == index
    assert node.role(bird_anycast_services=more).changed == 0
    for _boot in range(10):
        node.boot_network()
        assert node.addresses() == [f"{ANYCAST}/32", "172.18.0.65/32"]
    assert node.role(bird_anycast_services=more).changed == 0
    # As Proxmox does after a change of its network.
    node.machine.run("ifreload", "-a")
    assert node.addresses() == [f"{ANYCAST}/32", "172.18.0.65/32"]
    # Back to one address, while the interface stays.
    index = node.machine.run("cat", "/sys/class/net/dummy0/ifindex")
    run = node.role()
    assert run.good, run.printed
    assert node.addresses() == [f"{ANYCAST}/32"]
    assert node.machine.run("cat", "/sys/class/net/dummy0/ifindex") == index


def test_what_was_made_by_hand_for_ifupdown2(ifupdown2: FieldNode) -> None:
    node = ifupdown2
    node.machine.write(INTERFACES, LO + VMBR0 + LINK_TYPE + "source /etc/network/interfaces.d/*\n")
    node.machine.run("ifup", "dummy0")
    index = node.machine.run("cat", "/sys/class/net/dummy0/ifindex")
    run = node.role()
    assert run.good, run.printed
    assert "dummy0" not in node.machine.run("cat", INTERFACES)
    assert node.machine.run("cat", "/sys/class/net/dummy0/ifindex") == index
    assert node.role().changed == 0
    node.boot_network()
    assert node.addresses() == [f"{ANYCAST}/32"]


def test_a_wide_match_of_networkd() -> None:
    """It sorts before the files of earlier versions, and dummy0 got the node's own address."""
    with field_node("dbus", "iptables") as node:
        # As in a container: networkd does not wait for udev then.
        node.machine.run("mount", "-o", "remount,ro", "/sys")
        wide = f"[Match]\nName=e* d*\n[Network]\nAddress={ADDRESS}/26\nConfigureWithoutCarrier=yes\n"
        node.machine.write("/etc/systemd/network/20-wired.network", wide)
        # networkd cannot make one where the kernel has no driver.
        node.machine.run("ip", "link", "add", "dummy0", "type", "dummy")
        node.machine.systemctl("start", "dbus", "systemd-networkd")
        run = node.role(bird_anycast_interface_manager="networkd")
        assert run.good, run.printed
        assert node.addresses() == [f"{ANYCAST}/32"]
        assert "/etc/systemd/network/00-anycast-dummy0.network" in node.machine.run("networkctl", "status", "dummy0")
        assert node.role(bird_anycast_interface_manager="networkd").changed == 0


def test_a_kernel_without_the_driver() -> None:
    """As in a container whose host has not loaded it. The file was written, and networking failed at each boot."""
    with field_node("ifupdown", dummy=False) as node:
        if "Unknown device type" not in node.machine.run("ip", "link", "add", "x", "type", "dummy", check=False):
            pytest.skip("this kernel has the dummy driver")
        run = node.role()
        assert not run.good and run.changed == 0
        assert "no dummy interface can be made on this node. Load the driver, in a container on its host" in run.printed
        assert files(node) == ""
