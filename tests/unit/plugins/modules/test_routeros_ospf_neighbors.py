# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run against a RouterOS in memory."""

from __future__ import annotations

import pytest
from librouteros.exceptions import ConnectionClosed, MultiTrapError, TrapError

MODULE = "routeros_ospf_neighbors"
SIPS = ["172.18.0.11", "172.18.0.12", "172.18.0.13"]


@pytest.fixture
def run(run_routeros, clock):
    def run(**options):
        return run_routeros(MODULE, **options)

    return run


def test_returns_what_it_finds(run, fake_router):
    fake_router.neighbors(("172.18.0.11", "Full"), ("172.18.0.12", "TwoWay"))
    result = run()
    assert result["neighbors"] == [
        {
            "router_id": "172.18.0.11",
            "address": "172.18.0.11",
            "interface": "bridge-lan",
            "state": "Full",
            "role": "DROther",
            "priority": 0,
            "full_seconds": 5164.0,
            "state_changes": 6,
            "dead_seconds": 3.0,
            "bfd": None,
        },
        {
            "router_id": "172.18.0.12",
            "address": "172.18.0.12",
            "interface": "bridge-lan",
            "state": "2-Way",
            "role": "DROther",
            "priority": 0,
            "full_seconds": None,
            "state_changes": 6,
            "dead_seconds": 3.0,
            "bfd": None,
        },
    ]
    assert (result["version"], result["changed"]) == ("7.20.8 (long-term)", False)


def test_a_router_that_names_the_interface_is_not_asked_for_it(run, fake_router):
    fake_router.neighbors(
        (
            "172.18.0.11",
            "Full",
        )
    )
    fake_router.menus["/routing/ospf/neighbor"][0]["interface"] = "bridge2"
    assert run()["neighbors"][0]["interface"] == "bridge2"
    assert [menu for menu, _words in fake_router.reads] == [
        "/system/resource",
        "/routing/ospf/neighbor",
        "/routing/bfd/session",
    ]


def test_gateways_are_one_question_more_in_the_same_session(run, fake_router):
    fake_router.neighbors(("172.18.0.11", "Full"))
    fake_router.menus["/routing/ospf/neighbor"][0]["interface"] = "bridge-lan"
    fake_router.menus["/interface/vrrp"] = []
    assert "gateways" not in run()
    without = len(fake_router.reads)
    assert run(gateways=True)["gateways"] == []
    assert [menu for menu, _words in fake_router.reads[2 * without :]] == ["/interface/vrrp"]
    # Also where the neighbours are not as expected.
    fake_router.menus["/interface/vrrp"] = [{"name": "vrrp1", "interface": "bridge-lan", "vrid": 1, "backup": True}]
    fake_router.logins = 0
    result = run(gateways=True, router_ids=SIPS)
    assert (result["failed"], result["gateways"][0]["state"], fake_router.logins) == (True, "backup", 1)


def test_one_login_however_long_it_waits(run, fake_router, clock):
    fake_router.neighbors(("172.18.0.11", "Full"), ("172.18.0.12", "ExStart"))
    clock.at(9, lambda: fake_router.neighbors(*((sip, "Full") for sip in SIPS)))
    result = run(router_ids=SIPS, wait=30, interface="bridge-lan", exact=True)
    assert "failed" not in result
    assert result["waited"] == 10
    assert (fake_router.logins, fake_router.closed) == (1, 1)
    # While it waits only the neighbours are read again.
    menus = [menu for menu, _words in fake_router.reads]
    assert [menus.count(menu) for menu in ("/system/resource", "/ip/address", "/routing/ospf/neighbor")] == [1, 1, 6]


def test_stable_is_proved_with_one_look(run, fake_router, clock):
    fake_router.neighbors(("172.18.0.11", "Full"))
    assert run(router_ids=SIPS[:1], stable=600)["waited"] == 0
    assert clock.slept == []


def test_stable_waits_for_a_young_adjacency(run, fake_router, clock):
    def age(seconds):
        fake_router.menus["/routing/ospf/neighbor"] = [fake_router.neighbor("172.18.0.11", adjacency=f"{seconds}s")]

    age(4)
    for passed in (2, 4, 6):
        clock.at(passed, lambda passed=passed: age(4 + passed))
    assert run(router_ids=SIPS[:1], stable=10)["waited"] == 6


