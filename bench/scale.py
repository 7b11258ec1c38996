"""What many nodes cost the router: time, processor, memory; and what they cost the collection's modules."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ansible.module_utils.testing import patch_module_args

from ansible_collections.homelab.anycast.plugins.modules import (
    bird_ospf_neighbors,
    routeros_next_hops,
    routeros_ospf_neighbors,
)
from bed import ANYCAST, Bed, Machine, wait_for
from bed.emulator import Emulator
from bed.topology import INTERFACE, WIDE
from role_router import API

from . import BUILD, DOCS, reading, report, role
from .scale_figures import NODES, Cost, Daemon, plot
from .sides import next_hops, wait_designated

LINK = {"hello_interval": 3, "dead_interval": 12, "key": "bench-key-no-secret"}
"""With BFD, whose defaults are 200 ms x 5, the intervals of the hellos notice nothing first."""
DAEMONS = ("ospfd", "zebra", "bfdd")
SETTLED = 10.0
"""Seconds over which the daemons' idle processor time is taken."""
RUNS = 3
_MULTIPATH = re.compile(r"--enable-multipath=(\d+)")


def multipath_limit(router: Machine) -> int:
    """How many next hops FRR takes for one prefix, as it was built."""
    match = _MULTIPATH.search(router.run("/usr/lib/frr/zebra", "--version"))
    if match is None:
        raise RuntimeError("zebra --version does not say --enable-multipath")
    return int(match[1])


def processor_seconds(pid: str) -> float:
    """Of a process of the host, in user and kernel mode."""
    # Fields 14 and 15; the name in field 2 may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: str) -> float:
    """Resident memory of a process of the host."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def pids_of(router: Machine) -> dict[str, str]:
    """The host's process ids of the router's daemons."""
    namespace = Path(f"/proc/{router.pid}/ns/pid").readlink()
    found = {}
    for entry in Path("/proc").iterdir():
        # Processes come and go while we look.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "ns/pid").readlink() == namespace:
                found[(entry / "comm").read_text().strip()] = entry.name
    return {name: found[name] for name in DAEMONS}


def seconds_until(router: Machine, count: int, begun: float, timeout: float = 180) -> float:
    """Seconds from `begun` until the router's kernel has so many next hops."""
    last = 0

    def reached() -> bool:
        nonlocal last
        last = next_hops(router)
        return last == count

    try:
        wait_for("", reached, timeout=timeout, every=0.02)
    except TimeoutError:
        raise TimeoutError(f"the router has {last} next hops after {timeout:g} s, expected {count}") from None
    return round(time.monotonic() - begun, 2)


def know_each_other(bed: Bed) -> None:
    """Have all nodes know each other's link address for ever.

    All namespaces share the host's one table of neighbours, which has room for some hundred; real nodes have one each.
    What is permanent does not count.
    """
    links = [json.loads(node.run("ip", "-json", "link", "show", INTERFACE))[0]["address"] for node in bed.nodes]
    for position, node in enumerate(bed.nodes):
        lines = [
            f"neigh replace {address} lladdr {link} dev {INTERFACE} nud permanent\n"
            for number, (address, link) in enumerate(zip(bed.addresses, links, strict=True))
            if number != position
        ]
        node.run("ip", "-batch", "-", input_text="".join(lines))


def module_ms(module: Any, **params: Any) -> float:
    """Milliseconds that a module takes from its arguments to its result, without the start of its process."""
    took = []
    for _run in range(RUNS):
        printed = io.StringIO()
        start = time.perf_counter()
        try:
            with patch_module_args(params), contextlib.redirect_stdout(printed):
                module.main()
        except SystemExit as end:
            if end.code not in (None, 0):
                raise RuntimeError(f"{module.__name__} failed: {printed.getvalue()}") from None
        took.append((time.perf_counter() - start) * 1000)
    return round(median(took), 1)


def modules(bed: Bed, bfd: bool) -> dict[str, float]:
    """Milliseconds of each module that reads neighbours or next hops, with all nodes there."""
    count = len(bed.nodes)
    with bed.router.network():
        found = {
            "routeros_next_hops": module_ms(
                routeros_next_hops, **API, prefix=ANYCAST, gateways=bed.addresses, protocol="ospf"
            ),
            "routeros_ospf_neighbors": module_ms(
                routeros_ospf_neighbors, **API, router_ids=bed.addresses, exact=True, bfd=bfd
            ),
        }
    found["bird_ospf_neighbors"] = module_ms(
        bird_ospf_neighbors,
        socket=str(bed.nodes[0].path("/run/bird/bird.ctl")),
        full_with=[bed.lan.address(1)],
        count=count,
        states=["Full", "2-Way"],
        bfd=bfd,
    )
    return found


