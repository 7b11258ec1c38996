# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Announce an anycast service from this node, withdraw it, or do either as its health asks for.

  announcer.py announce SERVICE   present in BIRD's configuration, and BIRD told
  announcer.py settle SERVICE     absent; wait until BIRD has told the router, and the router has changed its next hops
  announcer.py withdraw SERVICE   the same without that wait: its announcer was killed, or could not withdraw it
  announcer.py run SERVICE        check the service for ever; announce it while it is healthy
  announcer.py check SERVICE      check it once; say the reason and exit with 1 if it is not healthy
  announcer.py told SERVICE       wait until BIRD has told the router of it; exit with 1 if it has not

Run by the systemd unit anycast-announce@SERVICE. What is announced is a symbolic link in ANNOUNCED to the service's
file in SETTINGS: it is there or it is not, also on a full disk or when we are killed between two instructions.

Only a BIRD that is known not to run announces nothing. Whatever else goes wrong, withdraw() takes the next stronger
means, until the router cannot have the service any more.

Python 3.9 and its standard library; what costs time to import is imported where it is used.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict

SETTINGS = "/etc/homelab-anycast"
ANNOUNCED = "/etc/bird/anycast.d"
# A file system in memory: it can be written when the disk cannot.
MEMORY = "/run"
# What Prometheus reads of all services, through its node exporter; and of each metric, its type and what it says.
METRICS = "/run/homelab-anycast/metrics.prom"
METRIC_TEXTS = {
    "anycast_announced": "gauge Whether this node announces the service.",
    "anycast_changed_timestamp_seconds": "gauge When that changed.",
    "anycast_checks_total": "counter Checks that have ended since the announcer of the service was started.",
    "anycast_status_info": "gauge What the announcer of the service says of its state.",
}
BIRD_SOCKET = "/run/bird/bird.ctl"
BIRD_UNIT = "bird.service"
# The processes of BIRD's unit. Everybody may read this; systemctl needs D-Bus, and /proc hides BIRD, which has
# capabilities that its user has not.
BIRD_PROCESSES = tuple(f"/sys/fs/cgroup/{top}system.slice/{BIRD_UNIT}/cgroup.procs" for top in ("", "systemd/"))
# As bird.conf calls them: OSPFv2 for IPv4 addresses, OSPFv3 for IPv6 addresses.
PROTOCOL = "anycast"
PROTOCOL_V3 = "anycast_v3"
# A bird.conf includes the files of one suffix for each protocol: .area and .area3 hold an OSPF area for each service,
# .conf and .v3 an interface of the link's area. All of them are linked, so that a new bird.conf finds its own. A
# service without IPv6 addresses has no file for OSPFv3. The last one says that the service is announced.
SUFFIXES = (".v3", ".area3", ".area", ".conf")
# Where there are several areas, the one in which the router is told.
BACKBONE = "area 0.0.0.0"

# Seconds for one conversation. BIRD answers in milliseconds; these are for a busy machine.
BIRD_TIMEOUT = 2.0
# BIRD may have been started a moment ago.
BIRD_START = 5.0
# RFC 2328's MinLSInterval: a change within 5 s of the one before it is held back.
FLOOD_TIMEOUT = 8.0
POLL = 0.05
# What withdraw() takes at most, where BIRD answers neither `configure`, twice, nor `disable`, and is killed; and with
# the wait for the router. Documentation and the unit's TimeoutStopSec= have these.
WITHDRAWN_WITHIN = 3 * BIRD_TIMEOUT
SETTLED_WITHIN = WITHDRAWN_WITHIN + FLOOD_TIMEOUT

# Seconds between two checks of a service that has not answered within as many.
HURRY = 0.1
# Checks beyond those that have to fail, as a link may lose some: one that loses 5 % loses 7 in a row once in 40 years.
SPARE = 4
# Not ended at once, because the system hangs.
MOST_CHECKS = 40

# Replies to `configure`: reconfigured, in progress, queued.
ACCEPTED = (3, 4, 5)
# Replies where BIRD has no protocol of that name: no match, no such symbol.
NO_PROTOCOL = (8003, 9001)

ERROR, WARNING, NOTICE = 3, 4, 5
SIGKILL = 9
# Of mount(2).
MS_BIND = 4096


def say(level: int, text: str) -> None:
    """Write one line to the journal (sd-daemon(3) says what <N> means), or to the terminal."""
    prefix = f"<{level}>" if "JOURNAL_STREAM" in os.environ else ""
    # A service must be withdrawn even if this line cannot be written.
    with contextlib.suppress(OSError, ValueError):
        print(prefix + text, file=sys.stderr, flush=True)


