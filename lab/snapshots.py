"""Snapshots of the whole lab: memory and disk of every machine, at one point in time."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable

from lab import qemu, ssh
from lab.errors import LabError
from lab.kind import Kind, Wait
from lab.machines import MACHINES, SPARES, Machine
from lab.parallel import each
from lab.qmp import Qmp
from lab.state import State


def check_tag(tag: str) -> str:
    # A number alone would be taken by QEMU for the id of a snapshot.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", tag):
        raise LabError(f"{tag!r} cannot name a snapshot; expected a letter, then letters, digits and `_.-`")
    return tag


def tags_of(machine: Machine) -> list[str]:
    """Snapshots in a machine's disk, oldest first; read from the file, so also of a machine which is off."""
    disk = qemu.Files(machine).disk
    if not disk.exists():
        return []
    line = ["qemu-img", "info", "--force-share", "--output=json", str(disk)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"cannot read the snapshots of {machine.name}: {done.stderr.strip()}")
    return [snapshot["name"] for snapshot in json.loads(done.stdout).get("snapshots", [])]


def common(tags: Iterable[list[str]]) -> list[str]:
    """Tags which every machine has, in the order of the first."""
    first, *others = tags
    return [tag for tag in first if all(tag in other for other in others)]


def available() -> list[str]:
    return common([tags_of(machine) for machine in MACHINES])


def _monitor(machine: Machine, line: str) -> None:
    with Qmp(qemu.Files(machine).socket) as qmp:
        if answer := qmp.monitor(line):
            raise LabError(f"QEMU of {machine.name} refused `{line}`: {answer}")


def save(tag: str) -> None:
    """All machines are stopped while any of them is saved, so that none sees the others in its future."""
    check_tag(tag)
    off = [machine.name for machine in MACHINES if not qemu.running(machine)]
    if off:
        raise LabError(f"a snapshot needs all machines on; off: {', '.join(off)}; run `python -m lab up`")
    # A spare is made for one scenario, and all other scenarios load these snapshots.
    if spares := [spare.name for spare in SPARES if qemu.running(spare)]:
        raise LabError(f"no snapshot has {', '.join(spares)}; run `python -m lab power-off {spares[0]}` first")
    each(MACHINES, lambda machine: _monitor(machine, "stop"))
    try:
        each(MACHINES, lambda machine: _monitor(machine, f"savevm {tag}"))
    finally:
        each(MACHINES, lambda machine: _monitor(machine, "cont"))


def require(tag: str) -> None:
    """The snapshot is there."""
    check_tag(tag)
    if tag not in (tags := available()):
        raise LabError(f"there is no snapshot {tag!r} of all machines; there is: {', '.join(tags) or 'none'}")


def load(tag: str, state: State, kind: Callable[[Machine], Kind], wait: Wait) -> None:
    """Bring every machine back to a snapshot that is there; one which is off starts from it instead of booting."""
    for machine in MACHINES:
        ssh.close_shared(machine, state.ports)
    on = [machine for machine in MACHINES if qemu.running(machine)]
    each(on, lambda machine: _monitor(machine, "stop"))

    def restore(machine: Machine) -> None:
        if machine in on:
            _monitor(machine, f"loadvm {tag}")
            # A cable which was pulled since is not part of the saved state.
            qemu.set_cable(machine, up=True)
        else:
            qemu.start(machine, state.ports, kind(machine), state.accelerator, snapshot=tag)

    each(MACHINES, restore)
    each(MACHINES, lambda machine: _monitor(machine, "cont"))
    each(MACHINES, lambda machine: kind(machine).restored(machine, state.ports, wait), wait.stop)
