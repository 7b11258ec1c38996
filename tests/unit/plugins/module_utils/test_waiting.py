# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting, with a clock that only moves when somebody sleeps or looks."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils import waiting
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Unreadable, Verdict, wait_for, wait_until


class Clock:
    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


@pytest.fixture
def wait(clock):
    """Return a function that waits for good(seconds since the start), which is true, false or Unreadable."""
    return lambda good, look_takes=0.0, **how: _wait(clock, good, look_takes, **how)


def _wait(clock, good, look_takes, **how):
    looks = []
    since = []

    def look(now):
        looks.append(now - 1000)
        clock.now += look_takes
        state = good(now - 1000)
        if isinstance(state, Exception):
            raise state
        since[:] = (since or [now]) if state else []
        return Verdict(state, held=now - since[0] if state else 0.0)

    verdict, spent = wait_for(look, **how)
    return verdict, spent, looks


def test_good_at_once_needs_one_look(wait):
    verdict, spent, looks = wait(lambda now: True, wait=60)
    assert (verdict.good, spent, looks) == (True, 0, [0])


def test_no_wait_looks_once(wait):
    verdict, _spent, looks = wait(lambda now: False)
    assert (verdict.good, verdict.unstable, looks) == (False, False, [0])


def test_polls_until_good(wait):
    verdict, spent, looks = wait(lambda now: now >= 5, wait=60, interval=2)
    assert (verdict.good, spent, looks) == (True, 6, [0, 2, 4, 6])


def test_looks_once_more_when_the_time_is_up(wait):
    verdict, spent, looks = wait(lambda now: now >= 5, wait=5, interval=2)
    assert (verdict.good, spent, looks) == (True, 5, [0, 2, 4, 5])


def test_gives_up(wait):
    verdict, spent, looks = wait(lambda now: False, wait=3, interval=2)
    assert (verdict.good, verdict.unstable, spent, looks) == (False, False, 3, [0, 2, 3])


@pytest.mark.parametrize("look_takes", [0.0, 0.02, 0.7])
def test_stable_is_observed_even_without_a_wait(wait, look_takes):
    verdict, spent, _looks = wait(lambda now: True, look_takes=look_takes, stable=10, interval=2)
    assert verdict.good
    assert 10 <= spent <= 10 + 2 * look_takes + 0.001


def test_a_break_within_the_wait_starts_the_stable_time_anew(wait):
    verdict, spent, _looks = wait(lambda now: not 3 <= now < 5, wait=10, stable=6, interval=1)
    assert (verdict.good, spent) == (True, 11)


def test_a_break_after_the_wait_fails_at_once(wait):
    verdict, spent, _looks = wait(lambda now: now < 3, stable=10, interval=1)
    assert (verdict.good, verdict.unstable, spent) == (False, False, 3)


def test_flapping_between_looks_ends(clock):
    """Good at every look, but each time anew."""
    verdict, spent = wait_for(lambda now: Verdict(True, 0.0), wait=4, stable=3)
    assert (verdict.good, verdict.unstable) == (False, True)
    assert spent <= 4 + 3


def test_what_cannot_be_read_is_looked_at_again(wait):
    broken = Unreadable("restarting")
    verdict, spent, _looks = wait(lambda now: broken if now < 3 else True, wait=10, interval=2)
    assert (verdict.good, verdict.error, spent) == (True, None, 4)


def test_what_cannot_be_read_in_the_end_is_told(wait):
    broken = Unreadable("restarting")
    verdict, spent, _looks = wait(lambda now: broken, wait=3, interval=2)
    assert (verdict.good, verdict.error, spent) == (False, broken, 3)


@pytest.mark.parametrize(("from_second", "holds"), [(0, True), (2, True), (9, False)])
def test_a_check_that_holds_in_time(clock, from_second, holds):
    def check():
        if clock.now < 1001:
            raise Unreadable("restarting")
        return clock.now >= 1000 + from_second

    assert wait_until(check, timeout=5, interval=0.5) is holds
    assert all(seconds <= 0.5 for seconds in clock.slept)


def test_what_a_check_cannot_read_in_the_end_is_raised(clock):
    def check():
        raise Unreadable("restarting")

    with pytest.raises(Unreadable, match="restarting"):
        wait_until(check, timeout=5, interval=0.5)
    assert clock.now == 1005
