"""The sides that are compared, each on a bed: router, three nodes with two services, and clients in two places.

A `Side` says how its router and nodes are set up, and what an operator does to withdraw a node. Everything else, such
as what is killed in an event (see events.py), is the same for all of them. Here are the article and this collection;
what people would use instead is in peers.py. Nodes run systemd, so units restart and follow each other as on servers.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from bed import ANYCAST, Bed, Machine, wait_for
from bed.emulator import Emulator
from bed.systemd import SystemdMachine
from bed.topology import BRIDGE, INTERFACE, REMOTE, REMOTE_CLIENTS

from . import ROOT, article, role
from .clients import PORT, Clients
from .figures import ARTICLE, CHECKER_KILLED, COLLECTION, KILLED_SOON, SECOND_DIES

FIRST, SECOND = "sip", "sip2"
SERVICES = (FIRST, SECOND)
"""Each is a unit of that name."""
ADDRESSES = {FIRST: ANYCAST, SECOND: "172.18.0.65"}
LOCAL = {FIRST: "127.0.0.64", SECOND: "127.0.0.65"}
"""Where a service answers its own node, also one that has not got the address (a standby of VRRP)."""
LINK = {
    "hello_interval": 1,
    "dead_interval": 4,
    "key": "bench-key-no-secret",
    "bfd": True,
    "bfd_interval": 100,
    "bfd_multiplier": 3,
}
"""Of the collection and, without the key, of all others but the article."""
PROGRAM = "/usr/local/lib/bench/service.py"
CHECK = "/usr/local/lib/bench/check"
"""What checks a service for those who bring no check of SIP: `check ADDRESS`. Each second; a shell costs little."""
CHECK_TEXT = f"""#!/bin/bash
# Whether the service at an address answers within 0.5 s.
exec 3<>"/dev/udp/$1/{PORT}" && printf 'OPTIONS sip:check SIP/2.0\\r\\n\\r\\n' >&3 && read -r -t 0.5 -N 1 -u 3
"""
QUIET = 6.0
"""Seconds without a change before an event: BIRD delays a change that comes less than 5 s after the previous change."""


def next_hops(router: Machine, address: str = ANYCAST) -> int:
    """Over how many next hops the router's kernel sends to an anycast address."""
    return len(gateways(router, address))


def gateways(router: Machine, address: str) -> list[str]:
    """Where the router's kernel sends packets for an anycast address."""
    routes = json.loads(router.run("ip", "-json", "route", "show", f"{address}/32"))
    return [hop.get("gateway", "") for route in routes for hop in route.get("nexthops", [route])]


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


def frr(router: Machine, text: str) -> None:
    """Give the router's FRR a configuration."""
    router.write("/run/frr.conf", text)
    router.run("vtysh", "-f", "/run/frr.conf")


class Unavailable(RuntimeError):
    """A side cannot be set up here; the text says why."""


