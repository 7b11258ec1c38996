# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a node: how one is written, which there were before the role, and copies to go back to.

Private to this collection.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import tempfile
from pathlib import Path

from ansible_collections.homelab.anycast.plugins.module_utils.node import ifupdown, takeover

# Of the files in interfaces.d these are the role's own.
OWN_PREFIX = "anycast-"


def interfaces_files(path):
    """Return (file, text) of /etc/network/interfaces and of all that it sources, but for the role's own."""
    found = {}
    _collect(Path(path), found)
    return [(file, text) for file, text in found.items() if not file.name.startswith(OWN_PREFIX)]


def _collect(file, found):
    try:
        if file in found or not file.is_file():
            return
        text = file.read_text("utf-8", "surrogateescape")
    except OSError:
        return
    found[file] = text
    for keyword, argument in ifupdown.sources(text):
        # Both are relative to the file that names them.
        target = file.parent / os.path.expandvars(argument)
        # Path.glob() takes hidden files for matches too, such as what an editor leaves; ifupdown, as a shell, does not.
        for match in sorted(map(Path, glob.glob(str(target)))):  # noqa: PTH207
            if keyword == "source":
                _collect(match, found)
            elif match.is_dir():
                for inner in sorted(match.iterdir()):
                    if ifupdown.is_sourced_name(inner.name):
                        _collect(inner, found)


def write_file(path: Path, text: str, *, mode: int = 0o600, like: Path | None = None, new: bool = False) -> None:
    """Put a file in its place in one step: whoever reads it, also after a loss of power, finds the old or the new text.

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


class Kept:
    """What was there before the role, on the node's own disk."""

    def __init__(self, directory=takeover.KEPT):
        self.directory = Path(directory)
        self.path = self.directory / "record.json"
        self.record = self._read()

    def _read(self):
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            found = {}
        return {"packages": [], "units": {}, "files": {}, "stanzas": [], **found}

    def copy_of(self, path):
        """Return where the copy of a file is, or would be."""
        return self.directory / str(path).lstrip("/")

    def prepare(self):
        # Copies keep their modes, so nobody else gets as far as them.
        self.directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.directory.chmod(0o700)

    def copy(self, path):
        """Keep a copy of a file with its owner and mode; the first one stays."""
        path, copy = Path(path), self.copy_of(path)
        if not copy.exists():
            self.prepare()
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_file(copy, path.read_text("utf-8", "surrogateescape"), like=path)
        return copy

    def save(self):
        self.prepare()
        write_file(self.path, json.dumps(self.record, indent=2, sort_keys=True) + "\n")


def digest(text):
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
