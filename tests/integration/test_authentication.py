"""Each authentication of the link model, brought up for real by the role's own templates, and refused with another key.

The other end is FRR, configured by the role routeros_ospf through the emulator. Debian builds FRR without a crypto
library, so for sha1, sha384 and sha512 its ospfd is built anew from Debian's source, with OpenSSL.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.packet import Listener, Signer
from bed import Bed, ensure_crypto_frr, ensure_rootfs, requirements, wait_for
from bed.emulator import Emulator
from bed.topology import ROUTER_ADDRESS
from role_node import RoleNode, bird_of_root
from role_router import configure
from tests import matrix

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

# At most 8 octets, which is what "simple" carries.
KEY, OTHER_KEY = "a-key-17", "b-key-18"
HELLO, DEAD = 1, 4
LONGEST = {"simple": 8, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
BUILDS = {"of Debian": ("none", "simple", "md5", "sha256"), "with OpenSSL": ("sha1", "sha384", "sha512")}


def link(kind: str, key: str) -> dict[str, Any]:
    timers = {"hello_interval": HELLO, "dead_interval": DEAD, "authentication": kind}
    return timers if kind == "none" else {**timers, "key": key}


def longest_key(kind: str) -> str:
    """A key that fills the field: at the limit, implementations may cut or hash it differently."""
    return (KEY * 8)[: LONGEST.get(kind, 0)]


@pytest.fixture(scope="module")
def build(request: pytest.FixtureRequest) -> str:
    """Which FRR it is, a key of BUILDS."""
    return str(request.param)


@pytest.fixture(scope="module")
def bed(build: str) -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.start_frr(ensure_crypto_frr() if build == "with OpenSSL" else None)
        yield bed


@pytest.fixture(scope="module")
def frr(bed: Bed, build: str) -> Iterator[Emulator]:
    options = ["--frr-crypto"] if build == "with OpenSSL" else []
    with Emulator(bed.router, "7.20.8", None, *options) as emulator:
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


def signed(node: RoleNode, kind: str, key: str) -> Signer | None:
    """Whether a node that listens to the router finds its packets signed with this key."""
    with node.machine.network(), Listener() as listener:
        return listener.wait_for(3 * HELLO, [Signer(ROUTER_ADDRESS, kind, 1, key)])


@pytest.mark.parametrize(
    ("build", "kind"), [(build, kind) for build, kinds in BUILDS.items() for kind in kinds], indirect=["build"]
)
def test_both_ends(build: str, frr: Emulator, node: RoleNode, kind: str) -> None:
    said = configure(frr, link(kind, longest_key(kind)))
    assert "failed=0" in said, said
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
        matrix.record(f"authentication {kind}", f"quick bed: BIRD 2 and FRR {build}, behind the emulator", passed)
