# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of the whole system; documented in plugins/modules/anycast_status.py."""

import time

from ..module_utils.model.link import LinkError, without_authentication
from ..module_utils.model.services import Service, ServicesError, normalise_services, words
from ..module_utils.system.status import system_status
from ..module_utils.system.status_metrics import status_metrics
from ..module_utils.system.status_model import Client, ReadNode, ReadRouter
from ..module_utils.system.status_page import status_lines, status_page, status_values
from ..plugin_utils.action import Row, Verdict
from ..plugin_utils.hosts import CLIENTS, NODES, ROUTERS, Host, members, user_and_host


class ActionModule(Verdict):
    def decide(self, options: Row, task_vars: Row) -> Row:
        routers, nodes, clients = (members(task_vars, group) for group in (ROUTERS, NODES, CLIENTS))
        now = time.time()
        status = system_status(
            [_router(host) for host in routers],
            [_node(host) for host in nodes],
            [_client(host) for host in clients],
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            user_and_host(),
        )
        problems = [str(problem) for problem in status.problems]
        text = "\n".join(status_lines(status))
        if options["fail"] and problems:
            self.refuse(text)
        if options["show"]:
            self._display.display(text)
        return {
            "problems": problems,
            "text": text,
            "page": status_page(status),
            "status": status_values(status),
            "metrics": status_metrics(status, now),
        }


def _router(host: Host) -> ReadRouter:
    return ReadRouter(
        name=host.name,
        router_id=host.text("routeros_ospf_router_id", required=True),
        bfd=_bfd(host, "routeros_ospf_link"),
        neighbors=host.get("__anycast_neighbors", {}),
        next_hops=host.get("__anycast_next_hops", {}).get("results", []),
        problems=host.problems,
    )


def _node(host: Host) -> ReadNode:
    return ReadNode(
        name=host.name,
        address=host.text("ansible_host"),
        router_id=host.text("bird_anycast_router_id", required=True),
        bfd=_bfd(host, "bird_anycast_link"),
        services=_services(host),
        info=host.get("__anycast_services", {}),
        neighbors=host.get("__anycast_neighbors", {}),
        problems=host.problems,
        user=host.text("ansible_user") or "root",
        port=host.text("ansible_port") or "22",
    )


def _client(host: Host) -> Client:
    address = host.text("ansible_host")
    sources = [str(source) for source in words(host.get("anycast_probe_sources"))]
    return Client(host.name, sources or ([address] if address else []))


def _services(host: Host) -> list[Service]:
    value = host.get("bird_anycast_services", required=True)
    try:
        return [] if value is None else normalise_services(value)
    except ServicesError as error:
        host.problems.append(f"bird_anycast_services: {error}")
        return []


def _bfd(host: Host, variable: str) -> bool:
    try:
        return without_authentication(host.get(variable, {})).bfd
    except LinkError as error:
        host.problems.append(f"{variable}: {error}")
        return False
