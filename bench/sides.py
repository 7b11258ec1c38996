"""The two configurations, each on a bed of its own: router, three nodes with the service, and clients in two places."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bed import ANYCAST, Bed, Machine, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE, INTERFACE, REMOTE, REMOTE_CLIENTS

from . import article, role
from .clients import PORT, Clients
from .figures import ARTICLE, COLLECTION

LINK = {
    "hello_interval": 3,
    "dead_interval": 12,
    "key": "bench-key-no-secret",
    "bfd": True,
    "bfd_interval": 100,
    "bfd_multiplier": 3,
}
"""The collection's link: the example inventory's, with BFD of 100 ms x 3."""
CHECK = {"kind": "sip"}
SERVICE = Path(__file__).parent / "service.py"
SERVICE_PATH = "/usr/local/lib/bench/service.py"


def next_hops(router: Machine, address: str = ANYCAST) -> int:
    """Over how many next hops the router's kernel sends to an anycast address."""
    routes = json.loads(router.run("ip", "-json", "route", "show", f"{address}/32"))
    return sum(len(route.get("nexthops", [route])) for route in routes)


def wait_designated(emulator: Emulator) -> None:
    """Wait until the router is the designated router of its LAN."""
    wait_for(
        "the router to be designated",
        lambda: [row["state"] for row in emulator.rows("routing", "ospf", "interface")] == ["dr"],
    )


def accept_redirects(client: Machine) -> None:
    """As a kernel has it that nobody has told otherwise; a namespace takes over what the host was told."""
    for place in ("all", INTERFACE):
        client.run("sysctl", "-qw", f"net.ipv4.conf.{place}.accept_redirects=1",
                   f"net.ipv4.conf.{place}.secure_redirects=1")  # fmt: skip


class Side:
    """A bed with one of the configurations; subclasses say what differs."""

    name: str
    redirects: bool
    """Whether its router sends ICMP redirects."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.bed: Bed
        self.emulator: Emulator

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.bed = stack.enter_context(Bed(remote=True))
            self.bed.router.start_frr()
            self.emulator = stack.enter_context(Emulator(self.bed.router))
            self.configure_router()
            # A router runs long before its nodes, so it is the designated router.
            wait_designated(self.emulator)
            self._check_redirects()
            for machine in (self.bed.phones, self.bed.remote):
                accept_redirects(machine)
            self.prepare()
            for node in self.bed.nodes:
                node.write(SERVICE_PATH, SERVICE.read_text())
            self.recover()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    # What the configurations differ in

    def configure_router(self) -> None:
        """Write the router's menus."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Put on the nodes what stays there."""

    def bird_conf(self, position: int) -> str:
        """The node's bird.conf."""
        raise NotImplementedError

    def announce(self, node: Machine) -> None:
        """Have a node whose BIRD runs announce the address, if it does not."""

    def withdraw(self, node: Machine) -> None:
        """What an operator does before maintenance of a node."""
        raise NotImplementedError

    def sessions_up(self) -> bool:
        """Whether what watches the nodes is there, beside their routes."""
        return True

    # Clients

    def clients(self) -> tuple[Clients, Clients]:
        """Those behind the router and those on the nodes' LAN."""
        return (
            Clients(self.bed.remote, [str(REMOTE[number]) for number in REMOTE_CLIENTS]),
            Clients(self.bed.phones, [self.bed.lan.address(number) for number in self.bed.lan.phones]),
        )

    # Events

    def cut(self, node: Machine) -> None:
        """The node's port of the router loses its link, as by the node's loss of power."""
        self.bed.router.run("ip", "link", "set", self.bed.port(self.bed.nodes.index(node)), "down")

    def kill_bird(self, node: Machine) -> None:
        """BIRD dies, and nobody starts it again."""
        node.stop_bird(kill=True)

    def hang_service(self, node: Machine) -> None:
        """The service stops answering; it does not end, so that its socket is still there."""
        node.signal_program("service", "STOP")

    def withdraw_and_stop(self, node: Machine) -> None:
        """Planned maintenance: the service ends 3 s after the operator has begun to withdraw the node."""
        begun = time.monotonic()
        self.withdraw(node)
        time.sleep(max(begun + 3 - time.monotonic(), 0))
        node.stop_program("service", "KILL")

    def recover(self) -> None:
        """Everything as before any event: links, services, BIRD, announcements, all next hops, no client that was
        redirected."""
        for position, node in enumerate(self.bed.nodes):
            self.bed.router.run("ip", "link", "set", self.bed.port(position), "up")
            # Also one that hangs.
            node.stop_program("service", "KILL")
            node.start_program("service", "python3", "-IS", SERVICE_PATH, node.name, ANYCAST, str(PORT))
            if not node.path("/run/bird/bird.ctl").exists():
                node.start_bird(self.bird_conf(position))
                wait_for(f"BIRD of {node.name}", node.path("/run/bird/bird.ctl").exists)
            self.announce(node)
        wait_for("all next hops", lambda: next_hops(self.bed.router) == len(self.bed.nodes), timeout=120)
        wait_for("what watches them", self.sessions_up)
        for machine in (self.bed.phones, self.bed.remote):
            machine.run("ip", "route", "flush", "cache")

    def _check_redirects(self) -> None:
        # The kernel sends them where either of the two says so.
        values = [
            self.bed.router.run("sysctl", "-n", f"net.ipv4.conf.{place}.send_redirects").strip()
            for place in ("all", BRIDGE)
        ]
        if ("1" in values) is not self.redirects:
            raise RuntimeError(
                f"{self.name}: send_redirects of all and {BRIDGE} is {values}, expected {self.redirects}"
            )


class Article(Side):
    """The article's bird.conf, and its three menu entries on a router with the factory's /ip/settings."""

    name = ARTICLE
    redirects = True

    def configure_router(self) -> None:
        api = self.emulator.connect()
        for path, row in article.ROUTER:
            api.path(*path).add(**row)
        api.close()

    def bird_conf(self, position: int) -> str:
        return article.BIRD_CONF

    def withdraw(self, node: Machine) -> None:
        # As `systemctl stop bird` does. The stubnet is announced as long as the protocol runs, so there is nothing less
        # to withdraw; `birdc disable` tells the router the same, and the next `birdc configure` undoes it silently.
        node.stop_bird()


class Collection(Side):
    """What the roles routeros_ospf and bird_anycast write, with BFD, and the announcer with a check of the service."""

    name = COLLECTION
    redirects = False

    def configure_router(self) -> None:
        role.configure_router(self.emulator, LINK)

    def prepare(self) -> None:
        self._rendered = role.bird_files(LINK, self.bed.addresses)
        for node, rendered in zip(self.bed.nodes, self._rendered, strict=True):
            node.run("mkdir", "-p", "/etc/bird/anycast.d")
            node.write("/etc/bird/anycast.key", rendered["key"], 0o600)
            for path, text in role.announcer_files(CHECK).items():
                node.write(path, text)

    def bird_conf(self, position: int) -> str:
        return self._rendered[position]["conf"]

    def announce(self, node: Machine) -> None:
        if not node.path("/run/announcer.pid").exists():
            role.start_announcer(node)

    def withdraw(self, node: Machine) -> None:
        role.stop_announcer(node)

    def sessions_up(self) -> bool:
        peers: list[dict[str, Any]] = self.bed.router.vtysh_json("show bfd peers json")
        return [peer["status"] for peer in peers] == ["up"] * len(self.bed.nodes)