def measure(count: int, bfd: bool) -> Cost:
    """Everything for so many nodes."""
    link = {**LINK, "bfd": bfd}
    with Bed(count, WIDE) as bed:
        bed.router.start_frr()
        daemons = pids_of(bed.router)
        with Emulator(bed.router) as emulator:
            role.configure_router(emulator, link, routeros_ospf_router_id=bed.lan.address(1))
            wait_designated(emulator)
            rendered = role.bird_files(link, bed.addresses)
            if bfd:
                know_each_other(bed)
            before = {name: processor_seconds(pid) for name, pid in daemons.items()}
            _start(bed, rendered)
            started = seconds_until(bed.router, count, time.monotonic())
            busy = {name: processor_seconds(pid) - before[name] for name, pid in daemons.items()}
            _wait_bfd(emulator, count if bfd else 0)
            print(f"  all next hops after {started} s", flush=True)
            before = {name: processor_seconds(pid) for name, pid in daemons.items()}
            time.sleep(SETTLED)
            idle = {name: processor_seconds(pid) - before[name] for name, pid in daemons.items()}
            found = {
                name: Daemon(round(busy[name], 2), round(idle[name] / SETTLED * 100, 2), round(memory_mib(pid), 1))
                for name, pid in daemons.items()
            }
            took = modules(bed, bfd)
            print(f"  modules: {took}", flush=True)
            lost_one = _cut(bed, range(1))
            lost_half = _cut(bed, range(1, count // 2 + 1))
            print(f"  one lost after {lost_one} s, half after {lost_half} s", flush=True)
    return Cost(count, bfd, started, lost_one, lost_half, found, took)


def _start(bed: Bed, rendered: Sequence[dict[str, str]]) -> None:
    announcement = next(text for path, text in role.announcer_files(None).items() if path.endswith(".area"))
    for node, files in zip(bed.nodes, rendered, strict=True):
        node.write("/etc/bird/anycast.d/sip.area", announcement)
        node.write("/etc/bird/anycast.key", files["key"], 0o600)
        node.start_bird(files["conf"])


def _wait_bfd(emulator: Emulator, count: int) -> None:
    if count:
        emulator.wait_rows("routing/bfd/session", count, {"state": "up"}, timeout=120)


def _cut(bed: Bed, positions: range) -> float:
    """Cut these nodes off at once; returns the seconds until none of them is a next hop."""
    expected = next_hops(bed.router) - len(positions)
    lines = "".join(f"link set {bed.port(position)} down\n" for position in positions)
    begun = time.monotonic()
    bed.router.run("ip", "-batch", "-", input_text=lines)
    return seconds_until(bed.router, expected, begun)


def run(nodes: Sequence[int]) -> int:
    """Measure, print, write build/scale.json and, for the usual numbers of nodes, the page and the plot in docs."""
    milliseconds = reading.measure()
    for name, took in milliseconds.items():
        print(f"reading and comparing {reading.NEIGHBORS} neighbours, {name}: {took} ms", flush=True)
    costs: list[Cost] = []
    loads, ended = [], []
    with Bed(1) as bed:
        versions, limit = report.versions(bed), multipath_limit(bed.router)
    for count in nodes:
        for bfd in (False, True):
            if bfd and count > report.BFD_NODES:
                continue
            loads.append(os.getloadavg()[0])
            print(f"[load {loads[-1]:.1f}] {count} nodes, {'with' if bfd else 'without'} BFD", flush=True)
            try:
                costs.append(measure(count, bfd))
            except TimeoutError as error:
                # A figure as well: this many are too many for this machine.
                ended.append(f"{count} nodes, {'with' if bfd else 'without'} BFD: {error}.")
                print(f"  {ended[-1]}", flush=True)
    loads.append(os.getloadavg()[0])
    if not costs:
        return 1
    BUILD.mkdir(exist_ok=True)
    rows = {
        "costs": [cost.as_row() for cost in costs],
        "reading_ms": milliseconds,
        "multipath_limit": limit,
        "ended": ended,
    }
    (BUILD / "scale.json").write_text(json.dumps(rows, indent=1) + "\n")
    text = report.scale(costs, milliseconds, report.machine(versions, loads), limit, ended)
    print(text)
    usual = tuple(nodes) == NODES
    where = DOCS if usual else BUILD
    (where / "scale.md").write_text(text)
    plot(costs, where / "scale.svg")
    plot(costs, BUILD / "scale.png")
    if not usual:
        print(f"docs/scale.md stays as it is: it is of {', '.join(map(str, NODES))} nodes")
    too_slow = [name for name, took in milliseconds.items() if took >= reading.LIMIT_MS]
    for name in too_slow:
        print(f"DOES NOT HOLD: {name} takes {milliseconds[name]} ms, expected less than {reading.LIMIT_MS:g} ms")
    return int(bool(too_slow))
