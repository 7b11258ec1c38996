# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Found against expected, and the options that say what is expected."""

from __future__ import annotations

import time

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.expect import expectation_problems
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import (
    STATES,
    Expectation,
    Neighbor,
    Watch,
    compare,
    normalise_state,
)

ROUTER, SIP1, SIP2, SIP3 = "172.18.0.1", "172.18.0.11", "172.18.0.12", "172.18.0.13"


def seen(router_id, state="Full", interface="eth0", address=None, **more):
    return Neighbor(router_id=router_id, address=address or router_id, interface=interface, state=state, **more)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        *((state, state) for state in STATES),
        ("TwoWay", "2-Way"),
        ("2-way", "2-Way"),
        ("two-way", "2-Way"),
        ('"Full"', "Full"),
        ("EXSTART", "ExStart"),
        ("Whatever", "Whatever"),
    ],
)
def test_one_spelling_of_states(text, state):
    assert normalise_state(text) == state


LAN = [seen(ROUTER), seen(SIP2, "2-Way"), seen(SIP3, "2-Way")]


@pytest.mark.parametrize(
    ("neighbors", "expected", "met", "missing", "stuck", "surplus"),
    [
        (LAN, {}, True, [], [], []),
        (LAN, {"router_ids": [ROUTER]}, True, [], [], [SIP2, SIP3]),
        (LAN, {"router_ids": [ROUTER], "exact": True}, False, [], [], [SIP2, SIP3]),
        (LAN, {"router_ids": [ROUTER, SIP2]}, False, [], [SIP2], [SIP3]),
        (LAN, {"router_ids": [ROUTER, SIP2], "states": ["Full", "2-Way"]}, True, [], [], [SIP3]),
        (LAN, {"router_ids": [SIP2], "states": ["Full", "2-Way"], "full_with": [SIP3]}, False, [], [SIP3], [ROUTER]),
        (
            LAN,
            {"router_ids": [SIP2, SIP3], "states": ["Full", "2-Way"], "full_with": [ROUTER], "exact": True},
            True,
            [],
            [],
            [],
        ),
        (LAN, {"router_ids": ["192.0.2.9"]}, False, ["192.0.2.9"], [], [ROUTER, SIP2, SIP3]),
        (LAN, {"router_ids": [ROUTER], "interface": "eth1"}, False, [ROUTER], [], []),
        (LAN, {"router_ids": [], "exact": True}, False, [], [], [ROUTER, SIP2, SIP3]),
        ([], {"router_ids": [], "exact": True}, True, [], [], []),
        (LAN, {"count": 1}, True, [], [], []),
        (LAN, {"count": 2}, False, [], [SIP2, SIP3], []),
        (LAN, {"count": 1, "exact": True}, False, [], [SIP2, SIP3], []),
        (LAN, {"count": 3, "states": ["2-Way", "Full"], "exact": True}, True, [], [], []),
        (LAN, {"count": 2, "states": ["2-Way", "Full"]}, True, [], [], []),
        (LAN, {"count": 2, "states": ["2-Way", "Full"], "exact": True}, False, [], [], []),
        (LAN, {"count": 0, "states": ["Init"]}, True, [], [], []),
        (LAN, {"count": 1, "full_with": [SIP2]}, False, [], [SIP2], []),
        # The same router over two links: one good one is enough, unless one asks for the other.
        ([seen(ROUTER), seen(ROUTER, "Init", "eth1")], {"router_ids": [ROUTER]}, True, [], [], []),
        (
            [seen(ROUTER), seen(ROUTER, "Init", "eth1")],
            {"router_ids": [ROUTER], "interface": "eth1"},
            False,
            [],
            [ROUTER],
            [],
        ),
        ([seen(ROUTER), seen(ROUTER, "Full", "eth1")], {"count": 2}, False, [], [], []),
    ],
)
def test_comparison(neighbors, expected, met, missing, stuck, surplus):
    comparison = compare(neighbors, Expectation(**expected))
    assert comparison.met is met
    assert comparison.missing == missing
    assert [entry.router_id for entry in comparison.stuck] == stuck
    assert [entry.router_id for entry in comparison.surplus] == surplus


def test_two_neighbors_with_one_router_id_on_one_link_are_duplicates():
    twins = [seen(SIP1), seen(SIP1, address=SIP2), seen(ROUTER), seen(ROUTER, interface="eth1")]
    assert compare(twins, Expectation(count=3)).duplicates == [SIP1]


# What is held for how long, look by look: (seconds, neighbours) -> held, None if it does not hold.
FULL = {"full_seconds": 100.0, "state_changes": 6}


