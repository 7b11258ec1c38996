# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node for the announcer to fail on: a BIRD that speaks the control protocol over a real socket, and faults.

Time is simulated: it passes where the announcer sleeps, and where it waits for an answer that does not come. So a
thousand runs take seconds, and what a run takes is exact.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

PROGRAM = Path(__file__).parents[3] / "roles" / "bird_anycast" / "files" / "announcer.py"
ADDRESS = "127.0.0.1/32"
GREETING = b"0001 BIRD 2.17.6 ready.\n"
# Seconds after which systemd has started BIRD again.
RESTART = 0.1
BIRD_PROCESS = 4242


def load_program(path: Path = PROGRAM) -> ModuleType:
    spec = importlib.util.spec_from_file_location("announcer_program", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeBird:
    """BIRD, and systemd's unit of it.

    Its mode: `stopped` as by SIGSTOP, or with its `backlog` full; `mute` accepts and never answers; `refuses` its
    configuration; `forbids` each command; `closes` each connection; `deaf` answers neither configure nor disable.
    """

    def __init__(self, clock: Clock, path: str, directory: Path) -> None:
        self.clock, self.path, self.directory = clock, path, directory
        self.mode, self.masked = "", False
        self.connections: list[socket.socket] = []
        self.fillers: list[socket.socket] = []
        self.listener: socket.socket | None = None
        self.restart: float | None = None
        # (when, whether it announces the service) at each change.
        self.history: list[tuple[float, bool]] = []
        self.configured = self.enabled = False

    def start(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            Path(self.path).unlink()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(0 if self.mode == "backlog" else 50)
        self.listener.setblocking(False)
        self.restart = None
        self.enabled = True
        self.read_configuration()

    def end(self) -> None:
        for each in [*self.connections, *self.fillers, *([self.listener] if self.listener else [])]:
            each.close()
        self.connections, self.fillers, self.listener, self.restart = [], [], None, None
        self.configured = False
        self.note()

    def kill(self) -> None:
        self.end()
        self.mode = ""
        self.restart = None if self.masked else self.clock.now + RESTART

    def read_configuration(self) -> None:
        self.configured, self.enabled = os.path.lexists(self.directory / "sip.conf"), True
        self.note()

    @property
    def announces(self) -> bool:
        return self.listener is not None and self.enabled and self.configured

    def note(self) -> None:
        if not self.history or self.history[-1][1] != self.announces:
            self.history.append((self.clock.now, self.announces))

    def set_mode(self, mode: str) -> None:
        self.mode = mode
        if mode == "backlog" and self.listener:
            self.listener.listen(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    filler = socket.socket(socket.AF_UNIX)
                    self.fillers.append(filler)
                    filler.setblocking(False)
                    filler.connect(self.path)

    def go_on(self) -> None:
        """As SIGCONT does: what was asked meanwhile is answered now."""
        self.mode = ""
        self.pump()

    def pump(self) -> None:
        """Do what BIRD does in its main loop."""
        if self.restart is not None and self.clock.now >= self.restart and not self.masked:
            self.start()
        if self.listener is None or self.mode in ("stopped", "backlog"):
            return
        with contextlib.suppress(BlockingIOError):
            while True:
                connection = self.listener.accept()[0]
                connection.setblocking(False)
                self.connections.append(connection)
                if self.mode == "closes":
                    connection.close()
                elif self.mode != "mute":
                    with contextlib.suppress(BrokenPipeError):
                        connection.sendall(GREETING)
        for connection in list(self.connections):
            try:
                commands = connection.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                commands = b""
            if not commands:
                connection.close()
                self.connections.remove(connection)
            with contextlib.suppress(OSError):
                for command in commands.decode().splitlines():
                    connection.sendall((self.reply(command) or "").encode())

    def reply(self, command: str) -> str | None:
        verb, _blank, rest = command.partition(" ")
        if self.mode == "mute" or (self.mode == "deaf" and verb in ("configure", "disable")):
            return None
        if self.mode == "forbids":
            return "8007 Access denied\n"
        if rest.endswith("_v3"):
            return "9001 syntax error, unexpected CF_SYM_UNDEFINED\n"
        if verb == "show":
            if not self.enabled:
                return "1016-anycast: is not up\n0000 \n"
            own = f" \t\tstubnet {ADDRESS} metric 0\n" if self.announces else ""
            return f"1016-\n \n \trouter 172.18.0.11\n \t\tdistance 0\n{own}0000 \n"
        if verb == "configure":
            if self.mode == "refuses":
                return "0002-Reading configuration from bird.conf\n8002 bird.conf:7:1 syntax error\n"
            self.read_configuration()
            return "0002-Reading configuration from bird.conf\n0003 Reconfigured\n"
        assert verb in ("enable", "disable"), command
        self.enabled = verb == "enable"
        self.note()
        return f"0009-anycast: {verb}d\n0000 \n"


class FakeChecks:
    """Checks of a service, in simulated time: `service` says when the answer comes to a check that begins now."""

    def __init__(self, clock: Clock, timeout: float, service: Callable[[float], float | None]) -> None:
        self._clock, self._timeout, self._service = clock, timeout, service
        self._ends: list[tuple[float, int, str | None]] = []
        self.begun: list[float] = []

    def begin(self, number: int) -> None:
        now = self._clock.now
        self.begun.append(now)
        delay = self._service(now)
        if delay is None or delay >= self._timeout:
            heapq.heappush(self._ends, (now + self._timeout, number, "no answer"))
        else:
            heapq.heappush(self._ends, (now + delay, number, None))

    def wait(self, seconds: float) -> tuple[int, str | None, str | None] | None:
        if not self._ends or self._ends[0][0] > self._clock.now + max(seconds, 0):
            self._clock.now += max(seconds, 0)
            return None
        end, number, reason = heapq.heappop(self._ends)
        self._clock.now = max(self._clock.now, end)
        return number, None if reason else "it answers", reason


class Faults:
    """What the system answers instead: from the so-manieth call on, once or for ever."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.calls: Counter[str] = Counter()
        self.set("", 0, 0, False)

    def set(self, call: str, error: int, first: int, lasts: bool) -> None:
        self.call, self.error, self.first, self.lasts = call, error, first, lasts

    def hit(self, call: str) -> None:
        self.calls[call] += 1
        number = self.calls[call]
        if call == self.call and (number >= self.first if self.lasts else number == self.first):
            raise OSError(self.error, os.strerror(self.error))


class FakeSystem:
    """The announcer with everything it asks the system for in between; `main` runs it."""

    def __init__(self, directory: Path, path: Path = PROGRAM) -> None:
        self.clock, self.faults = Clock(), Faults()
        self._written: dict[str, Any] = {}
        self.directory = directory
        self.settings, self.announced = directory / "settings", directory / "announced"
        for each in (self.settings, self.announced, directory / "run"):
            each.mkdir()
        (self.settings / "sip.conf").touch()
        # A socket's path may be no longer than 107 characters.
        self._handle = os.open(directory, os.O_RDONLY)
        self.socket_path = f"/proc/self/fd/{self._handle}/bird"
        self.bird = FakeBird(self.clock, self.socket_path, self.announced)
        self.program: Any = load_program(path)
        self.is_root, self.may_mount, self.may_mask = False, True, True
        self.stderr = io.StringIO()
        self._patch()

    def close(self) -> None:
        self.bird.end()
        os.close(self._handle)

    def reset(self, check: dict[str, Any] | None = None) -> None:
        """Begin a run: nothing announced, BIRD runs, no faults."""
        self.bird.end()
        self.bird = FakeBird(self.clock, self.socket_path, self.announced)
        for path in (*self.announced.iterdir(), *(self.directory / "run").iterdir()):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.program.ANNOUNCED = str(self.announced)
        settings = {"addresses": [ADDRESS], "withdraw_wait": 0, "check": check}
        if settings != self._written:
            (self.settings / "sip.json").write_text(json.dumps(settings))
            self._written = settings
        self.is_root, self.may_mount, self.may_mask = False, True, True
        self.faults.clear()
        self.stderr = io.StringIO()
        self.bird.start()

    def main(self, command: str, root: bool = False) -> int | None:
        """Run a command as systemd does; None where it dies of what nobody has caught."""
        self.is_root = root
        before, sys.stderr = sys.stderr, _Stderr(self)
        try:
            code = self.program.main([command, "sip"])
            assert isinstance(code, int)
            return code
        except Exception as exc:
            self.stderr.write(f"died of {exc!r}\n")
            return None
        finally:
            sys.stderr = before

    def _patch(self) -> None:
        system, program = self, self.program

        class Socket(socket.socket):
            """A real one, whose waiting is simulated."""

            patience: float | None = None

            def __init__(self, *arguments: Any) -> None:
                system.faults.hit("socket")
                super().__init__(*arguments)
                self.setblocking(False)

            def settimeout(self, value: float | None) -> None:
                self.patience = value

            def connect(self, address: Any) -> None:
                system.bird.pump()
                system.faults.hit("connect")
                super().connect(address)

            def sendall(self, data: Any, *arguments: Any) -> None:
                system.faults.hit("send")
                super().sendall(data, *arguments)

            def recv(self, *arguments: Any) -> bytes:
                system.bird.pump()
                system.faults.hit("recv")
                try:
                    return super().recv(*arguments)
                except BlockingIOError:
                    assert self.patience is not None, "it would wait for ever"
                    system.clock.sleep(self.patience)
                    system.bird.pump()
                    raise TimeoutError("timed out") from None

        def hit(name: str, function: Any) -> Any:
            def call(*arguments: Any, **more: Any) -> Any:
                # What is in memory has no faults.
                if not str(arguments[0]).startswith(str(system.directory / "run")):
                    system.faults.hit(name)
                return function(*arguments, **more)

            return call

        def kill(process: int, number: int) -> None:
            assert number == signal.SIGKILL
            assert process in (BIRD_PROCESS, os.getpid())
            system.faults.hit("kill")
            system.bird.kill()

        def libc(function: str, *arguments: Any) -> None:
            assert function == "mount"
            if not system.may_mount:
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            # What lies over the directory is what everybody sees from now on.
            program.ANNOUNCED = arguments[0].decode()
            system.bird.directory = Path(program.ANNOUNCED)

        def mask_bird() -> None:
            if not system.may_mask:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            system.bird.masked = True

        processes = self.directory / "cgroup.procs"
        processes.write_text(f"{BIRD_PROCESS}\n")
        calls = {"unlink": "unlink", "symlink": "symlink", "replace": "rename", "fsync": "fsync"}
        fakes = {name: hit(call, getattr(os, name)) for name, call in calls.items()}
        vars(program).update(
            SETTINGS=str(self.settings),
            ANNOUNCED=str(self.announced),
            MEMORY=str(self.directory / "run"),
            BIRD_SOCKET=self.socket_path,
            BIRD_PROCESSES=(str(processes),),
            time=SimpleNamespace(monotonic=self.clock.monotonic, sleep=self.clock.sleep),
            os=SimpleNamespace(**{**vars(os), **fakes, "kill": kill, "geteuid": lambda: 0 if system.is_root else 1000}),
            socket=SimpleNamespace(**{**vars(socket), "socket": Socket}),
            open=hit("open", open),
            libc=libc,
            join_first_process=lambda: None,
            mask_bird=mask_bird,
        )


class _Stderr(io.TextIOBase):
    """Where the announcer writes to; that may fail as well."""

    def __init__(self, system: FakeSystem) -> None:
        self._system = system

    def write(self, text: str) -> int:
        self._system.faults.hit("write")
        return self._system.stderr.write(text)
