"""Talking to a daemon of FRR over its socket."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from lab.routeros.vtysh import FrrError, Vtysh


def answer(server: socket.socket) -> None:
    """What a daemon says to `enable` and to one command (FRR, lib/vty.c)."""
    connection, _address = server.accept()
    with connection:
        for text in (b"", b'{"a": 1}'):
            connection.recv(1024)
            connection.sendall(text + b"\0\0\0\0")


def test_a_daemon_that_is_just_starting_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = socket.socket(socket.AF_UNIX)
    daemon = threading.Thread(target=answer, args=[server])

    def start(_seconds: float) -> None:
        # Once it was found absent.
        server.bind(str(tmp_path / "zebra.vty"))
        server.listen()
        daemon.start()

    monkeypatch.setattr("lab.routeros.vtysh.time.sleep", start)
    assert Vtysh(sockets=tmp_path).show("show ip route json") == {"a": 1}
    daemon.join()
    server.close()


def test_one_that_never_starts_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrrError, match="zebra: .*No such file"):
        Vtysh(sockets=tmp_path, timeout=0.2).show("show ip route json")


# As FRR's, which says nothing of lines for a daemon that is away.
VTYSH = """\
#!/bin/sh
cd "$(dirname "$0")"
if [ "$1" = -c ]; then cat running 2>/dev/null; exit 0; fi
rm away 2>/dev/null || sed '/^configure/d; /^end/d; s/^ospf/ &/' >running
"""


def test_a_change_is_made_again_once_the_daemon_is_back(tmp_path: Path) -> None:
    program = tmp_path / "vtysh"
    program.write_text(VTYSH)
    program.chmod(0o755)
    (tmp_path / "away").touch()
    servers = []
    for name in ("zebra", "ospfd", "ospf6d", "bfdd"):
        servers.append(socket.socket(socket.AF_UNIX))
        servers[-1].bind(str(tmp_path / f"{name}.vty"))
        servers[-1].listen()
    Vtysh(command=str(program), sockets=tmp_path).configure({("router ospf",): ["ospf router-id 172.18.0.1"]})
    assert (tmp_path / "running").read_text() == "router ospf\n ospf router-id 172.18.0.1\nexit\n"
    for server in servers:
        server.close()
