"""Each authentication of the link model, brought up for real by the role's own templates, and refused with another key.

The other end is FRR, configured by the role routeros_ospf through the emulator. Debian builds FRR without a crypto
library, so it has no sha1, sha384 and sha512 (trixie's 10.3 and sid's alike); there it is BIRD 3, with a hand-written
configuration: another code base than BIRD 2 of the node by now, but of the same house.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf_packet import Listener
from bed import Bed, ensure_rootfs, requirements, wait_for
from bed.configs import node_config
from bed.emulator import Emulator
from bed.topology import BRIDGE, INTERFACE, ROUTER_ADDRESS
from role_node import RoleNode, bird_of_root
from role_router import configure
from tests import matrix

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

# At most 8 octets, which is what "simple" carries.
KEY, OTHER_KEY = "a-key-17", "b-key-18"
HELLO, DEAD = 1, 4
LONGEST = {"simple": 8, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
WITH_FRR = ("none", "simple", "md5", "sha256")
WITH_BIRD_3 = ("sha1", "sha384", "sha512")


def link(kind: str, key: str) -> dict[str, Any]:
    timers = {"hello_interval": HELLO, "dead_interval": DEAD, "authentication": kind}
    return timers if kind == "none" else {**timers, "key": key}


def longest_key(kind: str) -> str:
    """A key that fills the field: at the limit, implementations may cut or hash it differently."""
    return (KEY * 8)[: LONGEST.get(kind, 0)]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.start_frr()
        yield bed


@pytest.fixture(scope="module")
def frr(bed: Bed) -> Iterator[Emulator]:
    with Emulator(bed.router) as emulator:
        yield emulator


@pytest.fixture
def node(bed: Bed, tmp_path: Path) -> Iterator[RoleNode]:
    node = RoleNode(bed.nodes[0], tmp_path, bird_of_root(ensure_rootfs()))
    yield node
    node.stop()


def restart(node: RoleNode, with_link: dict[str, Any]) -> None:
    """Start BIRD anew with this link: what it had heard before counts no more."""
    node.stop()
    result = node.configure(with_link)
    assert not result.get("failed"), result
    node.start()


def refused(node: RoleNode) -> bool:
    """Whether some hellos pass without the node taking the router for a neighbour."""
    end = time.monotonic() + 3 * HELLO + 1
    while time.monotonic() < end:
        if node.states():
            return False
        time.sleep(0.1)
    return True


def signed(node: RoleNode, kind: str, key: str) -> bool:
    """Whether a node that listens to the router finds its packets signed with this key."""
    with node.machine.network(), Listener() as listener:
        return bool(listener.wait_for(3 * HELLO, ROUTER_ADDRESS, kind, 1, key))


def try_both(node: RoleNode, kind: str, where: str) -> None:
    """Bring the link up with the right key, and see it refused with another; record the row."""
    passed = False
    try:
        # Without authentication there is no wrong key, but an end that asks for one.
        restart(node, link("md5" if kind == "none" else kind, OTHER_KEY))
        assert refused(node), f"{kind}: taken for a neighbour with another key"
        restart(node, link(kind, longest_key(kind)))
        wait_for(f"the adjacency with {kind}", lambda: node.states().get(ROUTER_ADDRESS) == "Full", timeout=40)
        if kind not in ("none", "simple"):
            assert signed(node, kind, longest_key(kind))
            assert not signed(node, kind, OTHER_KEY)
        passed = True
    finally:
        matrix.record(f"authentication {kind}", where, passed)


@pytest.mark.parametrize("kind", WITH_FRR)
def test_bird_2_and_frr(frr: Emulator, node: RoleNode, kind: str) -> None:
    said = configure(frr, link(kind, longest_key(kind)))
    assert "failed=0" in said, said
    try_both(node, kind, "quick bed: BIRD 2 and FRR behind the emulator")


@pytest.fixture(scope="module")
def bed_of_birds() -> Iterator[Bed]:
    with Bed(1) as bed:
        yield bed


@pytest.mark.parametrize("kind", WITH_BIRD_3)
def test_bird_2_and_bird_3(bed_of_birds: Bed, tmp_path: Path, kind: str) -> None:
    config = node_config(ROUTER_ADDRESS, auth=kind, key=longest_key(kind), hello=HELLO, dead=DEAD)
    config = config.replace(f'"{INTERFACE}"', f'"{BRIDGE}"').replace("priority 0", "priority 128")
    bed_of_birds.router.start_bird(config, version=3)
    node = RoleNode(bed_of_birds.nodes[0], tmp_path, bird_of_root(ensure_rootfs()))
    try:
        try_both(node, kind, "quick bed: BIRD 2 and BIRD 3")
    finally:
        node.stop()
