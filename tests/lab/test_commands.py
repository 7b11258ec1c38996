"""What a user sees: one message and exit code 1, never a traceback."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab import cli, emulator, host, lab, qemu, snapshots, ssh
from lab import state as lab_state
from lab.errors import LabError
from lab.image import Image
from lab.linux import Linux
from lab.machines import MACHINES, Machine, Ports, machine
from lab.parallel import each

ROOT = Path(__file__).parents[2]
LINUX = Linux(Image(Path("/cache/key")))


@pytest.fixture(autouse=True)
def nothing_runs(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "runtime_dir", lambda: state.parent / "run")
    monkeypatch.setattr(lab, "runtime_dir", lambda: state.parent / "run")
    monkeypatch.setattr(qemu, "running", lambda m: False)
    for name in ("LAB_PORT_BASE", "ROUTER_IMAGE"):
        monkeypatch.delenv(name, raising=False)


def up(base: int = 20220) -> lab_state.State:
    current = lab_state.State(base, "tcg", {"trixie": "key", "bookworm": "key"})
    lab_state.save(current)
    return current


@pytest.mark.parametrize(
    "arguments",
    [["power-off", "sip1"], ["power-on", "sip1"], ["cable", "sip1", "off"], ["snapshot", "save", "a"], ["ssh", "sip1"]],
)
def test_a_lab_which_is_not_up(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err == "lab: the lab is not up; run `python -m lab up` first\n"


def test_a_reader_that_has_enough() -> None:
    """As with `python -m lab status | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "lab", "status"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("arguments", [["ssh", "sip9"], ["power-off", "sip9"], ["cable", "sip9", "off"]])
def test_an_unknown_machine(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    up()
    assert cli.main(arguments) == 1
    assert "there is no machine 'sip9'" in capsys.readouterr().err


def test_status_of_no_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 3
    assert capsys.readouterr().out == "The lab is not up.\n"


def test_down_on_nothing_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert capsys.readouterr().out == "The lab was not up.\n"


def test_a_damaged_state_is_said_and_down_cures_it(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / "lab.json").write_text("{")
    assert cli.main(["status"]) == 1
    assert "is damaged; run `python -m lab down`" in capsys.readouterr().err
    assert cli.main(["down"]) == 0
    assert not (state / "lab.json").exists()


def test_another_port_base_than_the_running_labs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    up(20220)
    monkeypatch.setattr(qemu, "running", lambda m: True)
    monkeypatch.setenv("LAB_PORT_BASE", "30000")
    assert cli.main(["up"]) == 1
    assert "LAB_PORT_BASE is 30000, but the lab is up with 20220" in capsys.readouterr().err


def test_up_on_a_lab_which_is_up_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    up()
    monkeypatch.setattr(qemu, "running", lambda m: True)
    monkeypatch.setattr(qemu, "resume", lambda m: None)
    monkeypatch.setattr(lab, "kind_of", lambda machine, current: LINUX)
    monkeypatch.setattr(emulator, "sync", lambda router, ports: "")
    monkeypatch.setattr(qemu, "start", lambda *_: pytest.fail("started a machine"))
    assert cli.main(["up"]) == 0
    assert "already up" in capsys.readouterr().out


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LabError("no")])
def test_up_which_does_not_succeed_leaves_nothing_running(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    running: set[str] = set()
    monkeypatch.setattr(lab, "_prepare", lambda ports: up())
    monkeypatch.setattr(lab, "kind_of", lambda machine, current: LINUX)
    monkeypatch.setattr(host, "check_ports", lambda *_, **__: None)
    monkeypatch.setattr(qemu, "start", lambda m, *_: running.add(m.name))
    monkeypatch.setattr(qemu, "quit_machine", lambda m: running.discard(m.name))

    def wait(m: Machine, ports: Ports, patience: float, stop: threading.Event) -> str:
        assert running == {"hap-lite", "sip1", "sip2", "sip3", "phones"}
        raise error

    monkeypatch.setattr(ssh, "wait", wait)
    assert cli.main(["up"]) != 0
    assert not running
    assert not (state / "lab.json").exists()


def test_a_machine_which_does_not_boot_shows_the_end_of_its_console(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sip1 = machine("sip1")
    files = qemu.Files(sip1)
    files.directory.mkdir()
    files.console.write_text("".join(f"line {n}\n" for n in range(100)) + "Kernel panic\n")
    monkeypatch.setattr(qemu, "start", lambda *_: None)
    monkeypatch.setattr(lab, "kind_of", lambda machine, current: LINUX)
    monkeypatch.setattr(qemu, "running", lambda m: True)
    monkeypatch.setattr(ssh, "has_banner", lambda port, timeout: False)
    monkeypatch.setitem(lab.PATIENCE, "tcg", 0.2)
    with pytest.raises(LabError, match="(?s)sip1 was not reachable by ssh within 0 s.*line 99\nKernel panic") as caught:
        lab._boot([sip1], up(), lab.Clock())
    assert "line 50\n" not in str(caught.value)


def test_a_machine_whose_qemu_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sip1 = machine("sip1")
    qemu.Files(sip1).directory.mkdir()
    qemu.Files(sip1).log.write_text("qemu: out of memory\n")
    with pytest.raises(LabError, match="sip1 is not running any more: qemu: out of memory"):
        ssh.wait(sip1, Ports(), 600, threading.Event())


@pytest.mark.parametrize("tag", ["1", "", "a b", "-x", "a;quit"])
def test_a_tag_which_qemu_would_misread(tag: str) -> None:
    with pytest.raises(LabError, match="cannot name a snapshot"):
        snapshots.check_tag(tag)


def test_a_snapshot_is_one_of_all_machines() -> None:
    assert snapshots.common([["clean", "half", "done"], ["done", "clean"], ["clean", "done"]]) == ["clean", "done"]


def test_an_unknown_snapshot_is_answered_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    up()
    monkeypatch.setattr(lab, "kind_of", lambda machine, current: LINUX)
    monkeypatch.setattr(snapshots, "tags_of", lambda m: ["clean"])
    assert cli.main(["snapshot", "load", "other"]) == 1
    assert "no snapshot 'other' of all machines; there is: clean" in capsys.readouterr().err


def test_a_snapshot_needs_all_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "running", lambda m: m.name != "sip2")
    with pytest.raises(LabError, match="off: sip2"):
        snapshots.save("clean")


def test_machines_go_on_when_a_snapshot_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def monitor(m: Machine, text: str) -> None:
        sent.append(f"{m.name} {text}")
        if m.name == "sip1" and text.startswith("savevm"):
            raise LabError("disk full")

    monkeypatch.setattr(qemu, "running", lambda m: m in MACHINES)
    monkeypatch.setattr(snapshots, "_monitor", monitor)
    with pytest.raises(LabError, match="disk full"):
        snapshots.save("clean")
    stops, conts = ([n for n, line in enumerate(sent) if line.endswith(word)] for word in ("stop", "cont"))
    saves = [n for n, line in enumerate(sent) if "savevm" in line]
    assert len(stops) == len(conts) == len(MACHINES)
    assert max(stops) < min(saves)
    assert max(saves) < min(conts)


def test_an_error_on_one_machine_stops_the_others() -> None:
    stop = threading.Event()

    def work(m: Machine) -> None:
        if m.name == "sip1":
            raise LabError("sip1 is broken")
        assert stop.wait(5)

    with pytest.raises(LabError, match="sip1 is broken"):
        each(MACHINES, work, stop)


def test_input_reaches_a_command_which_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pipe holds, to a reader who begins after the first look at the time."""
    monkeypatch.setattr(ssh, "command", lambda m, ports: ["sh", "-c"])
    data = b"x" * 2**20
    assert ssh.run(machine("sip1"), Ports(), "sleep 0.7; wc -c", data=data, timeout=20).strip() == str(len(data))


def test_a_command_which_fails_or_lasts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "command", lambda m, ports: ["sh", "-c"])
    with pytest.raises(LabError, match="`echo no >&2; exit 7` failed on sip1 with code 7: no"):
        ssh.run(machine("sip1"), Ports(), "echo no >&2; exit 7")
    with pytest.raises(LabError, match="sip1 did not finish `exec sleep 60` within 1 s"):
        ssh.run(machine("sip1"), Ports(), "exec sleep 60", timeout=0.6)
    stop = threading.Event()
    stop.set()
    with pytest.raises(LabError, match="was given up"):
        ssh.run(machine("sip1"), Ports(), "exec sleep 60", stop=stop)
