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
  fail: {type: bool, default: false, description: "Whether to fail, with the state as message, if there are problems."}
  show: {type: bool, default: true, description: "Whether to print the state."}
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
metrics: {type: str, returned: success, description: The state as Prometheus reads it.}
status:
  type: dict
  returned: success
  description:
    - The state for scripts. Later versions may add keys; they do not rename or remove any.
    - C(level) is C(outage), C(degraded) or C(well), C(verdict) the same in words. What could not be read is C(null).
    - C(problems) and C(notes), the most harmful first, have C(level), C(kind), C(hosts), C(text), C(causes),
      C(services), C(commands) and C(docs).
    - C(services) have C(name), C(addresses), C(level), C(announced), C(serving), C(out) (the addresses that no node
      serves), C(served) and C(nodes). Each of these has C(node), C(state), C(level), C(why), C(expected), C(announced),
      C(installed), C(healthy) and C(drained).
    - C(gateways), that routers share by VRRP, have C(addresses), C(vrid), C(level), C(master), C(states) by router, and
      C(text). They are read if there are several routers.
    - C(routers), C(nodes), C(neighbors), C(next_hops), C(drains) and C(changes) are what the page shows.
  sample: {level: degraded, verdict: "Degraded: sip served by 2 of 3", time: "2026-11-22T15:30:00Z", by: alice@desk}
"""
