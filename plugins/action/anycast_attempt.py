# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module on a host that may be away; documented in plugins/modules/anycast_attempt.py."""

from ansible.errors import AnsibleConnectionFailure

from ..module_utils.system.text import plain_message
from ..plugin_utils.action import Action, Row

# Ansible takes a result with one of these for a failure, also where only the module's output could not be read.
FAILURE = ("failed", "rc", "exception", "invocation")


class ActionModule(Action):
    def decide(self, options: Row, task_vars: Row) -> Row:
        try:
            result = self._execute_module(
                module_name=options["module"], module_args=options["options"], task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            return {"reached": False, "msg": str(error)}
        said = {"msg": plain_message(result)} if result.get("failed") else {}
        return {"reached": True, **{key: value for key, value in result.items() if key not in FAILURE}, **said}
