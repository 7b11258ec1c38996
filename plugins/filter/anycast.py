# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure functions of module_utils as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible.errors import AnsibleError, AnsibleFilterError

from ansible_collections.homelab.anycast.plugins.module_utils import (
    drain,
    preflight,
    routeros_ospf,
    services,
    table,
)
from ansible_collections.homelab.anycast.plugins.module_utils import link as link_model


def link(value):
    try:
        return link_model.normalise_link(value)
    except link_model.LinkError as error:
        raise AnsibleFilterError(str(error)) from None


def services_filter(value):
    try:
        return services.normalise_services(value)
    except services.ServicesError as error:
        raise AnsibleFilterError(str(error)) from None


def node_problems(facts, link, services_list, router_id, interfaces, other_router_ids=None):
    problems = _link_problems("bird_anycast_link", link)
    try:
        normalised = services.normalise_services(services_list)
    except services.ServicesError as error:
        problems.append(f"bird_anycast_services: {error}")
        normalised = []
    return problems + services.node_problems(normalised, router_id, interfaces, facts, other_router_ids)


def router_problems(info, link, router_id, instance, area, interfaces, comment, other_router_ids=None):
    problems = _link_problems("routeros_ospf_link", link)
    bfd = not problems and link_model.normalise_link(link)["bfd"]
    return problems + routeros_ospf.router_problems(
        info, router_id, instance, area, interfaces, comment, other_router_ids, bfd
    )


def other_router_ids(hostvars, name):
    found = {}
    for host in hostvars:
        for variable in ("bird_anycast_router_id", "routeros_ospf_router_id"):
            if host != name and variable in hostvars[host]:
                found[host] = hostvars[host][variable]
    return found


def drain_arguments_problems(arguments, hostvars, names):
    nodes = {
        name: [service.get("name") for service in hostvars[name].get("bird_anycast_services", [])] for name in names
    }
    return drain.arguments_problems(arguments, nodes)


def last_node_problems(drained, next_hops, elsewhere, neighbors, hostvars, name):
    router_ids = {result["item"]: hostvars[result["item"]].get("bird_anycast_router_id") for result in elsewhere}
    return drain.last_node_problems(
        drained,
        drain.next_hops(next_hops),
        drain.neighbor_addresses(neighbors, hostvars[name]["bird_anycast_router_id"]),
        drain.others(elsewhere, neighbors, router_ids),
    )


def anycast_prefixes(names, hostvars):
    listed = [_value(hostvars[name], "bird_anycast_services") for name in names if name in hostvars]
    return list(dict.fromkeys(prefix for services_list in listed for prefix in preflight.addresses(services_list)))


def preflight_filter(hostvars, names, groups):
    routers = [
        preflight.router(
            name,
            info=variables.get("__routeros_ospf_info"),
            link=_value(variables, "routeros_ospf_link"),
            interfaces=_value(variables, "routeros_ospf_interfaces"),
            **_own_verdict(variables, variables.get("__routeros_ospf_info")),
        )
        for name, variables in _members("anycast_routers", hostvars, names, groups)
    ]
    routers += [preflight.router(name) for name in _others("anycast_routers", names, groups)]
    nodes = [
        preflight.node(
            name,
            facts=variables.get("ansible_facts"),
            info=variables.get("anycast_preflight_node"),
            link=_value(variables, "bird_anycast_link"),
            interfaces=_value(variables, "bird_anycast_interfaces"),
            services=_value(variables, "bird_anycast_services"),
            **_own_verdict(variables, variables.get("anycast_preflight_reached")),
        )
        for name, variables in _members("anycast_nodes", hostvars, names, groups)
    ]
    nodes += [preflight.node(name) for name in _others("anycast_nodes", names, groups)]
    return preflight.verdict(routers, nodes)


def _members(group, hostvars, names, groups):
    return [(name, hostvars[name]) for name in groups.get(group, []) if name in names]


def _others(group, names, groups):
    """Return who belongs to the system and is left out by --limit: there, but not known."""
    return [name for name in groups.get(group, []) if name not in names]


def _value(variables, name):
    """Return a variable, None if it refers to what does not exist: the roles say so when they check their arguments."""
    try:
        return variables.get(name)
    except AnsibleError:
        return None


def _own_verdict(variables, first):
    """Return what a host says against itself, and whether it was reached: C(first) is the first result from it."""
    failure = variables.get("anycast_preflight_failure", [])
    failure = failure if isinstance(failure, list) else [failure]
    reached = first is not None and not first.get("unreachable")
    if not reached and first is not None:
        failure = [*failure, first.get("msg", "")]
    # A failure without a result is one of the inventory: nothing was asked yet.
    return {"failure": [str(text).strip() for text in failure], "reached": reached or (first is None and bool(failure))}


def _link_problems(variable, value):
    try:
        link_model.normalise_link(value)
    except link_model.LinkError as error:
        return [f"{variable}: {error}"]
    return []


class FilterModule:
    def filters(self):
        return {
            "link": link,
            "services": services_filter,
            "node_problems": node_problems,
            "router_problems": router_problems,
            "routeros_interface_template": routeros_ospf.interface_template,
            "routeros_bfd_configuration": routeros_ospf.bfd_configuration,
            "other_router_ids": other_router_ids,
            "missing_addresses": services.missing_addresses,
            "unit_problems": services.unit_problems,
            "services_named": services.named,
            "drain_arguments_problems": drain_arguments_problems,
            "last_node_problems": last_node_problems,
            "neighbor_addresses": drain.neighbor_addresses,
            "table": table.lines,
            "anycast_prefixes": anycast_prefixes,
            "preflight": preflight_filter,
        }
