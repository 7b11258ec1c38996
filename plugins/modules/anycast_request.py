#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_request
short_description: Refuse a request that cannot work, before a host is contacted
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the first play of each playbook of this collection. Looks at the inventory and at the variables that were
    given, and contacts no host.
  - Fails with all problems at once if a group that the playbook needs has no host, if C(--limit) leaves out a host
    that the playbook needs, if a variable of C(-e) is unknown and resembles a variable of the collection, or if the
    request cannot work.
  - The guide to the playbooks lists the variables.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  playbook:
    description: The playbook that asks.
    type: str
    required: true
    choices: [bootstrap, preflight, site, verify, neighbors, status, report, drain, undrain, drill, rotate_key, remove]
"""

EXAMPLES = r"""
- name: Refuse what cannot work
  # With --limit there is no localhost.
  hosts: localhost:all
  gather_facts: false
  tasks:
    - name: Check what is asked for
      homelab.anycast.anycast_request:
        playbook: drain
      run_once: true
      register: request
"""

RETURN = r"""
wait:
  description: >-
    The value of C(anycast_wait). Every variable of the playbook is returned in this way, with its value or its default,
    under its name without C(anycast_); only the new key of C(rotate_key) is not. So are those of a playbook that
    imports this one.
  returned: success
  type: float
services:
  description: >-
    With C(drain), C(undrain) and C(remove), the services that the request changes, by node; C(prefixes) has their
    addresses.
  returned: success
  type: dict
  sample: {sip2: [172.18.0.64/32]}
routers:
  description: >-
    The routers that the playbook asks: those that C(--limit) leaves. If it leaves none, all routers.
  returned: success
  type: list
  elements: str
  sample: [hap-lite]
nodes: {type: list, elements: str, returned: success, description: "With C(remove), the nodes that it changes."}
router: {type: bool, returned: success, description: "With C(remove), whether it changes the router."}
events:
  description: >-
    With C(drill), the events in their order, with everything that the playbook needs. C(seconds) is the longest time
    that an event may take, C(id) identifies this drill, C(time) is its start in UTC, and C(report) is the path of the
    report without .html and .json.
  returned: success
  type: list
  elements: dict
"""
