# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a directory of its own, with a systemd that only notes what it is asked for, and real processes."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.modules import anycast_fault

MODULE = "anycast_fault"
SYSTEMD = """#!/bin/sh
# Keeps the names of the units it has in a file.
echo "${0##*/} $*" >> "$HOME/asked"
case "$1 $2" in
  "list-units "*) [ ! -e "$HOME/units" ] || cat "$HOME/units" ;;
  "stop "*) rm -f "$HOME/units" ;;
esac
case "${0##*/}" in
  systemd-run) printf 'anycast-drill-undo.timer loaded\\nanycast-drill-undo.service loaded\\n' > "$HOME/units" ;;
esac
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a bin directory that has a systemd, and a `thing` to break."""
    for program in ("systemctl", "systemd-run"):
        path = tmp_path / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(SYSTEMD)
        path.chmod(0o755)
    (tmp_path / "asked").touch()
    (tmp_path / "thing").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setitem(anycast_fault.DIRECTORIES, "systemd", str(tmp_path / "run"))
    monkeypatch.setitem(anycast_fault.DIRECTORIES, "process", str(tmp_path / "own"))
    return tmp_path


@pytest.fixture
def run(run_module, home):
    """Run a state of the drill `mine`, by systemd if nothing else is said."""

    def run(state, **options):
        usual = {"claimed": {"by": "alice@desk", "seconds": 60}, "broken": broken(home)}.get(state, {})
        return run_module(MODULE, **{"id": "mine", "state": state, **usual, **options})

    return run


def broken(home):
    return {
        "what": "no thing",
        "command": f"rm {home}/thing",
        "undo": f"touch {home}/thing",
        "seconds": 60,
    }


def record(home, place="run"):
    path = home / place / "drill.json"
    return json.loads(path.read_text()) if path.exists() else None


