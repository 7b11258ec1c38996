#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of this name, which does it all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_ospf_plan
short_description: Decide what the role routeros_ospf writes to a router
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the router once, with M(homelab.anycast.routeros_info), and returns what keeps the role from configuring it
    and what the tasks of the role write. Changes nothing.
  - The role P(homelab.anycast.routeros_ospf#role) runs it; its options are the variables of the role.
  - The key of the link is in no result. The task that writes it adds it.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.action_group_api
attributes:
  platform:
    support: full
    platforms: RouterOS
options:
  link:
    description: What both ends agree on, as the filter P(homelab.anycast.link#filter) takes it.
    type: raw
    required: true
  router_id:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_router_id).
    type: str
    required: true
  interfaces:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_interfaces).
    type: list
    elements: str
    required: true
  instance:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_instance).
    type: str
    required: true
  area:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_area).
    type: str
    required: true
  comment:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_comment).
    type: str
    required: true
  priority:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_priority).
    type: raw
    required: true
  cost:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_cost).
    type: raw
    required: true
  prefixes:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_anycast_prefixes).
    type: list
    elements: str
    required: true
  filter_chain:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_filter_chain).
    type: str
    required: true
  distribution:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_distribution).
    type: str
    required: true
  send_redirects:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_send_redirects).
    type: bool
    required: true
  allow_interruption:
    description: As O(homelab.anycast.routeros_ospf#role:main:routeros_ospf_allow_interruption).
    type: bool
    required: true
  purpose:
    description: Whether to configure the router, or to remove what the role has written.
    type: str
    choices: [configure, remove]
    default: configure
  removed_addresses:
    description: Addresses to take out of O(prefixes); a prefix that holds more than one of them stays.
    type: list
    elements: str
    default: []
  new_key_id:
    description:
      - The key id to which the playbook C(homelab.anycast.rotate_key) moves the router. With it only what matters to
        that is checked, and O(link) has the old key.
    type: int
  routes_to:
    description: Prefixes whose routes to read for RV(info), as O(homelab.anycast.routeros_info#module:prefixes).
    type: list
    elements: str
    default: []
  made:
    description: A plan made before. If it is for the same variables it is returned, and the router is not read again.
    type: dict
    default: {}
  fail:
    description:
      - Whether to fail if the router cannot be read. Else RV(msg) says why, RV(reached) whether it could be reached.
    type: bool
    default: true
seealso:
  - module: homelab.anycast.routeros_info
"""

EXAMPLES = r"""
- name: Decide what to write
  homelab.anycast.routeros_ospf_plan:
    hostname: 172.18.0.1
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
    tls: true
    link: "{{ anycast_link }}"
    router_id: 172.18.0.1
    interfaces: [bridge-lan]
    instance: anycast
    area: anycast
    comment: homelab.anycast
    priority: 128
    cost: 1
    prefixes: [172.18.0.64/32]
    filter_chain: anycast-in
    distribution: per_client
    send_redirects: false
    allow_interruption: false
  register: plan
"""

RETURN = r"""
msg:
  description: Why the router could not be read. Nothing else but RV(reached) is returned then.
  returned: where it could not, with O(fail=false)
  type: str
reached:
  description: Whether the router could be reached.
  returned: as RV(msg)
  type: bool
problems:
  description: What keeps the role from configuring the router, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["routeros_ospf_cost is 0, expected 1 to 65535"]
notes:
  description: What a user should know before the tasks run, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
info:
  description: What M(homelab.anycast.routeros_info) returned.
  returned: success
  type: dict
  sample: {version: 7.20.8 (long-term), board: hAP lite}
asked:
  description: The options that the plan is for, without the login and the keys.
  returned: success
  type: dict
  sample: {router_id: 172.18.0.1, interfaces: [bridge-lan]}
moved:
  description: Whether the router has the new key already.
  returned: with O(new_key_id)
  type: bool
  sample: false
templates:
  description:
    - The rows of C(/routing/ospf/interface-template), without C(auth-key), and which rows they replace.
    - Such are C(instances), C(areas), C(bfd), C(filter_rules), C(old_filter_rules) and C(redirect_rules), too. They
      also have C(needed), which is false where the router has just these rows.
  returned: unless RV(problems) has something that is wrong with the variables themselves
  type: dict
  sample:
    rows:
      - {area: anycast, interfaces: bridge-lan, type: broadcast, auth: sha256, auth-id: 1, comment: homelab.anycast}
    restrict:
      - {field: comment, values: [homelab.anycast]}
ip_settings:
  description: What to change in C(/ip/settings). C(ipv6_settings) is the same of C(/ipv6/settings).
  returned: as RV(templates)
  type: dict
  sample: {send-redirects: false}
"""
