# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The neighbours of a router, of which older versions do not say the interface."""

from __future__ import annotations

import time

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.neighbors import (
    InterfaceFinder,
    neighbor_role,
    own_interfaces,
    parse_bfd_sessions,
    parse_neighbors,
    split_address,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("10.1.1.1%ether2", ("10.1.1.1", "ether2")),
        ("10.1.1.1%ether2@VRF1", ("10.1.1.1", "ether2")),
        ("10.1.1.1", ("10.1.1.1", None)),
        ("10.1.1.1%vlan10@bridge", ("10.1.1.1", "vlan10@bridge")),
        ("10.1.1.1%gone@bridge", ("10.1.1.1", "gone@bridge")),
    ],
)
def test_address(text, parts):
    assert split_address(text, {"ether2", "vlan10@bridge"}) == parts


def test_a_vlan_whose_name_has_an_at_sign():
    name = "vlan11@vlan975@sfp-sfpplus1"
    interfaces = [{"address": f"10.1.1.1%{name}", "area": "area1", "state": "dr"}]
    addresses = [{"address": "10.1.1.1/30", "network": "10.1.1.0", "interface": name}]
    assert own_interfaces(interfaces, addresses)[0].name == name
    assert InterfaceFinder(interfaces, addresses)({"address": "10.1.1.2", "area": "area1"}) == name
    rows = [{"remote-address": f"10.1.1.2%{name}", "state": "up"}]
    assert parse_bfd_sessions(rows, {name})[0].interface == name


# RouterOS 7.20.8, as captured (facts: A1M).
CAPTURED = [
    {
        "instance": "default",
        "area": "area1",
        "address": "10.1.1.2",
        "priority": 1,
        "router-id": "11.11.11.11",
        "dr": "10.1.1.2",
        "bdr": "10.1.1.1",
        "state": "Full",
        "state-changes": 6,
        "adjacency": "1h26m4s",
        "timeout": "36s",
        "dynamic": True,
    },
    {
        "instance": "default",
        "area": "area1",
        "address": "10.1.1.6",
        "priority": 1,
        "router-id": "11.11.11.22",
        "dr": "10.1.1.5",
        "bdr": "10.1.1.6",
        "state": "Full",
        "state-changes": 6,
        "adjacency": "1h25m17s",
        "timeout": "39s",
        "dynamic": True,
    },
]
INTERFACES: list[dict] = [
    {"address": "10.1.1.1%ether2", "area": "area1", "state": "bdr", "hello-interval": "10s", "dead-interval": "40s"},
    {"address": "10.1.1.5%ether3", "area": "area1", "state": "dr", "priority": 128},
    {"address": "192.168.41.1%lo0", "area": "area1", "state": "passive"},
]
ADDRESSES = [
    {"address": "10.1.1.1/30", "network": "10.1.1.0", "interface": "ether2"},
    {"address": "10.1.1.5/30", "network": "10.1.1.4", "interface": "ether3", "actual-interface": "ether3"},
    {"address": "192.168.41.1/32", "network": "192.168.41.1", "interface": "lo0"},
]


def test_captured_neighbors_without_an_interface():
    first, second = parse_neighbors(CAPTURED, InterfaceFinder(INTERFACES, ADDRESSES))
    assert vars(first) == {
        "router_id": "11.11.11.11",
        "address": "10.1.1.2",
        "interface": "ether2",
        "state": "Full",
        "role": "DR",
        "priority": 1,
        "full_seconds": 5164.0,
        "state_changes": 6,
        "dead_seconds": 36.0,
        "bfd": None,
    }
    assert (second.interface, second.role) == ("ether3", "BDR")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"state": "TwoWay"}, {"state": "2-Way"}),
        ({"state": "2-Way"}, {"state": "2-Way"}),
        ({"interface": "bridge-lan"}, {"interface": "bridge-lan"}),
        ({"address": "10.1.1.2%ether2"}, {"address": "10.1.1.2"}),
        ({"adjacency": None}, {"full_seconds": None}),
        ({"state-changes": None}, {"state_changes": None}),
    ],
)
def test_other_neighbors(more, expected):
    row = {key: value for key, value in {**CAPTURED[0], **more}.items() if value is not None}
    (found,) = parse_neighbors([row], lambda row: None)
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("row", "role"),
    [
        ({"address": "10.0.0.1", "dr": "10.0.0.1", "bdr": "10.0.0.2", "priority": 1}, "DR"),
        ({"address": "10.0.0.2", "dr": "10.0.0.1", "bdr": "10.0.0.2", "priority": 1}, "BDR"),
        ({"address": "10.0.0.3", "dr": "10.0.0.1", "bdr": "10.0.0.2", "priority": 1}, "DROther"),
        ({"address": "10.0.0.3", "dr": "10.0.0.1", "priority": 0}, "DROther"),
        ({"address": "10.0.0.3", "priority": 1}, None),
        ({"address": "10.0.0.3", "dr": "0.0.0.0", "bdr": "0.0.0.0", "priority": 1}, None),
        ({"address": "10.0.0.3", "dr": "10.0.0.3", "bdr": "0.0.0.0", "priority": 1}, "DR"),
        ({"address": "10.0.0.3"}, "PtP"),
    ],
)
def test_role(row, role):
    assert neighbor_role(row) == role


