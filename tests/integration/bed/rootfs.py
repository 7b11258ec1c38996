"""The Debian 13 root that the machines of the bed share, built once and kept in the user's cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

SUITE = "trixie"
# ifupdown, kamailio and systemd are of no use here: services run on the lab's machines, not in namespaces.
# Python is for the announcer, which runs on nodes.
PACKAGES = ("bird2", "frr", "iproute2", "iputils-ping", "nftables", "procps", "python3", "tcpdump")
# Where each machine has files of its own, beside what the packages bring.
DIRECTORIES = ("etc/homelab-anycast",)
# bird3 conflicts with bird2, so it is unpacked beside it.
SIDE_PACKAGE = "bird3"
SIDE_ROOT = "/opt/bird3"
# Raise this when the way the root is built changes.
RECIPE = "1"


def requirements() -> str | None:
    """What keeps the bed from running here, or None."""
    if os.geteuid() != 0:
        return "the quick bed makes network namespaces and needs root"
    missing = [tool for tool in ("ip", "nsenter", "unshare") if shutil.which(tool) is None]
    if not _root_directory().is_dir() and shutil.which("mmdebstrap") is None:
        missing.append("mmdebstrap")
    return f"the quick bed needs the commands {', '.join(missing)}" if missing else None


def ensure_rootfs() -> Path:
    """The directory of the root; builds it on first use (about 30 seconds)."""
    root = _root_directory()
    with locked(root):
        if not root.is_dir():
            _build(root)
    return root


def cache_directory() -> Path:
    """Where the bed keeps what it has built."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "homelab.anycast" / "bed"


@contextlib.contextmanager
def locked(built: Path) -> Iterator[None]:
    """Two test runs may want to build it at once; the second waits for the first to finish."""
    built.parent.mkdir(parents=True, exist_ok=True)
    with (built.parent / f"{built.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _root_directory() -> Path:
    words = (RECIPE, SUITE, SIDE_PACKAGE, *PACKAGES, *DIRECTORIES)
    digest = hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]
    return cache_directory() / f"root-{digest}"


def _build(root: Path) -> None:
    unfinished = root.with_name(f"{root.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The download runs inside the new root, with that root's own package lists: the host may be another release.
    fetch = (
        f'cd "$1/tmp" && chroot "$1" sh -c "cd /tmp && apt-get download {SIDE_PACKAGE} && '
        f'mkdir -p {SIDE_ROOT} && dpkg -x {SIDE_PACKAGE}_*.deb {SIDE_ROOT} && rm {SIDE_PACKAGE}_*.deb"'
    )
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        f"--customize-hook={fetch}",
        f'--customize-hook=cd "$1" && mkdir -p {" ".join(DIRECTORIES)}',
        SUITE,
        str(unfinished),
    ]
    print(f"building the quick bed's root ({', '.join(PACKAGES)}, {SIDE_PACKAGE}) in {root}", flush=True)
    subprocess.run(command, check=True)
    unfinished.rename(root)
