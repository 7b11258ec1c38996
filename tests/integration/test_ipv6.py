"""An anycast /128 by OSPFv3: the role's own templates and announcer with real BIRD, and FRR's ospf6d."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils import announcer
from ansible_collections.homelab.anycast.plugins.module_utils.services import normalise_services
from bed import ANYCAST, Bed, Router, ensure_rootfs, requirements, wait_for
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
    text = node.machine.run("ip", "-6", "-oneline", "address", "show", "dev", "enp0s11", "scope", "link")
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
        node.announcer().announce("sip")
    by_version = {f"{ANYCAST}/32": {node.address for node in nodes}, f"{ANYCAST_V6}/128": set(map(link_local, nodes))}
    for prefix, expected in by_version.items():
        _wait(lambda prefix=prefix, expected=expected: next_hops(bed.router, prefix) == expected, prefix)  # type: ignore[misc]
    neighbors = bed.router.vtysh_json("show ipv6 ospf6 neighbor detail json").values()
    assert {neighbor["authStatus"] for neighbor in neighbors} == {"enabled"}
    _wait(
        lambda: [peer["status"] for peer in bed.router.vtysh_json("show bfd peers json")] == ["up"] * 4,
        "BFD sessions of both versions",
    )

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
    assert program.withdraw("sip", prefixes)
    program.wait_until_flooded(prefixes)
    assert sorted(away.announced.iterdir()) == []
    for prefix, hop in zip(prefixes, (stays.address, link_local(stays)), strict=True):
        _wait(lambda prefix=prefix, hop=hop: next_hops(bed.router, prefix) == {hop}, f"{prefix} withdrawn")  # type: ignore[misc]

    # And with the interface, as nobody is behind the address any more.
    stays.machine.run("ip", "link", "set", "dummy0", "down")
    _wait(lambda: next_hops(bed.router, prefixes[1]) == set(), "the route gone with its interface")


def test_service_with_an_ipv6_address_only(bed: Bed, router: Emulator, nodes: list[DualStackNode]) -> None:
    prefix = f"{ANYCAST_V6}/128"
    services = [{"name": "sip", "addresses": [ANYCAST_V6]}]
    node = nodes[0]
    assert "failed=0" in configure(router, LINK, routeros_ospf_anycast_prefixes=[ANYCAST_V6])
    node.prepare(services)
    node.configure(LINK, bird_anycast_services=services)
    program = node.announcer()
    program.announce("sip")
    _wait(lambda: next_hops(bed.router, prefix) == {link_local(node)}, prefix)
    # Nothing of it by OSPFv2, though the interface has the IPv4 address as well.
    assert next_hops(bed.router, f"{ANYCAST}/32") == set()
    # BIRD is asked in OSPFv3 whether the router has been told.
    with program.Bird() as bird:
        assert bird.announces([prefix])
    assert program.withdraw("sip", [prefix])
    program.wait_until_flooded([prefix])
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
    node.configure(LINK, bird_anycast_services=[{"name": "sip", "addresses": [ANYCAST]}])
    text = node.conf.read_text()
    assert "ospf v3" not in text
    assert "ipv6" not in text
    assert "\n\n\n" not in text


def _wait(check: Callable[[], bool], what: str) -> None:
    wait_for(what, check, timeout=30)