def test_a_new_interface_is_found(run, fake_router, clock):
    interfaces = fake_router.menus["/routing/ospf/interface"]
    fake_router.menus["/routing/ospf/interface"] = []
    fake_router.neighbors(("172.18.0.11", "Init"))
    clock.at(3, lambda: fake_router.menus.update({"/routing/ospf/interface": interfaces}))
    clock.at(3, lambda: fake_router.neighbors(("172.18.0.11", "Full")))
    assert run(router_ids=SIPS[:1], interface="bridge-lan", wait=10)["waited"] == 4


def test_says_what_is_missing_and_why(run, fake_router):
    fake_router.neighbors(("172.18.0.11", "Full"), ("172.18.0.12", "ExStart"), ("172.18.0.64", "Full"))
    result = run(router_ids=SIPS, interface="bridge-lan")
    assert result["failed"]
    assert result["missing"] == ["172.18.0.13"]
    assert [entry["router_id"] for entry in result["stuck"]] == ["172.18.0.12"]
    assert [entry["router_id"] for entry in result["surplus"]] == ["172.18.0.64"]
    assert result["own"]["router_id"] == "172.18.0.1"
    assert "172.18.0.1 (RouterOS 7.20.8) (router id 172.18.0.1)" in result["msg"]
    assert "172.18.0.12: state ExStart on interface bridge-lan, expected Full" in result["msg"]
    assert "hello 3 s, dead 4 s" in result["msg"]
    assert "network" not in result["own"] and result["own"]["interfaces"][0]["network"] == "172.18.0.1/26"


def test_a_disabled_address_is_none(run, fake_router):
    fake_router.menus["/ip/address"][0]["disabled"] = True
    assert run(router_ids=SIPS)["own"]["interfaces"][0]["network"] is None


def test_the_router_id_may_be_a_name(run, fake_router):
    fake_router.menus["/routing/ospf/instance"][0]["router-id"] = "main"
    fake_router.menus["/routing/id"] = [{"name": "main", "dynamic-id": "192.0.2.2"}]
    assert run(router_ids=SIPS)["own"]["router_id"] == "192.0.2.2"


V2 = {"name": "anycast", "version": 2}
V3 = {"name": "anycast-v3", "version": 3}


@pytest.mark.parametrize(
    ("instances", "found"),
    [
        ([V2, V3], []),
        # A router that does not say the version has its default.
        ([{"name": "anycast"}, V3], []),
        ([{**V2, "disabled": True}, V3], SIPS[:1]),
        ([V3], SIPS[:1]),
    ],
)
def test_ospfv3_stands_in_only_where_there_is_no_ospfv2(run, fake_router, instances, found):
    fake_router.menus["/routing/ospf/instance"] = instances
    fake_router.neighbors(("172.18.0.11", "Full"))
    fake_router.menus["/routing/ospf/neighbor"][0].update(address="fe80::11%bridge-lan", instance="anycast-v3")
    assert [entry["router_id"] for entry in run()["neighbors"]] == found


@pytest.mark.parametrize(
    ("version", "name"), [("7.22.3 (stable)", "network-type"), ("7.23.8 (stable)", "type"), ("7.24 (stable)", "type")]
)
def test_the_network_type_has_another_name_since_7_23(run, fake_router, version, name):
    fake_router.menus["/system/resource"][0]["version"] = version
    (interface,) = fake_router.menus["/routing/ospf/interface"]
    interface[name] = interface.pop("network-type")
    result = run(router_ids=SIPS)
    assert result["own"]["interfaces"][0]["type"] == "broadcast"
    assert "bridge-lan (broadcast, 172.18.0.1/26, " in result["msg"]


def test_only_this_instance(run, fake_router):
    fake_router.neighbors(("172.18.0.11", "Full"))
    assert run(instance="anycast")["neighbors"]
    assert run(instance="other")["neighbors"] == []


def test_never_reads_a_key(run, fake_router):
    result = run(router_ids=SIPS)
    assert "s3cretK1" not in str(result)
    for menu, words in fake_router.reads:
        if menu in ("/routing/ospf/interface", "/routing/ospf/interface-template"):
            assert words[0].startswith("=.proplist=")
            assert "auth-key" not in words[0]


def test_needs_no_password_in_its_messages(run, fake_router):
    fake_router.login_errors = ["invalid user name or password (6)"]
    result = run(router_ids=SIPS, wait=60)
    assert "rejects the login of user 'ansible'" in result["msg"]
    assert "correct horse" not in str(result)
    assert fake_router.logins == 1  # a wrong password is not tried again


