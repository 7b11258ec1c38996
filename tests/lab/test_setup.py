"""`setup`: what it would install, and the sources it gives to its one apt call."""

import os
from pathlib import Path

import pytest

from lab import setup
from lab.errors import LabError
from lab.host import ARCHITECTURES, Architecture

X86 = ARCHITECTURES["x86_64"]
TARGETS = [
    "mirror:/debian/ bookworm main",
    "mirror:/debian/ bookworm main",
    "mirror:/debian/ bookworm-updates main",
    "mirror:/security/ bookworm-security main",
    "other:/cloud/ cloud-bookworm main",
    "mirror:/debian/ bookworm contrib",
]


def test_backports_come_from_the_mirror_the_host_uses() -> None:
    assert setup.backports_sources(TARGETS, "bookworm", None).splitlines() == [
        "deb mirror:/debian/ bookworm main",
        "deb mirror:/debian/ bookworm-updates main",
        "deb mirror:/security/ bookworm-security main",
        "deb mirror:/debian/ bookworm-backports main",
    ]


def test_backports_are_verified_by_the_archives_keys() -> None:
    text = setup.backports_sources(TARGETS, "bookworm", Path("/keys.gpg"))
    assert all(line.startswith("deb [signed-by=/keys.gpg] ") for line in text.splitlines())


def test_a_host_without_the_main_archive_is_told() -> None:
    with pytest.raises(LabError, match="no source of bookworm main"):
        setup.backports_sources(TARGETS[2:], "bookworm", None)


@pytest.fixture
def nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "architecture", lambda: X86)
    monkeypatch.setattr(setup, "missing_packages", lambda arch: set())
    monkeypatch.setattr(setup, "qemu_is_too_old", lambda arch: False)


def test_does_nothing_when_all_is_there(
    nothing_to_do: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "run", lambda *_, **__: pytest.fail("ran something"))
    setup.setup()
    assert "Everything the lab needs is installed." in capsys.readouterr().out


def test_qemu_too_old_for_tcg_comes_from_backports_and_nowhere_else(
    nothing_to_do: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []

    def backports(arch: Architecture) -> None:
        calls.append(("backports", arch.qemu_package))

    monkeypatch.setattr(setup, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(setup, "missing_packages", lambda arch: {"mmdebstrap", "qemu-system-x86", "qemu-utils"})
    monkeypatch.setattr(setup, "qemu_is_too_old", lambda arch: True)
    monkeypatch.setattr(setup, "apt_get", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(setup, "install_qemu_from_backports", backports)
    setup.setup()
    assert calls == [
        ("update",),
        ("install", "--yes", "--no-install-recommends", "mmdebstrap"),
        ("backports", "qemu-system-x86"),
    ]


def test_without_root_or_sudo_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(setup, "which", lambda program: None)
    with pytest.raises(LabError, match="root is needed to run `apt-get update`, and there is no sudo"):
        setup.apt_get("update")
