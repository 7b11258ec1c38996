# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the plan of the role routeros_ospf; documented in plugins/modules/routeros_ospf_plan.py."""

from __future__ import annotations

import dataclasses
import hashlib

from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.routeros.plan import removal_plan, rotation_plan, router_plan
from ..module_utils.routeros.rows import RouterRequest
from ..module_utils.system.firewall import redirect_problems
from ..module_utils.system.forwarding import client_warnings, notrack_helps
from ..plugin_utils.action import Plan, Row
from ..plugin_utils.hosts import other_router_ids

# The fields of a RouterRequest, and the link: what users may have wrong is raw, and said with all other problems.
_VARIABLES: dict[str, Row] = {
    "link": {"type": "raw", "required": True},
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
    "notrack": {"type": "bool", "default": True},
}


class ActionModule(Plan):
    MODULE = "homelab.anycast.routeros_info"
    ASKED = {
        "variables": {"type": "dict", "options": _VARIABLES, "required": True},
        "purpose": {"type": "str", "choices": ["configure", "remove"], "default": "configure"},
        "removed_addresses": {"type": "list", "elements": "str", "default": []},
        "new_key_id": {"type": "int"},
    }
    # What the routes are decides nothing, so that a plan of preflight, which reads them as well, serves the role.
    SELF = {**Plan.SELF, "routes_to": {"type": "list", "elements": "str", "default": []}}
    OPTIONS = {**api_argument_spec(), **ASKED, **SELF}

    def reading(self, options: Row) -> Row:
        read = {name: options[name] for name in api_argument_spec() if options.get(name) is not None}
        link = options["variables"]["link"]
        if isinstance(link, dict) and link.get("key"):
            read["auth_key_sha256"] = hashlib.sha256(str(link["key"]).encode()).hexdigest()
        return {**read, "prefixes": options["routes_to"]}

    def plan(self, info: Row, options: Row, task_vars: Row) -> Row:
        variables = dict(options["variables"])
        link = variables.pop("link")
        request = RouterRequest(**variables)
        if options["purpose"] == "remove":
            return removal_plan(info, request.comment)
        if options["new_key_id"] is not None:
            return rotation_plan(info, request, link, options["new_key_id"])
        request = request.without(options["removed_addresses"])
        request = dataclasses.replace(request, notrack=request.notrack and notrack_helps(info, request))
        plan = router_plan(info, request, link, other_router_ids(task_vars))
        plan["problems"] += redirect_problems(info, request)
        plan["client_warnings"] = client_warnings(info, request, variables["notrack"])
        return plan
