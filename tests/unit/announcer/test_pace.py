# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How soon the checker notices, and what it does not take for a failure, in simulated time."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import CHECK_DEFAULTS, HURRY, Check
from ansible_collections.homelab.anycast.tests.unit.announcer.fake_node import Clock, FakeChecks, load_program

announcer: Any = load_program()
CHECK: Mapping[str, Any] = MappingProxyType({**CHECK_DEFAULTS, "kind": "sip", "port": 5060})
# Seconds: in which a service answers, and which the system may be late in a simulation that rounds.
QUICK, LATE = 0.002, 1e-6


class Over(Exception):
    """The simulation ends."""


def watch(
    service: Callable[[float], float | None],
    end: float,
    monkeypatch: pytest.MonkeyPatch,
    check: Mapping[str, Any] = CHECK,
) -> tuple[list[tuple[float, bool]], list[float]]:
    """Return (when the service was announced and withdrawn, when each check began) until an end."""
    clock = Clock()
    clock.now = 0.0
    monkeypatch.setattr(announcer, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    changes: list[tuple[float, bool]] = []

    def follow(healthy: bool, _reason: str | None) -> None:
        if healthy != (changes[-1][1] if changes else False):
            changes.append((clock.now, healthy))

    def answer(now: float) -> float | None:
        if now >= end:
            raise Over
        return service(now)

    checks = FakeChecks(clock, check["timeout"], answer)
    announcement = SimpleNamespace(name="sip", follow=follow, state=None, trouble=None)
    with pytest.raises(Over):
        announcer.watch(announcer.Pace(dict(check)), checks, announcement)
    return changes, checks.begun


def noticed(
    died: float, monkeypatch: pytest.MonkeyPatch, delay: float = QUICK, check: Mapping[str, Any] = CHECK
) -> float:
    """Return after how many seconds a service that hangs is withdrawn."""
    changes, _begun = watch(lambda now: delay if now + delay < died else None, died + 10, monkeypatch, check)
    (_announced, _yes), (withdrawn, no) = changes
    assert not no
    return withdrawn - died


def test_the_model_knows_the_bound() -> None:
    assert announcer.HURRY == HURRY
    assert Check(**CHECK).hang_limit == pytest.approx(1.7)


def test_a_hang_is_noticed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    times = [noticed(10 + chance.random(), monkeypatch) for _run in range(1000)]
    print(f"median {statistics.median(times):.3f}, longest {max(times):.3f}")
    assert max(times) <= 1.7 + LATE
    assert statistics.median(times) <= 1.2
    assert min(times) >= 0.7 - QUICK - LATE


@pytest.mark.parametrize(
    "more", [{}, {"interval": 5, "timeout": 2}, {"fall": 1}, {"fall": 10}, {"interval": 0.3, "timeout": 0.1}]
)
def test_the_bound_for_other_settings(monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]) -> None:
    check = {**CHECK, **more}
    apart = min(announcer.HURRY, check["interval"])
    bound = check["interval"] + (check["fall"] - 1) * apart + check["timeout"]
    chance = random.Random(2)
    times = [noticed(50 + chance.random() * check["interval"], monkeypatch, check=check) for _run in range(100)]
    assert bound * 0.9 - check["interval"] * 0.1 < max(times) <= bound + LATE


def test_several_services_of_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """One daemon with 20 of them hangs. Each has a checker of its own, so none waits for another."""
    chance = random.Random(3)
    times = [noticed(10 + chance.random(), monkeypatch) for _service in range(20)]
    print(f"20 services: median {statistics.median(times):.3f}, longest {max(times):.3f}")
    assert max(times) <= 1.7 + LATE


