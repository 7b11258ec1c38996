"""What `make test` counts, and what it is asked for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests import run

STEP = run.Step("unit", ["pytest"], counts_tests=True)
REPORT = """<testsuites><testsuite>
<testcase name="good"/><testcase name="bad"><failure/></testcase><testcase name="broken"><error/></testcase>
<testcase name="absent"><skipped message="needs root"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "LOGS", tmp_path)
    return tmp_path


def test_tests_are_counted_from_their_report(logs: Path) -> None:
    (logs / "unit.xml").write_text(REPORT)
    assert run.counts(STEP, 1) == (1, 2, ["needs root"])


def test_a_pytest_that_fails_without_a_failed_test_has_failed(logs: Path) -> None:
    (logs / "unit.xml").write_text('<testsuites><testsuite><testcase name="good"/></testsuite></testsuites>')
    assert run.counts(STEP, 1) == (1, 1, [])
    (logs / "unit.xml").unlink()
    assert run.counts(STEP, 4) == (0, 1, [])


def test_nothing_but_skipped_is_no_failure(logs: Path) -> None:
    case = '<testcase name="bed"><skipped message="needs root"/></testcase>'
    (logs / "unit.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    assert run.counts(STEP, 5) == (0, 0, ["needs root"])
    (logs / "unit.xml").write_text("<testsuites><testsuite></testsuite></testsuites>")
    assert run.counts(STEP, 5) == (0, 1, [])


def test_any_other_step_is_one() -> None:
    step = run.Step("ruff", ["ruff", "check"])
    assert run.counts(step, 0) == (1, 0, [])
    assert run.counts(step, 1) == (0, 1, [])


def test_what_a_step_has_done_is_shown_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "molecule"
    # In parts of a line, as a program writes; it goes on only when it was shown.
    script.write_text(
        "#!/bin/sh\nprintf '\\033[32mdrain\\033[0m '; sleep 1.5; echo '➜ verify: Executed: Successful'; echo other\n"
        f"while [ ! -e {tmp_path}/shown ]; do sleep 0.1; done\nexit 3\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(run, "BIN", tmp_path)
    shown: list[str] = []

    def show(text: str, **_options: bool) -> None:
        shown.append(text)
        if "verify" in text:
            (tmp_path / "shown").touch()

    monkeypatch.setattr("builtins.print", show)
    assert run.run(run.Step("drain", ["molecule"], progress=run.ACTION)) == (0, 1)
    assert [line for text in shown if (line := text.partition(" s  ")[2])] == ["drain ➜ verify: Executed: Successful"]


@pytest.mark.parametrize(
    ("names", "says"), [(["lnt"], "no such part: lnt; there are"), (["matrix", "x"], "no such scenario: x")]
)
def test_what_is_not_there_is_named(names: list[str], says: str) -> None:
    with pytest.raises(SystemExit, match=says):
        run.main(names)


def test_of_the_matrix_only_what_is_chosen_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    recorded: list[object] = []

    def pretend(step: run.Step) -> tuple[int, int]:
        ran.append(step.name)
        return 1, 0

    monkeypatch.setattr(run, "run", pretend)
    monkeypatch.setattr("tests.matrix.record", lambda *row: recorded.append(row))
    run.run_matrix(["example-ci"])
    assert ran == ["example-ci"]
    assert recorded == [("examples/ci", "lab", True)]


def test_two_steps_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each waits until the other runs, too.
    both = threading.Barrier(2, timeout=10)

    def pretend(step: run.Step) -> tuple[int, int]:
        both.wait()
        return (1, 0) if step.name == "ruff" else (0, 1)

    monkeypatch.setattr(run, "run", pretend)
    assert run.run_pairs([run.Step("ruff", ["ruff"]), run.Step("mypy", ["mypy"])]) == [(1, 0), (0, 1)]


def test_every_scenario_is_either_of_each_change_or_of_the_matrix() -> None:
    assert run.MATRIX <= run.SCENARIOS
    assert run.SCENARIOS - run.MATRIX


def test_scenarios_of_the_emulator_are_left_out_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROUTER_IMAGE", raising=False)
    assert run.left_out({"ipv6", "drain"}) == set()
    monkeypatch.setenv("ROUTER_IMAGE", "/chr.img")
    assert run.left_out({"ipv6", "drain"}) == {"ipv6"}
    assert capsys.readouterr().out == "not run with ROUTER_IMAGE: ipv6, which gives the emulator's machine addresses\n"


def test_every_scenario_that_looks_into_the_emulators_machine_is_left_out_or_asks() -> None:
    for path in (run.ROOT / "molecule").rglob("*.yml"):
        text = path.read_text()
        if "ssh hap-lite" in text:
            scenario = path.relative_to(run.ROOT / "molecule").parts[0]
            assert scenario in run.EMULATOR_ONLY or "ROUTER_IMAGE" in text, path
