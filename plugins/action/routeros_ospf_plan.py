# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the plan of the role routeros_ospf; documented in plugins/modules/routeros_ospf_plan.py."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.plan import (
    Plan,
    removal_plan,
    rotation_plan,
    router_plan,
)
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import RouterRequest
from ansible_collections.homelab.anycast.plugins.module_utils.system.firewall import redirect_problems
from ansible_collections.homelab.anycast.plugins.plugin_utils.hosts import other_router_ids
from ansible_collections.homelab.anycast.plugins.plugin_utils.reading import read_machine, without_keys

# The options that are fields of a RouterRequest.
_REQUEST: dict[str, dict[str, Any]] = {
    "router_id": {"type": "str", "required": True},
    "interfaces": {"type": "list", "elements": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "area": {"type": "str", "required": True},
    "comment": {"type": "str", "required": True},
    "priority": {"type": "raw", "required": True},
    "cost": {"type": "raw", "required": True},
    "prefixes": {"type": "list", "elements": "str", "required": True},
    "filter_chain": {"type": "str", "required": True},
    "distribution": {"type": "str", "required": True},
    "send_redirects": {"type": "bool", "required": True},
    "allow_interruption": {"type": "bool", "required": True},
}
_OPTIONS: dict[str, dict[str, Any]] = {
    **_REQUEST,
    # What users may have wrong is said with all other problems.
    "link": {"type": "raw", "required": True},
    "purpose": {"type": "str", "choices": ["configure", "remove"], "default": "configure"},
    "removed_addresses": {"type": "list", "elements": "str", "default": []},
    "new_key_id": {"type": "int"},
}
# What decides nothing, so that a plan of preflight, which reads routes as well, serves the role.
_SELF: dict[str, dict[str, Any]] = {
    "routes_to": {"type": "list", "elements": "str", "default": []},
    "made": {"type": "dict", "default": {}},
    "fail": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        login = api_argument_spec()
        _result, options = self.validate_argument_spec({**login, **_OPTIONS, **_SELF})
        link = options["link"] if isinstance(options["link"], dict) else {}
        asked = without_keys({name: options[name] for name in _OPTIONS})
        if options["made"].get("asked") == asked:
            return dict(options["made"])
        read = {name: options[name] for name in login if options.get(name) is not None}
        if link.get("key"):
            read["auth_key_sha256"] = hashlib.sha256(str(link["key"]).encode()).hexdigest()
        read["prefixes"] = options["routes_to"]
        info, said = read_machine(self, "homelab.anycast.routeros_info", read, task_vars or {}, options["fail"])
        if not info:
            return {"changed": False, **said}
        return {"changed": False, **said, "asked": asked, "info": info, **_plan(info, options, task_vars or {})}


def _plan(info: dict[str, Any], options: dict[str, Any], task_vars: dict[str, Any]) -> Plan:
    if options["purpose"] == "remove":
        return removal_plan(info, options["comment"])
    request = RouterRequest(**{name: options[name] for name in _REQUEST})
    if options["new_key_id"] is not None:
        return rotation_plan(info, request, options["link"], options["new_key_id"])
    request = request.without(options["removed_addresses"])
    plan = router_plan(info, request, options["link"], other_router_ids(task_vars))
    plan["problems"] += redirect_problems(info, request)
    return plan