@pytest.mark.parametrize(
    ("address", "interface"),
    [
        ("10.1.1.2", "ether2"),
        ("10.9.9.9", None),  # two interfaces speak OSPF in the area
        ("not an address", None),
    ],
)
def test_finds_the_interface(address, interface):
    assert InterfaceFinder(INTERFACES, ADDRESSES)({"address": address, "area": "area1"}) == interface


@pytest.mark.parametrize(
    ("interfaces", "addresses", "found"),
    [
        # The remote address of a tunnel, an unnumbered link, two bridges of one subnet, nothing.
        (
            [{"address": "10.0.0.1%gre1", "area": "a"}, {"address": "10.0.0.1%gre2", "area": "a"}],
            [{"address": "10.0.0.1/32", "network": "10.0.0.2", "interface": "gre1"}],
            "gre1",
        ),
        ([{"address": "0.0.0.0%ether1", "area": "a"}], [], "ether1"),
        (
            [{"address": "10.0.0.1%a", "area": "a"}, {"address": "10.0.0.3%b", "area": "a"}],
            [{"address": "10.0.0.1/24", "interface": "a"}, {"address": "10.0.0.3/24", "interface": "b"}],
            None,
        ),
        (
            [{"address": "10.0.0.1%a", "area": "a"}, {"address": "10.0.0.3%b", "area": "a"}],
            [{"address": "10.0.0.1/24", "interface": "a"}, {"address": "10.0.0.3/29", "interface": "b"}],
            "b",
        ),
        ([{"address": "0.0.0.0%a", "area": "a"}, {"address": "0.0.0.0%b", "area": "a", "state": "passive"}], [], "a"),
        ([], [], None),
    ],
)
def test_finds_the_interface_of_odd_links(interfaces, addresses, found):
    assert InterfaceFinder(interfaces, addresses)({"address": "10.0.0.2", "area": "a"}) == found


def test_own_interfaces():
    ether2, _ether3, lo0 = own_interfaces(INTERFACES, ADDRESSES)
    assert (ether2.name, ether2.network, ether2.hello, ether2.dead) == ("ether2", "10.1.1.1/30", 10, 40)
    assert (ether2.silent, lo0.silent) == (False, True)
    # BIRD tells these two; RouterOS does not.
    assert not {"wait", "retransmit"} & set(ether2.as_dict())


def test_a_thousand_neighbors_take_no_time():
    """Even if each is on an interface of its own, and the router does not say on which."""
    numbers = range(1000)
    interfaces = [{"address": f"10.{n // 250}.{n % 250}.1%vlan{n}", "area": "a"} for n in numbers]
    addresses = [{"address": f"10.{n // 250}.{n % 250}.1/24", "interface": f"vlan{n}"} for n in numbers]
    rows = [dict(CAPTURED[0], address=f"10.{n // 250}.{n % 250}.2") for n in numbers]
    before = time.process_time()
    found = parse_neighbors(rows, InterfaceFinder(interfaces, addresses))
    # It takes some hundredths; a look at each pair would take many seconds.
    assert time.process_time() - before < 1
    assert [entry.interface for entry in found] == [f"vlan{n}" for n in numbers]
