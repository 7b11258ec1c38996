# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill has found; documented in plugins/modules/anycast_drill.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.drill.plan import (
    Event,
    unreachable_hosts,
    unserved_nodes,
)
from ansible_collections.homelab.anycast.plugins.module_utils.drill.report import Report, report_lines, report_page
from ansible_collections.homelab.anycast.plugins.module_utils.drill.result import (
    Result,
    event_result,
    failed_result,
    measured,
)
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import NODES, Row

_ROWS = {"type": "list", "elements": "dict"}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> Row:
        super().run(tmp, task_vars)
        args = self.validate_argument_spec(
            {
                "step": {
                    "type": "str",
                    "required": True,
                    "choices": ["reached", "served", "result", "failure", "report"],
                },
                "results": _ROWS,
                "events": _ROWS,
                "event": {"type": "dict"},
                "measured": {"type": "dict"},
                "addresses": {"type": "list", "elements": "str"},
                "failure": {"type": "dict"},
                "time": {"type": "str"},
                "by": {"type": "str"},
            },
            required_if=[
                ("step", "reached", ("results",)),
                ("step", "served", ("results", "events")),
                ("step", "result", ("event", "measured", "addresses")),
                ("step", "failure", ("event", "failure")),
                ("step", "report", ("results", "time", "by")),
            ],
        )[1]
        names = task_vars["groups"][NODES]
        if args["step"] == "reached":
            return _refused(unreachable_hosts(args["results"]))
        if args["step"] == "served":
            answers = [name for found in args["results"] for name in found["answered_by"]]
            return _refused(unserved_nodes((event["node"] for event in args["events"]), names, answers))
        if args["step"] == "report":
            report = Report(args["time"], args["by"], [Result.of_dict(row) for row in args["results"]])
            return {"changed": False, "lines": report_lines(report), "page": report_page(report)}
        event = Event.of_dict(args["event"])
        result = (
            failed_result(event, args["failure"])
            if args["step"] == "failure"
            else event_result(event, measured(event, args["measured"]), args["addresses"], names)
        )
        return {"changed": False, "result": result.as_dict()}


def _refused(problems: list[str]) -> Row:
    failure = {"failed": True, "msg": f"Nothing is broken: {'; '.join(problems)}"} if problems else {}
    return {"changed": False, **failure}
