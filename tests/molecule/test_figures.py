"""What the scenario `figures` makes of what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from figures import summary


def result(
    sent: int = 100,
    lost: int = 0,
    first: tuple[int, float] | None = None,
    last: tuple[int, float] | None = None,
) -> dict[str, Any]:
    """Of one phone; first and last are (number, seconds) of lost probes."""
    return {
        "sent": sent,
        "lost": lost,
        "first_loss": first and {"number": first[0], "seconds": first[1]},
        "last_loss": last and {"number": last[0], "seconds": last[1]},
    }


def test_nothing_lost() -> None:
    found = summary.row([{"event": "drain", "limit": 0.0, "results": [result(), result()]}])
    windows = {"windows_s": [0.0], "window_s": 0.0}
    assert found == {"event": "drain", "sent": 200, "lost": 0, **windows, "limit": 0.0, "ok": True}


def test_one_lost_is_too_many_where_none_may_be() -> None:
    results = [result(), result(lost=1, first=(7, 0.3), last=(7, 0.3))]
    found = summary.row([{"event": "drain", "limit": 0.0, "results": results}])
    assert (found["lost"], found["window_s"], found["ok"]) == (1, 0.05, False)


@pytest.mark.parametrize(("last", "ok"), [(1.25, True), (1.35, False)])
def test_the_longest_window_counts(last: float, ok: bool) -> None:
    results = [result(lost=2, first=(1, 0.0), last=(2, 0.05)), result(lost=20, first=(7, 0.3), last=(27, last))]
    found = summary.row([{"event": "service killed -9", "limit": 1.0, "results": results}])
    assert (found["lost"], found["window_s"], found["ok"]) == (22, round(last - 0.25, 3), ok)


def test_a_phone_has_to_be_answered_in_the_end() -> None:
    results = [result(lost=2, first=(99, 4.9), last=(100, 4.95))]
    assert not summary.row([{"event": "x", "limit": 1.0, "results": results}])["ok"]


def killed(window: float) -> dict[str, Any]:
    results = [result(lost=2, first=(1, 0.0), last=(2, window - summary.INTERVAL)), result()]
    return {"event": "service killed -9", "limit": 1.0, "results": results}


@pytest.mark.parametrize(("third", "median", "ok"), [(0.7, 0.8, True), (1.1, 0.9, False)])
def test_each_of_several_measurements_keeps_the_limit(third: float, median: float, ok: bool) -> None:
    found = summary.row([killed(0.9), killed(0.8), killed(third)])
    assert (found["sent"], found["lost"], found["window_s"], found["ok"]) == (600, 6, median, ok)
    assert found["windows_s"] == sorted([0.9, 0.8, third])


def test_no_median_hides_a_phone_that_is_not_answered_any_more() -> None:
    lost = {**killed(0.8), "results": [result(lost=2, first=(99, 4.9), last=(100, 4.95))]}
    assert not summary.row([killed(0.8), lost, killed(0.8)])["ok"]


def test_the_table_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(summary, "BUILD", tmp_path)
    assert summary.main() == 1
    assert "nothing was measured" in capsys.readouterr().err
    (tmp_path / "figures").mkdir()
    good = {"event": "node powered off", "limit": 2.0, "results": [result(lost=1, first=(7, 0.3), last=(7, 0.3))]}
    (tmp_path / "figures" / "01.json").write_text(json.dumps(good))
    assert summary.main() == 0
    for number, window in enumerate((1.0, 0.8, 0.9), 2):
        (tmp_path / "figures" / f"0{number}.json").write_text(json.dumps(killed(window)))
    assert summary.main() == 0
    (tmp_path / "figures" / "00.json").write_text(json.dumps({**good, "event": "drain", "limit": 0.0}))
    assert summary.main() == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["drain", "100", "1", "0.05", "0", "NO"] in lines
    assert ["node", "powered", "off", "100", "1", "0.05", "2", "yes"] in lines
    assert ["service", "killed", "-9", "600", "6", "0.90", "(0.80..1.00)", "1", "yes"] in lines
    rows = json.loads((tmp_path / "figures.json").read_text())
    assert [row["event"] for row in rows] == ["drain", "node powered off", "service killed -9"]
