#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_refuse
short_description: Fail if there are problems, with one text that names all of them
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the roles and playbooks of this collection. Without a problem it does nothing.
  - Ansible prints the text as it is, one problem a line. The same problem of several hosts is one line.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  problems: {type: list, elements: str, default: [], description: The problems.}
  results:
    description: Results of a loop whose task has C(failed_when=false). The message of one that has any is a problem.
    type: list
    elements: dict
    default: []
  answers:
    description:
      - A result of M(homelab.anycast.anycast_attempt) for each host, by the host's name.
      - A host that was not reached, or on which the module failed, is a problem.
    type: dict
    default: {}
  advice: {type: str, default: '', description: What to do about a host that was not reached.}
  outcome: {type: str, default: nothing was changed, description: What stands behind the number of problems.}
"""

EXAMPLES = r"""
- name: Refuse nodes that are away
  homelab.anycast.anycast_refuse:
    answers: "{{ dict(nodes | zip(nodes | map('extract', hostvars, 'answer'))) }}"
    advice: Start the node first
"""

RETURN = r""" # """
