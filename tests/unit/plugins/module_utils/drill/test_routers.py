# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.drill import routers

SIP, DNS = "172.18.0.64/32", "172.18.0.65/32"


def neighbors(router, network="172.18.0"):
    """What a router says of two nodes, which it knows by addresses of this network."""
    rows = [{"router_id": f"172.18.0.1{n}", "address": f"{network}.1{n}", "state": "Full"} for n in (1, 2)]
    return {"item": router, "neighbors": rows}


def next_hops(router, *gateways, prefix=SIP):
    return {"item": [router, prefix], "gateways": list(gateways)}


BOTH = [neighbors("hap1"), neighbors("hap2")]
OWN = next_hops("hap2", "172.18.0.11", "172.18.0.12")


def test_routers_with_the_same_next_hops():
    same = next_hops("hap1", "172.18.0.12", "172.18.0.11")
    assert routers.unlike_routers("hap2", BOTH, [OWN, same]) == []


def test_routers_on_two_links_know_the_same_node_by_two_addresses():
    elsewhere = [neighbors("hap1", "10.0.0"), neighbors("hap2")]
    assert routers.unlike_routers("hap2", elsewhere, [OWN, next_hops("hap1", "10.0.0.11", "10.0.0.12")]) == []


@pytest.mark.parametrize(
    ("gateways", "words"),
    [
        (["172.18.0.11"], "172.18.0.11"),
        ([], "no node"),
        (["172.18.0.11", "172.18.0.12", "172.18.0.13"], "172.18.0.11, 172.18.0.12 and 172.18.0.13"),
    ],
)
def test_a_router_with_different_next_hops(gateways, words):
    problems = routers.unlike_routers("hap2", BOTH, [OWN, next_hops("hap1", *gateways)])
    assert problems == [
        f"{SIP}: hap1 sends clients to {words}, and hap2 sends clients to 172.18.0.11 and 172.18.0.12, expected the"
        " same nodes: homelab.anycast.verify looks for the cause"
    ]


def test_each_address_is_compared_with_itself():
    found = [OWN, next_hops("hap1", *OWN["gateways"]), *(next_hops(r, prefix=DNS) for r in ("hap1", "hap2"))]
    assert routers.unlike_routers("hap2", BOTH, found) == []
    found[-1] = next_hops("hap2", "172.18.0.11", prefix=DNS)
    assert routers.unlike_routers("hap2", BOTH, found)[0].startswith(f"{DNS}: hap1 sends clients to no node, and hap2")


NODES = ["172.18.0.11", "172.18.0.12"]


@pytest.mark.parametrize(
    "answer",
    [
        {"msg": "Cannot connect to the router"},
        {"neighbors": []},
        {"neighbors": [{"router_id": "172.18.0.11", "state": "Init"}]},
        # A neighbour on a different link, say.
        {"neighbors": [{"router_id": "10.0.0.1", "state": "Full"}]},
    ],
)
def test_a_router_that_is_away(answer):
    assert routers.still_there("hap2", answer, NODES) == []


def test_a_router_that_is_not_away():
    assert routers.still_there("hap2", neighbors("hap2"), NODES) == [
        "hap2 still answers, and has 172.18.0.11 and 172.18.0.12 as Full neighbours, expected none: the command has not"
        " taken it away from the nodes. Correct the command in the inventory"
    ]
