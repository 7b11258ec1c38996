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
  - Reads version, board, memory, clock, interfaces, addresses, packet filter, the OSPF and BFD configuration and the
    routing filters of a router over its API, in one session. The keys of OSPF interface templates are never returned.
  - Fails on a version of RouterOS that this collection does not support.
  - The action M(homelab.anycast.routeros_ospf_plan) runs it.
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
  prefixes:
    description: Prefixes whose routes to read, for example V(172.18.0.64/32), in RV(routes). Others are not read.
    type: list
    elements: str
    default: []
  auth_key_sha256:
    description:
      - SHA-256, in hexadecimal, of the key that the OSPF interface templates should have. With it each template that
        has a key says in C(key_as_given) whether it is this one. Without it keys are not even read.
      - Not the key itself, since Ansible hides what a module was given as a secret in all that it returns, and a key
        may be a word that occurs there.
      - Needs the policy C(sensitive). To a user without it the router shows a mask instead of each key, which
        C(key_masked) says in place of C(key_as_given).
    type: str
seealso:
  - module: homelab.anycast.routeros_ospf_neighbors
  - module: homelab.anycast.routeros_next_hops
"""

EXAMPLES = r"""
- name: Read what the router has
  homelab.anycast.routeros_info:
    hostname: 172.18.0.1
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
    tls: true
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
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
    type:
      description: Type, for example V(ether) or V(bridge).
      type: str
    mtu:
      description: The MTU in force, in octets; null if the router does not say.
      type: int
    running:
      description: Whether it runs, which needs a link.
      type: bool
    disabled:
      description: Whether it is disabled.
      type: bool
  sample:
    - name: bridge-lan
      type: bridge
      mtu: 1500
      running: true
      disabled: false
ipv6_addresses:
  description: The IPv6 addresses.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Address and prefix length.
      type: str
    interface:
      description: Interface that has it.
      type: str
    disabled:
      description: Whether it is disabled.
      type: bool
  sample:
    - address: fe80::1/64
      interface: bridge-lan
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
  description: The OSPF configuration, also what the role does not manage, without keys; and the neighbours.
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
      description:
        - Rows of C(/routing/ospf/interface-template), without C(auth-key). With O(auth_key_sha256), one that has a key
          has either C(key_as_given), a boolean, or C(key_masked), which is true where the user may not read the key.
      type: list
      elements: dict
    neighbors:
      description: Rows of C(/routing/ospf/neighbor), with C(area), C(address), C(router-id) and C(state).
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
    neighbors: []
bfd:
  description: The BFD configuration, also what the role does not manage.
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
  description: The routing filters, also those that the role does not manage.
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
ip_settings:
  description: >-
    The row of C(/ip/settings), with C(ip-forward), C(ipv4-multipath-hash-policy), C(rp-filter) and C(send-redirects).
  returned: success
  type: dict
  sample:
    ip-forward: true
    ipv4-multipath-hash-policy: l3
    rp-filter: "no"
    send-redirects: false
ipv6_settings:
  description: The row of C(/ipv6/settings), with C(disable-ipv6), C(forward) and C(multipath-hash-policy).
  returned: success
  type: dict
  sample:
    disable-ipv6: false
    forward: true
    multipath-hash-policy: l3
firewall:
  description: The packet filters.
  returned: success
  type: dict
  contains:
    filter:
      description: Rows of C(/ip/firewall/filter), in their order.
      type: list
      elements: dict
    ipv6_filter:
      description: Rows of C(/ipv6/firewall/filter), in their order.
      type: list
      elements: dict
    interface_lists:
      description: >-
        The interfaces in each interface list, by its name. Lists whose interfaces are not known are left out, such as
        C(dynamic).
      type: dict
  sample:
    filter:
      - .id: "*1"
        chain: input
        action: drop
        in-interface-list: "!LAN"
    ipv6_filter: []
    interface_lists:
      LAN: [bridge-lan]
routes:
  description: The routes to O(prefixes) in the routing table C(main), one for each next hop.
  returned: success
  type: list
  elements: dict
  contains:
    prefix:
      description: The prefix.
      type: str
    gateway:
      description: Address of the next hop, null for a connected network or a blackhole.
      type: str
    interface:
      description: Interface towards it.
      type: str
    protocol:
      description: Where the route comes from, for example V(ospf) or V(static).
      type: str
    distance:
      description: Administrative distance; the lowest wins.
      type: int
    active:
      description: Whether it is in use.
      type: bool
    dynamic:
      description: Whether it comes from elsewhere than the router's configuration.
      type: bool
  sample: []
clock:
  description: The router's clock.
  returned: success
  type: dict
  contains:
    utc:
      description: Its time, null if the router does not say.
      type: str
    skew:
      description: >-
        By how many seconds it is ahead of the host that runs the module, negative where it is behind; null if the
        router does not say its time.
      type: int
  sample:
    utc: "2026-11-22T18:48:02Z"
    skew: 0
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.facts import read_router
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.next_hops import normalise_prefix
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.session import RouterError, open_router
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Unreadable


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            prefixes={"type": "list", "elements": "str", "default": []},
            auth_key_sha256={"type": "str", "no_log": True},
        ),
        supports_check_mode=True,
    )
    try:
        prefixes = [normalise_prefix(prefix, "prefixes") for prefix in module.params["prefixes"]]
    except ValueError as exc:
        module.fail_json(msg=str(exc))
    router = open_router(module)
    try:
        found = read_router(router, prefixes, time.time, module.params["auth_key_sha256"])
    except (RouterError, Unreadable) as exc:
        module.fail_json(msg=str(exc))
    finally:
        router.close()
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
