# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking BIRD (2 and 3) over its control socket, in restricted mode unless told otherwise, and reading its answers.

The protocol: the client sends one command per line; each line of the answer starts with a four-digit code, then "-" if
more follows or " " if it is the last one. A line that has the code of the one before it starts with a blank instead,
one that comes unasked (a log message) with "+". First digit of a code: 0 done, 1 row, 2 heading, 8 error at run time,
9 error in the command. Private to this collection.
"""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
import re
import shutil
import socket
import time
from collections.abc import Iterable
from typing import Any

from ..ospf.bfd import BfdSession, with_bfd
from ..ospf.neighbors import Neighbor, Own, OwnInterface, normalise_state
from ..waiting import Unreadable

SOCKET = "/run/bird/bird.ctl"
TIMEOUT = 5  # Seconds

_BFD_STATES = {"AdminDown": "admin-down", "Down": "down", "Init": "init", "Up": "up"}
_ROLES = {"dr": "DR", "bdr": "BDR", "other": "DROther", "ptp": "PtP"}


Line = tuple[int, str]  # A line of an answer: its code, and its text


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A row of C(show protocols)."""

    name: str
    kind: str
    state: str


class BirdError(Exception):
    """BIRD answers, or fails to, in a way that another look will not cure."""


def split_reply(data: bytes) -> tuple[list[Line], bytes]:
    """Return the lines of one answer, and the bytes after it; no line while it is incomplete."""
    lines: list[Line] = []
    code = None
    start = 0
    while True:
        end = data.find(b"\n", start)
        if end < 0:
            return [], data
        line = data[start:end].decode("utf-8", "replace").rstrip("\r")
        start = end + 1
        if line.startswith("+"):
            continue
        if line[:1] == " " and code is not None:
            lines.append((code, line[1:]))
        elif len(line) >= 5 and line[:4].isdigit() and line[4] in " -":
            code = int(line[:4])
            lines.append((code, line[5:]))
            if line[4] == " ":
                return lines, data[start:]
        else:
            raise BirdError(f"the program on the socket sent a line that BIRD would not send: {line[:80]!r}")


def parse_protocols(lines: Iterable[Line]) -> list[Protocol]:
    rows = [text.split() for code, text in lines if code == 1002]
    return [Protocol(words[0], words[1], words[3]) for words in rows if len(words) >= 4]


def choose_protocol(protocols: Iterable[Protocol], wanted: str | None) -> Protocol:
    """Return the OSPF protocol to ask. Raises BirdError if there is none, or more than one and none is chosen."""
    ospf = [row for row in protocols if row.kind == "OSPF"]
    names = ", ".join(row.name for row in ospf)
    if not ospf:
        others = ", ".join(f"{row.name} ({row.kind})" for row in protocols) or "no protocol at all"
        raise BirdError(
            f"BIRD has no OSPF protocol; it has: {others}. Add 'protocol ospf' to its configuration (the role"
            " homelab.anycast.bird_anycast does), and run 'birdc configure'."
        )
    if wanted is None:
        # OSPFv3 beside OSPFv2, as the role names them: what one has to say about a neighbour says the other too.
        names_of_v3 = {row.name + "_v3" for row in ospf}
        ospf = [row for row in ospf if row.name not in names_of_v3]
        if len(ospf) > 1:
            raise BirdError(f"BIRD has more than one OSPF protocol: {names}. Set the option protocol to one of them.")
        return ospf[0]
    found = next((row for row in ospf if row.name == wanted), None)
    if not found:
        raise BirdError(f"BIRD has no OSPF protocol '{wanted}'; it has: {names}. Correct the option protocol.")
    return found


def parse_router_id(lines: Iterable[Line]) -> str | None:
    """Return the router id from C(show status), None if it is not there."""
    start = "Router ID is "
    return next((text[len(start) :].strip() for _code, text in lines if text.startswith(start)), None)


def parse_seconds(text: str) -> float | None:
    """Return a time that remains as seconds: 9.951 (BIRD 2 and 3), 00:33 (older), None for -Inf-."""
    minutes, _colon, seconds = text.rpartition(":")
    try:
        return int(minutes or 0) * 60.0 + float(seconds)
    except ValueError:
        return None


def parse_neighbors(lines: Iterable[Line]) -> list[Neighbor]:
    """Return the rows of C(show ospf neighbors) as neighbours."""
    found = []
    for code, text in lines:
        words = text.split()
        # Router ID, Pri, State/role, DTime, Interface, Router IP; the heading has blanks within its names.
        if code != 1013 or len(words) != 6 or "/" not in words[2]:
            continue
        state, role = words[2].split("/", 1)
        found.append(
            Neighbor(
                router_id=words[0],
                priority=int(words[1]),
                state=normalise_state(state),
                role=_ROLES.get(role.lower()),
                dead_seconds=parse_seconds(words[3]),
                interface=words[4],
                address=words[5],
            )
        )
    return found


