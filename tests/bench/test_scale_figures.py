"""The table and the plot of what many nodes cost."""

from __future__ import annotations

from pathlib import Path

from bench.scale_figures import Cost, Daemon, panels, plot, table

MODULES = {"routeros_next_hops": 21.4, "bird_ospf_neighbors": 3.6}


def cost(nodes: int, bfd: bool = False) -> Cost:
    daemons = {"ospfd": Daemon(nodes / 100, 0.5, 20.4), "zebra": Daemon(0.02, 0.0, 14.6)}
    return Cost(nodes, bfd, 12.04, 0.9 if bfd else 11.5, 12.0, daemons, MODULES)


COSTS = [cost(8), cost(32), cost(8, bfd=True)]


def test_table() -> None:
    head, _rule, first, _second, with_bfd = table(COSTS).splitlines()
    assert "ospfd: start, s / idle, % / MiB" in head
    assert first == "| 8 | no | 12.0 | 11.5 | 12.0 | 0.08 / 0.5 / 20 | 0.02 / 0.0 / 15 | 21 | 4 |"
    assert with_bfd.startswith("| 8 | yes | 12.0 | 0.9 |")


def test_each_line_of_the_plot_has_its_own_figures() -> None:
    values = {title: list(lines.values()) for title, lines in panels(COSTS[1]).items()}
    assert values == {
        "seconds": [12.04, 11.5, 12.0],
        "processor seconds until all are there": [0.32, 0.02],
        "resident memory, MiB": [20.4, 14.6],
        "milliseconds of a module": [21.4, 3.6],
    }


def test_the_same_figures_make_the_same_plot(tmp_path: Path) -> None:
    plot(COSTS, tmp_path / "one.svg")
    plot(COSTS, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    plot(COSTS, tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
