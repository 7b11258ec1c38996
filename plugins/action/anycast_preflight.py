# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The problems of setting up a system; documented in plugins/modules/anycast_preflight.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.system.preflight import (
    preflight_findings,
    preflight_warnings,
)
from ansible_collections.homelab.anycast.plugins.module_utils.system.text import merged, verdict_text
from ansible_collections.homelab.anycast.plugins.plugin_utils.ends import both_ends
from ansible_collections.homelab.anycast.plugins.plugin_utils.verdict import refuse


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS = frozenset(("fail",))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _spec, options = self.validate_argument_spec({"fail": {"type": "bool", "default": True}})
        ends = both_ends(task_vars or {})
        for warning in merged(preflight_warnings(*ends)):
            self._display.warning(warning)
        problems = merged(preflight_findings(*ends))
        text = verdict_text(problems) if problems else "No problem was found"
        if problems and options["fail"]:
            refuse(self, text)
        return {"changed": False, "problems": problems, "text": text}
