"""The command line; nothing is started."""

from __future__ import annotations

import sys

import pytest

from bench import __main__ as cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--rounds", "0"], "0 is too few, expected 1 or more"),
        (["scale", "--nodes", "8", "1"], "1 is too few, expected 2 or more"),
        (["run", "--events", "rain"], "invalid choice: 'rain'"),
    ],
)
def test_what_cannot_be_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    assert said in capsys.readouterr().err


def test_where_the_bed_cannot_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "run"])
    monkeypatch.setattr(cli, "requirements", lambda: "the quick bed needs root")
    assert cli.main() == 1
    assert capsys.readouterr().err == "the quick bed needs root\n"
