# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host's clock is from the controller's; documented in plugins/modules/anycast_clock.py."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

_SAMPLES = 5


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types.
    _supports_check_mode = True
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
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
        return {
            "changed": False,
            "offset": round(theirs - (asked + answered) / 2, 4),
            "uncertainty": round((answered - asked) / 2, 4),
        }

    def _host_time(self) -> str:
        said = self._low_level_execute_command("date +%s.%N")
        return str(said["stdout"] or said["stderr"])
