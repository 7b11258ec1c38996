# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why neighbours are not as expected; documented in plugins/modules/anycast_diagnosis.py."""

from ..module_utils.system.diagnosis import diagnosis
from ..module_utils.system.gateway import gateways, moved_share
from ..module_utils.system.text import merged
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.ends import both_ends


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        routers, nodes = both_ends(task_vars)
        problems = diagnosis(routers, nodes)
        text = _text("OSPF is not up", problems) or "All neighbours are as expected"
        if options["gateways"] and not problems:
            found = gateways({router.name: router.neighbors.get("gateways") for router in routers})
            for gateway in found:
                self._display.display(f"Gateway {gateway.in_words()}")
            if moved := moved_share(len(found), len(routers), len(nodes)):
                self._display.display(f"{moved[0].upper()}{moved[1:]}")
            problems = merged(problem for gateway in found for problem in gateway.problems())
            text = _text("The gateway of the clients is not", problems) or text
        if problems and options["fail"]:
            self.refuse(text)
        return {"problems": problems, "text": text}


def _text(what: str, problems: list[str]) -> str:
    return "\n".join([f"{what} as expected:", *(f"- {problem}" for problem in problems)]) if problems else ""
