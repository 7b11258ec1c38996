# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""community.routeros.api_modify with secret properties hidden; documented in plugins/modules/routeros_api_modify.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.secret import hide, unreadable


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types.
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        properties = args.pop("secret_properties", None) or ["auth-key"]
        result = self._execute_module(
            module_name="community.routeros.api_modify",
            module_args=args,
            # `data` is not no_log in api_modify, so the module would write the key to the controller's syslog.
            task_vars={**(task_vars or {}), "ansible_no_target_syslog": True},
        )
        masked = unreadable(result, properties)
        if masked:
            return {
                "failed": True,
                "msg": (
                    "The router shows {} as ***** to the user {}: its group lacks the policy 'sensitive', so the value"
                    " cannot be compared and would be written on every run. Add the policy to its /user/group.".format(
                        ", ".join(masked), args.get("username")
                    )
                ),
            }
        return hide(result, properties)
