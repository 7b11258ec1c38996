#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_ospf_neighbors
short_description: Read a RouterOS router's OSPF neighbours, and wait until they are as expected
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the OSPF neighbours of a MikroTik router over its API, in the form that
    M(homelab.anycast.bird_ospf_neighbors) uses too.
  - With O(router_ids), O(count) or O(full_with) it compares them with what is expected, waits for it as long as O(wait)
    says, and else fails with what is missing, what was found instead and the likely causes.
  - It logs in once and keeps the session while it waits, as a login is the most that a small router has to do here.
notes:
  - Runs where it can reach the router's API, normally on the controller; use C(delegate_to) or C(connection=local).
  - Needs RouterOS 7.16 or newer, and a user with the policies C(api) and C(read).
  - O(timeout) is how long the router may take for an answer; how long to wait for the neighbours is O(wait).
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.action_group_api
  - homelab.anycast.neighbor_expectation
attributes:
  platform:
    support: full
    platforms: RouterOS
options:
  instance:
    description:
      - Name of the OSPF instance whose neighbours are read.
      - Without it, those of all instances of OSPFv2; of OSPFv3 where no instance of OSPFv2 is enabled.
    type: str
seealso:
  - module: homelab.anycast.bird_ospf_neighbors
  - module: homelab.anycast.routeros_next_hops
  - name: RFC 2328, OSPF Version 2
    description: States of a neighbour in 10.1, who becomes adjacent in 10.4.
    link: https://www.rfc-editor.org/rfc/rfc2328
"""

EXAMPLES = r"""
- name: Wait until all three servers are full neighbours on the LAN
  homelab.anycast.routeros_ospf_neighbors:
    hostname: 172.18.0.1
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
    tls: true
    router_ids: [172.18.0.11, 172.18.0.12, 172.18.0.13]
    interface: bridge-lan
    exact: true
    wait: 60
    stable: 10

- name: The login once, for all modules that use the API
  module_defaults:
    group/homelab.anycast.api:
      hostname: 172.18.0.1
      username: ansible
      password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
      tls: true
  block:
    - name: At least two servers
      homelab.anycast.routeros_ospf_neighbors:
        count: 2
        wait: 30
"""

RETURN = r"""
neighbors:
  description: The neighbours, on O(interface) if that is given.
  returned: always, once they could be read
  type: list
  elements: dict
  contains:
    router_id:
      description: Router id of the neighbour.
      type: str
    address:
      description: Its address on the link.
      type: str
    interface:
      description:
        - Interface of the router on which it is seen. Up to RouterOS 7.20 the router does not say it; it is found by
          the subnets of its OSPF interfaces then, and null if that is not clear.
      type: str
    state:
      description: V(Down), V(Attempt), V(Init), V(2-Way), V(ExStart), V(Exchange), V(Loading) or V(Full).
      type: str
    role:
      description: Role of the neighbour on the link, V(DR), V(BDR), V(DROther) or V(PtP); null while none is elected.
      type: str
    priority:
      description: Its priority in the election of the designated router, null on point-to-point links.
      type: int
    full_seconds:
      description: Seconds since when it is Full, null in any other state.
      type: float
    state_changes:
      description: How often its state has changed.
      type: int
    dead_seconds:
      description: Seconds until it is taken for dead, if no other hello arrives.
      type: float
    bfd:
      description:
        - State of the BFD session with it, V(up), V(down), V(init) or V(admin-down), V(forbidden) where no row of
          C(/routing/bfd/configuration) allows it; null without a session.
      type: str
  sample:
    - router_id: 172.18.0.11
      address: 172.18.0.11
      interface: bridge-lan
      state: Full
      role: DROther
      priority: 0
      full_seconds: 5164.0
      state_changes: 6
      dead_seconds: 3.0
      bfd: up
missing:
  description: Router ids that are expected, and of which there is no neighbour.
  returned: always, once the neighbours could be read
  type: list
  elements: str
  sample: [172.18.0.13]
stuck:
  description: Neighbours, as in RV(neighbors), that are expected and whose state is not good.
  returned: always, once the neighbours could be read
  type: list
  elements: dict
  sample: []
surplus:
  description: Neighbours, as in RV(neighbors), that are there without being in O(router_ids) or O(full_with).
  returned: always, once the neighbours could be read
  type: list
  elements: dict
  sample: []
likely_causes:
  description: What is wrong, each with the likely causes, most likely first. The error message says the same.
  returned: failure to meet the expectation
  type: list
  elements: dict
  contains:
    router_ids:
      description: Router ids it is about.
      type: list
      elements: str
    state:
      description: The state of these neighbours, V(Missing), V(Duplicate router id), or that of their BFD sessions.
      type: str
    interface:
      description: The interface, null if unknown.
      type: str
    found:
      description: What was found, in words.
      type: str
    expected:
      description: What was expected, in words.
      type: str
    causes:
      description: Likely causes.
      type: list
      elements: str
  sample:
    - router_ids: [172.18.0.12]
      state: ExStart
      interface: bridge-lan
      found: ExStart
      expected: Full
      causes: [the MTU of the two interfaces differs]
own:
  description: What the router says about itself.
  returned: failure to meet the expectation
  type: dict
  contains:
    router_id:
      description: Its router id, null if there is more than one OSPF instance and O(instance) is not given.
      type: str
    interfaces:
      description: Its OSPF interfaces, with their type, area, network, timers in seconds and priority.
      type: list
      elements: dict
version:
  description: Version of RouterOS.
  returned: always, once the neighbours could be read
  type: str
  sample: 7.20.8 (long-term)
waited:
  description: Seconds spent waiting.
  returned: always, once the neighbours could be read
  type: float
  sample: 4.0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.expect import (
    EXPECTATION_MUTUALLY_EXCLUSIVE,
    expectation_argument_spec,
    run_neighbors_module,
)
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.neighbors import OspfReader
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.session import RouterError, open_router


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(api_argument_spec(), **expectation_argument_spec(), instance={"type": "str"}),
        mutually_exclusive=EXPECTATION_MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    router = open_router(module)
    try:
        reader = OspfReader(router, module.params["instance"])
        run_neighbors_module(module, reader, RouterError, lambda: {"version": router.version()})
    finally:
        router.close()


if __name__ == "__main__":
    main()
