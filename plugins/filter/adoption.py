# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was there before the roles, as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model import link as link_model
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import takeover as routeros_takeover


def routeros_plan(info, link, router_id, interfaces, comment, filter_chain, instance, area):
    try:
        area_id = link_model.normalise_link(link).area
    except link_model.LinkError:
        # Which router_problems says; then nothing is taken over.
        interfaces, area_id = [], None
    return routeros_takeover.plan(info, area_id, router_id, interfaces, comment, filter_chain, instance, area)


class FilterModule:
    def filters(self):
        return {
            "routeros_plan": routeros_plan,
            "routeros_taken_over": routeros_takeover.taken_over,
        }
