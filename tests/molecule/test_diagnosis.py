"""What the scenario `diagnosis` makes of what verify said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnosis import summary


def measured(*errors: str) -> dict[str, Any]:
    """What is kept of a case in which verify printed these errors."""
    said = "".join(f"[ERROR]: Task failed: {error}\n\nfatal: [hap-lite]: FAILED!\n\n" for error in errors)
    return {"case": "wrong key", "node": "sip2", "cause": "the key on sip2", "said": f"PLAY [x] **\n\n{said}RECAP\n"}


def test_the_last_message_counts_and_the_line_that_names_the_cause() -> None:
    found = summary.row(measured("neighbours are missing", "why:\nthe key on sip2 is another\nmend it"))
    assert found == {
        "case": "wrong key",
        "message": "the key on sip2 is another",
        "names_node": True,
        "names_cause": True,
        "ok": True,
    }


@pytest.mark.parametrize("messages", [(), ("sip2 is missing",), ("the key on sip2 is another", "something else")])
def test_not_named(messages: tuple[str, ...]) -> None:
    assert not summary.row(measured(*messages))["ok"]


def test_the_table_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(summary, "BUILD", tmp_path)
    assert summary.main() == 1
    assert "no case was made" in capsys.readouterr().err
    (tmp_path / "diagnosis").mkdir()
    (tmp_path / "diagnosis" / "00.json").write_text(json.dumps(measured("the key on sip2 is another")))
    assert summary.main() == 0
    (tmp_path / "diagnosis" / "01.json").write_text(json.dumps(measured("sip2 is missing")))
    assert summary.main() == 1
    assert [row["ok"] for row in json.loads((tmp_path / "diagnosis.json").read_text())] == [True, False]
