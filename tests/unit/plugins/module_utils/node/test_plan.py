# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role is to do to a node, decided once."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.conf import BirdConf
from ansible_collections.homelab.anycast.plugins.module_utils.node.plan import Wanted, node_plan

KEY = "secret-key"
SIP = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio"}
SIX = {"name": "six", "addresses": ["2001:db8:64::64"], "interface": "dummy1"}
ARTICLE = 'protocol device { } protocol ospf { area 0 { stubnet 172.18.0.64/32; interface "dummy0" { stub; }; }; }'
HAND_MADE = {"file": "/etc/network/interfaces", "name": "dummy0", "addresses": [], "extra": [], "heirs": []}
RUNS = {"load": "loaded", "active": "active", "enabled": "enabled", "remains": False}
BEFORE: dict = {"packages": [], "purge": [], "units": {}, "files": [], "stanzas": []}


def wanted(**variables):
    defaults = {
        "link": {"key": KEY},
        "services": [SIP],
        "router_id": "172.18.0.11",
        "interfaces": ["enp0s11"],
        "priority": 0,
        "cost": 1,
        "withdraw_wait": 1.0,
        "interface_manager": "auto",
        "package": "",
        "lsa": "service",
        "source_gateway": "",
        "source_table": 64,
        "directory": "/etc/bird",
        "without": None,
        "removal": False,
    }
    return Wanted(**{**defaults, **variables})


def info(bird_conf=None, bird_part=None, **read):
    """What anycast_node_info says of a good node."""
    found = {
        "facts": {
            "distributions": ["debian"],
            "interfaces": {"enp0s11": {"active": True, "mtu": 1500, "addresses": ["172.18.0.11/26"]}},
        },
        "units": {"kamailio.service": RUNS, "bird.service": RUNS},
        "packages": {"bird2": "2.17.6", "bird3": None},
        "security_updates": {},
        "interface_managers": {
            "running": ["ifupdown"],
            "mute": {},
            "links": {"enp0s11": "ifupdown"},
            "interfaces": ["dummy0", "old"],
        },
        "bird_conf": dataclasses.asdict(BirdConf.parse(bird_conf)) if bird_conf else None,
        "bird_part": dataclasses.asdict(BirdConf.parse(bird_part)) if bird_part else None,
        "announced": {"owner": "bird", "group": "bird", "mode": "0750"},
        "stanzas": [],
        "sources": [["source", "/etc/network/interfaces.d/*"]],
        "routes": [],
        "resolvers": [],
        "tries": {"dummy": None, "sandbox": None},
        "source_routing": None,
        "before": None,
    }
    return {**found, **read}


def plan(read=None, others=None, **variables):
    return node_plan(wanted(**variables), read or info(), others or {})


def test_an_interfaces_file_that_reads_no_other_is_refused():
    (problem,) = plan(info(sources=[]))["problems"]
    assert "it has no line 'source'" in problem and "Add the line 'source /etc/network/interfaces.d/*'" in problem
    by_networkd = {"running": ["networkd"], "mute": {}, "links": {"enp0s11": "networkd"}, "interfaces": []}
    assert plan(info(sources=[], interface_managers=by_networkd))["problems"] == []
    assert plan(info(sources=None))["problems"] == []
    # Until it is moved away from there.
    assert plan(info(sources=[], interface_managers=by_networkd, stanzas=[HAND_MADE]))["problems"] == [problem]


def test_a_good_node():
    found = plan()
    assert found["problems"] == []
    assert found["services"][0]["unit"] == "kamailio.service"
    assert (found["ospf_versions"], found["interface_manager"]) == ([2], "ifupdown")
    (dummy,) = found["interfaces"]
    assert (dummy["name"], dummy["addresses"]) == ("dummy0", ["172.18.0.64/32"])
    assert found["surplus_interfaces"] == ["old"]
    assert (found["bird"]["path"], found["bird"]["main"]) == ("/etc/bird/bird.conf", None)
    assert found["bird"]["installed"] and found["bird"]["runs"] and found["bird"]["announced_is_there"]
    assert found["removal"] is None
    # As a task registers it.
    assert json.loads(json.dumps(found)) == found
    assert KEY not in json.dumps(found)