def test_a_lost_session_is_renewed(run, fake_router, clock):
    fake_router.neighbors(("172.18.0.11", "Full"))
    fake_router.errors["/routing/ospf/neighbor"] = [ConnectionClosed("Connection unexpectedly closed.")]
    assert run(router_ids=SIPS[:1], wait=10)["waited"] == 2
    assert (fake_router.logins, fake_router.closed) == (2, 2)


def test_a_router_that_restarts_is_waited_for(run, fake_router, clock):
    fake_router.neighbors(("172.18.0.11", "Full"))
    fake_router.errors["/routing/ospf/neighbor"] = [TimeoutError("timed out")]

    def stop():
        fake_router.login_errors = ["[Errno 111] Connection refused"]

    clock.at(1, stop)
    result = run(router_ids=SIPS[:1], wait=10)
    assert (result["waited"], fake_router.logins) == (4, 3)


def test_a_router_that_is_away_at_first_is_waited_for(run, fake_router, clock):
    fake_router.neighbors(("172.18.0.11", "Full"))
    fake_router.login_errors = ["[Errno 111] Connection refused", "[Errno 104] Connection reset by peer", "timed out"]
    result = run(router_ids=SIPS[:1], wait=10)
    assert (result["waited"], fake_router.logins) == (6, 4)


def test_who_does_not_wait_learns_at_once_that_it_is_away(run, fake_router, clock):
    fake_router.login_errors = ["timed out"]
    assert run(router_ids=SIPS[:1])["msg"].startswith("Cannot connect to the router at 172.18.0.1, port 8728")
    assert (fake_router.logins, clock.slept) == (1, [])


@pytest.mark.parametrize(
    "error",
    ["invalid user name or password (6)", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"],
)
def test_what_waiting_does_not_mend_is_told_at_once(run, fake_router, clock, error):
    fake_router.login_errors = [error]
    assert error in run(router_ids=SIPS[:1], wait=10)["msg"]
    assert (fake_router.logins, clock.slept) == (1, [])


def test_a_lost_session_is_told(run, fake_router):
    fake_router.errors["/routing/ospf/neighbor"] = [TimeoutError("timed out")]
    assert "The session with the router 172.18.0.1 was lost: timed out" in run()["msg"]


@pytest.mark.parametrize(
    ("menu", "error", "says"),
    [
        ("/routing/ospf/neighbor", TrapError("not enough permissions (9)"), "user 'ansible' may not read"),
        (
            "/routing/ospf/neighbor",
            MultiTrapError(TrapError("no such command or directory (ospf)", 0), TrapError("no such command prefix")),
            "has no menu /routing/ospf/neighbor",
        ),
        ("/system/resource", TrapError("not enough permissions (9)"), "Give its group the policies api and read"),
    ],
)
def test_a_refusal_is_explained(run, fake_router, menu, error, says):
    fake_router.errors[menu] = [error]
    assert says in run(router_ids=SIPS, wait=30)["msg"]


@pytest.mark.parametrize(
    ("version", "says"),
    [("6.49.10 (long-term)", "runs RouterOS 6.49.10, expected 7.16"), ("7.15.3 (stable)", "expected 7.16 or newer")],
)
def test_an_old_router(run, fake_router, version, says):
    fake_router.menus["/system/resource"][0]["version"] = version
    assert says in run(wait=60)["msg"]
    assert [menu for menu, _words in fake_router.reads] == ["/system/resource"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"router_ids": ["sip1"]}, "router_ids: 'sip1' is not a router id"),
        ({"router_ids": [], "count": 1}, "mutually exclusive: router_ids|count"),
        ({"count": -1}, "count is -1"),
        ({"exact": True}, "nothing is expected"),
    ],
)
def test_bad_input_is_told_before_a_login(run, fake_router, options, says):
    assert says in run(**options)["msg"]
    assert fake_router.logins == 0


def test_the_router_id_of_the_instance_that_runs(run, fake_router):
    """A router upgraded from version 6 (forum 1113439, 210823, 213500)."""
    fake_router.neighbors(("172.18.0.11",))
    fake_router.menus["/routing/ospf/instance"].insert(
        0, {".id": "*0", "name": "default-v2", "version": 2, "router-id": "main", "inactive": False}
    )
    fake_router.menus["/routing/ospf/area"].insert(
        0, {".id": "*0", "name": "backbone-v2", "instance": "default-v2", "disabled": True, "inactive": True}
    )
    fake_router.neighbors(("172.18.0.11", "Init"))
    assert run(router_ids=["172.18.0.11"])["own"]["router_id"] == "172.18.0.1"
