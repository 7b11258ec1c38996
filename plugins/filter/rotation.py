# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbook rotate_key. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.system import rotation


def _template(info, comment):
    rows = info["ospf"]["interface_templates"]
    return next((row for row in rows if row.get("comment") == comment), None)


def router_problems(info, comment, link, key_id):
    return rotation.router_key_problems(_template(info, comment), comment, normalise_link(link), key_id)


def moved(info, comment, key_id):
    template = _template(info, comment)
    return template is not None and str(template.get("auth-id")) == str(key_id)


class FilterModule:
    def filters(self):
        return {"rotation_router_problems": router_problems, "rotation_moved": moved}
