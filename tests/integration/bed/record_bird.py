"""Records what BIRD answers in the states a node can be in, for the tests of our parsers.

One file per BIRD version: by state and command the lines of the conversation on the control socket.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .machines import Machine, bird_program, wait_for
from .topology import ANYCAST, BRIDGE, INTERFACE, Bed

COMMANDS = (
    "show status",
    "show protocols",
    "show ospf neighbors myAnycast",
    "show ospf interface",
    "show bfd sessions",
)

# The interface first: FRR waits for the dead interval which holds at the moment the area takes the interface.
_FRR = f"""
interface {BRIDGE}
 ip ospf priority 128
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf network %(network)s
 %(extra)s
exit
router ospf
 ospf router-id 172.18.0.1
 network 172.18.0.0/26 area 0.0.0.0
exit
"""

_BIRD = f"""
log "/run/bird/bird.log" all;
router id %(router_id)s;
protocol device {{ }}
%(bfd_protocol)s
protocol ospf v2 myAnycast {{
  ipv4 {{ import none; export none; }};
  area 0 {{
    interface "{INTERFACE}" {{
      type %(type)s; priority 0; cost 1; hello 1; dead 4; retransmit 2; wait 2; %(extra)s
    }};
    interface "dummy0" {ANYCAST}/32 {{ stub; }};
  }};
}}
"""


@dataclass(frozen=True)
class State:
    """How to bring the node's adjacency into a state, and how to see that it got there."""

    name: str
    neighbors: str | None
    """Pattern that `show ospf neighbors` must show, None for no neighbour at all."""
    network: str = "broadcast"
    frr: str = "!"
    bird: str = ""
    bfd: bool = False
    others: bool = True
    """Whether the other nodes speak OSPF too."""
    before: Callable[[Bed], object] | None = None
    after: Callable[[Bed], object] | None = None
    then: Callable[[Bed], object] | None = None
    """What to do once the adjacency is up, so that there is no neighbour any more."""


_FULL = r"172\.18\.0\.1\s+128\s+Full/DR"


def _node_mtu(mtu: int) -> Callable[[Bed], object]:
    return lambda bed: bed.nodes[0].run("ip", "link", "set", INTERFACE, "mtu", str(mtu))


def _deafen(bed: Bed) -> None:
    # Strict reverse path filter and a route to the node elsewhere: the router drops what the node sends.
    bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{BRIDGE}.rp_filter=1")
    bed.router.run("ip", "route", "add", "172.18.0.11/32", "dev", "lo")


def _undeafen(bed: Bed) -> None:
    bed.router.run("ip", "route", "del", "172.18.0.11/32", "dev", "lo")
    bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{BRIDGE}.rp_filter=0")


_MD5 = 'authentication cryptographic; password "secret" { id 1; algorithm keyed md5; };'

STATES = (
    State("full", rf"(?s)(?=.*{_FULL})(?=.*172\.18\.0\.12\s+0\s+2-Way/Other)(?=.*172\.18\.0\.13\s+0\s+2-Way)"),
    State("full_bfd", _FULL, bfd=True, frr="ip ospf bfd", bird="bfd yes;", others=False),
    State("full_ptp", r"Full/PtP", network="point-to-point", bird="type ptp;", others=False),
    State("twoway_only", r"172\.18\.0\.12\s+0\s+2-Way", frr="ip ospf priority 0"),
    State("init", r"172\.18\.0\.1\s+128\s+Init", before=_deafen, after=_undeafen, others=False),
    State("exstart_mtu", r"172\.18\.0\.1\s+128\s+(ExStart|Exchange)", before=_node_mtu(1400), after=_node_mtu(1500),
          others=False),
    State("none_wrong_auth", None, bird=_MD5, others=False),
    State("none_link_cut", _FULL, others=False,
          then=lambda bed: bed.router.run("ip", "link", "set", "ether2", "nomaster"),
          after=lambda bed: bed.router.run("ip", "link", "set", "ether2", "master", BRIDGE)),
)  # fmt: skip


def record_bird(target: Path) -> None:
    """Record every state with each BIRD of the root."""
    target.mkdir(parents=True, exist_ok=True)
    with Bed() as bed:
        bed.router.start_frr()
        daemons = [_Bird(bed.nodes[0], version) for version in ("2.0", "2", "3")]
        for daemon in daemons:
            said = {}
            for state in STATES:
                print(f"BIRD {daemon.version}: {state.name}", flush=True)
                said[state.name] = _record_state(bed, daemon, state)
            (target / f"{daemon.version}.json").write_text(json.dumps(said, indent=1) + "\n")


_TOLD = f"""
router id %(router_id)s;
protocol device {{ }}
protocol ospf v2 anycast {{
  ipv4 {{ import none; export none; }};
  area 0 {{
    interface "{INTERFACE}" {{ hello 1; dead 4; wait 2; priority %(priority)s; }};
    %(stub)s
  }};
  %(areas)s
}}
protocol ospf v3 anycast_v3 {{
  ipv6 {{ import none; export none; }};
  area 0 {{ interface "{INTERFACE}" {{ hello 1; dead 4; wait 2; priority %(priority)s; }}; %(stub_v3)s }};
}}
"""
_AREAS = 'area 255.255.255.255 { }; area 172.18.0.65 { interface "dummy0" 172.18.0.65/32 { stub; }; };'


