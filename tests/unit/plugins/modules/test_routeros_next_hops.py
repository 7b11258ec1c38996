# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run against a RouterOS in memory."""

from __future__ import annotations

import pytest
from librouteros.exceptions import ConnectionClosed, LibRouterosError

MODULE = "routeros_next_hops"
PREFIX = "172.18.0.64/32"
SIPS = ["172.18.0.11", "172.18.0.12", "172.18.0.13"]


@pytest.fixture
def run(run_routeros, clock):
    def run(**options):
        return run_routeros(MODULE, **{"prefix": PREFIX, **options})

    return run


def via(*addresses):
    return [{"gateway": address + "%bridge-lan", "immediate-gw": address + "%bridge-lan"} for address in addresses]


def test_returns_what_it_finds(run, fake_router):
    fake_router.routes(*via("172.18.0.12", "172.18.0.11"))
    result = run()
    assert result["gateways"] == ["172.18.0.11", "172.18.0.12"]
    assert result["next_hops"][0] == {
        "gateway": "172.18.0.11",
        "interface": "bridge-lan",
        "vrf": None,
        "routing_table": "main",
        "protocol": "ospf",
        "distance": 110,
        "active": True,
        "ecmp": True,
        "dynamic": True,
        "blackhole": False,
        "bfd": None,
    }
    assert (result["changed"], result["version"]) == (False, "7.20.8 (long-term)")


def test_asks_the_router_for_this_prefix_only(run, fake_router):
    run(prefix="172.18.0.64")
    assert ("/ip/route", ("?dst-address=172.18.0.64/32",)) in fake_router.reads


@pytest.mark.parametrize(
    "expected",
    [
        {"gateways": SIPS[:2]},
        {"contains": SIPS[:1]},
        {"contains": SIPS[:1], "protocol": "ospf"},
        {},
    ],
)
def test_is_as_expected(run, fake_router, expected):
    fake_router.routes(*via(*SIPS[:2]))
    assert "failed" not in run(**expected)


def test_names_what_is_missing_and_surplus(run, fake_router):
    fake_router.routes(*via(*SIPS[:2]))
    names = dict(zip(SIPS, ("sip1", "sip2", "sip3"), strict=True))
    result = run(gateways=[SIPS[0], SIPS[2]], names=names)
    assert result["failed"]
    assert (result["missing"], result["surplus"]) == ([SIPS[2]], [SIPS[1]])
    assert "Missing: 172.18.0.13 (sip3) is not a next hop" in result["msg"]
    assert "Not expected, yet there: 172.18.0.12 (sip2)." in result["msg"]


def test_waits_until_a_node_is_gone_with_one_login(run, fake_router, clock):
    fake_router.routes(*via(*SIPS))
    clock.at(3, lambda: fake_router.routes(*via(*SIPS[:2])))
    assert run(gateways=SIPS[:2], wait=10)["waited"] == 4
    assert (fake_router.logins, fake_router.closed) == (1, 1)


def test_gives_up(run, fake_router, clock):
    result = run(gateways=SIPS, wait=5)
    assert "are not as expected after 5 s" in result["msg"]
    assert "no route to 172.18.0.64/32 at all" in result["msg"]


def test_watches_as_long_as_there_is_a_file(run, fake_router, clock, tmp_path):
    watching = tmp_path / "watching"
    watching.touch()
    fake_router.routes(*via(*SIPS[:2]))
    clock.at(3, lambda: fake_router.routes(*via(SIPS[0])))
    clock.at(5, lambda: fake_router.errors.update({"/ip/route": [ConnectionClosed("reset")]}))
    clock.at(7, lambda: fake_router.routes(*via(*SIPS[:2])))
    clock.at(9, watching.unlink)
    first, gone, back = run(while_file=str(watching), poll_interval=0.5)["changes"]
    assert (first["after"], first["gateways"]) == (None, SIPS[:2])
    assert (gone["gateways"], back["gateways"]) == (SIPS[:1], SIPS[:2])
    assert first["by"] <= gone["after"] <= gone["by"] <= back["after"] <= back["by"]
    # The session that was lost, and the one after it.
    assert (clock.now, fake_router.logins) == (1009.0, 2)


