"""The services of examples/ under the real systemd, with the role's own units and BIRD: announced, drained, dead.

unbound and dnsdist are Debian's. What Debian does not have has a stand-in, under its unit's name: for OpenSIPS it is a
program that answers SIP, for AdGuard Home and Pi-hole it is dnsmasq. Pi-hole's own server is made of dnsmasq.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_announcer import BIRD, FILES, INSTANCE, SERVER

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from bed import Bed, ensure_rootfs, requirements, wait_for
from bed.systemd import SystemdMachine, systemd_requirements
from bed.topology import INTERFACE, REMOTE, REMOTE_CLIENTS
from tests.example import Example, checked

PACKAGES = ("dns-root-data", "dnsdist", "dnsmasq", "python3-dnspython", "unbound")

if reason := requirements() or systemd_requirements(ensure_rootfs(*PACKAGES)):
    pytest.skip(reason, allow_module_level=True)

ADDRESS = "172.18.0.65"
CLIENT = "172.18.0.22"
# Outside the nodes' own network.
FAR_CLIENT = str(REMOTE[REMOTE_CLIENTS[0]])
CHECK_NAME = "check.anycast.test"
# dnspython takes an answer only from the address that was asked.
ASK = """
import sys
import dns.message, dns.query, dns.rcode
how, server, source, name, kind, klass = sys.argv[1:]
try:
    answer = getattr(dns.query, how)(dns.message.make_query(name, kind, klass), server, timeout=1, source=source)
except (OSError, EOFError, dns.exception.Timeout) as exc:
    print("none:", type(exc).__name__)
else:
    texts = [record.to_text() for answers in answer.answer for record in answers]
    print(" ".join(texts) or dns.rcode.to_text(answer.rcode()))
