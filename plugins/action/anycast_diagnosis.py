# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why neighbours are not as expected; documented in plugins/modules/anycast_diagnosis.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.system.diagnosis import diagnosis
from ansible_collections.homelab.anycast.plugins.plugin_utils.ends import both_ends
from ansible_collections.homelab.anycast.plugins.plugin_utils.verdict import refuse


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS = frozenset(("fail",))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _spec, options = self.validate_argument_spec({"fail": {"type": "bool", "default": True}})
        problems = diagnosis(*both_ends(task_vars or {}))
        text = "All neighbours are as expected"
        if problems:
            text = "\n".join(["OSPF is not up as expected:", *(f"- {problem}" for problem in problems)])
        if problems and options["fail"]:
            refuse(self, text)
        return {"changed": False, "problems": problems, "text": text}
