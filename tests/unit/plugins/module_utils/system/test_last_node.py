# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain
from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node

SERVICES = normalise_services([{"name": "sip", "addresses": ["172.18.0.64"]}])
OF_NODE = Drain.begin(None, "bob", "test", 0)
OF_SIP = Drain.begin("sip", "bob", "test", 0)
OF_DNS = Drain.begin("dns", "bob", "test", 0)
REFUSED = "172.18.0.64/32 of service 'sip' would be left without a node: hap-lite sends it to no other"


@pytest.mark.parametrize(
    "gateways, records, expected",
    [
        ([11, 12, 13], {}, []),
        ([11], {}, [REFUSED]),
        # It is not announcing anyway, so nothing is lost by its drain.
        ([12], {}, []),
        ([], {}, []),
        # Two drains at once.
        ([11, 12], {12: [OF_NODE]}, [REFUSED + " that stays (sip2 is being drained too)"]),
        ([11, 12], {12: [OF_SIP]}, [REFUSED + " that stays (sip2 is being drained too)"]),
        ([11, 12], {12: [OF_DNS]}, []),
        ([11, 12, 13], {12: [OF_NODE]}, []),
        (
            [11, 12, 13],
            {12: [OF_NODE], 13: [OF_DNS, OF_SIP]},
            [REFUSED + " that stays (sip2, sip3 is being drained too)"],
        ),
        # Unknown to us, known to the router: it may well be a node of somebody else's inventory.
        ([11, 99], {}, []),
    ],
)
def test_the_last_node(gateways, records, expected):
    next_hops = [{"item": ["hap-lite", "172.18.0.64/32"], "gateways": [f"172.18.0.{n}" for n in gateways]}]
    others = [last_node.Other(f"sip{number - 10}", [f"172.18.0.{number}"], found) for number, found in records.items()]
    assert last_node.last_node_problems(SERVICES, next_hops, ["172.18.0.11"], others) == expected


def test_two_drains_at_once_never_leave_nobody():
    """Each writes its record before it reads the other's, so at least one of them sees the other."""
    next_hops = [{"item": ["r", "172.18.0.64/32"], "gateways": ["172.18.0.11", "172.18.0.12"]}]
    for seen_by_first, seen_by_second in (([], [OF_NODE]), ([OF_NODE], []), ([OF_NODE], [OF_NODE])):
        refused = [
            last_node.last_node_problems(SERVICES, next_hops, [own], [last_node.Other("o", [other], seen)])
            for own, other, seen in (
                ("172.18.0.11", "172.18.0.12", seen_by_first),
                ("172.18.0.12", "172.18.0.11", seen_by_second),
            )
        ]
        assert any(refused)


NEIGHBORS = [
    {"item": "hap-lite", "neighbors": [{"router_id": "10.0.0.1", "address": "172.18.0.11"}]},
    {"item": "other", "neighbors": [{"router_id": "10.0.0.1", "address": "192.0.2.11"}]},
]


def test_the_last_node_on_one_of_two_links():
    """The cable of the other node on the first link is out, so the first router knows it by no address."""
    next_hops = [
        {"item": ["hap-lite", "172.18.0.64/32"], "gateways": ["172.18.0.11"]},
        {"item": ["hap-ac", "172.18.0.64/32"], "gateways": ["172.18.1.11", "172.18.1.12"]},
    ]
    others = [last_node.Other("sip2", ["172.18.1.12"], [])]
    assert last_node.last_node_problems(SERVICES, next_hops, ["172.18.0.11", "172.18.1.11"], others) == [REFUSED]
    next_hops[0]["gateways"].append("172.18.0.12")
    assert last_node.last_node_problems(SERVICES, next_hops, ["172.18.0.11", "172.18.1.11"], others) == []


def test_addresses_of_a_node():
    assert last_node.neighbor_addresses(NEIGHBORS, "10.0.0.1") == ["172.18.0.11", "192.0.2.11"]


def test_there_is_an_address_to_wait_for_though_the_node_is_nobodys_neighbour():
    assert last_node.neighbor_addresses(NEIGHBORS, "10.0.0.2") == ["10.0.0.2"]
    assert last_node.neighbor_addresses([], "10.0.0.2") == ["10.0.0.2"]
    assert last_node.neighbor_addresses(NEIGHBORS, None) == []
