# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The problems of setting up a system; documented in plugins/modules/anycast_preflight.py."""

from ..module_utils.system.preflight import preflight_findings, preflight_interruptions, preflight_warnings
from ..module_utils.system.text import merged, verdict_text
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.ends import both_ends


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        ends = both_ends(task_vars)
        problems, warnings = [*preflight_findings(*ends)], [*preflight_warnings(*ends)]
        (warnings if options["force"] else problems).extend(preflight_interruptions(*ends))
        for warning in merged(warnings):
            self._display.warning(warning)
        if problems:
            self.refuse(verdict_text(merged(problems)))
        return {"msg": "No problem was found"}
