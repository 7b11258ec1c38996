# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a node from announcing: its system, interfaces, addresses, units and packages."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node.problems import (
    bird_package,
    bird_warnings,
    node_problems,
    package_problems,
    resolver_warnings,
    sandbox_warnings,
    try_problems,
    unit_problems,
    unit_warnings,
)
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.router_id import router_id_problems

SIP = {"name": "sip", "addresses": ["172.18.0.64"]}
FACTS: dict = {
    "distribution": "Debian GNU/Linux",
    "distributions": ["debian"],
    "interfaces": {
        "lo": {"addresses": ["127.0.0.1/8", "::1/128"]},
        "enp0s11": {"addresses": ["172.18.0.11/26", "192.0.2.1/24"]},
        "br-lan": {"addresses": ["198.51.100.1/24"]},
    },
}
WITH_DUMMY = {
    **FACTS,
    "interfaces": {**FACTS["interfaces"], "dummy0": {"addresses": ["172.18.0.64/32"]}},
}


FOLLOWING = normalise_services(
    [
        {**SIP, "unit": "kamailio"},
        {"name": "dns", "addresses": ["172.18.0.65"], "unit": "nsd"},
        {"name": "sips", "addresses": ["172.18.0.67"], "unit": "kamailio"},
        {"name": "x", "addresses": ["172.18.0.66"]},
    ]
)


def test_units_that_do_not_exist():
    assert unit_problems(FOLLOWING, {"kamailio.service": {"load": "loaded"}, "nsd.service": {"load": "masked"}}) == [
        "service 'dns': unit nsd.service is masked on this node; install it first, or correct the name"
    ]
    assert "unit nsd.service is not-found" in unit_problems(FOLLOWING, {"kamailio.service": {"load": "loaded"}})[0]


def test_a_unit_that_stays_active_when_its_daemon_dies():
    """SysV scripts, wrappers of docker compose: active (exited), and the service stayed announced."""
    states = {"kamailio.service": {"remains": True}, "nsd.service": {"remains": False}}
    warnings = unit_warnings(FOLLOWING, states)
    assert [warning.partition(":")[0] for warning in warnings] == ["service 'sip'", "service 'sips'"]
    assert "(RemainAfterExit=yes)" in warnings[0] and "Add a check" in warnings[0]
    checked = normalise_services([{**SIP, "unit": "kamailio", "check": {"kind": "sip"}}])
    assert unit_warnings(checked, states) == []


@pytest.mark.parametrize(
    ("resolvers", "said"),
    [
        (["172.18.0.64"], True),
        (["172.18.0.64", "172.18.0.12"], False),
        (["192.0.2.53"], False),
        ([], False),
    ],
)
def test_a_node_that_asks_itself_alone(resolvers, said):
    found = resolver_warnings(normalise_services([SIP]), resolvers)
    assert bool(found) is said and all("own anycast address 172.18.0.64 alone" in warning for warning in found)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2.17.1-1+b2", "2.17.5 has mended"),
        ("2.17-1", "2.17.5 has mended"),
        ("2.17.5-1~deb13u1", None),
        ("2.17.6-0+deb13u1", None),
        ("2.18.1-1", "2.18.2 has mended"),
        ("2.19-1", "2.19.1 has mended"),
        ("2.19.1-1", None),
        ("2.20-1", None),
        # Of other series no mended version is known.
        ("2.0.12-7", None),
        (None, None),
    ],
)
def test_an_old_bird_is_named(version, said):
    found = bird_warnings({"bird2": version, "bird3": None}, {})
    assert [said] == [said for warning in found if said in warning] if said else found == []


@pytest.mark.parametrize(("version", "is_old"), [("3.1.0-1", True), ("3.1.7-0+deb13u1", False), ("3.2.0-1", False)])
def test_an_old_bird3_is_named(version, is_old):
    found = bird_warnings({"bird2": None, "bird3": version}, {})
    assert [warning.partition(" reads")[0] for warning in found] == [f"bird3 {version}"] * is_old
    assert all("3.1.7 has mended" in warning and "install bird3" in warning for warning in found)


def test_a_security_update_is_named():
    updates = {"bird2": "2.0.12-7+deb12u1"}
    (warning,) = bird_warnings({"bird2": "2.0.12-7", "bird3": None}, updates)
    assert warning.startswith("bird2 2.0.12-7 is older than the security update 2.0.12-7+deb12u1. Drain the node")
    # Of two reasons, the one that says what is wrong.
    (warning,) = bird_warnings({"bird2": "2.17.1-1"}, {"bird2": "2.17.5-0+deb13u1"})
    assert "reads beyond a packet's end" in warning


