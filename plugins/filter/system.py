# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that look at the whole system: they take hostvars. Each is documented in the .yml file of its name."""

from __future__ import annotations

from ansible.errors import AnsibleError
from jinja2 import TemplateError, Undefined

from ansible_collections.homelab.anycast.plugins.module_utils.model import link as link_model
from ansible_collections.homelab.anycast.plugins.module_utils.model import services
from ansible_collections.homelab.anycast.plugins.module_utils.system import (
    diagnosis,
    endpoints,
    preflight,
    status,
    status_page,
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
        try:
            return link_model.without_authentication(self.get(variable, {})).bfd
        except link_model.LinkError as error:
            self.problems.append(f"{variable}: {error}")
            return False


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
    return list(dict.fromkeys(prefix for services_list in listed for prefix in services.announced(services_list)))


def preflight_filter(hostvars, names, groups):
    return preflight.verdict(*_ends(hostvars, names, groups))


def neighbor_failures(hostvars, groups):
    names = [*groups.get("anycast_routers", []), *groups.get("anycast_nodes", [])]
    results = {name: hostvars[name].get("anycast_neighbors") or {} for name in names}
    return {
        name: str(result.get("msg", "")).strip()
        for name, result in results.items()
        if result.get("failed") or result.get("unreachable")
    }


def neighbor_names(neighbors, names, hostvars, prefix=None):
    if prefix is not None:
        names = [name for name in names if prefix in anycast_prefixes([name], hostvars)]
    router_ids = {str(_value(hostvars[name], "bird_anycast_router_id")): name for name in names}
    return {entry["address"]: router_ids[entry["router_id"]] for entry in neighbors if entry["router_id"] in router_ids}


def diagnosis_filter(hostvars, names, groups):
    router_ids = {name: _value(hostvars[name], "routeros_ospf_router_id") for name in groups.get("anycast_routers", [])}
    router_ids |= {name: _value(hostvars[name], "bird_anycast_router_id") for name in groups.get("anycast_nodes", [])}
    bird = {
        name: {
            "info": hostvars[name].get("anycast_bird"),
            "changed_files": (hostvars[name].get("__bird_anycast_conf") or {}).get("changed_files"),
        }
        for name in groups.get("anycast_nodes", [])
    }
    routers, nodes = _ends(hostvars, names, groups)
    return diagnosis.verdict(routers, nodes, bird, neighbor_failures(hostvars, groups), router_ids)


def _ends(hostvars, names, groups):
    """Return the routers and the nodes of a system, as ends.py has them."""
    routers = [
        endpoints.router(
            name,
            info=variables.get("__routeros_ospf_info"),
            link=_value(variables, "routeros_ospf_link"),
            interfaces=_value(variables, "routeros_ospf_interfaces"),
            **_own_verdict(variables, variables.get("__routeros_ospf_info")),
        )
        for name, variables in _members("anycast_routers", hostvars, names, groups)
    ]
    routers += [endpoints.router(name) for name in _others("anycast_routers", names, groups)]
    nodes = [
        endpoints.node(
            name,
            facts=((variables.get("__bird_anycast_plan") or {}).get("info") or {}).get("facts"),
            info=(variables.get("__bird_anycast_plan") or {}).get("info"),
            link=_value(variables, "bird_anycast_link"),
            interfaces=_value(variables, "bird_anycast_interfaces"),
            services=_value(variables, "bird_anycast_services"),
            source_gateway=_value(variables, "bird_anycast_source_gateway"),
            **_own_verdict(variables, variables.get("__bird_anycast_plan")),
        )
        for name, variables in _members("anycast_nodes", hostvars, names, groups)
    ]
    nodes += [endpoints.node(name) for name in _others("anycast_nodes", names, groups)]
    return routers, nodes


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
        # What failed after that only says that the first result is missing.
        failure = [first.get("msg", "")]
    # A failure without a result is one of the inventory: nothing was asked yet.
    return {"failure": [str(text).strip() for text in failure], "reached": reached or (first is None and bool(failure))}


class FilterModule:
    def filters(self):
        return {
            "anycast_prefixes": anycast_prefixes,
            "preflight": preflight_filter,
            "neighbor_failures": neighbor_failures,
            "neighbor_names": neighbor_names,
            "diagnosis": diagnosis_filter,
            "status": status_model,
            "status_lines": status_page.lines,
            "status_page": status_page.page,
            "status_prefixes": status_prefixes,
        }
