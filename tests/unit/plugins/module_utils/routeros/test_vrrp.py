# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of /interface/vrrp as librouteros gives them: a flag is there only when it is set (ha-manager, 7.23.7)."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.vrrp import parse_gateways

ROW = {
    ".id": "*4",
    "name": "vrrp1",
    "interface": "bridge-lan",
    "vrid": 7,
    "priority": 200,
    "interval": "200ms",
    "version": 3,
    "v3-protocol": "ipv4",
    "preemption-mode": True,
    "running": True,
    "master": True,
    "invalid": False,
    "disabled": False,
}
ADDRESSES = [
    {"address": "172.18.0.2/26", "interface": "ether2", "actual-interface": "bridge-lan", "disabled": False},
    {"address": "172.18.0.1/32", "interface": "vrrp1", "actual-interface": "vrrp1", "disabled": False},
    {"address": "172.18.0.5/32", "interface": "vrrp1", "actual-interface": "vrrp1", "disabled": True},
    {"address": "192.0.2.2/30", "interface": "ether1", "actual-interface": "ether1", "disabled": False},
    {"address": "fe80::200:5eff:fe00:107/64", "interface": "vrrp1", "disabled": False},
    {"address": "2001:db8:1::2/64", "interface": "bridge-lan", "disabled": False},
]


def test_a_row_has_the_addresses_on_it_and_the_networks_that_it_is_in():
    (found,) = parse_gateways([ROW], ADDRESSES)
    assert found == {
        "name": "vrrp1",
        "interface": "bridge-lan",
        "vrid": 7,
        "priority": 200,
        "interval": 0.2,
        "version": 3,
        "protocol": "ipv4",
        "preemption": True,
        "state": "master",
        "addresses": ["172.18.0.1/32"],
        "networks": ["172.18.0.0/26", "2001:db8:1::/64"],
    }


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ({"running": False, "backup": True, "invalid": False}, "backup"),
        ({"running": False, "failure": True, "backup": True}, "failure"),
        ({"running": False, "invalid": True}, "invalid"),
        ({"running": False, "disabled": True}, "disabled"),
        # For a moment after it was enabled.
        ({"running": False, "invalid": False}, "unknown"),
    ],
)
def test_the_state_is_what_the_flags_say(flags, state):
    row = {name: value for name, value in ROW.items() if name not in ("running", "master", "invalid", "disabled")}
    assert parse_gateways([row | flags], [])[0]["state"] == state


def test_version_2_has_ipv4_alone_whatever_the_property_of_version_3_says():
    assert parse_gateways([ROW | {"version": 2, "v3-protocol": "ipv6"}], [])[0]["protocol"] == "ipv4"
