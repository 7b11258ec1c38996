"""What differs between the machines: the lab's Linux (linux.py), or a RouterOS of the user (cloud_router.py)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lab.host import Architecture
from lab.machines import Machine, Ports


@dataclass(frozen=True)
class Hardware:
    """What of QEMU's command line depends on the kind."""

    cpu: str
    boot: tuple[str, ...] = ()
    """Options that say what to boot, and further devices."""
    disk: str = ""
    """More properties of the disk."""
    network: str = ""
    """More properties of the management network."""


@dataclass(frozen=True)
class Wait:
    """How long to wait, and what ends it before."""

    patience: float
    stop: threading.Event
    say: Callable[[str], object] = lambda text: None


class Kind(Protocol):
    """A kind of machine."""

    def create(self, machine: Machine) -> None:
        """Make the machine's disk, and what else it starts from."""

    def hardware(self, machine: Machine, arch: Architecture, accelerator: str) -> Hardware:
        """What QEMU gives the machine."""

    def boot(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        """Wait until the machine has booted; set up what its first boot leaves to do."""

    def restored(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        """Wait until the machine answers after a snapshot was loaded, and set its clock, which is part of that."""

    def sync(self, machine: Machine, ports: Ports) -> str:
        """Bring to a router what this checkout has for it; say what was done, nothing if nothing was."""

    def login(self, machine: Machine, ports: Ports) -> list[str]:
        """The command that logs in, up to the remote command."""
