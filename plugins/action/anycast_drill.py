# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a drill has found; documented in plugins/modules/anycast_drill.py."""

from ..module_utils.drill.plan import Event, unreachable_hosts, unserved_nodes
from ..module_utils.drill.report import Report, report_lines, report_page
from ..module_utils.drill.result import Result, event_result, failed_result, measured
from ..module_utils.system.request import NODES
from ..plugin_utils.action import Row, Verdict


class ActionModule(Verdict):
    REQUIRED_IF = [
        ("step", "reached", ("results",)),
        ("step", "served", ("results", "events")),
        ("step", "result", ("event", "measured", "addresses")),
        ("step", "failure", ("event", "failure")),
        ("step", "report", ("results", "time", "by")),
    ]

    def decide(self, options: Row, task_vars: Row) -> Row:
        names = task_vars["groups"][NODES]
        if options["step"] == "reached":
            return _refused(unreachable_hosts(options["results"]))
        if options["step"] == "served":
            answers = [name for found in options["results"] for name in found["answered_by"]]
            return _refused(unserved_nodes((event["node"] for event in options["events"]), names, answers))
        if options["step"] == "report":
            report = Report(options["time"], options["by"], [Result.of_dict(row) for row in options["results"]])
            return {"lines": report_lines(report), "page": report_page(report)}
        event = Event.of_dict(options["event"])
        result = (
            failed_result(event, options["failure"])
            if options["step"] == "failure"
            else event_result(event, measured(event, options["measured"]), options["addresses"], names)
        )
        return {"result": result.as_dict()}


def _refused(problems: list[str]) -> Row:
    return {"failed": True, "msg": f"Nothing is broken: {'; '.join(problems)}"} if problems else {}
