# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the router needs for IPv6, as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import ipv6
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import OptionError


def routeros_ipv6_plan(info, prefixes, distribution, send_redirects, comment):
    try:
        return ipv6.plan(info, prefixes, distribution, send_redirects, comment)
    except OptionError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    def filters(self):
        return {
            "routeros_ipv6_plan": routeros_ipv6_plan,
            "routeros_ipv6_problems": ipv6.problems,
        }
