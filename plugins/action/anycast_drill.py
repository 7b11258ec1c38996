# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a drill has found; documented in plugins/modules/anycast_drill.py."""

from ..module_utils.drill.plan import Event, unready_hosts, unserved_nodes
from ..module_utils.drill.report import Report, report_lines, report_page
from ..module_utils.drill.result import Result, event_result, failed_result, measured
from ..module_utils.drill.routers import still_there, unlike_routers
from ..module_utils.system.request import NODES
from ..module_utils.system.text import verdict_text
from ..plugin_utils.action import Row, Verdict

NOTHING = "nothing was broken"


class ActionModule(Verdict):
    REQUIRED_IF = [
        ("step", "ready", ("results",)),
        ("step", "served", ("results", "events")),
        ("step", "alike", ("results", "event", "neighbors")),
        ("step", "away", ("results", "event", "router_ids")),
        ("step", "result", ("event", "measured", "addresses")),
        ("step", "failure", ("event", "failure")),
        ("step", "report", ("results", "time", "by")),
    ]

    def decide(self, options: Row, task_vars: Row) -> Row:
        names = task_vars["groups"][NODES]
        if options["step"] == "ready":
            problems = unready_hosts(options["results"])
            if problems and not options["event"]:
                self.refuse(verdict_text(problems, NOTHING))
            return _failed(problems)
        if options["step"] == "served":
            answers = [name for found in options["results"] for name in found["answered_by"]]
            planned = (event["node"] for event in options["events"] if event["node"])
            problems = unserved_nodes(planned, names, answers)
            if problems:
                self.refuse(verdict_text(problems, NOTHING))
            return {}
        if options["step"] == "report":
            report = Report(options["time"], options["by"], [Result.of_dict(row) for row in options["results"]])
            return {"lines": report_lines(report), "page": report_page(report)}
        event = Event.of_dict(options["event"])
        if options["step"] == "alike":
            return _failed(unlike_routers(event.router, options["neighbors"], options["results"]))
        if options["step"] == "away":
            there = (still_there(event.router, answer, options["router_ids"]) for answer in options["results"])
            return _failed([problem for problems in there for problem in problems])
        result = (
            failed_result(event, options["failure"])
            if options["step"] == "failure"
            else event_result(event, measured(event, options["measured"]), options["addresses"], names)
        )
        return {"result": result.as_dict()}


def _failed(problems: list[str]) -> Row:
    return {"failed": True, "msg": "; ".join(problems)} if problems else {}