def test_all_problems_are_told_at_once():
    problems = plan(
        others={"sip2": "172.18.0.11"},
        link={"authentication": "md4"},
        services=[{"name": "sip", "addresses": ["172.18.0.64/26"]}],
        cost=0,
        source_gateway="hap",
        package="bird3",
        interface_manager="networkd",
    )["problems"]
    starts = (
        "bird_anycast_link: ",
        "bird_anycast_services: service 'sip': ",
        "bird_anycast_router_id 172.18.0.11 is the router id of sip2 too",
        "bird_anycast_cost is 0",
        "bird_anycast_source_gateway is 'hap'",
        "bird_anycast_interface_manager is networkd",
        "bird_anycast_package is bird3",
    )
    assert [start for start in starts if not any(problem.startswith(start) for problem in problems)] == []
    assert [problem for problem in problems if not problem.startswith(starts)] == []


def test_a_link_that_cannot_carry_the_addresses_names_its_variable():
    (problem,) = plan(link={"key": KEY, "authentication": "md5"}, services=[SIX])["problems"]
    assert problem.startswith("bird_anycast_link: authentication is 'md5', and there are IPv6 addresses")


def test_an_ipv6_address_takes_ospfv3():
    found = plan(services=[SIP, SIX])
    assert (found["problems"], found["ospf_versions"]) == ([], [2, 3])
    assert [entry["name"] for entry in found["interfaces"]] == ["dummy0", "dummy1"]


def test_what_is_read():
    asked = wanted(services=[SIP, SIX]).info_arguments()
    assert (asked["units"], asked["dummies"]) == (["kamailio.service", "bird.service"], ["dummy0", "dummy1"])
    assert asked["source_table"] is None
    assert wanted(source_gateway="172.18.0.1", source_table="64").info_arguments()["source_table"] == 64
    assert wanted(source_gateway="172.18.0.1", source_table="main").info_arguments()["source_table"] is None
    # Of services that cannot work there is nothing to read.
    assert wanted(services="sip").info_arguments()["units"] == ["bird.service"]


def test_source_routing_is_repaired_where_something_of_it_is_gone():
    found = plan(source_gateway="172.18.0.1")
    assert (found["problems"], found["source_routing"]["repair"]) == ([], True)
    (dummy,) = found["interfaces"]
    assert dummy["source_routing"]["up"] == found["source_routing"]["commands"]
    shown = "64: from 172.18.0.64 lookup 64\ndefault via 172.18.0.1 dev enp0s11\n172.18.0.0/26 dev enp0s11 scope link\n"
    assert not plan(info(source_routing=shown), source_gateway="172.18.0.1")["source_routing"]["repair"]
    assert not plan()["source_routing"]["repair"]


def test_what_was_made_by_hand_is_taken_over():
    found = plan(info(bird_conf=ARTICLE, stanzas=[HAND_MADE]))
    taken = found["takeover"]
    assert (taken["kind"], taken["keep_bird_conf"], len(taken["notes"])) == ("article", True, 2)
    assert taken["units"] == {"bird.service": RUNS, "announced_by_hand": True}
    assert taken["interfaces"] == found["interfaces"]


def test_a_bird_conf_that_does_more_is_not_changed():
    text = 'protocol device { } protocol bgp up { } include "/etc/bird/anycast*.conf";'
    found = plan(info(bird_conf=text))
    assert (found["problems"], found["takeover"]["keep_bird_conf"]) == ([], False)
    assert (found["bird"]["path"], found["bird"]["main"]) == ("/etc/bird/anycast.conf", "/etc/bird/bird.conf")


def test_what_is_wrong_with_services_is_said_once():
    found = plan(info(bird_conf=ARTICLE), services=[{"name": "sip"}])
    (problem,) = found["problems"]
    assert problem.startswith("bird_anycast_services: service 'sip': addresses")
    assert (found["takeover"]["kind"], found["takeover"]["notes"]) == ("none", [])


def test_a_node_that_has_nothing_yet():
    read = info(packages={"bird2": None, "bird3": None}, units={"kamailio.service": RUNS}, announced=None)
    found = plan(read, interfaces=["enp0s11"])
    assert found["problems"] == []
    assert (found["bird"]["package"], found["bird"]["installed"], found["bird"]["runs"]) == ("bird2", False, False)
    assert not found["bird"]["announced_is_there"]


