#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_drill
short_description: Judge what was measured in a failover drill
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the playbook C(homelab.anycast.drill). Judges what other modules have done and read, and contacts no host.
notes:
  - O(step=report) needs the Python package matplotlib on the controller.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  step:
    description:
      - V(ready) fails where a host of O(results) could not be reached, or a result has a message. Without O(event) its
        text says that nothing was broken.
      - V(served) fails where a node of O(events) answers no client.
      - V(alike) fails where the other routers do not send clients to the same nodes as the router of O(event).
      - V(away) fails where the router of O(event) still has nodes as neighbours.
      - V(result) returns what O(event) cost the clients.
      - V(failure) returns the result of an O(event) that was not measured.
      - V(report) returns all O(results) as text, and as what the template of the page needs.
    type: str
    required: true
    choices: [ready, served, alike, away, result, failure, report]
  results:
    description:
      - Results of loops over the names of hosts; with O(step=served) those of M(homelab.anycast.anycast_probe), with
        O(step=alike) those of M(homelab.anycast.routeros_next_hops), with O(step=away) those of
        M(homelab.anycast.routeros_ospf_neighbors).
      - With O(step=report), the RV(result) of each event.
    type: list
    elements: dict
  events: {type: list, elements: dict, description: The events of M(homelab.anycast.anycast_request).}
  event: {type: dict, description: One of them.}
  measured:
    description:
      - The results C(broken) and C(mended) of M(homelab.anycast.anycast_fault), and those of the loops C(clocks) of
        M(homelab.anycast.anycast_clock), C(probes) of M(homelab.anycast.anycast_probe), and C(watches) of
        M(homelab.anycast.routeros_next_hops).
    type: dict
  neighbors:
    description: The results of a loop of M(homelab.anycast.routeros_ospf_neighbors) over the routers.
    type: list
    elements: dict
  router_ids: {type: list, elements: str, description: The router ids of the nodes.}
  addresses: {type: list, elements: str, description: "The addresses by which the routers know the node, if it is one."}
  failure: {type: dict, description: The result of the task that failed.}
  time: {type: str, description: When the drill began.}
  by: {type: str, description: Who does the drill.}
"""

EXAMPLES = r"""
- name: Check that all nodes can be reached
  homelab.anycast.anycast_drill:
    step: ready
    results: "{{ claims.results }}"
"""

RETURN = r"""
result: {type: dict, returned: O(step=result) or O(step=failure), description: The figures of the event for the report.}
lines: {type: list, elements: str, returned: O(step=report), description: The report as text.}
page: {type: dict, returned: O(step=report), description: "The values for the template of the page, strings escaped."}
"""
