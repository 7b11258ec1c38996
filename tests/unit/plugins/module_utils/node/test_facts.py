# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node import facts

# As iproute2 6.15 prints them, without what is not looked at.
ROWS = [
    {"ifname": "lo", "mtu": 65536, "operstate": "UNKNOWN", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
    {
        "ifname": "br-lan",
        "mtu": 1500,
        "operstate": "UP",
        "addr_info": [
            {"family": "inet", "local": "172.18.0.11", "prefixlen": 26},
            {"family": "inet", "local": "192.0.2.1", "address": "192.0.2.2", "prefixlen": 32},
            {"family": "inet6", "local": "fe80::11", "prefixlen": 64},
        ],
    },
    {"ifname": "enp0s11", "mtu": 1400, "operstate": "DOWN", "addr_info": []},
]
FACTS = {"interfaces": facts.parse_interfaces(json.dumps(ROWS))}


def test_interfaces():
    assert {name: (one["active"], one["mtu"]) for name, one in FACTS["interfaces"].items()} == {
        "lo": (True, 65536),
        "br-lan": (True, 1500),
        "enp0s11": (False, 1400),
    }


def test_what_an_interface_is():
    row = {**ROWS[2], "master": "vmbr0", "linkinfo": {"info_kind": "dummy"}}
    found = facts.parse_interfaces(json.dumps([row, ROWS[0]]))
    assert [(one["kind"], one["master"]) for one in found.values()] == [("dummy", "vmbr0"), (None, None)]


def test_addresses():
    assert [(name, str(own)) for name, own in facts.addresses(FACTS)] == [
        ("lo", "127.0.0.1/8"),
        ("br-lan", "172.18.0.11/26"),
        ("br-lan", "192.0.2.1/32"),
        ("br-lan", "fe80::11/64"),
    ]
    assert [str(own) for _name, own in facts.ipv4_addresses(FACTS, ["br-lan"])] == [
        "172.18.0.11/26",
        "192.0.2.1/32",
    ]
    assert [str(own) for _name, own in facts.ipv6_addresses(FACTS)] == ["fe80::11/64"]
    assert list(facts.addresses(FACTS, ["eth9"])) == list(facts.addresses({})) == []


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([], None),
        ([{"dst": "default", "gateway": "10.0.2.2", "dev": "enp0s2"}, {"dst": "default", "dev": "wlan0"}], "enp0s2"),
        ([{"dst": "default", "nexthops": [{"gateway": "10.0.2.2", "dev": "enp0s2"}, {"dev": "wlan0"}]}], "enp0s2"),
        ([{"type": "unreachable", "dst": "default", "dev": "lo"}], "lo"),
    ],
)
def test_the_default_route(routes, expected):
    assert facts.parse_default(json.dumps(routes)) == expected


def policy(*rows):
    """Return what apt prints of versions, the installed one with stars, and where they are; apt_preferences(5)."""
    lines = ["bird2:", "  Installed: 2.0", "  Candidate: 2.2", "  Version table:"]
    for version, *archives in rows:
        lines.append(f"{'' if version.startswith(' ***') else '     '}{version} 500")
        lines += [f"        500 http://mirror.example/{archive} amd64 Packages" for archive in archives]
    return "\n".join([*lines, ""])


SECURITY = "debian-security bookworm-security/main"
MAIN = "debian bookworm/main"


@pytest.mark.parametrize(
    ("rows", "update"),
    [
        ([("2.2", SECURITY), (" *** 2.0", MAIN)], "2.2"),
        # A newer point release has it too.
        ([("2.3", MAIN), ("2.2", SECURITY), (" *** 2.0", MAIN)], "2.2"),
        ([("2.2", MAIN, SECURITY), (" *** 2.0", MAIN)], "2.2"),
        ([("2.3", MAIN), (" *** 2.2", SECURITY)], None),
        ([(" *** 2.2", SECURITY), ("2.0", MAIN)], None),
        ([("2.2", "debian bookworm-backports/main"), (" *** 2.0", MAIN)], None),
    ],
)
def test_what_security_archives_have(rows, update):
    assert facts.security_update(policy(*rows)) == update


def test_a_package_that_apt_does_not_know():
    assert facts.security_update("") is None
