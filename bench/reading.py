"""What the collection's own code takes to read and compare many neighbours: no socket, no process."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from ansible_collections.homelab.anycast.plugins.module_utils.bird import control
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.bfd import with_bfd
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import Expectation, Neighbor, Watch
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import neighbors as routeros_neighbors

NEIGHBORS = 1000
LIMIT_MS = 100.0
RUNS = 9


def addresses(count: int) -> list[str]:
    """So many different addresses."""
    return [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(1, count + 1)]


def bird_answers(count: int) -> tuple[bytes, bytes]:
    """What BIRD sends for `show ospf neighbors` and `show bfd sessions`."""
    ospf = ["1013-anycast:", " Router ID   \tPri\t     State     \tDTime\tInterface  Router IP"]
    bfd = ["1020-bfd1:", " IP address                Interface  State      Since         Interval  Timeout"]
    for one in addresses(count):
        ospf.append(f" {one:12}\t128\tFull/DR   \t 3.878\tenp0s11    {one}")
        bfd.append(f" {one:25} enp0s11    Up         15:45:52.926    0.200    1.000")
    return tuple("".join(f"{line}\n" for line in [*lines, "0000 "]).encode() for lines in (ospf, bfd))  # type: ignore[return-value]


def routeros_rows(count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of /routing/ospf/neighbor and of /routing/bfd/session, as librouteros hands them over."""
    ospf, bfd = [], []
    for number, one in enumerate(addresses(count), start=1):
        ospf.append({
            ".id": f"*{number:X}", "instance": "home", "area": "backbone", "address": one, "priority": 1,
            "router-id": one, "dr": "10.255.255.254", "bdr": "0.0.0.0", "state": "Full", "state-changes": 5,
            "adjacency": "1h26m4s", "timeout": "36s", "dynamic": True,
        })  # fmt: skip
        bfd.append({"remote-address": f"{one}%bridge-lan", "state": "up"})
    return ospf, bfd


def read_bird(ospf: bytes, bfd: bytes) -> list[Neighbor]:
    """As bird.OspfReader does with what it has received."""
    found = control.parse_neighbors(control.split_reply(ospf)[0])
    return with_bfd(found, control.parse_bfd_sessions(control.split_reply(bfd)[0]))


def read_routeros(ospf: list[dict[str, Any]], bfd: list[dict[str, Any]]) -> list[Neighbor]:
    """As OspfReader does with what it has received, from a RouterOS that does not name interfaces."""
    finder = routeros_neighbors.InterfaceFinder(
        [{"address": "10.255.255.254%bridge-lan", "area": "backbone", "state": "dr"}],
        [{"address": "10.255.255.254/8", "network": "10.0.0.0", "interface": "bridge-lan"}],
    )
    found = routeros_neighbors.parse_neighbors(ospf, finder)
    return with_bfd(found, routeros_neighbors.parse_bfd_sessions(bfd))


def compare(found: list[Neighbor], router_ids: list[str]) -> bool:
    """Whether these and no others are there, Full and with BFD, as the modules find out at each look."""
    expectation = Expectation(router_ids=router_ids, exact=True, bfd=True)
    return Watch(expectation).look(found, 0.0).good


def milliseconds(work: Callable[[], bool]) -> float:
    """Median of some runs of something that has to be true."""
    took = []
    for _run in range(RUNS):
        start = time.perf_counter()
        if not work():
            raise RuntimeError("the neighbours that were made up are not those that were read")
        took.append((time.perf_counter() - start) * 1000)
    return round(median(took), 1)


def measure(count: int = NEIGHBORS) -> dict[str, float]:
    """Milliseconds to read and compare so many neighbours, by where they come from."""
    expected = addresses(count)
    wire, rows = bird_answers(count), routeros_rows(count)
    return {
        "bird": milliseconds(lambda: compare(read_bird(*wire), expected)),
        "routeros": milliseconds(lambda: compare(read_routeros(*rows), expected)),
    }
