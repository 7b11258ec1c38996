"""From one form of announcing to the other, node by node: no probe of a client is lost."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed import ANYCAST, Bed, ensure_rootfs, requirements, wait_for
from bed.topology import BRIDGE, INTERFACE, REMOTE, REMOTE_CLIENTS
from bench.article import bird_conf, frr_conf
from bench.clients import INTERVAL, Clients
from bench.figures import Sent
from bench.sides import next_hops
from role_network import route_changes, start_service
from role_node import PLAYBOOK, ROOT, RoleNode, bird_of_root
from role_router import BIN, INTERPRETER

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

# Debian 12's, Debian 13's, and BIRD 3; a node each.
VERSIONS = ("2.0", "2", "3")
PROBES = 50_000
CLIENTS = 8
KEY = "artkey99"
HELLO, DEAD = 3, 4
LINK = {"hello_interval": HELLO, "dead_interval": DEAD, "authentication": "simple", "key": KEY}
SERVICES = [{"name": "sip", "addresses": [ANYCAST], "interface": "dummy0"}]
FRR = frr_conf(KEY, HELLO, DEAD)
ARTICLE = bird_conf(KEY, HELLO, DEAD, export="none")


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(len(VERSIONS), remote=True) as bed:
        for place in ("all", BRIDGE):
            bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{place}.send_redirects=0")
        bed.router.start_frr()
        bed.router.write("/run/frr.conf", FRR)
        bed.router.run("vtysh", "-f", "/run/frr.conf")
        # Preflight refuses to change a node that is the designated router, which cuts all of them off.
        wait_for("the router to be DR", lambda: "State DR," in bed.router.run("vtysh", "-c", "show ip ospf interface"))
        for node in bed.nodes:
            start_service(node)
        yield bed


@pytest.fixture
def nodes(bed: Bed, tmp_path: Path) -> Iterator[list[RoleNode]]:
    root = ensure_rootfs()
    found = []
    for machine, version, address in zip(bed.nodes, VERSIONS, bed.addresses, strict=True):
        directory = tmp_path / machine.name
        directory.mkdir()
        node = RoleNode(machine, directory, bird_of_root(root, version), address)
        node.announce()
        found.append(node)
    yield found
    for node in found:
        node.stop()
    wait_for("all to be gone", lambda: next_hops(bed.router) == 0)


def play(nodes: list[RoleNode], directory: Path, lsa: str) -> list[dict[str, Any]]:
    """Run the role's task on all nodes in one play; return the result of each in its order."""
    hosts = {
        node.machine.name: {
            "bird_anycast_router_id": node.address,
            "directory": str(node.conf.parent),
            "socket": str(node.socket),
        }
        for node in nodes
    }
    inventory = directory / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    variables = {
        "bird_anycast_link": LINK,
        "bird_anycast_interfaces": [INTERFACE],
        "bird_anycast_services": SERVICES,
        "bird_anycast_lsa": lsa,
        "__bird_anycast_directory": "{{ directory }}",
    }
    command = [
        str(BIN / "ansible-playbook"), "--inventory", str(inventory), "--connection", "local",
        "--extra-vars", json.dumps(variables), "--extra-vars", INTERPRETER, str(PLAYBOOK),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=nodes[0].environment(), capture_output=True, text=True, check=False)
    try:
        (found,) = json.loads(done.stdout)["plays"]
    except ValueError:
        raise RuntimeError(done.stdout + done.stderr) from None
    results = found["tasks"][-1]["hosts"]
    assert {name: result["msg"] for name, result in results.items() if result.get("failed")} == {}
    return list(results.values())


def windows(probes: list[Sent]) -> list[tuple[float, float, int]]:
    """When a client got no answer: the first lost probe of each row of them, the last, and how many."""
    rows = [list(row) for answered, row in itertools.groupby(probes, lambda probe: probe.answered) if not answered]
    return [(round(row[0].at, 2), round(row[-1].at, 2), len(row)) for row in rows]


def changes_with_no_loss(bed: Bed, nodes: list[RoleNode], directory: Path, lsa: str) -> None:
    wait_for("all next hops", lambda: next_hops(bed.router) == len(nodes), timeout=90)
    clients = Clients(bed.remote, [str(REMOTE[number]) for number in REMOTE_CLIENTS[:CLIENTS]], ANYCAST)
    with route_changes(bed.router) as routes:
        clients.start()
        begun = time.monotonic()
        wait_for("all to be answered", lambda: clients.all_answered(0.5))
        results = play(nodes, directory, lsa)
        took = time.monotonic() - begun
        # As many as were asked for, and long enough for the last change to show.
        least = max(PROBES / CLIENTS * INTERVAL, took + 5)
        wait_for("the probes", lambda: time.monotonic() - begun > least, timeout=600)
        probes = clients.stop()
    lost = {source: found for source, sent in zip(clients.sources, probes, strict=True) if (found := windows(sent))}
    sent = sum(map(len, probes))
    print(
        lsa,
        [(result["told"], result["waited"]) for result in results],
        f"{took:.1f} s, {sent} probes",
        *routes,
        sep="\n",
    )
    assert [result["told"] for result in results] == [[f"{ANYCAST}/32"]] * len(nodes)
    assert next_hops(bed.router) == len(nodes)
    assert (lost, sent >= PROBES) == ({}, True)


def test_from_the_router_lsa_and_back(bed: Bed, nodes: list[RoleNode], tmp_path: Path) -> None:
    for node in nodes:
        node.start()
    play(nodes, tmp_path, "router")
    assert all("*.conf" in node.conf.read_text() for node in nodes)
    for lsa in ("service", "router"):
        changes_with_no_loss(bed, nodes, tmp_path, lsa)


def test_from_the_articles_set_up(bed: Bed, nodes: list[RoleNode], tmp_path: Path) -> None:
    for node in nodes:
        node.conf.write_text(ARTICLE)
        node.start()
    changes_with_no_loss(bed, nodes, tmp_path, "service")
