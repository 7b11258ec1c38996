"""Many made-up neighbours, read by the modules' own code."""

from __future__ import annotations

import pytest

from bench import reading


def test_what_is_made_up_is_what_is_read() -> None:
    expected = reading.addresses(300)
    from_bird = reading.read_bird(*reading.bird_answers(300))
    from_routeros = reading.read_routeros(*reading.routeros_rows(300))
    for found in (from_bird, from_routeros):
        assert [one.router_id for one in found] == expected
        assert {(one.state, one.bfd) for one in found} == {("Full", "up")}
        assert reading.compare(found, expected)
        assert not reading.compare(found, expected[1:])
    assert {one.interface for one in from_bird} == {"enp0s11"}
    assert {one.interface for one in from_routeros} == {"bridge-lan"}


def test_only_what_is_right_is_timed() -> None:
    with pytest.raises(RuntimeError, match="made up"):
        reading.milliseconds(lambda: False)


def test_both_are_measured() -> None:
    assert set(reading.measure(10)) == {"bird", "routeros"}
