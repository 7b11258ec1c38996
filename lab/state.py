"""What one `up` decided and later commands need: ports, accelerator, image. And the lock of the lab."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import LabError
from lab.machines import Ports
from lab.paths import state_dir


@dataclass(frozen=True)
class State:
    port_base: int
    accelerator: str
    images: dict[str, str]
    """Key of the image by Debian release."""
    router_image: str = ""
    """What the user gave for the router to boot; nothing where it runs the emulator."""
    router_disk: str = ""
    """The disk: the same, or what was unpacked from it."""
    router_disk_form: str = ""
    router_disk_digest: str = ""
    """Its SHA-256."""

    @property
    def ports(self) -> Ports:
        return Ports(self.port_base)


def _file() -> Path:
    return state_dir() / "lab.json"


def load() -> State | None:
    """State of the lab, if there is one."""
    try:
        return State(**json.loads(_file().read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise LabError(f"{_file()} is damaged; run `python -m lab down`") from None


def require() -> State:
    state = load()
    if state is None:
        raise LabError("the lab is not up; run `python -m lab up` first")
    return state


def save(state: State) -> None:
    new = _file().with_suffix(".new")
    new.write_text(json.dumps(asdict(state)))
    new.rename(_file())


def forget() -> None:
    _file().unlink(missing_ok=True)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One command at a time changes the lab."""
    state_dir().mkdir(mode=0o700, exist_ok=True)
    with (state_dir() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another command of this lab to end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
