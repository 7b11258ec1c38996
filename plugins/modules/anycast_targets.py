#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_targets
short_description: Work out which addresses must answer
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Returns the anycast addresses of the nodes, the next hops that a router must have for each, and the probes that a
    client can send. The playbook C(homelab.anycast.verify) uses them.
  - Takes the services from C(bird_anycast_services) of the hosts of the group C(anycast_nodes). A node whose list
    cannot be resolved is left out.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  neighbors:
    description: Neighbours of a router, as M(homelab.anycast.routeros_ospf_neighbors) returns them, for RV(next_hops).
    type: list
    elements: dict
    default: []
  sources:
    description: Addresses that a client asks from, for RV(probes). While there is none, the client chooses.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Work out which next hops the router must have
  homelab.anycast.anycast_targets:
    neighbors: "{{ router.neighbors }}"
  register: targets
"""

RETURN = r"""
prefixes: {type: list, elements: str, returned: success, description: "The anycast addresses of all nodes, each once."}
next_hops:
  description: For each prefix, which of O(neighbors) are nodes that announce it.
  returned: success
  type: list
  elements: dict
  sample: [{prefix: 172.18.0.64/32, gateways: [172.18.0.11, 172.18.0.12]}]
names: {type: dict, returned: success, description: "Names of the nodes among O(neighbors), by their addresses."}
probes:
  description:
    - The probes that a client can send to each address of a service. Kind and port are those of its check if the check
      is of the kind sip, dns or tcp, otherwise those of SIP. A check of the kind dns adds a TCP connection.
  returned: success
  type: list
  elements: dict
  sample: [{service: sip, address: 172.18.0.64, kind: sip, port: 5060, sources: [172.18.0.22]}]
"""
