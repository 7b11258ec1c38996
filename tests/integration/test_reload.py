"""bird.conf on trial: real BIRD next to a real FRR, and the role's own templates."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed import ANYCAST, Bed, ensure_rootfs, requirements, wait_for
from bed.topology import BRIDGE, ROUTER_ADDRESS
from role_node import ROOT, RoleNode, bird_of_root

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

KEY = "a-good-key"
LINK = {"hello_interval": 1, "dead_interval": 5, "authentication": "md5", "key": KEY}
WRONG_DEAD = {**LINK, "dead_interval": 6}
# How long BIRD waits for a confirmation with the longer one of these dead intervals.
ROLLBACK = 27
FRR = f"""
interface {BRIDGE}
 ip ospf priority 128
 ip ospf hello-interval 1
 ip ospf dead-interval 5
 ip ospf authentication message-digest
 ip ospf message-digest-key 1 md5 {KEY}
exit
router ospf
 ospf router-id {ROUTER_ADDRESS}
 network 172.18.0.0/26 area 0.0.0.0
exit
"""


def birds() -> dict[str, list[str]]:
    """BIRD of Debian 13, and of Debian 12, the oldest one that the collection supports."""
    root = ensure_rootfs()
    return {"debian13": bird_of_root(root), "debian12": bird_of_root(root, "2.0")}


# What does not depend on the version of BIRD is tried with one.
DEBIAN_13 = pytest.mark.parametrize("node", ["debian13"], indirect=True)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.start_frr()
        bed.router.write("/run/frr.conf", FRR)
        bed.router.run("vtysh", "-f", "/run/frr.conf")
        yield bed


@pytest.fixture(scope="module", params=birds())
def node(request: pytest.FixtureRequest, bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleNode]:
    """A node with BIRD as the package starts it; the tests take it over from each other."""
    node = RoleNode(bed.nodes[0], tmp_path_factory.mktemp(request.param), birds()[request.param])
    node.announce()
    node.start()
    yield node
    node.stop()


@pytest.fixture
def full(node: RoleNode) -> RoleNode:
    """The same with a full adjacency to the router."""
    if not node.key.exists():
        node.configure(LINK)
    wait_for("the adjacency", lambda: node.states().get(ROUTER_ADDRESS) == "Full")
    return node


def dead_interval(node: RoleNode) -> str:
    """What the first interface of the running configuration has; the anycast interface comes after it."""
    match = re.search(r"Dead timer: (\d+)", node.ask("show ospf interface"))
    return match[1] if match else ""


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and those that these have."""
    children = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return children + [one for child in children for one in descendants(child)]


def files(node: RoleNode) -> dict[str, str]:
    return {name: (node.conf.parent / name).read_text() for name in names(node)}


def names(node: RoleNode) -> list[str]:
    """Return those of the files; unlike their contents, they can be had while files come and go."""
    return sorted(path.name for path in node.conf.parent.iterdir() if path.is_file())


def test_the_first_configuration_has_nothing_to_wait_for(node: RoleNode) -> None:
    result = node.configure(LINK)
    assert (result["changed"], result["before"], result["lost"]) == (True, [], [])
    assert result["waited"] < 1
    assert names(node) == ["anycast.key", "bird.conf"]
    assert {path.stat().st_mode & 0o777 for path in (node.conf, node.key)} == {0o640}
    wait_for("the adjacency", lambda: node.states().get(ROUTER_ADDRESS) == "Full")
    assert not node.configure(LINK)["changed"]
    node.key.chmod(0o600)
    assert node.configure(LINK)["changed"]
    assert node.key.stat().st_mode & 0o777 == 0o640


def test_a_good_change_is_confirmed_and_costs_no_adjacency(full: RoleNode, bed: Bed) -> None:
    since = adjacency_changes(bed)
    result = full.configure(LINK, bird_anycast_cost=7)
    assert (result["changed"], result["before"], result["lost"]) == (True, [ROUTER_ADDRESS], [])
    # Dead interval and a second: as long as a lost neighbour would have been taken for alive.
    assert 6 <= result["waited"] < 10
    assert "cost 7;" in full.conf.read_text()
    assert "Cost: 7" in full.ask("show ospf interface")
    assert "0019 Nothing to do" in full.ask("configure confirm")
    assert names(full) == ["anycast.key", "bird.conf"]
    assert adjacency_changes(bed) == since


@DEBIAN_13
def test_announcing_and_withdrawing_cost_no_adjacency(full: RoleNode, bed: Bed) -> None:
    def announced() -> bool:
        return bool(bed.router.run("ip", "route", "show", f"{ANYCAST}/32"))

    wait_for("the route", announced)
    since = adjacency_changes(bed)
    full.withdraw()
    full.ask("configure")
    wait_for("the route to go", lambda: not announced())
    full.announce()
    full.ask("configure")
    wait_for("the route to be back", announced)
    assert adjacency_changes(bed) == since


@pytest.mark.parametrize("change", [WRONG_DEAD, {**LINK, "key": "another-key"}], ids=["dead", "key"])
def test_a_change_that_loses_the_adjacency_is_rolled_back(full: RoleNode, change: dict[str, Any]) -> None:
    before = files(full)
    start = time.monotonic()
    result = full.configure(change)
    print(f"rolled back and Full again after {time.monotonic() - start:.1f} s")
    assert result["failed"]
    assert (result["lost"], result["rolled_back"]) == ([ROUTER_ADDRESS], True)
    assert f"with it the adjacency to {ROUTER_ADDRESS} was lost" in result["msg"]
    assert "Likely causes: " in result["msg"]
    assert "The adjacency is back" in result["msg"]
    assert result["waited"] < ROLLBACK
    assert files(full) == before
    assert full.states() == {ROUTER_ADDRESS: "Full"}
    assert dead_interval(full) == "5"
    assert not {"another-key", KEY} & set(result["printed"].replace('"', " ").split())