def left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def notify(**state: object) -> None:
    """Tell systemd (sd_notify(3)), without waiting; do nothing if systemd does not listen."""
    path = os.environ.get("NOTIFY_SOCKET")
    text = "\n".join(f"{key}={value}".replace("\n", " ") for key, value in state.items())
    if path:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)


def alive() -> None:
    """Keep the watchdog quiet. Only the checker has one: a word of `settle` would start it, and it ends `settle`."""
    if os.environ.get("WATCHDOG_PID") == str(os.getpid()):
        notify(WATCHDOG=1)


def expose(name: str, announced: bool, status: str, passed: int = 0, failed: int = 0) -> None:
    """Write the state of a service for Prometheus. This never fails, and waits 0.2 s at most."""
    with contextlib.suppress(Exception):
        import fcntl

        directory = os.open(os.path.dirname(METRICS), os.O_RDONLY)
        try:
            # A different announcer holds the lock for a moment. If it is stopped then, this one writes nothing.
            for _attempt in range(20):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(POLL / 5)
            else:
                return
            with open(METRICS, encoding="utf-8") as file:
                text = with_metrics(file.read(), name, announced, status, (passed, failed))
            new = METRICS + ".new"
            # Of a user who may not be this one.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new)
            with open(new, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(text)
            os.replace(new, METRICS)
        finally:
            os.close(directory)


def with_metrics(before: str, name: str, announced: bool, status: str, checks: tuple[int, int]) -> str:
    """Return the metrics of all services, those of one service anew (prometheus.io, text-based exposition format).

    :param checks: how many have passed, and how many have failed.
    """
    service = f'service="{name}"'
    samples = dict(line.rpartition(" ")[::2] for line in before.splitlines() if not line.startswith("#"))
    value, since = str(int(announced)), str(int(time.time()))
    if samples.get(f"anycast_announced{{{service}}}") == value:
        since = samples.get(f"anycast_changed_timestamp_seconds{{{service}}}", since)
    samples = {sample: value for sample, value in samples.items() if f"{{{service}" not in sample}
    quoted = status.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    samples[f"anycast_announced{{{service}}}"] = value
    samples[f"anycast_changed_timestamp_seconds{{{service}}}"] = since
    for result, number in (("passed", checks[0]), ("failed", checks[1])):
        samples[f'anycast_checks_total{{{service},result="{result}"}}'] = str(number)
    samples[f'anycast_status_info{{{service},status="{quoted}"}}'] = "1"
    lines = []
    for metric, text in METRIC_TEXTS.items():
        kind, _blank, words = text.partition(" ")
        lines += [f"# HELP {metric} {words}", f"# TYPE {metric} {kind}"]
        lines += [f"{sample} {samples[sample]}" for sample in sorted(samples) if sample.startswith(metric + "{")]
    return "\n".join([*lines, ""])


# ---------------------------------------------------------------------------------------------------------------------
# BIRD


class BirdAway(Exception):
    """No BIRD runs: there is no socket, or no program listens on it. Then nothing is announced."""


class BirdSilent(Exception):
    """BIRD may run, and does not answer: it is not known what it announces."""


class BirdRefuses(Exception):
    """BIRD runs, and does not do what it was told."""


def last_reply(data: bytes) -> tuple[int, str, str] | None:
    """Return the (code, text) of the last line of a complete answer, and all of its text; None while it is incomplete.

    A line starts with a four-digit code, then "-" if more follows or " " if it is the last; or with a blank if it has
    the code of the line before it.
    """
    if not data.endswith(b"\n"):
        return None
    lines = data.decode("utf-8", "replace").splitlines()
    last = lines[-1]
    if not (last[:4].isdigit() and last[4:5] == " "):
        return None
    text = [line[5:] if line[:4].isdigit() else line[1:] for line in lines]
    return int(last[:4]), last[5:], "\n".join(text)


def told_prefixes(state: str) -> set[str]:
    """Return the prefixes that this node itself tells the router of, from the text of `show ospf state`.

    It has a part for each area. In the link's, a service is a stub network of the node's router LSA, or a network of
    another area with a summary LSA of its own.
    """
    areas = [line for line in state.splitlines() if line.startswith("area ")]
    here, own, found = len(areas) < 2, False, set()
    for line in state.splitlines():
        words = line.split()
        if line.startswith("area ") and len(areas) > 1:
            here = line.strip() == BACKBONE
        elif line.startswith("\t") and not line.startswith("\t\t"):
            # The next router or network.
            own = False
        elif words == ["distance", "0"]:
            own = True
        elif here and own and words[:1] in (["stubnet"], ["xnetwork"]):
            found.add(canonical(words[1]))
    return found


def canonical(prefix: str) -> str:
    """Return a prefix in the one way of writing it: an IPv6 address has several."""
    address, _slash, length = prefix.partition("/")
    if ":" in address:
        address = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))
    return f"{address}/{length}"


