# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the plan of the role bird_anycast; documented in plugins/modules/bird_anycast_plan.py."""

from __future__ import annotations

import time
from typing import Any

from ..module_utils.node.plan import Wanted, node_plan
from ..plugin_utils.action import Plan, Row
from ..plugin_utils.hosts import other_router_ids

# The fields of Wanted. What users may have wrong is raw: the plan lists all of it.
_VARIABLES: dict[str, Row] = {
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
}


class ActionModule(Plan):
    MODULE = "homelab.anycast.anycast_node_info"
    ASKED = {
        "variables": {"type": "dict", "options": _VARIABLES, "required": True},
        "directory": {"type": "path", "default": "/etc/bird"},
        "without": {"type": "str"},
        "removal": {"type": "bool", "default": False},
    }
    OPTIONS = {**ASKED, **Plan.SELF}

    def reading(self, options: Row) -> Row:
        return {"now": time.time(), **_wanted(options).info_arguments()}

    def plan(self, info: Row, options: Row, task_vars: Row) -> Row:
        return node_plan(_wanted(options), info, other_router_ids(task_vars))


def _wanted(options: Row) -> Wanted:
    beside: dict[str, Any] = {name: options[name] for name in ("directory", "without", "removal")}
    return Wanted(**options["variables"], **beside)
