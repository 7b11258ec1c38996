"""What the host must have: the choice of accelerator, and each complaint."""

import os
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from lab import host
from lab.errors import LabError
from lab.host import ARCHITECTURES, accelerator_for, architecture, check_version, parse_version
from lab.machines import MACHINES, PORTS_PER_LAB, SPARES, Ports

X86, ARM = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]


@pytest.mark.parametrize(
    ("arch", "modules", "usable", "expected"),
    [
        (X86, {"kvm", "kvm_intel"}, True, "kvm"),
        (X86, {"kvm", "kvm_amd"}, True, "kvm"),
        (X86, {"kvm", "kvm_amd"}, False, "tcg"),  # /dev/kvm of another group
        (X86, {"kvm", "kvm_pvm"}, True, "tcg"),  # /dev/kvm exists and boots no stock kernel
        (X86, set(), True, "tcg"),
        (ARM, set(), True, "kvm"),  # built in, no module
        (ARM, set(), False, "tcg"),
    ],
)
def test_kvm_only_where_hardware_backs_it(
    arch: host.Architecture, modules: set[str], usable: bool, expected: str
) -> None:
    assert accelerator_for(arch, modules, usable) == expected


def test_modules_are_those_the_kernel_shows(tmp_path: Path) -> None:
    (tmp_path / "kvm_amd").mkdir()
    assert host.loaded_modules(tmp_path) == {"kvm_amd"}
    assert host.loaded_modules(tmp_path / "missing") == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright", (10, 0)),
        ("QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7)", (7, 2)),
        ("QEMU emulator version 11.1", (11, 1)),
    ],
)
def test_version(text: str, expected: tuple[int, int]) -> None:
    assert parse_version(text) == expected


def test_an_unreadable_version_is_shown() -> None:
    with pytest.raises(LabError, match="cannot read QEMU's version from 'what'"):
        parse_version("what\n")


@pytest.mark.parametrize(("version", "accelerator"), [((10, 0), "tcg"), ((11, 0), "tcg"), ((7, 2), "kvm")])
def test_a_version_which_works(version: tuple[int, int], accelerator: str) -> None:
    check_version(version, accelerator)


def test_a_version_too_old_for_tcg_says_what_to_run() -> None:
    with pytest.raises(LabError, match=r"QEMU 9\.2 is too old.*older than 10\.0.*make setup"):
        check_version((9, 2), "tcg")


@pytest.mark.parametrize(
    ("missing", "package"),
    [("qemu-system-x86_64", "qemu-system-x86"), ("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")],
)
def test_a_missing_program_is_named_with_its_package(missing: str, package: str) -> None:
    def find(program: str) -> str | None:
        return None if program == missing else f"/usr/bin/{program}"

    with pytest.raises(LabError, match=rf"`{missing}` \(Debian package {package}\) was not found; run `make setup`"):
        host.check_programs(X86, "tcg", find)


def test_another_processor_is_refused() -> None:
    with pytest.raises(LabError, match="this host is riscv64"):
        architecture("riscv64")


@pytest.fixture
def base() -> int:
    """A base whose ports are free, by asking the kernel for one."""
    for _dummy in range(50):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            candidate = min(int(probe.getsockname()[1]), 65000) - 1
        try:
            host.check_ports(Ports(candidate))
        except LabError:
            continue
        return candidate
    raise AssertionError("no free ports")


def test_a_taken_port_is_named_with_its_owner(base: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 3))
        other.listen()
        with pytest.raises(LabError, match=rf"tcp port {base + 3} .* by process {os.getpid()} \(.*LAB_PORT_BASE"):
            host.check_ports(Ports(base))
        host.check_ports(Ports(base), skip=[base + 3])


def test_the_ports_of_a_spare_are_checked_with_it_alone(base: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 10))
        other.listen()
        host.check_ports(Ports(base))
        with pytest.raises(LabError, match=rf"tcp port {base + 10} .*ports {base + 1} to {base + PORTS_PER_LAB}:"):
            host.check_ports(Ports(base), machines=SPARES)


def test_a_taken_multicast_port_is_named(base: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", Ports(base).lan))
        with pytest.raises(LabError, match=f"udp port {base + 7}"):
            host.check_ports(Ports(base))


def test_every_port_of_the_lab_is_checked(base: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[int] = []

    class Probe(socket.socket):
        def bind(self, address: object) -> None:
            assert isinstance(address, tuple)
            bound.append(address[1])

    monkeypatch.setattr(socket, "socket", Probe)
    host.check_ports(Ports(base))
    assert sorted(bound) == [base + n for n in (1, 2, 3, 4, 5, 7, 8, 9)]
    assert len(bound) == sum(len(Ports(base).forwards(m)) for m in MACHINES) + 1


def test_too_little_space_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 2**30))
    with pytest.raises(LabError, match=r"The lab needs 3\.0 GiB in .*new, where 1\.0 GiB are free"):
        host.check_space(tmp_path / "not" / "yet" / "new", 3 * 2**30, "The lab")
    host.check_space(tmp_path, 2**30, "The lab")