@pytest.mark.parametrize(
    ("expected", "looks"),
    [
        ({"router_ids": [ROUTER]}, [(0, [seen(ROUTER)], 0), (5, [seen(ROUTER)], 5)]),
        # RouterOS says since when.
        ({"router_ids": [ROUTER]}, [(0, [seen(ROUTER, **FULL)], 100)]),
        # Its whole seconds do not make it look younger.
        (
            {"router_ids": [ROUTER]},
            [(0, [seen(ROUTER, full_seconds=0.0)], 0), (2, [seen(ROUTER, full_seconds=1.0)], 2)],
        ),
        # Lost and back between two looks: told by the seconds, or by the changes.
        (
            {"router_ids": [ROUTER]},
            [(0, [seen(ROUTER, **FULL)], 100), (10, [seen(ROUTER, full_seconds=3.0, state_changes=6)], 3)],
        ),
        (
            {"router_ids": [ROUTER], "states": ["2-Way"]},
            [
                (0, [seen(ROUTER, "2-Way", state_changes=2)], 0),
                (9, [seen(ROUTER, "2-Way", state_changes=4)], 0),
                (10, [seen(ROUTER, "2-Way", state_changes=4)], 1),
            ],
        ),
        # A change of state starts anew, though both are allowed.
        (
            {"router_ids": [ROUTER], "states": ["2-Way", "Full"]},
            [(0, [seen(ROUTER, "2-Way")], 0), (5, [seen(ROUTER)], 0), (6, [seen(ROUTER)], 1)],
        ),
        # The youngest counts.
        ({"count": 2}, [(0, [seen(ROUTER, **FULL)], None), (4, [seen(ROUTER), seen(SIP2)], 0)]),
        # Others do not matter, unless it is exact.
        (
            {"router_ids": [ROUTER]},
            [(0, [seen(ROUTER), seen(SIP2, "2-Way")], 0), (5, [seen(ROUTER), seen(SIP2, "Init")], 5)],
        ),
        (
            {"router_ids": [ROUTER], "exact": True},
            [(0, [seen(ROUTER, **FULL), seen(SIP2)], None), (5, [seen(ROUTER, **FULL)], 5)],
        ),
        ({"router_ids": [], "exact": True}, [(0, [], 0), (5, [], 5), (6, [seen(SIP2)], None), (7, [], 1)]),
    ],
)
def test_how_long_it_has_held(expected, looks):
    watch = Watch(Expectation(**expected))
    for now, neighbors, held in looks:
        verdict = watch.look(neighbors, now)
        assert verdict.good is (held is not None)
        if held is not None:
            assert verdict.held == held


def test_a_thousand_neighbors_take_no_time():
    ids = [f"10.0.{index // 250}.{index % 250 + 1}" for index in range(1000)]
    neighbors = [seen(router_id, full_seconds=9.0) for router_id in ids]
    took = []
    # A machine at work has bad moments.
    for _run in range(3):
        watch = Watch(Expectation(router_ids=ids, exact=True))
        before = time.process_time()
        assert watch.look(neighbors, 0).good
        took.append(time.process_time() - before)
    assert min(took) < 0.05


PARAMS = {
    "router_ids": None,
    "count": None,
    "full_with": [],
    "states": ["Full"],
    "interface": None,
    "exact": False,
    "stable": 0,
    "wait": 0,
    "poll_interval": 2,
    "bfd": False,
}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (
            {"router_ids": ["hap-lite"]},
            "router_ids: 'hap-lite' is not a router id, expected four numbers such as 172.18.0.1",
        ),
        ({"full_with": ["172.18.0.256"]}, "full_with: '172.18.0.256' is not a router id"),
        ({"router_ids": ["0.0.0.0"]}, "router_ids: 0.0.0.0 is not a router id (RFC 2328 C.1)"),
        ({"count": -1}, "count is -1, expected 0 or more"),
        ({"wait": -1}, "wait is -1, expected 0 or more seconds"),
        ({"stable": -0.5}, "stable is -0.5, expected 0 or more seconds"),
        ({"poll_interval": 0}, "poll_interval is 0, expected more than 0 seconds"),
        ({"exact": True}, "exact is true, but nothing is expected"),
    ],
)
def test_bad_expectations_are_told(params, problem):
    problems = expectation_problems(dict(PARAMS, **params))
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@pytest.mark.parametrize("params", [{}, {"router_ids": [], "exact": True}, {"count": 0}, {"full_with": ["172.18.0.1"]}])
def test_good_expectations_are_taken(params):
    assert expectation_problems(dict(PARAMS, **params)) == []
