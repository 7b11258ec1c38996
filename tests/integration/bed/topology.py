"""The article's network: a router with one bridge, nodes and clients on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from types import TracebackType
from typing import Self

from .machines import Machine, Router
from .rootfs import ensure_rootfs

ANYCAST = "172.18.0.64"
BRIDGE = "bridge-lan"
ROUTER_ADDRESS = "172.18.0.1"
# The node's interface is called as in the article.
INTERFACE = "enp0s11"


@dataclass(frozen=True)
class Lan:
    """Who has which address on the router's bridge, counted from the network's address; the routers have the first."""

    network: IPv4Network
    phones: range
    first_node: int = 11

    def address(self, number: int) -> str:
        return str(self.network[number])

    def nodes(self, count: int) -> list[str]:
        """The addresses of so many nodes."""
        numbers = range(self.first_node, self.first_node + count)
        if set(numbers) & set(self.phones) or numbers[-1] >= self.network.num_addresses - 1:
            raise ValueError(
                f"{self.network} has no room for {count} nodes: take a wider network, such as bed.topology.WIDE"
            )
        return [self.address(number) for number in numbers]


HOME = Lan(IPv4Network("172.18.0.0/26"), range(22, 26))
"""The article's; of 11 nodes at most."""
WIDE = Lan(IPv4Network("172.19.0.0/22"), range(2, 6))
"""For many nodes."""

SECOND = Lan(IPv4Network("172.18.1.0/26"), HOME.phones)
"""A second router's own link, to which each node has SECOND_INTERFACE."""
SECOND_INTERFACE = "enp0s12"

# The port of each of two routers with the other one: on the same link, or in a network without OSPF.
_TO_SECOND = "ether1.2"
_BETWEEN = IPv4Network("192.168.88.0/24")

# A network of each router where there is no OSPF, with the machines `remotes`.
REMOTE = IPv4Network("192.168.89.0/24")
SECOND_REMOTE = IPv4Network("192.168.90.0/24")
REMOTE_CLIENTS = range(22, 34)