def test_a_watch_ends_with_its_file_though_the_router_is_away(run, fake_router, clock, tmp_path):
    watching = tmp_path / "watching"
    watching.touch()
    fake_router.routes(*via(*SIPS[:2]))
    lost = {menu: [ConnectionClosed("reset") for _look in range(9)] for menu in ("/ip/route", "/routing/bfd/session")}
    clock.at(2, lambda: fake_router.errors.update(lost))
    clock.at(5, watching.unlink)
    result = run(while_file=str(watching), poll_interval=1)
    # What it has seen counts.
    assert (result["gateways"], len(result["changes"])) == (SIPS[:2], 1)
    assert [hop["bfd"] for hop in result["next_hops"]] == [None, None]
    assert clock.now == 1005


def test_a_watch_that_never_saw_the_router_ends_with_its_file_too(run, fake_router, clock, tmp_path):
    watching = tmp_path / "watching"
    watching.touch()
    fake_router.errors["/ip/route"] = [ConnectionClosed("reset") for _look in range(99)]
    clock.at(3, watching.unlink)
    clock.at(30, lambda: pytest.fail("it watches for ever"))
    assert "The session with the router 172.18.0.1 was lost: reset" in run(while_file=str(watching))["msg"]


def test_a_static_route_that_hides_ospf(run, fake_router):
    static = {"gateway": "192.0.2.1", "ospf": None, "static": True, "distance": 1, "ecmp": None, "dynamic": False}
    fake_router.routes(static, dict(via(SIPS[0])[0], active=None))
    result = run(gateways=SIPS[:1], protocol="ospf")
    assert "172.18.0.11 is there (ospf, distance 110) but not active" in result["msg"]
    assert "192.0.2.1 comes from static (distance 1), expected ospf: remove that route" in result["msg"]


def test_the_state_of_bfd(run, fake_router):
    fake_router.routes(*via(*SIPS))
    fake_router.menus["/routing/bfd/session"] = [
        {"remote-address": "172.18.0.11%bridge-lan", "state": "up"},
        {"remote-address": "172.18.0.12%ether9", "state": "up"},
        {"remote-address": "172.18.0.13%bridge-lan", "state": "down"},
    ]
    assert [hop["bfd"] for hop in run()["next_hops"]] == ["up", None, "down"]


def test_a_filtered_route_is_not_said_to_be_missing(run, fake_router):
    row = {"dst-address": PREFIX, "routing-table": "main", "ospf": True}
    fake_router.menus["/routing/route"] = [
        {**row, "gateway": "172.18.0.11%bridge-lan", "contribution": "active", "active": True},
        {**row, "gateway": "172.18.0.12%bridge-lan", "contribution": "filtered", "filtered": True},
        {**row, "gateway": "172.18.0.13%bridge-lan", "filtered": True, "routing-table": "VRF1"},
    ]
    # Whether /ip/route lists it or not.
    fake_router.routes(*via(SIPS[0]), dict(via(SIPS[1])[0], active=None))
    result = run(gateways=SIPS)
    assert result["filtered"] == ["172.18.0.12"]
    assert "Missing: 172.18.0.12 is announced, but a filter of the router rejects it" in result["msg"]
    assert "Missing: 172.18.0.13 is not a next hop" in result["msg"]


SIX = "2001:db8::64/128"


def of_ipv6(*hosts):
    return [
        {
            "dst-address": SIX,
            "gateway": f"fe80::{host}%bridge-lan",
            "immediate-gw": f"fe80::{host}%bridge-lan",
            "active": True,
            "ospf": True,
        }
        for host in hosts
    ]


