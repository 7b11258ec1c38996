# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""community.routeros.api_modify with the key of OSPF hidden; documented in plugins/modules/routeros_api_modify.py."""

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.secret import hide, unreadable
from ..module_utils.system.text import plain_message
from ..module_utils.waiting import Verdict, wait_for

_SECRET = ["auth-key"]
RETRY_INTERVAL = 0.5


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        key = args.pop("auth_key", None)
        retry = float(args.pop("retry", 0))
        advice = args.pop("advice", "")
        if key is not None:
            args["data"] = [{**row, "auth-key": str(key)} for row in args["data"]]
        # `data` is not no_log in api_modify, so the module would write the key to the controller's syslog.
        variables = {**(task_vars or {}), "ansible_no_target_syslog": True}
        result: dict[str, Any] = {}

        def write(_now: float) -> Verdict:
            nonlocal result
            result = self._execute_module(
                module_name="community.routeros.api_modify", module_args=args, task_vars=variables
            )
            return Verdict(not result.get("failed"))

        wait_for(write, retry, interval=RETRY_INTERVAL)
        if unreadable(result, _SECRET):
            return {
                "failed": True,
                "msg": (
                    f"The router shows auth-key as ***** to the user {args.get('username')}: its group lacks the policy"
                    " 'sensitive', so the key cannot be compared and would be written on every run. Add the policy to"
                    " its /user/group."
                ),
            }
        if result.get("failed") and advice:
            result["msg"] = f"{plain_message(result).rstrip('.')}. {advice}"
        return dict(hide(result, _SECRET))
