"""The boundary to FRR.

Configuration goes into vtysh by its standard input, so that no key is in a process list. What is read often is asked of
the daemons themselves, over the sockets that vtysh uses: starting vtysh takes seconds on an emulated processor.
"""

from __future__ import annotations

import json
import logging
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from .frr_changes import changes, differences, hide, parse_running
from .frr_config import Config

LOG = logging.getLogger("routeros.frr")


# The daemon that answers a command, by how the command begins.
_DAEMONS = {
    "show ip ospf ": "ospfd",
    "show ipv6 ospf6 ": "ospf6d",
    "show ipv6 route ": "zebra",
    "show bfd ": "bfdd",
    "show ip route ": "zebra",
}
# A daemon ends its answer to vtysh by three zeros and a status (FRR, lib/vty.c).
_END = b"\0\0\0"


class FrrError(Exception):
    """FRR did not take a configuration, or does not answer."""


class Frr(Protocol):
    """What the emulator needs of FRR; the tests put a recording in its place."""

    def show(self, command: str) -> Any:
        """The answer to a command that prints JSON."""

    def text(self, command: str) -> str:
        """The answer to a command that prints text."""

    def configure(self, want: Config) -> None:
        """Make FRR run this configuration."""


class Vtysh:
    """FRR through its vtysh, and through the sockets of its daemons where their directory is given."""

    def __init__(self, command: str = "vtysh", sockets: Path | None = None, timeout: float = 20) -> None:
        self._command = shlex.split(command)
        self._sockets = sockets
        self._timeout = timeout
        self._lock = threading.Lock()

    def show(self, command: str) -> Any:
        text = self.text(command)
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise FrrError(f"{command}: {text.strip()[:200]}") from None

    def text(self, command: str) -> str:
        return self._ask(command) if self._sockets else self._run([*self._command, "-c", command], "")

    def configure(self, want: Config) -> None:
        with self._lock:
            refused, left = self._configure(want)
            if left and not refused and self._sockets:
                # vtysh says nothing of a daemon that is away, as while watchfrr restarts it (see _connect).
                for daemon in {*_DAEMONS.values()}:
                    self._connect(self._sockets / f"{daemon}.vty").close()
                refused, left = self._configure(want)
            if refused or left:
                raise FrrError("; ".join([*refused, *left]))

    def _configure(self, want: Config) -> tuple[list[str], list[str]]:
        """Return (what FRR refused, what it does not run afterwards)."""
        have = self._running()
        commands = changes(have, want)
        if not commands:
            return [], []
        for command in commands:
            LOG.info("FRR: %s", hide(command))
        printed = self._feed(["configure terminal", *commands, "end"])
        if _router_id_changed(have, commands):
            # A running OSPF keeps its id until it starts anew; a router starts its instance anew by itself.
            self._run([*self._command, "-c", "clear ip ospf process"], "")
        # Both count: vtysh may show what a daemon refused (10.3: algorithms of a key chain), and daemons may drop what
        # they did not complain about.
        return [hide(line) for line in printed.splitlines() if line.startswith("%")], differences(self._running(), want)

    def _ask(self, command: str) -> str:
        assert self._sockets
        daemon = next(name for start, name in _DAEMONS.items() if command.startswith(start))
        try:
            with self._connect(self._sockets / f"{daemon}.vty") as connection:
                # As vtysh does: bfdd answers no other client.
                _exchange(connection, "enable")
                return _exchange(connection, command)
        except OSError as error:
            raise FrrError(f"{daemon}: {error}") from None

    def _connect(self, path: Path) -> socket.socket:
        """Open a daemon's socket, also of one that is just starting.

        When the clock jumps, as after a snapshot was loaded, watchfrr takes the daemons for hanging and restarts them.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(self._timeout)
            try:
                connection.connect(str(path))
                return connection
            except (ConnectionRefusedError, FileNotFoundError):
                connection.close()
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.1)
            except OSError:
                connection.close()
                raise

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


def _exchange(connection: socket.socket, command: str) -> str:
    connection.sendall(command.encode() + b"\0")
    answer = b""
    while answer[-4:-1] != _END:
        part = connection.recv(65536)
        if not part:
            raise OSError(f"closed its socket on: {command}")
        answer += part
    return answer[:-4].decode("latin-1")


def _router_id_changed(have: Config, commands: Sequence[str]) -> bool:
    had_one = any(line.startswith("ospf router-id") for line in have.get(("router ospf",), []))
    return had_one and any(command.startswith("ospf router-id") for command in commands)
