# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting, in one place: look, judge, sleep, look again."""

from __future__ import annotations

import time


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


def wait_for(look, wait=0.0, stable=0.0, interval=2.0, clock=time.monotonic, sleep=time.sleep):
    """Look until the verdict is good, and has been for long enough. Return the last verdict and the seconds spent.

    An expectation that holds when the time is up, but has not held for long enough yet, is looked at further until that
    is clear; so this takes at most wait + stable seconds (and what a look takes).

    :param look: called with the time; returns a Verdict or raises Unreadable.
    """
    start = clock()
    while True:
        try:
            verdict = look(clock())
        except Unreadable as exc:
            verdict = Verdict(False, error=exc)
        spent = clock() - start
        if verdict.good:
            left = min(stable - verdict.held, wait + stable - spent)
            if verdict.held >= stable:
                return verdict, spent
        else:
            left = wait - spent
        if left <= 0:
            verdict.unstable = verdict.good
            verdict.good = False
            return verdict, spent
        sleep(min(interval, left))
