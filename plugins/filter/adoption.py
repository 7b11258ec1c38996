# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was there before the roles, as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils import adoption, services
from ansible_collections.homelab.anycast.plugins.module_utils import link as link_model


def adoption_filter(info, services_list, interfaces, router_id, link, directory="/etc/bird"):
    summary, stanzas = info.get("bird_conf"), info.get("stanzas") or []
    try:
        normalised = services.normalise_services(services_list)
    except services.ServicesError:
        # Which node_problems says.
        normalised = None
    if normalised is None:
        return {"kind": "none", "problems": [], "notes": [], "stanzas": []}
    try:
        bfd = link_model.normalise_link(link)["bfd"]
    except link_model.LinkError:
        bfd = False
    return {
        "kind": adoption.kind(summary, normalised),
        "problems": adoption.bird_conf_problems(summary, normalised, interfaces, bfd, directory)
        + adoption.stanza_problems(stanzas, normalised),
        "notes": adoption.notes(summary, stanzas, normalised, router_id, directory),
        "stanzas": stanzas,
    }


class FilterModule:
    def filters(self):
        return {
            "adoption": adoption_filter,
            "service_interfaces": services.interfaces,
        }
