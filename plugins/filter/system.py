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


class FilterModule:
    def filters(self):
        return {
            "status": status_model,
            "status_lines": status_page.lines,
            "status_page": status_page.page,
            "status_prefixes": status_prefixes,
        }
