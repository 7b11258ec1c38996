#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_ospf_neighbors
short_description: Read a RouterOS router's OSPF neighbours, and wait until they are as expected
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the OSPF neighbours of a MikroTik router over its API, in the form that
    M(homelab.anycast.bird_ospf_neighbors) uses too.
  - With O(router_ids), O(count) or O(full_with) it compares them with the expectation, and waits up to O(wait) seconds
    for it. Otherwise it fails, and names what is missing, what was found and the likely causes.
  - It logs in once and keeps the session while it waits, because a login costs a small router the most.
notes:
  - Needs RouterOS 7.16 or newer, and a user with the policies C(api) and C(read).
  - O(timeout) limits the router's time for an answer. O(wait) limits the wait for the neighbours.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.read_only
  - homelab.anycast.neighbor_expectation
  - homelab.anycast.attributes.routeros
options:
  instance:
    description:
      - Name of the OSPF instance whose neighbours are read.
      - Without it, the neighbours of all instances of OSPFv2; of OSPFv3 if no instance of OSPFv2 is enabled.
    type: str
  gateways:
    description:
      - Whether to read RV(gateways) as well, in the same session, when the neighbours have been read.
      - It costs one question, and two more where the router has a gateway.
    type: bool
    default: false
seealso:
  - module: homelab.anycast.bird_ospf_neighbors
  - module: homelab.anycast.routeros_next_hops
"""

EXAMPLES = r"""
# With the login once for all of them:
# module_defaults: {group/homelab.anycast.api: {hostname: 172.18.0.1, username: ansible, password: ..., tls: true}}
- name: Wait until all three servers are full neighbours on the LAN
  homelab.anycast.routeros_ospf_neighbors:
    router_ids: [172.18.0.11, 172.18.0.12, 172.18.0.13]
    interface: bridge-lan
    exact: true
    wait: 60
    stable: 10

- name: Wait until at least two servers are full neighbours
  homelab.anycast.routeros_ospf_neighbors:
    count: 2
    wait: 30
"""

RETURN = r"""
neighbors:
  description: The neighbours, on O(interface) if that is given.
  returned: &read always, once they could be read
  type: list
  elements: dict
  contains:
    router_id: {type: str, description: Router id of the neighbour.}
    address: {type: str, description: Its address on the link.}
    interface:
      description:
        - Interface on which this end sees it.
        - RouterOS up to 7.20 does not tell it. The module finds it by the subnets of the OSPF interfaces then, and
          returns null where that is not clear.
      type: str
    state:
      description: V(Down), V(Attempt), V(Init), V(2-Way), V(ExStart), V(Exchange), V(Loading) or V(Full).
      type: str
    role:
      description: Role of the neighbour on the link, V(DR), V(BDR), V(DROther) or V(PtP); null while none is elected.
      type: str
    priority:
      description:
        - Its priority in the election of the designated router.
        - RouterOS does not tell it on point-to-point links.
      type: int
    full_seconds: {type: float, description: Seconds since when it is Full. BIRD does not tell it.}
    state_changes: {type: int, description: How often its state has changed. BIRD does not tell it.}
    dead_seconds: {type: float, description: "Seconds until it is taken for dead, if no other hello arrives."}
    bfd:
      description:
        - State of the BFD session with it, V(up), V(down), V(init) or V(admin-down); null without a session.
        - V(forbidden) on RouterOS where no row of C(/routing/bfd/configuration) allows it.
      type: str
  sample: [{router_id: 172.18.0.11, address: 172.18.0.11, interface: bridge-lan, state: Full, role: DROther, bfd: up}]
missing: {type: list, elements: str, returned: *read, description: Router ids that are expected and not there.}
stuck: {type: list, elements: dict, returned: *read, description: Those of RV(neighbors) whose state is not good.}
surplus:
  description: Those of RV(neighbors) that are there without being in O(router_ids) or O(full_with).
  returned: *read
  type: list
  elements: dict
likely_causes:
  description: What is wrong, each with the likely causes, most likely first. The error message says the same.
  returned: failure to meet the expectation
  type: list
  elements: dict
  contains:
    router_ids: {type: list, elements: str, description: The router ids of these neighbours.}
    state: {type: str, description: "Their state, V(Missing), V(Duplicate router id), or that of their BFD sessions."}
    interface: {type: str, description: "The interface, null if unknown."}
    found: {type: str, description: "What was found, in words."}
    expected: {type: str, description: "What was expected, in words."}
    causes: {type: list, elements: str, description: Likely causes.}
  sample:
    - {router_ids: [172.18.0.12], state: ExStart, interface: eth0, found: ExStart, expected: Full, causes: [MTU]}
own:
  description: What this end says about itself.
  returned: failure to meet the expectation
  type: dict
  contains:
    router_id: {type: str, description: "Its router id, null if it has several OSPF instances and none is given."}
    interfaces: {type: list, elements: dict, description: "Its OSPF interfaces, with timers in seconds."}
waited: {type: float, returned: *read, description: Seconds spent waiting., sample: 4.0}
gateways:
  description: The rows of C(/interface/vrrp), in the form of RV(homelab.anycast.routeros_info#module:vrrp).
  returned: with O(gateways), once they could be read
  type: list
  elements: dict
version:
  description: Version of RouterOS.
  returned: always, once they could be read
  type: str
  sample: 7.20.8 (long-term)
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.ospf.expect import EXPECTATION_MUTUALLY_EXCLUSIVE, expectation_argument_spec, run_neighbors_module
from ..module_utils.routeros.neighbors import OspfReader
from ..module_utils.routeros.session import RouterError, open_router
from ..module_utils.routeros.vrrp import read_gateways


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            **expectation_argument_spec(),
            instance={"type": "str"},
            gateways={"type": "bool", "default": False},
        ),
        mutually_exclusive=EXPECTATION_MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    with open_router(module) as router:
        reader = OspfReader(router, module.params["instance"])

        def about() -> dict[str, Any]:
            gateways = {"gateways": read_gateways(router)} if module.params["gateways"] else {}
            return {"version": router.version(), **gateways}

        run_neighbors_module(module, reader, RouterError, about)


if __name__ == "__main__":
    main()
