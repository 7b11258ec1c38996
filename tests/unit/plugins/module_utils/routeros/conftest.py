# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the router's role share: its request, and a router."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import RouterRequest

REQUEST = {
    "router_id": "172.18.0.1",
    "interfaces": ["bridge-lan"],
    "instance": "anycast",
    "area": "anycast",
    "comment": "homelab.anycast",
    "priority": 128,
    "cost": 1,
    "prefixes": ["172.18.0.64/32"],
    "filter_chain": "anycast-in",
    "distribution": "per_client",
    "send_redirects": False,
    "allow_interruption": False,
}


@pytest.fixture
def ask():
    """Return a function that makes the request of a role whose variables are the usual ones, but for these."""
    return lambda **changes: RouterRequest(**{**REQUEST, **changes})


@pytest.fixture
def router():
    """Return a router without OSPF, as routeros_info returns it."""
    return {
        "interfaces": [
            {"name": "ether1", "disabled": False},
            {"name": "bridge-lan", "disabled": False},
            {"name": "ether2", "disabled": True},
        ],
        "addresses": [
            {"address": "172.18.0.1/26", "network": "172.18.0.0", "interface": "bridge-lan", "disabled": False},
            {"address": "192.0.2.2/30", "network": "192.0.2.0", "interface": "ether1", "disabled": False},
        ],
        "ipv6_addresses": [
            {"address": "2001:db8::1/64", "interface": "bridge-lan", "disabled": False},
            {"address": "fe80::1/64", "interface": "bridge-lan", "disabled": False},
        ],
        "ospf": {"instances": [], "areas": [], "interface_templates": [], "neighbors": []},
        "bfd": {"configurations": []},
        "filter": {"rules": []},
        "ip_settings": {"send-redirects": True, "ipv4-multipath-hash-policy": "l4", "rp-filter": "no"},
        "ipv6_settings": {"disable-ipv6": False, "forward": True, "multipath-hash-policy": "l4"},
        "firewall": {"ipv6_filter": [], "interface_lists": {"LAN": ["bridge-lan"]}},
    }


@pytest.fixture
def by_hand(router):
    """Return a function that gives the router an OSPF made by hand.

    Changes are properties by kind of row, None: without it; C(more) are other templates.
    """

    def by_hand(comment=None, rules=(), **changes):
        rows: dict = {
            "instance": {".id": "*1", "name": "home", "version": 2, "vrf": "main", "router-id": "172.18.0.1"},
            "area": {".id": "*2", "name": "backbone", "instance": "home", "area-id": "0.0.0.0", "type": "default"},
            "template": {".id": "*3", "area": "backbone", "interfaces": "bridge-lan"},
        }
        for kind, row in rows.items():
            row.update({"comment": comment} if comment else {}, **changes.get(kind, {}))
            rows[kind] = {name: value for name, value in row.items() if value is not None}
        ospf = {
            "instances": [rows["instance"]],
            "areas": [rows["area"]],
            "interface_templates": [rows["template"], *changes.get("more", [])],
            "neighbors": [],
        }
        return {**router, "ospf": ospf, "filter": {"rules": list(rules)}}

    return by_hand
