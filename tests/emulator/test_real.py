"""The emulator with real FRR, and real BIRD on the other end (the quick bed)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from librouteros.exceptions import TrapError

from bed import ANYCAST, Bed, Emulator, requirements, wait_for
from bed.configs import AUTHENTICATIONS, node_config

REASON = requirements()
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")

KEY = "aK?y|1#!"
TEMPLATE = ("routing", "ospf", "interface-template")
RULE = "if (dst in 172.18.0.0/24 && dst-len == 32) { accept } else { reject }"
ROUTE = {"dst-address": f"{ANYCAST}/32", "active": True}


class System:
    """A bed with the emulator, configured through the API, and as many announcing nodes as wanted."""

    def __init__(self, bed: Bed, emulator: Emulator) -> None:
        self.bed = bed
        self.emulator = emulator
        self.api = emulator.connect()

    def configure(self, **template: str) -> None:
        for path, name in (("instance", "home"), ("area", "backbone")):
            values = {"router-id": "172.18.0.1"} if path == "instance" else {"instance": "home"}
            self.api.path("routing", "ospf", path).add(name=name, **values)
        timers = {"hello-interval": "1s", "dead-interval": "4s", "retransmit-interval": "2s"}
        given = {name.replace("_", "-"): value for name, value in template.items()}
        self.api.path(*TEMPLATE).add(area="backbone", interfaces="bridge-lan", **{**timers, **given})

    def announce(self, nodes: int = 3, **config: Any) -> None:
        for number, node in enumerate(self.bed.nodes[:nodes], start=11):
            node.start_bird(node_config(f"172.18.0.{number}", **config))

    def set(self, **values: str) -> None:
        self.api.path(*TEMPLATE).update(**{".id": "*1", **{name.replace("_", "-"): v for name, v in values.items()}})

    def wait_full(self, count: int) -> list[dict[str, Any]]:
        return self.emulator.wait_rows("routing/ospf/neighbor", count, {"state": "Full"})

    def running(self) -> list[str]:
        return self.bed.router.vtysh("show running-config").splitlines()


@pytest.fixture
def system() -> Iterator[System]:
    with Bed() as bed:
        bed.router.start_frr()
        with Emulator(bed.router) as emulator:
            yield System(bed, emulator)
            log = emulator.log.read_text()
            assert "ERROR" not in log, log
            assert KEY not in log


def test_authentications(system: System) -> None:
    """One after the other on one bed: the key is changed on a running router, as a user would."""
    possible = {"none", "simple", "md5", "sha256"}
    assert set(AUTHENTICATIONS) == {*possible, "sha1", "sha384", "sha512"}
    system.configure()
    (node,) = system.bed.nodes[:1]
    log = node.path("/run/bird/bird.log")
    for auth in AUTHENTICATIONS:
        if auth not in possible:
            with pytest.raises(TrapError, match=f"the emulator does not support auth={auth}"):
                system.set(auth=auth)
            continue
        if auth != "none":
            system.set(**{"auth": auth, "auth-id": "7", "auth-key": KEY})
        system.announce(1, auth=auth, key="not-it" if auth != "none" else "", key_id=7)
        if auth != "none":
            # The wrong key must not do, or the right one proves nothing.
            wait_for(f"{auth}: a packet refused", lambda: "Authentication failed" in log.read_text())
            assert system.emulator.rows("routing", "ospf", "neighbor") == []
            log.unlink()
        system.announce(1, auth=auth, key=KEY, key_id=7)
        (row,) = system.wait_full(1)
        assert row["router-id"] == "172.18.0.11", auth
        node.stop_bird()
        wait_for("the neighbour to go", lambda: not system.emulator.rows("routing", "ospf", "neighbor"))


def test_anycast_routes_and_bfd(system: System) -> None:
    system.api.path("routing", "bfd", "configuration").add(interfaces="bridge-lan", **{"min-tx": "100ms"})
    system.configure(use_bfd="yes")
    system.announce(bfd=True)
    system.wait_full(3)
    rows = system.emulator.wait_rows("ip/route", 3, {**ROUTE, "ecmp": True})
    assert sorted(row["gateway"] for row in rows) == [f"172.18.0.{number}%bridge-lan" for number in (11, 12, 13)]
    system.emulator.wait_rows("routing/bfd/session", 3, {"state": "up", "up": True, "desired-tx-interval": "100ms"})
    (reply,) = system.api("/tool/ping", address=ANYCAST, count="1")
    assert (reply["received"], reply["host"]) == (1, ANYCAST)

    # A node that stops without a word is noticed by BFD.
    system.bed.nodes[0].stop_bird(kill=True)
    rows = system.emulator.wait_rows("ip/route", 2, ROUTE)
    assert {row["gateway"] for row in rows} == {"172.18.0.12%bridge-lan", "172.18.0.13%bridge-lan"}
    (silent,) = system.api("/tool/ping", address="172.18.0.60", count="1")
    assert (silent["status"], silent["packet-loss"]) == ("timeout", 100)

    # Without a configuration entry BFD is forbidden, and the adjacencies go on without it.
    system.api.path("routing", "bfd", "configuration").remove("*1")
    rows = system.emulator.wait_rows("routing/bfd/session", 2, {"inactive": True})
    assert {row["about"] for row in rows} == {"BFD forbidden for destination address"}
    system.wait_full(2)


def test_a_filter_keeps_routes_out(system: System) -> None:
    system.configure()
    system.announce(1, networks=("10.5.5.0/24",))
    other = {"dst-address": "10.5.5.0/24"}
    system.emulator.wait_rows("ip/route", 1, {**other, "active": True})
    system.api.path("routing", "filter", "rule").add(chain="ospf-in", rule=RULE)
    system.api.path("routing", "ospf", "instance").update(**{".id": "*1", "in-filter-chain": "ospf-in"})
    system.emulator.wait_rows("routing/route", 1, {**other, "contribution": "filtered", "filtered": True})
    assert "active" not in system.emulator.wait_rows("ip/route", 1, other)[0]
    system.emulator.wait_rows("ip/route", 1, ROUTE)
    kernel = system.bed.router.run("ip", "route")
    assert ANYCAST in kernel
    assert "10.5.5.0/24" not in kernel
    # A chain that loses its rules rejects everything.
    system.api.path("routing", "filter", "rule").remove("*1")
    system.emulator.wait_rows("routing/route", 1, {"dst-address": f"{ANYCAST}/32", "filtered": True})
    # And without the chain everything is back.
    system.api.path("routing", "ospf", "instance").update(**{".id": "*1", "!in-filter-chain": ""})
    system.emulator.wait_rows("ip/route", 1, {**other, "active": True})


def test_only_what_changed_is_touched(system: System) -> None:
    system.configure(auth="md5", auth_id="1", auth_key=KEY)
    system.announce(1, auth="md5", key=KEY)
    (before,) = system.wait_full(1)
    system.api.path("routing", "filter", "rule").add(chain="x", rule="accept")
    system.api.path("ip", "route").add(**{"dst-address": "10.7.0.0/16", "gateway": "172.18.0.22"})
    system.set(comment="ours", dead_interval="5s")
    assert " ip ospf dead-interval 5" in system.running()
    system.set(dead_interval="4s")
    system.emulator.wait_rows("ip/route", 1, {"dst-address": "10.7.0.0/16", "active": True})
    (after,) = system.wait_full(1)
    assert after["state-changes"] == before["state-changes"]

    # Other timers than the node's end it; the same again bring it back.
    system.set(hello_interval="2s")
    assert " ip ospf hello-interval 2" in system.running()
    system.emulator.wait_rows("routing/ospf/interface", 1, {"hello-interval": "2s"})
    wait_for("the neighbour to go", lambda: not system.emulator.rows("routing", "ospf", "neighbor"))
    system.set(hello_interval="1s")
    system.wait_full(1)


def test_the_configuration_survives(system: System) -> None:
    system.configure(auth="sha256", auth_id="1", auth_key=KEY)
    system.announce(2, auth="sha256", key=KEY)
    before = system.wait_full(2)
    template = system.emulator.rows(*TEMPLATE)
    running = system.running()

    # Of the emulator alone: FRR is not touched.
    system.api.close()
    system.emulator.stop()
    system.emulator.start()
    assert system.emulator.rows(*TEMPLATE) == template
    assert system.running() == running
    after = system.wait_full(2)
    assert [row["state-changes"] for row in after] == [row["state-changes"] for row in before]

    # Of the router: FRR comes up empty.
    system.emulator.stop()
    router = system.bed.router
    router.run("sh", "-c", "kill -9 $(cat /run/frr/*.pid); rm -f /run/frr/*")
    router.start_frr()
    assert not [line for line in system.running() if "ospf" in line]
    system.emulator.start()
    assert system.running() == running
    system.wait_full(2)
    state = (system.emulator.state / "state.json").stat()
    assert state.st_mode & 0o777 == 0o600


def test_the_kernel_follows_and_is_followed(system: System) -> None:
    def sysctl(name: str) -> str:
        return system.bed.router.run("sysctl", "-n", f"net.ipv4.{name}").strip()

    settings = system.api.path("ip", "settings")
    names = ("conf.all.send_redirects", "conf.bridge-lan.send_redirects", "fib_multipath_hash_policy", "ip_forward")
    assert [sysctl(name) for name in names] == ["1", "1", "0", "1"]
    settings.update(**{"send-redirects": False, "ipv4-multipath-hash-policy": "l4", "rp-filter": "loose"})
    assert [sysctl(name) for name in names] == ["0", "0", "1", "1"]
    assert sysctl("conf.bridge-lan.rp_filter") == "2"

    # A template that matches by network follows the addresses.
    system.configure()
    api = system.api.path(*TEMPLATE)
    api.update(**{".id": "*1", "!interfaces": "", "networks": "10.20.0.0/16"})
    assert system.emulator.rows("routing", "ospf", "interface") == []
    system.bed.router.run("ip", "address", "add", "10.20.1.1/24", "dev", "wlan1")
    (row,) = system.emulator.wait_rows("routing/ospf/interface", 1)
    assert row["address"] == "10.20.1.1%wlan1"


def test_two_router_ids(system: System) -> None:
    system.configure()
    system.announce(1)
    system.wait_full(1)
    system.api.path("routing", "ospf", "instance").update(**{".id": "*1", "router-id": "9.9.9.9"})
    neighbor = system.bed.nodes[0]
    wait_for("the node to see the new id", lambda: "9.9.9.9" in neighbor.birdc("show", "ospf", "neighbors"))
    system.wait_full(1)


def test_frr_refuses_and_the_row_is_taken_back(system: System) -> None:
    def running() -> list[str]:
        return [line for line in system.running() if "ospf" in line or "ros-" in line]

    system.configure()
    before = running()
    with pytest.raises(TrapError) as caught:
        system.api.path("routing", "bfd", "configuration").add(interfaces="bridge-lan", **{"min-tx": "1us"})
        system.set(use_bfd="yes")
    assert "the emulator could not carry it out" in caught.value.message
    assert "use-bfd" not in system.emulator.rows(*TEMPLATE)[0]
    assert running() == before
    log = system.emulator.log.read_text()
    assert "taken back" in log
    # Said on purpose here, so the fixture must not complain.
    system.emulator.log.write_text(log.replace("ERROR", "error"))


def test_keys_are_in_no_process_list(tmp_path: Path) -> None:
    seen, vtysh = tmp_path / "seen", tmp_path / "vtysh"
    with Bed() as bed:
        vtysh.write_text(f'#!/bin/sh\necho "$@" >>{seen}\nexec {shlex.join(bed.router.inside("vtysh"))} "$@"\n')
        vtysh.chmod(0o755)
        bed.router.start_frr()
        with Emulator(bed.router, "7.20.8", None, "--vtysh", str(vtysh)) as emulator:
            system = System(bed, emulator)
            system.configure(auth="sha256", auth_id="1", auth_key=KEY)
            assert any(KEY in line for line in system.running())
    assert "show running-config" in seen.read_text()
    assert KEY not in seen.read_text()
