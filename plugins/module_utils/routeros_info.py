# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a router is and has."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import flag

# Every property of an OSPF interface template from RouterOS 7.16 on, but for auth-key and the virtual links'.
TEMPLATE_PROPERTIES = (
    ".id",
    "area",
    "interfaces",
    "networks",
    "type",
    "cost",
    "priority",
    "hello-interval",
    "dead-interval",
    "retransmit-interval",
    "transmit-delay",
    "auth",
    "auth-id",
    "use-bfd",
    "passive",
    "comment",
    "disabled",
    "inactive",
)
BFD_PROPERTIES = (
    ".id",
    "interfaces",
    "addresses",
    "address-list",
    "vrf",
    "min-tx",
    "min-rx",
    "multiplier",
    "forbid-bfd",
    "comment",
    "disabled",
    "inactive",
)
FILTER_RULE_PROPERTIES = (".id", "chain", "rule", "comment", "disabled", "inactive")
INTERFACE_PROPERTIES = ("name", "type", "running", "disabled")
ADDRESS_PROPERTIES = ("address", "network", "interface", "disabled")


def read(router):
    """Return what the module routeros_info returns, read from a Router."""
    resource = router.resource()
    identity = next(iter(router.rows("/system/identity")), {})
    return {
        "version": str(resource.get("version")),
        "architecture": resource.get("architecture-name"),
        "board": resource.get("board-name"),
        "identity": str(identity.get("name", "")),
        "free_memory": resource.get("free-memory"),
        "total_memory": resource.get("total-memory"),
        "interfaces": [
            {
                "name": str(row.get("name")),
                "type": row.get("type"),
                "running": flag(row, "running"),
                "disabled": flag(row, "disabled"),
            }
            for row in router.rows("/interface", proplist=INTERFACE_PROPERTIES)
        ],
        "addresses": [
            {
                "address": row.get("address"),
                "network": row.get("network"),
                "interface": str(row.get("interface")),
                "disabled": flag(row, "disabled"),
            }
            for row in router.rows("/ip/address", proplist=ADDRESS_PROPERTIES)
        ],
        "ospf": {
            "instances": router.rows("/routing/ospf/instance"),
            "areas": router.rows("/routing/ospf/area"),
            "interface_templates": router.rows("/routing/ospf/interface-template", proplist=TEMPLATE_PROPERTIES),
        },
        "bfd": {"configurations": router.rows("/routing/bfd/configuration", proplist=BFD_PROPERTIES)},
        "filter": {"rules": router.rows("/routing/filter/rule", proplist=FILTER_RULE_PROPERTIES)},
    }


def interface_problems(interfaces, required, router):
    """Return what speaks against using the required interfaces, one sentence each."""
    by_name = {entry["name"]: entry for entry in interfaces}
    usable = ", ".join(entry["name"] for entry in interfaces if not entry["disabled"]) or "none"
    problems = []
    for name in required:
        if name not in by_name:
            problems.append(
                "the router %s has no interface '%s'; it has: %s. Correct the name of the interface"
                % (router, name, usable)
            )
        elif by_name[name]["disabled"]:
            problems.append(
                "interface '%s' of the router %s is disabled. Enable it (/interface enable %s), or choose one of: %s"
                % (name, router, name, usable)
            )
    return problems
