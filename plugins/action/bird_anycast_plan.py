# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the plan of the role bird_anycast; documented in plugins/modules/bird_anycast_plan.py."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.node.plan import Wanted, node_plan
from ansible_collections.homelab.anycast.plugins.plugin_utils.hosts import other_router_ids
from ansible_collections.homelab.anycast.plugins.plugin_utils.reading import read_machine, without_keys

# What users may have wrong is raw: the plan lists all of it.
_OPTIONS: dict[str, dict[str, Any]] = {
    "link": {"type": "raw", "required": True},
    "services": {"type": "raw", "required": True},
    "router_id": {"type": "raw", "required": True},
    "interfaces": {"type": "list", "elements": "str", "required": True},
    "priority": {"type": "raw", "required": True},
    "cost": {"type": "raw", "required": True},
    "withdraw_wait": {"type": "raw", "required": True},
    "interface_manager": {"type": "str", "required": True},
    "package": {"type": "str", "required": True},
    "lsa": {"type": "str", "choices": ["service", "router"], "required": True},
    "source_gateway": {"type": "str", "required": True},
    "source_table": {"type": "raw", "required": True},
    "directory": {"type": "path", "default": "/etc/bird"},
    "without": {"type": "str"},
    "removal": {"type": "bool", "default": False},
}
# What decides nothing.
_SELF: dict[str, dict[str, Any]] = {
    "made": {"type": "dict", "default": {}},
    "fail": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types.
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _result, options = self.validate_argument_spec({**_OPTIONS, **_SELF})
        made, fail = options.pop("made"), options.pop("fail")
        asked = without_keys(options)
        if made.get("asked") == asked:
            return dict(made)
        wanted = Wanted(**options)
        arguments = {"now": time.time(), **wanted.info_arguments()}
        info, said = read_machine(self, "homelab.anycast.anycast_node_info", arguments, task_vars, fail)
        if not info:
            return {"changed": False, **said}
        return {"changed": False, **said, "asked": asked, **node_plan(wanted, info, other_router_ids(task_vars))}
