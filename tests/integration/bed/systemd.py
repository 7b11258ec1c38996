"""A machine of the bed with systemd as its first process, and a root of its own to write to.

Without D-Bus, as that is not in the root. Its units see the host's kernel and nothing else of the host.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path

from .machines import Machine, wait_for

_MADE = itertools.count(1)

# What is written is in memory. /proc/sys but the network's is the host's.
_SET_UP = """
set -e
mount --make-rprivate /
lower=$1
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cd /mnt/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount --bind "proc/sys/net" proc/sys/net
mount -o remount,rw,bind proc/sys/net
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for directory in dev run tmp; do mount -t tmpfs tmpfs "$directory"; done
chmod 1777 tmp
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev; done
rm -rf var/log/journal
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir before
pivot_root . before
umount -l before
ip link set lo up
echo ready
exec env container=bed /usr/lib/systemd/systemd --unit=basic.target --log-target=journal </dev/null >/dev/null 2>&1
"""


class SystemdMachine(Machine):
    """A machine whose services systemd starts and stops."""

    _set_up = _SET_UP
    _more_namespaces = ("--cgroup",)

    def __init__(self, name: str, root: Path) -> None:
        # One process may have several beds.
        self._cgroup = _cgroup_mount() / f"anycast-bed-{os.getpid()}-{next(_MADE)}-{name}"
        self._cgroup.mkdir()
        super().__init__(name, root)
        wait_for(f"systemd of {name}", lambda: self.systemctl("is-active", "basic.target") == "active", every=0.1)

    def _before_exec(self) -> None:
        super()._before_exec()
        (self._cgroup / "cgroup.procs").write_text("0")

    def stop(self) -> None:
        super().stop()
        # The kernel takes its time to empty them.
        deadline = time.monotonic() + 10
        while self._cgroup.exists() and time.monotonic() < deadline:
            for directory, _inner, _files in os.walk(self._cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    Path(directory).rmdir()
            time.sleep(0.05)

    def systemctl(self, *words: str) -> str:
        """What systemctl prints; its exit code may also be an answer, as that of is-active."""
        return self.run("systemctl", *words, check=False).strip()

    def property(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def journal(self, unit: str) -> str:
        self.run("journalctl", "--sync", check=False)
        return self.run("journalctl", "--unit", unit, "--output=cat", "--no-pager")


def systemd_requirements(root: Path) -> str | None:
    """What keeps it from running here, or None."""
    if not (root / "usr/lib/systemd/systemd").exists():
        return "the bed's root has no systemd"
    return None if _cgroup_mount().is_dir() else "a machine with systemd needs cgroup2"


def _cgroup_mount() -> Path:
    """Where the host has cgroup2."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return Path(next((words[1] for words in mounts if words[2] == "cgroup2"), "/nonexistent"))
