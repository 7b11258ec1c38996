# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting, in one place: look, judge, sleep, look again."""

from __future__ import annotations

import time

_ROUNDING = 0.000001


class Unreadable(Exception):
    """What is looked at cannot be read just now (a daemon restarts, a session is lost); it is worth another look."""


class Verdict:
    """What a look came to.

    :ivar good: whether the expectation holds; in the end, whether it also has for as long as was asked for.
    :ivar held: seconds for which it has held, as far as known.
    :ivar unstable: in the end, whether it holds, but not for long enough.
    :ivar error: the Unreadable that kept us from seeing anything, if there was one.
    """

    def __init__(self, good, held=0.0, error=None):
        self.good = good
        self.held = held
        self.unstable = False
        self.error = error


def after(spent):
    """Return the words about the seconds spent, which a message needs only where it took some."""
    return f" after {spent:.0f} s" if spent >= 0.5 else ""


def wait_for(look, wait=0.0, stable=0.0, interval=2.0, clock=None, sleep=None):
    """Look until the verdict is good, and has been for long enough. Return the last verdict and the seconds spent.

    An expectation that holds when the time is up, but has not held for long enough yet, is looked at further until that
    is clear; so this takes at most wait + stable seconds (and what a look takes).

    :param look: called with the time; returns a Verdict or raises Unreadable.
    :param wait: seconds to wait for a good verdict; stable: seconds for which it must have been good.
    :param interval: seconds between two looks.
    :param clock: returns the time in seconds; sleep: sleeps so many seconds.
    """
    clock = clock or time.monotonic
    sleep = sleep or time.sleep
    start = None
    while True:
        now = clock()
        start = now if start is None else start
        try:
            verdict = look(now)
        except Unreadable as exc:
            verdict = Verdict(False, error=exc)
        spent = now - start
        if verdict.good and verdict.held >= stable:
            return verdict, clock() - start
        if verdict.good and spent - verdict.held <= wait + _ROUNDING:
            # It became good in time. It goes on until it is stable, or is not good any more.
            left = max(stable - verdict.held, _ROUNDING)
        else:
            left = wait - spent
        if left <= 0:
            verdict.unstable = verdict.good
            verdict.good = False
            return verdict, clock() - start
        sleep(min(interval, left))
