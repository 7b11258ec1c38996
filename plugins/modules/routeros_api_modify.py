#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_api_modify
short_description: Modify rows of a RouterOS menu without showing the key of OSPF
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Does what M(community.routeros.api_modify) does, by running it, and takes the property C(auth-key) out of its
    result, its diff, its messages and the log. Everything else in the diff still shows.
  - A key that stays the same shows as C((hidden\)), a new one as C((hidden, changed\)).
  - It fails if the router shows a key as C(*****), because the user's group lacks the policy C(sensitive). Such a value
    cannot be compared, and would be written on every run.
extends_documentation_fragment:
  - community.routeros.api
  - community.routeros.api.restrict
  - homelab.anycast.attributes.writes
  - homelab.anycast.attributes.routeros
options:
  auth_key: {type: str, description: "The key of OSPF, which each row of O(data) gets as its C(auth-key)."}
  path: {type: str, required: true, description: "The menu, such as V(routing ospf interface-template)."}
  data: {type: list, elements: dict, required: true, description: The rows to have.}
  handle_absent_entries:
    description: What to do with rows that O(data) does not hold.
    type: str
    choices: [ignore, remove]
    default: ignore
  handle_entries_content:
    description: What to do with properties that a row of O(data) does not hold.
    type: str
    choices: [ignore, remove, remove_as_much_as_possible]
    default: ignore
  restrict:
    description: Only rows that match these criteria are seen and changed.
  retry: {type: float, default: 0, description: Seconds for which to try again if it fails.}
  advice: {type: str, default: '', description: "What to do if it fails, after its message."}
"""

EXAMPLES = r"""
# With the login once for all of them:
# module_defaults: {group/homelab.anycast.api: {hostname: 172.18.0.1, username: ansible, password: ..., tls: true}}
- name: Write an interface template with a key
  homelab.anycast.routeros_api_modify:
    path: routing ospf interface-template
    data: [{area: anycast, interfaces: bridge-lan, auth: sha256, auth-id: 1, comment: homelab.anycast}]
    auth_key: "{{ lookup('ansible.builtin.env', 'ANYCAST_OSPF_KEY') }}"
    restrict: [{field: comment, values: [homelab.anycast]}]
    handle_absent_entries: remove
    handle_entries_content: remove_as_much_as_possible
"""

RETURN = r"""
old_data:
  description: The rows before, secrets hidden.
  type: list
  elements: dict
  returned: success
  sample: [{.id: "*1", area: anycast, interfaces: bridge-lan, auth-key: (hidden), comment: homelab.anycast}]
new_data:
  description: The rows after, secrets hidden.
  type: list
  elements: dict
  returned: success
  sample: [{.id: "*1", area: anycast, interfaces: bridge-lan, auth-key: "(hidden, changed)", comment: homelab.anycast}]
"""
