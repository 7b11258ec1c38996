# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure functions of module_utils as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2 import TemplateError, Undefined

from ansible_collections.homelab.anycast.plugins.module_utils import (
    drain,
    preflight,
    routeros_ospf,
    services,
    source_routing,
    status,
    status_page,
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


def router_problems(
    info,
    link,
    router_id,
    instance,
    area,
    interfaces,
    comment,
    other_router_ids=None,
    anycast_prefixes=(),
    filter_chain="",
    distribution=None,
):
    problems = _link_problems("routeros_ospf_link", link)
    bfd = not problems and link_model.normalise_link(link)["bfd"]
    return (
        problems
        + routeros_ospf.router_problems(info, router_id, instance, area, interfaces, comment, other_router_ids, bfd)
        + routeros_ospf.guard_problems(info, anycast_prefixes, filter_chain, distribution, comment)
    )


def routeros_filter_rules(prefixes, chain, comment):
    try:
        return routeros_ospf.filter_rules(prefixes, chain, comment)
    except routeros_ospf.OptionError as error:
        raise AnsibleFilterError(str(error)) from None


def routeros_hash_policy(distribution):
    try:
        return routeros_ospf.hash_policy(distribution)
    except routeros_ospf.OptionError as error:
        raise AnsibleFilterError(str(error)) from None


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


def status_model(hostvars, groups, time, by):
    routers, nodes, clients = (
        [_Variables(hostvars, name) for name in groups.get(group, [])]
        for group in ("anycast_routers", "anycast_nodes", "anycast_clients")
    )
    return status.model(
        {
            "time": str(time),
            "by": str(by),
            "routers": [_router_for_status(host) for host in routers],
            "nodes": [_node_for_status(host) for host in nodes],
            "clients": [_client_for_status(host) for host in clients],
        }
    )


def status_prefixes(hostvars, names):
    return status.prefixes([{"services": _Variables(hostvars, name).services()} for name in names])


class _Variables:
    """The variables of a host, of which any may be undefined or wrong; says what is wrong with them."""

    def __init__(self, hostvars, name):
        self.hostvars = hostvars
        self.name = name
        self.problems = []

    def get(self, variable, default=None, required=False):
        try:
            # What a host does not have at all is no error here, what it has and cannot be resolved is one.
            value = _resolved(self.hostvars[self.name].get(variable))
        except (AnsibleError, TemplateError, KeyError) as error:
            self.problems.append(f"{variable} cannot be resolved: {' '.join(str(error).split())}")
            return default
        if value is None and required:
            self.problems.append(f"{variable} is missing")
        return default if value is None else value

    def text(self, variable, required=False):
        value = self.get(variable, required=required)
        return None if value is None else str(value)

    def services(self):
        value = self.get("bird_anycast_services", required=True)
        if value is None:
            return []
        try:
            return services.normalise_services(value)
        except services.ServicesError as error:
            self.problems.append(f"bird_anycast_services: {error}")
            return []

    def bfd(self, variable):
        # Not the whole link: without the key, which is not needed here, it would be refused.
        link = self.get(variable, {})
        value = link.get("bfd") if isinstance(link, dict) else None
        return bool(link_model.DEFAULTS["bfd"] if value is None else value)


def _resolved(value):
    """Return a value with everything inside it resolved, so that what is undefined shows here and not later."""
    if isinstance(value, Undefined):
        # Raises, and says what is undefined.
        return str(value)
    if isinstance(value, dict):
        return {key: _resolved(entry) for key, entry in value.items()}
    return [_resolved(entry) for entry in value] if isinstance(value, list) else value


def _router_for_status(host):
    return {
        "name": host.name,
        "router_id": host.text("routeros_ospf_router_id", required=True),
        "bfd": host.bfd("routeros_ospf_link"),
        "neighbors": host.get("anycast_neighbors", {}),
        "next_hops": host.get("anycast_next_hops", {}).get("results", []),
        "problems": host.problems,
    }


def _node_for_status(host):
    return {
        "name": host.name,
        "address": host.text("ansible_host"),
        "router_id": host.text("bird_anycast_router_id", required=True),
        "bfd": host.bfd("bird_anycast_link"),
        "services": host.services(),
        "info": host.get("anycast_services_info", {}),
        "neighbors": host.get("anycast_neighbors", {}),
        "problems": host.problems,
    }


def _client_for_status(host):
    address = host.text("ansible_host")
    return {
        "name": host.name,
        "addresses": [str(source) for source in host.get("anycast_probe_sources", [])]
        or ([address] if address else []),
    }


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
            source_gateway=_value(variables, "bird_anycast_source_gateway"),
            **_own_verdict(variables, variables.get("anycast_preflight_node")),
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
            "routeros_filter_rules": routeros_filter_rules,
            "routeros_hash_policy": routeros_hash_policy,
            "routeros_instance": routeros_ospf.instance,
            "routeros_bfd_configuration": routeros_ospf.bfd_configuration,
            "other_router_ids": other_router_ids,
            "missing_addresses": services.missing_addresses,
            "unit_problems": services.unit_problems,
            "source_routing": source_routing.commands,
            "source_routing_problems": source_routing.problems,
            "missing_source_routing": source_routing.missing,
            "services_named": services.named,
            "drain_arguments_problems": drain_arguments_problems,
            "last_node_problems": last_node_problems,
            "neighbor_addresses": drain.neighbor_addresses,
            "status": status_model,
            "status_lines": status_page.lines,
            "status_page": status_page.page,
            "status_prefixes": status_prefixes,
            "table": table.lines,
            "anycast_prefixes": anycast_prefixes,
            "preflight": preflight_filter,
        }
