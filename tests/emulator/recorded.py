"""What stands in for FRR and the kernel: recordings of real ones (`python -m bed record frr`)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import librouteros
import pytest

from lab.routeros.board import full_version
from lab.routeros.frr_changes import changes, parse_running
from lab.routeros.frr_config import Config
from lab.routeros.policy import LAB_PASSWORD, User, Users
from lab.routeros.router import Router
from lab.routeros.server import Server, tls_context
from lab.routeros.store import Store
from lab.routeros.vrrp import Instance
from lab.routeros.vtysh import FrrError

RECORDED = Path(__file__).parent / "recorded"


def recording(state: str) -> dict[str, Any]:
    """What a router said in a state, by command, and the emulator's rows that led there."""
    said: dict[str, Any] = json.loads((RECORDED / f"{state}.json").read_text())
    return said


class RecordedFrr:
    """Answers with a recording; keeps the configuration it is given and the commands that led to it."""

    def __init__(self, state: str) -> None:
        self._recording = recording(state)
        self.config: Config = {}
        self.commands: list[str] = []
        self.refuse: str | None = None
        """Makes FRR fail to take a configuration that has this line."""

    def show(self, command: str) -> Any:
        # Nobody speaks OSPFv3 in the recordings.
        if command.startswith("show ipv6 ospf6 "):
            return {}
        return self._recording[command]

    def text(self, command: str) -> str:
        return "\n".join(self._recording[command])

    def configure(self, want: Config) -> None:
        if self.refuse is not None and any(self.refuse in lines for lines in want.values()):
            raise FrrError(f"missing: {self.refuse}")
        self.commands += changes(self.config, want)
        self.config = want

    def running(self) -> Config:
        """What the recorded FRR ran."""
        return parse_running("\n".join(self._recording["show running-config"]))


class RecordedKernel:
    """Interfaces and addresses of the recorded router; remembers the settings."""

    def __init__(self, state: str) -> None:
        self._recording = recording(state)
        self.more_links: list[dict[str, Any]] = []
        """As keepalived makes them."""
        self.settings: dict[str, str] = {}
        self.ipv6_settings: dict[str, str] = {}
        self.ipv6_filter: list[dict[str, str]] = []

    def links(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._recording["ip -j -s -d link show"]
        return [*found, *self.more_links]

    def addresses(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._recording["ip -j address show"]
        return found

    def set_ip_settings(self, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)

    def set_ipv6_settings(self, settings: Mapping[str, str]) -> None:
        self.ipv6_settings = dict(settings)

    def set_ipv6_filter(self, rows: Sequence[Mapping[str, str]]) -> None:
        self.ipv6_filter = [dict(row) for row in rows]

    def uptime(self) -> float:
        return 5164.0


class RecordedVrrp:
    """Keeps the virtual routers that it is given; `state` is what they are in, but for those in `backups`."""

    def __init__(self) -> None:
        self.instances: list[Instance] = []
        self.state = "MASTER"
        self.backups: set[str] = set()

    def configure(self, instances: Sequence[Instance]) -> None:
        self.instances = list(instances)

    def states(self) -> dict[str, str]:
        return {one.name: "BACKUP" if one.own_interface in self.backups else self.state for one in self.instances}


class Recording:
    """A router of recordings and a server in front of it, on a free port of the loopback."""

    def __init__(
        self, directory: Path, state: str, version: str, rows: bool, users: Users | None, ping: str = "ping"
    ) -> None:
        directory.mkdir(exist_ok=True)
        if rows:
            (directory / "state.json").write_text(json.dumps(recording(state)["rows"]))
        self.directory = directory
        self.frr = RecordedFrr(state)
        self.kernel = RecordedKernel(state)
        self.vrrp = RecordedVrrp()
        self.router = Router(
            Store(directory), self.frr, self.kernel, users or Users(), full_version(version), ping, vrrp=self.vrrp
        )
        with self.router.lock:
            self.router.apply()
        self.server = Server(self.router, "127.0.0.1", 0)
        self.server.start()

    @contextlib.contextmanager
    def tls(self, certificate: str | None = None, key: str | None = None) -> Iterator[int]:
        """The same router on a TLS port."""
        server = Server(self.router, "127.0.0.1", 0, "api-ssl", tls_context(certificate, key))
        server.start()
        try:
            yield server.port
        finally:
            server.close()

    def share_gateway(self, name: str, address: str, *words: str) -> None:
        """Have a gateway by VRRP, whose interface keepalived has made."""
        self.call("/interface/vrrp/add", f"=name={name}", "=interface=bridge-lan", *words)
        self.call("/ip/address/add", f"=address={address}", f"=interface={name}")
        link = {"ifname": name, "ifindex": 77 + len(self.kernel.more_links), "flags": ["UP", "LOWER_UP"]}
        self.kernel.more_links.append({**link, "mtu": 1500, "link_type": "ether"})

    def connect(self, user: str = "ansible", password: str = LAB_PASSWORD) -> librouteros.api.Api:
        """A librouteros connection."""
        return librouteros.connect(
            host="127.0.0.1", port=self.server.port, username=user, password=password, timeout=20
        )

    def login(self, user: str = "ansible") -> dict[str, Any]:
        """What a module or a role is given to log in."""
        return {
            "hostname": "127.0.0.1",
            "port": self.server.port,
            "username": user,
            "password": LAB_PASSWORD,
            "timeout": 30,
        }

    def count_logins(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Who logs in from now on, in a list that grows: each module does once."""
        names: list[str] = []
        login = self.router.users.login

        def counted(name: str, password: str) -> User | None:
            names.append(name)
            return login(name, password)

        monkeypatch.setattr(self.router.users, "login", counted)
        return names

    def call(self, command: str, *words: str, user: str = "ansible") -> list[dict[str, Any]]:
        """One command on a connection of its own."""
        api = self.connect(user)
        try:
            return list(api.rawCmd(command, *words))
        finally:
            api.close()

    def close(self) -> None:
        self.server.close()
