#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_last_node
short_description: Fail where a service would be left without a node
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the playbooks C(homelab.anycast.drain), C(homelab.anycast.remove) and C(homelab.anycast.drill) before they
    withdraw a node. Judges what other modules have read, and contacts no host.
  - A node counts where the router sends clients to it, and where it is not being drained.
  - Takes the router id of each node from its variable C(bird_anycast_router_id).
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  node: {type: str, required: true, description: The node that is to be withdrawn.}
  services: {type: list, elements: dict, required: true, description: The services that are to be withdrawn from it.}
  neighbors:
    description: A result of M(homelab.anycast.routeros_ospf_neighbors) for each router.
    type: list
    elements: dict
    required: true
  next_hops:
    description: Results of M(homelab.anycast.routeros_next_hops) in a loop over pairs of a router and a prefix.
    type: list
    elements: dict
    required: true
  drains:
    description:
      - Results of M(homelab.anycast.anycast_drain) in a loop over the names of the other nodes.
      - A node that is unreachable counts as long as the router sends clients to it.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Check that another node stays
  homelab.anycast.anycast_last_node:
    node: sip2
    services: "{{ bird_anycast_services | homelab.anycast.services }}"
    neighbors: ["{{ neighbors }}"]
    next_hops: "{{ next_hops.results }}"
    drains: "{{ drains.results }}"
"""

RETURN = r""" # """
