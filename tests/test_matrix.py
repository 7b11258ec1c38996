"""The file behind the table of support."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import matrix


def test_a_later_run_replaces_the_row_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "build" / "matrix.json"
    assert matrix.read(file) == []
    matrix.record("sha256", "bed", False, file)
    matrix.record("sha256", "lab", True, file)
    matrix.record("sha256", "bed", True, file)
    assert json.loads(file.read_text()) == [
        {"row": "sha256", "where": "bed", "passed": True},
        {"row": "sha256", "where": "lab", "passed": True},
    ]


def test_no_row_is_lost_between_writers(tmp_path: Path) -> None:
    file = tmp_path / "matrix.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: matrix.record(f"row {number}", "bed", True, file), range(40)))
    assert len(matrix.read(file)) == 40


def test_a_scenario_has_passed_if_the_recap_says_so() -> None:
    from molecule.ansi_output import AnsiOutput
    from molecule.reporting.definitions import (
        ActionResult,
        CompletionState,
        CompletionStateInfo,
        ScenarioResults,
        ScenariosResults,
    )

    def result(name: str, *states: CompletionStateInfo) -> ScenarioResults:
        return ScenarioResults(name=name, actions=[ActionResult(action="verify", states=[state]) for state in states])

    good, bad = CompletionState.successful, CompletionState.failed
    recap = AnsiOutput().format_scenario_recap(
        ScenariosResults([result("drain", good, good), result("reload", good, bad)])
    )
    assert matrix.scenarios(f"PLAY RECAP\n{recap}\n\n", {"drain", "reload", "never"}) == {
        "drain": True,
        "reload": False,
    }
