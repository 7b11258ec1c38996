# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node.interfaces import (
    InterfaceManagers,
    mode,
    owned_interfaces,
    paths,
    sourced_path,
)


def found(manager, *running, mute=None):
    return InterfaceManagers(list(running), mute or {}, {"enp0s11": manager}, [])


@pytest.mark.parametrize(
    ("asked", "there", "manager"),
    [
        ("auto", found("ifupdown", "ifupdown", "networkd"), "ifupdown"),
        ("auto", found("NetworkManager", "ifupdown", "NetworkManager"), "NetworkManager"),
        ("auto", found("networkd", "ifupdown", "networkd"), "networkd"),
        ("auto", found("ifupdown2", "ifupdown2"), "ifupdown2"),
        # Brought up by hand, on a node with just one.
        ("auto", found(None, "ifupdown"), "ifupdown"),
        ("networkd", found("ifupdown", "ifupdown", "networkd"), "networkd"),
    ],
)
def test_what_manages_the_link_makes_the_interface(asked, there, manager):
    assert there.choose_manager(asked) == manager
    assert there.manager_problems(asked, "") == []


@pytest.mark.parametrize(
    ("asked", "there", "says"),
    [
        ("auto", found(None, "ifupdown", "networkd"), "enp0s11 by none of these; running: ifupdown, networkd. Set it"),
        ("auto", found(None), "running: none"),
        (
            "networkd",
            found("ifupdown", "ifupdown"),
            "manager is networkd, which does not run on this node; there is: if",
        ),
    ],
)
def test_what_cannot_be_told_is_said(asked, there, says):
    (problem,) = there.manager_problems(asked, "")
    assert says in problem


@pytest.mark.parametrize("manager", [None, "networkd"])
def test_networkd_without_a_bus(manager):
    mute = {"networkd": "Failed to connect system bus"}
    (problem,) = found(manager, "ifupdown", "networkd", mute=mute).manager_problems("auto", "")
    assert problem.startswith("networkd runs on this node, but does not answer: Failed to connect system bus")
    assert found("ifupdown", "ifupdown", "networkd", mute=mute).manager_problems("auto", "") == []


def test_links_managed_by_different_ones():
    there = InterfaceManagers(["ifupdown", "networkd"], {}, {"eth0": "ifupdown", "eth1": "networkd"}, [])
    (problem,) = there.manager_problems("auto", "")
    assert "eth0 by ifupdown, eth1 by networkd" in problem


def test_source_routing_is_for_ifupdown():
    assert found("ifupdown", "ifupdown").manager_problems("auto", "172.18.0.1") == []
    (problem,) = found("networkd", "networkd").manager_problems("auto", "172.18.0.1")
    assert problem.startswith("bird_anycast_source_gateway is 172.18.0.1, but the node is managed by networkd")


def test_files_of_an_interface():
    assert paths("networkd", "dummy0") == [
        "/etc/systemd/network/00-anycast-dummy0.netdev",
        "/etc/systemd/network/00-anycast-dummy0.network",
    ]
    # NetworkManager ignores a keyfile that others can read.
    assert [mode(paths(name, "dummy0")[0]) for name in ("ifupdown", "NetworkManager", "networkd")] == [
        0o644,
        0o600,
        0o644,
    ]


@pytest.mark.parametrize(
    ("sources", "path"),
    [
        ([("source", "/etc/network/interfaces.d/*")], "interfaces.d/anycast-dummy0"),
        ([("source-directory", "/etc/network/interfaces.d/")], "interfaces.d/anycast-dummy0"),
        ([("source", "/etc/network/interfaces.d/*.cfg")], "interfaces.d/anycast-dummy0.cfg"),
        ([("source", "/etc/network/more/[a-z]*.conf")], "more/anycast-dummy0.conf"),
        ([("source", "/etc/x/*"), ("source", "/etc/network/interfaces.d/*.if")], "interfaces.d/anycast-dummy0.if"),
        # Cloud images: gone after a boot.
        ([("source-directory", "/run/network/interfaces.d")], None),
        ([("source", "/etc/network/*/if-*"), ("source", "/etc/network/eth0")], None),
        ([], None),
    ],
)  # fmt: skip
def test_the_file_has_a_name_that_is_read_at_boot(sources, path):
    assert sourced_path(sources, "dummy0") == (path and f"/etc/network/{path}")
    assert paths("ifupdown", "dummy0", sources) == [f"/etc/network/{path or 'interfaces.d/anycast-dummy0'}"]


def test_whose_files_these_are():
    assert owned_interfaces(
        [
            "/etc/network/interfaces.d/anycast-dummy0",
            "/etc/network/interfaces.d/anycast-dummy0.dpkg-old",
            "/etc/network/interfaces.d/lab",
            "/etc/NetworkManager/system-connections/anycast-any1.nmconnection",
            "/etc/systemd/network/00-anycast-dummy0.netdev",
            "/etc/systemd/network/00-anycast-.network",
            # Of earlier versions.
            "/etc/systemd/network/50-anycast-dummy2.network",
        ]
    ) == ["any1", "dummy0", "dummy2"]
