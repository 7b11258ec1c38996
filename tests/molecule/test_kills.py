"""What the scenario `kills` makes of what the phones saw."""

from __future__ import annotations

from typing import Any

from kills import summary


def phone(source: str, *lost: tuple[float, float]) -> dict[str, Any]:
    runs = [{"first": first, "last": last, "reason": "timeout"} for first, last in lost]
    return {"source": source, "runs": [{"first": 0.0, "last": 9.0, "reason": None}, *runs]}


def test_a_kill_costs_what_its_unluckiest_phone_lost() -> None:
    one = phone("172.18.0.22", (10.0, 10.3), (21.0, 21.0))
    other = phone("172.18.0.23", (10.1, 10.15), (10.25, 10.5))
    assert summary.windows([one, other]) == [0.45, 0.05]


def test_nothing_lost_is_no_kill() -> None:
    assert summary.windows([phone("172.18.0.22")]) == []
