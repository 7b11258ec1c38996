# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked to be removed, and what becomes of BIRD."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system.removal import (
    prefixes_without,
    wanted,
)

NODES = {"sip1": ["sip", "dns"], "sip2": ["sip", "dns"], "sip3": ["sip"]}


@pytest.mark.parametrize(
    ("arguments", "nodes", "router"),
    [
        ({"node": "sip2"}, ["sip2"], False),
        ({"node": "sip2, sip3"}, ["sip2", "sip3"], False),
        ({"service": "dns", "consent": True}, ["sip1", "sip2"], True),
        ({"service": "dns", "node": "sip1"}, ["sip1"], False),
        ({"everything": "true", "consent": "yes"}, ["sip1", "sip2", "sip3"], True),
        # All of them by name: then nobody serves, and the router keeps what it has.
        ({"node": "sip1,sip2,sip3", "consent": True}, ["sip1", "sip2", "sip3"], False),
    ],
)
def test_what_goes_from_where(arguments, nodes, router):
    found = wanted(arguments, NODES, ["hap-lite"])
    assert (found["problems"], found["nodes"], found["router"]) == ([], nodes, router)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "nothing is asked for"),
        ({"everything": "false"}, "nothing is asked for"),
        ({"everything": True}, "nobody would serve any anycast address any more: say that you want that"),
        ({"service": "dns"}, "nobody would serve service 'dns' any more"),
        ({"node": "sip1,sip2,sip3"}, "-e remove_consent=true"),
        ({"node": "sip9"}, "remove_node 'sip9' is unknown; there is: sip1, sip2, sip3"),
        ({"service": "web", "consent": True}, "remove_service 'web' is none of sip1, sip2, sip3; there is: dns, sip"),
        ({"service": "sip", "node": "sip3"}, "'sip' is the only service of sip3: remove the node"),
        ({"everything": True, "consent": True, "node": "sip1"}, "remove_everything goes with neither"),
    ],
)
def test_what_is_refused(arguments, said):
    found = wanted(arguments, NODES, ["hap-lite"])
    assert said in "; ".join(found["problems"])
    assert (found["nodes"], found["router"]) == ([], False)


def test_prefixes_without_a_service():
    prefixes = ["172.18.0.64", "172.18.0.65/32", "192.0.2.0/24"]
    assert prefixes_without(prefixes, ["172.18.0.65", "192.0.2.1/32"]) == ["172.18.0.64", "192.0.2.0/24"]
