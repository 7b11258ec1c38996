"""The playbook rotate_key on two nodes with BIRD and a router with FRR, whose routes are watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed import ANYCAST, Bed, requirements, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE, INTERFACE, ROUTER_ADDRESS
from role_node import PACKAGE_CONFIG, ROOT
from role_router import API, BIN

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

OLD, NEW, WRONG = "the-old-secret", "the-new-secret", "a-wrong-secret"
LINK = {"hello_interval": 1, "dead_interval": 5, "key": OLD, "key_id": 1}
NEW_LINK = {**LINK, "key": NEW, "key_id": 2}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(2) as bed:
        bed.router.start_frr()
        for node in bed.nodes:
            node.write("/etc/bird/anycast.d/sip.conf", f'interface "dummy0" {ANYCAST} {{ stub; }};\n')
            node.start_bird(PACKAGE_CONFIG)
        yield bed


@pytest.fixture(scope="module")
def router(bed: Bed) -> Iterator[Emulator]:
    with Emulator(bed.router) as emulator:
        yield emulator


class Network:
    """Runs playbooks on the bed."""

    def __init__(self, bed: Bed, router: Emulator, directory: Path) -> None:
        self.bed, self.router, self.directory = bed, router, directory

    def inventory(self, link: dict[str, Any]) -> Path:
        nodes = {
            f"sip{number}": {
                "ansible_connection": "bed",
                "ansible_host": str(machine.pid),
                "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_become": False,
                "ansible_remote_tmp": "/tmp/ansible",
                "ansible_async_dir": "/tmp/ansible_async",
                "bird_anycast_link": link,
                "bird_anycast_router_id": address,
                "bird_anycast_interfaces": [INTERFACE],
                "bird_anycast_services": [],
            }
            for number, (machine, address) in enumerate(zip(self.bed.nodes, self.bed.addresses, strict=True), 1)
        }
        router = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "routeros_ospf_api": API,
            "routeros_ospf_link": link,
            "routeros_ospf_router_id": ROUTER_ADDRESS,
            "routeros_ospf_interfaces": [BRIDGE],
            "routeros_ospf_anycast_prefixes": [ANYCAST],
        }
        groups = {"anycast_routers": {"hosts": {"router": router}}, "anycast_nodes": {"hosts": nodes}}
        file = self.directory / "inventory.json"
        file.write_text(json.dumps({"all": {"children": groups}}))
        return file

    def play(self, playbook: str, link: dict[str, Any], *options: str, key: str = NEW) -> str:
        command = [str(BIN / "ansible-playbook"), "--inventory", str(self.inventory(link)), *options, playbook]
        done = subprocess.run(
            self.bed.router.on_its_network(*command),
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection"),
                "ANSIBLE_NOCOLOR": "1",
                "ANYCAST_NEW_KEY": key,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def site(self, link: dict[str, Any], *options: str) -> str:
        return self.play(str(HERE / "rotation_site.yml"), link, *options)

    def rotate(self, *options: str, key: str = NEW, link: dict[str, Any] = LINK) -> str:
        more = ["--extra-vars", "anycast_new_key_id=2"]
        return self.play("homelab.anycast.rotate_key", link, "--diff", "-vvv", *more, *options, key=key)

    def hops(self) -> int:
        """How many next hops the router has for the anycast address."""
        routes = json.loads(self.bed.router.run("ip", "-j", "route", "show", ANYCAST))
        return sum(len(route.get("nexthops", [1])) for route in routes)

    def auth_id(self) -> int:
        (template,) = self.router.rows("routing", "ospf", "interface-template")
        return int(template["auth-id"])

    def key_files(self) -> list[str]:
        return [node.path("/etc/bird/anycast.key").read_text() for node in self.bed.nodes]


@pytest.fixture
def network(bed: Bed, router: Emulator, tmp_path: Path) -> Network:
    """With the old key at both ends, and the address routed to both nodes."""
    network = Network(bed, router, tmp_path)
    said = network.site(LINK)
    if said.count("failed=0") < 3:
        # From another key to this one: the adjacency is lost, and the nodes do not follow with it.
        said = network.site(LINK)
    assert said.count("failed=0") == 3, said
    wait_for("both next hops", lambda: network.hops() == 2)
    return network


@pytest.fixture
def route_changes(bed: Bed, network: Network) -> Iterator[list[str]]:
    """What the router's kernel said, at the end of the test, about routes to the anycast address."""
    with subprocess.Popen(
        bed.router.on_its_network("ip", "monitor", "route"), stdout=subprocess.PIPE, text=True
    ) as monitor:
        changes: list[str] = []
        yield changes
        monitor.terminate()
        assert monitor.stdout is not None
        changes.extend(line for line in monitor.stdout if ANYCAST in line)
    assert network.hops() == 2
    assert changes == []


def no_secret(said: str) -> bool:
    return not any(secret in said for secret in (OLD, NEW, WRONG))


@pytest.mark.usefixtures("route_changes")
def test_the_key_changes_and_no_route_is_lost(network: Network) -> None:
    said = network.rotate()
    assert said.count("failed=0") == 4, said
    assert network.auth_id() == 2
    assert all(NEW in text and OLD not in text for text in network.key_files())
    assert no_secret(said)
    again = network.rotate()
    assert again.count("changed=0") == again.count("failed=0") == 4, again
    # The user writes the new key into the inventory.
    said = network.site(NEW_LINK)
    assert said.count("changed=0") == 3, said
