"""An anycast /128 by OSPFv3: the role's own templates and announcer with real BIRD, and FRR's ospf6d."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from bed import ANYCAST, Bed, Machine, Router, ensure_rootfs, requirements, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE
from role_node import ROOT, RoleNode, bird_of_root
from role_router import API, BIN, INTERPRETER, configure, run

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

ANYCAST_V6 = "2001:db8:64::64"
KEY = "a-good-key"
LINK = {"hello_interval": 1, "dead_interval": 5, "key": KEY, "bfd": True}
SERVICES = [{"name": "sip", "addresses": [ANYCAST, ANYCAST_V6]}]


class DualStackNode(RoleNode):
    """A node with the dual-stack service, announced and withdrawn by the announcer itself."""

    def prepare(self, services: list[dict[str, Any]]) -> None:
        """Bring up the interface, and write the services' files as anycast_announcer does."""
        node = self.machine
        # Not a bridge without ports, as elsewhere in the bed: without a carrier it gets no link-local address.
        node.run("ip", "link", "delete", "dummy0")
        node.run("ip", "link", "add", "dummy0", "type", "veth", "peer", "name", "dummy0-peer")
        for name in ("dummy0-peer", "dummy0"):
            node.run("ip", "link", "set", name, "up")
        node.run("ip", "address", "add", f"{ANYCAST}/32", "dev", "dummy0")
        node.run("ip", "address", "add", f"{ANYCAST_V6}/128", "dev", "dummy0", "nodad")
        self.settings.mkdir(exist_ok=True)
        for service in normalise_services(services):
            for path, text in announcer.service_files(service, 1).items():
                if path.startswith(announcer.SETTINGS):
                    (self.settings / Path(path).name).write_text(text)

    @property
    def settings(self) -> Path:
        return self.directory / "settings"

    def announcer(self) -> ModuleType:
        """The announcer of this node."""
        spec = importlib.util.spec_from_file_location("announcer", ROOT / "roles/bird_anycast/files/announcer.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        vars(module).update(SETTINGS=str(self.settings), ANNOUNCED=str(self.announced), BIRD_SOCKET=str(self.socket))
        return module


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(2) as bed:
        bed.router.start_frr()
        bed.router.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        yield bed


@pytest.fixture(scope="module")
def router(bed: Bed) -> Iterator[Emulator]:
    with Emulator(bed.router) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def nodes(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[DualStackNode]]:
    nodes = []
    for machine, address in zip(bed.nodes, bed.addresses, strict=True):
        directory = tmp_path_factory.mktemp("node")
        node = DualStackNode(machine, directory, bird_of_root(ensure_rootfs()), address)
        node.prepare(SERVICES)
        node.start()
        nodes.append(node)
    yield nodes
    for node in nodes:
        node.stop()


def next_hops(router: Router, prefix: str) -> set[str]:
    """What the router's own FRR has installed for a prefix."""
    family = "ipv6" if ":" in prefix else "ip"
    routes = router.vtysh_json(f"show {family} route {prefix} json")
    return {hop["ip"] for route in routes.get(prefix, []) for hop in route["nexthops"] if hop.get("fib")}


def link_local(node: RoleNode) -> str:
    return _link_local(node.machine, "enp0s11")


def _link_local(machine: Machine, interface: str) -> str:
    text = machine.run("ip", "-6", "-oneline", "address", "show", "dev", interface, "scope", "link")
    return re.search(r"inet6 ([^/]+)/", text)[1]  # type: ignore[index]


def module(router: Emulator, name: str, **options: Any) -> dict[str, Any]:
    """The result of one of the collection's modules that asks the router."""
    printed = run(
        router.router.on_its_network(
            str(BIN / "ansible"), "localhost", "--module-name", f"homelab.anycast.{name}",
            "--args", json.dumps({**API, **options}), "--extra-vars", INTERPRETER,
        )
    )  # fmt: skip
    assert "=> {" in printed, printed
    result: dict[str, Any] = json.loads(printed[printed.index("=> {") + 3 :])
    return result


def test_dual_stack(bed: Bed, router: Emulator, nodes: list[DualStackNode]) -> None:
    both = {"routeros_ospf_anycast_prefixes": [ANYCAST, ANYCAST_V6]}
    printed = configure(router, LINK, **both)
    assert "failed=0" in printed, printed
    assert KEY not in printed + router.log.read_text()
    for node in nodes:
        result = node.configure(LINK, bird_anycast_services=SERVICES)
        assert result["changed"], result["printed"]
        assert KEY not in result["printed"]
        node.announcer().announce("sip", [ANYCAST, ANYCAST_V6])
    by_version = {f"{ANYCAST}/32": {node.address for node in nodes}, f"{ANYCAST_V6}/128": set(map(link_local, nodes))}
    for prefix, expected in by_version.items():
        _wait(lambda prefix=prefix, expected=expected: next_hops(bed.router, prefix) == expected, prefix)  # type: ignore[misc]
    neighbors = bed.router.vtysh_json("show ipv6 ospf6 neighbor detail json").values()
    assert {neighbor["authStatus"] for neighbor in neighbors} == {"enabled"}
    _wait(lambda: bfd_up(bed.router) == 4, "BFD sessions of both versions")

    # The module names the nodes behind the link-local addresses.
    hops = module(router, "routeros_next_hops", prefix=ANYCAST_V6, gateways=bed.addresses, protocol="ospf", wait=10)
    assert not hops.get("failed"), hops.get("msg")
    assert [hop["link_local"] for hop in hops["next_hops"]] == [link_local(node) for node in nodes]
    assert {hop["bfd"] for hop in hops["next_hops"]} == {"up"}
    for instance in (None, "anycast", "anycast-v3"):
        seen = module(
            router, "routeros_ospf_neighbors", router_ids=bed.addresses, exact=True, bfd=True,
            **({"instance": instance} if instance else {}),
        )  # fmt: skip
        assert not seen.get("failed"), seen.get("msg")
        assert {neighbor["interface"] for neighbor in seen["neighbors"]} == {BRIDGE}

    # A second run changes nothing.
    assert "changed=0" in configure(router, LINK, **both)
    assert not nodes[0].configure(LINK, bird_anycast_services=SERVICES)["changed"]

    # Withdrawn as one.
    prefixes = list(by_version)
    away, stays = nodes
    program = away.announcer()
    assert program.withdraw("sip", prefixes, flood=True) == (True, None)
    assert sorted(away.announced.iterdir()) == []
    for prefix, hop in zip(prefixes, (stays.address, link_local(stays)), strict=True):
        _wait(lambda prefix=prefix, hop=hop: next_hops(bed.router, prefix) == {hop}, f"{prefix} withdrawn")  # type: ignore[misc]

    # And with the interface, as nobody is behind the address any more.
    stays.machine.run("ip", "link", "set", "dummy0", "down")
    _wait(lambda: next_hops(bed.router, prefixes[1]) == set(), "the route gone with its interface")


# What the clients' network has beside IPv4, and how long they may be without an answer: BFD needs one second to notice,
# OSPF's dead interval alone four, and with a redirect they stay without.
LAN_V6 = "2001:db8:172::"
OUTAGE = 3.5


class Answer(socketserver.BaseRequestHandler):
    """The name of the node."""

    server: Server

    def handle(self) -> None:
        _data, server_socket = self.request
        server_socket.sendto(self.server.node.address.encode(), self.client_address)


class Server(socketserver.UDPServer):
    """Answers on the anycast address of a node."""

    address_family = socket.AF_INET6

    def __init__(self, node: DualStackNode) -> None:
        self.node = node
        with node.machine.network():
            super().__init__((ANYCAST_V6, 5060), Answer)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


@pytest.fixture
def phone(bed: Bed, nodes: list[DualStackNode]) -> Iterator[socket.socket]:
    """A socket on the nodes' own LAN; the way to the address is as router advertisements give it, by link-local."""
    bed.router.run("ip", "address", "add", f"{LAN_V6}1/64", "dev", BRIDGE, "nodad")
    servers = []
    for number, node in enumerate(nodes):
        node.prepare(SERVICES)
        node.machine.run("ip", "address", "add", f"{LAN_V6}{11 + number}/64", "dev", "enp0s11", "nodad")
        # A redirect to who turns out to be no router is given up (RFC 4861 7.2.5); a node with containers is one.
        node.machine.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        servers.append(Server(node))
    bed.phones.run("ip", "address", "add", f"{LAN_V6}22/64", "dev", "enp0s11", "nodad")
    way = ("via", _link_local(bed.router, BRIDGE), "dev", "enp0s11")
    bed.phones.run("ip", "-6", "route", "add", f"{ANYCAST_V6}/128", *way)
    with bed.phones.network(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(0.05)
        # Linux follows redirects of what such a socket sends; over UDP without it, Linux 6.18 here did not.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"enp0s11")
        yield client
    for server in servers:
        server.stop()
        server.node.announcer().withdraw("sip", [f"{ANYCAST}/32", f"{ANYCAST_V6}/128"])
    bed.phones.run("ip", "-6", "route", "delete", f"{ANYCAST_V6}/128", *way)
    bed.phones.run("ip", "-6", "route", "flush", "cache")
    bed.router.run("ip", "address", "delete", f"{LAN_V6}1/64", "dev", BRIDGE)
    for machine in (bed.phones, *bed.nodes):
        machine.run("ip", "-6", "address", "flush", "dev", "enp0s11", "scope", "global")


def ask(client: socket.socket) -> str:
    """Who answers; nobody is ''."""
    client.sendto(b"?", (ANYCAST_V6, 5060))
    try:
        return client.recv(100).decode()
    except TimeoutError:
        return ""


def serve(bed: Bed, router: Emulator, nodes: list[DualStackNode], client: socket.socket, **role: Any) -> None:
    """Both nodes announce, and the client is answered; role holds variables of routeros_ospf."""
    prefix = f"{ANYCAST_V6}/128"
    assert "failed=0" in configure(router, LINK, routeros_ospf_anycast_prefixes=[ANYCAST, ANYCAST_V6], **role)
    for node in nodes:
        node.configure(LINK, bird_anycast_services=SERVICES)
        node.announcer().announce("sip", [ANYCAST, ANYCAST_V6])
    _wait(lambda: next_hops(bed.router, prefix) == set(map(link_local, nodes)), prefix)
    _wait(lambda: bfd_up(bed.router) == 4, "BFD sessions of both versions")
    _wait(lambda: ask(client) != "", "an answer")


def outage_without_a_link(bed: Bed, nodes: list[DualStackNode], client: socket.socket, serving: set[str]) -> float:
    """The seconds that the client has no answer after its node's link is cut."""
    position = next(position for position, node in enumerate(nodes) if node.address in serving)
    bed.router.run("ip", "link", "set", bed.port(position), "down")
    try:
        cut = time.monotonic()
        wait_for("an answer of the other node", lambda: ask(client) not in ("", *serving), timeout=120)
        return time.monotonic() - cut
    finally:
        bed.router.run("ip", "link", "set", bed.port(position), "up")
        _wait(lambda: bfd_up(bed.router) == 4, "the cut node back")


@pytest.mark.parametrize("send_redirects", [False, True])
def test_clients_on_the_nodes_lan_are_not_lost_with_a_node(
    bed: Bed, router: Emulator, nodes: list[DualStackNode], phone: socket.socket, send_redirects: bool
) -> None:
    serve(bed, router, nodes, phone, routeros_ospf_send_redirects=send_redirects)
    rules = router.rows("ipv6", "firewall", "filter")
    wanted = [] if send_redirects else [("output", "drop", "137:0-255")]
    assert [(rule["chain"], rule["action"], rule["icmp-options"]) for rule in rules] == wanted
    # The first packets are when a router redirects; the answers show that there were enough of them.
    serving = {ask(phone) for _number in range(100)} - {""}
    assert len(serving) == 1
    redirected = bed.phones.run("ip", "-6", "route", "show", "cache", ANYCAST_V6) != ""
    assert redirected is send_redirects
    # What the rule is for: a client that was redirected stays with the dead node.
    assert (outage_without_a_link(bed, nodes, phone, serving) >= OUTAGE) is send_redirects


def test_a_client_is_spread_by_the_flow_labels_of_its_sockets(
    bed: Bed, router: Emulator, nodes: list[DualStackNode], phone: socket.socket
) -> None:
    serve(bed, router, nodes, phone, routeros_ospf_distribution="per_client")

    def met() -> set[str]:
        answers = []
        with bed.phones.network():
            for _number in range(40):
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
                    client.settimeout(5)
                    answers += [ask(client), ask(client)]
                    # One socket stays on one node.
                    assert answers[-2] == answers[-1] != ""
        return set(answers)

    assert met() == {node.address for node in nodes}
    bed.phones.run("sysctl", "-qw", "net.ipv6.auto_flowlabels=0")
    try:
        assert len(met()) == 1
    finally:
        bed.phones.run("sysctl", "-qw", "net.ipv6.auto_flowlabels=1")


def test_a_change_that_costs_ospfv3_only_is_rolled_back(bed: Bed, nodes: list[DualStackNode]) -> None:
    node = nodes[0]
    _wait(lambda: bfd_up(bed.router) == 4, "BFD sessions of both versions")
    before = node.conf.read_text()
    ospfv2, ospfv3 = before.split("protocol ospf v3")
    options = {
        # Neighbours with another hello interval do not hear each other (RFC 5340 4.2.2.1, RFC 2328 10.5).
        "content": "protocol ospf v3".join([ospfv2, ospfv3.replace("hello 1;", "hello 2;")]),
        "path": str(node.conf), "key": node.key.read_text(), "key_file": str(node.key),
        "hello_interval": 1, "dead_interval": 5, "socket": str(node.socket),
    }  # fmt: skip
    assert options["content"] != before
    command = [str(BIN / "ansible"), "localhost", "--module-name", "homelab.anycast.bird_configure"]
    arguments = ["--args", json.dumps(options), "--extra-vars", INTERPRETER]
    printed = run(["env", f"PATH={node.environment()['PATH']}", *command, *arguments])
    result = json.loads(printed[printed.index("=> {") + 3 :])
    assert "FAILED!" in printed and result["rolled_back"], printed
    assert result["before"] == ["172.18.0.1", "172.18.0.1 (OSPFv3)"]
    assert result["lost"] == ["172.18.0.1 (OSPFv3)"]
    assert "the adjacency to 172.18.0.1 (OSPFv3) was lost" in result["msg"]
    assert KEY not in printed
    assert node.conf.read_text() == before
    _wait(lambda: bfd_up(bed.router) == 4, "OSPFv3 back")


def test_the_rule_goes_with_the_last_ipv6_prefix(bed: Bed, router: Emulator) -> None:
    both = {"routeros_ospf_anycast_prefixes": [ANYCAST, ANYCAST_V6]}
    rules = ("nft", "list", "ruleset")
    assert "failed=0" in configure(router, LINK, **both, routeros_ospf_distribution="per_flow")
    assert "icmpv6 type nd-redirect" in bed.router.run(*rules)
    policy = ("sysctl", "-n", "net.ipv6.fib_multipath_hash_policy")
    assert bed.router.run(*policy) == "1\n"
    assert "failed=0" in configure(router, LINK, routeros_ospf_distribution="per_flow")
    assert router.rows("ipv6", "firewall", "filter") == []
    assert "icmpv6" not in bed.router.run(*rules)
    # As before the role, which has noted it.
    assert bed.router.run(*policy) == "0\n"


def test_service_with_an_ipv6_address_only(bed: Bed, router: Emulator, nodes: list[DualStackNode]) -> None:
    prefix = f"{ANYCAST_V6}/128"
    services = [{"name": "sip", "addresses": [ANYCAST_V6]}]
    node = nodes[0]
    assert "failed=0" in configure(router, LINK, routeros_ospf_anycast_prefixes=[ANYCAST_V6])
    node.prepare(services)
    node.configure(LINK, bird_anycast_services=services)
    program = node.announcer()
    program.announce("sip", [prefix])
    _wait(lambda: next_hops(bed.router, prefix) == {link_local(node)}, prefix)
    # Nothing of it by OSPFv2, though the interface has the IPv4 address as well.
    assert next_hops(bed.router, f"{ANYCAST}/32") == set()
    # BIRD is asked in OSPFv3 whether the router has been told.
    with program.Bird() as bird:
        assert bird.announces([prefix])
    assert program.withdraw("sip", [prefix], flood=True) == (True, None)
    with program.Bird() as bird:
        assert not bird.announces([prefix])
    _wait(lambda: next_hops(bed.router, prefix) == set(), f"{prefix} withdrawn")


def test_ipv4_only_is_as_before(router: Emulator, nodes: list[DualStackNode]) -> None:
    printed = configure(router, LINK)
    assert "failed=0" in printed, printed
    for menu in ("instance", "area", "interface-template"):
        assert len(router.rows("routing", "ospf", menu)) == 1, menu
    # Beside the note of what was there before the role.
    assert {row["chain"] for row in router.rows("routing", "filter", "rule")} == {"anycast-in", "anycast-before"}
    assert "ospf6" not in router.router.vtysh("show running-config")
    assert "changed=0" in configure(router, LINK)
    node = nodes[0]
    # Its OSPFv3 neighbours are meant to go.
    result = node.configure(LINK, bird_anycast_services=[{"name": "sip", "addresses": [ANYCAST]}])
    assert not result.get("failed"), result["printed"]
    text = node.conf.read_text()
    assert "ospf v3" not in text
    assert "ipv6" not in text
    assert "\n\n\n" not in text


def bfd_up(router: Router) -> int:
    """How many BFD sessions are up."""
    return [peer["status"] for peer in router.vtysh_json("show bfd peers json")].count("up")


def _wait(check: Callable[[], bool], what: str) -> None:
    wait_for(what, check, timeout=30)
