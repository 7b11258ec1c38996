# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbook drill. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

import uuid

from ansible_collections.homelab.anycast.plugins.module_utils.drill import plan, report
from ansible_collections.homelab.anycast.plugins.module_utils.drill import result as drill_result
from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node


def drill_plan(asked, hostvars, groups):
    system, problems = plan.system(hostvars, groups)
    events, more = plan.plan(asked, system)
    return {
        "id": uuid.uuid4().hex,
        "events": events,
        "seconds": max((event["total"] for event in events), default=0),
        "problems": report.library_problems() + problems + more,
    }


def drill_unserved(events, results, groups):
    answers = [name for result in results for name in result["answered_by"]]
    return plan.unserved_nodes(events, groups["anycast_nodes"], answers)


def result_filter(event, results, neighbors, hostvars, groups):
    node = last_node.neighbor_addresses(neighbors, hostvars[event["node"]]["bird_anycast_router_id"])
    return drill_result.result(event, drill_result.measured(event, results, node, groups["anycast_nodes"]))


class FilterModule:
    def filters(self):
        return {
            "drill_plan": drill_plan,
            "drill_unserved": drill_unserved,
            "drill_unreachable": plan.unreachable,
            "drill_result": result_filter,
            "drill_failure": drill_result.failure,
            "drill_lines": report.lines,
            "drill_page": report.page,
        }
