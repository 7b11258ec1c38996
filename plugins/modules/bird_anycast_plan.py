#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of this name, which does it all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bird_anycast_plan
short_description: Read a node and decide what the role bird_anycast does to it
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the node once with M(homelab.anycast.anycast_node_info), and returns the problems, and everything that the
    tasks of the role P(homelab.anycast.bird_anycast#role) write. Changes nothing.
  - Problems do not make it fail. A node that cannot be read does, unless O(fail=false).
notes:
  - Its options are the variables of the role. What is wrong with them is among RV(problems).
  - No key is in the result.
extends_documentation_fragment:
  - homelab.anycast.attributes
  - homelab.anycast.attributes.read_only
attributes:
  platform:
    support: full
    platforms: Debian
options:
  link:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_link).
    type: raw
    required: true
  services:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_services).
    type: raw
    required: true
  router_id:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_router_id).
    type: raw
    required: true
  interfaces:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_interfaces).
    type: list
    elements: str
    required: true
  priority:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_priority).
    type: raw
    required: true
  cost:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_cost).
    type: raw
    required: true
  withdraw_wait:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_withdraw_wait).
    type: raw
    required: true
  interface_manager:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_interface_manager).
    type: str
    required: true
  package:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_package).
    type: str
    required: true
  lsa:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_lsa).
    type: str
    choices: [router, service]
    required: true
  source_gateway:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_source_gateway).
    type: str
    required: true
  source_table:
    description: As O(homelab.anycast.bird_anycast#role:main:bird_anycast_source_table).
    type: raw
    required: true
  directory:
    description: BIRD's directory.
    type: path
    default: /etc/bird
  without:
    description: Name of a service to plan without, which O(services) may have.
    type: str
  removal:
    description: Whether to plan RV(removal).
    type: bool
    default: false
  made:
    description: A plan made before. If it is for the same variables it is returned, and the node is not read again.
    type: dict
    default: {}
  fail:
    description:
      - Whether to fail if the node cannot be read. Else RV(msg) says why, and RV(reached) whether it could be reached.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Read the node and decide what to do
  homelab.anycast.bird_anycast_plan:
    link: "{{ anycast_link }}"
    services: "{{ anycast_services }}"
    router_id: 172.18.0.11
    interfaces: [enp0s11]
    priority: 0
    cost: 1
    withdraw_wait: 1.0
    interface_manager: auto
    package: ""
    source_gateway: ""
    source_table: 64
  become: true
  register: plan
"""

RETURN = r"""
msg:
  description: Why the node could not be read. Nothing else but RV(reached) is returned then.
  returned: where it could not, with O(fail=false)
  type: str
reached:
  description: Whether the node could be reached.
  returned: as RV(msg)
  type: bool
problems:
  description: What keeps the role from setting up the node, one sentence each.
  returned: success
  type: list
  elements: str
info:
  description: What M(homelab.anycast.anycast_node_info) returned.
  returned: success
  type: dict
link:
  description: O(link) with its defaults and without its keys; empty where it cannot work.
  returned: success
  type: dict
services:
  description: O(services) with their defaults; empty where they cannot work.
  returned: success
  type: list
  elements: dict
ospf_versions:
  description: The versions of OSPF that announce them, V(2) and where there is an IPv6 address V(3).
  returned: success
  type: list
  elements: int
interface_manager:
  description: What makes the dummy interfaces; null if the node does not tell.
  returned: success
  type: str
interfaces:
  description: The dummy interfaces, C(name), C(addresses) and the commands of C(source_routing) for each.
  returned: success
  type: list
  elements: dict
surplus_interfaces:
  description: Interfaces with files of the role that no service has.
  returned: success
  type: list
  elements: str
source_routing:
  description: >-
    Source routing of all addresses, the C(commands) that have it up, those that C(forget) earlier ones, and whether to
    C(repair) it.
  returned: success
  type: dict
takeover:
  description:
    - What was there before the role. C(kind) says what C(bird.conf) is. V(none) there is none, V(ours) the role has
      written it, V(plain) and V(article) are replaced, V(foreign) is not changed.
    - C(notes) say what the role takes over, C(interfaces) are those of RV(interfaces) that stand in files which are not
      the role's. What C(keep_bird_conf) and C(units) are for, M(homelab.anycast.anycast_takeover) says.
  returned: success
  type: dict
bird:
  description: >-
    The C(package) that brings BIRD, whether it is C(installed) and C(runs) as wanted, its paths and the names of its
    protocols.
  returned: success
  type: dict
asked:
  description: The options that the plan is for, without the keys of the link.
  returned: success
  type: dict
  sample: {router_id: 172.18.0.11, interfaces: [enp0s11]}
removal:
  description: >-
    What the removal does to BIRD (C(action)), C(notes) about it, packages to C(purge), interfaces to bring up
    (C(stanzas)), whether files are given back, and whether BIRD is active; null without O(removal).
  returned: success
  type: dict
"""
