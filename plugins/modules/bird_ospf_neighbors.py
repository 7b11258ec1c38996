#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: bird_ospf_neighbors
short_description: Read BIRD's OSPF neighbours, and wait until they are as expected
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the OSPF neighbours of a host that runs BIRD 2 or 3, in the form that
    M(homelab.anycast.routeros_ospf_neighbors) uses too.
  - With O(router_ids), O(count) or O(full_with) it compares them with the expectation, and waits up to O(wait) seconds
    for it. Otherwise it fails, and names what is missing, what was found and the likely causes.
  - It asks BIRD over its control socket in restricted mode, in which BIRD takes no command that changes anything.
    C(birdc) is not needed.
notes:
  - The socket belongs to root and the group C(bird); use C(become) or a user of that group.
extends_documentation_fragment:
  - homelab.anycast.attributes.read_only
  - homelab.anycast.neighbor_expectation
  - homelab.anycast.bird
  - homelab.anycast.attributes.linux
options:
  protocol:
    description:
      - Name of the OSPF protocol in C(bird.conf).
      - Needed only if there is more than one. The OSPFv3 protocol that the role
        P(homelab.anycast.bird_anycast#role) writes beside that of OSPFv2, C(NAME_v3), does not count.
    type: str
seealso:
  - module: homelab.anycast.routeros_ospf_neighbors
"""

EXAMPLES = r"""
- name: Wait until the router is a full neighbour, and has been for ten seconds
  homelab.anycast.bird_ospf_neighbors:
    router_ids: [172.18.0.1]
    wait: 60
    stable: 10
  become: true

- name: Expect the router to be Full, and the other two servers Full or in 2-Way
  homelab.anycast.bird_ospf_neighbors:
    full_with: [172.18.0.1]
    router_ids: [172.18.0.12, 172.18.0.13]
    states: [Full, 2-Way]
    interface: enp0s11
    exact: true
    wait: 60
  become: true

- name: Read the neighbours
  homelab.anycast.bird_ospf_neighbors:
  become: true
  register: ospf
"""

RETURN = r"""
neighbors:
  description: &same As M(homelab.anycast.routeros_ospf_neighbors) returns it.
  returned: &read always, once they could be read
  type: list
  elements: dict
missing: {type: list, elements: str, returned: *read, description: *same}
stuck: {type: list, elements: dict, returned: *read, description: *same}
surplus: {type: list, elements: dict, returned: *read, description: *same}
likely_causes: {type: list, elements: dict, returned: failure to meet the expectation, description: *same}
own: {type: dict, returned: failure to meet the expectation, description: *same}
waited: {type: float, returned: *read, description: *same}
protocol: {type: str, returned: *read, description: The OSPF protocol that was asked.}
version: {type: str, returned: *read, description: "BIRD's version.", sample: 2.0.12}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bird.control import BirdError, OspfReader, bird_argument_spec
from ..module_utils.ospf.expect import EXPECTATION_MUTUALLY_EXCLUSIVE, expectation_argument_spec, run_neighbors_module


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(expectation_argument_spec(), **bird_argument_spec(), protocol={"type": "str"}),
        mutually_exclusive=EXPECTATION_MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    reader = OspfReader(module.params["socket"], module.params["timeout"], module.params["protocol"])
    run_neighbors_module(module, reader, BirdError, lambda: {"protocol": reader.protocol, "version": reader.version})


if __name__ == "__main__":
    main()
