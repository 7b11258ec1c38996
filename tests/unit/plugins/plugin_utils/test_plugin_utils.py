# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions share: how they refuse, and what they make of the variables of other hosts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from jinja2 import StrictUndefined

from ansible_collections.homelab.anycast.plugins.plugin_utils.action import Verdict
from ansible_collections.homelab.anycast.plugins.plugin_utils.hosts import Host, members, other_router_ids


def test_a_refusal_is_text_and_its_message_one_line():
    action = SimpleNamespace(_task=SimpleNamespace(_ds="the playbook"))
    with pytest.raises(AnsibleActionFail) as raised:
        Verdict.refuse(cast(Verdict, action), "2 problems, nothing was changed:\n- a\n- b")
    assert raised.value.message == "2 problems, nothing was changed:\n- a\n- b"
    assert raised.value.result["msg"] == "2 problems, nothing was changed"
    assert action._task._ds is None


class Broken(dict):
    """Variables of which some refer to what does not exist."""

    def get(self, name, default=None):
        if name == "broken":
            raise AnsibleUndefinedVariable("'vault' is\n undefined")
        return super().get(name, default)


class Lazy(dict):
    """Ansible resolves what is inside a variable when it is looked at."""

    def items(self):
        raise AnsibleError("'key' is undefined")


def test_variables_that_are_missing_or_cannot_be_resolved():
    host = Host("sip1", Broken(id=5, lazy=[Lazy(bfd=True)], undefined=StrictUndefined(name="nowhere")))
    assert (host.text("id"), host.get("other", []), host.get("id", required=True)) == ("5", [], 5)
    assert host.problems == []
    assert host.get("broken", "default") == "default"
    assert host.text("address", required=True) is None
    assert host.get("lazy") is host.get("undefined") is None
    assert host.problems == [
        "broken cannot be resolved: 'vault' is undefined",
        "address is missing",
        "lazy cannot be resolved: 'key' is undefined",
        "undefined cannot be resolved: 'nowhere' is undefined",
    ]


def test_members_of_a_group_that_may_not_exist():
    task_vars = {"groups": {"anycast_nodes": ["sip1"]}, "hostvars": {"sip1": {"id": 1}}}
    assert [host.name for host in members(task_vars, "anycast_nodes")] == ["sip1"]
    assert members(task_vars, "anycast_routers") == []


def test_router_ids_of_the_others():
    hostvars = {
        "hap-lite": {"routeros_ospf_router_id": "172.18.0.1"},
        "sip1": {"bird_anycast_router_id": "172.18.0.11"},
        "sip2": {"bird_anycast_router_id": "172.18.0.12"},
        "phones": {},
    }
    found = other_router_ids({"hostvars": hostvars, "inventory_hostname": "sip1"})
    assert found == {"hap-lite": "172.18.0.1", "sip2": "172.18.0.12"}
