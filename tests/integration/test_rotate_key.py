"""The playbook rotate_key on two nodes with BIRD and a router with FRR, whose routes are watched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed import ANYCAST, Bed, requirements, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE, INTERFACE, ROUTER_ADDRESS
from role_node import AREA_FILE, PACKAGE_CONFIG, ROOT
from role_router import API, BIN

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

SECRETS = ("the-first-secret", "the-second-secret", "the-third-secret", "the-fourth-secret")
ANYCAST_V6 = "2001:db8:64::64"
LINK = {"hello_interval": 1, "dead_interval": 5, "key": SECRETS[0], "key_id": 1}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(2) as bed:
        bed.router.start_frr()
        for node in bed.nodes:
            node.write("/etc/bird/anycast.d/sip.area", AREA_FILE)
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
        # The inventory's, for which the tests rotate from one to the next.
        self.link: dict[str, Any] = LINK
        self.addresses = [ANYCAST]

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
                "bird_anycast_services": [{"name": "sip", "addresses": self.addresses}],
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
            "routeros_ospf_anycast_prefixes": self.addresses,
        }
        groups = {"anycast_routers": {"hosts": {"router": router}}, "anycast_nodes": {"hosts": nodes}}
        file = self.directory / "inventory.json"
        file.write_text(json.dumps({"all": {"children": groups}}))
        return file

    def play(self, playbook: str, link: dict[str, Any], *options: str, key: str = "") -> str:
        with self.start(playbook, link, *options, key=key) as process:
            return process.communicate()[0]

    def start(self, playbook: str, link: dict[str, Any], *options: str, key: str) -> subprocess.Popen[str]:
        command = [str(BIN / "ansible-playbook"), "--inventory", str(self.inventory(link)), *options, playbook]
        return subprocess.Popen(
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
            # Of its own, so that it can be killed with all that it has started.
            process_group=0,
        )

    def site(self, link: dict[str, Any], *options: str) -> str:
        return self.play(str(HERE / "rotation_site.yml"), link, *options)

    def rotate(self, new: dict[str, Any], *options: str, link: dict[str, Any] | None = None) -> str:
        """Run the playbook; its output is as talkative as it can be."""
        more = ["--diff", "-vvv", "--extra-vars", f"anycast_new_key_id={new['key_id']}"]
        return self.play("homelab.anycast.rotate_key", link or self.link, *more, *options, key=new["key"])

    def hops(self) -> list[int]:
        """How many next hops the router has for each anycast address."""
        found = []
        for address in self.addresses:
            family = "-6" if ":" in address else "-4"
            routes = json.loads(self.bed.router.run("ip", "-j", family, "route", "show", address))
            found.append(sum(len(route.get("nexthops", [1])) for route in routes))
        return found

    def all_routed(self) -> bool:
        """Whether each anycast address is routed to both nodes."""
        return set(self.hops()) == {2}

    def auth_id(self) -> int:
        (found,) = {int(row["auth-id"]) for row in self.router.rows("routing", "ospf", "interface-template")}
        return found

    def key_files(self) -> list[str]:
        return [node.path("/etc/bird/anycast.key").read_text() for node in self.bed.nodes]


@pytest.fixture(scope="module")
def network(bed: Bed, router: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """With the first key at both ends, and the address routed to both nodes."""
    network = Network(bed, router, tmp_path_factory.mktemp("network"))
    said = network.site(LINK)
    assert said.count("failed=0") == 3, said
    wait_for("both next hops", network.all_routed)
    return network


@pytest.fixture
def no_route_is_lost(bed: Bed, network: Network) -> Iterator[None]:
    """Fails if the router's kernel changes a route to the anycast address while the test runs."""
    with subprocess.Popen(
        bed.router.on_its_network("ip", "monitor", "route"), stdout=subprocess.PIPE, text=True
    ) as monitor:
        yield
        monitor.terminate()
        assert monitor.stdout is not None
        changes = [line for line in monitor.stdout if ANYCAST in line or ANYCAST_V6 in line]
    assert network.all_routed()
    assert changes == []


def next_link(link: dict[str, Any]) -> dict[str, Any]:
    number = int(link["key_id"])
    return {**link, "key": SECRETS[number], "key_id": number + 1}


