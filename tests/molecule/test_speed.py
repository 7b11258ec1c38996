"""What the scenario `speed` makes of what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from speed import summary


def measured(**more: Any) -> dict[str, Any]:
    return {
        "playbook": "site",
        "run": 2,
        "start": "2026-11-22 21:00:59.500000",
        "end": "2026-11-22 21:01:40.000000",
        # As it is printed in colour.
        "recap": "sip1 : \x1b[0;33mchanged=1   \x1b[0m failed=0\nsip2 : \x1b[0;33mchanged=2   \x1b[0m failed=0\n",
        "before": {"logins": 3, "executions": {"sip1": 10, "sip2": 20}},
        "after": {"logins": 11, "executions": {"sip1": 20, "sip2": 29}},
        **more,
    }


def test_the_figures_of_a_run() -> None:
    found = {"playbook": "site", "run": 2, "seconds": 40.5, "executions": 10, "logins": 8, "changed": 3}
    assert summary.row(measured()) == found


def rows(**site: Any) -> list[dict[str, Any]]:
    """Runs of both playbooks, with what is different in the second run of site."""
    costs = {"seconds": 30.0, "executions": 10, "logins": 8, "changed": 0}
    first = [{"playbook": name, "run": 1, **costs, "seconds": 99, "changed": 9} for name in ("plain", "site")]
    return [*first, {"playbook": "plain", "run": 2, **costs}, {"playbook": "site", "run": 2, **costs, **site}]


def test_all_is_well() -> None:
    assert summary.problems(rows()) == []


@pytest.mark.parametrize(
    ("site", "says"),
    [
        ({"changed": 1}, "changed of an unchanged run of site: 1, expected 0 or fewer"),
        ({"executions": 11}, "executions of an unchanged run of site: 11, expected 10 or fewer"),
        ({"logins": 9}, "logins of an unchanged run of site: 9, expected 8 or fewer"),
        ({"seconds": 30.5}, "takes 30.5 s (median), that of the plain playbook 30 s"),
        ({"run": 1}, "both playbooks have to run again"),
    ],
)
def test_what_is_not_well(site: dict[str, Any], says: str) -> None:
    assert [says in text for text in summary.problems(rows(**site))] == [True]


def test_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(summary, "BUILD", tmp_path)
    assert summary.main() == 1
    assert "nothing was measured" in capsys.readouterr().err
    (tmp_path / "speed").mkdir()
    (tmp_path / "speed" / "site-2.json").write_text(json.dumps(measured()))
    assert summary.main() == 1
    assert [row["executions"] for row in json.loads((tmp_path / "speed.json").read_text())] == [10]
