"""Tar files which are the same bytes for the same sources, whatever umask and clock the checkout has."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path


def files_of(source: Path, base: Path) -> Iterator[tuple[str, Path]]:
    """Files of a directory, or a single file, with their names relative to `base`; without Python's caches."""
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(base)), path


def pack(files: Iterable[tuple[str, Path]]) -> bytes:
    """A tar file of regular files, owned by root and readable by all."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, path in files:
            info = tarfile.TarInfo(name)
            data = path.read_bytes()
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
