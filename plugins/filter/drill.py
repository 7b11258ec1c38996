# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbook drill. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

import importlib.util
import sys
import uuid

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.anycast.plugins.module_utils import drain, drill, drill_report, services


def drill_plan(asked, hostvars, groups):
    problems = []
    if importlib.util.find_spec("matplotlib") is None:
        problems.append(
            f"the Python package matplotlib, which draws the report, is missing on the controller: {sys.executable} -m"
            " pip install matplotlib"
        )
    nodes = {}
    for name in groups.get("anycast_nodes", []):
        variables = hostvars[name]
        try:
            normalised = services.normalise_services(variables.get("bird_anycast_services", []))
        except services.ServicesError as error:
            problems.append(f"{name}: bird_anycast_services: {error}")
            normalised = []
        nodes[name] = {
            "services": normalised,
            "link": variables.get("bird_anycast_link", {}),
            "commands": {command: variables.get(command) for command in drill.COMMANDS},
        }
    clients = groups.get("anycast_clients", [])
    problems += [
        f"{name} has no anycast_probe_sources: list the addresses of this host that the probes are to come from"
        for name in clients
        if not hostvars[name].get("anycast_probe_sources")
    ]
    events, more = drill.plan(asked, {"nodes": nodes, "routers": groups.get("anycast_routers", []), "clients": clients})
    return {
        "id": uuid.uuid4().hex,
        "events": events,
        "seconds": max((event["total"] for event in events), default=0),
        "problems": problems + more,
    }


def drill_unserved(events, results, groups):
    answers = [name for result in results for name in result["answered_by"]]
    return drill.unserved_nodes(events, groups["anycast_nodes"], answers)


def drill_unreachable(results):
    return [
        "{} cannot be reached: {}".format(result["item"], result.get("msg", ""))
        for result in results
        if result.get("unreachable")
    ]


def drill_result(event, measured, neighbors, hostvars, groups):
    clocks = {clock["item"]: clock for clock in measured["clocks"]}
    none = {"offset": 0.0, "uncertainty": 0.0}
    node = clocks[event["node"]] if event["on"] == "node" else none
    mended = measured["mended"].get("at")
    # Of a loop over the jobs, which were started in a loop over the files, made in a loop over the clients.
    probes = [(result["item"]["item"]["item"], result) for result in measured["probes"]]
    try:
        return drill.result(
            event,
            {
                "broken_at": measured["broken"]["at"] + event["delay"] - node["offset"],
                "mended_at": None if mended is None else mended - node["offset"],
                "early": bool(event["undo"]) and mended is None,
                "clock": max(clock["uncertainty"] for clock in [node, *(clocks[name] for name, _found in probes)]),
                "node": drain.neighbor_addresses(neighbors, hostvars[event["node"]]["bird_anycast_router_id"]),
                "names": groups["anycast_nodes"],
                "probes": [
                    {
                        "client": name,
                        "started": found["began"] - clocks[name]["offset"],
                        "results": found["results"],
                    }
                    for name, found in probes
                ],
                "watches": [
                    {"router": result["item"]["item"], "changes": result["changes"]} for result in measured["watches"]
                ],
            },
        )
    except KeyError as error:
        raise AnsibleFilterError(f"what was measured is not complete: there is no {error}") from error


class FilterModule:
    def filters(self):
        return {
            "drill_plan": drill_plan,
            "drill_unserved": drill_unserved,
            "drill_unreachable": drill_unreachable,
            "drill_result": drill_result,
            "drill_failure": drill.failure,
            "drill_lines": drill_report.lines,
            "drill_page": drill_report.page,
        }
