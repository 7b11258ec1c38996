"""What the host must have, and how to say that it has not."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.machines import MACHINES, MULTICAST_GROUP, PORTS_PER_LAB, Machine, Ports
from lab.processes import PROC, arguments

SETUP = "run `make setup` (or `python -m lab setup`), which installs it with apt"
OLDEST_QEMU_FOR_TCG = (10, 0)
"""Measured: under tcg QEMU 7.2 crashed Debian 13's kernel in 5 of 12 boots, with several CPU models; 10.0 in 0 of 6."""


@dataclass(frozen=True)
class Architecture:
    """What differs between the processors a lab can run on; the guest has the same one as the host."""

    debian: str
    qemu: str
    qemu_package: str
    machine: str
    tcg_cpu: str
    console: str
    kernel_package: str


ARCHITECTURES = {
    # q35, since a card on its root bus is not hot-pluggable and hence called enp0s11; on the older `pc` it is ens11.
    "x86_64": Architecture(
        debian="amd64",
        qemu="qemu-system-x86_64",
        qemu_package="qemu-system-x86",
        machine="q35,usb=off,smm=off,vmport=off,graphics=off",
        # Without five-level page tables, which `max` has and which make every page walk of tcg longer.
        tcg_cpu="max,la57=off",
        console="ttyS0",
        kernel_package="linux-image-cloud-amd64",
    ),
    "aarch64": Architecture(
        debian="arm64",
        qemu="qemu-system-aarch64",
        qemu_package="qemu-system-arm",
        machine="virt,gic-version=max",
        tcg_cpu="max,pauth-impdef=on",
        console="ttyAMA0",
        kernel_package="linux-image-cloud-arm64",
    ),
}

TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
    "tar": "tar",
    # Of the tests on this host: network namespaces, sockets.
    "ip": "iproute2",
}
"""Program -> Debian package, beside QEMU itself."""


def architecture(name: str | None = None) -> Architecture:
    """The host's architecture."""
    name = name or platform.machine()
    if name not in ARCHITECTURES:
        raise LabError(f"the lab runs on {' and '.join(ARCHITECTURES)}; this host is {name}")
    return ARCHITECTURES[name]


def which(program: str) -> str | None:
    """As shutil.which, also in the directories of root's programs, where Debian has mke2fs."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


# --- accelerator ------------------------------------------------------------------------------------------------------


def loaded_modules(sys_module: Path = Path("/sys/module")) -> set[str]:
    """Modules of the running kernel. /proc/modules would lack those built in, and is missing in such a kernel."""
    return {entry.name for entry in sys_module.iterdir()} if sys_module.is_dir() else set()


def accelerator_for(arch: Architecture, modules: Collection[str], kvm_usable: bool) -> str:
    """`kvm` only where hardware backs it: /dev/kvm of kvm_pvm exists and boots no stock kernel (measured)."""
    hardware = arch.debian == "arm64" or not {"kvm_intel", "kvm_amd"}.isdisjoint(modules)
    return "kvm" if kvm_usable and hardware else "tcg"


def accelerator(arch: Architecture) -> str:
    return accelerator_for(arch, loaded_modules(), os.access("/dev/kvm", os.R_OK | os.W_OK))


# --- programs ---------------------------------------------------------------------------------------------------------


def parse_version(text: str) -> tuple[int, int]:
    """Version of `qemu-system-... --version`."""
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found:
        raise LabError(f"cannot read QEMU's version from {text.strip()[:80]!r}; expected `... version 10.0...`")
    return int(found[1]), int(found[2])


def qemu_version(program: str) -> tuple[int, int]:
    return parse_version(subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout)


def check_version(version: tuple[int, int], accelerator: str) -> None:
    if accelerator == "tcg" and version < OLDEST_QEMU_FOR_TCG:
        raise LabError(
            "QEMU {}.{} is too old: this host offers no hardware KVM (kvm_intel or kvm_amd with a usable /dev/kvm), and"
            " in software emulation QEMU older than {}.{} crashes Debian 13's kernel at random; {}".format(
                *version, *OLDEST_QEMU_FOR_TCG, SETUP
            )
        )


def check_programs(arch: Architecture, accelerator: str, find: Callable[[str], str | None] = which) -> None:
    """Everything there and new enough, or a LabError which names the first thing that is not."""
    for program, package in {arch.qemu: arch.qemu_package, **TOOLS}.items():
        if not find(program):
            raise LabError(f"`{program}` (Debian package {package}) was not found; {SETUP}")
    check_version(qemu_version(find(arch.qemu) or arch.qemu), accelerator)


# --- ports ------------------------------------------------------------------------------------------------------------


def _listening_inodes(table: str, port: int) -> Iterator[str]:
    """Socket inodes of /proc/net/tcp or udp (proc_pid_net(5)) whose local port is `port`."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] in ("0A", "07"):
            yield fields[9]


def port_owner(protocol: str, port: int, proc: Path = PROC) -> str:
    """` by process N (name)`, or nothing where that cannot be seen."""
    sockets = {
        f"socket:[{inode}]"
        for table in (protocol, f"{protocol}6")
        if (file := proc / "net" / table).exists()
        for inode in _listening_inodes(file.read_text(), port)
    }
    for entry in proc.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if any(str(fd.readlink()) in sockets for fd in (entry / "fd").iterdir()):
                command = " ".join(arguments(int(entry.name), proc))
                return f" by process {entry.name} ({command[:60]})"
        except OSError:
            continue
    return ""


def check_ports(ports: Ports, skip: Iterable[int] = (), machines: Iterable[Machine] = MACHINES) -> None:
    """Every port free, but those in `skip`, which a machine of this lab already holds."""
    wanted = [("tcp", "127.0.0.1", port) for m in machines for port in ports.forwards(m)]
    wanted.append(("udp", MULTICAST_GROUP, ports.lan))
    for protocol, address, port in wanted:
        if port in skip:
            continue
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as probe:
            if protocol == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as QEMU does; passes over TIME_WAIT
            try:
                probe.bind((address, port))
            except OSError as error:
                raise LabError(
                    f"{protocol} port {port} of {address} is taken{port_owner(protocol, port)} ({error.strerror}); the"
                    f" lab needs ports {ports.base + 1} to {ports.base + PORTS_PER_LAB}: stop that process, or give the"
                    " lab others with LAB_PORT_BASE=NUMBER"
                ) from None


# --- disk -------------------------------------------------------------------------------------------------------------


def check_space(directory: Path, wanted: int, what: str) -> None:
    """At least `wanted` bytes free below `directory`."""
    existing = next(p for p in (directory, *directory.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < wanted:
        raise LabError(
            f"{what} needs {wanted / 2**30:.1f} GiB in {directory}, where {free / 2**30:.1f} GiB are free; make room"
            " there (`python -m lab clean` removes old images)"
        )
