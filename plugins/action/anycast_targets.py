# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to answer in a system; documented in plugins/modules/anycast_targets.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import announced, valid
from ansible_collections.homelab.anycast.plugins.module_utils.probe.targets import probe_targets
from ansible_collections.homelab.anycast.plugins.plugin_utils.hosts import NODES, members


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS = frozenset(("neighbors", "sources"))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _spec, options = self.validate_argument_spec(
            {
                "neighbors": {"type": "list", "elements": "dict", "default": []},
                "sources": {"type": "list", "elements": "str", "default": []},
            }
        )
        nodes = members(task_vars or {}, NODES)
        services = {node.name: node.get("bird_anycast_services", []) for node in nodes}
        carriers: dict[str, list[str]] = {}
        for name, listed in services.items():
            for prefix in announced(listed):
                carriers.setdefault(prefix, []).append(name)
        by_router_id = {node.text("bird_anycast_router_id"): node.name for node in nodes}
        names = {
            entry["address"]: by_router_id[entry["router_id"]]
            for entry in options["neighbors"]
            if entry["router_id"] in by_router_id
        }
        probes = {
            target.address: target.as_dict()
            for listed in services.values()
            for target in probe_targets(valid(listed), options["sources"])
        }
        return {
            "changed": False,
            "prefixes": list(carriers),
            "next_hops": [
                {"prefix": prefix, "gateways": [address for address, name in names.items() if name in carrying]}
                for prefix, carrying in carriers.items()
            ],
            "names": names,
            "probes": list(probes.values()),
        }
