"""The table of machines, addresses and ports; every other file asks here."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from lab.errors import LabError

DEFAULT_PORT_BASE = 20220
PORTS_PER_LAB = 10
MULTICAST_GROUP = "230.0.0.1"

LAN = ipaddress.ip_network("172.18.0.0/26")
LAN_INTERFACE = "enp0s11"
"""Name of a network card in PCI slot 11 of bus 0; the article's `bird.conf` names it."""
ROUTER_ADDRESS = "172.18.0.1"
ANYCAST_ADDRESS = "172.18.0.64"
ANYCAST_RANGE = "172.18.0.64/26"

MANAGEMENT_INTERFACE = "enp0s2"
MANAGEMENT = ipaddress.ip_network("10.0.2.0/24")
"""QEMU's user network: the host is .2, its name server .3 (QEMU's documentation, `-netdev user`)."""

API_PORT = 8728
API_TLS_PORT = 8729


@dataclass(frozen=True)
class Machine:
    """One virtual machine. `number` gives its SSH port, MAC addresses and management address."""

    name: str
    number: int
    kind: str
    addresses: tuple[str, ...]
    memory: int = 512
    suite: str = "trixie"
    """Name of the Debian release that it runs."""

    @property
    def management_address(self) -> str:
        # Not the same on each machine, as QEMU's default would be: a routing daemon left to choose its own router id
        # must not find a collision which only the lab has.
        return str(MANAGEMENT[10 + self.number])

    def mac(self, network: int) -> str:
        """52:54:00 is QEMU's prefix; the last two bytes are the network and the machine."""
        return f"52:54:00:18:{network:02x}:{self.number:02x}"


MACHINES = (
    Machine("hap-lite", 1, "router", (ROUTER_ADDRESS,)),
    Machine("sip1", 2, "node", ("172.18.0.11",)),
    Machine("sip2", 3, "node", ("172.18.0.12",)),
    # The oldest release that the collection supports: Debian 12.
    Machine("sip3", 4, "node", ("172.18.0.13",), suite="bookworm"),
    Machine("phones", 5, "phones", ("172.18.0.22", "172.18.0.23", "172.18.0.24", "172.18.0.25")),
)
SPARES = (Machine("edge", 6, "router", ("172.18.0.2",)),)
"""Machines of single scenarios: only `power-on` makes them, and they are in no snapshot."""
ROUTER = MACHINES[0]
ROUTERS = (ROUTER, *SPARES)
SUITES = tuple(dict.fromkeys(machine.suite for machine in MACHINES))


def machine(name: str) -> Machine:
    """The machine called `name`."""
    known = {candidate.name: candidate for candidate in (*MACHINES, *SPARES)}
    if name not in known:
        raise LabError(f"there is no machine {name!r} in the lab; it has: {', '.join(known)}")
    return known[name]


@dataclass(frozen=True)
class Ports:
    """Every port the lab takes on 127.0.0.1, from one base, so that two checkouts can have a lab each."""

    base: int = DEFAULT_PORT_BASE

    def __post_init__(self) -> None:
        if not 1024 <= self.base <= 65535 - PORTS_PER_LAB:
            raise LabError(
                f"LAB_PORT_BASE is {self.base}; expected a number from 1024 to {65535 - PORTS_PER_LAB},"
                f" of which the next {PORTS_PER_LAB} ports are free"
            )

    def ssh(self, machine: Machine) -> int:
        return self.base + machine.number

    @property
    def lan(self) -> int:
        """UDP port of the LAN's multicast group."""
        return self.base + 7

    @property
    def api(self) -> int:
        return self.base + 8

    def api_tls(self, router: Machine = ROUTER) -> int:
        """The last is that of the spare, which has no plain API."""
        return self.base + 9 + ROUTERS.index(router)

    def forwards(self, machine: Machine) -> dict[int, int]:
        """TCP port of the host -> TCP port of the guest."""
        forwards = {self.ssh(machine): 22}
        if machine == ROUTER:
            forwards[self.api] = API_PORT
        if machine in ROUTERS:
            forwards[self.api_tls(machine)] = API_TLS_PORT
        return forwards


def ports_from(environ: Mapping[str, str] | None = None, saved: int | None = None) -> Ports:
    """The ports asked for by LAB_PORT_BASE, else those of the lab which exists, else the default ones."""
    text = (os.environ if environ is None else environ).get("LAB_PORT_BASE", "")
    if not text:
        return Ports(saved if saved is not None else DEFAULT_PORT_BASE)
    if not text.isdecimal():
        raise LabError(f"LAB_PORT_BASE is {text!r}; expected a number, for example {DEFAULT_PORT_BASE}")
    return Ports(int(text))