class Side:
    """A bed with one of the sides; subclasses say what differs. recover() waits until it has come up."""

    name: ClassVar[str]
    what: ClassVar[str]
    """For the page: versions and settings, with {bird} and so on as in `versions`."""
    redirects: ClassVar[bool] = False
    """Whether its router sends ICMP redirects, as routers do from the factory."""
    addresses: ClassVar[dict[str, str]] = ADDRESSES
    daemon: ClassVar[str] = "bird"
    """The unit of the daemon that tells the router."""
    helpers: ClassVar[tuple[str, ...]] = ()
    """Units beside it that a boot starts before the services."""
    followers: ClassVar[tuple[str, ...]] = ()
    """Units that start with the services."""
    skips: ClassVar[dict[str, str]] = {}
    """Events, by name, that do not exist here, and why."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.bed: Bed
        self.emulator: Emulator
        self.nodes: list[SystemdMachine]
        self.recovered = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.bed = stack.enter_context(Bed(remote=True, node=SystemdMachine))
            self.nodes = cast(list[SystemdMachine], self.bed.nodes)
            for place in ("all", BRIDGE):
                self.bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{place}.send_redirects={int(self.redirects)}")
            self.start_router(stack)
            self._check_redirects()
            for machine in (self.bed.phones, self.bed.remote):
                accept_redirects(machine)
            for node, address in zip(self.nodes, self.bed.addresses, strict=True):
                self._prepare_service(node)
                self.prepare(node, address)
                node.systemctl("daemon-reload")
                node.systemctl("start", "--no-block", *self.units())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    # What the sides differ in

    def start_router(self, stack: ExitStack) -> None:
        """Start and configure the router's daemons."""
        raise NotImplementedError

    def prepare(self, node: SystemdMachine, address: str) -> None:
        """Write what a node has on its disk."""
        raise NotImplementedError

    def withdraw(self, node: SystemdMachine) -> None:
        """What an operator does before maintenance of a node: the unit that announces it is stopped."""
        node.systemctl("stop", self.daemon)

    def restore(self, node: SystemdMachine) -> None:
        """Undo what withdraw() and events have left on the disk."""

    def kill_checker(self, node: SystemdMachine) -> None:
        """What checks the first service dies; systemd does what its unit asks for."""
        raise NotImplementedError

    def sessions_up(self) -> bool:
        """Whether what watches the nodes is there, beside their routes."""
        peers: list[dict[str, Any]] = self.bed.router.vtysh_json("show bfd peers json")
        return [peer["status"] for peer in peers] == ["up"] * len(self.nodes)

    def serving(self, service: str) -> list[str]:
        """The nodes that get clients of a service, by the router."""
        names = dict(zip(self.bed.addresses, self.nodes, strict=True))
        return [names[gateway].name for gateway in gateways(self.bed.router, self.addresses[service])]

    def all_serving(self) -> list[str]:
        """Those that do when all is well."""
        return [node.name for node in self.nodes]

    # Clients

    def clients(self, service: str) -> tuple[Clients, Clients]:
        """Those behind the router and those on the nodes' LAN."""
        address = self.addresses[service]
        return (
            Clients(self.bed.remote, [str(REMOTE[number]) for number in REMOTE_CLIENTS], address),
            Clients(self.bed.phones, [self.bed.lan.address(number) for number in self.bed.lan.phones], address),
        )

    # Events happen by these

    def link(self, node: SystemdMachine, state: str) -> None:
        """The node's port of the router."""
        self.bed.router.run("ip", "link", "set", self.bed.port(self.nodes.index(node)), state)

    def units(self) -> tuple[str, ...]:
        """All that run on a node, in the order of a boot."""
        return (self.daemon, *self.helpers, *SERVICES, *self.followers)

    def boot(self, node: SystemdMachine) -> None:
        """Start what a boot starts, but the services."""
        node.systemctl("start", self.daemon, *self.helpers)

    def recover(self) -> None:
        """Everything as before any event: links, services, daemons, announcements, all next hops, no client that was
        redirected."""
        for node in self.nodes:
            self.link(node, "up")
            self.restore(node)
            # Also one that hangs.
            node.systemctl("kill", "--signal=CONT", *SERVICES)
            node.systemctl("reset-failed")
            # systemd has not noticed yet that what was killed is dead, and what it stops has to end first.
            wait_for(f"the units of {node.name}", lambda node=node: self._started(node))  # type: ignore[misc]
        wait_for(f"all nodes to serve ({self.name})", lambda: all(
            sorted(self.serving(service)) == self.all_serving() for service in SERVICES
        ), timeout=120)  # fmt: skip
        wait_for("what watches them", self.sessions_up)
        for machine in (self.bed.phones, self.bed.remote):
            machine.run("ip", "route", "flush", "cache")
        self.recovered = time.monotonic()

    def wait_quiet(self) -> None:
        """Wait until nothing has changed for a while."""
        time.sleep(max(self.recovered + QUIET - time.monotonic(), 0))

    def _started(self, node: SystemdMachine) -> bool:
        node.systemctl("start", *self.units())
        return node.systemctl("is-active", *self.units()).split() == ["active"] * len(self.units())

    def _prepare_service(self, node: SystemdMachine) -> None:
        node.write(PROGRAM, (ROOT / "bench" / "service.py").read_text())
        node.write(CHECK, CHECK_TEXT, 0o755)
        for service in SERVICES:
            addresses = f"{self.addresses[service]} {LOCAL[service]}"
            command = f"/usr/bin/python3 -IS {PROGRAM} {node.name} {PORT} {addresses}"
            node.write(f"/etc/systemd/system/{service}.service", f"[Service]\nExecStart={command}\n")
        node.run("ip", "address", "flush", "dev", "dummy0")
        if self.addresses is ADDRESSES:
            for address in ADDRESSES.values():
                node.run("ip", "address", "add", f"{address}/32", "dev", "dummy0")

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
    what = (
        "the article's `bird.conf` and its three menu entries: hello 3 s, dead 4 s, no BFD, simple authentication, and"
        " the factory's `/ip/settings`, with which the router sends ICMP redirects. Withdrawn by `systemctl stop bird`"
    )
    redirects = True
    skips: ClassVar[dict[str, str]] = {
        KILLED_SOON: "nothing follows the service",
        SECOND_DIES: "nothing follows the service",
        CHECKER_KILLED: "there is no checker",
    }

    def start_router(self, stack: ExitStack) -> None:
        self.bed.router.start_frr()
        self.emulator = stack.enter_context(Emulator(self.bed.router))
        api = self.emulator.connect()
        for path, row in article.ROUTER:
            api.path(*path).add(**row)
        api.close()
        # A router runs long before its nodes, so it is the designated router.
        wait_designated(self.emulator)

    def prepare(self, node: SystemdMachine, address: str) -> None:
        node.write("/etc/bird/bird.conf", self.bird_conf())

    def restore(self, node: SystemdMachine) -> None:
        # tests/integration/test_design.py changes it, and runs BIRD itself.
        self.prepare(node, "")

    def bird_conf(self) -> str:
        second = f"stubnet {ADDRESSES[SECOND]}/32 {{ }};\n    stubnet"
        return article.BIRD_CONF.replace("stubnet", second, 1)

    def sessions_up(self) -> bool:
        return True


