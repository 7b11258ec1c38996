"""VRRP: what keepalived is told of the rows of /interface/vrrp, and the states that it tells of them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import not_emulated
from .frr_config import enabled
from .values import parse_duration

# Where keepalived's files are, as keepalived sees them.
DIRECTORY = Path("/run/keepalived")
# What keepalived calls a state, and the flag that a row has then (manual, CLI reference, interface/vrrp).
FLAGS = {"MASTER": "master", "BACKUP": "backup", "FAULT": "failure"}
_STATE = re.compile(r'INSTANCE "([^"]*)" ([A-Z]+) ')
# VRRPv3 counts the interval in hundredths of a second, in 12 bits (RFC 9568 5.2.7); VRRPv2 in seconds.
_LONGEST_V3 = 4095
# Linux' limit for the name of an interface (IFNAMSIZ), and what it may not hold.
_INTERFACE_NAME = re.compile(r"[^\s/:\"!#]{1,15}")
# It passes signals on, whatever the command goes through, ends keepalived when this process is gone, and ends with it.
_KEEPER = """
exec 3<&0
"$@" 3<&- &
daemon=$!
{ while read -r signal; do kill -"$signal" $daemon; done; kill -TERM $daemon; } <&3 2>/dev/null &
wait $daemon
kill $!
"""


@dataclass(frozen=True)
class Instance:
    """One virtual router of keepalived; `name` is the row's id."""

    name: str
    interface: str
    own_interface: str
    vrid: int
    priority: int
    hundredths: int
    version: int
    preempt: bool
    addresses: tuple[str, ...]


class Vrrp(Protocol):
    """What the emulator needs of keepalived; the tests put a fixed one in its place."""

    def configure(self, instances: Sequence[Instance]) -> None:
        """Run these virtual routers, and no others."""

    def states(self) -> dict[str, str]:
        """The state of each instance, as keepalived calls it."""


class NoVrrp:
    """Where there is no keepalived: every row is refused."""

    def configure(self, instances: Sequence[Instance]) -> None:
        if instances:
            raise OSError("there is no keepalived to run VRRP")

    def states(self) -> dict[str, str]:
        return {}


def instances(rows: Iterable[Mapping[str, str]], addresses: Iterable[Mapping[str, str]]) -> list[Instance]:
    """What rows of /interface/vrrp and of /ip/address stand for; what keepalived cannot do is refused by name.

    keepalived runs no virtual router without an address.
    """
    found = []
    for row in rows:
        own = tuple(one["address"] for one in addresses if enabled(one) and one["interface"] == row["name"])
        version, hundredths = int(row["version"]), round(100 * parse_duration("interval", row["interval"]), 6)
        if not _INTERFACE_NAME.fullmatch(row["name"]):
            raise not_emulated(f"name={row['name']}, which Linux does not take as the name of an interface")
        if hundredths % (100 if version == 2 else 1) or (version == 3 and hundredths > _LONGEST_V3):
            raise not_emulated(f"interval={row['interval']} with version={version}")
        if enabled(row) and own:
            found.append(
                Instance(
                    row[".id"].lstrip("*"), row["interface"], row["name"], int(row["vrid"]), int(row["priority"]),
                    int(hundredths), version, row["preemption-mode"] == "true", own,
                )
            )  # fmt: skip
    return found


def configuration(instances: Sequence[Instance]) -> str:
    """keepalived.conf(5)."""
    return "".join(
        [
            "global_defs {\n",
            f"    vrrp_notify_fifo {DIRECTORY}/states\n",
            "    fifo_write_vrrp_states_on_reload\n",
            "}\n",
            *map(_block, instances),
        ]
    )


def _block(one: Instance) -> str:
    lines = [
        f"interface {one.interface}",
        f"use_vmac {one.own_interface}",
        "state BACKUP",
        f"version {one.version}",
        f"virtual_router_id {one.vrid}",
        f"priority {one.priority}",
        f"advert_int {one.hundredths / 100:g}",
        *([] if one.preempt else ["nopreempt"]),
        "virtual_ipaddress {",
        *(f"    {address}" for address in one.addresses),
        "}",
    ]
    return f"vrrp_instance {one.name} {{\n{''.join(f'    {line}{chr(10)}' for line in lines)}}}\n"


class Keepalived:
    """A keepalived of the emulator's own, while there are virtual routers.

    `command` may go through other programs (nsenter); `directory` is where this process sees DIRECTORY.
    """

    _ARP = Path("/proc/sys/net/ipv4/conf")

    def __init__(self, command: str = "keepalived", directory: Path = DIRECTORY) -> None:
        self._command = tuple(shlex.split(command))
        self._directory = directory
        self._instances: tuple[Instance, ...] = ()
        self._process: subprocess.Popen[str] | None = None
        self._fifo: int | None = None
        self._states: dict[str, str] = {}

    def configure(self, instances: Sequence[Instance]) -> None:
        wanted = tuple(instances)
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if wanted == self._instances:
            return
        if not wanted:
            self.close()
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        self._open_fifo()
        (self._directory / "keepalived.conf").write_text(configuration(wanted))
        self._test()
        for one in wanted:
            self._answer_by_virtual_address(one.interface)
        if self._process is None:
            self._start()
        else:
            self._signal("HUP")
        self._instances = wanted
        names = {one.name for one in wanted}
        self._states = {name: state for name, state in self._states.items() if name in names}

    def states(self) -> dict[str, str]:
        if self._fifo is not None:
            text = b""
            with contextlib.suppress(BlockingIOError):
                while data := os.read(self._fifo, 65536):
                    text += data
            for name, state in _STATE.findall(text.decode()):
                self._states[name] = state
        return dict(self._states)

    def close(self) -> None:
        """End keepalived, which tells the others that a master leaves."""
        if self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(timeout=10)
        self._process = None
        self._instances = ()
        self._states = {}

    def _open_fifo(self) -> None:
        if self._fifo is None:
            path = self._directory / "states"
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)
            # For writing too, so that it stays open while keepalived comes and goes.
            self._fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def _test(self) -> None:
        done = subprocess.run(
            [*self._command, *self._options(), "--config-test"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise OSError(f"keepalived: {' '.join((done.stderr or done.stdout).split())}")

    def _start(self) -> None:
        *through, program = self._command
        options = (*self._options(), "--dont-fork", f"--pid={DIRECTORY}/pid", f"--vrrp_pid={DIRECTORY}/vrrp.pid")
        with (self._directory / "log").open("a") as log:
            self._process = subprocess.Popen(
                [*through, "sh", "-c", _KEEPER, "keeper", program, *options, "--log-console"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip

    @staticmethod
    def _options() -> tuple[str, ...]:
        return ("--vrrp", f"--use-file={DIRECTORY}/keepalived.conf")

    def _signal(self, name: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()

    def _answer_by_virtual_address(self, interface: str) -> None:
        """Let the virtual MAC address alone answer for a gateway, as on a router (manual, "VRRP", IPv4 ARP)."""
        for name, value in (("arp_ignore", "1"), ("arp_announce", "2")):
            (self._ARP / interface / name).write_text(f"{value}\n")
