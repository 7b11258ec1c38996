"""What the log of BIRD says of lost adjacencies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bed import Machine
from bench import timers

LOG = """\
2026-11-30 10:19:20.100 <TRACE> test: Neighbor 10.255.0.1 on l5x1 changed state from Loading to Full
2026-11-30 10:19:25.700 <TRACE> test: Neighbor 10.255.0.1 on l5x1 changed state from Full to Init
2026-11-30 10:19:28.652 <TRACE> test: Neighbor 10.255.0.1 on l10x4 changed state from Full to ExStart
2026-11-30 10:19:31.649 <TRACE> test: Neighbor 10.255.0.1 on l10x1 changed state from Full to Down
"""


def test_what_is_lost_is_counted_by_the_loss_of_its_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ospf.log").write_text(LOG)
    monkeypatch.setattr(Machine, "__init__", lambda self: None)
    monkeypatch.setattr(Machine, "path", lambda self, _path: tmp_path / "ospf.log")
    assert timers._lost(Machine()) == Counter({10: 2, 5: 1})  # type: ignore[call-arg]


def test_packets_are_lost_on_the_lossy_links_alone() -> None:
    rules = timers._drops({"l0x1": 0, "l5x2": 5})
    assert 'iifname "l5x2" ip protocol ospf numgen random mod 1000 < 50 drop' in rules
    assert "l0x1" not in rules
