#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_report
short_description: Ask a MikroTik router whether it does what this collection assumes, in one login
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Asks each of O(checks), and says which hold, which differ and which the router could not show.
  - What it returns holds no keys, comments, names and serial numbers. Other addresses stand for those of the network,
    the same one for the same address each time.
  - The playbook C(homelab.anycast.report) runs it, and writes a file that can be published.
notes:
  - Needs a user with the policies C(api) and C(read).
  - Supports every version of RouterOS 7.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.routeros
options:
  checks:
    description: The checks, as in C(playbooks/files/read.yml). The module refuses a check that does more than read.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Ask the router
  homelab.anycast.routeros_report:
    hostname: 172.18.0.1
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
    tls: true
    checks: "{{ lookup('ansible.builtin.file', 'read.yml') | from_yaml }}"
  register: report
"""

RETURN = r"""
version: {type: str, returned: success, description: Version of RouterOS., sample: 7.20.8 (long-term)}
board: {type: str, returned: success, description: Name of the board., sample: hAP lite}
summary:
  description: How many checks came out in which way.
  returned: success
  type: str
  sample: 41 hold, 1 differ, 5 not seen, 0 refused
lines:
  description: A line for each check, those that differ first, with the question and the answer below each of these.
  returned: success
  type: list
  elements: str
recording:
  description: All questions and answers as lines of JSON, in the form of C(tests/conformance/recordings).
  returned: success
  type: list
  elements: str
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.assumptions.asking import (
    DIFFERS,
    HOLDS,
    NOT_ASKED,
    NOT_SEEN,
    REFUSED,
    Asker,
    BadCheck,
    counted,
    described,
    parse_check,
    recording,
)
from ..module_utils.assumptions.expect import Reply
from ..module_utils.routeros.session import open_router

ORDER = (DIFFERS, REFUSED, NOT_SEEN, NOT_ASKED, HOLDS)


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(api_argument_spec(), checks={"type": "list", "elements": "dict", "required": True}),
        supports_check_mode=True,
    )
    try:
        checks = [parse_check(entry) for entry in module.params["checks"]]
    except BadCheck as exc:
        module.fail_json(msg=str(exc))
    with open_router(module) as router:
        asker = Asker(lambda words: Reply(router.sentences(words)), module.params["username"], private=True)
        results = sorted(map(asker.answer, checks), key=lambda result: ORDER.index(result.status))
    module.exit_json(
        changed=False,
        version=asker.facts.version,
        board=asker.facts.board,
        summary=counted(results),
        lines=[line for result in results for line in described(result)],
        recording=[json.dumps(one) for one in recording(asker.facts.version, asker.facts.board, asker.exchanges)],
    )


if __name__ == "__main__":
    main()
