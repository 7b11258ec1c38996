# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether another node stays for each address; documented in plugins/modules/anycast_last_node.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain
from ansible_collections.homelab.anycast.plugins.module_utils.system.last_node import (
    Other,
    last_node_problems,
    neighbor_addresses,
)
from ansible_collections.homelab.anycast.plugins.plugin_utils.hosts import Host

_RESULTS = {"type": "list", "elements": "dict", "required": True}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = self.validate_argument_spec(
            {
                "node": {"type": "str", "required": True},
                "services": _RESULTS,
                "neighbors": _RESULTS,
                "next_hops": _RESULTS,
                "drains": _RESULTS,
            }
        )[1]

        def addresses(name: str) -> list[str]:
            router_id = Host(name, task_vars["hostvars"][name]).get("bird_anycast_router_id")
            return neighbor_addresses(args["neighbors"], router_id)

        others = [
            Other(found["item"], addresses(found["item"]), [Drain.from_dict(row) for row in found.get("records", [])])
            for found in args["drains"]
        ]
        services = normalise_services(args["services"])
        problems = last_node_problems(services, args["next_hops"], addresses(args["node"]), others)
        advice = "Undrain another node first, or go on without any: -e anycast_force=true"
        return {"changed": False, **({"failed": True, "msg": f"{'; '.join(problems)}. {advice}"} if problems else {})}
