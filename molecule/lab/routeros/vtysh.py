"""The boundary to FRR: commands go into vtysh by its standard input, so that no key is in a process list."""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from .frr_config import Config, changes, differences, hide, parse_running

LOG = logging.getLogger("routeros.frr")


class FrrError(Exception):
    """FRR did not take a configuration, or does not answer."""


class Frr(Protocol):
    """What the emulator needs of FRR; the tests put a recording in its place."""

    def show(self, command: str) -> Any:
        """The answer to a command that prints JSON."""

    def configure(self, want: Config) -> None:
        """Make FRR run this configuration."""


class Vtysh:
    """FRR through its vtysh."""

    def __init__(self, command: str = "vtysh", timeout: float = 20) -> None:
        self._command = shlex.split(command)
        self._timeout = timeout
        self._lock = threading.Lock()

    def show(self, command: str) -> Any:
        text = self._run([*self._command, "-c", command], "")
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise FrrError(f"{command}: {text.strip()[:200]}") from None

    def configure(self, want: Config) -> None:
        with self._lock:
            have = self._running()
            commands = changes(have, want)
            if not commands:
                return
            for command in commands:
                LOG.info("FRR: %s", hide(command))
            printed = self._feed(["configure terminal", *commands, "end"])
            if _router_id_changed(have, commands):
                # A running OSPF keeps its id until it starts anew; a router starts its instance anew by itself.
                self._run([*self._command, "-c", "clear ip ospf process"], "")
            refused = [hide(line) for line in printed.splitlines() if line.startswith("%")]
            # Both count: vtysh may show what a daemon refused (10.3: algorithms of a key chain), and daemons may drop
            # what they did not complain about.
            left = differences(self._running(), want)
            if refused or left:
                raise FrrError("; ".join([*refused, *left]))

    def _running(self) -> Config:
        return parse_running(self._run([*self._command, "-c", "show running-config"], ""))

    def _feed(self, commands: Sequence[str]) -> str:
        # vtysh takes a question mark for a request for help, unless Ctrl-V comes before it.
        return self._run(self._command, "".join(f"{command}\n" for command in commands).replace("?", "\x16?"))

    def _run(self, command: Sequence[str], text: str) -> str:
        try:
            done = subprocess.run(
                command,
                input=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Keys may hold any byte; latin-1 keeps them as they are (server.py decodes words the same way).
                encoding="latin-1",
                timeout=self._timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FrrError(f"{command[0]}: {error}") from None
        return done.stdout


def _router_id_changed(have: Config, commands: Sequence[str]) -> bool:
    had_one = any(line.startswith("ospf router-id") for line in have.get(("router ospf",), []))
    return had_one and any(command.startswith("ospf router-id") for command in commands)
