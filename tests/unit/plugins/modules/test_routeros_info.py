# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run against a RouterOS in memory."""

from __future__ import annotations

import hashlib
import time

import pytest

MODULE = "routeros_info"


@pytest.fixture
def run(run_routeros):
    def run(**options):
        return run_routeros(MODULE, **options)

    return run


def test_returns_what_the_router_is_and_has(run, fake_router):
    result = run()
    assert result["version"] == "7.20.8 (long-term)"
    assert (result["architecture"], result["board"]) == ("smips", "hAP lite")
    assert result["free_memory"] == 6291456
    ether2 = {"name": "ether2", "type": "ether", "mtu": 1500, "running": False, "disabled": True}
    assert ether2 in result["interfaces"]
    assert result["addresses"][0] == {
        "address": "172.18.0.1/26",
        "network": "172.18.0.0",
        "interface": "bridge-lan",
        "disabled": False,
    }
    assert result["ospf"]["instances"][0]["router-id"] == "172.18.0.1"
    assert result["ospf"]["areas"][0]["area-id"] == "0.0.0.0"
    assert result["ospf"]["interface_templates"][0][".id"] == "*1"
    assert result["changed"] is False
    assert (fake_router.logins, fake_router.closed) == (1, 1)


def test_an_address_that_was_given_to_the_port_of_a_bridge_is_on_the_bridge(run, fake_router):
    """Forum 213500."""
    fake_router.menus["/ip/address"][0].update({"interface": "ether2", "actual-interface": "bridge-lan"})
    assert run()["addresses"][0]["interface"] == "bridge-lan"


def test_vrrp_is_asked_for_only_where_an_interface_is_of_that_type(run, fake_router):
    assert run()["vrrp"] == []
    assert "/interface/vrrp" not in [menu for menu, _words in fake_router.reads]
    fake_router.menus["/interface"].append({"name": "vrrp1", "type": "vrrp", "running": True, "disabled": False})
    row = {"name": "vrrp1", "interface": "bridge-lan", "vrid": 1, "master": True}
    fake_router.menus["/interface/vrrp"] = [row]
    result = run()
    assert [(one["name"], one["state"], one["networks"]) for one in result["vrrp"]] == [
        ("vrrp1", "master", ["172.18.0.0/26"])
    ]
    # Neither the password nor a script, which may hold one, is asked for.
    (asked,) = [str(words) for menu, words in fake_router.reads if menu == "/interface/vrrp"]
    assert ".proplist=" in asked and not any(name in asked for name in ("password", "on-master"))
    assert fake_router.logins == 2


def test_returns_the_filter_rules_in_their_order(run, fake_router):
    rules = [{".id": "*2", "chain": "anycast-in", "rule": "reject"}, {".id": "*1", "chain": "his", "rule": "accept"}]
    fake_router.menus["/routing/filter/rule"] = [dict(rule) for rule in rules]
    assert run()["filter"] == {"rules": rules}


def test_a_switch_keeps_the_form_of_the_router(run, fake_router):
    fake_router.menus["/routing/ospf/interface-template"][0]["passive"] = ""
    assert run()["ospf"]["interface_templates"][0]["passive"] == ""


def test_never_reads_a_key(run, fake_router):
    assert "s3cretK1" not in str(run())
    (words,) = [words for menu, words in fake_router.reads if menu == "/routing/ospf/interface-template"]
    assert "auth-key" not in words[0]
    assert "auth," in words[0]


@pytest.mark.parametrize(
    "key, on_the_router, as_given",
    [
        ("s3cretK1", "s3cretK1", True),
        ("another", "s3cretK1", False),
        # As librouteros reads these.
        ("12345", 12345, True),
        ("yes", True, True),
        ("true", True, True),
        ("no", True, False),
    ],
)
def test_whether_the_key_is_the_given_one(run, fake_router, key, on_the_router, as_given):
    (template,) = fake_router.menus["/routing/ospf/interface-template"]
    template["auth-key"] = on_the_router
    result = run(auth_key_sha256=hashlib.sha256(key.encode()).hexdigest())
    (found,) = result["ospf"]["interface_templates"]
    assert found["key_as_given"] is as_given
    assert "auth-key" not in found


@pytest.mark.parametrize("key, as_given, as_new", [("old", True, False), ("new", False, True), ("his", False, False)])
def test_whether_the_key_is_the_new_one(run, fake_router, key, as_given, as_new):
    fake_router.menus["/routing/ospf/interface-template"][0]["auth-key"] = key
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (("old", "old"), ("new", "new"))}
    (found,) = run(auth_key_sha256=hashes["old"], new_key_sha256=hashes["new"])["ospf"]["interface_templates"]
    assert (found["key_as_given"], found["key_as_new"]) == (as_given, as_new)