def test_a_service_goes_and_the_others_stay():
    found = plan(services=[SIP, {"name": 5, "addresses": ["172.18.0.65"], "interface": "old"}], without="5")
    assert [service["name"] for service in found["services"]] == ["sip"]
    assert found["surplus_interfaces"] == ["old"]
    # What is no list of services is said, whatever goes.
    assert plan(services="sip", without="sip")["problems"] and plan(services=["sip"], without="sip")["problems"]


@pytest.mark.parametrize(
    ("installed", "came", "action"),
    [("2.17", ["bird2"], "purge"), (None, ["bird2"], "leave"), ("2.17", [], "leave")],
)
def test_bird_that_came_with_the_role_goes_with_it(installed, came, action):
    read = info(packages={"bird2": installed}, before={**BEFORE, "packages": came, "purge": [*came, "libx"]})
    found = plan(read, removal=True)["removal"]
    assert (found["action"], found["purge"], found["gives_back"]) == (action, [*came, "libx"], False)


BY_ROUTER = 'protocol ospf { area 0 { include "/etc/bird/anycast.d/*.conf"; }; }'
BY_SERVICE = 'protocol ospf { area 0 { }; area 255.255.255.255 { }; include "/etc/bird/anycast.d/*.area"; }'


@pytest.mark.parametrize(
    ("bird_conf", "lsa", "area", "expected"),
    [
        (None, "router", "0.0.0.0", ("router", (".conf", ".v3"), False)),
        (None, "service", "0.0.0.0", ("service", (".area", ".area3"), False)),
        # Without a backbone there would be no route between the areas.
        (None, "service", "0.0.0.5", ("router", (".conf", ".v3"), False)),
        (BY_ROUTER, "router", "0.0.0.0", ("router", (".conf", ".v3"), False)),
        (BY_ROUTER, "service", "0.0.0.0", ("service", (".area", ".area3"), True)),
        (BY_SERVICE, "service", "0.0.0.0", ("service", (".area", ".area3"), False)),
        (BY_SERVICE, "router", "0.0.0.0", ("router", (".conf", ".v3"), True)),
    ],
)
def test_whose_lsa_announces_an_address(bird_conf, lsa, area, expected):
    bird = plan(info(bird_conf=bird_conf), lsa=lsa, link={"key": KEY, "area": area})["bird"]
    assert (bird["lsa"], tuple(bird["suffixes"]), bird["restarts_ospf"]) == expected


FOREIGN = 'protocol device { } protocol bgp up { } include "/etc/bird/anycast*.conf";'


@pytest.mark.parametrize(
    ("bird_conf", "bird_part", "lsa", "expected"),
    [
        (FOREIGN, None, "service", None),
        (FOREIGN, BY_SERVICE, "service", None),
        (FOREIGN, BY_ROUTER, "service", ".area"),
        (FOREIGN, BY_SERVICE, "router", ".conf"),
        # A part that nothing includes.
        (BY_SERVICE, BY_ROUTER, "service", None),
        (ARTICLE, None, "service", ".area"),
    ],
)
def test_what_is_told_again_after_ospf_has_started_anew(bird_conf, bird_part, lsa, expected):
    bird = plan(info(bird_conf=bird_conf, bird_part=bird_part), lsa=lsa)["bird"]
    files = {f"/etc/bird/anycast.d/sip{expected}": ["172.18.0.64/32"]}
    assert bird["restarts_ospf"] == (expected is not None)
    assert bird["told"] == ({"area": "0.0.0.0", "files": files} if expected else None)


def test_the_removal_needs_no_good_services():
    ours = 'protocol ospf { area 0 { include "/etc/bird/anycast.d/*.conf"; }; }'
    read = info(bird_conf=ours, before={**BEFORE, "files": ["/etc/bird/bird.conf"], "stanzas": ["dummy0"]})
    found = plan(read, services="sip", removal=True)["removal"]
    assert (found["action"], found["gives_back"], found["stanzas"]) == ("stop", True, ["dummy0"])
    assert found["bird_is_active"]


def test_what_may_go_wrong_later_keeps_nothing_from_working():
    read = info(resolvers=["172.18.0.64"], packages={"bird2": "2.17.1-1"}, tries={"dummy": None, "sandbox": "226"})
    found = plan(read)
    assert found["problems"] == [] and len(found["doubts"]) == 3
    assert (found["namespaces"], plan()["namespaces"], plan()["doubts"]) == (False, True, [])
    read = info(tries={"dummy": "Operation not supported", "sandbox": None})
    assert "no dummy interface can be made" in plan(read)["problems"][0]
