# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever fails, and wherever: a dead service is not announced for longer than the documentation says.

Every error of every call, once and from then on, in each of the announcer's ways; and each kind of BIRD that does not
do as it is told. docs/docsite/rst/design.rst states the number of runs and the longest time.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.anycast.tests.unit.announcer.fake_node import BIRD_PROCESS, FakeChecks, FakeSystem

NAMES = """
EACCES EAGAIN EBUSY ECONNREFUSED ECONNRESET EDQUOT EINVAL EIO ELOOP EMFILE ENFILE ENOBUFS ENODEV ENOENT ENOMEM ENOSPC
ENOTCONN ENOTDIR EPERM EPIPE EROFS ESTALE ETIMEDOUT
"""
ERRORS = [getattr(errno, name) for name in NAMES.split()]
# What says that there is no BIRD, or no link, is believed.
TRUTHS = {"connect": {errno.ENOENT, errno.ECONNREFUSED}, "unlink": {errno.ENOENT}}
CALLS = ("socket", "connect", "send", "recv", "open", "write", "unlink", "symlink", "rename", "fsync")
COMMANDS = ("announce", "settle", "withdraw", "run")
CHECK: dict[str, Any] = {"kind": "sip", "port": 5060, "interval": 1, "timeout": 0.5, "rise": 1, "fall": 1}
# Seconds that a checker goes on after its service has died, and that the test looks on afterwards.
ROUNDS, AFTERWARDS = 10, 60


class Over(BaseException):
    """The checker is stopped."""


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystem]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="anycast-", dir=memory) as directory:
        system = FakeSystem(Path(directory))
        monkeypatch.setattr(os, "chown", lambda *_arguments, **_more: None)
        yield system
        system.close()


def announce(system: FakeSystem) -> None:
    """An announced service, before anything fails."""
    assert system.main("announce") == 0
    assert system.bird.announces
    system.faults.calls = Counter()


def run(system: FakeSystem, command: str) -> tuple[float, int | None]:
    """Run a command, and what its unit runs after it. Return (when the service died, exit status)."""
    if command == "announce":
        system.main("announce")
    elif command == "run":
        # The service passes one check, so it is announced if that is possible, and never again.
        begun: list[float] = []

        def answer(now: float) -> float | None:
            begun.append(now)
            if now > begun[0] + ROUNDS:
                raise Over
            return None if len(begun) > 1 else 0.0

        system.program.Checks = lambda _settings: FakeChecks(system.clock, CHECK["timeout"], answer)
        with contextlib.suppress(Over):
            if system.main("run") in (None, 1):
                died_at = known(begun, system.clock.now)
                return died_at, system.main("settle", root=True)
        return known(begun, system.clock.now), 0
    elif command == "withdraw":
        # As the checker does: if that does not succeed it ends, and its unit goes on.
        died_at, done = system.clock.now, False
        try:
            system.is_root = False
            system.program.withdraw("sip", ["127.0.0.1/32"])
            done = True
        except Exception as exc:
            system.stderr.write(f"{exc}\n")
        return died_at, 0 if done else system.main("settle", root=True)
    died_at = system.clock.now
    return died_at, system.main("settle", root=True)


def known(begun: list[float], now: float) -> float:
    """Return when the checker knows that the service is dead: `fall` is 1."""
    return begun[1] + float(CHECK["timeout"]) if len(begun) > 1 else now


def announced_until(system: FakeSystem, died: float) -> float:
    """Return for how long the dead service was announced. BIRD goes on meanwhile, or is started again."""
    system.bird.pump()
    system.clock.sleep(AFTERWARDS / 2)
    system.bird.pump()
    system.bird.go_on()
    system.clock.sleep(AFTERWARDS / 2)
    system.bird.pump()
    assert not system.bird.announces, system.stderr.getvalue()
    ends = [when for when, announces in system.bird.history if not announces and when >= died]
    begins = [when for when, announces in system.bird.history if announces]
    return max((end - died for end in ends if begins and begins[0] < end), default=0.0)


def prepare(system: FakeSystem, command: str) -> None:
    system.reset(CHECK if command == "run" else None)
    if command in ("settle", "withdraw"):
        announce(system)


def bound(system: FakeSystem, command: str) -> float:
    """Seconds that the documentation promises, from when it is known that the service is dead."""
    return float(
        system.program.SETTLED_WITHIN + (system.program.WITHDRAWN_WITHIN if command in ("run", "withdraw") else 0)
    )


