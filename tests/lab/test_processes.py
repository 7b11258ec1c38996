"""No process but ours is ever ended, whatever happens to process ids."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import processes

MARK = "homelab-anycast-test-mark"


def is_ours(argv: list[str]) -> bool:
    return MARK in argv


def sleeper(*arguments: str) -> subprocess.Popen[bytes]:
    code = "import sys, time; sys.stdout.write('x'); sys.stdout.flush(); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(1)
    return process


@pytest.fixture
def ours() -> Iterator[subprocess.Popen[bytes]]:
    with sleeper(MARK) as process:
        yield process
        process.kill()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with sleeper(f"not-{MARK}") as process:
        yield process
        process.kill()


def test_finds_only_ours(ours: subprocess.Popen[bytes], stranger: subprocess.Popen[bytes]) -> None:
    assert ours.pid in [process.pid for process in processes.find(is_ours)]
    assert stranger.pid not in [process.pid for process in processes.find(is_ours)]


def test_stops_ours(ours: subprocess.Popen[bytes]) -> None:
    assert processes.stop(ours.pid, is_ours)
    assert not processes.arguments(ours.pid)


def test_leaves_a_stranger_with_a_recycled_id_alone(stranger: subprocess.Popen[bytes]) -> None:
    """The id was found a moment ago as ours; now somebody else has it."""
    assert not processes.stop(stranger.pid, is_ours)
    assert stranger.poll() is None


def test_a_process_which_ignores_the_signal_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, MARK], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.read(1)
        assert processes.stop(stubborn.pid, is_ours, signal.SIGTERM, patience=0.3)
        assert not processes.arguments(stubborn.pid)


def test_a_process_which_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert not processes.stop(process.pid, is_ours)


def test_reads_command_lines_from_proc(tmp_path: Path) -> None:
    for pid, line in {"7": b"qemu\0-name\0a b\0", "8": b"", "self": b"qemu\0"}.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(line)
    assert list(processes.find(lambda argv: argv[0] == "qemu", tmp_path)) == [
        processes.Process(7, ("qemu", "-name", "a b"))
    ]


def test_a_process_that_is_ending_has_no_command_line_to_match() -> None:
    # A zombie, as one is between its end and its parent's look: /proc/PID/cmdline is empty.
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read()
        while processes.arguments(process.pid):
            pass
        assert processes.stop(process.pid, lambda argv: argv[0] == "true") is False