def parse_bfd_sessions(lines: Iterable[Line]) -> list[BfdSession]:
    """Return the rows of C(show bfd sessions)."""
    # IP address, Interface (--- for multihop), State, Since, Interval, Timeout.
    rows = [text.split() for code, text in lines if code == 1020]
    return [
        BfdSession(words[0], None if words[1] == "---" else words[1], _BFD_STATES[words[2]])
        for words in rows
        if len(words) >= 3 and words[2] in _BFD_STATES
    ]


def parse_told(lines: Iterable[Line], area: str | None = None) -> set[str]:
    """Return the prefixes of which BIRD tells the routers of an area, out of C(show ospf state); of any, without one.

    It shows who is reachable only, which needs the links of both ends (RFC 2328 16.1). Without any other router in
    the area, nothing that is told there makes a route.
    """
    told: set[str] = set()
    found: set[str] = set()
    here = own = reached = False
    for _code, text in [*lines, (0, "area")]:
        words = text.split()
        if text.startswith("area"):
            if here and reached:
                told |= found
            found, reached, here = set(), False, not area or words[1:] == [area]
        elif text.startswith("\t") and not text.startswith("\t\t"):
            own = False
            router = words[:1] == ["router"]
        elif words[:1] == ["distance"]:
            own = words[1:] == ["0"]
            reached = reached or (router and not own)
        elif own and words[:1] in (["stubnet"], ["xnetwork"]):
            found.add(str(ipaddress.ip_network(words[1], strict=False)))
    return told


_INTERFACE = re.compile(r"Interface (?P<name>\S+)(?: \((?:peer )?(?P<network>[^)]*)\))?")
_TIMERS = {"Hello timer": "hello", "Dead timer": "dead", "Wait timer": "wait", "Retransmit timer": "retransmit"}


def parse_interfaces(lines: Iterable[Line]) -> list[OwnInterface]:
    """Return the interfaces of C(show ospf interface)."""
    interfaces: list[dict[str, Any]] = []
    for text in (text for code, text in lines if code == 1015):
        match = _INTERFACE.match(text)
        if match:
            interfaces.append({"name": match["name"], "network": match["network"], "silent": False})
        entry = interfaces[-1] if interfaces else {}  # What comes before the first interface belongs to none
        key, _colon, value = text.strip().partition(": ")
        if key in _TIMERS:
            entry[_TIMERS[key]] = parse_seconds(value)
        elif key == "State":
            entry["silent"] = value.endswith("(stub)")
            entry["state"] = value.replace(" (stub)", "")
        elif key == "Area":
            entry["area"] = value.split()[0]
        elif key == "Type":
            entry["type"] = value
        elif key == "Priority":
            entry["priority"] = int(value)
    return [OwnInterface(**entry) for entry in interfaces]


def symbol(name: str) -> str:
    """Return a protocol's name as BIRD's command line takes it. Raises BirdError if it cannot be one."""
    if re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name):
        return name
    if re.match(r"[A-Za-z0-9_:.-]+\Z", name):
        return f"'{name}'"
    raise BirdError(f"'{name}' cannot be the name of a protocol: expected letters, digits and _ . : -")


def bird_argument_spec() -> dict[str, Any]:
    """Return the options of the doc fragment bird, for an AnsibleModule."""
    return {"socket": {"type": "path", "default": SOCKET}, "timeout": {"type": "float", "default": TIMEOUT}}


