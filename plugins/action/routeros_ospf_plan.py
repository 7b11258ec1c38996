# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the plan of the role routeros_ospf; documented in plugins/modules/routeros_ospf_plan.py."""

import dataclasses
import hashlib

from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.routeros.plan import removal_plan, rotation_plan, router_plan
from ..module_utils.routeros.rows import RouterRequest
from ..module_utils.system.firewall import redirect_problems
from ..module_utils.system.forwarding import client_warnings, notrack_helps
from ..plugin_utils.action import FLAG, NAMES, RAW, TEXT, Plan, Row
from ..plugin_utils.hosts import other_router_ids


class ActionModule(Plan):
    MODULE = "homelab.anycast.routeros_info"
    VARIABLES = {
        **dict.fromkeys(("link", "priority", "cost"), RAW),
        **dict.fromkeys(("router_id", "instance", "area", "comment", "filter_chain", "distribution"), TEXT),
        **dict.fromkeys(("interfaces", "prefixes"), NAMES),
        **dict.fromkeys(("send_redirects", "allow_interruption"), FLAG),
        "notrack": {"type": "bool", "default": True},
    }
    # What the routes are decides nothing, so that a plan of preflight, which reads them as well, serves the role.
    ASKED = ("variables", "purpose", "removed_addresses", "new_key_id")

    def options(self) -> dict[str, Row]:
        return {**api_argument_spec(), **super().options()}

    def reading(self, options: Row) -> Row:
        read = {name: options[name] for name in api_argument_spec() if options.get(name) is not None}
        link = options["variables"]["link"]
        if isinstance(link, dict) and link.get("key"):
            read["auth_key_sha256"] = _sha256(link["key"])
            if link.get("accept_key"):
                read["new_key_sha256"] = _sha256(link["accept_key"])
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


def _sha256(key: object) -> str:
    return hashlib.sha256(str(key).encode()).hexdigest()
