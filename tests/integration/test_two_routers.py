"""Two routers on the nodes' link: each has all nodes, and rotate_key changes the key of both without a loss.

Clients probe by each of the routers, which are the gateways of two of them each.

The tests of rotate_key depend on time: between the changes of the two routers the dead interval may go by, less two
hello intervals. That is 8 s here, where 0.1 s were measured, and some seconds with a write that is tried again: on a
busy machine a start of Python takes long. One on which all this takes longer fails them, as clients then lose probes.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import time
from collections.abc import Iterator

import pytest

from bed import ANYCAST, Bed, Emulator, requirements, wait_for
from role_network import (
    LINK,
    Network,
    die,
    full_seconds,
    next_link,
    no_probe_is_lost,
    no_route_changes,
    no_secret,
    route_changes,
    start_service,
)
from role_node import AREA_FILE, PACKAGE_CONFIG

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

# Instead of 5 s, for a busy machine.
SLOW = {**LINK, "dead_interval": 10}
ANNOUNCEMENT = "/etc/bird/anycast.d/sip.area"
LISTENING = "/run/anycast-follow"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(2, second_router=True) as bed:
        for router in bed.routers:
            router.start_frr()
        for node in bed.nodes:
            node.write(ANNOUNCEMENT, AREA_FILE)
            node.start_bird(PACKAGE_CONFIG)
            start_service(node)
        yield bed


@pytest.fixture(scope="module")
def routers(bed: Bed) -> Iterator[list[Emulator]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Emulator(router)) for router in bed.routers]


@pytest.fixture(scope="module")
def network(bed: Bed, routers: list[Emulator], tmp_path_factory: pytest.TempPathFactory) -> Network:
    """With the first key everywhere, and the address routed to both nodes by both routers."""
    network = Network(bed, routers, tmp_path_factory.mktemp("network"), SLOW)
    said = network.site(SLOW)
    assert said.count("failed=0") == network.hosts, said
    settled(network)
    return network


def settled(network: Network) -> None:
    """Wait until each router is adjacent to all others on the link, and sends to all nodes."""
    wait_for("all adjacencies", lambda: all(len(full_seconds(router)) == 3 for router in network.routers), timeout=120)
    wait_for("all next hops", network.all_routed)


def without_route(changes: list[str]) -> float:
    """For how many seconds at most the kernel had no route, as the changes show."""
    times = [datetime.datetime.fromisoformat(line[1 : line.index("]")]) for line in changes]
    gone = [
        (after - before).total_seconds()
        for before, after, line in zip(times, times[1:], changes, strict=False)
        if "Deleted" in line
    ]
    return max(gone, default=0.0)


@contextlib.contextmanager
def no_adjacency_starts_again(*routers: Emulator) -> Iterator[None]:
    """Fails if an adjacency of one of the routers ends in the meantime, also if it is Full again at the end."""
    before = [full_seconds(router) for router in routers]
    start = time.monotonic()
    yield
    # They are told in whole seconds.
    least = time.monotonic() - start - 1
    after = [full_seconds(router) for router in routers]
    kept = [sorted(name for name, age in found.items() if age >= least) for found in after]
    assert kept == [sorted(found) for found in before], f"{after} after {least:.0f} s"


def written(router: Emulator) -> float:
    """When a row of the router was changed last."""
    return max(file.stat().st_mtime for file in router.state.iterdir() if file != router.log)


def test_each_client_has_its_router(bed: Bed, network: Network) -> None:
    for number in bed.lan.phones:
        route = bed.phones.run("ip", "route", "get", ANYCAST, "from", bed.lan.address(number))
        assert f"via {bed.lan.address(1 + (number - bed.lan.phones[0]) % 2)} " in route


def test_both_routers_send_to_all_nodes_and_one_is_the_backup(bed: Bed, network: Network) -> None:
    assert [network.gateways(router) for router in network.routers] == [bed.addresses] * 2
    roles = [network.bed.router.vtysh("show ip ospf neighbor"), bed.routers[1].vtysh("show ip ospf neighbor")]
    assert [len(re.findall(r"Full/(?:DR|Backup)\b", text)) for text in roles] == [1, 1]
    said = network.site(network.link)
    assert said.count("changed=0") == network.hosts, said


def test_a_node_that_is_withdrawn_is_gone_at_both_routers(bed: Bed, network: Network) -> None:
    node = bed.nodes[0]
    left = [bed.addresses[1:]] * 2
    with no_adjacency_starts_again(*network.routers):
        node.path(ANNOUNCEMENT).unlink()
        node.birdc("configure")
        wait_for("it to be gone", lambda: [network.gateways(router) for router in network.routers] == left)
        node.write(ANNOUNCEMENT, AREA_FILE)
        node.birdc("configure")
        wait_for("it to be back", network.all_routed)


def test_rotate_key_refuses_before_anything_is_changed(network: Network) -> None:
    new = next_link(network.link)
    before = network.key_files()
    said = network.rotate(new, "--forks", "1")
    assert "forks is 1, expected 2 at least, one for each router of anycast_routers" in said
    said += network.rotate(new, "--limit", "router,sip1,sip2")
    assert "--limit leaves out router2: run rotate_key without --limit" in said
    checked = network.rotate(new, "--check")
    assert checked.count("failed=0") == network.hosts + 1, checked
    # Both routers and both nodes would change, localhost not.
    assert checked.count("changed=0") == 1, checked
    assert (network.key_files(), network.auth_ids()) == (before, [network.link["key_id"]] * 2)
    assert no_secret(said + checked)


def test_the_key_changes_at_both_routers_and_nothing_is_lost(bed: Bed, network: Network) -> None:
    old, new = network.link, next_link(network.link)
    settled(network)
    with (
        no_probe_is_lost(bed.phones, [bed.lan.address(number) for number in bed.lan.phones]),
        no_route_changes(*network.routers),
        no_adjacency_starts_again(*network.routers),
    ):
        said = network.rotate(new)
    times = [written(router) for router in network.routers]
    print(f"skew {max(times) - min(times):.2f} s")
    assert said.count("failed=0") == network.hosts + 1, said
    assert network.auth_ids() == [new["key_id"]] * 2
    assert network.have_only(new, old)
    assert no_secret(said)
    again = network.rotate(new)
    assert again.count("changed=0") == again.count("failed=0") == network.hosts + 1, again
    # The user writes the new key into the inventory.
    network.link = new
    said = network.site(new)
    assert said.count("changed=0") == network.hosts, said


def test_half_done_then_finished_by_a_second_run(bed: Bed, network: Network) -> None:
    """The second router cannot be written. The nodes go with the first one, which loses nothing, in both runs."""
    old, new = network.link, next_link(network.link)
    first, second = network.routers
    settled(network)
    more = ["--extra-vars", f"anycast_new_key_id={new['key_id']}"]
    with no_route_changes(first):
        with network.start("homelab.anycast.rotate_key", old, *more, key=new["key"]) as process:
            wait_for("a node to listen", bed.nodes[0].path(LISTENING).exists, timeout=300, every=0.05)
            second.stop()
            said = process.communicate()[0]
        assert process.returncode != 0
        assert re.search(
            rf"\[router2\]: FAILED! .*The router has the old key, key_id {old['key_id']}, expected {new['key_id']}\.",
            said,
        ), said
        assert "run homelab.anycast.rotate_key again with the same new key" in said
        second.start()
        assert network.auth_ids() == [new["key_id"], old["key_id"]]
        wait_for("the nodes to follow the first router", lambda: network.follow(new, old))
        wait_for("the second to lose its neighbours", lambda: not full_seconds(second))

        wrong = network.rotate({**new, "key": "not-the-one-of-it"})
        assert "the router has auth-id=" in wrong and "with a key that is not anycast_new_key" in wrong
        # No router decides for the others.
        network.backwards = True
        finished = network.rotate(new)
        network.backwards = False
        assert finished.count("failed=0") == network.hosts + 1, finished
    assert network.auth_ids() == [new["key_id"]] * 2
    assert network.have_only(new, old)
    assert no_secret(said + wrong + finished)
    settled(network)
    network.link = new


def test_half_done_where_the_nodes_have_the_old_key(bed: Bed, network: Network) -> None:
    """As when they were restarted with it. They stay with the first router, which has it, and go with it."""
    old, new = network.link, next_link(network.link)
    first, second = network.routers
    settled(network)
    api = second.connect()
    templates = api.path("routing", "ospf", "interface-template")
    for row in list(templates):
        templates.update(**{".id": row[".id"], "auth-id": str(new["key_id"]), "auth-key": new["key"]})
    api.close()
    wait_for("the second to lose its neighbours", lambda: not full_seconds(second))
    wait_for("the first to lose the second", lambda: sorted(full_seconds(first)) == bed.addresses)
    with no_route_changes(first):
        said = network.rotate(new)
    assert said.count("failed=0") == network.hosts + 1, said
    assert network.auth_ids() == [new["key_id"]] * 2
    assert network.have_only(new, old)
    settled(network)
    network.link = new


def test_a_write_that_fails_for_a_moment_is_tried_again(bed: Bed, network: Network) -> None:
    old, new = network.link, next_link(network.link)
    first, second = network.routers
    settled(network)
    more = ["--extra-vars", f"anycast_new_key_id={new['key_id']}"]
    with no_adjacency_starts_again(*network.routers):
        with network.start("homelab.anycast.rotate_key", old, *more, key=new["key"]) as process:
            wait_for("a node to listen", bed.nodes[0].path(LISTENING).exists, timeout=300, every=0.05)
            second.stop()
            wait_for(
                "the first to change",
                lambda: first.rows("routing", "ospf", "interface-template")[0]["auth-id"] == new["key_id"],
                timeout=60,
            )
            second.start()
            said = process.communicate()[0]
        times = [written(router) for router in network.routers]
        print(f"skew {max(times) - min(times):.2f} s")
    assert said.count("failed=0") == network.hosts + 1, said
    assert network.have_only(new, old)
    network.link = new


def test_the_backup_dies_and_comes_back(bed: Bed, network: Network) -> None:
    first, second = network.routers
    settled(network)
    with no_route_changes(first):
        die(bed.routers[1])
        wait_for("the first to notice", lambda: sorted(full_seconds(first)) == bed.addresses)
        bed.routers[1].start_frr()
        # The emulator looks every 30 s whether FRR was started again.
        settled(network)


def test_the_designated_router_dies_and_comes_back(bed: Bed, network: Network) -> None:
    """The other one becomes it. Until the nodes have told it that they know, it has no route.

    0.06 s and 0.65 s were measured: the time from its election to theirs depends on when their timers end, and on how
    busy the machine is.
    """
    first, second = network.routers
    settled(network)
    with route_changes(second.router) as changes:
        die(bed.routers[0])
        wait_for("the second to notice", lambda: sorted(full_seconds(second)) == bed.addresses)
        wait_for("the second to have both nodes", lambda: network.gateways(second) == bed.addresses)
        bed.routers[0].start_frr()
        settled(network)
    print(f"without a route for {without_route(changes):.2f} s")
    assert network.gateways(second) == bed.addresses
    assert without_route(changes) < 3, changes
