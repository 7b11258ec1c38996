"""Which timers of OSPF survive a lossy link and a router that stands still: adjacencies lost, by pair of timers.

One router with FRR, and one node with BIRD for each pair of timers. Each node has several links to the router for each
share of lost packets, so hours of adjacencies pass in minutes.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from contextlib import ExitStack

from bed import Machine, Router, ensure_rootfs, wait_for

from . import BUILD

TIMERS = ((1, 4), (1, 5), (2, 8), (3, 4), (3, 12))
"""Hello and dead interval in seconds; the article's are 3 and 4."""
LOSSES = (0, 1, 5, 10)
"""Percent of OSPF's packets, in either direction."""
LINKS = 6
"""For each pair of timers and each share of loss."""
STALLS = (1.0, 2.0, 3.0)
"""Seconds without the router's OSPF, as a small router spends on writing its flash."""
REPEATED = 20
_LOST = re.compile(r"on (l\d+x\d+) changed state from Full to (?!Full)")


def _name(loss: int, link: int) -> str:
    return f"l{loss}x{link}"


def _links() -> list[tuple[int, int]]:
    return [(loss, link) for loss in LOSSES for link in range(LINKS)]


def _bird(number: int, hello: int, dead: int) -> str:
    return f"""
log "/run/bird/ospf.log" all;
router id 10.255.0.{number + 2};
protocol device {{ }}
protocol ospf v2 test {{
  debug {{ events }};
  ipv4 {{ import none; export none; }};
  area 0 {{ interface "l*" {{ priority 0; hello {hello}; dead {dead}; retransmit 2; wait 2; }}; }};
}}
"""


def _drops(interfaces: dict[str, int]) -> str:
    """nftables rules that lose packets of OSPF at random as they come in."""
    rules = [
        f'iifname "{name}" ip protocol ospf numgen random mod 1000 < {10 * loss} drop'
        for name, loss in interfaces.items()
        if loss
    ]
    return "table ip t { chain c { type filter hook input priority 0;\n" + "\n".join(rules) + "\n}\n}\n"


def _connect(router: Router, node: Machine, number: int) -> list[str]:
    """Connect a node by all its links; return FRR's configuration of them."""
    config = []
    for position, (loss, link) in enumerate(_links()):
        there = f"t{number}{_name(loss, link)}"
        router.connect(there, node, _name(loss, link))
        for machine, name, last in ((router, there, 1), (node, _name(loss, link), 2)):
            machine.run("ip", "address", "add", f"10.{number}.{position}.{last}/30", "dev", name)
        hello, dead = TIMERS[number]
        config += [f"interface {there}", "ip ospf area 0", f"ip ospf hello-interval {hello}"]
        config += [f"ip ospf dead-interval {dead}", "ip ospf retransmit-interval 2", "exit"]
    return config


def _lost(node: Machine) -> Counter[int]:
    """How often an adjacency was lost until now, by the link's share of loss."""
    log = node.path("/run/bird/ospf.log").read_text()
    return Counter(int(found[1].partition("x")[0][1:]) for found in _LOST.finditer(log))


def _all_full(router: Router) -> bool:
    states = re.findall(r"Full/", router.vtysh("show ip ospf neighbor"))
    return len(states) == len(TIMERS) * len(_links())


def _stall(router: Router, seconds: float) -> None:
    """Stop the router's OSPF for so long."""
    pid = router.run("cat", "/run/frr/ospfd.pid").strip()
    router.run("kill", "-STOP", pid)
    time.sleep(seconds)
    router.run("kill", "-CONT", pid)


def run(minutes: float) -> int:
    found: dict[str, dict[str, int]] = {f"{hello}, {dead}": {} for hello, dead in TIMERS}
    with ExitStack() as stack:
        root = ensure_rootfs()
        router = Router("router", root)
        stack.callback(router.stop)
        # FRR joins a group on each link by one socket.
        router.run("sysctl", "-qw", "net.ipv4.igmp_max_memberships=512")
        nodes, config = [], ["router ospf", "ospf router-id 10.255.0.1", "exit"]
        for number, (hello, dead) in enumerate(TIMERS):
            node = Machine(f"node{number}", root)
            stack.callback(node.stop)
            nodes.append(node)
            config += _connect(router, node, number)
            node.start_bird(_bird(number, hello, dead))
        router.start_frr()
        router.run("vtysh", *(word for line in ["configure", *config] for word in ("-c", line)))
        wait_for("all adjacencies", lambda: _all_full(router), timeout=300, every=1)
        for machine, prefix in [(router, f"t{number}") for number in range(len(nodes))] + [
            (node, "") for node in nodes
        ]:
            names = {f"{prefix}{_name(loss, link)}": loss for loss, link in _links()}
            machine.run("nft", "-f", "-", input_text=_drops(names).replace("table ip t ", f"table ip t{prefix} "))
        before = [_lost(node) for node in nodes]
        print(f"{len(TIMERS) * len(_links())} adjacencies are full; {minutes:g} minutes of loss begin", flush=True)
        time.sleep(60 * minutes)
        for name, node, old in zip(found, nodes, before, strict=True):
            found[name] = {f"{loss} %": _lost(node)[loss] - old[loss] for loss in LOSSES}
            print(f"({name}): {found[name]} lost in {LINKS * minutes / 60:.1f} h each", flush=True)
        for seconds in STALLS:
            before = [_lost(node) for node in nodes]
            for _time in range(REPEATED):
                # At any moment between two hellos.
                time.sleep(5 + random.uniform(0, 3))
                _stall(router, seconds)
            time.sleep(15)
            for name, node, old in zip(found, nodes, before, strict=True):
                found[name][f"{seconds:g} s"] = _lost(node)[0] - old[0]
                print(f"({name}): {found[name][f'{seconds:g} s']} of {REPEATED * LINKS} by {seconds:g} s", flush=True)
    BUILD.mkdir(exist_ok=True)
    result = {"hours": LINKS * minutes / 60, "stalls": REPEATED * LINKS, "lost": found}
    (BUILD / "timers.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0
