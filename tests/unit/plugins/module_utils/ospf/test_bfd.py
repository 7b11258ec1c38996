# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BFD sessions: as both ends tell them, expected of neighbours, and why they may not be up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird import control
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.bfd import BFD_STATES, BfdSession, with_bfd
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.causes import (
    bfd_causes,
    neighbor_findings,
    neighbors_failure,
)
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import (
    Expectation,
    Neighbor,
    Own,
    Watch,
    compare,
)
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import neighbors as routeros_neighbors

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "bird"
ROUTER, SIP1, SIP2 = "172.18.0.1", "172.18.0.11", "172.18.0.12"


@pytest.mark.parametrize("version", ["2.0.12", "2.17.5", "3.1.7"])
def test_sessions_of_bird(version):
    said = json.loads((RECORDINGS / f"{version}.json").read_text())["full_bfd"]["show bfd sessions"]
    _greeting, data = control.split_reply("".join(f"{line}\n" for line in said).encode())
    assert control.parse_bfd_sessions(control.split_reply(data)[0]) == [BfdSession(ROUTER, "enp0s11", "up")]


@pytest.mark.parametrize(
    ("word", "state"), [("Up", "up"), ("Down", "down"), ("Init", "init"), ("AdminDown", "admin-down")]
)
def test_states_of_bird(word, state):
    row = f"{ROUTER}                ---        {word}       15:37:28.885    0.300    0.900"
    heading = "IP address                Interface  State      Since         Interval  Timeout"
    assert control.parse_bfd_sessions([(1020, "bfd1:"), (1020, heading), (1020, row), (0, "")]) == [
        BfdSession(ROUTER, None, state)
    ]


def test_sessions_of_routeros():
    # The first two as in MikroTik's manual, BFD: one that is forbidden and one that does not come up.
    about = "BFD forbidden for destination address"
    rows: list[dict] = [
        {"remote-address": "10.155.101.183", "inactive": True, "about": about},
        {"remote-address": "111.111.11.11%ovpn-out1@vrf1", "state": "down"},
        {"remote-address": "172.18.0.11%bridge-lan", "state": "up", "inactive": False},
    ]
    assert routeros_neighbors.parse_bfd_sessions(rows, {"ovpn-out1", "bridge-lan"}) == [
        BfdSession("10.155.101.183", None, "forbidden"),
        BfdSession("111.111.11.11", "ovpn-out1", "down"),
        BfdSession("172.18.0.11", "bridge-lan", "up"),
    ]


def seen(router_id, state="Full", interface="eth0", **more):
    return Neighbor(router_id=router_id, address=router_id, interface=interface, state=state, **more)


@pytest.mark.parametrize(
    ("interface", "sessions", "state"),
    [
        ("eth0", [(ROUTER, "eth0", "up")], "up"),
        ("eth0", [(ROUTER, "eth1", "up"), (ROUTER, None, "down")], "down"),
        # RouterOS 7.20 does not name the interface of a neighbour.
        (None, [(ROUTER, "eth0", "init")], "init"),
        ("eth0", [(SIP2, "eth0", "up")], None),
        ("eth0", [], None),
    ],
)
def test_a_neighbors_session(interface, sessions, state):
    assert with_bfd([seen(ROUTER, interface=interface)], [BfdSession(*entry) for entry in sessions])[0].bfd == state


def test_a_neighbor_is_good_with_its_session_only():
    neighbors = [seen(SIP1, bfd="up"), seen(SIP2, bfd="down")]
    assert compare(neighbors, Expectation(router_ids=[SIP1, SIP2])).met
    comparison = compare(neighbors, Expectation(router_ids=[SIP1, SIP2], bfd=True))
    assert (comparison.met, comparison.stuck) == (False, [neighbors[1]])
    assert not compare(neighbors, Expectation(count=2, bfd=True)).met
    assert compare(neighbors, Expectation(count=1, bfd=True)).met
    assert not compare([seen(SIP1, "Init", bfd="up")], Expectation(router_ids=[SIP1], bfd=True)).met


def test_a_session_that_flaps_is_not_stable():
    watch = Watch(Expectation(router_ids=[ROUTER], bfd=True))
    assert watch.look([seen(ROUTER, bfd="up", full_seconds=50.0, state_changes=6)], 0).held == 50.0
    assert not watch.look([seen(ROUTER, bfd="down", full_seconds=52.0, state_changes=6)], 2).good
    assert watch.look([seen(ROUTER, bfd="up", full_seconds=54.0, state_changes=6)], 4).held == 2


@pytest.mark.parametrize(
    ("state", "found", "first", "somewhere"),
    [
        (None, "Full, no BFD session", "OSPF does not ask for BFD at this end", "use-bfd=yes"),
        ("down", "Full, BFD down", "BFD is not on at the other end", "UDP port 3784"),
        ("down", "Full, BFD down", "BFD is not on at the other end", "/routing/bfd/configuration"),
        ("forbidden", "Full, BFD forbidden", "no row of /routing/bfd/configuration", "forbid-bfd=yes"),
        ("init", "Full, BFD init", "its packets arrive here, ours do not", "UDP port 3784"),
        ("admin-down", "Full, BFD admin-down", "BFD is switched off by hand", "administratively"),
    ],
)
def test_why_a_session_is_not_up(state, found, first, somewhere):
    comparison = compare([seen(SIP1, bfd=state)], Expectation(router_ids=[SIP1], bfd=True))
    (finding,) = neighbor_findings(comparison, Own("hap-lite"))
    assert (finding.router_ids, finding.interface, finding.found) == ([SIP1], "eth0", found)
    assert finding.expected == "Full, BFD up"
    assert finding.causes[0].startswith(first)
    assert any(somewhere in cause for cause in finding.causes)


def test_every_state_but_up_has_causes():
    assert all(bfd_causes(state) for state in BFD_STATES if state != "up")


def test_message_of_sessions_that_are_not_up():
    neighbors = [seen(SIP1, bfd="down"), seen(SIP2, bfd="down")]
    comparison = compare(neighbors, Expectation(router_ids=[ROUTER, SIP1, SIP2], bfd=True))
    text = neighbors_failure(comparison, Own("hap-lite"))
    assert "- Missing: 172.18.0.1 (expected Full)." in text
    assert "- 172.18.0.11, 172.18.0.12: state Full, BFD down on interface eth0, expected Full, BFD up." in text
    assert "Found: 172.18.0.11 Full on eth0 with BFD down, " in text


def test_a_neighbor_without_bfd_reads_as_ever():
    assert seen(ROUTER, role="DR").in_words() == "172.18.0.1 Full/DR on eth0"
