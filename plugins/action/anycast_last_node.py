# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether another node stays for each address; documented in plugins/modules/anycast_last_node.py."""

from ..module_utils.model.services import normalise_services
from ..module_utils.node.drain import Drain
from ..module_utils.system.last_node import Other, last_node_problems, neighbor_addresses
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.hosts import Host


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        def addresses(name: str) -> list[str]:
            router_id = Host(name, task_vars["hostvars"][name]).get("bird_anycast_router_id")
            return neighbor_addresses(options["neighbors"], router_id)

        others = [
            Other(found["item"], addresses(found["item"]), [Drain.from_dict(row) for row in found.get("records", [])])
            for found in options["drains"]
        ]
        services = normalise_services(options["services"])
        problems = last_node_problems(services, options["next_hops"], addresses(options["node"]), others)
        advice = "Undrain another node first, or go on without any: -e anycast_force=true"
        return {"failed": True, "msg": f"{'; '.join(problems)}. {advice}"} if problems else {}
