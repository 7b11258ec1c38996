"""One machine of the bed: a process that holds namespaces, and what runs inside them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .rootfs import DIRECTORIES

# Directories a machine writes to; the shared root itself stays untouched.
_OWN_DIRECTORIES = ("run", "tmp", "var/tmp", "var/log", "var/lib/frr", "etc/frr", "etc/bird", "usr/local/lib",
                    *DIRECTORIES)  # fmt: skip

_SET_UP = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
root=$1; shift
for directory in "$@"; do mount -t tmpfs tmpfs "$root/$directory"; done
chmod 1777 "$root/tmp" "$root/var/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
ip link set lo up
echo ready
exec chroot "$root" sh -c 'while :; do sleep 3600 & wait; done'
"""

# As Debian calls the architecture: x86_64-linux-gnu.
MULTIARCH = f"{platform.machine()}-linux-gnu"

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class CommandError(RuntimeError):
    """A command inside a machine failed; the text holds what it printed."""


def wait_for[T](what: str, check: Callable[[], T], timeout: float = 60, every: float = 0.2) -> T:
    """The first true value of `check`; after `timeout` seconds an error that shows the last value."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s, last seen {value!r}")
        time.sleep(every)


class Machine:
    """Namespaces of one machine, alive as long as its holder process."""

    _set_up = _SET_UP
    _more_namespaces: tuple[str, ...] = ()

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", *self._more_namespaces, "--fork", "--kill-child",
             "sh", "-c", self._set_up, "bed", str(root), *_OWN_DIRECTORIES],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # The kernel ends the machine when this process dies, however it dies.
            preexec_fn=self._before_exec,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise CommandError(f"machine {name} did not start: {self._holder.communicate()[1].strip()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self.pid = int(children[0])
        self.run("hostname", name)

    def _before_exec(self) -> None:
        _die_with_parent()

    def stop(self) -> None:
        """End every process of the machine; its interfaces and mounts go with them."""
        # The machine's first process: all others die with it. Its parent, unshare, collects it and ends.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        # It also complains about a signal mask (util-linux 2.38), which is of no interest.
        self._holder.communicate()

    # Commands

    def inside(self, *command: str) -> list[str]:
        """The command line that runs `command` in the machine, with the machine's files."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wdns=/",
                "--", *command]  # fmt: skip

    def on_its_network(self, *command: str) -> list[str]:
        """The command line that runs `command` in the machine's network, with the host's files."""
        return ["nsenter", f"--target={self.pid}", "--net", "--", *command]

    def run(self, *command: str, input_text: str | None = None, check: bool = True, timeout: float = 60) -> str:
        """Run a command inside and return what it printed."""
        return _run(self.inside(*command), input_text, check, timeout, f"{self.name}: {' '.join(command)}")

    def run_here(self, *command: str, check: bool = True, timeout: float = 60) -> str:
        """Run one of the host's commands in the machine's network."""
        return _run(self.on_its_network(*command), None, check, timeout, f"{self.name}: {' '.join(command)}")

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Sockets opened by this thread inside the block belong to the machine's network."""
        with open("/proc/thread-self/ns/net") as here, open(f"/proc/{self.pid}/ns/net") as there:  # noqa: PTH123
            os.setns(there.fileno(), os.CLONE_NEWNET)
            try:
                yield
            finally:
                os.setns(here.fileno(), os.CLONE_NEWNET)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside the machine."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def path(self, path: str) -> Path:
        """Where the host sees a file of the machine."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")

    # Programs in the background

    def start_program(self, name: str, *command: str) -> None:
        """Start a program inside that goes on until it is stopped; its output goes to /var/log/NAME.log."""
        line = f"{shlex.join(command)} >>/var/log/{name}.log 2>&1 & echo $! >/run/{name}.pid"
        self.run("sh", "-c", line)

    def signal_program(self, name: str, signal_name: str) -> None:
        """Send a signal, such as STOP, to a program started by `start_program`."""
        self.run("sh", "-c", f"kill -{signal_name} $(cat /run/{name}.pid)")

    def stop_program(self, name: str, signal_name: str = "TERM") -> None:
        """End a program started by `start_program`, if it has not ended yet, and wait until it has."""
        process = self.path("/run") / f"{name}.pid"
        if not process.exists():
            return
        pid = process.read_text().strip()
        # Its collector is the machine's first process, which collects when it likes: a zombie has ended as well.
        state = f"ps -o stat= -p {pid} | grep -v Z"
        self.run("sh", "-c", f"kill -{signal_name} {pid} 2>/dev/null", check=False)
        wait_for(f"{name} of {self.name} to end", lambda: not self.run("sh", "-c", state, check=False), every=0.05)
        process.unlink()

    # Network

    def connect(self, interface: str, other: Machine, other_interface: str) -> None:
        """A cable between two machines; both ends are up."""
        self.run_here("ip", "link", "add", interface, "type", "veth", "peer", "name", other_interface,
                      "netns", str(other.pid))  # fmt: skip
        for machine, name in ((self, interface), (other, other_interface)):
            machine.run_here("ip", "link", "set", name, "up")

    # BIRD

    def start_bird(self, config: str, version: str = "2") -> None:
        """Start a BIRD of the root with this configuration, or give a running one the new configuration."""
        self.write("/etc/bird/bird.conf", config, 0o600)
        if self.path("/run/bird/bird.ctl").exists():
            reply = self.birdc("configure", version=version)
            if "Reconfigured" not in reply and "Reconfiguration in progress" not in reply:
                raise CommandError(f"{self.name}: {reply}")
            return
        self.run("mkdir", "-p", "/run/bird")
        self.run(*bird_program("bird", version), "-c", "/etc/bird/bird.conf", "-s", "/run/bird/bird.ctl",
                 "-P", "/run/bird/bird.pid")  # fmt: skip

    def stop_bird(self, kill: bool = False) -> None:
        """Shut BIRD down in order, or with `kill` as a crash would."""
        if not kill:
            self.birdc("down")
        else:
            self.run("sh", "-c", "kill -9 $(cat /run/bird/bird.pid); rm /run/bird/bird.ctl")
        wait_for(f"BIRD of {self.name} to end", lambda: not self.path("/run/bird/bird.ctl").exists())

    def birdc(self, *words: str, version: str = "2", check: bool = True) -> str:
        """What birdc prints for a command; its exit status is 1 where BIRD answers with an error."""
        return self.run(*bird_program("birdc", version), "-s", "/run/bird/bird.ctl", *words, check=check)

    def bird_socket(self, *commands: str) -> str:
        """The conversation on BIRD's control socket as it goes over the wire, reply codes included."""
        return bird_conversation(self.path("/run/bird/bird.ctl"), *commands)


