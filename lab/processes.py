"""Processes which this lab started, recognised by their command line, so that no process id is ever trusted.

A recorded process id may belong to a stranger by the time it is used. Here nothing is recorded: /proc is read, and a
signal goes through a pidfd opened before the command line is checked, so it only reaches the process that was checked.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

Match = Callable[[list[str]], bool]


@dataclass(frozen=True)
class Process:
    pid: int
    argv: tuple[str, ...]


def arguments(pid: int, proc: Path = PROC) -> list[str]:
    """Command line of a process; empty when there is none (gone, kernel thread, zombie)."""
    try:
        data = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(part) for part in data.rstrip(b"\0").split(b"\0")] if data else []


def find(match: Match, proc: Path = PROC) -> Iterator[Process]:
    """Every process whose command line satisfies `match`."""
    for entry in proc.iterdir():
        if entry.name.isdecimal() and (argv := arguments(int(entry.name), proc)) and match(argv):
            yield Process(int(entry.name), tuple(argv))


def stop(pid: int, match: Match, sig: signal.Signals = signal.SIGTERM, patience: float = 5.0) -> bool:
    """End process `pid` if its command line satisfies `match`, by `sig`, then SIGKILL. False when it does not."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        argv = arguments(pid)
        # A process that is ending has no command line any more.
        if not argv or not match(argv):
            return False
        for attempt in (sig, signal.SIGKILL):
            try:
                signal.pidfd_send_signal(fd, attempt)
            except ProcessLookupError:
                return True
            if select.select([fd], [], [], patience)[0]:
                reap(pid)
                return True
        return True
    finally:
        os.close(fd)


def reap(pid: int) -> None:
    """Collect the exit status where the process is a child of ours, so that it does not stay as a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
