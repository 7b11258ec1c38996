"""Records what FRR and the kernel answer in several states, with the rows that led there, for the emulator's tests.

One file per state: an answer under each command, and under `rows` the emulator's state file.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .configs import node_config
from .emulator import Emulator
from .machines import wait_for
from .topology import ANYCAST, BRIDGE, INTERFACE, Bed

COMMANDS = (
    "show ip ospf neighbor detail json",
    "show ip ospf interface json",
    "show ip ospf database detail json",
    "show ip route json",
    "show ipv6 route json",
    "show bfd peers json",
    "show bfd peers counters json",
    "show running-config",
)
KERNEL_COMMANDS = ("ip -j -s -d link show", "ip -j address show")
_FILTER = "if (dst in 172.18.0.0/24 && dst-len == 32) { accept } else { reject }"


@dataclass(frozen=True)
class State:
    """One state: what the template says, what the nodes speak, and how to see that it is there."""

    name: str
    neighbors: str
    count: int = 3
    template: dict[str, str] = field(default_factory=dict)
    node: dict[str, Any] = field(default_factory=dict)
    nodes: int = 3
    bfd: bool = True
    chain: bool = False
    sessions: str = ""
    """State that the BFD sessions must have."""
    routes: int = 0
    before: Callable[[Bed], object] = lambda bed: None


def _other_mtu(bed: Bed) -> None:
    bed.nodes[0].run("ip", "link", "set", INTERFACE, "mtu", "1400")


STATES = (
    State("full", "Full", template={"auth": "sha256", "auth-id": "1", "auth-key": "key-of-the-lab", "use-bfd": "yes"},
          node={"auth": "sha256", "key": "key-of-the-lab", "bfd": True, "networks": ("10.5.5.0/24",)}, chain=True,
          sessions="up", routes=3),
    State("bfd_down", "Full", template={"use-bfd": "yes"}, sessions="down", routes=3),
    State("bfd_forbidden", "Full", template={"use-bfd": "yes"}, bfd=False, routes=3),
    State("point_to_point", "Full", 1, template={"type": "ptp"}, node={"network": "ptp"}, nodes=1, routes=1),
    State("two_way", "TwoWay", template={"priority": "0"}),
    State("exstart", "ExStart", 1, nodes=1, before=_other_mtu),
    State("nobody", "", 0, nodes=0),
    State("passive", "", 0, template={"passive": ""}),
)  # fmt: skip


def record_frr(target: Path) -> None:
    """Record every state, each on a bed of its own."""
    target.mkdir(parents=True, exist_ok=True)
    for state in STATES:
        print(f"FRR: {state.name}", flush=True)
        with Bed() as bed, tempfile.TemporaryDirectory(prefix="hla-") as directory:
            bed.router.start_frr()
            with Emulator(bed.router, state=Path(directory)) as emulator:
                _configure(emulator, state)
                state.before(bed)
                for number, node in enumerate(bed.nodes[: state.nodes], start=11):
                    node.start_bird(node_config(f"172.18.0.{number}", **state.node))
                _reach(bed, emulator, state)
                _save(bed, Path(directory), target / f"{state.name}.json")


def _configure(emulator: Emulator, state: State) -> None:
    api = emulator.connect()
    chain = {}
    if state.chain:
        api.path("routing", "filter", "rule").add(chain="ospf-in", rule=_FILTER)
        chain = {"in-filter-chain": "ospf-in"}
    api.path("routing", "ospf", "instance").add(name="home", **{"router-id": "172.18.0.1"}, **chain)
    api.path("routing", "ospf", "area").add(name="backbone", instance="home")
    if state.bfd:
        api.path("routing", "bfd", "configuration").add(interfaces=BRIDGE)
    template = {"hello-interval": "1s", "dead-interval": "4s", "retransmit-interval": "2s", **state.template}
    api.path("routing", "ospf", "interface-template").add(area="backbone", interfaces=BRIDGE, **template)
    api.path("ip", "route").add(**{"dst-address": "10.9.9.0/24", "gateway": "172.18.0.22"})
    api.close()


def _reach(bed: Bed, emulator: Emulator, state: State) -> None:
    if state.neighbors:
        emulator.wait_rows("routing/ospf/neighbor", state.count, {"state": state.neighbors})
    else:
        # The interface must have left its waiting state.
        wait_for("the interface", lambda: any(row["state"] in {"dr", "passive"} for row in _interfaces(emulator)))
    if state.routes:
        emulator.wait_rows("ip/route", state.routes, {"dst-address": f"{ANYCAST}/32"})
    if state.sessions:
        emulator.wait_rows("routing/bfd/session", state.count, {"state": state.sessions})


def _interfaces(emulator: Emulator) -> Iterable[dict[str, Any]]:
    return emulator.rows("routing", "ospf", "interface")


def _save(bed: Bed, state: Path, target: Path) -> None:
    answers: dict[str, Any] = {"rows": json.loads((state / "state.json").read_text())}
    for command in COMMANDS:
        text = bed.router.vtysh(command)
        answers[command] = json.loads(text) if command.endswith("json") else text.splitlines()
    for command in KERNEL_COMMANDS:
        answers[command] = [entry for entry in json.loads(bed.router.run(*command.split())) if entry]
    target.write_text(json.dumps(answers, indent=1) + "\n")
