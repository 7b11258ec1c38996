"""QEMU processes: command line, start, stop, and whether one runs."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab import processes
from lab.errors import LabError
from lab.host import Architecture, architecture
from lab.kind import Kind
from lab.machines import MULTICAST_GROUP, Machine, Ports
from lab.paths import runtime_dir, state_dir
from lab.qmp import Qmp

LAN_SLOT, MANAGEMENT_SLOT = "0xb", "0x2"
"""PCI slots 11 and 2: they give the names enp0s11 and enp0s2 (image/init, as systemd.net-naming-scheme(7))."""
LAN_CARD = "lan0"

TRANSLATION_CACHE = 256
"""MiB of translated code per machine. tcg would take up to 1 GiB of the host for each."""


@dataclass(frozen=True)
class Files:
    """Files of one machine."""

    machine: Machine

    @property
    def directory(self) -> Path:
        return state_dir() / self.machine.name

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def initrd(self) -> Path:
        return self.directory / "initrd.cpio"

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    @property
    def log(self) -> Path:
        return self.directory / "qemu.log"

    @property
    def socket(self) -> Path:
        return runtime_dir() / f"{self.machine.name}.qmp"


def quote(path: Path) -> str:
    """A path inside a comma-separated option (qemu(1): a comma is doubled)."""
    return str(path).replace(",", ",,")


def _qmp_option(socket: Path) -> str:
    return f"unix:{quote(socket)},server=on,wait=off"


def command(
    machine: Machine, ports: Ports, kind: Kind, accelerator: str, arch: Architecture, snapshot: str = ""
) -> list[str]:
    """Command line of one machine; with `snapshot` it starts from there, stopped, instead of booting."""
    forwards = "".join(
        f",hostfwd=tcp:127.0.0.1:{host}-{machine.management_address}:{guest}"
        for host, guest in ports.forwards(machine).items()
    )
    files = Files(machine)
    hardware = kind.hardware(machine, arch, accelerator)
    accel = f"tcg,tb-size={TRANSLATION_CACHE}" if accelerator == "tcg" else accelerator
    line = [arch.qemu, "-name", machine.name, "-nodefaults", "-no-user-config", "-display", "none"]
    line += ["-machine", arch.machine, "-accel", accel, "-cpu", hardware.cpu]
    line += ["-smp", "1", "-m", str(machine.memory)]
    line += hardware.boot
    # `unsafe`: QEMU ends by its own `quit`, which writes the disk out; only a crash of the host could lose anything.
    line += ["-drive", f"if=none,id=disk0,format=qcow2,cache=unsafe,discard=unmap,file={quote(files.disk)}"]
    line += ["-device", f"virtio-blk-pci,drive=disk0,addr=0x3{hardware.disk}"]
    line += ["-netdev", f"user,id=management,ipv6=off{hardware.network}{forwards}"]
    line += ["-device", f"virtio-net-pci,netdev=management,addr={MANAGEMENT_SLOT},romfile=,mac={machine.mac(0)}"]
    line += ["-netdev", f"socket,id=lan,mcast={MULTICAST_GROUP}:{ports.lan},localaddr=127.0.0.1"]
    line += ["-device", f"virtio-net-pci,netdev=lan,id={LAN_CARD},addr={LAN_SLOT},romfile=,mac={machine.mac(1)}"]
    line += ["-chardev", f"file,id=console,path={quote(files.console)}", "-serial", "chardev:console"]
    line += ["-qmp", _qmp_option(files.socket)]
    if snapshot:
        line += ["-loadvm", snapshot, "-S"]
    return line


def _is(socket: Path) -> processes.Match:
    """Recognises the QEMU of one machine of this lab: no other process has this control socket in its arguments."""
    option = _qmp_option(socket)
    return lambda argv: Path(argv[0]).name.startswith("qemu-system-") and option in argv


def pid(machine: Machine) -> int | None:
    """Process id of the machine's QEMU, if it runs."""
    return next((process.pid for process in processes.find(_is(Files(machine).socket))), None)


def running(machine: Machine) -> bool:
    return pid(machine) is not None


def create_disk(machine: Machine, base: Path, form: str) -> None:
    """A new disk on top of an image's, which stays as it is; `form` is that of the image, as qemu-img calls it."""
    files = Files(machine)
    files.disk.unlink(missing_ok=True)
    line = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", form, "-b", str(base), str(files.disk)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"cannot make the disk of {machine.name}: {done.stderr.strip()}")


def start(machine: Machine, ports: Ports, kind: Kind, accelerator: str, snapshot: str = "") -> None:
    """Start the machine's QEMU and wait until it answers on its control socket."""
    files = Files(machine)
    files.socket.unlink(missing_ok=True)
    files.console.unlink(missing_ok=True)
    line = command(machine, ports, kind, accelerator, architecture(), snapshot)
    with files.log.open("wb") as log:
        # In a session of its own: a Ctrl-C in the terminal is ours to handle, and the machine outlives this command.
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
        )
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        # The socket exists before QEMU has read the rest of its command line; it speaks only after that.
        with contextlib.suppress(LabError, OSError), Qmp(files.socket, timeout=30):
            return
        time.sleep(0.02)
    raise LabError(f"QEMU of {machine.name} did not start: {last_words(machine) or 'no answer on its control socket'}")


def last_words(machine: Machine) -> str:
    """What QEMU itself said."""
    log = Files(machine).log
    return log.read_text(errors="replace").strip()[-1000:] if log.exists() else ""


def quit_machine(machine: Machine) -> bool:
    """Stop the machine as by pulling its plug. QEMU itself ends in order, so that the disk's file is whole."""
    socket = Files(machine).socket
    number = pid(machine)
    if number is None:
        return False
    try:
        with Qmp(socket, timeout=5) as qmp:
            qmp.command("quit")
    except (LabError, OSError, ValueError):
        pass  # not yet, or no longer, listening: stopped by signal below
    deadline = time.monotonic() + 5
    while running(machine) and time.monotonic() < deadline:
        processes.reap(number)
        time.sleep(0.02)
    if running(machine):
        processes.stop(number, _is(socket))
    socket.unlink(missing_ok=True)
    return True


def set_cable(machine: Machine, up: bool) -> None:
    """Plug or pull the machine's LAN cable; the management card is not touched."""
    with Qmp(Files(machine).socket) as qmp:
        qmp.command("set_link", name=LAN_CARD, up=up)


def resume(machine: Machine) -> None:
    """Go on, where an interrupted snapshot left the machine stopped."""
    with Qmp(Files(machine).socket) as qmp:
        if qmp.command("query-status")["status"] == "paused":
            qmp.command("cont")


def status(machine: Machine) -> str:
    """What QEMU says of the machine: running, paused, ..."""
    try:
        with Qmp(Files(machine).socket, timeout=5) as qmp:
            return str(qmp.command("query-status")["status"])
    except (LabError, OSError) as error:
        return f"does not answer ({error.__class__.__name__})"
