"""What many nodes cost, as a table and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NODES = (8, 32, 128)
"""Those of docs/scale.md."""


@dataclass(frozen=True)
class Daemon:
    """One of the router's daemons."""

    start_s: float
    """Processor time from the nodes' start until all next hops were there, in seconds."""
    idle_percent: float
    """Of one processor, when nothing changes."""
    memory_mib: float


@dataclass(frozen=True)
class Cost:
    """Of so many nodes; times in seconds, of modules in milliseconds."""

    nodes: int
    bfd: bool
    all_s: float
    lost_one_s: float
    lost_half_s: float
    daemons: dict[str, Daemon]
    modules: dict[str, float]

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def table(costs: Sequence[Cost]) -> str:
    """A Markdown table with a line for each measurement and a column for each cost."""
    heads = ["nodes", "BFD", "all there, s", "one lost, s", "half lost, s"]
    heads += [f"{name}: start, s / idle, % / MiB" for name in costs[0].daemons]
    heads += [f"{name}, ms" for name in costs[0].modules]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for cost in costs:
        cells = [str(cost.nodes), "yes" if cost.bfd else "no"]
        cells += [f"{value:.1f}" for value in (cost.all_s, cost.lost_one_s, cost.lost_half_s)]
        cells += [f"{one.start_s:.2f} / {one.idle_percent:.1f} / {one.memory_mib:.0f}" for one in cost.daemons.values()]
        cells += [f"{value:.0f}" for value in cost.modules.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def panels(cost: Cost) -> dict[str, dict[str, float]]:
    """What the plot shows of one measurement: for each panel, by the title of its axis, the figures by name."""
    daemons = cost.daemons.items()
    return {
        "seconds": {
            "all next hops there": cost.all_s,
            "one node lost": cost.lost_one_s,
            "half of them lost": cost.lost_half_s,
        },
        "processor seconds until all are there": {name: one.start_s for name, one in daemons},
        "resident memory, MiB": {name: one.memory_mib for name, one in daemons},
        "milliseconds of a module": dict(cost.modules),
    }


def plot(costs: Sequence[Cost], path: Path) -> None:
    """Draw cost against nodes; the file's kind follows from its name."""
    import matplotlib

    matplotlib.use("Agg")
    # The same figures make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "homelab.anycast"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    sizes = sorted({cost.nodes for cost in costs})
    for axis, (title, names) in zip(axes.flat, panels(costs[0]).items(), strict=True):
        for number, name in enumerate(names):
            for bfd, style in ((False, "-o"), (True, "--s")):
                shown = [cost for cost in costs if cost.bfd is bfd]
                axis.plot(
                    [cost.nodes for cost in shown],
                    [panels(cost)[title][name] for cost in shown],
                    style,
                    color=f"C{number}",
                    label=f"{name}, BFD" if bfd else name,
                )
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("nodes")
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)
    pyplot.close(figure)
