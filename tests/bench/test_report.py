"""The pages in docs/, and the table and the plot of what many nodes cost."""

from __future__ import annotations

from pathlib import Path

from bench import report
from bench.figures import ARTICLE, CLIENTS, COLLECTION, EXABGP, WITHDRAW, Check, Measured
from bench.scale_figures import Cost, Daemon, panels, plot, table

MEASURED = [
    Measured(WITHDRAW, client, side, 1, 0, 0, 100, 0.0, "6/4/2") for client in CLIENTS for side in (ARTICLE, COLLECTION)
]
COST = Cost(8, False, 6.0, 12.0, 12.0, {"ospfd": Daemon(0.1, 0.2, 10.0)}, {"routeros_next_hops": 20.0})


def test_what_clients_lose() -> None:
    page = report.bench(
        MEASURED,
        [Check("nothing lost", "1 lost", False)],
        "a small machine",
        {ARTICLE: "as printed"},
        {WITHDRAW: ("it is stopped", ["article: why"])},
        {EXABGP: "no package"},
    )
    assert "Measured in 1 round on a small machine." in page
    assert "| planned withdraw | **0.00** | **0.00** |" in page
    assert "- DOES NOT HOLD: nothing lost; found 1 lost" in page
    assert "- **article**: as printed." in page and "- **ExaBGP** was not measured: no package" in page
    assert "| planned withdraw | it is stopped | article: why |" in page
    assert "## Where this collection is not among the fastest\n- There is no such event." in page
    assert "numbered probe each 20 ms" in page
    assert "$" not in page


def test_what_many_nodes_cost() -> None:
    page = report.scale([COST], {"bird": 25.4}, "a small machine", 256, ["128 nodes, with BFD: too many."])
    assert "| 8 | no | 6.0 | 12.0 | 12.0 | 0.10 / 0.2 / 10 | 20 |" in page
    assert "1,000 neighbours" in page and "bird 25 ms" in page
    assert "## Where it ends\n- 128 nodes, with BFD: too many.\n- FRR takes at most 256 next hops" in page
    # 32 nodes and a router: each pair has a session, and each end of it sends every 200 ms.
    assert "these are 528 sessions, and their ends send some 5,300 packets a second" in page
    assert "$" not in page


def test_nothing_ended() -> None:
    page = report.scale([COST], {"bird": 25.4}, "a small machine", 256, [])
    assert "## Where it ends\n- Everything in the table got there.\n- FRR takes" in page


def test_the_machine_in_general() -> None:
    text = report.machine("FRR 10, BIRD 2", [1.0, 3.0, 2.0])
    assert "processors" in text and "FRR 10, BIRD 2; load average meanwhile 2.0 (1.0..3.0)" in text


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
