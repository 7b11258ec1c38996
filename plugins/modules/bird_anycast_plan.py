#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: bird_anycast_plan
short_description: Read a node and decide what the role bird_anycast does to it
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the node once with M(homelab.anycast.anycast_node_info), and returns the problems, and everything that the
    tasks of the role P(homelab.anycast.bird_anycast#role) write. Changes nothing.
  - It does not fail if there are problems, such as variables that cannot work; RV(problems) lists them. It fails if the
    node cannot be read, unless O(fail=false).
  - No key is in the result.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.debian]
options:
  variables:
    description: The variables of the role, by their names without C(bird_anycast_).
    type: dict
    required: true
  directory: {type: path, default: /etc/bird, description: "BIRD's directory."}
  without: {type: str, description: "Name of a service to plan without, which the variables may have."}
  removal: {type: bool, default: false, description: Whether to plan RV(removal).}
  made:
    description: A plan made before. If it is for the same variables it is returned, and the node is not read again.
    type: dict
    default: {}
  fail:
    description:
      - Whether to fail if the node cannot be read. Else RV(msg) says why, and RV(reached) whether it could be reached.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Read the node and decide what to do
  homelab.anycast.bird_anycast_plan:
    # roles/bird_anycast/tasks/plan.yml has all of them.
    variables: {link: "{{ anycast_link }}", services: "{{ anycast_services }}", router_id: 172.18.0.11}
  become: true
  register: plan
"""

RETURN = r"""
msg: {type: str, returned: "instead of all else, with O(fail=false)", description: Why it could not be read.}
reached: {type: bool, returned: as RV(msg), description: Whether the node could be reached.}
problems: {type: list, elements: str, returned: success, description: What keeps the role from setting up the node.}
doubts: {type: list, elements: str, returned: success, description: What may go wrong later.}
namespaces: {type: bool, returned: success, description: Whether the announcer can have the whole of its sandbox.}
info: {type: dict, returned: success, description: What M(homelab.anycast.anycast_node_info) returned.}
link: {type: dict, returned: success, description: "The link with its defaults, without keys; empty if it cannot work."}
services: {type: list, elements: dict, returned: success, description: The services with their defaults; likewise.}
ospf_versions: {type: list, elements: int, returned: success, description: "V(2), and with an IPv6 address V(3)."}
interface_manager: {type: str, returned: success, description: "What makes the dummy interfaces, or null."}
interfaces:
  description: The dummy interfaces, C(name), C(addresses) and the commands of C(source_routing) for each.
  returned: success
  type: list
  elements: dict
surplus_interfaces: {type: list, elements: str, returned: success, description: Those of the role that no service has.}
source_routing:
  description: >-
    Source routing of all addresses, the C(commands) that have it up, those that C(forget) earlier ones, and whether to
    C(repair) it.
  returned: success
  type: dict
takeover:
  description:
    - What was there before the role. C(kind) says what C(bird.conf) is. V(none) there is none, V(ours) the role has
      written it, V(plain) and V(article) are replaced, V(foreign) is not changed.
    - C(notes) say what the role takes over, C(interfaces) are those of RV(interfaces) that stand in files which are
      not the role's, C(template) is what their new files are made of. What C(keep_bird_conf) and C(units) are for,
      M(homelab.anycast.anycast_takeover) says.
  returned: success
  type: dict
bird:
  description: The C(package) of BIRD, whether it is C(installed) and C(runs) as wanted, its paths and its protocols.
  returned: success
  type: dict
asked: {type: dict, returned: success, description: "The options that the plan is for, without the keys of the link."}
removal:
  description: >-
    What the removal does to BIRD (C(action)), C(notes) about it, packages to C(purge), interfaces to bring up
    (C(stanzas)), whether files are given back, and whether BIRD is active; null without O(removal).
  returned: success
  type: dict
"""
