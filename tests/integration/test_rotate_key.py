"""The playbook rotate_key on two nodes with BIRD and a router with FRR, whose routes are watched."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from bed import ANYCAST, Bed, requirements, wait_for
from bed.emulator import Emulator
from role_network import LINK, Network, next_link, no_secret
from role_node import AREA_FILE, PACKAGE_CONFIG

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

ANYCAST_V6 = "2001:db8:64::64"


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


@pytest.fixture(scope="module")
def network(bed: Bed, router: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """With the first key at both ends, and the address routed to both nodes."""
    network = Network(bed, [router], tmp_path_factory.mktemp("network"))
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


@pytest.mark.usefixtures("no_route_is_lost")
def test_what_cannot_work_is_refused_and_check_mode_changes_nothing(network: Network) -> None:
    before = network.key_files()
    short = network.rotate(next_link(LINK), link={**LINK, "dead_interval": 3})
    assert "dead_interval is 3 s, expected 4 s at least with hello_interval 1 s" in short
    simple = network.rotate(next_link(LINK), link={**LINK, "authentication": "simple", "key": "12345678"})
    assert "authentication is 'simple', expected one of md5, sha1" in simple
    assert "PLAY [Read which key each router has]" not in short + simple
    checked = network.rotate(next_link(LINK), "--check")
    assert checked.count("failed=0") == 4, checked
    # The router and both nodes would change.
    assert checked.count("changed=0") == 1, checked
    assert no_secret(short + simple + checked)
    assert (network.key_files(), network.auth_ids()) == (before, [1])


@pytest.mark.usefixtures("no_route_is_lost")
def test_the_key_changes_and_no_route_is_lost(network: Network) -> None:
    old, new = network.link, next_link(network.link)
    said = network.rotate(new)
    assert said.count("failed=0") == 4, said
    assert network.auth_ids() == [new["key_id"]]
    assert network.have_only(new, old)
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
        wait_for("the router to move", lambda: network.auth_ids() == [new["key_id"]], timeout=300, every=0.1)
        os.killpg(process.pid, signal.SIGKILL)
    wait_for("the nodes to follow", lambda: network.follow(new, old))
    said = network.rotate(new)
    assert said.count("failed=0") == 4, said
    assert network.have_only(new, old)
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
    assert network.auth_ids() == [new["key_id"]]
    assert network.have_only(new, old)
    assert no_secret(said)
    network.link = new
    said = network.site(new)
    assert said.count("changed=0") == 3, said