def protocols(prefixes: list[str]) -> list[str]:
    """Return the protocols that announce the prefixes; both if these are not known."""
    families = {":" in prefix for prefix in prefixes} or {False, True}
    return [name for name, is_ipv6 in ((PROTOCOL, False), (PROTOCOL_V3, True)) if is_ipv6 in families]


class Bird:
    """One conversation with BIRD over its control socket, which is over after so many seconds."""

    def __init__(self, seconds: float | None = None) -> None:
        self._deadline = time.monotonic() + (BIRD_TIMEOUT if seconds is None else seconds)
        # Who talks to BIRD does not hang; in a row it takes longer than the watchdog waits.
        alive()
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._connect()
            self._read()
        except OSError as exc:
            raise BirdSilent(f"bird does not answer on {BIRD_SOCKET}: {exc.strerror or exc}") from exc

    def __enter__(self) -> Bird:
        return self

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _connect(self) -> None:
        while True:
            self._socket.settimeout(left(self._deadline))
            try:
                return self._socket.connect(BIRD_SOCKET)
            except (FileNotFoundError, ConnectionRefusedError) as exc:
                raise BirdAway(f"bird does not answer on {BIRD_SOCKET}: {exc.strerror}") from exc
            except BlockingIOError:
                # Its backlog is full.
                if time.monotonic() >= self._deadline:
                    raise
                time.sleep(min(POLL, left(self._deadline)))

    def _read(self) -> tuple[int, str, str]:
        data = b""
        while True:
            reply = last_reply(data)
            if reply:
                return reply
            if time.monotonic() >= self._deadline:
                raise socket.timeout("timed out")
            self._socket.settimeout(left(self._deadline))
            more = self._socket.recv(65536)
            if not more:
                raise OSError(errno.ECONNRESET, "it closed the connection")
            data += more

    def ask(self, command: str) -> tuple[int, str, str]:
        """Return (code, text of the last line, all of the text)."""
        try:
            self._socket.settimeout(left(self._deadline))
            self._socket.sendall(command.encode() + b"\n")
            return self._read()
        except OSError as exc:
            raise BirdSilent(f"bird does not answer '{command}': {exc.strerror or exc}") from exc

    def configure(self) -> None:
        """Have BIRD read its configuration."""
        code, text, _all = self.ask("configure")
        if code not in ACCEPTED:
            raise BirdRefuses(f"bird refuses its configuration: {text}")

    def demand(self, command: str) -> str:
        """Return all of the answer. There is none where BIRD has no protocol of that name."""
        code, text, everything = self.ask(command)
        if code >= 8000 and code not in NO_PROTOCOL:
            raise BirdRefuses(f"bird refuses '{command}': {text}")
        return everything

    def announces(self, prefixes: list[str]) -> bool:
        """Return whether BIRD still tells the router of any of them. A protocol that is disabled says that it is."""
        wanted = {canonical(prefix) for prefix in prefixes}
        states = (self.demand(f"show ospf state {protocol}") for protocol in protocols(prefixes))
        return any(told_prefixes(state) & wanted for state in states)

    def disable(self, prefixes: list[str]) -> None:
        """Stop the protocols, with everything that they announce."""
        for protocol in protocols(prefixes):
            self.demand(f"disable {protocol}")
        if self.announces(prefixes):
            raise BirdRefuses("bird goes on announcing though OSPF is disabled")


def bird_when_started() -> Bird:
    """Return a conversation with BIRD, which may be starting just now."""
    deadline = time.monotonic() + BIRD_START
    while True:
        try:
            return Bird()
        except (BirdAway, BirdSilent):
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL)


def bird_processes() -> list[int]:
    """Return the process ids of BIRD: of its unit, else of who listens on its socket."""
    for path in BIRD_PROCESSES:
        with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            found = [int(line) for line in file]
            if found:
                return found
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(BIRD_TIMEOUT)
        sock.connect(BIRD_SOCKET)
        # struct ucred: process, user, group.
        return [int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder)]


def kill_bird() -> None:
    """Kill BIRD. It is the announcer's own user, so that needs no right; none can refuse it, also a stopped one."""
    # Of these errors each says that it is gone. Nothing is imported here, as files may not be read any more.
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        for process in bird_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, SIGKILL)


# ---------------------------------------------------------------------------------------------------------------------
# Present or absent


def read_settings(name: str) -> dict[str, Any]:
    with open(os.path.join(SETTINGS, name + ".json"), encoding="utf-8") as file:
        settings: dict[str, Any] = json.load(file)
    return settings


def link_of(name: str, suffix: str = ".conf") -> str:
    return os.path.join(ANNOUNCED, name + suffix)


def is_present(name: str) -> bool:
    return os.path.lexists(link_of(name))


