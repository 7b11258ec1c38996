#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_info
short_description: Read what a MikroTik router is and has, in one login
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads version, board, memory, interfaces, addresses, the OSPF and BFD configuration and the routing filters of a
    router over its API, in one session. The keys of OSPF interface templates are not read.
  - Fails on a version of RouterOS that this collection does not support, and if the router lacks one of O(interfaces).
  - The role P(homelab.anycast.routeros_ospf#role) runs it before it changes anything.
notes:
  - Runs where it can reach the router's API, normally on the controller; use C(delegate_to) or C(connection=local).
  - Needs RouterOS 7.16 or newer, and a user with the policies C(api) and C(read).
  - Rows have the names and values that the router gives them, with yes and no as booleans and numbers as integers. A
    property which is not set is absent, and a switch which is set (C(passive)) is an empty string.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.action_group_api
attributes:
  platform:
    support: full
    platforms: RouterOS
options:
  interfaces:
    description: Names of interfaces that the router must have, and which must not be disabled.
    type: list
    elements: str
    default: []
seealso:
  - module: homelab.anycast.routeros_ospf_neighbors
  - module: homelab.anycast.routeros_next_hops
"""

EXAMPLES = r"""
- name: Read what the router has, and make sure of the bridge
  homelab.anycast.routeros_info:
    hostname: 172.18.0.1
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
    tls: true
    interfaces: [bridge-lan]
  register: router
"""

RETURN = r"""
version:
  description: Version of RouterOS.
  returned: success
  type: str
  sample: 7.20.8 (long-term)
architecture:
  description: Architecture of the router's processor.
  returned: success
  type: str
  sample: smips
board:
  description: Name of the board.
  returned: success
  type: str
  sample: hAP lite
identity:
  description: The name which the router has been given.
  returned: success
  type: str
  sample: hap-lite
free_memory:
  description: Free memory in bytes, null if the router does not say.
  returned: success
  type: int
  sample: 6291456
total_memory:
  description: Memory in bytes, null if the router does not say.
  returned: success
  type: int
  sample: 33554432
interfaces:
  description: The interfaces.
  returned: success, and failure for a lack of O(interfaces)
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
    type:
      description: Type, for example V(ether) or V(bridge).
      type: str
    running:
      description: Whether it runs, which needs a link.
      type: bool
    disabled:
      description: Whether it is disabled.
      type: bool
  sample:
    - name: bridge-lan
      type: bridge
      running: true
      disabled: false
addresses:
  description: The IPv4 addresses.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Address and prefix length.
      type: str
    network:
      description: Address of the network; the remote address if the prefix length is 32.
      type: str
    interface:
      description: Interface that has it.
      type: str
    disabled:
      description: Whether it is disabled.
      type: bool
  sample:
    - address: 172.18.0.1/26
      network: 172.18.0.0
      interface: bridge-lan
      disabled: false
ospf:
  description: The OSPF configuration, whoever wrote it, without keys.
  returned: success
  type: dict
  contains:
    instances:
      description: Rows of C(/routing/ospf/instance).
      type: list
      elements: dict
    areas:
      description: Rows of C(/routing/ospf/area).
      type: list
      elements: dict
    interface_templates:
      description: Rows of C(/routing/ospf/interface-template), without C(auth-key).
      type: list
      elements: dict
  sample:
    instances:
      - .id: "*1"
        name: anycast
        router-id: 172.18.0.1
        comment: homelab.anycast
    areas:
      - .id: "*1"
        name: anycast
        instance: anycast
        area-id: 0.0.0.0
        comment: homelab.anycast
    interface_templates: []
bfd:
  description: The BFD configuration, whoever wrote it.
  returned: success
  type: dict
  contains:
    configurations:
      description: Rows of C(/routing/bfd/configuration), in their order. The first that matches a neighbour decides.
      type: list
      elements: dict
  sample:
    configurations: []
filter:
  description: The routing filters, whoever wrote them.
  returned: success
  type: dict
  contains:
    rules:
      description: Rows of C(/routing/filter/rule), in their order. The first that decides ends its chain.
      type: list
      elements: dict
  sample:
    rules:
      - .id: "*1"
        chain: anycast-in
        rule: reject
        comment: homelab.anycast
        inactive: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import RouterError, open_router
from ansible_collections.homelab.anycast.plugins.module_utils.routeros_info import interface_problems, read
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Unreadable


def main():
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            interfaces={"type": "list", "elements": "str", "default": []},
        ),
        supports_check_mode=True,
    )
    router = open_router(module)
    try:
        found = read(router)
    except (RouterError, Unreadable) as exc:
        module.fail_json(msg=str(exc))
    finally:
        router.close()
    problems = interface_problems(found["interfaces"], module.params["interfaces"], router.hostname)
    if problems:
        module.fail_json(msg="; ".join(problems), interfaces=found["interfaces"])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