class Bird:
    """A session with BIRD by its control socket; timeout is for one answer, restricted takes C(show) commands only."""

    def __init__(self, path: str = SOCKET, timeout: float = TIMEOUT, restricted: bool = True) -> None:
        self.path = path
        self.timeout = timeout
        self.restricted = restricted
        self.version: str | None = None
        self._data = b""
        self._socket: Any = None

    def __enter__(self) -> Bird:
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        if self.timeout <= 0:
            raise BirdError(f"timeout is {self.timeout:g}, expected more than 0 seconds")
        self._data = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self.timeout)
        try:
            self._socket.connect(self.path)
        except OSError as exc:
            raise self._cannot_connect(exc) from exc
        code, text = self._read()[-1]
        match = re.match(r"BIRD (\S+) ready", text)
        if code != 1 or not match:
            raise BirdError(
                f"{self.path} is not a control socket of BIRD: it greets with '{text}'. Correct the option socket."
            )
        self.version = match[1]
        if not self.restricted:
            return
        code, text = self._ask("restrict")[-1]
        if code != 16:
            raise BirdError(f"BIRD {self.version} refuses the restricted mode: {text}")

    def _cannot_connect(self, exc: OSError) -> Exception:
        if exc.errno == errno.ENOENT and not find_bird():
            return BirdError(
                f"no BIRD on this host: there is neither the program bird nor its control socket {self.path}."
                " Install the package bird2 (the role homelab.anycast.bird_anycast does)."
            )
        if exc.errno == errno.ENOENT:
            return Unreadable(
                f"BIRD's control socket {self.path} does not exist. Is BIRD running? See 'systemctl status bird',"
                " start it with 'systemctl start bird'; if its socket is elsewhere, set the option socket."
            )
        if exc.errno == errno.ECONNREFUSED:
            return Unreadable(
                f"no program listens on BIRD's control socket {self.path}; BIRD has died or is starting. See 'systemctl"
                " status bird' and 'journalctl -u bird'."
            )
        if exc.errno in (errno.EACCES, errno.EPERM):
            return BirdError(
                f"permission denied on BIRD's control socket {self.path}: only root and the group bird may use it."
                " Use 'become: true', or add the user to the group bird."
            )
        return BirdError(f"cannot connect to BIRD's control socket {self.path}: {exc}")

    def _read(self) -> list[Line]:
        deadline = time.monotonic() + self.timeout
        while True:
            lines, self._data = split_reply(self._data)
            if lines:
                return lines
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise socket.timeout()
                self._socket.settimeout(left)
                chunk = self._socket.recv(65536)
            except socket.timeout as exc:
                raise Unreadable(
                    f"BIRD does not answer on {self.path} within {self.timeout:g} s: it hangs or is overloaded. See"
                    " 'systemctl status bird'; raise the option timeout if it is only slow."
                ) from exc
            except OSError as exc:
                raise Unreadable(f"the session with BIRD on {self.path} broke: {exc}") from exc
            if not chunk:
                raise Unreadable(
                    f"BIRD closed the session on {self.path} in the middle of an answer: it has stopped or died."
                    " See 'journalctl -u bird'."
                )
            self._data += chunk

    def _ask(self, command: str) -> list[Line]:
        try:
            self._socket.sendall(command.encode("ascii") + b"\n")
        except OSError as exc:
            raise Unreadable(f"the session with BIRD on {self.path} broke: {exc}") from exc
        return self._read()

    def ask(self, command: str) -> list[Line]:
        """Return the answer to a command. Raises BirdError if it is an error."""
        lines = self._ask(command)
        code, text = lines[-1]
        if code >= 8000:
            raise BirdError("BIRD %s answers '%s' to '%s' (code %04d)" % (self.version, text, command, code))
        return lines


def ospf_neighbors(bird: Bird) -> list[Neighbor]:
    """Return the neighbours of all OSPF protocols that are up, asked in an open session."""
    return parse_neighbors(_of_all_protocols(bird, "show ospf neighbors"))


def ospf_interfaces(bird: Bird) -> list[OwnInterface]:
    """Return the interfaces of all OSPF protocols that are up, asked in an open session."""
    return parse_interfaces(_of_all_protocols(bird, "show ospf interface"))


def ospf_told(bird: Bird, area: str | None = None) -> set[str]:
    """Return what parse_told() finds in all OSPF protocols that are up, asked in an open session."""
    return parse_told(_of_all_protocols(bird, "show ospf state"), area)


def _of_all_protocols(bird: Bird, command: str) -> list[Line]:
    rows = parse_protocols(bird.ask("show protocols"))
    up = [row.name for row in rows if (row.kind, row.state) == ("OSPF", "up")]
    return [line for name in up for line in bird.ask(f"{command} {symbol(name)}")]


def is_running(path: str) -> bool:
    """Return whether a program listens on BIRD's control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            # Something is there that cannot be used; Bird says what.
            return True
    return True


def find_bird() -> str | None:
    return shutil.which("bird") or shutil.which("bird", path="/usr/sbin:/usr/local/sbin")


class OspfReader:
    """Reads the neighbours of one OSPF protocol, and what BIRD says about itself, in one session per look."""

    def __init__(self, path: str, timeout: float, protocol: str | None = None) -> None:
        self.path = path
        self.timeout = timeout
        self.wanted = protocol
        # Of the last session.
        self.version: str | None = None
        self.protocol: str | None = None

    def neighbors(self) -> list[Neighbor]:
        with Bird(self.path, self.timeout) as bird:
            protocols = parse_protocols(bird.ask("show protocols"))
            found = parse_neighbors(bird.ask("show ospf neighbors " + self._symbol(bird, protocols)))
            # Without a BFD protocol BIRD takes the question for an error.
            if any((row.kind, row.state) == ("BFD", "up") for row in protocols):
                return with_bfd(found, parse_bfd_sessions(bird.ask("show bfd sessions")))
            return found

    def own(self) -> Own:
        with Bird(self.path, self.timeout) as bird:
            name = self._symbol(bird, parse_protocols(bird.ask("show protocols")))
            router_id = parse_router_id(bird.ask("show status"))
            interfaces = parse_interfaces(bird.ask("show ospf interface " + name))
        return Own(f"BIRD {self.version}, protocol {self.protocol}", router_id, interfaces)

    def _symbol(self, bird: Bird, protocols: Iterable[Protocol]) -> str:
        """Return the protocol to ask for, which is up. Raises Unreadable if it is not."""
        row = choose_protocol(protocols, self.wanted)
        self.version, self.protocol = bird.version, row.name
        if row.state != "up":
            raise Unreadable(
                f"BIRD's OSPF protocol '{row.name}' is {row.state}: it has been disabled, or its interfaces and router"
                f" id do not allow it to start. See 'birdc show protocols all {row.name}' and 'journalctl -u bird';"
                f" 'birdc enable {row.name}' starts it."
            )
        return symbol(row.name)
