# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which IP versions there are, as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import announced
from ansible_collections.homelab.anycast.plugins.module_utils.node import source_routing


def services_have_ipv6(services):
    return ip.has_ipv6(announced(services))


def source_routing_ipv6_problems(services, gateway, link_interfaces, facts):
    return source_routing.ipv6_problems(announced(services), gateway, link_interfaces, facts)


class FilterModule:
    def filters(self):
        return {
            "services_have_ipv6": services_have_ipv6,
            "ospf_versions": ip.ospf_versions,
            "source_routing_ipv6_problems": source_routing_ipv6_problems,
        }
