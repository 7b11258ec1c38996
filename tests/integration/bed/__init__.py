"""A network of small machines made of Linux namespaces: one router with FRR, nodes with BIRD, clients.

Each machine is one process that owns its network, mount, process and host name spaces, inside a Debian 13 root which
all machines share. Nothing has a name on the host: when that process ends, the kernel removes its interfaces, its
mounts and everything that ran in it, so there is nothing to clean up after a crash or Ctrl-C.

    with Bed() as bed:
        bed.router.start_frr()
        bed.nodes[0].start_bird(CONFIG)
        wait_for("three neighbours", lambda: len(bed.router.vtysh_json("show ip ospf neighbor json")["neighbors"]) == 3)

A node is a process of its own network and files. Where systemd has to start and stop what runs on it, take
bed.systemd.SystemdMachine: Bed(2, node=SystemdMachine).

It needs root, and mmdebstrap once to build the root; `requirements()` says what is missing.
In tests/integration, `python -m bed up` starts it and waits for Ctrl-C; `python -m bed record bird DIR` and
`python -m bed record frr DIR` record what BIRD and FRR answer, for the tests of parsers.
"""

from .crypto_frr import ensure_crypto_frr
from .emulator import Emulator
from .machines import Machine, Router, wait_for
from .rootfs import ensure_rootfs, requirements
from .topology import ANYCAST, Bed

__all__ = [
    "ANYCAST",
    "Bed",
    "Emulator",
    "Machine",
    "Router",
    "ensure_crypto_frr",
    "ensure_rootfs",
    "requirements",
    "wait_for",
]
