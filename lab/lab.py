"""Life of the lab: up, down, one machine off and on, and what it looks like now."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from lab import cloud_router, host, image, inventory, keys, qemu, snapshots, ssh, state
from lab.errors import LabError
from lab.image import Image
from lab.kind import Kind, Wait
from lab.linux import Linux
from lab.machines import MACHINES, ROUTER, SPARES, SUITES, Machine, Ports, ports_from
from lab.parallel import each
from lab.paths import runtime_dir, state_dir
from lab.state import State

PATIENCE = {"kvm": 90.0, "tcg": 600.0}
"""Seconds until a machine which cannot be reached is given up; on tcg with 2 cores, five machines take about 60, and
four times that beside other work."""
SPACE_FOR_DISKS = 2**30
"""What the machines' own disks grow to with a few snapshots."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this command as Ctrl-C does: with everything cleaned up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Cleaning up is not to be interrupted by a second Ctrl-C."""
    with _handled(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None] | signal.Handlers, *numbers: int) -> Iterator[None]:
    """These signals are handled so for a while."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


class Clock:
    """Progress lines with the seconds since the command began."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._start:5.1f} s] {text}", flush=True)


def up() -> None:
    """Bring up every machine that is not; a lab which is up stays as it is."""
    clock = Clock()
    old = state.load()
    ports = ports_from(saved=old.port_base if old else None)
    on = [machine for machine in (*MACHINES, *SPARES) if qemu.running(machine)]
    off = [machine for machine in MACHINES if machine not in on]
    if on and old is None:
        raise LabError(f"{', '.join(m.name for m in on)} run without a lab; run `python -m lab down` first")
    if on and old is not None and ports != old.ports:
        raise LabError(
            f"LAB_PORT_BASE is {ports.base}, but the lab is up with {old.port_base};"
            " run `python -m lab down` first, or unset the variable"
        )
    wanted = cloud_router.asked_for()
    if on and old is not None and wanted and str(wanted) != old.router_image:
        raise LabError(
            f"{cloud_router.VARIABLE} is {wanted}, but the router of this lab is {old.router_image or 'the emulator'};"
            " run `python -m lab down` first, or unset the variable"
        )
    try:
        current = old if on and old else _prepare(ports)
        if off:
            host.check_ports(ports, skip=[port for m in on for port in (*ports.forwards(m), ports.lan)])
            clock.say(f"Starting {', '.join(machine.name for machine in off)} ({current.accelerator})")
        else:
            clock.say("The lab is already up.")
        each(on, qemu.resume)
        _boot(off, current, clock)
        inventory.write(ports)
        problem = _sync_router(ROUTER, current, clock)
    except BaseException:
        with _undisturbed():
            each(off, lambda machine: _stop(machine, ports))
            if not on:
                _forget(keep_logs=True)
        raise
    if problem:
        raise problem  # with the machines left up, to look at
    if off:
        clock.say(f"The lab is up. Inventory: {state_dir() / inventory.FILE}")


def _sync_router(router: Machine, current: State, clock: Clock) -> LabError | None:
    try:
        if message := kind_of(router, current).sync(router, current.ports):
            clock.say(f"{router.name}: {message}")
    except LabError as error:
        return error
    return None


def _prepare(ports: Ports) -> State:
    """Everything which a new lab needs before a machine starts."""
    arch = host.architecture()
    accelerator = host.accelerator(arch)
    host.check_programs(arch, accelerator)
    wanted = cloud_router.asked_for()
    router = cloud_router.look_at(wanted, arch) if wanted else None
    host.check_ports(ports)
    built = build_images()
    host.check_space(state_dir(), SPACE_FOR_DISKS, "The lab")
    current = State(
        ports.base,
        accelerator,
        {suite: one.directory.name for suite, one in built.items()},
        *((str(wanted), str(router.path), router.format, cloud_router.digest(router.path)) if router else ()),
    )
    ssh.known_hosts_file().write_text(keys.known_hosts(ports))
    _remove_spares(ports)
    for machine in MACHINES:
        _create(machine, current)
    state.save(current)
    return current


def _create(machine: Machine, current: State) -> None:
    qemu.Files(machine).directory.mkdir(mode=0o700, exist_ok=True)
    kind_of(machine, current).create(machine)


def _boot(machines: list[Machine], current: State, clock: Clock) -> None:
    """Start machines from their disks and wait until each has finished its boot."""
    stop = threading.Event()
    patience = PATIENCE[current.accelerator]
    for machine in machines:
        qemu.start(machine, current.ports, kind_of(machine, current), current.accelerator)

    def wait(machine: Machine) -> None:
        try:
            kind_of(machine, current).boot(machine, current.ports, Wait(patience, stop, clock.say))
            clock.say(f"{machine.name}: booted")
        except LabError as error:
            console = qemu.Files(machine).console
            tail = console.read_text(errors="replace").splitlines()[-25:] if console.exists() else []
            raise LabError(f"{error}; the end of its console ({console}):\n" + "\n".join(tail)) from None

    each(machines, wait, stop)


def kind_of(machine: Machine, current: State) -> Kind:
    """What the machine was made from."""
    if machine == ROUTER and current.router_disk:
        router = cloud_router.RouterImage(Path(current.router_disk), current.router_disk_form)
        if not router.path.is_file():
            raise LabError(f"the router's image, {router.path}, is gone; bring it back, or run `python -m lab down`")
        return cloud_router.Chr(router)
    found = image.of_key(current.images[machine.suite])
    if not found.directory.is_dir():
        raise LabError(f"the image of this lab, {found.directory}, is gone; run `python -m lab down`, then `up`")
    return Linux(found)