def every_fault(system: FakeSystem) -> Iterator[tuple[str, str, int, int, bool]]:
    for command in COMMANDS:
        prepare(system, command)
        run(system, command)
        calls = dict(system.faults.calls)
        for call in CALLS:
            for error in ERRORS:
                if error not in TRUTHS.get(call, ()):
                    for first, lasts in itertools.product(range(1, min(calls.get(call, 0), 12) + 1), (False, True)):
                        yield command, call, error, first, lasts


def test_every_error_of_every_call(system: FakeSystem) -> None:
    longest, runs = dict.fromkeys(COMMANDS, 0.0), 0
    for command, call, error, first, lasts in every_fault(system):
        prepare(system, command)
        system.faults.set(call, error, first, lasts)
        died, _status = run(system, command)
        took = announced_until(system, died)
        what = f"{command}: {call} {first} {'and later ' if lasts else ''}{os.strerror(error)}"
        assert took <= bound(system, command), f"{what}: {took} s\n{system.stderr.getvalue()}"
        longest[command] = max(longest[command], took)
        runs += 1
    print(f"{runs} runs, longest {longest}")
    # As many as the design page says.
    assert runs >= 3900


STEPS = ("stopped", "backlog", "mute", "deaf", "closes", "refuses", "forbids", "killed", "gone")


def meddle(system: FakeSystem, step: str) -> None:
    if step == "goes on":
        system.bird.go_on()
    elif step == "killed":
        system.bird.kill()
    elif step == "gone":
        system.bird.end()
    else:
        system.bird.set_mode(step)


def meddled_run(system: FakeSystem, command: str, steps: Mapping[int, str]) -> float:
    """Have a command run, while something happens to BIRD; return for how long the dead service was announced.

    :param steps: what happens, by when BIRD is next asked or waited for.
    """
    prepare(system, command)
    pump, pumps = system.bird.pump, itertools.count(1)

    def meddled() -> None:
        step = steps.get(next(pumps))
        if step:
            meddle(system, step)
        pump()

    system.bird.pump = meddled  # type: ignore[method-assign]
    died, _status = run(system, command)
    return announced_until(system, died)


@pytest.mark.parametrize("command", COMMANDS)
def test_something_happens_to_bird_at_any_moment(system: FakeSystem, command: str) -> None:
    """Stopped (SIGSTOP), its backlog full or not; killed; and whatever else it may do instead of what it is told."""
    longest = 0.0
    for step, moment in itertools.product(STEPS, range(1, 26)):
        took = meddled_run(system, command, {moment: step})
        assert took <= bound(system, command), f"{step} at {moment}: {took} s\n{system.stderr.getvalue()}"
        longest = max(longest, took)
    print(f"{command}: {len(STEPS) * 25} runs, longest {longest}")


def test_bird_is_stopped_or_killed_at_random_moments(system: FakeSystem) -> None:
    """Several times in one run; what is stopped may go on."""
    chance, longest = random.Random(19), dict.fromkeys(COMMANDS, 0.0)
    for _run in range(1000):
        command = chance.choice(COMMANDS)
        events = chance.choices(("stopped", "killed", "goes on"), k=chance.randint(1, 5))
        steps = {chance.randint(1, 25): event for event in events}
        took = meddled_run(system, command, steps)
        assert took <= bound(system, command), f"{command} {steps}: {took} s\n{system.stderr.getvalue()}"
        longest[command] = max(longest[command], took)
    print(f"1000 random runs, longest {longest}")


def cannot_be_written(system: FakeSystem) -> None:
    system.faults.set("unlink", errno.EROFS, 1, True)


def test_a_link_that_cannot_be_removed_is_hidden(system: FakeSystem) -> None:
    prepare(system, "settle")
    (system.announced / "dns.conf").symlink_to("elsewhere")
    cannot_be_written(system)
    assert system.main("settle", root=True) == 1
    assert not system.bird.announces
    assert system.bird.enabled
    assert [path.name for path in system.bird.directory.iterdir()] == ["dns.conf"]
    assert "sip.conf cannot be removed: Read-only file system; until the next boot" in system.stderr.getvalue()
    # The announcers go on with what lies over the directory.
    assert system.main("announce") == 0
    assert system.bird.announces
    assert system.main("settle", root=True) == 0
    assert not system.bird.announces