def record_told(target: Path) -> None:
    """Record `show ospf state` of each BIRD, with a second node as the router."""
    stub = {"stub": f'interface "dummy0" {ANYCAST}/32 {{ stub; }};', "stub_v3": "", "areas": ""}
    cases = {
        "stub": (stub, ("anycast",)),
        "areas": ({**stub, "areas": _AREAS, "stub_v3": 'interface "dummy0" { stub; };'}, ("anycast", "anycast_v3")),
    }
    said: dict[str, dict[str, dict[str, list[str]]]] = {}
    with Bed(2) as bed:
        node, router = bed.nodes
        for address in ("172.18.0.65/32", "2001:db8::64/128"):
            node.run("ip", "address", "add", address, "dev", "dummy0")
        nothing = {"stub": "", "stub_v3": "", "areas": ""}
        router.start_bird(_TOLD % {"router_id": "172.18.0.1", "priority": 1, **nothing})
        for daemon in (_Bird(node, major) for major in ("2.0", "2", "3")):
            for case, (more, protocols) in cases.items():
                daemon.start(_TOLD % {"router_id": "172.18.0.11", "priority": 0, **more})
                for protocol in protocols:
                    show = f"show ospf state {protocol}"
                    own = "xnetwork" if more["areas"] and protocol == "anycast" else "stubnet"
                    pattern = rf"(?s)router 172\.18\.0\.1\n\s*distance 10\n.*distance 0\n.*{own}"
                    wait_for(
                        f"{case} of {daemon.version}",
                        functools.partial(_shows, daemon, show, pattern),
                    )
                    answer = node.bird_socket(show).splitlines()
                    said.setdefault(daemon.version, {}).setdefault(case, {})[show] = answer[1:]
                daemon.stop()
    target.mkdir(parents=True, exist_ok=True)
    (target / "ospf_state.json").write_text(json.dumps(said, indent=1) + "\n")


def _shows(daemon: _Bird, command: str, pattern: str) -> bool:
    return re.search(pattern, daemon.birdc(command)) is not None


class _Bird:
    """BIRD of the root on a node."""

    def __init__(self, node: Machine, major: str) -> None:
        self.node = node
        self.major = major
        self.version = node.run(*bird_program("bird", major), "--version").split()[-1]

    def start(self, config: str) -> None:
        self.node.start_bird(config, self.major)

    def stop(self) -> None:
        self.node.birdc("down", version=self.major)
        wait_for("BIRD to end", lambda: not self.node.path("/run/bird/bird.ctl").exists())

    def birdc(self, command: str) -> str:
        return self.node.birdc(*command.split(), version=self.major, check=False)


def _bird_config(router_id: str, state: State) -> str:
    bfd = f'protocol bfd {{ interface "{INTERFACE}" {{ interval 100 ms; multiplier 3; }}; }}' if state.bfd else ""
    network = "ptp" if state.network == "point-to-point" else "broadcast"
    return _BIRD % {"router_id": router_id, "type": network, "extra": state.bird, "bfd_protocol": bfd}


def _record_state(bed: Bed, daemon: _Bird, state: State) -> dict[str, list[str]]:
    frr = _FRR % {"network": state.network, "extra": state.frr}
    bed.router.write("/run/frr.conf", frr)
    bed.router.run("vtysh", "-f", "/run/frr.conf")
    if state.before:
        state.before(bed)
    config = _bird_config("172.18.0.11", state)
    daemon.start(config)
    if state.others:
        for number, node in enumerate(bed.nodes[1:], start=12):
            node.start_bird(_bird_config(f"172.18.0.{number}", state))
    _wait_neighbors(daemon, state.neighbors)
    if state.then:
        state.then(bed)
        _wait_neighbors(daemon, None)
    prefix = str(bed.nodes[0].path("/")).rstrip("/")
    said = {command: bed.nodes[0].bird_socket(command).replace(prefix, "").splitlines() for command in COMMANDS}
    if state.after:
        state.after(bed)
    daemon.stop()
    if state.others:
        for node in bed.nodes[1:]:
            node.stop_bird()
    bed.router.run("vtysh", "-c", "configure terminal", "-c", "no router ospf", "-c", f"interface {BRIDGE}",
                   "-c", "no ip ospf bfd", "-c", "no ip ospf network", check=False)  # fmt: skip
    return said


def _wait_neighbors(daemon: _Bird, pattern: str | None) -> None:
    if pattern is not None:
        wait_for(f"neighbours like {pattern}", lambda: re.search(pattern, daemon.birdc("show ospf neighbors")))
        return
    # No neighbour is what a new daemon shows as well: wait until it has listened for longer than the wait timer.
    wait_for(
        "no neighbour", lambda: not re.search(r"\d+\.\d+\.\d+\.\d+\s+\d+\s+\w", daemon.birdc("show ospf neighbors"))
    )
    wait_for("the interface to have waited", lambda: "State: Waiting\n" not in daemon.birdc("show ospf interface"))