def make_present(name: str) -> None:
    """Make the link. One step of the file system: no reader ever sees half of it.

    Nothing is flushed to the disk: a boot begins with no link in any case (tmpfiles.d).
    """
    new = os.path.join(ANNOUNCED, f".{name}.new")
    try:
        for suffix in SUFFIXES:
            settings, link = os.path.join(SETTINGS, name + suffix), link_of(name, suffix)
            if suffix != ".conf" and not os.path.exists(settings):
                continue
            if os.path.islink(link) and os.readlink(link) == settings:
                continue
            if os.path.lexists(new):
                os.unlink(new)
            os.symlink(settings, new)
            os.replace(new, link)
    except OSError:
        # Withdrawn is the consistent state when the disk fails us.
        make_absent(name)
        raise


def make_absent(name: str) -> tuple[bool, OSError | None]:
    """Remove the link, which needs no space on the disk. Return whether it was there, and why it still is."""
    was_there, error = False, None
    for suffix in SUFFIXES:
        link = link_of(name, suffix)
        try:
            os.unlink(link)
            was_there = True
        except FileNotFoundError:
            continue
        except OSError as exc:
            # A file system that cannot be written says so of what is not there, too.
            try:
                os.lstat(link)
            except FileNotFoundError:
                continue
            except OSError:
                pass
            was_there, error = True, exc
    return was_there, error


def wait_until(announced: bool, prefixes: list[str]) -> bool:
    """Wait until BIRD tells its neighbours of one of the prefixes, or of none. Return whether it is so."""
    deadline = time.monotonic() + FLOOD_TIMEOUT
    with Bird(FLOOD_TIMEOUT) as bird:
        while bird.announces(prefixes) != announced:
            if time.monotonic() >= deadline - POLL:
                return False
            time.sleep(POLL)
    return True


def libc(function: str, *arguments: object) -> None:
    import ctypes

    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")


def join_first_process() -> None:
    """See the file systems that everybody sees: systemd gives a unit with a sandbox its own, also a line with `+`."""
    if os.readlink("/proc/self/ns/mnt") != os.readlink("/proc/1/ns/mnt"):
        with open("/proc/1/ns/mnt", encoding="ascii") as file:
            libc("setns", file.fileno(), 0)


def hide(name: str) -> None:
    """Lay a directory in memory over ANNOUNCED, with the links of the other services: no disk can refuse that.

    It is there until the next boot, and the announcers go on with it.
    """
    import ctypes
    import fcntl
    import shutil
    import tempfile

    join_first_process()
    with open(os.path.join(MEMORY, "anycast.lock"), "w", encoding="ascii") as lock:
        # One of all services does it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not make_absent(name)[1]:
            return
        memory = tempfile.mkdtemp(prefix="anycast-", dir=MEMORY)
        hidden = shutil.ignore_patterns(*(name + suffix for suffix in SUFFIXES))
        shutil.copytree(ANNOUNCED, memory, symlinks=True, ignore=hidden, dirs_exist_ok=True)
        owner = os.stat(ANNOUNCED)
        for copy in (memory, *(entry.path for entry in os.scandir(memory))):
            os.chown(copy, owner.st_uid, owner.st_gid, follow_symlinks=False)
        libc("mount", memory.encode(), ANNOUNCED.encode(), None, ctypes.c_ulong(MS_BIND), None)


def mask_bird() -> None:
    """Have systemd start no BIRD until the next boot."""
    import subprocess

    words = ("systemctl", "mask", "--runtime", BIRD_UNIT)
    subprocess.run(words, check=True, capture_output=True, timeout=BIRD_TIMEOUT)


def announce(name: str, prefixes: list[str], bird: Bird | None = None) -> None:
    """Make the service present and tell BIRD. Raises with everything undone if that is not possible."""
    make_present(name)
    try:
        with bird or Bird() as talk:
            talk.configure()
            # Undoes `disable`, as `configure` should have done.
            for protocol in protocols(prefixes):
                talk.ask(f"enable {protocol}")
    except (BirdAway, BirdSilent, BirdRefuses):
        make_absent(name)
        raise


class NotWithdrawn(Exception):
    """This process has no means left. Then it ends, and what its unit runs next is root's."""


def configure(prefixes: list[str], flood: bool) -> None:
    """Have BIRD read its configuration, from which a service is gone."""
    try:
        with Bird() as bird:
            bird.configure()
    except BirdSilent:
        # It may be busy, and to restart it would cost more than to wait.
        with Bird() as bird:
            bird.configure()
    if flood and not wait_until(False, prefixes):
        raise BirdRefuses(f"bird goes on announcing {', '.join(prefixes)} for {FLOOD_TIMEOUT:g} s")


