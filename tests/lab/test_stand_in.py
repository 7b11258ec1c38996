"""The disk that stands in for a CHR: what is on it, and where its BIOS finds it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from lab import keys, stand_in
from lab.cpio import File


@pytest.fixture
def tree(state: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, File]:
    monkeypatch.setattr(keys, "tls", lambda: {"cert.pem": b"CERTIFICATE", "key.pem": b"KEY"})
    (state.parent / "hap-lite_host_ed25519").write_bytes(b"HOST KEY")
    return stand_in.tree()


def test_it_takes_its_address_by_dhcp(tree: dict[str, File]) -> None:
    text = tree["etc/network/interfaces.d/lab"].content.decode()
    assert "10.0.2.11" not in text
    assert "busybox udhcpc -i $IFACE" in text
    assert "address 172.18.0.1/26" in text
    assert tree["etc/network/interfaces.d/lab.udhcpc"].mode == 0o755


def test_its_emulator_starts_at_boot_with_the_user_of_a_factory(tree: dict[str, File]) -> None:
    unit = tree["etc/systemd/system/routeros.service"].content.decode()
    assert "--users /etc/routeros/factory.json" in unit
    assert json.loads(tree["etc/routeros/factory.json"].content) == [{"name": "admin", "password": ""}]
    assert tree["etc/routeros/factory.json"].mode == 0o600
    assert "opt/routeros/routeros/__main__.py" in tree and "opt/routeros/librouteros/__init__.py" in tree


def test_the_first_sector_leads_to_the_rest_behind_the_file_system() -> None:
    boot, rest = stand_in.bootable(bytes(510) + b"\x55\xaa", bytes(512) + b"x" * 1000, 100 * 512)
    assert (len(boot), boot[510:]) == (512, b"\x55\xaa")
    assert struct.unpack("<Q", boot[0x5C:0x64]) == (100,)
    # The rest's own first sector says where the others are, and how many.
    assert struct.unpack("<QH", rest[500:510]) == (101, 2)
    assert len(rest) == 3 * 512
