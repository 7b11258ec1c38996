# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked to be removed."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system.removal import (
    removal_request,
)
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import Inventory

NODES = {"sip1": ["sip", "dns"], "sip2": ["sip", "dns"], "sip3": ["sip"]}
ADDRESSES = {"sip": "172.18.0.64", "dns": "172.18.0.65"}


def ask(node=(), service="", everything=False, force=False, routers=("hap-lite",)):
    services = {name: [{"name": one, "addresses": [ADDRESSES[one]]} for one in names] for name, names in NODES.items()}
    hostvars = {name: {"bird_anycast_services": listed} for name, listed in services.items()}
    inventory = Inventory(hostvars, {"anycast_nodes": list(NODES), "anycast_routers": list(routers)})
    values = {"node": list(node), "service": service, "everything": everything, "force": force}
    return removal_request(values, inventory)


@pytest.mark.parametrize(
    ("asked", "nodes", "router"),
    [
        ({"node": ["sip2"]}, ["sip2"], False),
        ({"node": ["sip2", "sip3"]}, ["sip2", "sip3"], False),
        ({"service": "dns", "force": True}, ["sip1", "sip2"], True),
        ({"service": "dns", "node": ["sip1"]}, ["sip1"], False),
        ({"everything": True, "force": True}, ["sip1", "sip2", "sip3"], True),
        # All of them by name: then no node serves, and the router keeps what it has.
        ({"node": ["sip1", "sip2", "sip3"], "force": True}, ["sip1", "sip2", "sip3"], False),
        ({"node": ["sip1"], "force": True, "routers": ()}, ["sip1"], False),
    ],
)
def test_what_goes_from_where(asked, nodes, router):
    found, problems = ask(**asked)
    assert (problems, found["nodes"], found["router"]) == ([], nodes, router)
    assert list(found["services"]) == list(found["prefixes"]) == nodes


def test_what_goes_of_a_node():
    found, _problems = ask(node=["sip1"], service="dns")
    assert found["prefixes"] == {"sip1": ["172.18.0.65/32"]}
    assert [service["name"] for service in found["services"]["sip1"]] == ["dns"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "nothing is asked for"),
        ({"everything": True}, "no node would serve any anycast address any more. If that is what you want"),
        ({"service": "dns"}, "no node would serve service 'dns' any more"),
        ({"node": ["sip1", "sip2", "sip3"]}, "-e anycast_force=true"),
        ({"node": ["sip9"]}, "anycast_node 'sip9' is unknown, did you mean 'sip3'? there is: sip1, sip2, sip3"),
        ({"service": "web", "force": True}, "anycast_service 'web' is unknown; there is: dns, sip"),
        ({"service": "sip", "node": ["sip3"]}, "'sip' is the only service of sip3: remove the node"),
        ({"everything": True, "force": True, "node": ["sip1"]}, "anycast_everything goes with neither"),
        ({"node": ["sip1"], "routers": ()}, "the group anycast_routers is empty: is -i right?"),
        ({"node": ["sip1"], "routers": ()}, "To go on without a router: -e anycast_force=true"),
    ],
)
def test_what_is_refused(asked, said):
    assert said in "; ".join(ask(**asked)[1])
