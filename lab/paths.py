"""Where the lab keeps things."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError

SOURCE = Path(__file__).resolve().parent
CHECKOUT = SOURCE.parent

LONGEST_SOCKET_NAME = len("/ctl-") + 32 + len("-65535") + len(".") + 16
"""OpenSSH's control socket `ctl-USER-PORT`, and a random suffix of 16 while it is being made (mux.c)."""
LONGEST_SOCKET_PATH = 107
"""sun_path is 108 bytes with its final zero (unix(7))."""


def state_dir() -> Path:
    """Everything one lab writes but its sockets: keys, disks, logs, inventory."""
    return CHECKOUT / ".lab"


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """What all checkouts of this user share (XDG base directory specification)."""
    home = (os.environ if environ is None else environ).get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path("~/.cache").expanduser()) / "homelab.anycast"


def runtime_path(checkout: Path, uid: int, environ: Mapping[str, str]) -> Path:
    """Directory of the sockets: short, private, one per checkout; `.lab` itself may lie too deep for a socket."""
    name = hashlib.sha256(os.fsencode(checkout)).hexdigest()[:12]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path(runtime) / f"anycast-{name}"] if runtime.startswith("/") and Path(runtime).is_dir() else []
    candidates.append(Path("/tmp") / f"anycast-{uid}-{name}")
    return next(p for p in candidates if len(os.fsencode(p)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH)


def runtime_dir() -> Path:
    """As above, made if needed. Refused if a different user made it first, because /tmp is open to all."""
    path = runtime_path(CHECKOUT, os.getuid(), os.environ)
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise LabError(f"{path} should be a directory of yours with mode 0700, and is not; remove it and try again")
    return path
