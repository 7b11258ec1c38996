"""The events: what happens to one node, and from when on what clients lose is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bed import wait_for
from bed.systemd import SystemdMachine

from .figures import (
    BACK,
    BOOT,
    CHECKER_KILLED,
    DAEMON_KILLED,
    HANGS,
    KILLED,
    KILLED_SOON,
    LINK_CUT,
    SECOND_DIES,
    WITHDRAW,
)
from .sides import FIRST, SECOND, Side

Action = Callable[[Side, SystemdMachine], None]


@dataclass(frozen=True)
class Event:
    """What is lost counts from the beginning of `strike` on."""

    what: str
    """For the page: what happens to the node."""
    strike: Action
    prepare: Action = lambda _side, _node: None
    service: str = FIRST
    """Whose clients count."""
    returns: bool = False
    """Whether the node serves again at the end, which is waited for."""
    least: float = 5.0
    """Seconds for which it is observed at least: longer than any side needs to notice it."""


def kill(service: str, signal: str = "KILL") -> Action:
    return lambda _side, node: _signal(node, service, signal)


def withdraw_and_stop(side: Side, node: SystemdMachine) -> None:
    begun = time.monotonic()
    side.withdraw(node)
    time.sleep(max(begun + 3 - time.monotonic(), 0))
    node.systemctl("stop", FIRST)


def announce_anew(side: Side, node: SystemdMachine) -> None:
    """Stop the service until the router has no next hop, start it until it has, and wait 1 s."""
    node.systemctl("stop", FIRST)
    wait_for("the router to use other nodes", lambda: node.name not in side.serving(FIRST), every=0.05)
    # Of this change nothing may hold back the next one.
    time.sleep(6)
    node.systemctl("start", *side.units())
    wait_for("the router to use the node", lambda: node.name in side.serving(FIRST), every=0.05)
    time.sleep(1)


def first_dies(_side: Side, node: SystemdMachine) -> None:
    _signal(node, FIRST, "KILL")
    time.sleep(1)


def kill_daemon(side: Side, node: SystemdMachine) -> None:
    _signal(node, side.daemon, "KILL")


def checker_dies(side: Side, node: SystemdMachine) -> None:
    side.kill_checker(node)
    time.sleep(1)


def cut(side: Side, node: SystemdMachine) -> None:
    side.link(node, "down")


def cut_until_gone(side: Side, node: SystemdMachine) -> None:
    cut(side, node)
    wait_for("the router to use other nodes", lambda: node.name not in side.serving(FIRST), every=0.1)


def come_back(side: Side, node: SystemdMachine) -> None:
    side.link(node, "up")


def go_off(side: Side, node: SystemdMachine) -> None:
    """As a node without power: the router hears nothing of what its units do when they end."""
    cut_until_gone(side, node)
    node.systemctl("stop", *reversed(side.units()))


def boot(side: Side, node: SystemdMachine) -> None:
    side.link(node, "up")
    side.boot(node)


def _signal(node: SystemdMachine, unit: str, signal: str) -> None:
    node.systemctl("kill", f"--signal={signal}", unit)


EVENTS = {
    WITHDRAW: Event("what an operator does before maintenance; 3 s after its beginning the service is stopped",
                    withdraw_and_stop),
    KILLED: Event("`kill -9` of the service, which does not start again", kill(FIRST)),
    KILLED_SOON: Event("the service starts; 1 s after the router has the node's next hop it is killed", kill(FIRST),
                       announce_anew),
    SECOND_DIES: Event("both services of the node are killed, the second 1 s after the first; what the clients of the"
                       " second lose from then on", kill(SECOND), first_dies, SECOND),
    HANGS: Event("`kill -STOP` of the service: its socket is there, no answer comes", kill(FIRST, "STOP")),
    LINK_CUT: Event("the router's port to the node goes down, as when the node loses power", cut),
    DAEMON_KILLED: Event("`kill -9` of BIRD, ExaBGP or keepalived; systemd starts it again where its unit says so",
                         kill_daemon),
    CHECKER_KILLED: Event("`kill -9` of what checks the service; the service is killed 1 s later", kill(FIRST),
                          checker_dies),
    BACK: Event("the port comes up again", come_back, cut_until_gone, returns=True, least=3),
    BOOT: Event("the node was off, and boots: everything starts but the services", boot, go_off, least=10),
}  # fmt: skip
