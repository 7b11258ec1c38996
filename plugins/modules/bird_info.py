#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: bird_info
short_description: Read BIRD's running OSPF configuration, and the OSPF packets that it refused
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the router id and the OSPF interfaces of a running BIRD 2 or 3, which may differ from C(bird.conf). From the
    journal it reads the OSPF packets that BIRD refused lately, with the reason.
  - The playbook C(homelab.anycast.neighbors) compares it with what the role P(homelab.anycast.bird_anycast#role) would
    have BIRD run with, where the neighbours are not as expected.
notes:
  - The socket belongs to root and the group C(bird), the journal to root and some groups; use C(become).
  - Fails if BIRD does not run or does not answer.
extends_documentation_fragment:
  - homelab.anycast.attributes.read_only
  - homelab.anycast.bird
  - homelab.anycast.attributes.linux
"""

EXAMPLES = r"""
- name: Read what BIRD runs with
  homelab.anycast.bird_info:
  become: true
  register: bird
"""

RETURN = r"""
version: {type: str, returned: success, description: "BIRD's version."}
router_id: {type: str, returned: success, description: The router id that BIRD runs with.}
interfaces:
  description: >-
    Interfaces of all OSPF protocols that are up, with intervals in seconds. C(silent) is whether it sends no hellos, as
    those of the anycast addresses.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: enp0s11, area: 0.0.0.0, type: broadcast, hello: 3.0, dead: 12.0, priority: 0, silent: false}
refused:
  description:
    - Packets that BIRD refused in the last minute; null if there is no journal to read.
    - C(sender) is the router id of who sent them, or the address where BIRD does not say that. C(reason) is in BIRD's
      words. C(count) are its log lines; BIRD writes one each second at most, after the first five.
  returned: success
  type: list
  elements: dict
  sample: [{sender: 172.18.0.1, interface: enp0s11, reason: dead interval mismatch (16), count: 17}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bird.control import Bird, BirdError, bird_argument_spec, ospf_interfaces, parse_router_id
from ..module_utils.bird.log import parse_refusals
from ..module_utils.waiting import Unreadable


def refused(module: AnsibleModule) -> list[dict[str, Any]] | None:
    """Return the refused packets of the last minute that the journal knows of, None if it cannot be read."""
    program = module.get_bin_path("journalctl")
    if program is None:
        return None
    words = [program, "--identifier=bird", "--since=-60s", "--output=cat", "--no-pager"]
    code, printed, _errors = module.run_command(words)
    return [vars(entry) for entry in parse_refusals(printed)] if code == 0 else None


def main() -> None:
    module = AnsibleModule(argument_spec=bird_argument_spec(), supports_check_mode=True)
    try:
        with Bird(module.params["socket"], module.params["timeout"]) as bird:
            module.exit_json(
                changed=False,
                version=bird.version,
                router_id=parse_router_id(bird.ask("show status")),
                interfaces=[entry.as_dict() for entry in ospf_interfaces(bird)],
                refused=refused(module),
            )
    except (BirdError, Unreadable) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
