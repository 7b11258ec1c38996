# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the plan of the role routeros_bootstrap; documented in plugins/modules/routeros_bootstrap_plan.py."""

from ..module_utils.routeros.access import bootstrap_login, bootstrap_problems
from ..plugin_utils.action import Action, Row
from ..plugin_utils.hosts import Host


class ActionModule(Action):
    def decide(self, options: Row, task_vars: Row) -> Row:
        first, target = options["login"], options["target"]
        others = [
            Host(name, task_vars["hostvars"][name]).get("routeros_bootstrap_target", {}).get("ca_path")
            for name in task_vars["ansible_play_hosts_all"]
            if name != task_vars["inventory_hostname"]
        ]
        ca_path = target.get("ca_path")
        login = bootstrap_login(first, target, bool(ca_path) and self._loader.path_exists(ca_path))
        return {
            "problems": bootstrap_problems(first, target, options["allowed"], options["group"], others),
            "login": {name: value for name, value in login.items() if name != "password"},
        }