def stop_ospf(prefixes: list[str], why: list[str]) -> str:
    """Have this node announce nothing any more. Return what was done; what did not help comes to `why`."""
    try:
        with Bird() as bird:
            bird.disable(prefixes)
        return "OSPF is stopped"
    except BirdAway:
        return "bird does not run"
    except Exception as exc:
        why.append(str(exc))
    kill_bird()
    return "bird is killed"


def force(name: str, prefixes: list[str], why: list[str], refused: bool, is_there: bool) -> str | None:
    """Withdraw a service at the cost of all others of this node. Return what else is gone, and the cure.

    :param why: what did not help; refused: BIRD refuses its configuration; is_there: the link can still be read.
    """
    try:
        done = stop_ospf(prefixes, why)
        if is_there and os.geteuid() == 0:
            # The next BIRD would read it, and so would this one at the next announcement.
            mask_bird()
            kill_bird()
            done = "bird is stopped and masked"
    except Exception as exc:
        why.append(f"bird cannot be ended: {exc}")
        raise NotWithdrawn(f"{name} may still be announced: {'; '.join(dict.fromkeys(why))}") from exc
    if is_there and os.geteuid():
        raise NotWithdrawn("; ".join([*why, f"{done} on this node to withdraw {name}"]))
    if done == "bird does not run":
        return None
    if done == "OSPF is stopped" and not refused:
        # BIRD was busy, and answers again. If it reads its configuration, the other services are back.
        with contextlib.suppress(BirdAway, BirdSilent, BirdRefuses), Bird() as bird:
            bird.configure()
            return None
    cures = {
        "OSPF is stopped": "Correct bird.conf, then run: birdc configure",
        "bird is killed": "systemd starts it again, see: systemctl status bird",
        "bird is stopped and masked": f"Make the directory writable, then run: rm {ANNOUNCED}/{name}.*;"
        " systemctl unmask --runtime bird; systemctl restart bird",
    }
    trouble = "; ".join(dict.fromkeys(why))
    return f"{trouble}; {done} on this node to withdraw {name}, and with it all its services. {cures[done]}"


def withdraw(name: str, prefixes: list[str], flood: bool = False) -> tuple[bool, str | None]:
    """Make the service absent, and see to it that no BIRD announces it, by the weakest means that helps.

    :param flood: wait until BIRD has told the router.

    Return whether its link was there, and what else had to be done, with the cure; None if that was nothing.

    1. BIRD reads its configuration, without the link. One that cannot be removed is hidden, which only root may do.
    2. BIRD disables OSPF: where it refuses its configuration, and so goes on with the old one, or the link is there.
    3. BIRD is killed: where it does not answer. systemd starts it again, and it finds no link.
    """
    was_there, error = make_absent(name)
    why = []
    if error:
        why.append(f"{link_of(name)} cannot be removed: {error.strerror}")
        try:
            if os.geteuid() == 0:
                hide(name)
                error = None
        except Exception as exc:
            why.append(f"nor hidden: {exc}")
    if error:
        return was_there, force(name, prefixes, why, refused=False, is_there=True)
    try:
        configure(prefixes, flood)
    except BirdAway:
        # It announces nothing, and will find nothing to announce when it is back.
        pass
    except Exception as exc:
        return was_there, force(name, prefixes, [*why, str(exc)], isinstance(exc, BirdRefuses), is_there=False)
    if why:
        return was_there, f"{why[0]}; until the next boot {ANNOUNCED} is a directory in memory. See why: dmesg"
    return was_there, None


# ---------------------------------------------------------------------------------------------------------------------
# Health


class Health:
    """Healthy after `rise` passes in a row, not healthy any more after `fall` failures in a row."""

    def __init__(self, rise: int, fall: int) -> None:
        self.rise = rise
        self.fall = fall
        self.healthy = False
        self.count = 0

    def seen(self, passed: bool) -> bool:
        """Note a check. Return whether the health has changed."""
        if passed == self.healthy:
            self.count = 0
            return False
        self.count += 1
        if self.count < (self.fall if self.healthy else self.rise):
            return False
        self.healthy = not self.healthy
        self.count = 0
        return True


