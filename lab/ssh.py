"""SSH to the machines: options, commands, waiting, and the shared connections which Ansible keeps open."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lab import keys, processes, qemu
from lab.errors import LabError
from lab.machines import Machine, Ports
from lab.paths import runtime_dir, state_dir

CONTROL_PERSIST = "600s"
"""Longer than Ansible's 60 s: a new connection costs an emulated machine about a second of its time."""


def known_hosts_file() -> Path:
    return state_dir() / "known_hosts"


def control_path() -> str:
    return f"{runtime_dir()}/ctl-%r-%p"


def options() -> list[str]:
    """What every connection needs. Nothing of the user's own SSH settings, keys or known hosts is read or written."""
    return [
        "-F",
        "none",
        "-oIdentitiesOnly=yes",
        "-oIdentityAgent=none",
        f'-oUserKnownHostsFile="{known_hosts_file()}"',
        "-oGlobalKnownHostsFile=/dev/null",
        "-oStrictHostKeyChecking=yes",
        "-oLogLevel=ERROR",
        # A machine that is reset says nothing to those who are connected, and QEMU keeps their connection open.
        "-oServerAliveInterval=20",
        "-oServerAliveCountMax=6",
    ]


def command(machine: Machine, ports: Ports) -> list[str]:
    """`ssh` up to the remote command."""
    line = ["ssh", *options(), "-i", str(keys.user_key()), "-oBatchMode=yes", "-p", str(ports.ssh(machine))]
    return [*line, "root@127.0.0.1"]


@contextlib.contextmanager
def _file_of(data: bytes) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def run(
    machine: Machine,
    ports: Ports,
    remote: str,
    data: bytes = b"",
    timeout: float = 60,
    stop: threading.Event | None = None,
) -> str:
    """Output of a shell command on the machine, which must succeed. Given up when `stop` is set."""
    deadline = time.monotonic() + timeout
    label = remote.strip().splitlines()[0][:60]
    line = [*command(machine, ports), remote]
    with (
        _file_of(data) as stdin,  # a file, since communicate() does not go on with its input after a timeout
        subprocess.Popen(line, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        try:
            while True:
                try:
                    output, error = process.communicate(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    if stop is not None and stop.is_set():
                        raise LabError(f"`{label}` on {machine.name} was given up") from None
                    if time.monotonic() > deadline:
                        raise LabError(f"{machine.name} did not finish `{label}` within {timeout:.0f} s") from None
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        said = (error or output).decode(errors="replace").strip()[-1000:]
        raise LabError(f"`{label}` failed on {machine.name} with code {process.returncode}: {said}")
    return output.decode(errors="replace")


def has_banner(port: int, timeout: float) -> bool:
    """True when an SSH server speaks. QEMU accepts connections even for a guest which is not there yet."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        return connection.recv(4) == b"SSH-"
    return False


def wait(machine: Machine, ports: Ports, patience: float, stop: threading.Event, remote: str = "true") -> str:
    """Retry `remote` until it succeeds: after boot, a slow machine times out in the banner exchange for a while."""
    deadline = time.monotonic() + patience
    problem = "no SSH server answered"
    while time.monotonic() < deadline and not stop.is_set():
        if not qemu.running(machine):
            raise LabError(f"{machine.name} is not running any more: {qemu.last_words(machine) or 'QEMU said nothing'}")
        if has_banner(ports.ssh(machine), timeout=10):
            try:
                return run(machine, ports, remote, timeout=max(5.0, deadline - time.monotonic()), stop=stop)
            except LabError as error:
                problem = str(error)
        stop.wait(0.3)
    raise LabError(f"{machine.name} was not reachable by ssh within {patience:.0f} s ({problem})")


def close_shared(machine: Machine, ports: Ports) -> None:
    """End the connections which Ansible keeps open to a machine; after a snapshot is loaded they would hang."""
    for control in runtime_dir().glob(f"ctl-*-{ports.ssh(machine)}*"):
        line = ["ssh", "-F", "none", "-O", "exit", f"-oControlPath={control}", "127.0.0.1"]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(line, capture_output=True, timeout=2, check=False)
        title = f"ssh: {control} [mux]"  # what the background process calls itself (mux.c)

        def is_master(argv: list[str], title: str = title) -> bool:
            return argv[0].startswith(title)

        for process in list(processes.find(is_master)):
            processes.stop(process.pid, is_master)
        control.unlink(missing_ok=True)