def wait_until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def waiting(home):
    """Return the processes that wait to undo."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if f"{home}/own/armed".encode() in path.read_bytes() else []
    return found


@pytest.mark.parametrize("undo_by", ["systemd", "process"])
def test_a_drill(run, home, undo_by):
    place = {"systemd": "run", "process": "own"}[undo_by]
    claimed = run("claimed", undo_by=undo_by)
    assert (claimed["changed"], claimed["undone"]) == (True, None)
    before = time.time()
    at = run("broken", undo_by=undo_by)["at"]
    assert before - 0.01 <= at <= time.time()
    assert not (home / "thing").exists()
    assert record(home, place)["undo"] == f"touch {home}/thing"
    mended = run("mended", undo_by=undo_by)
    assert mended["changed"]
    assert mended["at"] >= at
    assert (home / "thing").exists()
    assert record(home, place)["undo"] == ""
    assert run("mended", undo_by=undo_by)["changed"] is False
    assert run("released", undo_by=undo_by)["kept"] is None
    assert record(home, place) is None
    assert run("released", undo_by=undo_by)["changed"] is False


def asked(home):
    return (home / "asked").read_text().splitlines()


def test_the_undo_is_armed_before_anything_is_broken(run, home):
    run("claimed")
    # The break looks for the timer.
    run("broken", command=f"grep -q 'systemd-run .*--on-active=60s' {home}/asked && rm {home}/thing")
    assert not (home / "thing").exists()


def test_the_timer_goes_after_the_undo(run, home):
    run("claimed")
    run("broken", undo=f"echo undone >> {home}/asked")
    run("mended")
    said = asked(home)
    stopped = said.index("systemctl stop anycast-drill-undo.timer anycast-drill-undo.service")
    assert said.index("undone") < stopped
    assert not (home / "units").exists()


def test_a_process_undoes_it_when_the_play_is_gone(run, home):
    run("claimed", undo_by="process")
    run("broken", undo_by="process", seconds=1)
    assert not (home / "thing").exists()
    wait_until((home / "thing").exists)
    wait_until(lambda: record(home, "own") is None)
    # For the play, should it still be there: somebody else was quicker.
    assert run("mended", undo_by="process")["changed"] is False


def test_a_process_that_is_called_off_undoes_nothing(run, home):
    run("claimed", undo_by="process")
    run("broken", undo_by="process", seconds=600)
    assert waiting(home)
    run("mended", undo_by="process")
    (home / "thing").unlink()
    wait_until(lambda: not waiting(home))
    assert not (home / "thing").exists()


def test_one_fault_after_the_other_has_only_its_own_undo_wait(run, home):
    """Else the first one would end the waiting of the second one, which nothing would undo then."""
    run("claimed", undo_by="process")
    run("broken", undo_by="process", seconds=600)
    first = waiting(home)
    run("mended", undo_by="process")
    run("broken", undo_by="process", seconds=600)
    wait_until(lambda: len(waiting(home)) == 1)
    assert waiting(home) != first
    run("mended", undo_by="process")
    wait_until(lambda: not waiting(home))


def test_what_cannot_be_undone_stays_armed(run, home):
    run("claimed")
    run("broken", undo="false")
    said = run("mended")
    assert said["msg"] == "cannot put it back: 'false' ended with 1: "
    assert (home / "units").exists()
    assert run("released")["kept"] == "no thing"
    assert record(home)["undo"] == "false"


def test_what_cannot_be_broken(run, home):
    run("claimed")
    assert "cannot break it: 'exit 3' ended with 3" in run("broken", command="exit 3")["msg"]
    # It may be half broken.
    assert run("mended")["changed"] is True


def test_nothing_to_undo_arms_nothing(run, home):
    run("claimed")
    assert run("broken", undo="")["changed"] is True
    assert not any(line.startswith("systemd-run") for line in asked(home))


def test_only_one_drill_at_a_time(run, home):
    run("claimed")
    run("broken")
    said = run("claimed", id="theirs", by="bob@desk")
    assert said["failed"]
    assert "a drill by alice@desk has been under way since" in said["msg"]
    assert "(no thing)" in said["msg"]
    assert record(home)["id"] == "mine"
    assert "nothing is broken: this host is not claimed by the drill 'theirs'" in run("broken", id="theirs")["msg"]
    assert run("mended", id="theirs")["changed"] is False
    assert run("released", id="theirs")["changed"] is False
    assert record(home)["id"] == "mine"


def test_a_claim_may_be_extended(run, home):
    run("claimed")
    run("broken")
    run("claimed", seconds=600)
    found = record(home)
    assert found["until"] - found["since"] >= 600
    assert found["undo"] == f"touch {home}/thing"


@pytest.mark.parametrize("how", [{"takeover": True}, {}])
def test_what_an_earlier_drill_has_left_is_undone_first(run, home, how):
    run("claimed")
    run("broken")
    if not how:
        left = record(home)
        (home / "run" / "drill.json").write_text(json.dumps(dict(left, until=0)))
    found = run("claimed", id="theirs", by="bob@desk", **how)
    assert found["undone"] == "no thing"
    assert (home / "thing").exists()
    assert not (home / "units").exists()
    assert (record(home)["id"], record(home)["undo"]) == ("theirs", "")
    assert "not claimed by the drill 'mine'. Either" in run("broken")["msg"]


def test_check_mode_changes_nothing(run_module, home):
    found = run_module(MODULE, check_mode=True, id="mine", state="claimed", by="alice", seconds=60)
    assert found["changed"]
    assert not (home / "run").exists()


@pytest.mark.parametrize("state, missing", [("claimed", "by, seconds"), ("broken", "what, command, seconds")])
def test_what_a_state_needs(run_module, home, state, missing):
    assert (
        f"state is {state} but all of the following are missing: {missing}"
        in run_module(MODULE, id="mine", state=state)["msg"]
    )


@pytest.mark.parametrize("undo_by", ["systemd", "process"])
def test_the_variables_of_a_command_are_the_shells(run, home, monkeypatch, undo_by):
    """What the module itself puts in their place may be no more what it was, and leaves `$$` broken for systemd."""
    monkeypatch.setenv("FROM", "the module")
    says = "FROM='the shell'; echo \"$FROM\" > {}/{}"
    run("claimed", undo_by=undo_by)
    run("broken", undo_by=undo_by, command=says.format(home, "done"), undo=says.format(home, "undone"), seconds=1)
    assert (home / "done").read_text() == "the shell\n"
    if undo_by == "systemd":
        (line,) = [line for line in asked(home) if line.startswith("systemd-run")]
        assert 'echo "$$FROM"' in line
    else:
        wait_until(lambda: record(home, "own") is None)
        assert (home / "undone").read_text() == "the shell\n"