class Pace:
    """When the next check begins, and which ones count. The times are its caller's.

    A healthy service is checked every `interval`. Once a check has failed, or is late, the next ones follow HURRY apart
    without waiting for each other, until one passes or `fall` have failed. There are SPARE more of them than have to
    fail: one that passes proves that the service lives, so a link that loses some does not have it withdrawn.
    """

    def __init__(self, check: dict[str, Any]) -> None:
        self.check = check
        self.health = Health(check["rise"], check["fall"])
        # When each check began that has not ended, by its number; of the last one, and of the last one that passed.
        self.pending: dict[int, float] = {}
        self.last = self.passed = 0
        self.begun = self.answered = float("-inf")
        # Seconds after which an answer is late.
        self.late = HURRY

    def due(self) -> float:
        """Return when the next check begins."""
        regular: float = self.begun + self.check["interval"]
        since_passed = self.last - self.passed
        if not self.health.healthy or not 0 < since_passed < self.health.fall + SPARE:
            return regular
        late = 0.0
        if not self.health.count:
            # One that is slow answers them one after the other, and is not late.
            late = max(min(self.pending.values(), default=0.0), self.answered) + self.late
        return min(regular, max(self.begun + HURRY, late))

    def begin(self, now: float) -> int:
        self.last += 1
        self.begun = self.pending[self.last] = now
        return self.last

    def overdue(self) -> tuple[float, int]:
        """Return when the first check should have ended that has not, and its number."""
        number = min(self.pending, default=0)
        # A check keeps to its timeout, unless the system does not.
        return self.pending.get(number, float("inf")) + self.check["timeout"] + HURRY, number

    def end(self, number: int, passed: bool, now: float) -> bool:
        """Note the end of a check. Return whether it counts: one does not if a later one has passed."""
        if number not in self.pending:
            return False
        begun = self.pending.pop(number)
        if passed:
            self.passed, self.answered = number, now
            self.pending = {other: begun for other, begun in self.pending.items() if other > number}
            if self.check["kind"] == "command":
                # Starting a program takes its time, and more of them at once take more.
                self.late = max(HURRY, 2 * (now - begun))
        if self.health.seen(passed):
            # What has begun before says nothing of the time from now on.
            self.pending.clear()
        return True


def describe(health: Health, present: bool, what: str | None, reason: str | None, trouble: str | None = None) -> str:
    """Return the line that `systemctl status` shows.

    :param what: that is checked, in words; reason: why it failed just now, None if it passed.
    :param trouble: why a healthy service cannot be announced.
    """
    state = "announced" if present else "withdrawn"
    if trouble:
        return f"{state}: {trouble}"
    if health.healthy:
        if reason is None:
            return f"{state}: {what}"
        return f"{state}, but failed {health.count} of {health.fall}: {reason}"
    if reason is None:
        return f"{state}: {what}, passed {health.count} of {health.rise}"
    return f"{state}: {reason}"


# ---------------------------------------------------------------------------------------------------------------------
# Checks. Each returns in words what passed, and raises Failed with the reason otherwise.


Check = Dict[str, Any]


class Failed(Exception):
    """The check did not pass."""


def sip_options(address: str, port: int, source: tuple[Any, ...], token: str) -> bytes:
    """Return an OPTIONS request (RFC 3261 11) from source, whose first two are its address and port."""
    address, own = (f"[{text}]" if ":" in text else text for text in (address, source[0]))
    text = f"""\
OPTIONS sip:{address}:{port} SIP/2.0
Via: SIP/2.0/UDP {own}:{source[1]};branch=z9hG4bK{token};rport
Max-Forwards: 70
From: <sip:check@{own}>;tag={token}
To: <sip:{address}:{port}>
Call-ID: {token}@{own}
CSeq: 1 OPTIONS
User-Agent: homelab.anycast announcer
Content-Length: 0

"""
    return text.replace("\n", "\r\n").encode()


def sip_status(data: bytes, token: str) -> tuple[int, str] | None:
    """Return the status code and phrase of a final response to our request, None for any other datagram."""
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or words[0] != "SIP/2.0" or len(words[1]) != 3 or not words[1].isdigit():
        return None
    if words[1] < "200" or not any("z9hG4bK" + token in line for line in lines[1:]):
        return None
    return int(words[1]), words[2] if len(words) > 2 else ""


def judge_sip(status: int, phrase: str) -> str:
    """A server that says what we may not do is alive; one that says it is broken, or overloaded, is not healthy."""
    if status >= 500:
        raise Failed(f"answers SIP OPTIONS with {status} {phrase}")
    return f"answers SIP OPTIONS with {status}"


def dns_query(name: str, number: int) -> bytes:
    """Return a query for the A records of a name (RFC 1035 4)."""
    labels = [label.encode("idna") for label in name.rstrip(".").split(".") if label]
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + b"\0\1\0\1"
    return number.to_bytes(2, "big") + b"\1\0" + b"\0\1\0\0\0\0\0\0" + question


def dns_reply(data: bytes, number: int) -> tuple[int, int] | None:
    """Return the response code and the number of answers of a response to our query, None for any other datagram."""
    if len(data) < 12 or data[:2] != number.to_bytes(2, "big") or not data[2] & 0x80:
        return None
    return data[3] & 0x0F, int.from_bytes(data[6:8], "big")


RCODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def judge_dns(name: str, rcode: int, answers: int) -> str:
    if rcode:
        raise Failed(f"answers the DNS query for {name} with {RCODES.get(rcode, f'code {rcode}')}")
    if not answers:
        raise Failed(f"has no A record of {name}")
    return f"answers the DNS query for {name}"


