"""A disk that stands in for a CHR where there is none: python -m lab.stand_in .lab/stand-in.img

It boots by BIOS, takes its address by DHCP, and lets admin in without a password, as a fresh CHR. Inside is the
lab's Debian with the emulator. What the emulator cannot do (bridges, importing certificates) is there from the start.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import cpio, emulator, keys, personality, tarball
from lab.cpio import File
from lab.errors import LabError
from lab.host import architecture, which
from lab.image import Image, ensure
from lab.linux import KERNEL_ARGUMENTS
from lab.machines import MANAGEMENT_INTERFACE, ROUTER

SECTOR = 512
GRUB = Path("/usr/lib/grub/i386-pc")
MODULES = ("biosdisk", "ext2", "linux", "boot", "serial", "terminal")
# GRUB's boot.S: where its sector says at which sector the rest begins.
KERNEL_SECTOR_AT = 0x5C
# GRUB's diskboot.S: its sector ends with a list of one block: start (8 bytes), length and segment (2 bytes each).
BLOCK_LIST_AT = SECTOR - 12
USERS = [{"name": "admin", "password": ""}]
UDHCPC = """\
#!/bin/sh
[ "$1" = bound ] && ip address replace "$ip/$mask" dev "$interface"
exit 0
"""


def tree() -> dict[str, File]:
    """The router's personality, with the emulator, the users of a factory and DHCP."""
    files = personality.files(
        ROUTER,
        authorized_key=keys.public(keys.user_key()),
        host_key=keys.host_key(ROUTER).read_bytes(),
        tls=keys.tls(),
    )
    (path,) = [path for path, file in files.items() if path.startswith("etc/network/interfaces.d/")]
    _management, _blank, lan = files[path].content.decode().partition("\n\n")
    dhcp = f"auto {MANAGEMENT_INTERFACE}\niface {MANAGEMENT_INTERFACE} inet manual\n"
    dhcp += f"    up ip link set $IFACE up\n    up busybox udhcpc -i $IFACE -n -q -t 10 -s /{path}.udhcpc\n"
    files[path] = cpio.text(f"{dhcp}\n{lan}")
    files[f"{path}.udhcpc"] = cpio.text(UDHCPC, 0o755)
    unit = emulator.UNIT.read_text().replace("serve --state", "serve --users /etc/routeros/factory.json --state")
    files[f"etc/systemd/system/{emulator.UNIT.name}"] = cpio.text(unit)
    files["etc/routeros/factory.json"] = cpio.text(json.dumps(USERS), 0o600)
    for source in (emulator.PACKAGE, emulator.librouteros()):
        for name, file in tarball.files_of(source, source.parent):
            files[f"{emulator.TARGET.lstrip('/')}/{name}"] = File(file.read_bytes())
    return files


def bootable(boot: bytes, core: bytes, disk_size: int) -> tuple[bytes, bytes]:
    """GRUB's two parts: the first sector of a disk, and what is appended to the disk. An ext4 leaves the first free."""
    first = disk_size // SECTOR
    core += bytes(-len(core) % SECTOR)
    boot = boot[:KERNEL_SECTOR_AT] + struct.pack("<Q", first) + boot[KERNEL_SECTOR_AT + 8 :]
    blocks = struct.pack("<QH", first + 1, len(core) // SECTOR - 1)
    return boot, core[:BLOCK_LIST_AT] + blocks + core[BLOCK_LIST_AT + len(blocks) :]


def make(target: Path) -> None:
    """Write the disk."""
    arch = architecture()
    if arch.debian != "amd64":
        raise LabError(f"the stand-in boots by the BIOS of a PC; this host is {arch.debian}")
    for program, package in {"grub-mkimage": "grub-common", "debugfs": "e2fsprogs"}.items():
        if not which(program):
            raise LabError(f"`{program}` (Debian package {package}) was not found; install it")
    if not (GRUB / "boot.img").exists():
        raise LabError(f"{GRUB} was not found; install the Debian package grub-pc-bin")
    image = ensure(ROUTER.suite)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_suffix(".new")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        _run("qemu-img", "convert", "-O", "raw", str(image.disk), str(new))
        _write_kernel(new, image, Path(scratch))
        core = Path(scratch, "core.img")
        commands = Path(scratch, "boot.cfg")
        commands.write_text(
            f"set root=hd0\nlinux /vmlinuz.lab {KERNEL_ARGUMENTS} console={arch.console}\ninitrd /initrd.lab\nboot\n"
        )
        _run(
            "grub-mkimage",
            "-d",
            str(GRUB),
            "-O",
            "i386-pc",
            "-p",
            "(hd0)/",
            "-c",
            str(commands),
            "-o",
            str(core),
            *MODULES,
        )
        size = -(-new.stat().st_size // SECTOR) * SECTOR
        sector, rest = bootable((GRUB / "boot.img").read_bytes(), core.read_bytes(), size)
        with new.open("r+b") as disk:
            disk.write(sector)
            disk.seek(size)
            disk.write(rest)
    new.rename(target)


def _write_kernel(disk: Path, image: Image, scratch: Path) -> None:
    """Put kernel and initial RAM disk into the root file system, without mounting it."""
    initrd = scratch / "initrd"
    initrd.write_bytes(image.initrd.read_bytes() + personality.archive(ROUTER, tree()))
    for source, name in ((image.kernel, "vmlinuz.lab"), (initrd, "initrd.lab")):
        _run("debugfs", "-w", "-R", f"write {source} {name}", str(disk))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([which(program) or program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{program}` failed: {done.stderr.strip()[-500:]}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.stand_in", description=__doc__)
    parser.add_argument("target", type=Path, help="where to write the disk")
    try:
        make(parser.parse_args(argv).target.absolute())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
