# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why neighbours are not as expected."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.causes import (
    likely_causes,
    neighbor_findings,
    neighbors_failure,
)
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import (
    Expectation,
    Neighbor,
    Own,
    OwnInterface,
    compare,
)

ROUTER, SIP1, SIP2, SIP3 = "172.18.0.1", "172.18.0.11", "172.18.0.12", "172.18.0.13"


def seen(router_id, state="Full", interface="eth0", address=None, **more):
    return Neighbor(router_id=router_id, address=address or router_id, interface=interface, state=state, **more)


LAN_INTERFACE = OwnInterface(
    name="eth0",
    type="broadcast",
    area="0.0.0.0",
    network="172.18.0.0/26",
    state="DROther",
    hello=3.0,
    dead=12.0,
    priority=0,
)
DUMMY = OwnInterface("dummy0", "172.18.0.64/32", silent=True)
OWN = Own("sip1", SIP1, [LAN_INTERFACE, DUMMY])


@pytest.mark.parametrize(
    ("state", "first", "somewhere"),
    [
        ("Missing", "the other end is down", "hello 3 s, dead 12 s"),
        ("Missing", "the other end is down", "area or its type differs (here: 0.0.0.0)"),
        ("Missing", "the other end is down", "subnet mask differs (here: 172.18.0.0/26)"),
        ("Missing", "the other end is down", "IP protocol 89"),
        ("Missing", "the other end is down", "authentication differs"),
        ("Missing", "the other end is down", "same router id"),
        ("Down", "the other end is down", "multicast"),
        ("Attempt", "the other end is down", "multicast"),
        ("Init", "its hellos arrive here", "the other end rejects our hellos"),
        ("2-Way", "priority is 0 here", "no designated router is elected"),
        ("ExStart", "the MTU", "same router id"),
        ("Exchange", "the MTU", "same router id"),
        ("Loading", "link state requests or updates are lost", "damaged"),
    ],
)
def test_likely_causes(state, first, somewhere):
    causes = likely_causes(state, LAN_INTERFACE)
    assert causes[0].startswith(first)
    assert any(somewhere in cause for cause in causes)


def test_the_own_priority_is_only_blamed_if_it_is_zero():
    assert not likely_causes("2-Way", dataclasses.replace(LAN_INTERFACE, priority=1))[0].startswith(
        "priority is 0 here"
    )


def test_no_likely_causes_of_what_is_right():
    assert likely_causes("Full") == []


def message(neighbors, own=OWN, **expected):
    return neighbors_failure(compare(neighbors, Expectation(**expected)), own)


def test_message_of_a_missing_and_a_stuck_neighbor():
    text = message([seen(SIP2, "ExStart", role="DROther"), seen(SIP3)], router_ids=[ROUTER, SIP2])
    assert text.splitlines()[0] == "The OSPF neighbours of sip1 (router id 172.18.0.11) are not as expected."
    assert "- Missing: 172.18.0.1 (expected Full). Likely causes: (1) " in text
    assert "- 172.18.0.12: state ExStart on interface eth0, expected Full. Likely causes: (1) the MTU" in text
    assert "Found: 172.18.0.12 ExStart/DROther on eth0, 172.18.0.13 Full on eth0." in text
    assert "eth0 (broadcast, 172.18.0.0/26, area 0.0.0.0, hello 3 s, dead 12 s, priority 0, state DROther)" in text
    assert "dummy0 (172.18.0.64/32, stub or passive)" in text


def test_message_says_how_long_it_took():
    comparison = compare([], Expectation(router_ids=[ROUTER]))
    assert neighbors_failure(comparison, OWN, spent=30.2).splitlines()[0].endswith("not as expected after 30 s.")


def test_message_of_a_count():
    text = message([seen(SIP2)], count=3)
    assert "- Found 1 neighbour(s) in state Full, expected 3. Likely causes: " in text
    assert "- Found 2 neighbours, expected exactly 1." in message([seen(SIP2), seen(SIP3)], count=1, exact=True)


def test_message_of_surplus_neighbors():
    text = message([seen(ROUTER), seen("192.0.2.9")], router_ids=[ROUTER], exact=True)
    assert "- Not expected, yet there: 192.0.2.9 Full on eth0." in text


def test_message_of_an_unstable_neighbor():
    comparison = compare([seen(ROUTER)], Expectation(router_ids=[ROUTER]))
    text = neighbors_failure(comparison, OWN, spent=40, stable=10)
    assert "are as expected after 40 s, but have not been for 10 s" in text
    assert "172.18.0.1 Full on eth0" in text


@pytest.mark.parametrize(
    ("neighbors", "own", "expected", "cause"),
    [
        ([], Own("sip1", SIP1, []), {}, "OSPF runs on no interface here"),
        ([], Own("sip1"), {}, "the other end is down"),
        ([], Own("sip1", SIP1, [DUMMY]), {}, "stub or passive interfaces only, which send no hellos: dummy0"),
        ([], OWN, {"interface": "eth9"}, "OSPF does not run on interface eth9 here, but on eth0"),
        ([], OWN, {"interface": "dummy0"}, "interface dummy0 is stub or passive here"),
        (
            [seen(ROUTER, "2-Way", "eth1")],
            OWN,
            {"interface": "eth0"},
            "172.18.0.1 is seen on interface eth1 instead, 2-Way",
        ),
        ([seen("172.18.0.64")], OWN, {}, "it is there with a different router id: 172.18.0.64 is not expected"),
        ([], Own("sip1", ROUTER, [LAN_INTERFACE]), {}, "172.18.0.1 is the router id of this end itself"),
    ],
)
def test_why_it_may_be_missing(neighbors, own, expected, cause):
    finding = neighbor_findings(compare(neighbors, Expectation(router_ids=[ROUTER], **expected)), own)[0]
    assert (finding.router_ids, finding.state) == ([ROUTER], "Missing")
    assert finding.causes[0].startswith(cause) or cause in finding.causes[0]


@pytest.mark.parametrize(
    ("neighbors", "shared"),
    [
        ([seen("172.18.0.64"), seen("172.18.0.64", address=SIP2)], ["172.18.0.64"]),
        ([seen(SIP1, address=SIP2)], [SIP1]),
    ],
)
def test_a_shared_router_id_comes_first(neighbors, shared):
    findings = neighbor_findings(compare(neighbors, Expectation(count=3)), OWN)
    assert (findings[0].state, findings[0].router_ids) == ("Duplicate router id", shared)
    assert f"- Duplicate router id: {shared[0]}. Likely causes: (1) two routers" in message(neighbors, count=3)


def test_the_address_of_the_link_is_named_where_an_interface_has_two():
    """Each has an entry of its own, as RouterOS runs OSPF once for each address."""
    entries = [OwnInterface("bridge-lan", network=network) for network in ("192.168.88.1/24", "172.18.0.1/26")]
    own = Own("hap-lite", "172.18.0.1", entries)
    comparison = compare([], Expectation(router_ids=["172.18.0.11"], interface="bridge-lan"))
    (finding,) = neighbor_findings(comparison, own)
    assert "the subnet mask differs (here: 172.18.0.1/26)" in finding.causes
    assert own.interface("bridge-lan", ["not an address"]) is entries[0]
