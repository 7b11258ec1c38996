# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure functions of module_utils as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

import functools

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip, services
from ansible_collections.homelab.anycast.plugins.module_utils.model import link as link_model
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import interruption, rows
from ansible_collections.homelab.anycast.plugins.module_utils.system import text


def link(value):
    try:
        return link_model.normalise_link(value).as_dict()
    except link_model.LinkError as error:
        raise AnsibleFilterError(str(error)) from None


def services_filter(value):
    try:
        return [service.as_dict() for service in services.normalise_services(value)]
    except services.ServicesError as error:
        raise AnsibleFilterError(str(error)) from None


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
    problems = link_model.link_problems(
        "routeros_ospf_link", link, anycast_prefixes if isinstance(anycast_prefixes, list) else []
    )
    bfd = not problems and link_model.normalise_link(link).bfd
    return (
        problems
        + rows.router_problems(
            info,
            router_id,
            instance,
            area,
            interfaces,
            comment,
            other_router_ids,
            bfd,
            ip.ospf_versions(anycast_prefixes),
        )
        + rows.guard_problems(info, anycast_prefixes, filter_chain, distribution, comment)
    )


def routeros_interruption(info, link, instance, area, interfaces, comment, anycast_prefixes=()):
    try:
        normalised = link_model.normalise_link(link)
    except link_model.LinkError:
        # Which router_problems says.
        return []
    versions = ip.ospf_versions(anycast_prefixes)
    return interruption.problems(
        info,
        # Priority and cost are the router's own affair.
        rows.interface_templates(normalised, area, interfaces, 0, 1, comment, versions),
        rows.areas(normalised, area, instance, comment, versions),
        comment,
    )


def routeros_filter_rules(prefixes, chain, comment):
    try:
        return rows.filter_rules(prefixes, chain, comment)
    except rows.OptionError as error:
        raise AnsibleFilterError(str(error)) from None


def routeros_hash_policy(distribution):
    try:
        return rows.hash_policy(distribution)
    except rows.OptionError as error:
        raise AnsibleFilterError(str(error)) from None


def other_router_ids(hostvars, name):
    found = {}
    for host in hostvars:
        for variable in ("bird_anycast_router_id", "routeros_ospf_router_id"):
            if host != name and variable in hostvars[host]:
                found[host] = hostvars[host][variable]
    return found


def _of_link(function):
    return functools.wraps(function)(lambda link, *rest: function(link_model.normalise_link(link), *rest))


class FilterModule:
    def filters(self):
        return {
            "link": link,
            "services": services_filter,
            "router_problems": router_problems,
            "routeros_interruption": routeros_interruption,
            "routeros_interface_templates": _of_link(rows.interface_templates),
            "routeros_areas": _of_link(rows.areas),
            "routeros_filter_chains": rows.filter_chains,
            "routeros_filter_rules": routeros_filter_rules,
            "routeros_hash_policy": routeros_hash_policy,
            "routeros_instances": rows.instances,
            "routeros_bfd_configuration": _of_link(rows.bfd_configuration),
            "other_router_ids": other_router_ids,
            "table": text.table_lines,
        }
