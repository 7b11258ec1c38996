#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_attempt
short_description: Run a module that reads, on a host that may be away
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Used by the playbooks of this collection to read all hosts before one verdict names all problems.
  - Does not fail if the host cannot be reached, or if the module fails. Both are part of the result, and Ansible prints
    no error before the verdict.
extends_documentation_fragment: [homelab.anycast.attributes.read_only]
options:
  module: {type: str, required: true, description: "The full name of a module, which must not have an action plugin."}
  options: {type: dict, default: {}, description: The options of the module.}
"""

EXAMPLES = r"""
- name: Read the neighbours of the node
  homelab.anycast.anycast_attempt:
    module: homelab.anycast.bird_ospf_neighbors
  become: true
  register: neighbors
"""

RETURN = r"""
reached: {type: bool, returned: always, description: Whether the host was reached.}
msg: {type: str, returned: failure of the module or of the connection, description: What went wrong.}
"""
