#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_diagnosis
short_description: Name the neighbours and gateways that are not as expected, and the causes
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - If an adjacency does not come up, a single end does not know the cause. This action compares what was read at both
    ends, and what the roles would write, and fails with the causes as text. It uses only what was read.
  - Takes what it needs from the variables of the hosts of the groups C(anycast_routers) and C(anycast_nodes), as the
    playbook C(homelab.anycast.neighbors) reads them.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  gateways:
    description:
      - If the neighbours are as expected, whether to show which router is the master of each gateway that
        M(homelab.anycast.routeros_ospf_neighbors) has read, and to take none or several masters for a problem.
    type: bool
    default: false
  fail: {type: bool, default: true, description: Whether to fail if there are problems. The error is RV(text) then.}
"""

EXAMPLES = r"""
- name: Refuse neighbours that are not as expected
  homelab.anycast.anycast_diagnosis:
  run_once: true
"""

RETURN = r"""
problems: {type: list, elements: str, returned: success, description: "What is not as expected, and why.", sample: []}
text: {type: str, returned: success, description: The verdict as text., sample: All neighbours are as expected}
"""
