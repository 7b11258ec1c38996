# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module on a host that may be away; documented in plugins/modules/anycast_attempt.py."""

from ansible.errors import AnsibleConnectionFailure

from ..plugin_utils.action import Action, Row


class ActionModule(Action):
    def decide(self, options: Row, task_vars: Row) -> Row:
        try:
            result = self._execute_module(
                module_name=options["module"], module_args=options["options"], task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            return {"reached": False, "msg": str(error)}
        return {"reached": True, **{key: value for key, value in result.items() if key not in ("failed", "invocation")}}