def test_a_template_without_a_key(run, fake_router):
    del fake_router.menus["/routing/ospf/interface-template"][0]["auth-key"]
    (found,) = run(auth_key_sha256="0" * 64)["ospf"]["interface_templates"]
    assert {"key_as_given", "key_masked", "auth-key"}.isdisjoint(found)


def test_a_user_who_may_not_see_the_key(run, fake_router):
    fake_router.menus["/routing/ospf/interface-template"][0]["auth-key"] = "*****"
    (found,) = run(auth_key_sha256="0" * 64)["ospf"]["interface_templates"]
    # Not that it is another one, which nobody knows.
    assert {"key_as_given", "auth-key"}.isdisjoint(found)
    assert found["key_masked"] is True


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("6.49.10 (long-term)", "runs RouterOS 6.49.10, expected 7.16 or newer"),
        ("7.15.3 (stable)", "runs RouterOS 7.15.3, expected 7.16 or newer"),
        ("", "says its version is '', expected RouterOS 7.16 or newer. Is it a MikroTik router?"),
    ],
)
def test_an_unsupported_version(run, fake_router, version, says):
    fake_router.menus["/system/resource"][0]["version"] = version
    assert "The router 172.18.0.1 " + says in run()["msg"]
    assert [menu for menu, _words in fake_router.reads] == ["/system/resource"]


def test_a_lost_session(run, fake_router):
    fake_router.errors["/interface"] = [TimeoutError("timed out")]
    assert "was lost: timed out" in run()["msg"]


def test_what_decides_about_packets(run, fake_router):
    rule = {".id": "*1", "chain": "input", "action": "drop", "in-interface-list": "!LAN", "bytes": 7}
    fake_router.menus["/ip/firewall/filter"] = [rule]
    fake_router.menus["/interface/list"] += [
        {"name": "LAN", "include": "guests"},
        {"name": "guests"},
        {"name": "inner", "include": "LAN", "exclude": "guests"},
        {"name": "vpn", "include": "dynamic"},
    ]
    fake_router.menus["/interface/list/member"] = [
        {"list": "LAN", "interface": "bridge-lan"},
        {"list": "guests", "interface": "bridge-guests"},
        {"list": "guests", "interface": "ether2", "disabled": True},
    ]
    result = run()
    assert result["ip_settings"] == {
        "ip-forward": True,
        "ipv4-multipath-hash-policy": "l3",
        "rp-filter": "strict",
        "send-redirects": True,
    }
    assert result["firewall"]["filter"] == [rule]
    # Who is in the list vpn cannot be told, so nothing is said about it.
    assert result["firewall"]["interface_lists"] == {
        "LAN": ["bridge-guests", "bridge-lan"],
        "guests": ["bridge-guests"],
        "inner": ["bridge-lan"],
        "none": [],
    }


def test_routes_are_read_of_the_prefixes_asked_for(run, fake_router):
    fake_router.routes({"gateway": "172.18.0.11%bridge-lan"}, {"dst-address": "10.0.0.0/8", "gateway": "172.18.0.9"})
    assert run()["routes"] == []
    (found,) = run(prefixes=["172.18.0.64"])["routes"]
    assert (found["prefix"], found["gateway"], found["protocol"]) == ("172.18.0.64/32", "172.18.0.11", "ospf")
    assert "prefixes: '172.18.0.64/24' is not a prefix such as" in run(prefixes=["172.18.0.64/24"])["msg"]


@pytest.mark.parametrize(
    ("row", "utc"),
    [
        ({"date": "2026-11-22", "time": "20:48:02", "gmt-offset": "+02:00"}, "2026-11-22T18:48:02Z"),
        ({"date": "2026-11-22", "time": "13:18:02", "gmt-offset": "-05:30"}, "2026-11-22T18:48:02Z"),
        ({"date": "2026-11-22", "time": "18:48:02"}, "2026-11-22T18:48:02Z"),
        ({}, None),
        ({"date": "yesterday", "time": "18:48:02"}, None),
    ],
)
def test_the_clock(run, fake_router, monkeypatch, row, utc):
    monkeypatch.setattr(time, "time", lambda: 1795373282.0 - 90)
    fake_router.menus["/system/clock"] = [row]
    assert run()["clock"] == {"utc": utc, "skew": None if utc is None else 90}


def test_what_rewrites_or_bypasses_forwarding(run, fake_router):
    found = run()
    assert (found["l3_hw_offloading"], found["sip_helper"]) == (False, False)
    fake_router.menus["/interface/ethernet/switch"] = [{"name": "switch1", "l3-hw-offloading": True}]
    fake_router.menus["/ip/firewall/service-port"] = [{"name": "ftp", "disabled": True}, {"name": "sip"}]
    found = run()
    assert (found["l3_hw_offloading"], found["sip_helper"]) == (True, True)