@DEBIAN_13
@pytest.mark.parametrize("victim", ["module", "controller"])
def test_killed_in_the_middle(full: RoleNode, victim: str) -> None:
    """BIRD rolls back by itself when nobody is left to do it, and the files were never touched."""
    before = files(full)
    command = full.playbook(WRONG_DEAD)
    process = subprocess.Popen(
        command, cwd=ROOT, env=full.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for("the trial", lambda: dead_interval(full) == "6", every=0.05)
    start = time.monotonic()
    # Without its controller the module goes on, with nobody to report to, as where the ssh connection is gone.
    for pid in [process.pid, *(descendants(process.pid) if victim == "module" else [])]:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    wait_for("the old configuration", lambda: dead_interval(full) == "5", timeout=ROLLBACK + 5)
    seconds = time.monotonic() - start
    print(f"{victim} killed: rolled back after {seconds:.1f} s")
    # BIRD alone waits to the end; the module gives up some seconds before.
    assert (seconds > ROLLBACK - 5) is (victim == "module")
    wait_for("the adjacency", lambda: full.states().get(ROUTER_ADDRESS) == "Full", timeout=30)
    wait_for("the module's end", lambda: victim == "module" or names(full) == ["anycast.key", "bird.conf"])
    assert {name: text for name, text in files(full).items() if name in before} == before
    # What is left over is in nobody's way.
    assert full.configure(LINK, bird_anycast_cost=3 if victim == "module" else 4)["changed"]
    assert names(full) == ["anycast.key", "bird.conf"]


@DEBIAN_13
def test_somebody_else_reloads_in_the_middle(full: RoleNode) -> None:
    """A service that comes or goes has BIRD read its files again: the trial is over, and begins again."""
    command = full.playbook(LINK, bird_anycast_cost=9)
    process = subprocess.Popen(command, cwd=ROOT, env=full.environment(), stdout=subprocess.PIPE, text=True)
    wait_for("the trial", lambda: "Cost: 9" in full.ask("show ospf interface"), every=0.05)
    assert "0003 Reconfigured" in full.ask("configure")
    assert "Cost: 9" not in full.ask("show ospf interface")
    printed, _nothing = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "Cost: 9" in full.ask("show ospf interface")
    assert "cost 9;" in full.conf.read_text()


@DEBIAN_13
def test_check_mode_says_the_truth(full: RoleNode) -> None:
    before = files(full)
    result = full.configure({**LINK, "key": "another-key"}, "--check", "--diff", bird_anycast_cost=11)
    assert result["changed"]
    conf, key = result["diff"]
    assert "cost 11;" in conf["after"] and "cost 11;" not in conf["before"]
    assert key["before"] != key["after"]
    assert "another-key" not in result["printed"]
    assert files(full) == before
    assert "Cost: 11" not in full.ask("show ospf interface")
    wrong = full.configure(LINK, "--check", bird_anycast_cost="cheap")
    assert "BIRD does not take the new configuration, nothing was changed: " in wrong["msg"]
    assert f"{full.conf}:" in wrong["msg"]


@pytest.fixture
def little_room(full: RoleNode, tmp_path: Path) -> Iterator[Path]:
    """A file that takes the last room of the disk on which the node's configuration is."""
    directory = full.conf.parent
    shutil.copytree(directory, tmp_path / "etc")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "little", directory], check=True)
    try:
        shutil.copytree(tmp_path / "etc", directory, dirs_exist_ok=True)
        yield directory / "filler"
    finally:
        subprocess.run(["umount", directory], check=True)


# Of the three files that are written, one page each, so many find room.
@DEBIAN_13
@pytest.mark.parametrize("pages", [0, 2])
def test_a_full_disk_leaves_everything_as_it_was(full: RoleNode, bed: Bed, little_room: Path, pages: int) -> None:
    before, since, cost = files(full), adjacency_changes(bed), full.ask("show ospf interface")
    with little_room.open("wb") as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(os.sysconf("SC_PAGESIZE")))
            filler.flush()
    os.truncate(little_room, little_room.stat().st_size - pages * os.sysconf("SC_PAGESIZE"))
    result = full.configure(LINK, bird_anycast_cost=13 + pages)
    assert result["failed"]
    assert "Cannot write the new configuration, the old one stays: [Errno 28] No space left on device" in result["msg"]
    little_room.unlink()
    assert files(full) == before
    assert (full.ask("show ospf interface"), adjacency_changes(bed)) == (cost, since)
    assert not full.configure(LINK, bird_anycast_cost=13 + pages).get("failed")


@DEBIAN_13
def test_a_bird_that_does_not_run_starts_with_the_new_files(node: RoleNode) -> None:
    node.stop()
    assert node.configure(LINK, bird_anycast_cost=12)["changed"]
    assert names(node) == ["anycast.key", "bird.conf"]
    node.start()
    assert "Cost: 12" in node.ask("show ospf interface")


def adjacency_changes(bed: Bed) -> int:
    """How often the router has seen the node come and go."""
    (entries,) = bed.router.vtysh_json("show ip ospf neighbor detail json")["neighbors"].values()
    return int(entries[0]["stateChangeCounter"])
