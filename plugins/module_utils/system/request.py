# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users give a playbook by -e, where all is text unless they write it as JSON."""

from __future__ import annotations


def words(value):
    """Return a list for what may be one, or text with commas."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return list(value or [])


def names_by_node(hostvars, nodes):
    """Return the names of the services of each node, by its name. What else is wrong with them, the roles say."""
    found = {}
    for node in nodes:
        listed = hostvars[node].get("bird_anycast_services")
        listed = listed if isinstance(listed, list) else []
        found[node] = [str(service["name"]) for service in listed if isinstance(service, dict) and "name" in service]
    return found
