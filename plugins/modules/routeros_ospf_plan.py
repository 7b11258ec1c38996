#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: routeros_ospf_plan
short_description: Decide what the role routeros_ospf writes to a router
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the router once, with M(homelab.anycast.routeros_info), and returns the problems
    and everything that the tasks of the role write. Changes nothing.
  - The role P(homelab.anycast.routeros_ospf#role) runs it; O(variables) are those of the role.
  - The key of the link is in no result. The task that writes it adds it.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.routeros
options:
  variables:
    description:
      - The variables of the role, by their names without C(routeros_ospf_); C(prefixes) is its
        O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_anycast_prefixes). All but
        O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_api), which is the login.
    type: dict
    required: true
  purpose:
    description: Whether to configure the router, or to remove what the role has written.
    type: str
    choices: [configure, remove]
    default: configure
  removed_addresses:
    description: Addresses to take out of the prefixes; a prefix that holds more than one of them stays.
    type: list
    elements: str
    default: []
  new_key_id:
    description:
      - The key id to which the playbook C(homelab.anycast.rotate_key) moves the router. With it only what matters to
        that is checked, and the link has the old key.
    type: int
  routes_to: {type: list, elements: str, default: [], description: Prefixes whose routes to read for RV(info).}
  made:
    description: A plan made before. If it is for the same variables it is returned, and the router is not read again.
    type: dict
    default: {}
  fail:
    description:
      - Whether to fail if the router cannot be read. Else RV(msg) says why, RV(reached) whether it could be reached.
    type: bool
    default: true
"""

EXAMPLES = r"""
# With the login once for all of them:
# module_defaults: {group/homelab.anycast.api: {hostname: 172.18.0.1, username: ansible, password: ..., tls: true}}
- name: Decide what to write
  homelab.anycast.routeros_ospf_plan:
    # roles/routeros_ospf/tasks/plan.yml has all of them.
    variables: {link: "{{ anycast_link }}", router_id: 172.18.0.1, interfaces: [bridge-lan], prefixes: [172.18.0.64/32]}
  register: plan
"""

RETURN = r"""
msg: {type: str, returned: "instead of all else, with O(fail=false)", description: Why it could not be read.}
reached: {type: bool, returned: as RV(msg), description: Whether the router could be reached.}
problems: {type: list, elements: str, returned: success, description: What keeps the role from configuring the router.}
notes: {type: list, elements: str, returned: success, description: What a user should know before the tasks run.}
client_warnings:
  {type: list, elements: str, returned: as RV(templates), description: What keeps clients on the LAN from them.}
untracked:
  {type: list, elements: dict, returned: as RV(templates), description: "The same with C(path), of both menus of raw."}
full_neighbors:
  {type: list, elements: str, returned: as RV(templates), description: The router ids of those that are full now.}
info: {type: dict, returned: success, description: What M(homelab.anycast.routeros_info) returned.}
asked: {type: dict, returned: success, description: "The options that it is for, without the login and the keys."}
moved: {type: bool, returned: with O(new_key_id), description: Whether the router has the new key already.}
templates:
  description:
    - The rows of C(/routing/ospf/interface-template), without C(auth-key), and which rows they replace.
    - Such are C(instances), C(areas), C(bfd), C(filter_rules), C(old_filter_rules) and C(redirect_rules), too. They
      also have C(needed), which is false where the router has just these rows.
  returned: unless RV(problems) has something that is wrong with the variables themselves
  type: dict
  sample:
    rows: [{area: anycast, interfaces: bridge-lan, type: broadcast, auth: sha256, comment: homelab.anycast}]
    restrict: [{field: comment, values: [homelab.anycast]}]
ip_settings:
  description: What to change in C(/ip/settings). C(ipv6_settings) is the same of C(/ipv6/settings).
  returned: as RV(templates)
  type: dict
  sample: {send-redirects: false}
"""
