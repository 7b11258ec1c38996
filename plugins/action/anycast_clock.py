# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host's clock is from the controller's; documented in plugins/modules/anycast_clock.py."""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.drill.result import clock_offset


class ActionModule(ActionBase):
    _supports_check_mode = True
    _VALID_ARGS = frozenset()

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        try:
            offset, uncertainty = clock_offset(self._ask, time.time)
        except ValueError as exc:
            return {
                "failed": True,
                "msg": f"date +%s.%N on this host: {exc}; expected seconds with a fraction, as of GNU coreutils",
            }
        return {"changed": False, "offset": offset, "uncertainty": uncertainty}

    def _ask(self):
        said = self._low_level_execute_command("date +%s.%N")
        return said["stdout"] or said["stderr"]