"""
# As FTL writes them for its option dns.listeningMode, with its dns.interface (docs.pi-hole.net, ftldns/interfaces).
LISTENING = {
    "LOCAL": "local-service",
    "SINGLE": f"interface={INTERFACE}",
    "BIND": "interface=dummy0\nbind-interfaces",
    "ALL": "except-interface=nonexisting",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """An example: its inventories, its templates with the place of each, and the program that stands in for it."""

    inventories: tuple[str, ...]
    templates: dict[str, str] = dataclasses.field(default_factory=dict)
    stand_in: str = ""
    # What a client gets for id.server, which `verify` asks for.
    identity: str = ""

    @property
    def is_dns(self) -> bool:
        return self.inventories[0].startswith("dns")


DNSMASQ = "/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/run/dnsmasq.conf"
UNBOUND = {"unbound.conf": "/etc/unbound/unbound.conf.d/anycast.conf"}
CASES = {
    "unbound": Case(("dns/inventory.yml",), UNBOUND, identity='"dns1"'),
    "dnsdist": Case(
        ("dns/inventory.yml", "dns/dnsdist.yml"),
        {**UNBOUND, "dnsdist.conf": "/etc/dnsdist/dnsdist.conf"},
        identity='"dns1"',
    ),
    "adguard_home": Case(("dns/inventory.yml", "dns/adguard_home.yml"), stand_in=DNSMASQ),
    # dnsmasq's own answer.
    "pihole": Case(("dns/inventory.yml", "dns/pihole.yml"), stand_in=DNSMASQ, identity="NOTIMP"),
    "opensips": Case(("sip/inventory.yml", "sip/opensips.yml"), stand_in="/usr/bin/python3 -IS /run/sip.py {}"),
}


class Node:
    def __init__(self, bed: Bed, directory: Path) -> None:
        self.directory = directory
        self.examples: dict[str, Example] = {}
        machine = bed.nodes[0]
        assert isinstance(machine, SystemdMachine)
        self.machine = machine
        self.bed = bed
        machine.write("/etc/bird/bird.conf", BIRD.format(address=bed.addresses[0]))
        machine.run("install", "-d", "-o", "bird", "-g", "bird", "-m", "750", announcer.ANNOUNCED)
        machine.write(announcer.PROGRAM, (FILES / "announcer.py").read_text())
        for path in (announcer.UNIT, announcer.WITHDRAW_UNIT):
            machine.write(path, (FILES / Path(path).name).read_text())
        machine.write("/run/sip.py", SERVER)
        for client in (bed.phones, bed.remote):
            client.write("/run/ask.py", ASK)
        machine.systemctl("start", "bird")

    def set_up(self, name: str) -> None:
        """Install what the example has, and start its unit: that has it announced."""
        case = CASES[name]
        if name not in self.examples:
            directory = Path(tempfile.mkdtemp(dir=self.directory))
            self.examples[name] = checked(directory, *case.inventories, templates=case.templates)
        example = self.examples[name]
        for template, place in case.templates.items():
            self.machine.write(place, example.written[template]["dns1"])
        (service,) = normalise_services(example.services)
        self.name, self.unit, self.address = service.name, service.unit or "", service.addresses[0].partition("/")[0]
        self.machine.run("ip", "address", "replace", service.addresses[0], "dev", "dummy0")
        self.bed.router.run("ip", "route", "replace", service.addresses[0], "via", self.bed.addresses[0])
        if case.stand_in:
            self.listen("ALL")
            text = f"[Service]\nExecStart={case.stand_in.format(self.address)}\n"
            self.machine.write(f"/etc/systemd/system/{self.unit}", text)
        for path, text in announcer.service_files(service, 0).items():
            self.machine.write(path, text)
        self.machine.systemctl("daemon-reload")
        if "unbound.conf" in case.templates:
            # Before dnsdist, which asks it.
            self.machine.systemctl("start", "unbound")
        self.machine.systemctl("start", self.unit)

    def listen(self, mode: str) -> None:
        lines = ["no-resolv", "no-hosts", "user=root", f"host-record={CHECK_NAME},127.0.0.1", LISTENING[mode], ""]
        self.machine.write("/run/dnsmasq.conf", "\n".join(lines))

    def announced(self) -> bool:
        """Whether BIRD tells the router of it."""
        state = self.machine.run("birdc", "-r", "show", "ospf", "state", "anycast")
        return f"xnetwork {self.address}/32" in " ".join(state.split())

    def check(self) -> str:
        return self.machine.run(*announcer.COMMAND, "check", self.name, check=False).strip()

    def answers(self, name: str, kind: str = "A", klass: str = "IN", client: str = CLIENT) -> list[str]:
        """What a client gets over UDP, and over TCP."""
        machine = self.bed.phones if client == CLIENT else self.bed.remote
        words = (self.address, client, name, kind, klass)
        return [machine.run("python3", "/run/ask.py", how, *words).strip() for how in ("udp", "tcp")]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1, remote=True, node=SystemdMachine, packages=PACKAGES) as bed:
        for place in ("all", "bridge-lan"):
            bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{place}.send_redirects=0")
        yield bed


@pytest.fixture(scope="module")
def started(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(bed, tmp_path_factory.mktemp("examples"))


@pytest.fixture
def node(started: Node) -> Iterator[Node]:
    yield started
    started.machine.systemctl("stop", started.unit, "unbound")
    # Its announcer goes with it.
    instance = INSTANCE.format(started.name)
    wait_for("its end", lambda: started.machine.systemctl("is-active", instance) in ("inactive", "failed"))
    started.machine.run("rm", "-rf", announcer.DRAINED)
    started.machine.run("sh", "-c", f"rm -rf {announcer.SETTINGS}/* /etc/systemd/system/*.service.d")


@pytest.mark.parametrize("name", CASES)
def test_a_service_is_announced_drained_and_withdrawn(node: Node, name: str) -> None:
    case = CASES[name]
    node.set_up(name)
    wait_for(f"{name} to be announced", node.announced)
    assert node.check().startswith(f"{node.address} answers")
    if case.is_dns:
        assert node.answers(CHECK_NAME) == ["127.0.0.1", "127.0.0.1"]
    if case.identity:
        assert node.answers("id.server", "TXT", "CH") == [case.identity] * 2

    # A drain, as homelab.anycast.drain does it.
    node.machine.write(announcer.drain_file(None), "{}")
    node.machine.systemctl("stop", INSTANCE.format(node.name))
    assert not node.announced()
    if case.is_dns:
        # Of clients that the router has not moved yet, and on the node itself.
        assert node.answers(CHECK_NAME) == ["127.0.0.1", "127.0.0.1"]
    assert node.check().startswith(f"{node.address} answers")
    node.machine.run("rm", announcer.drain_file(None))
    node.machine.systemctl("start", INSTANCE.format(node.name))
    wait_for(f"{name} to be announced again", node.announced)

    node.machine.systemctl("kill", "--signal=STOP", node.unit)
    wait_for(f"{name} to be withdrawn", lambda: not node.announced(), 20)
    node.machine.systemctl("kill", "--signal=CONT", node.unit)


@pytest.mark.parametrize(("mode", "far"), [("LOCAL", False), ("BIND", True), ("ALL", True)])
def test_who_is_answered_in_each_listening_mode_of_pihole(node: Node, mode: str, far: bool) -> None:
    node.set_up("pihole")
    node.machine.systemctl("stop", node.unit)
    node.listen(mode)
    node.machine.systemctl("start", node.unit)
    wait_for("it to be announced", node.announced)
    assert node.answers(CHECK_NAME) == ["127.0.0.1"] * 2
    assert [not text.startswith("none") for text in node.answers(CHECK_NAME, client=FAR_CLIENT)] == [far, far]


def test_a_listening_mode_of_pihole_with_which_it_is_never_announced(node: Node) -> None:
    """One interface may ask. For dnsmasq that of TCP, and of what the node itself asks, is dummy0."""
    node.set_up("pihole")
    node.machine.systemctl("stop", node.unit)
    node.listen("SINGLE")
    node.machine.systemctl("start", node.unit)
    over_udp_only = ["127.0.0.1", "none: EOFError"]
    for client in (CLIENT, FAR_CLIENT):
        wait_for("it to answer", lambda c=client: node.answers(CHECK_NAME, client=c) == over_udp_only)  # type: ignore[misc]
    assert node.check() == f"{node.address} does not answer within 0.5 s"


def test_unbound_dies_behind_dnsdist(node: Node) -> None:
    node.set_up("dnsdist")
    wait_for("dnsdist to be announced", node.announced)
    node.machine.systemctl("kill", "--signal=KILL", "unbound")
    node.machine.systemctl("stop", "unbound")
    wait_for("it to be withdrawn", lambda: not node.announced(), 20)
    node.machine.systemctl("start", "unbound")
    wait_for("it to be announced again", node.announced)


@pytest.mark.parametrize("name", ["unbound", "dnsdist"])
def test_a_server_that_starts_before_the_address_is_there(node: Node, name: str) -> None:
    node.set_up(name)
    wait_for(f"{name} to be announced", node.announced)
    prefix = f"{node.address}/32"
    node.machine.run("ip", "address", "delete", prefix, "dev", "dummy0")
    node.machine.systemctl("restart", node.unit)
    wait_for("it to be withdrawn", lambda: not node.announced(), 20)
    node.machine.run("ip", "address", "add", prefix, "dev", "dummy0")
    wait_for(f"{name} to be announced again", node.announced, 20)
    assert node.answers(CHECK_NAME) == ["127.0.0.1"] * 2
