"""Fixtures of the emulator's tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from lab.routeros.policy import Users  # noqa: E402

from .recorded import Recording  # noqa: E402

Start = Callable[..., Recording]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an emulator on recordings: `start("full")`, `start("nobody", version="7.9", rows=False)`."""
    running: list[Recording] = []

    def begin(
        state: str = "full",
        version: str = "7.20.8",
        rows: bool = True,
        users: Users | None = None,
        directory: Path | None = None,
        ping: str = "ping",
    ) -> Recording:
        place = directory or tmp_path / f"router{len(running)}"
        running.append(Recording(place, state, version, rows, users, ping))
        return running[-1]

    yield begin
    for one in running:
        one.close()


@pytest.fixture
def empty(start: Start) -> Recording:
    """A router nobody has configured."""
    return start("nobody", rows=False)