class Router(Machine):
    """The machine with FRR."""

    DAEMONS = ("mgmtd", "zebra", "staticd", "ospfd", "ospf6d", "bfdd")

    def start_frr(self, crypto: Path | None = None, more: Sequence[str] = ()) -> None:
        """Start the daemons with an empty configuration, perhaps with what ensure_crypto_frr() has built.

        :param more: daemons beside the usual ones.
        """
        daemons = (*self.DAEMONS, *more)
        programs = {daemon: f"/usr/lib/frr/{daemon}" for daemon in daemons}
        if crypto:
            own = "/usr/local/lib/frr"
            shutil.copytree(crypto, self.path(own))
            programs |= {
                daemon: f"env LD_LIBRARY_PATH={own} {own}/{daemon}"
                for daemon in self.DAEMONS
                if (crypto / daemon).exists()
            }
        self.write("/etc/frr/vtysh.conf", "no service integrated-vtysh-config\n")
        self.run("chown", "-R", "frr:frr", "/etc/frr", "/var/lib/frr")
        self.run("install", "-d", "-o", "frr", "-g", "frr", "/run/frr", "/var/tmp/frr")
        for daemon, program in programs.items():
            # Some keep the terminal open after they have gone to the background.
            self.run("sh", "-c", f"exec {program} -d -A 127.0.0.1 >/var/log/{daemon}.log 2>&1")
        wait_for("FRR's daemons", lambda: all(self.path(f"/run/frr/{daemon}.vty").exists() for daemon in daemons))

    def vtysh(self, command: str) -> str:
        """What vtysh prints for one command."""
        return self.run("vtysh", "-c", command)

    def vtysh_json(self, command: str) -> Any:
        """The same for a command that answers in JSON."""
        return json.loads(self.vtysh(command))


def bird_conversation(path: Path, *commands: str) -> str:
    """Send commands to a BIRD control socket one after the other; returns the server's bytes as text."""
    # An AF_UNIX path holds 107 bytes only, and a path through /proc may be longer: go by a descriptor.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect(f"/proc/self/fd/{directory}/{path.name}")
            text = _bird_reply(client)
            for command in commands:
                client.sendall(f"{command}\n".encode())
                text += _bird_reply(client)
            return text
    finally:
        os.close(directory)


def _bird_reply(client: socket.socket) -> str:
    """Read up to the line whose code is followed by a blank: the last one of a reply."""
    text = ""
    while True:
        data = client.recv(65536)
        if not data:
            return text
        text += data.decode()
        if text.endswith("\n"):
            last = text.splitlines()[-1]
            if last[:4].isdigit() and last[4:5] == " ":
                return text


def bird_program(name: str, version: str) -> list[str]:
    """The command of BIRD 2 (Debian 13's), 3, or 2.0 (Debian 12's) of the root."""
    place = "" if version == "2" else f"/opt/bird{version}"
    # Debian 12's has a library with it.
    libraries = ["env", f"LD_LIBRARY_PATH={place}/usr/lib/{MULTIARCH}"] if version == "2.0" else []
    return [*libraries, f"{place}/usr/sbin/{name}"]


def _run(command: Sequence[str], input_text: str | None, check: bool, timeout: float, what: str) -> str:
    done = subprocess.run(
        command,
        input=input_text,
        stdin=subprocess.DEVNULL if input_text is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        raise CommandError(f"{what}: exit status {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