def no_secret(said: str) -> bool:
    return not any(secret in said for secret in SECRETS)


@pytest.mark.usefixtures("no_route_is_lost")
def test_what_cannot_work_is_refused_and_check_mode_changes_nothing(network: Network) -> None:
    before = network.key_files()
    short = network.rotate(next_link(LINK), link={**LINK, "dead_interval": 3})
    assert "dead_interval is 3 s, expected 4 s at least with hello_interval 1 s" in short
    simple = network.rotate(next_link(LINK), link={**LINK, "authentication": "simple", "key": "12345678"})
    assert "authentication is 'simple', expected one of md5, sha1" in simple
    assert "PLAY [See which key the router has]" not in short + simple
    checked = network.rotate(next_link(LINK), "--check")
    assert checked.count("failed=0") == 4, checked
    # The router and both nodes would change.
    assert checked.count("changed=0") == 1, checked
    assert no_secret(short + simple + checked)
    assert (network.key_files(), network.auth_id()) == (before, 1)


@pytest.mark.usefixtures("no_route_is_lost")
def test_the_key_changes_and_no_route_is_lost(network: Network) -> None:
    old, new = network.link, next_link(network.link)
    said = network.rotate(new)
    assert said.count("failed=0") == 4, said
    assert network.auth_id() == new["key_id"]
    assert all(new["key"] in text and old["key"] not in text for text in network.key_files())
    assert no_secret(said)
    again = network.rotate(new)
    assert again.count("changed=0") == again.count("failed=0") == 4, again
    # The user writes the new key into the inventory.
    network.link = new
    said = network.site(new)
    assert said.count("changed=0") == 3, said


@pytest.mark.usefixtures("no_route_is_lost")
def test_killed_when_the_router_has_moved(network: Network) -> None:
    """The nodes follow by themselves, and another run brings it to its end."""
    old, new = network.link, next_link(network.link)
    more = ["--extra-vars", f"anycast_new_key_id={new['key_id']}"]
    with network.start("homelab.anycast.rotate_key", old, *more, key=new["key"]) as process:
        wait_for("the router to move", lambda: network.auth_id() == new["key_id"], timeout=300, every=0.1)
        os.killpg(process.pid, signal.SIGKILL)

    def followed() -> bool:
        return all(0 < text.find(new["key"]) < text.find(old["key"]) for text in network.key_files())

    wait_for("the nodes to follow", followed)
    said = network.rotate(new)
    assert said.count("failed=0") == 4, said
    assert all(new["key"] in text and old["key"] not in text for text in network.key_files())
    network.link = new


@pytest.fixture(scope="module")
def dual_stack(network: Network) -> None:
    """The same network with an IPv6 address, so that OSPFv3 runs as well."""
    for node in network.bed.nodes:
        # Not a bridge without ports, as elsewhere in the bed: without a carrier it gets no link-local address.
        node.run("ip", "link", "delete", "dummy0")
        node.run("ip", "link", "add", "dummy0", "type", "veth", "peer", "name", "dummy0-peer")
        for name in ("dummy0-peer", "dummy0"):
            node.run("ip", "link", "set", name, "up")
        node.run("ip", "address", "add", f"{ANYCAST}/32", "dev", "dummy0")
        node.run("ip", "address", "add", f"{ANYCAST_V6}/128", "dev", "dummy0", "nodad")
        node.write("/etc/bird/anycast.d/sip.area3", 'area 172.18.0.64 { interface "dummy0" { stub; }; };\n')
    network.addresses = [ANYCAST, ANYCAST_V6]
    said = network.site(network.link)
    assert said.count("failed=0") == 3, said
    wait_for("all next hops", network.all_routed)


@pytest.mark.usefixtures("dual_stack", "no_route_is_lost")
def test_ospfv3_goes_with_it(network: Network) -> None:
    old, new = network.link, next_link(network.link)
    long = network.rotate({**new, "key": "x" * 31})
    assert "key has 31 octets, and there are IPv6 addresses" in long
    said = network.rotate(new)
    assert said.count("failed=0") == 4, said
    assert network.auth_id() == new["key_id"]
    assert all(new["key"] in text and old["key"] not in text for text in network.key_files())
    assert no_secret(said)
    network.link = new
    said = network.site(new)
    assert said.count("changed=0") == 3, said
