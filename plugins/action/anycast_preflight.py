# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The problems of setting up a system; documented in plugins/modules/anycast_preflight.py."""

from __future__ import annotations

from ..module_utils.system.preflight import preflight_findings, preflight_warnings
from ..module_utils.system.text import merged, verdict_text
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.ends import both_ends


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        ends = both_ends(task_vars)
        for warning in merged(preflight_warnings(*ends)):
            self._display.warning(warning)
        problems = merged(preflight_findings(*ends))
        if problems:
            self.refuse(verdict_text(problems))
        return {"msg": "No problem was found"}