def test_what_a_container_cannot_have():
    (problem,) = try_problems({"dummy": "RTNETLINK answers: Operation not supported", "sandbox": "x"})
    assert "'modprobe dummy'" in problem and "/etc/modules" in problem and "RTNETLINK answers" in problem
    (warning,) = sandbox_warnings({"dummy": None, "sandbox": "Job failed"})
    assert "--features nesting=1" in warning
    good = {"dummy": None, "sandbox": None}
    assert try_problems(good) == sandbox_warnings(good) == try_problems({}) == sandbox_warnings({}) == []


@pytest.mark.parametrize(
    ("asked", "installed", "package"),
    [
        ("", {"bird2": None, "bird3": None}, "bird2"),
        ("", {"bird2": None, "bird3": "3.1.7-1"}, "bird3"),
        ("", {}, "bird2"),
        ("bird3", {"bird2": None, "bird3": None}, "bird3"),
        ("bird2", {"bird2": "2.17.1-1", "bird3": None}, "bird2"),
    ],
)
def test_package_that_brings_bird(asked, installed, package):
    assert bird_package(asked, installed) == package
    assert package_problems(asked, installed) == []


def test_one_package_is_not_replaced_by_the_other():
    (problem,) = package_problems("bird3", {"bird2": "2.17.1-1", "bird3": None})
    assert problem.startswith("bird_anycast_package is bird3, but bird2 is installed on this node")


def problems(facts=None, addresses=("172.18.0.64",), router_id="172.18.0.11", interfaces=("enp0s11",), others=None):
    services = normalise_services([{"name": "sip", "addresses": list(addresses)}])
    return node_problems(services, router_id, list(interfaces), facts or FACTS, others or {})


def test_nothing_speaks_against_it():
    assert problems() == []


def test_a_system_that_is_like_debian():
    assert problems({**FACTS, "distributions": ["linuxmint", "ubuntu", "debian"]}) == []


def test_its_own_interface_does_not_count():
    assert problems(WITH_DUMMY) == []


@pytest.mark.parametrize(
    ("interfaces", "words"),
    [
        ({"lo": {"addresses": ["172.18.0.64/32"]}}, "is on interface lo already, expected on the dummy interface"),
        ({"lo": {"addresses": ["172.18.0.64/32"]}}, "(ip address del 172.18.0.64/32 dev lo)"),
        ({"anycast": {"addresses": ["172.18.0.64/32"]}}, "is on interface anycast already"),
        ({"dummy0": {"addresses": [], "kind": "bridge"}}, "dummy0 is on this node already and is bridge, expected"),
        ({"dummy0": {"addresses": [], "kind": None}}, "dummy0 is on this node already and is no dummy interface"),
        ({"dummy0": {"addresses": [], "kind": "dummy", "master": "vmbr1"}}, "dummy0 is a port of vmbr1, expected"),
    ],
)  # fmt: skip
def test_what_is_there_already(interfaces, words):
    (problem,) = problems({**FACTS, "interfaces": {**FACTS["interfaces"], **interfaces}})
    assert words in problem
    assert problems({**FACTS, "interfaces": {**FACTS["interfaces"], "dummy0": {"kind": "dummy", "master": None}}}) == []


@pytest.mark.parametrize(
    "given, words",
    [
        ({"addresses": ["172.18.0.62"]}, ["172.18.0.62 lies inside 172.18.0.0/26 on interface enp0s11"]),
        ({"addresses": ["192.0.2.9"]}, ["inside 192.0.2.0/24"]),
        ({"addresses": ["198.51.100.2"]}, ["inside 198.51.100.0/24 on interface br-lan"]),
        ({"router_id": ""}, ["bird_anycast_router_id is missing"]),
        ({"router_id": "sip1"}, ["bird_anycast_router_id is 'sip1'"]),
        ({"router_id": "0.0.0.0"}, ["OSPF reserves"]),
        ({"router_id": "172.18.0.64"}, ["172.18.0.64 is an anycast address"]),
        ({"others": {"sip2": "172.18.0.11", "sip3": "172.18.0.13"}}, ["172.18.0.11 is the router id of sip2 too"]),
        ({"others": {"hap-lite": "172.18.0.64"}}, ["the router id of hap-lite, 172.18.0.64, is an anycast address"]),
        ({"interfaces": ["enp0s12"]}, ["bird_anycast_interfaces names enp0s12", "br-lan, enp0s11"]),
        ({"interfaces": ["dummy0"], "facts": WITH_DUMMY}, ["dummy0 carries a service"]),
        (
            {"facts": {"distributions": ["fedora"], "distribution": "Fedora Linux"}},
            ["the node runs Fedora Linux, expected Debian"],
        ),
    ],
)
def test_what_speaks_against_it(given, words):
    found = problems(**given)
    assert len(found) == 1
    assert [word for word in words if word not in found[0]] == []


def test_the_router_is_asked_by_its_own_variable():
    assert "routeros_ospf_router_id is missing" in router_id_problems("routeros_ospf_router_id", None, {}, [])[0]