class Collection(Side):
    """What the roles routeros_ospf and bird_anycast write, with BFD, and the announcer with a check of the service."""

    name = COLLECTION
    what = (
        "what `routeros_ospf` and `bird_anycast` write, with `bfd: true`, 100 ms x 3, hello 1 s, dead 4 s,"
        " HMAC-SHA-256, an LSA for each service, and `check: {{kind: sip}}` with the default times. Withdrawn by"
        " `systemctl stop anycast-announce@sip`, as a drain does"
    )
    followers = tuple(role.unit(service) for service in SERVICES)

    def start_router(self, stack: ExitStack) -> None:
        self.bed.router.start_frr()
        self.emulator = stack.enter_context(Emulator(self.bed.router))
        prefixes = list(ADDRESSES.values())
        role.configure_router(self.emulator, LINK, routeros_ospf_anycast_prefixes=prefixes)
        wait_designated(self.emulator)
        self._rendered = dict(
            zip(self.bed.addresses, role.bird_files(LINK, self.bed.addresses, bird_anycast_lsa="service"), strict=True)
        )

    def prepare(self, node: SystemdMachine, address: str) -> None:
        node.run("install", "-d", "-o", "bird", "-g", "bird", "-m", "750", "/etc/bird/anycast.d")
        node.write("/etc/bird/bird.conf", self._rendered[address]["conf"])
        node.write("/etc/bird/anycast.key", self._rendered[address]["key"], 0o600)
        node.run("chown", "bird:bird", "/etc/bird/anycast.key")
        for path, text in role.announcer_units({service: ADDRESSES[service] for service in SERVICES}).items():
            node.write(path, text)

    def withdraw(self, node: SystemdMachine) -> None:
        node.systemctl("stop", role.unit(FIRST))

    def kill_checker(self, node: SystemdMachine) -> None:
        # The program alone, as a crash ends it: systemd would also kill what withdraws the service then.
        node.systemctl("kill", "--kill-whom=main", "--signal=KILL", role.unit(FIRST))
