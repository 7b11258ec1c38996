"""Archives in the format the kernel unpacks as initial RAM disk ("newc", Documentation/driver-api/early-userspace)."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class File:
    """A file, or a symbolic link where `link` is set."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""


def text(content: str, mode: int = 0o644) -> File:
    return File(content.encode(), mode)


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    # c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, four device numbers, c_namesize, c_check
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name.encode()) + 1, 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4)


def archive(files: Mapping[str, File]) -> bytes:
    """Files by their path without a leading slash, with the directories above them."""
    directories = {str(parent): None for path in files for parent in reversed(PurePosixPath(path).parents)}
    directories.pop(".", None)
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in sorted(directories)]
    for name, file in sorted(files.items()):
        kind = stat.S_IFLNK | 0o777 if file.link else stat.S_IFREG | file.mode
        entries.append((name, kind, file.link.encode() if file.link else file.content))
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, start=1))