@pytest.fixture
def dual_stack(fake_router):
    fake_router.menus["/ipv6/route"] = of_ipv6(11)
    fake_router.menus["/routing/ospf/neighbor"] = [
        fake_router.neighbor(address, **more)
        for address in SIPS[:2]
        for more in ({}, {"address": f"fe80::{address[-2:]}%bridge-lan", "instance": "anycast-v3"})
    ]
    return fake_router


def test_the_state_of_bfd_with_a_node_of_ipv6(run, dual_stack):
    dual_stack.menus["/routing/bfd/session"] = [{"remote-address": "fe80::11%bridge-lan", "state": "up"}]
    assert [hop["bfd"] for hop in run(prefix=SIX)["next_hops"]] == ["up"]


@pytest.mark.parametrize("spelled", ["fe80::11", "FE80:0::11", "172.18.0.11"])
def test_a_drained_node_of_ipv6_that_is_still_there(run, dual_stack, spelled):
    result = run(prefix=SIX, without=[spelled])
    assert (result["failed"], result["surplus"]) == (True, ["172.18.0.11"])
    (hop,) = result["next_hops"]
    assert (hop["gateway"], hop["link_local"], hop["router_id"]) == ("172.18.0.11", "fe80::11", "172.18.0.11")


def test_a_filtered_route_of_ipv6_is_named_by_its_node(run, dual_stack):
    dual_stack.menus["/routing/route"] = [{**of_ipv6(12)[0], "filtered": True}]
    result = run(prefix=SIX, contains=SIPS[:2])
    assert result["filtered"] == ["172.18.0.12"]
    assert "Missing: 172.18.0.12 is announced, but a filter of the router rejects it" in result["msg"]


def test_who_may_not_read_what_is_filtered(run, fake_router):
    fake_router.errors["/routing/route"] = [LibRouterosError("no such command")]
    assert run(gateways=SIPS)["filtered"] == []


def test_an_old_router(run, fake_router):
    fake_router.menus["/system/resource"][0]["version"] = "6.49.10 (long-term)"
    assert "runs RouterOS 6.49.10, expected 7.16" in run()["msg"]


def test_a_router_that_is_away_at_first_is_waited_for(run, fake_router, clock):
    fake_router.routes(*via(SIPS[0]))
    fake_router.login_errors = ["[Errno 111] Connection refused", "[Errno 113] No route to host", "timed out"]
    result = run(gateways=SIPS[:1], wait=10)
    assert (result["waited"], fake_router.logins) == (6, 4)


@pytest.mark.parametrize("wait", [0, 3])
def test_a_router_that_stays_away(run, fake_router, clock, wait):
    fake_router.login_errors = ["[Errno 111] Connection refused"] * 9
    assert "port 8728 (plain API): nothing listens there" in run(wait=wait)["msg"]
    assert clock.now == 1000 + wait


def test_no_login(run, fake_router):
    fake_router.login_errors = ["timed out"]
    assert "Cannot connect to the router at 172.18.0.1, port 8728" in run()["msg"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prefix": "172.18.0.64/24"}, "prefix: '172.18.0.64/24' is not a prefix"),
        ({"gateways": ["sip1"]}, "gateways: 'sip1' is not an address"),
        ({"gateways": [], "contains": SIPS}, "mutually exclusive: gateways|contains"),
        ({"protocol": "OSPF"}, "value of protocol must be one of"),
        ({"while_file": "/nowhere"}, "while_file: there is no file /nowhere on this host"),
        ({"while_file": "/nowhere", "without": SIPS}, "mutually exclusive: while_file|without"),
        ({"wait": -1}, "wait is -1"),
        ({"poll_interval": 0}, "poll_interval is 0"),
    ],
)
def test_bad_input_is_told_before_a_login(run, fake_router, options, says):
    assert says in run(**options)["msg"]
    assert fake_router.logins == 0