def test_a_refused_connection_is_noticed_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = announcer.Pace(CHECK)
    pace.health.healthy = True
    for time in (0.0, 0.1, 0.2):
        assert pace.due() <= time + LATE
        pace.end(pace.begin(time), False, time)
    assert not pace.health.healthy


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_in_which_one_check_of_twenty_is_lost(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    changes, begun = watch(lambda _now: None if chance.random() < 0.05 else QUICK, 86400, monkeypatch)
    assert [announced for _when, announced in changes] == [True]
    # One more for each that is lost, and no storm.
    assert 86400 <= len(begun) <= 86400 * 1.2


def test_a_slow_service_is_not_stormed(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it has not answered, there are as many checks as HURRY allows; they end with its answer."""
    changes, begun = watch(lambda _now: 0.45, 100, monkeypatch)
    assert [announced for _when, announced in changes] == [True]
    assert len(begun) <= 100 * 5
    for first in begun:
        assert len([other for other in begun if first <= other < first + 0.5 - LATE]) <= CHECK["fall"] + announcer.SPARE


def test_a_slow_command_is_not_started_again_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    check = {**CHECK, "kind": "command", "command": ["true"]}
    _changes, begun = watch(lambda _now: 0.3, 100, monkeypatch, check)
    assert len(begun) <= 101
    assert noticed(10.5, monkeypatch, 0.3, check) <= 1 + 0.5 + 0.1 + 0.5 + LATE


@pytest.mark.parametrize("period", [0.5, 1, 3, 7, 20])
def test_flapping(monkeypatch: pytest.MonkeyPatch, period: float) -> None:
    """It lives and hangs in turn. Dead, it is announced for no longer than the bound; it is back after `rise`."""
    changes, _begun = watch(lambda now: QUICK if int(now / period) % 2 == 0 else None, 400, monkeypatch)
    for (begin, announced), (end, _not) in zip(changes, changes[1:], strict=False):
        if announced:
            assert end - begin > CHECK["fall"] * announcer.HURRY
        else:
            assert end - begin >= (CHECK["rise"] - 1) * CHECK["interval"]
    if period >= 3:
        # Each hang is noticed within 1.7 s.
        assert sum(not announced for _when, announced in changes) == int(400 / period / 2)
        for when, announced in changes:
            assert announced or (when % (2 * period)) - period <= 1.7 + LATE


def test_what_began_before_the_verdict_says_nothing_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that stands still for a moment answers all at once: these are no `rise` checks."""
    changes, _begun = watch(
        lambda now: QUICK if now < 10 else 10.75 + QUICK - now if now < 10.75 else QUICK, 30, monkeypatch
    )
    times = [when for when, _announced in changes]
    if len(times) > 1:
        assert times[2] - times[1] >= 2


def test_a_late_failure_does_not_count_where_a_later_check_has_passed() -> None:
    pace = announcer.Pace(CHECK)
    pace.health.healthy = True
    first, second = pace.begin(0.0), pace.begin(0.1)
    assert pace.end(second, True, 0.11)
    assert not pace.end(first, False, 0.5)
    assert pace.health.count == 0
    assert pace.due() == 1.1


def test_an_early_answer_that_comes_late_counts() -> None:
    pace = announcer.Pace(CHECK)
    pace.health.healthy = True
    first, second = pace.begin(0.0), pace.begin(0.1)
    assert pace.end(second, False, 0.2)
    assert pace.health.count == 1
    assert pace.end(first, True, 0.3)
    assert pace.health.count == 0
    # The later one has failed, so the next one follows soon.
    assert pace.due() == pytest.approx(0.4)


def test_a_check_that_does_not_end_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = announcer.Pace(CHECK)
    number = pace.begin(5.0)
    assert pace.overdue() == (5.6, number)
    pace.end(number, False, 5.6)
    assert pace.overdue()[0] == float("inf")


def test_checks_run_at_once() -> None:
    checks = announcer.Checks({"addresses": ["192.0.2.1/32"], "check": {**CHECK, "kind": "tcp"}})
    checks.begin(1)
    checks.begin(2)
    ended = [checks.wait(5), checks.wait(5)]
    assert sorted(each[0] for each in ended) == [1, 2]
    assert {each[2] for each in ended} == {"192.0.2.1: 192.0.2.1 is not on this node"}
    assert checks.wait(0) is None


def test_a_check_that_cannot_be_started_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "MOST_CHECKS", 0)
    checks = announcer.Checks({"addresses": [], "check": CHECK})
    checks.begin(1)
    assert checks.wait(1) == (1, None, "cannot be checked: 0 checks have not ended")
