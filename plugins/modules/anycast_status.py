#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_status
short_description: Show the state of the whole system
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Combines what was read of routers and nodes, and prints which services are served, which are not, and why. It shows
    what could not be read as unknown.
  - Takes what it needs from the variables of the hosts of the groups C(anycast_routers), C(anycast_nodes) and
    C(anycast_clients), as the playbook C(homelab.anycast.status) reads them.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  fail: {type: bool, default: false, description: "Whether to fail with RV(problems), if any, and not print the state."}
"""

EXAMPLES = r"""
- name: Show the state of the system
  homelab.anycast.anycast_status:
  register: status
"""

RETURN = r"""
problems: {type: list, elements: str, returned: success, description: "The problems, each with its place."}
text: {type: str, returned: success, description: The state as text.}
page: {type: dict, returned: success, description: "The values for the template of the HTML page, its strings escaped."}
"""
