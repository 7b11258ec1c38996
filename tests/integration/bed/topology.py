"""The article's network: a router with one bridge, nodes and clients on it."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from .machines import Machine, Router
from .rootfs import ensure_rootfs

ANYCAST = "172.18.0.64"
BRIDGE = "bridge-lan"
ROUTER_ADDRESS = "172.18.0.1"
PREFIX_LENGTH = 26
# The node's interface is called as in the article.
INTERFACE = "enp0s11"


class Bed:
    """Router 172.18.0.1, nodes 172.18.0.11 and up, and one machine with the clients' addresses 172.18.0.22-25.

    The nodes' anycast interface is called dummy0, as on real nodes, but is a bridge without ports: the host's kernel
    may have no dummy driver.
    """

    def __init__(self, nodes: int = 3) -> None:
        self._node_count = nodes
        self._stack = ExitStack()
        self.router: Router
        self.nodes: list[Machine] = []
        self.phones: Machine

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            root = ensure_rootfs()
            self.router = Router("router", root)
            stack.callback(self.router.stop)
            router = self.router
            router.run("ip", "link", "add", BRIDGE, "type", "bridge")
            router.run("ip", "link", "set", BRIDGE, "up")
            router.run("ip", "address", "add", f"{ROUTER_ADDRESS}/{PREFIX_LENGTH}", "brd", "+", "dev", BRIDGE)
            router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
            for number in range(1, self._node_count + 1):
                node = Machine(f"node{number}", root)
                stack.callback(node.stop)
                self.nodes.append(node)
                self._attach(node, f"ether{number + 1}", [f"172.18.0.{10 + number}"])
                node.run("ip", "link", "add", "dummy0", "type", "bridge")
                node.run("ip", "link", "set", "dummy0", "up")
                node.run("ip", "address", "add", f"{ANYCAST}/32", "dev", "dummy0")
            self.phones = Machine("phones", root)
            stack.callback(self.phones.stop)
            self._attach(self.phones, "wlan1", [f"172.18.0.{number}" for number in range(22, 26)])
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _attach(self, machine: Machine, port: str, addresses: list[str]) -> None:
        """Plug a machine into the router's bridge."""
        self.router.connect(port, machine, INTERFACE)
        self.router.run("ip", "link", "set", port, "master", BRIDGE)
        for address in addresses:
            machine.run("ip", "address", "add", f"{address}/{PREFIX_LENGTH}", "brd", "+", "dev", INTERFACE)
        machine.run("ip", "route", "add", "default", "via", ROUTER_ADDRESS)
