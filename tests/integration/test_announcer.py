"""The announcer under the real systemd, with its own unit and real BIRD: what fails, and what the router has then."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from bed import ANYCAST, Bed, ensure_rootfs, requirements, wait_for
from bed.systemd import SystemdMachine, systemd_requirements
from bed.topology import BRIDGE, INTERFACE, ROUTER_ADDRESS

if reason := requirements() or systemd_requirements(ensure_rootfs()):
    pytest.skip(reason, allow_module_level=True)

FILES = Path(__file__).parents[2] / "roles" / "bird_anycast" / "files"
OTHER = "172.18.0.65"
INSTANCE = "anycast-announce@{}.service"
# What a test adds to the unit.
ADDED = "/run/systemd/system/anycast-announce@sip.service.d"
# Seconds: what operate.rst promises from when the service is known to be dead, for the checker and for its unit; and
# until a router has noticed that BIRD is gone.
WITHDRAWN, SETTLED, DEAD_INTERVAL, HANG = 6, 8, 4, 1.7
# Of mount(2).
READ_ONLY, REMOUNT = 1, 32
FRR = f"""
interface {BRIDGE}
 ip ospf hello-interval 1
 ip ospf dead-interval {DEAD_INTERVAL}
 ip ospf area 0
exit
router ospf
 ospf router-id {ROUTER_ADDRESS}
exit
"""
BIRD = f"""
log "/run/bird.log" all;
router id {{address}};
protocol device {{{{ }}}}
protocol ospf v2 anycast {{{{
  ipv4 {{{{ import none; export none; }}}};
  area 0 {{{{
    interface "{INTERFACE}" {{{{ hello 1; dead {DEAD_INTERVAL}; priority 0; }}}};
  }}}};
  area 255.255.255.255 {{{{ }}}};
  include "/etc/bird/anycast.d/*.area";
}}}}
"""
# Answers SIP as long as it is not stopped.
SERVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 5060))
while True:
    data, peer = server.recvfrom(65535)
    server.sendto(b"SIP/2.0 200 OK\\r\\n" + data.partition(b"\\r\\n")[2], peer)
"""
SERVICE = """
[Service]
ExecStart=/usr/bin/python3 -IS /usr/local/lib/server.py {}
"""


class Node:
    """A node with the services sip, with a check if asked for, and dns, which follows its unit."""

    def __init__(self, machine: SystemdMachine, address: str) -> None:
        self.machine = machine
        self.address = address
        machine.write("/usr/local/lib/server.py", SERVER)
        for name, anycast in (("sip", ANYCAST), ("dns", OTHER)):
            machine.write(f"/etc/systemd/system/{name}.service", SERVICE.format(anycast))
        machine.run("ip", "address", "add", f"{OTHER}/32", "dev", "dummy0")
        machine.write("/etc/bird/bird.conf", BIRD.format(address=address))
        machine.run("install", "-d", "-o", "bird", "-g", "bird", "-m", "750", announcer.ANNOUNCED)
        machine.write(announcer.PROGRAM, (FILES / "announcer.py").read_text())
        for path in (announcer.UNIT, announcer.WITHDRAW_UNIT):
            machine.write(path, (FILES / Path(path).name).read_text())

    def set_up(self, check: bool) -> None:
        """Everything as it should be: what follows must have no trace of what came before."""
        machine = self.machine
        self.remount(0)
        machine.run("sh", "-c", f"while mountpoint -q {announcer.ANNOUNCED}; do umount {announcer.ANNOUNCED}; done")
        machine.run("rm", "-rf", "/run/anycast.lock", ADDED)
        machine.systemctl("unmask", "--runtime", "bird")
        machine.systemctl("kill", "--signal=CONT", "sip", "dns", "bird")
        machine.systemctl("stop", "sip", "dns", "bird")
        wait_for(
            "all to be stopped", lambda: all(self.state(INSTANCE.format(name)) != "active" for name in ("sip", "dns"))
        )
        machine.run("sh", "-c", f"rm -f {announcer.ANNOUNCED}/*")
        listed = [
            {"name": "sip", "addresses": [ANYCAST], "unit": "sip.service", "check": {"kind": "sip"} if check else None},
            {"name": "dns", "addresses": [OTHER], "unit": "dns.service"},
        ]
        for service in normalise_services(listed):
            for path, text in announcer.service_files(service, 0).items():
                machine.write(path, text)
        machine.systemctl("reset-failed")
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "bird", "sip", "dns")

    def make_read_only(self) -> None:
        """As errors=remount-ro does."""
        self.remount(READ_ONLY)

    def remount(self, flags: int) -> None:
        """The command of Debian 13 asks for more than an overlay can change."""
        self.machine.run(
            "python3", "-c", f"import ctypes; assert not ctypes.CDLL(None).mount(0, b'/', 0, {REMOUNT | flags}, 0)"
        )

    def state(self, unit: str) -> str:
        return self.machine.systemctl("is-active", unit)

    def tells(self) -> bool | None:
        """Whether BIRD tells the router of sip; None if it does not run or does not answer."""
        try:
            text = self.machine.run("timeout", "1", "birdc", "-r", "show", "ospf", "state", "anycast", timeout=5)
        except Exception:
            return None
        here = own = False
        for words in map(str.split, text.splitlines()):
            here = words == ["area", "0.0.0.0"] if words[:1] == ["area"] else here
            own = words == ["distance", "0"] if words[:1] == ["distance"] else own
            if here and own and words[:2] == ["xnetwork", f"{ANYCAST}/32"]:
                return True
        return False

    def status(self) -> str:
        return self.machine.property(INSTANCE.format("sip"), "StatusText")

    def said(self) -> str:
        return self.machine.journal(INSTANCE.format("sip"))

    def signal_bird(self, name: str) -> None:
        """A BIRD that is gone at this moment has no process to signal."""
        processes = "/sys/fs/cgroup/system.slice/bird.service/cgroup.procs"
        self.machine.run("sh", "-c", f"kill -{name} $(cat {processes})", check=False)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(3, node=SystemdMachine) as bed:
        bed.router.start_frr()
        bed.router.write("/run/frr.conf", FRR)
        bed.router.run("vtysh", "-f", "/run/frr.conf")
        yield bed


