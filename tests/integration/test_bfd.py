"""BFD from the roles' own settings at both ends: the emulator in front of real FRR, and real BIRD."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bed import ANYCAST, Bed, ensure_rootfs, requirements, wait_for
from bed.emulator import Emulator
from bed.topology import BRIDGE, ROUTER_ADDRESS
from role_node import RoleNode, bird_of_root
from role_router import API, BIN, INTERPRETER, configure, run

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

NODE_ADDRESS = "172.18.0.11"
LINK = {"hello_interval": 1, "dead_interval": 5, "key": "a-good-key"}
BFD = {**LINK, "bfd": True}
DETECTION = 0.2 * 5


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.start_frr()
        yield bed


@pytest.fixture(scope="module")
def router(bed: Bed) -> Iterator[Emulator]:
    with Emulator(bed.router) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def node(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleNode]:
    node = RoleNode(bed.nodes[0], tmp_path_factory.mktemp("node"), bird_of_root(ensure_rootfs()), NODE_ADDRESS)
    node.announce()
    node.start()
    yield node
    node.stop()


def neighbors(module: str, command: list[str], **options: Any) -> dict[str, Any]:
    """The result of a module that reads neighbours."""
    printed = run(
        [*command, str(BIN / "ansible"), "localhost", "--module-name", f"homelab.anycast.{module}",
         "--args", json.dumps({"bfd": True, **options}), "--extra-vars", INTERPRETER]
    )  # fmt: skip
    result: dict[str, Any] = json.loads(printed[printed.index("=> {") + 3 :])
    return result


def from_router(router: Emulator, **options: Any) -> dict[str, Any]:
    return neighbors(
        "routeros_ospf_neighbors", router.router.on_its_network(), router_ids=[NODE_ADDRESS], **API, **options
    )


def from_node(node: RoleNode, **options: Any) -> dict[str, Any]:
    return neighbors("bird_ospf_neighbors", [], router_ids=[ROUTER_ADDRESS], socket=str(node.socket), **options)


def our_rows(router: Emulator) -> list[dict[str, Any]]:
    rows = router.rows("routing", "bfd", "configuration")
    return [row for row in rows if row.get("comment") == "homelab.anycast"]


@pytest.fixture
def up(router: Emulator, node: RoleNode) -> None:
    """Both ends with BFD, and the session up."""
    if not our_rows(router) or "bfd yes;" not in node.conf.read_text():
        assert "failed=0" in configure(router, BFD)
        assert not node.configure(BFD).get("failed")
    assert "msg" not in from_router(router, wait=30)


@pytest.mark.usefixtures("up")
def test_the_session_comes_up_at_both_ends(router: Emulator, node: RoleNode) -> None:
    assert "changed=0" in configure(router, BFD)
    assert not node.configure(BFD)["changed"]
    assert [entry["bfd"] for entry in from_router(router)["neighbors"]] == ["up"]
    assert [entry["bfd"] for entry in from_node(node)["neighbors"]] == ["up"]
    (session,) = router.rows("routing", "bfd", "session")
    timers = ("desired-tx-interval", "required-min-rx", "remote-min-tx", "remote-min-rx", "multiplier", "hold-time")
    assert [session[name] for name in timers] == ["200ms", "200ms", "200ms", "200ms", 5, "1s"]


@pytest.mark.usefixtures("up")
def test_a_cut_link_is_noticed_within_the_detection_time(bed: Bed, router: Emulator, node: RoleNode) -> None:
    bed.router.run("ip", "link", "set", "ether2", "nomaster")
    start = time.monotonic()
    wait_for("the node to notice", lambda: ROUTER_ADDRESS not in node.states(), every=0.01, timeout=10)
    node_after = time.monotonic() - start
    route = f"show ip route {ANYCAST}/32 json"
    wait_for("the router to drop the route", lambda: not bed.router.vtysh_json(route), every=0.01, timeout=10)
    router_after = time.monotonic() - start
    print(f"noticed after {node_after:.2f} s by the node, route gone after {router_after:.2f} s")
    bed.router.run("ip", "link", "set", "ether2", "master", BRIDGE)
    # OSPF alone would need four seconds or five.
    assert max(node_after, router_after) < DETECTION + 2
    assert "msg" not in from_router(router, wait=60)


@pytest.mark.usefixtures("up")
def test_without_its_row_the_router_forbids_it(router: Emulator, node: RoleNode) -> None:
    (row,) = our_rows(router)
    api = router.connect()
    list(api.rawCmd("/routing/bfd/configuration/remove", f"=.id={row['.id']}"))
    api.close()
    wait_for("the adjacency", lambda: node.states().get(ROUTER_ADDRESS) == "Full")
    result = from_router(router)
    assert f"{NODE_ADDRESS}: state Full, BFD forbidden on interface {BRIDGE}, expected Full, BFD up." in result["msg"]
    assert "(1) no row of /routing/bfd/configuration allows BFD on the interface" in result["msg"]
    assert f"Found: {NODE_ADDRESS} Full/DROther on {BRIDGE} with BFD forbidden." in result["msg"]
    result = from_node(node)
    assert "BFD down on interface enp0s11, expected Full, BFD up" in result["msg"]
    assert "UDP port 3784" in result["msg"]


@pytest.mark.usefixtures("up")
def test_foreign_rows_stay_and_are_named_where_they_are_in_the_way(router: Emulator) -> None:
    api = router.connect()
    (row,) = our_rows(router)
    (foreign,) = api.rawCmd(
        "/routing/bfd/configuration/add", f"=interfaces={BRIDGE}", "=forbid-bfd=yes", "=comment=his",
        f"=place-before={row['.id']}",
    )  # fmt: skip
    said = " ".join(configure(router, {**BFD, "bfd_multiplier": 3}).split())
    assert f"the row {foreign['ret']} of /routing/bfd/configuration (comment 'his') decides about BFD" in said
    assert "changed=0" in said
    assert our_rows(router) == [row]
    assert "changed=2" in configure(router, LINK)
    assert [row.get("comment") for row in router.rows("routing", "bfd", "configuration")] == ["his"]
    (template,) = router.rows("routing", "ospf", "interface-template")
    assert template.get("use-bfd", False) is False
    list(api.rawCmd("/routing/bfd/configuration/remove", f"=.id={foreign['ret']}"))
    api.close()


def test_without_bfd_nothing_is_asked_for(router: Emulator, node: RoleNode) -> None:
    configure(router, LINK)
    assert not node.configure(LINK).get("failed")
    wait_for("the adjacency", lambda: node.states().get(ROUTER_ADDRESS) == "Full")
    result = from_node(node)
    assert "state Full, no BFD session on interface enp0s11" in result["msg"]
    assert "OSPF does not ask for BFD at this end" in result["msg"]
