"""The pages in docs/ that the measurements become; what stays the same in them is in pages/."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import cast

from ansible_collections.homelab.anycast.plugins.module_utils.model import link
from bed import Bed

from . import figures, peers, scale_figures
from .clients import INTERVAL, TIMEOUT
from .figures import LONGEST, Check, Measured, Spread
from .reading import LIMIT_MS, NEIGHBORS
from .sides import Side

PAGES = Path(__file__).parent / "pages"
BFD_NODES = 32
"""Most nodes with BFD: BIRD keeps a session with every neighbour, and here all ends of them share one machine."""


def versions(bed: Bed) -> str:
    """FRR's and BIRD's, as they call themselves."""
    frr = bed.router.run("/usr/lib/frr/zebra", "--version").splitlines()[0].replace("zebra version", "FRR")
    return f"{frr}, {bed.nodes[0].run('/usr/sbin/bird', '--version').strip().replace('version ', '')}"


def machine(versions: str, loads: Sequence[float]) -> str:
    """On what it was measured, in a few words."""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    # Of the kernel's release what comes after a dash is its builder's.
    kernel = platform.release().partition("-")[0]
    return (
        f"{os.cpu_count()} processors ({platform.machine()}) and {memory:.0f} GiB of memory, Linux {kernel},\n"
        f"{versions}; load average meanwhile {Spread.of(loads).text(1)}, as other work was going on"
    )


def peer_versions(sides: Sequence[Side]) -> dict[str, str]:
    """Of what the pages name: FRR, BIRD, keepalived, ExaBGP and anycast_healthchecker."""
    bed = sides[0].bed
    frr, _comma, bird = versions(bed).partition(", ")
    node = bed.nodes[0]
    keepalived = node.run("sh", "-c", "keepalived --version 2>&1").split()[1].strip("v")
    exabgp = node.run("dpkg-query", "-W", "-f", "${Version}", "exabgp").partition("-")[0]
    healthchecker = peers.REQUIREMENTS.read_text().split("==")[1].split()[0]
    return {"frr": f"{frr}, {bird}", "bird": bird, "keepalived": keepalived, "exabgp": exabgp,
            "healthchecker": healthchecker}  # fmt: skip


def bench(
    measured: Sequence[Measured],
    checks: Sequence[Check],
    machine: str,
    whats: Mapping[str, str],
    events: Mapping[str, tuple[str, Sequence[str]]],
    missing: Mapping[str, str],
) -> str:
    """docs/bench.md.

    :param whats: of each side what it is.
    :param events: of each event what happens, and where it does not exist.
    :param missing: why a side was not measured.
    """
    slower = figures.behind_others(measured)
    not_here = [f"- **{name}** was not measured: {why}" for name, why in missing.items()]
    return _page(
        "bench",
        rounds=figures.rounds(measured),
        machine=machine,
        table=figures.table(measured),
        others=figures.others_table(measured),
        shares=figures.shares(measured),
        slower="\n".join(f"- {line}" for line in slower or ["There is no such event."]),
        checks="\n".join(f"- {check.text()}" for check in checks),
        sides="\n".join([*(f"- **{name}**: {what}." for name, what in whats.items()), *not_here]),
        events="\n".join(
            f"| {name} | {what} | {'; '.join(skipped) or '-'} |" for name, (what, skipped) in events.items()
        ),
        interval=f"{INTERVAL * 1000:g}",
        timeout=f"{TIMEOUT:g}",
        longest=f"{LONGEST:g}",
    )


def scale(
    costs: Sequence[scale_figures.Cost],
    milliseconds: Mapping[str, float],
    machine: str,
    multipath: int,
    ended: Sequence[str],
) -> str:
    """docs/scale.md.

    :param milliseconds: of reading and comparing reading.NEIGHBORS neighbours, by where they come from.
    :param multipath: how many next hops FRR takes for one prefix.
    :param ended: what was tried and did not get there, one sentence each.
    """
    return _page(
        "scale",
        machine=machine,
        table=scale_figures.table(costs),
        neighbors=f"{NEIGHBORS:,}",
        reading=", ".join(f"{name} {took:.0f} ms" for name, took in milliseconds.items()),
        limit=f"{LIMIT_MS:g}",
        multipath=multipath,
        ended="".join(f"- {sentence}\n" for sentence in ended or ["Everything in the table got there."]),
        bfd_nodes=BFD_NODES,
        bfd_sessions=f"{_sessions(BFD_NODES):,}",
        bfd_packets=_packets(BFD_NODES),
        too_many_sessions=f"{_sessions(128):,}",
        too_many_packets=_packets(128),
    )


def _sessions(nodes: int) -> int:
    """Of BFD, between all of them and the router."""
    return nodes * (nodes + 1) // 2


def _packets(nodes: int) -> str:
    """Of BFD each second, by the collection's default interval; rounded to hundreds."""
    interval = cast(int, link.DEFAULTS["bfd_interval"]) / 1000
    return f"{round(2 * _sessions(nodes) / interval, -2):,.0f}"


def _page(name: str, **values: object) -> str:
    return Template((PAGES / f"{name}.md").read_text()).substitute(values)
