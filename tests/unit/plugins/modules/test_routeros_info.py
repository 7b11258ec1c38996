# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run against a RouterOS in memory."""

from __future__ import annotations

import pytest

MODULE = "routeros_info"


@pytest.fixture
def run(run_routeros):
    def run(**options):
        return run_routeros(MODULE, **options)

    return run


def test_returns_what_the_router_is_and_has(run, fake_router):
    result = run(interfaces=["bridge-lan", "ether1"])
    assert result["version"] == "7.20.8 (long-term)"
    assert (result["architecture"], result["board"], result["identity"]) == ("smips", "hAP lite", "hap-lite")
    assert (result["free_memory"], result["total_memory"]) == (6291456, 33554432)
    assert {"name": "ether2", "type": "ether", "running": False, "disabled": True} in result["interfaces"]
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
    ("name", "says"),
    [
        ("bridge", "the router 172.18.0.1 has no interface 'bridge'; it has: ether1, bridge-lan. Correct the name"),
        ("ether2", "interface 'ether2' of the router 172.18.0.1 is disabled. Enable it (/interface enable ether2)"),
    ],
)
def test_an_interface_that_cannot_be_used(run, name, says):
    result = run(interfaces=["bridge-lan", name])
    assert says in result["msg"]
    assert len(result["interfaces"]) == 3


@pytest.mark.parametrize("version", ["6.49.10 (long-term)", "7.15.3 (stable)", ""])
def test_an_unsupported_version(run, fake_router, version):
    fake_router.menus["/system/resource"][0]["version"] = version
    assert "expected" in run()["msg"]
    assert [menu for menu, _words in fake_router.reads] == ["/system/resource"]


def test_a_lost_session(run, fake_router):
    fake_router.errors["/interface"] = [TimeoutError("timed out")]
    assert "was lost: timed out" in run()["msg"]