def test_where_it_cannot_be_hidden_bird_is_kept_away(system: FakeSystem) -> None:
    prepare(system, "settle")
    cannot_be_written(system)
    system.may_mount = False
    assert system.main("settle", root=True) == 1
    said = system.stderr.getvalue()
    assert "cannot be removed: Read-only file system; nor hidden" in said
    assert "bird is stopped and masked on this node to withdraw sip, and with it all its services." in said
    assert "systemctl unmask --runtime bird" in said
    # None that would read the link is started.
    assert announced_until(system, 1000) == 0
    assert system.bird.listener is None


def test_where_nothing_helps_it_says_so(system: FakeSystem) -> None:
    prepare(system, "settle")
    cannot_be_written(system)
    system.may_mount = system.may_mask = False
    assert system.main("settle", root=True) == 1
    assert not system.bird.announces
    assert "sip may still be announced: " in system.stderr.getvalue()


def test_the_checker_leaves_to_root_what_it_cannot_remove(system: FakeSystem) -> None:
    prepare(system, "run")
    cannot_be_written(system)
    died, status = run(system, "run")
    # First it has OSPF stopped, as nobody knows when root comes; and with the link hidden, OSPF is back.
    assert status == 1
    assert "OSPF is stopped on this node to withdraw sip" in system.stderr.getvalue()
    assert system.bird.enabled
    assert announced_until(system, died) < 1


def test_a_healthy_start_enables_ospf_again(system: FakeSystem) -> None:
    prepare(system, "settle")
    system.bird.mode = "refuses"
    assert system.main("settle", root=True) == 1
    assert not system.bird.enabled
    assert "OSPF is stopped on this node to withdraw sip, and with it all its services. Correct bird.conf" in (
        system.stderr.getvalue()
    )
    # Not before the cause is gone.
    assert system.main("announce") == 1
    assert not system.bird.enabled
    system.bird.mode = ""
    assert system.main("announce") == 0
    assert system.bird.announces


def test_a_bird_that_was_busy_has_its_other_services_back(system: FakeSystem) -> None:
    prepare(system, "settle")
    asked: list[str] = []
    reply = system.bird.reply

    def busy(command: str) -> str | None:
        asked.append(command)
        return None if asked.count("configure") < 3 and command == "configure" else reply(command)

    system.bird.reply = busy  # type: ignore[method-assign]
    assert system.main("settle", root=True) == 0
    assert asked == ["configure", "configure", "disable anycast", "show ospf state anycast", "configure"]
    assert system.bird.enabled
    assert not system.bird.announces


def test_the_unit_that_withdraws_again_ends_with_what_is_known(system: FakeSystem) -> None:
    """systemd repeats it while the service may be announced, and not for ever where all is withdrawn, at a cost."""
    prepare(system, "settle")
    system.bird.mode = "refuses"
    assert (system.main("settle", root=True), system.main("withdraw", root=True)) == (1, 0)
    assert not system.bird.announces
    prepare(system, "settle")
    cannot_be_written(system)
    system.may_mount = system.may_mask = False
    assert system.main("withdraw", root=True) == 1
    system.may_mount = True
    assert system.main("withdraw", root=True) == 0
    assert announced_until(system, 1000) == 0


def test_a_bird_that_does_not_answer_is_killed(system: FakeSystem) -> None:
    prepare(system, "settle")
    system.bird.set_mode("backlog")
    assert system.main("settle", root=True) == 1
    assert system.clock.now - 1000 == pytest.approx(system.program.WITHDRAWN_WITHIN, abs=0.1)
    assert "bird is killed on this node to withdraw sip" in system.stderr.getvalue()


@pytest.mark.parametrize("unit_of_bird", [True, False])
def test_who_is_killed(system: FakeSystem, unit_of_bird: bool) -> None:
    """systemd says which processes BIRD has; without it, the socket says who listens on it."""
    if not unit_of_bird:
        system.program.BIRD_PROCESSES = ()
    prepare(system, "settle")
    assert system.program.bird_processes() == [BIRD_PROCESS if unit_of_bird else os.getpid()]
    system.bird.set_mode("mute")
    assert system.main("settle", root=True) == 1
    assert announced_until(system, 1000) <= bound(system, "settle")
