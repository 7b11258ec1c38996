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
# kamailio is of no use here, and ifupdown only where a test asks for it. systemd comes with these, for SystemdMachine.
# Python is for the announcer, which runs on nodes; keepalived and ExaBGP are what `bench` compares with.
PACKAGES = ("bird2", "exabgp", "frr", "iproute2", "iputils-ping", "keepalived", "libgcrypt20", "nftables", "procps",
            "python3", "tcpdump")  # fmt: skip
# Where each machine has files of its own, beside what the packages bring.
DIRECTORIES = ("etc/homelab-anycast",)
# Other versions of BIRD conflict with bird2, so they are unpacked beside it: where to, the packages, and their suite.
# Debian 12's is the oldest one that the collection supports; Debian 13 has that library no more.
SIDES = (("/opt/bird3", "bird3", SUITE), ("/opt/bird2.0", "bird2 libssh-gcrypt-4", "bookworm"))
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


def ensure_rootfs(*more: str) -> Path:
    """The directory of the root, with more packages if asked for; builds it on first use (about 30 seconds)."""
    root = _root_directory(*more)
    with locked(root):
        if not root.is_dir():
            _build(root, more)
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


def _root_directory(*more: str) -> Path:
    words = (RECIPE, SUITE, *(word for side in SIDES for word in side), *PACKAGES, *DIRECTORIES, *more)
    digest = hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]
    return cache_directory() / f"root-{digest}"


def _build(root: Path, more: tuple[str, ...]) -> None:
    unfinished = root.with_name(f"{root.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The downloads run inside the new root, with that root's own package lists: the host may be another release.
    sides = [f'--customize-hook=chroot "$1" sh -ec "{_unpack(*side)}"' for side in SIDES]
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join((*PACKAGES, *more))}",
        *sides,
        f'--customize-hook=cd "$1" && mkdir -p {" ".join(DIRECTORIES)}',
        SUITE,
        str(unfinished),
    ]
    sides_named = ", ".join(place for place, *_side in SIDES)
    print(f"building the quick bed's root ({', '.join((*PACKAGES, *more))}, {sides_named}) in {root}", flush=True)
    subprocess.run(command, check=True)
    unfinished.rename(root)


def _unpack(place: str, packages: str, suite: str) -> str:
    """The commands that unpack a suite's packages in a directory of the root, without installing them."""
    work = f"/tmp/{suite}"
    options = (
        f"-o Dir::Etc::SourceList={work}/list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists={work}/lists"
        " -o Dir::State::Status=/dev/null -o APT::Sandbox::User=root -qq"
    )
    return (
        f"mkdir -p {work}/lists/partial {place}; cd {work};"
        # Whichever mirror the root's own list names has the other suite as well.
        f" find /etc/apt -name '*.list' -exec sed -n 's/ {SUITE} / {suite} /p' {{}} + > list;"
        f" apt-get {options} update; apt-get {options} download {packages};"
        f" find -name '*.deb' -exec dpkg -x {{}} {place} ';'; cd /; rm -r {work}"
    )
