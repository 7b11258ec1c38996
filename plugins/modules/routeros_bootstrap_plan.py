#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: routeros_bootstrap_plan
short_description: Decide how the role routeros_bootstrap logs in to a router
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Returns the problems of the variables of the role P(homelab.anycast.routeros_bootstrap#role), and the login of the
    first contact, over TLS as soon as the certificate of the router's authority is on the controller. Changes nothing.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  login: {type: dict, required: true, description: C(routeros_bootstrap_login) of the role.}
  target: {type: dict, required: true, description: C(routeros_bootstrap_target).}
  allowed: {type: list, elements: str, required: true, description: C(routeros_bootstrap_allowed).}
  group: {type: str, required: true, description: C(routeros_bootstrap_group).}
"""

EXAMPLES = r"""
- name: Decide how to log in
  homelab.anycast.routeros_bootstrap_plan:
    login: "{{ routeros_bootstrap_login }}"
    target: "{{ routeros_bootstrap_target }}"
    allowed: [172.18.0.0/26]
    group: anycast
  register: plan
"""

RETURN = r"""
problems: {type: list, elements: str, returned: success, description: "What is wrong with the variables."}
login:
  description: Options of M(community.routeros.api_modify) for the first contact, without the password.
  returned: success
  type: dict
  sample: {hostname: 192.168.88.1, username: admin, timeout: 180}
"""
