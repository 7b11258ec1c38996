# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One text for all problems; documented in plugins/modules/anycast_refuse.py."""

from ..module_utils.system.text import Finding, answer_findings, merged, plain_message, verdict_text
from ..plugin_utils.action import Row, Verdict


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        said = (Finding(plain_message(result, lines=True)) for result in options["results"] if "msg" in result)
        problems = merged([*map(Finding, options["problems"]), *said])
        problems += merged(answer_findings(options["answers"], options["advice"]))
        if problems:
            self.refuse(verdict_text(problems, options["outcome"]))
        return {}
