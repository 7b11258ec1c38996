#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of this name, which does it all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_request
short_description: Refuse what a playbook of this collection cannot do, before a host is contacted
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the first play of each playbook of this collection. Looks at the inventory and at the variables that were
    given, and contacts no host.
  - Fails with all problems at once where a group that the playbook needs has no host, where C(--limit) leaves out what
    it is about, where a variable of C(-e) is unknown and resembles one of the collection's, and where what is asked for
    cannot be done.
  - Which variables there are is in the guide to the playbooks.
extends_documentation_fragment:
  - homelab.anycast.attributes
  - homelab.anycast.attributes.read_only
attributes:
  platform:
    support: full
    platforms: posix
options:
  playbook:
    description: The playbook that asks.
    type: str
    required: true
    choices: [bootstrap, preflight, site, verify, neighbors, status, drain, undrain, drill, rotate_key, remove]
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
    The value of C(anycast_wait), as an example: each variable of the playbook has its value, or its default, under its
    name without C(anycast_). The new key of C(rotate_key) is left out.
  returned: success
  type: float
  sample: 60
services:
  description: With C(drain), C(undrain) and C(remove), the services that are concerned, by node.
  returned: success
  type: dict
prefixes:
  description: With these, their anycast addresses as prefixes, by node.
  returned: success
  type: dict
  sample: {sip2: [172.18.0.64/32]}
nodes:
  description: With C(remove), the nodes that are concerned.
  returned: success
  type: list
  elements: str
  sample: [sip2]
router:
  description: With C(remove), whether the router is concerned.
  returned: success
  type: bool
  sample: false
events:
  description: With C(drill), the events in their order, with everything that the playbook needs for each.
  returned: success
  type: list
  elements: dict
seconds:
  description: With C(drill), how long the longest event may take.
  returned: success
  type: int
  sample: 540
id:
  description: With C(drill), what tells this drill from others.
  returned: success
  type: str
  sample: 4f1c0e6b3c0f4d0c9a4f2f0e1d2c3b4a
time:
  description: With C(drill), when it begins, in UTC.
  returned: success
  type: str
  sample: "2026-11-22T15:00:00Z"
report:
  description: With C(drill), the path of the report, without .html and .json.
  returned: success
  type: str
  sample: /home/alice/anycast-drill
"""
