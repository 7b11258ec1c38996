"""The bed's routers and nodes as an inventory, on which the collection's playbooks run."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import parse_duration
from bed import ANYCAST, Bed, Machine, Router, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE
from bench.clients import PORT, Clients
from bench.sides import PROGRAM
from role_node import ROOT
from role_router import API, BIN

HERE = Path(__file__).parent
# The first router is the designated router, the second one its backup.
PRIORITIES = (128, 64)
SECRETS = ("the-first-secret", "the-second-secret", "the-third-secret", "the-fourth-secret", "the-fifth-secret")
LINK = {"hello_interval": 1, "dead_interval": 5, "key": SECRETS[0], "key_id": 1}


class Network:
    """Runs playbooks on the bed.

    :ivar link: the inventory's, with which the tests go from one key to the next.
    :ivar backwards: whether the inventory has the second router before the first.
    """

    def __init__(self, bed: Bed, routers: list[Emulator], directory: Path, link: dict[str, Any] | None = None) -> None:
        self.bed, self.routers, self.directory = bed, routers, directory
        self.link = link or LINK
        self.addresses = [ANYCAST]
        self.backwards = False

    @property
    def hosts(self) -> int:
        """How many hosts the inventory has."""
        return len(self.routers) + len(self.bed.nodes)

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
                "bird_anycast_interfaces": self.bed.interfaces,
                "bird_anycast_services": [{"name": "sip", "addresses": self.addresses}],
            }
            for number, (machine, address) in enumerate(zip(self.bed.nodes, self.bed.addresses, strict=True), 1)
        }
        routers = {
            emulator.router.name: {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                # The playbooks run in the first one's network.
                "routeros_ospf_api": {**API, "hostname": self.bed.api_addresses[number - 1]},
                "routeros_ospf_link": link,
                "routeros_ospf_router_id": self.bed.router_addresses[number - 1],
                "routeros_ospf_priority": PRIORITIES[number - 1],
                "routeros_ospf_interfaces": [BRIDGE],
                "routeros_ospf_anycast_prefixes": self.addresses,
            }
            for number, emulator in enumerate(self.routers, 1)
        }
        if self.backwards:
            routers = dict(reversed(routers.items()))
        groups = {"anycast_routers": {"hosts": routers}, "anycast_nodes": {"hosts": nodes}}
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
        """How many next hops each router has for each anycast address."""
        return [len(self.gateways(emulator, address)) for emulator in self.routers for address in self.addresses]

    def gateways(self, emulator: Emulator, address: str = ANYCAST) -> list[str]:
        """The nodes to which a router's kernel sends an anycast address."""
        family = "-6" if ":" in address else "-4"
        routes = json.loads(emulator.router.run("ip", "-j", family, "route", "show", address))
        return sorted(hop.get("gateway", "") for route in routes for hop in route.get("nexthops", [route]))

    def all_routed(self) -> bool:
        """Whether each router sends each anycast address to all nodes."""
        return set(self.hops()) == {len(self.bed.nodes)}

    def auth_ids(self) -> list[int]:
        """The key id in the interface templates of each router."""
        found = []
        for emulator in self.routers:
            (key_id,) = {int(row["auth-id"]) for row in emulator.rows("routing", "ospf", "interface-template")}
            found.append(key_id)
        return found

    def key_files(self) -> list[str]:
        return [node.path("/etc/bird/anycast.key").read_text() for node in self.bed.nodes]

    def have_only(self, new: dict[str, Any], old: dict[str, Any]) -> bool:
        """Whether the nodes have the new key alone."""
        return all(new["key"] in text and old["key"] not in text for text in self.key_files())

    def follow(self, new: dict[str, Any], old: dict[str, Any]) -> bool:
        """Whether the nodes send with the new key, and accept the old one as well."""
        return all(0 < text.find(new["key"]) < text.find(old["key"]) for text in self.key_files())


def next_link(link: dict[str, Any]) -> dict[str, Any]:
    number = int(link["key_id"])
    return {**link, "key": SECRETS[number], "key_id": number + 1}


def no_secret(said: str) -> bool:
    return not any(secret in said for secret in SECRETS)


def full_seconds(router: Emulator) -> dict[str, float]:
    """For how long each adjacency of a router has been Full, by the neighbour's router id."""
    rows = [row for row in router.rows("routing", "ospf", "neighbor") if row["state"] == "Full"]
    return {row["router-id"]: parse_duration(row["adjacency"]) or 0 for row in rows}


@contextlib.contextmanager
def route_changes(router: Router) -> Iterator[list[str]]:
    """The changes of the kernel's route to the anycast address in the meantime, with their times; filled at the end."""
    lines: list[str] = []
    command = router.on_its_network("ip", "-oneline", "-timestamp", "-tshort", "monitor", "route")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as monitor:
        try:
            yield lines
        finally:
            monitor.terminate()
        lines += [line.rstrip() for line in monitor.stdout or () if ANYCAST in line]


@contextlib.contextmanager
def no_route_changes(*routers: Emulator) -> Iterator[None]:
    """Fails if the kernel of one of the routers changes its route to the anycast address in the meantime."""
    with contextlib.ExitStack() as stack:
        changes = [stack.enter_context(route_changes(router.router)) for router in routers]
        yield
    assert changes == [[]] * len(routers)


@contextlib.contextmanager
def no_probe_is_lost(machine: Machine, sources: Sequence[str]) -> Iterator[None]:
    """Fails if one of these addresses of the machine, which are clients, gets no answer in the meantime."""
    clients = Clients(machine, sources, ANYCAST)
    clients.start()
    try:
        wait_for("all clients to be answered", lambda: clients.all_answered(0.5))
        yield
    finally:
        probes = clients.stop()
    lost = {
        source: [round(probe.at, 2) for probe in sent if not probe.answered]
        for source, sent in zip(clients.sources, probes, strict=True)
    }
    assert lost == dict.fromkeys(clients.sources, []), f"of {[len(sent) for sent in probes]} probes"


def start_service(node: Machine) -> None:
    """Answer the clients' probes at the anycast address, with the name of the node."""
    node.write(PROGRAM, (ROOT / "bench" / "service.py").read_text())
    node.start_program("service", "python3", "-IS", PROGRAM, node.name, str(PORT), ANYCAST)


def die(router: Router) -> None:
    """End FRR as a power cut does. The router's bridge, with the cables of all, goes on."""
    router.run("sh", "-c", "kill -9 $(cat /run/frr/*.pid); rm -f /run/frr/*")
