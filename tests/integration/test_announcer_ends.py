"""However the announcer ends, also with what should withdraw, under the real systemd: nothing dead is announced."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from test_announcer import ADDED, INSTANCE, SETTLED, Node

from bed import Bed, wait_for
from bed.systemd import SystemdMachine

KILL = "systemctl kill --signal=KILL"
ANNOUNCER = INSTANCE.format("sip")
# Whatever runs in its unit from now on.
HAMMER = f"for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do {KILL} {ANNOUNCER}; done"
# Seconds, for what this machine does beside.
LATE = 4
STALL = HAMMER.replace("KILL", "STOP")
# Whether it has a check; what its unit has beside; what happens, in one shell, so that little comes in between; and
# seconds that systemd takes before it goes on.
ENDS = {
    "all its processes, then the service": (True, "", f"{KILL} {ANNOUNCER}; {KILL} sip", 0),
    "the service, then all its processes": (True, "", f"{KILL} sip; {HAMMER}", 0),
    "its main process, then the service": (True, "", f"{KILL} --kill-whom=main {ANNOUNCER}; {KILL} sip", 0),
    "all its processes, while the service hangs": (True, "", f"systemctl kill --signal=STOP sip; {HAMMER}", 0),
    "at the moment of a stop": (False, "", f"systemctl stop --no-block sip; {HAMMER}", 0),
    "its stop hangs": (
        False,
        "[Service]\nTimeoutStopSec=3\n",
        f"systemctl stop --no-block sip; {STALL}",
        3,
    ),
    "it is not started any more": (
        True,
        "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=1\n",
        f"systemctl kill --signal=STOP sip; {HAMMER}",
        0,
    ),
    "its watchdog": (True, "", f"systemctl kill --signal=STOP {ANNOUNCER}; {KILL} sip; {HAMMER}", 6),
}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Bed(1, node=SystemdMachine) as bed:
        machine = bed.nodes[0]
        assert isinstance(machine, SystemdMachine)
        yield Node(machine, bed.addresses[0])


@pytest.mark.parametrize("end", ENDS)
def test_an_announcer_that_ends_with_what_should_withdraw(node: Node, end: str) -> None:
    check, more, happens, more_time = ENDS[end]
    node.set_up(check)
    wait_for("the announcement", node.tells)
    if more:
        node.machine.write(f"{ADDED}/more.conf", more)
        node.machine.systemctl("daemon-reload")
    node.machine.run("sh", "-c", happens, check=False)
    begin = time.monotonic()
    wait_for("the withdrawal", lambda: node.tells() is False, SETTLED + LATE + more_time, 0.05)
    print(f"{end}: {time.monotonic() - begin:.2f} s")
    # Nor does it come back, unless systemd has started the service with its announcer (BindsTo=).
    while time.monotonic() - begin < SETTLED + LATE + more_time:
        assert not node.tells() or node.state("sip") == "active", node.said()
        time.sleep(0.5)


def test_an_announcer_that_is_killed_comes_back(node: Node) -> None:
    for check in (True, False):
        node.set_up(check)
        wait_for("the announcement", node.tells)
        node.machine.run("sh", "-c", f"{HAMMER}; systemctl restart --no-block {ANNOUNCER}; {HAMMER}")
        wait_for("the announcement again", lambda: node.state(ANNOUNCER) == "active" and node.tells())
        assert node.state("anycast-withdraw@sip") != "failed"


def test_what_withdraws_then_may_do_all_that_it_needs(node: Node) -> None:
    """It hides a link that cannot be removed; where it cannot do that, it keeps BIRD away."""
    for hidden in (True, False):
        node.set_up(False)
        wait_for("the announcement", node.tells)
        if not hidden:
            node.machine.run("mkdir", "/run/anycast.lock")
        node.make_read_only()
        node.machine.run("sh", "-c", f"systemctl stop --no-block sip; {HAMMER}")
        done = "is a directory in memory" if hidden else "bird is stopped and masked on this node to withdraw sip"
        wait_for("its message", lambda done=done: done in node.machine.journal("anycast-withdraw@sip"))  # type: ignore[misc]
        assert not node.tells()
        wait_for("its end", lambda: node.state("anycast-withdraw@sip") == "inactive")