def opened(kind: int, address: str, port: int, timeout: float | None = None) -> socket.socket:
    """Return a socket that is bound to the address as well: the check never passes by the answer of another node."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        sock.settimeout(timeout)
        sock.bind((address, 0))
        sock.connect((address, port))
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRNOTAVAIL:
            raise Failed(f"{address} is not on this node") from exc
        raise
    return sock


def ask_udp(sock: socket.socket, request: bytes, parse: Callable[[bytes], Any], deadline: float) -> Any:
    """Send a datagram and return what parse() makes of the answer."""
    sock.send(request)
    while True:
        sock.settimeout(left(deadline))
        found = parse(sock.recv(65535))
        if found is not None:
            return found


def check_sip(address: str, check: Check, deadline: float) -> str:
    token = os.urandom(8).hex()
    with opened(socket.SOCK_DGRAM, address, check["port"]) as sock:
        request = sip_options(address, check["port"], sock.getsockname(), token)
        return judge_sip(*ask_udp(sock, request, lambda data: sip_status(data, token), deadline))


def check_dns(address: str, check: Check, deadline: float) -> str:
    number = int.from_bytes(os.urandom(2), "big")
    with opened(socket.SOCK_DGRAM, address, check["port"]) as sock:
        query = dns_query(check["name"], number)
        return judge_dns(check["name"], *ask_udp(sock, query, lambda data: dns_reply(data, number), deadline))


def check_tcp(address: str, check: Check, deadline: float) -> str:
    opened(socket.SOCK_STREAM, address, check["port"], left(deadline)).close()
    return f"accepts TCP connections on port {check['port']}"


def check_command(address: str, check: Check, deadline: float) -> str:
    import subprocess

    words, null = check["command"], subprocess.DEVNULL
    environment = dict(os.environ, ANYCAST_ADDRESS=address)
    try:
        process = subprocess.Popen(words, env=environment, stdin=null, stdout=null, stderr=null, start_new_session=True)
    except OSError as exc:
        raise Failed(f"cannot run {words[0]}: {exc.strerror}") from exc
    try:
        code = process.wait(left(deadline))
    except subprocess.TimeoutExpired:
        raise Failed(f"{words[0]} did not end") from None
    finally:
        # With whatever it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
    if code:
        raise Failed(f"{words[0]} exits with {code}")
    return f"{words[0]} exits with 0"


CHECKS = {"sip": check_sip, "dns": check_dns, "tcp": check_tcp, "command": check_command}


def check_service(settings: dict[str, Any]) -> str:
    """Check every address of the service, all within one timeout. Return what passed; raises Failed."""
    check = settings["check"]
    deadline = time.monotonic() + check["timeout"]
    for prefix in settings["addresses"]:
        address = prefix.partition("/")[0]
        try:
            passed = CHECKS[check["kind"]](address, check, deadline)
        except socket.timeout:
            raise Failed(f"{address} does not answer within {check['timeout']:g} s") from None
        except Failed as exc:
            raise Failed(f"{address}: {exc}") from None
        except OSError as exc:
            raise Failed(f"{address}: {exc.strerror or exc}") from None
    return f"{', '.join(prefix.partition('/')[0] for prefix in settings['addresses'])} {passed}"


# ---------------------------------------------------------------------------------------------------------------------
# Commands


def do_announce(name: str) -> int:
    try:
        announce(name, read_settings(name)["addresses"], bird_when_started())
    except (BirdAway, BirdSilent, BirdRefuses, OSError, ValueError) as exc:
        say(ERROR, f"{name} cannot be announced: {exc}")
        return 1
    say(NOTICE, f"{name} announced")
    expose(name, True, "announced: it is not checked")
    return 0


def do_settle(name: str) -> int:
    """The way out, whatever brought us here: a stop, the end of the service, or the end of the checker."""
    settings, _withdrawn, trouble = settle(name)
    time.sleep(settings["withdraw_wait"])
    return 1 if trouble else 0


def do_withdraw(name: str) -> int:
    """Where that was not to be. It is tried until the router cannot have the service any more."""
    return 0 if settle(name)[1] else 1


def settle(name: str) -> tuple[dict[str, Any], bool, str | None]:
    """Return the settings, whether the service is withdrawn, and what went wrong."""
    try:
        settings = read_settings(name)
    except (OSError, ValueError) as exc:
        say(ERROR, f"the settings of {name} cannot be read: {exc}")
        settings = {"addresses": [], "withdraw_wait": 1}
    withdrawn = True
    try:
        was_there, trouble = withdraw(name, settings["addresses"], flood=True)
    except NotWithdrawn as exc:
        was_there, trouble, withdrawn = False, str(exc), False
    if was_there:
        say(NOTICE, f"{name} withdrawn")
    if trouble:
        say(ERROR, trouble)
        notify(STATUS=trouble)
    expose(name, not withdrawn, trouble or "withdrawn: its announcer does not run")
    return settings, withdrawn, trouble


def do_check(name: str) -> int:
    try:
        say(NOTICE, check_service(read_settings(name)))
    except Failed as exc:
        say(ERROR, str(exc))
        return 1
    return 0


def do_told(name: str) -> int:
    try:
        if wait_until(True, read_settings(name)["addresses"]):
            return 0
        say(ERROR, f"bird has not told the router of {name} within {FLOOD_TIMEOUT:g} s")
    except (BirdAway, BirdSilent, BirdRefuses) as exc:
        say(ERROR, str(exc))
    return 1


class Checks:
    """Checks that run at once, each in a thread of its own."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._ended: queue.SimpleQueue[tuple[int, str | None, str | None]] = queue.SimpleQueue()

    def begin(self, number: int) -> None:
        try:
            if threading.active_count() > MOST_CHECKS:
                raise RuntimeError(f"{MOST_CHECKS} checks have not ended")
            threading.Thread(target=self._run, args=(number,), daemon=True).start()
        except RuntimeError as exc:
            self._ended.put((number, None, f"cannot be checked: {exc}"))

    def _run(self, number: int) -> None:
        try:
            self._ended.put((number, check_service(self._settings), None))
        except Exception as exc:
            self._ended.put((number, None, str(exc) if isinstance(exc, Failed) else repr(exc)))

    def wait(self, seconds: float) -> tuple[int, str | None, str | None] | None:
        """Return the next check that has ended within so many seconds: number, what passed, or why it failed."""
        with contextlib.suppress(queue.Empty):
            return self._ended.get(timeout=max(seconds, 0))
        return None