def _stop(machine: Machine, ports: Ports) -> bool:
    was_on = qemu.quit_machine(machine)
    ssh.close_shared(machine, ports)
    return was_on


def _spares() -> list[Machine]:
    """Those that there are."""
    return [spare for spare in SPARES if qemu.Files(spare).disk.exists()]


def _remove_spares(ports: Ports) -> list[str]:
    """Stop the spares and remove their disks, for what is to come has none; names of those that ran."""
    stopped = [spare.name for spare in SPARES if _stop(spare, ports)]
    for spare in SPARES:
        shutil.rmtree(qemu.Files(spare).directory, ignore_errors=True)
    (state_dir() / inventory.SPARES_FILE).unlink(missing_ok=True)
    return stopped


def _forget(keep_logs: bool = False) -> None:
    """Remove what belongs to machines which are gone; keys stay."""
    for machine in MACHINES:
        files = qemu.Files(machine)
        if keep_logs:
            files.disk.unlink(missing_ok=True)
            files.initrd.unlink(missing_ok=True)
        else:
            shutil.rmtree(files.directory, ignore_errors=True)
    (state_dir() / inventory.FILE).unlink(missing_ok=True)
    state.forget()
    shutil.rmtree(runtime_dir(), ignore_errors=True)


def down() -> None:
    """Stop every machine and remove its disk. Nothing there is fine."""
    try:
        old = state.load()
    except LabError:
        old = None  # damaged: it goes away now
    ports = old.ports if old else ports_from()
    stopped: list[str] = []
    with _undisturbed():
        each(MACHINES, lambda machine: stopped.append(machine.name) if _stop(machine, ports) else None)
        stopped += _remove_spares(ports)
        _forget()
    names = [machine.name for machine in (*MACHINES, *SPARES) if machine.name in stopped]
    print(f"Stopped {', '.join(names)}." if names else "The lab was not up.")


def clean(keep_current_image: bool = False) -> None:
    """`down`, and nothing left on the disk: neither keys nor images."""
    down()
    shutil.rmtree(state_dir(), ignore_errors=True)
    image.prune(everything=not keep_current_image)


def power_off(machine: Machine) -> None:
    """As pulling the machine's plug; its disk stays."""
    current = state.require()
    print(f"{machine.name} is off." if _stop(machine, current.ports) else f"{machine.name} was off already.")


def power_on(machine: Machine) -> None:
    """Boot the machine from its disk; a spare gets what `up` gives to the others."""
    current = state.require()
    if qemu.running(machine):
        print(f"{machine.name} is on already.")
        return
    clock = Clock()
    if machine in SPARES:
        # Those of the others were checked by `up`.
        host.check_ports(current.ports, skip=[current.ports.lan], machines=[machine])
        if machine not in _spares():
            _create(machine, current)
    try:
        _boot([machine], current, clock)
    except BaseException:
        with _undisturbed():
            _stop(machine, current.ports)
        raise
    if machine in SPARES:
        inventory.write_spares(_spares(), current.ports)
        if problem := _sync_router(machine, current, clock):
            raise problem


def cable(machine: Machine, plugged: bool) -> None:
    state.require()
    qemu.set_cable(machine, plugged)
    print(f"The LAN cable of {machine.name} is {'in' if plugged else 'out'}.")


def save_snapshot(tag: str) -> None:
    state.require()
    clock = Clock()
    snapshots.save(tag)
    clock.say(f"Snapshot {tag} saved")


def load_snapshot(tag: str) -> None:
    current = state.require()
    clock = Clock()
    snapshots.require(tag)
    if names := _remove_spares(current.ports):
        clock.say(f"Stopped {', '.join(names)}, which no snapshot has")
    patience = PATIENCE[current.accelerator]
    wait = Wait(patience, threading.Event())
    snapshots.load(tag, current, lambda machine: kind_of(machine, current), wait)
    clock.say(f"Snapshot {tag} loaded")


def list_snapshots() -> None:
    state.require()
    print("\n".join(snapshots.available()))


def shell(machine: Machine, remote: list[str]) -> int:
    """`ssh` to the machine, in place of this process."""
    current = state.require()
    if not qemu.running(machine):
        raise LabError(f"{machine.name} is off; run `python -m lab power-on {machine.name}`")
    line = kind_of(machine, current).login(machine, current.ports)
    os.execvp(line[0], [*line[:-1], *([] if remote else ["-t"]), line[-1], *remote])


def status() -> bool:
    """A table of the machines; false when the lab is not up."""
    current = state.load()
    if current is None:
        print("The lab is not up.")
        return False
    rows: list[tuple[str, ...]] = [("machine", "state", "pid", "addresses", "ports (host:guest)")]
    for machine in (*MACHINES, *_spares()):
        number = qemu.pid(machine)
        forwards = " ".join(f"{a}:{b}" for a, b in current.ports.forwards(machine).items())
        row: tuple[str, ...] = (machine.name, qemu.status(machine) if number else "off", str(number or "-"))
        rows.append((*row, " ".join(machine.addresses), forwards))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if current.router_image:
        print(f"router: {current.router_image} (sha256 {current.router_disk_digest})")
    print(f"accelerator: {current.accelerator}; snapshots: {', '.join(snapshots.available()) or 'none'}")
    return all(qemu.running(machine) for machine in MACHINES)


def build_images() -> dict[str, Image]:
    """The image of each release that a machine runs, built if needed."""
    return {suite: image.ensure(suite) for suite in SUITES}
