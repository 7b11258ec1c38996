#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_preflight
short_description: Refuse to set up a system that would not work
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Compares what the roles have read of both ends, and what both would be given, before anything is changed. Fails with
    one text for all hosts, in which the same problem of several hosts is one line. What may be a problem is a warning.
  - Takes what it needs from the variables of the hosts of the groups C(anycast_routers) and C(anycast_nodes), after
    C(tasks_from=plan) of both roles has run there, as in the playbook C(homelab.anycast.preflight). A host that
    C(--limit) leaves out belongs to the system, and is not compared.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options:
  force:
    description: Only warn of what leaves clients without a node for some seconds.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Refuse what would not work
  homelab.anycast.anycast_preflight:
  run_once: true
"""

RETURN = r""" # """
