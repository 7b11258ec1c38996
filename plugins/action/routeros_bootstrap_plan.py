# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the plan of the role routeros_bootstrap; documented in plugins/modules/routeros_bootstrap_plan.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.access import bootstrap_login, bootstrap_problems
from ansible_collections.homelab.anycast.plugins.plugin_utils.hosts import Host

_OPTIONS: dict[str, dict[str, Any]] = {
    "login": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "allowed": {"type": "list", "elements": "str", "required": True},
    "group": {"type": "str", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _result, options = self.validate_argument_spec(_OPTIONS)
        first, target = options["login"], options["target"]
        others = [
            Host(name, task_vars["hostvars"][name]).get("routeros_bootstrap_target", {}).get("ca_path")
            for name in task_vars["ansible_play_hosts_all"]
            if name != task_vars["inventory_hostname"]
        ]
        ca_path = target.get("ca_path")
        login = bootstrap_login(first, target, bool(ca_path) and self._loader.path_exists(ca_path))
        return {
            "changed": False,
            "problems": bootstrap_problems(first, target, options["allowed"], options["group"], others),
            "login": {name: value for name, value in login.items() if name != "password"},
        }
