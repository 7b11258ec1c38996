# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two ends of the link, out of the variables of all hosts. Private to this collection."""

from collections.abc import Mapping
from typing import Any

from ..module_utils.model.link import working_link
from ..module_utils.model.services import announced, own_interfaces, words
from ..module_utils.node.source_routing import SourceRouting
from ..module_utils.system.endpoints import NodeEnd, RouterEnd
from ..module_utils.system.text import plain_message
from .hosts import NODES, ROUTERS, Host, members


def both_ends(task_vars: Mapping[str, Any]) -> tuple[list[RouterEnd], list[NodeEnd]]:
    """Return all routers and nodes of the system, with what the play has read of those that it has."""
    asked = task_vars["ansible_play_hosts_all"]
    return (
        [_router(host, host.name in asked) for host in members(task_vars, ROUTERS)],
        [_node(host, host.name in asked) for host in members(task_vars, NODES)],
    )


def _router(host: Host, asked: bool) -> RouterEnd:
    router_id = host.text("routeros_ospf_router_id")
    if not asked:
        return RouterEnd(host.name, asked=False, router_id=router_id)
    plan = host.get("__routeros_ospf_plan", {})
    return RouterEnd(
        host.name,
        link=working_link(host.get("routeros_ospf_link")),
        interfaces=words(host.get("routeros_ospf_interfaces")),
        router_id=router_id,
        neighbors=host.get("__anycast_neighbors", {}),
        warnings=plan.get("client_warnings", []),
        priority=next((row["priority"] for row in plan.get("templates", {}).get("rows", ())), None),
        ip_settings={**plan.get("info", {}).get("ip_settings", {}), **plan.get("ip_settings", {})},
        **_answer(plan),
    )


def _node(host: Host, asked: bool) -> NodeEnd:
    router_id = host.text("bird_anycast_router_id")
    if not asked:
        return NodeEnd(host.name, asked=False, router_id=router_id)
    services = host.get("bird_anycast_services")
    interfaces, plan = words(host.get("bird_anycast_interfaces")), host.get("__bird_anycast_plan", {})
    return NodeEnd(
        host.name,
        link=working_link(host.get("bird_anycast_link")),
        interfaces=interfaces,
        router_id=router_id,
        neighbors=host.get("__anycast_neighbors", {}),
        addresses=announced(services),
        own_interfaces=frozenset(own_interfaces(services)),
        source_routing=_source_routing(host, interfaces, plan),
        planned=plan.get("bird", {}),
        bird=host.get("__anycast_bird", {}),
        changed_files=host.get("__bird_anycast_conf", {}).get("changed_files"),
        **_answer(plan),
    )


def _source_routing(host: Host, interfaces: list[str], plan: dict[str, Any]) -> SourceRouting | None:
    gateway = host.text("bird_anycast_source_gateway")
    facts = plan.get("info", {}).get("facts", {})
    return SourceRouting(gateway, host.get("bird_anycast_source_table"), interfaces, facts) if gateway else None


def _answer(plan: dict[str, Any]) -> dict[str, Any]:
    """Return what a role's plan has read of a host and found wrong with it, and whether it was reached."""
    if "info" in plan:
        return {"info": plan["info"], "problems": plan["problems"], "doubts": plan.get("doubts", [])}
    # A plan that failed is one of variables that cannot be resolved; without a plan, its host was lost before.
    return {"problems": [plain_message(plan)] if plan else [], "reached": plan.get("reached", bool(plan))}
