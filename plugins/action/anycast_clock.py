# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a host's clock is from the controller's; documented in plugins/modules/anycast_clock.py."""

import time

from ..plugin_utils.action import Action, Row

_SAMPLES = 5


class ActionModule(Action):
    def decide(self, options: Row, task_vars: Row) -> Row:
        samples = []
        try:
            for _sample in range(_SAMPLES):
                asked = time.time()
                samples.append((asked, float(self._host_time()), time.time()))
        except ValueError as exc:
            return {
                "failed": True,
                "msg": f"date +%s.%N on this host: {exc}; expected seconds with a fraction, as of GNU coreutils",
            }
        # The quickest answer is the surest, as with NTP.
        asked, theirs, answered = min(samples, key=lambda sample: sample[2] - sample[0])
        return {"offset": round(theirs - (asked + answered) / 2, 4), "uncertainty": round((answered - asked) / 2, 4)}

    def _host_time(self) -> str:
        said = self._low_level_execute_command("date +%s.%N")
        return str(said["stdout"] or said["stderr"])
