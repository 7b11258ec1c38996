# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a node, with the module that reads the node replaced."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.action import bird_anycast_plan

KEY = "secret-key"
VARIABLES = {
    "link": {"key": KEY},
    "services": [{"name": "sip", "addresses": ["172.18.0.64"]}],
    "router_id": "172.18.0.11",
    "interfaces": ["enp0s11"],
    "priority": 0,
    "cost": 1,
    "withdraw_wait": 1.0,
    "interface_manager": "auto",
    "package": "",
    "lsa": "router",
    "source_gateway": "",
    "source_table": 64,
}
INFO = {
    "changed": False,
    "invocation": {"module_args": {}},
    "_ansible_parsed": True,
    "warnings": ["look"],
    "facts": {"distributions": ["debian"], "interfaces": {"enp0s11": {"addresses": ["172.18.0.11/26"]}}},
    "units": {},
    "packages": {"bird2": None},
    "security_updates": {},
    "interface_managers": {
        "running": ["ifupdown"],
        "mute": {},
        "links": {"enp0s11": "ifupdown"},
        "interfaces": [],
    },
    "bird_conf": None,
    "bird_part": None,
    "announced": None,
    "stanzas": [],
    "sources": [["source", "/etc/network/interfaces.d/*"]],
    "routes": [],
    "resolvers": [],
    "tries": {},
    "source_routing": None,
    "before": None,
}
TASK_VARS = {"hostvars": {"sip1": {}, "sip2": {"bird_anycast_router_id": "172.18.0.11"}}, "inventory_hostname": "sip1"}


@pytest.fixture
def plan(monkeypatch):
    """Return a function that runs the action on a node of which the module says this."""
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp, task_vars: {})

    def plan(info=None, **arguments):
        task = SimpleNamespace(
            args={"variables": VARIABLES, **arguments}, async_val=0, check_mode=True, diff=False, action="plan"
        )
        action = bird_anycast_plan.ActionModule(task, SimpleNamespace(_shell=None), SimpleNamespace(), None, None, None)
        asked = []

        def execute(**given):
            asked.append(given)
            return info() if callable(info) else dict(info or INFO)

        action._execute_module = execute
        return action.run(task_vars=TASK_VARS), asked

    return plan


def test_the_node_is_read_once_and_nothing_secret_comes_back(plan):
    result, asked = plan()
    (given,) = asked
    assert given["module_name"] == "homelab.anycast.anycast_node_info"
    assert given["module_args"]["dummies"] == ["dummy0"] and given["module_args"]["now"] > 0
    assert (result["changed"], result["warnings"]) == (False, ["look"])
    assert not {"invocation", "changed", "warnings", "_ansible_parsed"} & set(result["info"])
    assert result["info"]["facts"] == INFO["facts"]
    assert KEY not in json.dumps([result, asked])


def test_a_plan_that_was_made_is_returned_as_long_as_the_variables_are_the_same(plan):
    made, _asked = plan()
    assert plan(made=made) == (made, [])
    found, asked = plan(made=made, variables={**VARIABLES, "cost": 5})
    assert (found["asked"]["variables"]["cost"], len(asked)) == (5, 1)


def test_the_router_ids_of_the_others_are_known(plan):
    (problem,) = plan()[0]["problems"]
    assert problem == "bird_anycast_router_id 172.18.0.11 is the router id of sip2 too, expected a unique one"


def test_a_node_that_cannot_be_read(plan):
    failed = {"failed": True, "msg": "cannot be read"}
    assert plan(failed)[0] == {"changed": False, **failed}
    assert plan(failed, fail=False)[0] == {"changed": False, "msg": "cannot be read", "reached": True}


def test_a_node_that_cannot_be_reached(plan):
    def away():
        raise AnsibleConnectionFailure("no route to host")

    with pytest.raises(AnsibleConnectionFailure):
        plan(away)
    assert plan(away, fail=False)[0] == {"changed": False, "msg": "no route to host", "reached": False}


def test_a_wrong_option(plan):
    with pytest.raises(AnsibleActionFail, match="Unsupported parameters"):
        plan(interface="enp0s11")