class Announcement:
    """What is known of a service: `state` is True if it is announced, False if it is not, None if this is not known."""

    def __init__(self, name: str, prefixes: list[str]) -> None:
        self.name = name
        self.prefixes = prefixes
        self.state: bool | None = None
        # What went wrong with the last change.
        self.trouble: str | None = None

    def follow(self, healthy: bool, reason: str | None) -> None:
        """Announce or withdraw as the health asks for. Raises NotWithdrawn."""
        before, trouble = self.trouble, self.trouble
        if healthy and not (self.state and is_present(self.name)):
            self.state = None
            try:
                announce(self.name, self.prefixes)
                self.state, trouble = True, None
                say(NOTICE, f"{self.name} announced: it is healthy")
            except (BirdAway, BirdSilent, BirdRefuses, OSError) as exc:
                trouble = f"healthy, but cannot be announced: {exc}"
        elif not healthy and (self.state is not False or is_present(self.name)):
            was_there, trouble = withdraw(self.name, self.prefixes)
            self.state = False
            if was_there:
                say(WARNING, f"{self.name} withdrawn: {reason}")
        self.trouble = trouble
        if trouble and trouble != before:
            say(ERROR, trouble)


def do_run(name: str) -> int:
    settings = read_settings(name)
    try:
        return watch(Pace(settings["check"]), Checks(settings), Announcement(name, settings["addresses"]))
    except NotWithdrawn as exc:
        # What its unit runs next is root's.
        say(ERROR, str(exc))
        notify(STATUS=exc)
        return 1


def watch(pace: Pace, checks: Checks, announcement: Announcement) -> int:
    """Check the service for ever, and have it announced while it is healthy."""
    unknown = "its health is not known yet"
    # Left by a checker that met its end together with what should have withdrawn it.
    announcement.follow(False, unknown)
    text = f"withdrawn: {announcement.trouble or unknown}"
    notify(READY=1, STATUS=text)
    expose(announcement.name, False, text)
    passed = None
    results = {True: 0, False: 0}
    while True:
        now = time.monotonic()
        if now >= pace.due():
            checks.begin(pace.begin(now))
        overdue, number = pace.overdue()
        ended = checks.wait(min(pace.due(), overdue) - time.monotonic())
        now = time.monotonic()
        if ended is None and now >= overdue:
            ended = number, None, "the check does not end"
        alive()
        if ended and pace.end(ended[0], ended[2] is None, now):
            _number, what, reason = ended
            results[reason is None] += 1
            passed = what or passed
            announcement.follow(pace.health.healthy, reason)
            text = describe(pace.health, bool(announcement.state), passed, reason, announcement.trouble)
            notify(STATUS=text)
            expose(announcement.name, bool(announcement.state), text, results[True], results[False])


COMMANDS = {
    "announce": do_announce,
    "settle": do_settle,
    "withdraw": do_withdraw,
    "run": do_run,
    "check": do_check,
    "told": do_told,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    return COMMANDS[arguments[0]](arguments[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
