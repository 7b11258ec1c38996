"""What the scenario `two_routers` makes of what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from two_routers import summary

SIP1, SIP2, LOST = ("sip1", None), ("sip2", None), (None, "timeout")


def result(*runs: tuple[str | None, str | None], lost: int = 0, source: str = "172.18.0.22") -> dict[str, Any]:
    """Of one phone; a run is (node, reason)."""
    told = [{"answered_by": node, "reason": reason} for node, reason in runs]
    return {"source": source, "sent": 200, "lost": lost, "runs": told}


def event(*results: dict[str, Any]) -> dict[str, Any]:
    return {"event": "hap-lite powered off", "limit": 1, "results": list(results)}


@pytest.mark.parametrize(
    ("runs", "lost", "lost_s", "nodes", "ok"),
    [
        ([SIP1], 0, 0.0, ("sip1", "sip1"), True),
        ([SIP1, LOST, SIP2], 20, 1.0, ("sip1", "sip2"), True),
        ([SIP1, LOST, SIP2], 21, 1.05, ("sip1", "sip2"), False),
        # Two interruptions count as one of their length.
        ([SIP1, LOST, SIP2, LOST, SIP2], 24, 1.2, ("sip1", "sip2"), False),
        # It has to be answered in the end, and at all.
        ([SIP1, LOST], 2, 0.1, ("sip1", "sip1"), False),
        ([LOST], 2, 0.1, (None, None), False),
        ([], 0, 0.0, (None, None), False),
    ],
)
def test_what_a_phone_lost(
    runs: list[tuple[str | None, str | None]], lost: int, lost_s: float, nodes: tuple[str | None, str | None], ok: bool
) -> None:
    found = summary.row("x", 1, result(*runs, lost=lost))
    assert (found["lost_s"], (found["before"], found["after"]), found["ok"]) == (lost_s, nodes, ok)


def test_the_table_the_share_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(summary, "BUILD", tmp_path)
    assert summary.main() == 1
    assert "nothing was measured" in capsys.readouterr().err
    directory = tmp_path / "two_routers"
    directory.mkdir()
    moved = event(result(SIP1, LOST, SIP2, lost=16), result(SIP2, source="172.18.0.23"))
    (directory / "1.json").write_text(json.dumps(moved))
    assert summary.main() == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["hap-lite", "powered", "off", "172.18.0.22", "200", "0.80", "1", "sip1", "sip2", "yes"] in lines
    assert ["hap-lite", "powered", "off:", "1", "of", "2", "phones", "met", "a", "different", "node"] in lines
    (directory / "2.json").write_text(json.dumps({**event(result(SIP1, LOST, SIP1, lost=40)), "event": "back"}))
    assert summary.main() == 1
    assert "back: 0 of 1 phones met a different node" in capsys.readouterr().out
    rows = json.loads((tmp_path / "two_routers.json").read_text())
    assert [(row["event"], row["ok"]) for row in rows] == [
        ("hap-lite powered off", True),
        ("hap-lite powered off", True),
        ("back", False),
    ]