class Bed:
    """Router 172.18.0.1, nodes 172.18.0.11 and up, and one machine with the clients' addresses 172.18.0.22-25.

    The nodes' anycast interface is called dummy0, as on real nodes, but is a bridge without ports: the host's kernel
    may have no dummy driver. `node` makes a node: Machine, or SystemdMachine. With `remote` there is one more machine
    with clients, behind the router; the nodes' default route goes to the first router. `packages` are Debian's, on all
    machines beside the usual ones.

    `second_router` adds router 172.18.0.2 on the same link, the second of `routers`. It is the gateway of every second
    client. The cables of all are in the bridge of the first, which goes on when the first one's FRR ends.

    `second_link` adds router 172.18.1.1 instead, on a link of its own: each node has 172.18.1.11 and up there.

    :ivar links: the link of each router.
    :ivar router_addresses: the address of each router on its link.
    :ivar api_addresses: where the first router reaches the API of each.
    :ivar interfaces: those of a node that run OSPF.
    """

    def __init__(
        self,
        nodes: int = 3,
        lan: Lan = HOME,
        remote: bool = False,
        node: Callable[[str, Path], Machine] = Machine,
        packages: tuple[str, ...] = (),
        second_router: bool = False,
        second_link: bool = False,
    ) -> None:
        self.lan = lan
        self.addresses = lan.nodes(nodes)
        self._stack = ExitStack()
        self._with_remote = remote
        self._node = node
        self._packages = packages
        self._with_second_router = second_router
        self._with_second_link = second_link
        self.links: list[Lan] = []
        self.router_addresses: list[str] = []
        self.api_addresses: list[str] = []
        self.interfaces = [INTERFACE, *([SECOND_INTERFACE] if second_link else [])]
        self.router: Router
        self.routers: list[Router] = []
        self.nodes: list[Machine] = []
        self.phones: Machine
        self.remotes: list[Machine] = []

    @property
    def remote(self) -> Machine:
        """The clients behind the first router."""
        return self.remotes[0]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            root = ensure_rootfs(*self._packages)
            self.router = router = self._add_router(stack, "router", root, self.lan, 1)
            if self._with_second_router:
                second = self._add_router(stack, "router2", root, self.lan, 2)
                router.connect(_TO_SECOND, second, "ether1")
                for machine, port in ((router, _TO_SECOND), (second, "ether1")):
                    machine.run("ip", "link", "set", port, "master", BRIDGE)
            if self._with_second_link:
                second = self._add_router(stack, "router2", root, SECOND, 1)
                router.connect(_TO_SECOND, second, _TO_SECOND)
                for number, machine in enumerate(self.routers, 1):
                    _add_addresses(machine, _TO_SECOND, _BETWEEN, [number])
                self.api_addresses[1] = str(_BETWEEN[2])
            for number in range(1, len(self.addresses) + 1):
                node = self._node(f"node{number}", root)
                stack.callback(node.stop)
                self.nodes.append(node)
                host = self.lan.first_node + number - 1
                self._attach(node, self.port(number - 1), [host])
                if self._with_second_link:
                    _plug(self.routers[1], self.port(number - 1), node, SECOND_INTERFACE)
                    _add_addresses(node, SECOND_INTERFACE, SECOND.network, [host])
                node.run("ip", "link", "add", "dummy0", "type", "bridge")
                node.run("ip", "link", "set", "dummy0", "up")
                node.run("ip", "address", "add", f"{ANYCAST}/32", "dev", "dummy0")
            self.phones = Machine("phones", root)
            stack.callback(self.phones.stop)
            self._attach(self.phones, "wlan1", list(self.lan.phones))
            for number in self.lan.phones[1::2] if self._with_second_router else ():
                self.phones.run("ip", "rule", "add", "from", self.lan.address(number), "lookup", "2")
                self.phones.run("ip", "route", "replace", "default", "via", self.lan.address(2), "table", "2")
            if self._with_remote:
                self._add_remote(stack, "remote", root, router, REMOTE)
            if self._with_remote and self._with_second_link:
                self._add_remote(stack, "remote2", root, self.routers[1], SECOND_REMOTE)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _add_router(self, stack: ExitStack, name: str, root: Path, link: Lan, number: int) -> Router:
        router = Router(name, root)
        stack.callback(router.stop)
        self.routers.append(router)
        self.links.append(link)
        self.router_addresses.append(link.address(number))
        self.api_addresses.append(link.address(number))
        router.run("ip", "link", "add", BRIDGE, "type", "bridge")
        router.run("ip", "link", "set", BRIDGE, "up")
        _add_addresses(router, BRIDGE, link.network, [number])
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        return router

    def _add_remote(self, stack: ExitStack, name: str, root: Path, router: Router, network: IPv4Network) -> None:
        remote = Machine(name, root)
        stack.callback(remote.stop)
        self.remotes.append(remote)
        router.connect("ether1", remote, INTERFACE)
        _add_addresses(router, "ether1", network, [1])
        _add_addresses(remote, INTERFACE, network, list(REMOTE_CLIENTS))
        remote.run("ip", "route", "add", "default", "via", str(network[1]))

    def port(self, position: int) -> str:
        """The port of each link's router with the node at this position of `nodes`."""
        return f"ether{position + 2}"

    def _attach(self, machine: Machine, port: str, numbers: list[int]) -> None:
        """Plug a machine into the router's bridge."""
        _plug(self.router, port, machine, INTERFACE)
        _add_addresses(machine, INTERFACE, self.lan.network, numbers)
        machine.run("ip", "route", "add", "default", "via", self.lan.address(1))


def _plug(router: Router, port: str, machine: Machine, interface: str) -> None:
    router.connect(port, machine, interface)
    router.run("ip", "link", "set", port, "master", BRIDGE)


def _add_addresses(machine: Machine, interface: str, network: IPv4Network, numbers: list[int]) -> None:
    for number in numbers:
        address = f"{network[number]}/{network.prefixlen}"
        machine.run("ip", "address", "add", address, "brd", "+", "dev", interface)
