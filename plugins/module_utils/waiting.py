# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting, in one place: look, judge, sleep, look again. Private to this collection."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_ROUNDING = 0.000001


class Unreadable(Exception):
    """What is looked at cannot be read just now (a daemon restarts, a session is lost); it is worth another look."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a look came to."""

    good: bool  # Whether the expectation holds; in the end, whether it also has for as long as was asked for
    held: float = 0.0  # Seconds for which it has held, as far as known
    unstable: bool = False  # In the end, whether it holds, but not for long enough
    error: Unreadable | None = None  # Why nothing could be seen


def after(spent: float) -> str:
    """Return the words about the seconds spent, which a message needs only where it took some."""
    return f" after {spent:.0f} s" if spent >= 0.5 else ""


def time_problems(params: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return what is wrong with options that are spans of time, and with poll_interval."""
    problems = [f"{name} is {params[name]:g}, expected 0 or more seconds" for name in names if params[name] < 0]
    if params["poll_interval"] <= 0:
        problems.append("poll_interval is {:g}, expected more than 0 seconds".format(params["poll_interval"]))
    return problems


def wait_for(
    look: Callable[[float], Verdict], wait: float = 0.0, stable: float = 0.0, interval: float = 2.0
) -> tuple[Verdict, float]:
    """Look until the verdict is good, and has been for long enough. Return the last verdict and the seconds spent.

    An expectation that holds when the time is up, but has not held for long enough yet, is looked at further until that
    is clear; so this takes at most wait + stable seconds (and what a look takes).

    :param look: called with the time; may raise Unreadable.
    :param wait: seconds to wait for a good verdict; stable: seconds for which it must have been good.
    :param interval: seconds between two looks.
    """
    start = time.monotonic()
    now = start
    while True:
        try:
            verdict = look(now)
        except Unreadable as exc:
            verdict = Verdict(False, error=exc)
        spent = now - start
        if verdict.good and verdict.held >= stable:
            return verdict, time.monotonic() - start
        if verdict.good and spent - verdict.held <= wait + _ROUNDING:
            # It became good in time. It goes on until it is stable, or is not good any more.
            left = max(stable - verdict.held, _ROUNDING)
        else:
            left = wait - spent
        if left <= 0:
            return dataclasses.replace(verdict, good=False, unstable=verdict.good), time.monotonic() - start
        time.sleep(min(interval, left))
        now = time.monotonic()


def wait_until(check: Callable[[], bool], timeout: float, interval: float) -> bool:
    """Check until it holds, at most for so many seconds; return whether it does. Raises the last check's Unreadable."""
    verdict, _spent = wait_for(lambda _now: Verdict(check()), timeout, interval=interval)
    if verdict.error:
        raise verdict.error
    return verdict.good
