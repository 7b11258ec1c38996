# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a node: writing them, and copies of those that were there before. Private to this collection."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from . import ifupdown
from .interfaces import OWN_PREFIX, Source

INTERFACES = "/etc/network/interfaces"
# Where what was there before the role is kept, by its own path; closed to all but root.
KEPT = "/var/lib/homelab-anycast/before"


def interfaces_files(path: str) -> list[tuple[Path, str]]:
    """Return (file, text) of /etc/network/interfaces and of all that it sources, but for the role's own."""
    return [(file, text) for file, text in _read(path).items() if not file.name.startswith(OWN_PREFIX)]


def own_interfaces_files(path: str) -> list[str]:
    """Return the interfaces with a file of the role that /etc/network/interfaces sources."""
    names = [file.name for file in _read(path) if file.name.startswith(OWN_PREFIX)]
    return [name[len(OWN_PREFIX) :].partition(".")[0] for name in names]


def interfaces_sources(path: str) -> list[Source] | None:
    """Return the keyword and the absolute path of each line that has more files read, None without such a file."""
    if not Path(path).exists():
        return None
    # Both are relative to the file that names them.
    return [
        (keyword, str(file.parent / os.path.expandvars(argument)))
        for file, text in _read(path).items()
        for keyword, argument in ifupdown.sources(text)
    ]


def _read(path: str) -> dict[Path, str]:
    found: dict[Path, str] = {}
    _collect(Path(path), found)
    return found


def _collect(file: Path, found: dict[Path, str]) -> None:
    try:
        if file in found or not file.is_file():
            return
        text = read_exactly(file)
    except OSError:
        return
    found[file] = text
    for keyword, argument in ifupdown.sources(text):
        target = file.parent / os.path.expandvars(argument)  # Both are relative to the file that names them
        # Path.glob() takes hidden files for matches too, such as what an editor leaves; ifupdown, as a shell, does not.
        for match in sorted(map(Path, glob.glob(str(target)))):  # noqa: PTH207
            if keyword == "source":
                _collect(match, found)
            elif match.is_dir():
                for inner in sorted(match.iterdir()):
                    if ifupdown.is_sourced_name(inner.name):
                        _collect(inner, found)


def read_exactly(path: Path) -> str:
    """Return a text that write_file() writes as it is, whatever its encoding and the ends of its lines."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def write_file(path: Path, text: str, *, mode: int = 0o600, like: Path | None = None, new: bool = False) -> None:
    """Put a file in its place in one step: a reader finds the old or the new text, also after a loss of power.

    :param like: a file whose owner, group and mode it gets, instead of C(mode).
    :param new: raise FileExistsError where there is such a file already.
    """
    # Of a name that no reader of the directories looks at: hidden, and of another suffix.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            if like:
                status = like.stat()
                os.fchown(handle, status.st_uid, status.st_gid)
                mode = status.st_mode & 0o7777
            os.fchmod(handle, mode)
            file.write(text)
            file.flush()
            os.fsync(handle)
        if new:
            os.link(draft, path)
        else:
            draft.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    finally:
        draft.unlink(missing_ok=True)


@dataclasses.dataclass
class Record:
    """What is known of the time before the role."""

    packages: list[str] = dataclasses.field(default_factory=list)  # Packages that the role has installed
    units: dict[str, Any] = dataclasses.field(default_factory=dict)  # How units were, beside C(announced_by_hand)
    # Files of which there is a copy, and the digest of what is left in place; None where the role writes the file.
    files: dict[str, str | None] = dataclasses.field(default_factory=dict)
    stanzas: list[dict[str, str]] = dataclasses.field(default_factory=list)  # Taken out of files: file, name, text


class Kept:
    """What was there before the role, on the node's own disk."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)
        self.path = self.directory / "record.json"
        try:
            self.record = Record(**json.loads(self.path.read_text("utf-8")))
        except FileNotFoundError:
            self.record = Record()

    def copy_of(self, path: Path | str) -> Path:
        """Return where the copy of a file is, or would be."""
        return self.directory / str(path).lstrip("/")

    def prepare(self) -> None:
        # Copies keep their modes, so the directory keeps others from them.
        self.directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.directory.chmod(0o700)

    def copy(self, path: Path) -> None:
        """Keep a copy of a file with its owner and mode; the first one stays."""
        copy = self.copy_of(path)
        if not copy.exists():
            self.prepare()
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_file(copy, read_exactly(path), like=path)

    def save(self) -> None:
        self.prepare()
        write_file(self.path, json.dumps(vars(self.record), indent=2, sort_keys=True) + "\n")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
