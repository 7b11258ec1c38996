# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the plan of the role bird_anycast; documented in plugins/modules/bird_anycast_plan.py."""

import time

from ..module_utils.node.plan import Wanted, node_plan
from ..plugin_utils.action import NAMES, RAW, TEXT, Plan, Row
from ..plugin_utils.hosts import other_router_ids


class ActionModule(Plan):
    MODULE = "homelab.anycast.anycast_node_info"
    VARIABLES = {
        **dict.fromkeys(("link", "services", "router_id", "priority", "cost", "withdraw_wait", "source_table"), RAW),
        **dict.fromkeys(("interface_manager", "package", "source_gateway"), TEXT),
        "interfaces": NAMES,
        "lsa": {**TEXT, "choices": ["service", "router"]},
    }
    ASKED = ("variables", "directory", "without", "removal")

    def reading(self, options: Row) -> Row:
        return {"now": time.time(), **_wanted(options).info_arguments()}

    def plan(self, info: Row, options: Row, task_vars: Row) -> Row:
        return node_plan(_wanted(options), info, other_router_ids(task_vars))


def _wanted(options: Row) -> Wanted:
    beside = {name: options[name] for name in ("directory", "without", "removal")}
    return Wanted(**options["variables"], **beside)
