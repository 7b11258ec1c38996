#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_info
short_description: Read a MikroTik router's version, configuration and state, in one login
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads version, board, memory, clock, interfaces, addresses, packet filter, the OSPF and BFD configuration and the
    routing filters of a router over its API, in one session. The keys of OSPF interface templates are never returned.
  - Fails on a version of RouterOS that this collection does not support.
  - The action M(homelab.anycast.routeros_ospf_plan) runs it.
notes:
  - Needs RouterOS 7.16 or newer, and a user with the policies C(api) and C(read).
  - Rows have the names and values that the router gives them, with yes and no as booleans and numbers as integers. A
    property which is not set is absent, and a switch which is set (C(passive)) is an empty string.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.routeros
options:
  prefixes:
    description: Prefixes whose routes to read, for example V(172.18.0.64/32), in RV(routes). Others are not read.
    type: list
    elements: str
    default: []
  auth_key_sha256:
    description:
      - SHA-256, in hexadecimal, of the key that the OSPF interface templates should have. With it each template
        with a key returns in C(key_as_given) whether its key is this one. Without it the module does not read keys.
      - Not the key itself, since Ansible hides a secret argument in everything that a module returns, and a key may be
        a word that occurs there.
      - Needs the policy C(sensitive). To a user without it the router shows a mask instead of each key, which
        C(key_masked) says in place of C(key_as_given).
    type: str
  new_key_sha256:
    description:
      - The same of a key that replaces it. C(key_as_new) says whether a template has this one.
      - Has no effect without O(auth_key_sha256).
    type: str
"""

EXAMPLES = r"""
# With the login once for all of them:
# module_defaults: {group/homelab.anycast.api: {hostname: 172.18.0.1, username: ansible, password: ..., tls: true}}
- name: Read what the router has
  homelab.anycast.routeros_info:
  register: router
"""

RETURN = r"""
version: {type: str, returned: success, description: Version of RouterOS., sample: 7.20.8 (long-term)}
architecture: {type: str, returned: success, description: "Architecture of the router's processor.", sample: smips}
board: {type: str, returned: success, description: Name of the board., sample: hAP lite}
free_memory: {type: int, returned: success, description: "Free memory in bytes, or null."}
interfaces:
  description: The interfaces. The MTU is the one in force, in octets; null if the router does not tell it.
  returned: success
  type: list
  elements: dict
  sample: [{name: bridge-lan, type: bridge, mtu: 1500, running: true, disabled: false}]
addresses:
  description: The IPv4 addresses, and as C(ipv6_addresses) the others. The network of a /32 is the remote address.
  returned: success
  type: list
  elements: dict
  sample: [{address: 172.18.0.1/26, network: 172.18.0.0, interface: bridge-lan, disabled: false}]
vrrp:
  description:
    - The rows of C(/interface/vrrp), without password and scripts. They are read only if an interface has the type
      C(vrrp).
    - C(interval) is in seconds. C(protocol) is V(ipv4) or V(ipv6). C(state) is V(master), V(backup), V(failure),
      V(invalid), V(disabled) or V(unknown). C(addresses) are those on the VRRP interface, and C(networks) those of the
      interface that it is on, both without link-local ones.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: vrrp1, interface: bridge-lan, vrid: 1, priority: 200, interval: 1.0, version: 3, protocol: ipv4,
       preemption: true, state: master, addresses: [172.18.0.1/32], networks: [172.18.0.0/26]}
ospf:
  description:
    - C(instances), C(areas), C(interface_templates) and C(neighbors), the rows of C(/routing/ospf/instance),
      C(/routing/ospf/area), C(/routing/ospf/interface-template) without C(auth-key), and C(/routing/ospf/neighbor).
    - With O(auth_key_sha256), a template that has a key has either C(key_as_given), a boolean, or C(key_masked), which
      is true where the user may not read the key. O(new_key_sha256) adds C(key_as_new) to C(key_as_given).
  returned: success
  type: dict
bfd: {type: dict, returned: success, description: "C(configurations), the rows of C(/routing/bfd/configuration)."}
filter: {type: dict, returned: success, description: "C(rules), the rows of C(/routing/filter/rule), in their order."}
ip_settings: {type: dict, returned: success, description: The settings of C(/ip/settings) that the collection uses.}
ipv6_settings: {type: dict, returned: success, description: The settings of C(/ipv6/settings) that the collection uses.}
firewall:
  description: >-
    C(filter), C(raw) and C(nat) are the rows of these menus of C(/ip/firewall), C(ipv6_filter) and C(ipv6_raw) those of
    C(/ipv6/firewall), in their order. C(interface_lists) has the interfaces of each list, without lists whose
    interfaces are unknown, such as C(dynamic).
  returned: success
  type: dict
  sample: {filter: [{.id: "*1", chain: input, action: drop}], raw: [], interface_lists: {LAN: [bridge-lan]}}
l3_hw_offloading: {type: bool, returned: success, description: Whether a switch chip of the router routes.}
sip_helper: {type: bool, returned: success, description: Whether the router rewrites SIP that crosses NAT.}
routing_rules: {type: list, elements: dict, returned: success, description: "Rows of C(/routing/rule), in their order."}
routes:
  description: >-
    The routes to O(prefixes) in the routing table C(main), one for each next hop, in the form of
    RV(homelab.anycast.routeros_next_hops#module:next_hops), with the C(prefix).
  returned: success
  type: list
  elements: dict
clock:
  description: >-
    The router's time, and the seconds by which it is ahead of the host that runs the module, negative if it is behind.
    Both are null if the router does not tell its time.
  returned: success
  type: dict
  sample: {utc: "2026-11-22T18:48:02Z", skew: 0}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.routeros.facts import read_router
from ..module_utils.routeros.next_hops import normalise_prefix
from ..module_utils.routeros.session import open_router


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            prefixes={"type": "list", "elements": "str", "default": []},
            auth_key_sha256={"type": "str", "no_log": True},
            new_key_sha256={"type": "str", "no_log": True},
        ),
        supports_check_mode=True,
    )
    try:
        prefixes = [normalise_prefix(prefix, "prefixes") for prefix in module.params["prefixes"]]
    except ValueError as exc:
        module.fail_json(msg=str(exc))
    with open_router(module) as router:
        hashes = (module.params["auth_key_sha256"], module.params["new_key_sha256"])
        found = read_router(router, prefixes, time.time, *hashes)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
