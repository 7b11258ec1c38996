# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to answer in a system; documented in plugins/modules/anycast_targets.py."""

from ..module_utils.model.services import announced, valid
from ..module_utils.probe.targets import probe_targets
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.hosts import NODES, members


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        nodes = members(task_vars, NODES)
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
            (target.address, target.kind): vars(target)
            for listed in services.values()
            for target in probe_targets(valid(listed), options["sources"], connections=True)
        }
        return {
            "prefixes": list(carriers),
            "next_hops": [
                {"prefix": prefix, "gateways": [address for address, name in names.items() if name in carrying]}
                for prefix, carrying in carriers.items()
            ],
            "names": names,
            "probes": list(probes.values()),
        }
