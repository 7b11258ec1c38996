# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why neighbours are not as expected; documented in plugins/modules/anycast_diagnosis.py."""

from ..module_utils.system.diagnosis import diagnosis
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.ends import both_ends


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        problems = diagnosis(*both_ends(task_vars))
        text = "All neighbours are as expected"
        if problems:
            text = "\n".join(["OSPF is not up as expected:", *(f"- {problem}" for problem in problems)])
        if problems and options["fail"]:
            self.refuse(text)
        return {"problems": problems, "text": text}
