# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbook rotate_key. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model import services
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.system import rotation


def rotation_problems(hostvars, groups, key, key_id):
    routers, nodes = groups.get("anycast_routers", []), groups.get("anycast_nodes", [])
    links = [hostvars[name].get("routeros_ospf_link") for name in routers]
    links += [hostvars[name].get("bird_anycast_link") for name in nodes]
    prefixes = [prefix for name in nodes for prefix in services.announced(hostvars[name].get("bird_anycast_services"))]
    found = [problem for link in links for problem in rotation.problems(link, key, key_id, routers, prefixes)]
    if any(link != links[0] for link in links):
        found.append("the routers and nodes of the inventory have different links, expected one: run preflight first")
    if not nodes:
        found.append("the group anycast_nodes is empty, expected the nodes that share the key")
    return list(dict.fromkeys(found))


def router_problems(info, comment, link, key_id):
    return rotation.router_problems(info, comment, normalise_link(link), key_id)


def links(link, key, key_id):
    return {name: step.as_dict() for name, step in rotation.links(link, key, key_id).items()}


class FilterModule:
    def filters(self):
        return {
            "rotation_problems": rotation_problems,
            "rotation_router_problems": router_problems,
            "rotation_links": links,
            "rotation_moved": rotation.moved,
        }