@pytest.fixture(scope="module")
def nodes(bed: Bed) -> list[Node]:
    return [Node(machine, address) for machine, address in zip(bed.nodes, bed.addresses, strict=True)]  # type: ignore[arg-type]


def next_hops(bed: Bed, prefix: str = ANYCAST) -> set[str]:
    """Where the router's kernel sends packets for the address."""
    routes = json.loads(bed.router.run("ip", "-json", "route", "show", prefix))
    return {hop["gateway"] for route in routes for hop in route.get("nexthops", [route]) if "gateway" in hop}


def announced(bed: Bed, node: Node, check: bool) -> None:
    node.set_up(check)
    for prefix in (ANYCAST, OTHER):
        wait_for(f"{prefix} at the router", lambda p=prefix: node.address in next_hops(bed, p))  # type: ignore[misc]


def gone(bed: Bed, node: Node, since: float, within: float) -> float:
    """Wait until the router has let go of sip; return after how many seconds."""
    wait_for(
        "the router to let go", lambda: node.address not in next_hops(bed), within - (time.monotonic() - since), 0.05
    )
    return time.monotonic() - since


def stays_gone(bed: Bed, node: Node, seconds: float) -> None:
    # A BIRD that was killed takes its old LSA back once it is Full again; FRR calculates 50 ms later (design.rst).
    gone(bed, node, time.monotonic(), 1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert node.address not in next_hops(bed), node.said()
        assert not node.tells(), node.said()
        time.sleep(0.2)


def test_a_hang_is_noticed_in_time(bed: Bed, nodes: list[Node]) -> None:
    chance, times = random.Random(1), []
    for _round in range(4):
        for node in nodes:
            announced(bed, node, True)
        # BIRD holds back what follows another change within 5 s (RFC 2328's MinLSInterval).
        time.sleep(6)
        for node in nodes:
            time.sleep(chance.random())
            begin = time.monotonic()
            node.machine.systemctl("kill", "--signal=STOP", "sip")
            times.append(gone(bed, node, begin, 10))
    print(f"{len(times)} hangs, until the router let go: {' '.join(f'{seconds:.2f}' for seconds in sorted(times))}")
    # What this machine does beside comes on top.
    assert max(times) <= HANG + 1


@pytest.mark.parametrize("check", [False, True])
def test_a_root_that_became_read_only(bed: Bed, nodes: list[Node], check: bool) -> None:
    node = nodes[0]
    announced(bed, node, check)
    node.make_read_only()
    begin = time.monotonic()
    node.machine.systemctl("stop", "sip")
    gone(bed, node, begin, 2)
    # The other service of this node never was.
    assert node.address in next_hops(bed, OTHER)
    assert "cannot be removed: Read-only file system; until the next boot" in node.said()
    assert "is a directory in memory" in node.status()
    assert node.state(INSTANCE.format("sip")) == "failed"
    stays_gone(bed, node, 2)
    # It can be announced again, and the next BIRD does not find what is hidden.
    node.machine.systemctl("restart", "bird")
    wait_for("the other service", lambda: node.address in next_hops(bed, OTHER))
    assert node.address not in next_hops(bed)
    node.machine.systemctl("start", "sip")
    wait_for("it at the router again", lambda: node.address in next_hops(bed))


def test_a_checker_on_a_root_that_became_read_only(bed: Bed, nodes: list[Node]) -> None:
    node = nodes[1]
    announced(bed, node, True)
    node.make_read_only()
    node.machine.systemctl("kill", "--signal=STOP", "sip")
    begin = time.monotonic()
    gone(bed, node, begin, 6)
    # It says so after the router has noticed.
    wait_for("its message", lambda: "OSPF is stopped on this node to withdraw sip" in node.said())
    # With the link hidden by root, the other service is back.
    wait_for("the other service", lambda: node.address in next_hops(bed, OTHER))
    stays_gone(bed, node, 3)


def test_where_the_link_cannot_be_hidden_bird_is_kept_away(bed: Bed, nodes: list[Node]) -> None:
    node = nodes[2]
    announced(bed, node, False)
    node.machine.run("mkdir", "/run/anycast.lock")
    node.make_read_only()
    begin = time.monotonic()
    node.machine.systemctl("stop", "sip")
    gone(bed, node, begin, SETTLED + DEAD_INTERVAL)
    assert "bird is stopped and masked on this node to withdraw sip, and with it all its services" in node.said()
    node.machine.systemctl("start", "bird")
    assert node.state("bird") != "active"
    stays_gone(bed, node, 3)


@pytest.mark.parametrize("check", [False, True])
def test_a_bird_that_is_stopped(bed: Bed, nodes: list[Node], check: bool) -> None:
    """The checker kills it from its sandbox, without D-Bus; its unit as root."""
    node = nodes[0]
    announced(bed, node, check)
    before = node.machine.property("bird", "MainPID")
    node.signal_bird("STOP")
    begin = time.monotonic()
    if check:
        node.machine.systemctl("kill", "--signal=STOP", "sip")
    else:
        node.machine.systemctl("stop", "sip")
        assert time.monotonic() - begin < SETTLED + 1
        assert "bird is killed on this node to withdraw sip" in node.status()
    wait_for("it to be killed", lambda: node.machine.property("bird", "MainPID") != before, WITHDRAWN + 4, 0.05)
    assert "bird is killed on this node to withdraw sip" in wait_for("it to say so", node.said)
    wait_for("the other service", lambda: node.address in next_hops(bed, OTHER))
    stays_gone(bed, node, 3)


@pytest.mark.parametrize("seed", range(6))
def test_bird_is_stopped_or_killed_at_a_random_moment(bed: Bed, nodes: list[Node], seed: int) -> None:
    """On all nodes at once, while their service dies: it hangs, or is stopped."""
    chance = random.Random(seed)
    check = seed % 2 == 0
    for node in nodes:
        announced(bed, node, check)
    actions = []
    for node in nodes:
        died = 3 + chance.random()
        actions.append((died, node, "dies"))
        begin = died + chance.uniform(-2, 3)
        step = chance.choice(["STOP", "KILL"])
        actions.append((begin, node, step))
        if step == "STOP":
            actions.append((begin + chance.uniform(0.1, 12), node, "CONT"))
    start = time.monotonic()
    for when, node, step in sorted(actions, key=lambda action: action[0]):
        time.sleep(max(start + when - time.monotonic(), 0))
        if step != "dies":
            node.signal_bird(step)
        elif check:
            node.machine.systemctl("kill", "--signal=STOP", "sip")
        else:
            node.machine.systemctl("stop", "--no-block", "sip")
    times = [gone(bed, node, start + 4, HANG + SETTLED + DEAD_INTERVAL + 2) for node in nodes]
    print(
        f"seconds until the router had no route to the dead service: {' '.join(f'{seconds:.2f}' for seconds in times)}"
    )
    for node in nodes:
        stays_gone(bed, node, 1)


def test_a_socket_that_may_not_be_used(bed: Bed, nodes: list[Node]) -> None:
    node = nodes[1]
    announced(bed, node, True)
    node.machine.run("sh", "-c", "chown root:root /run/bird/bird.ctl && chmod 600 /run/bird/bird.ctl")
    node.machine.systemctl("kill", "--signal=STOP", "sip")
    begin = time.monotonic()
    gone(bed, node, begin, 6 + WITHDRAWN)
    wait_for("its message", lambda: "Permission denied" in node.said())
    stays_gone(bed, node, 3)


def test_a_bird_that_refuses_its_configuration_and_is_repaired(bed: Bed, nodes: list[Node]) -> None:
    node = nodes[2]
    announced(bed, node, False)
    node.machine.run("sh", "-c", "cp /etc/bird/bird.conf /run/good; echo nonsense >>/etc/bird/bird.conf")
    begin = time.monotonic()
    node.machine.systemctl("stop", "sip")
    gone(bed, node, begin, 2)
    assert "OSPF is stopped on this node to withdraw sip, and with it all its services." in node.status()
    assert node.address not in next_hops(bed, OTHER)
    node.machine.run("cp", "/run/good", "/etc/bird/bird.conf")
    node.machine.systemctl("start", "sip")
    for prefix in (ANYCAST, OTHER):
        wait_for(f"{prefix} at the router", lambda p=prefix: node.address in next_hops(bed, p))  # type: ignore[misc]
    assert node.state(INSTANCE.format("sip")) == "active"
