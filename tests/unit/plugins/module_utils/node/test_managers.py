# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What manages a node's interfaces, by what its programs say; the scenario `interface_managers` asks the real ones."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node import managers
from ansible_collections.homelab.anycast.plugins.module_utils.node.interfaces import IFUPDOWN, NETWORKD, NETWORKMANAGER


class Node:
    """Stands in for the module: what each command prints on this node, None where it fails."""

    def __init__(self, **said):
        self.said = {name.replace("_", " "): text for name, text in said.items()}

    def get_bin_path(self, name):
        return f"/usr/sbin/{name}" if any(command.split()[0] == name for command in self.said) else None

    def run_command(self, words, environ_update=None):
        # Else the words to look for would be translated.
        assert environ_update == {"LC_ALL": "C"}
        command = " ".join([words[0].rpartition("/")[2], *words[1:]])
        for begin, text in self.said.items():
            if command.startswith(begin):
                return int(text is None), text or "", ""
        return 1, "", "no"


ACTIVE = {
    "systemctl is-active NetworkManager.service": "active\n",
    "systemctl is-active systemd-networkd.service": "active\n",
}


def node(**said):
    made = Node(**said)
    made.said.update(ACTIVE)
    return made


def test_what_runs():
    assert managers.running_managers(Node()) == []
    assert managers.running_managers(Node(ifup="")) == [IFUPDOWN]
    assert managers.running_managers(node(ifup="")) == [IFUPDOWN, NETWORKMANAGER, NETWORKD]
    assert managers.running_managers(Node(systemctl="inactive\n")) == []
    assert managers.running_managers(Node(systemctl=None)) == []


@pytest.mark.parametrize(
    ("said", "manager"),
    [
        pytest.param({"ifquery": "enp0s11=enp0s11\n"}, IFUPDOWN, id="ifupdown has brought it up"),
        pytest.param({"ifquery": None, "nmcli": "100 (connected)\n"}, NETWORKMANAGER, id="NetworkManager has"),
        pytest.param({"nmcli": "100 (connected (externally))\n"}, None, id="NetworkManager only looks at it"),
        pytest.param({"nmcli": "10 (unmanaged)\n"}, None, id="NetworkManager leaves it alone"),
        pytest.param({"networkctl": "  3 enp0s11 ether routable configured\n"}, NETWORKD, id="networkd has"),
        pytest.param({"networkctl": "  3 enp0s11 ether routable unmanaged\n"}, None, id="networkd leaves it alone"),
        pytest.param({}, None, id="nobody"),
    ],
)
def test_who_manages_an_interface(said, manager):
    assert managers.manager_of(node(**said), "enp0s11", [IFUPDOWN, NETWORKMANAGER, NETWORKD]) == manager


def test_only_those_that_run_are_asked():
    assert managers.manager_of(node(ifquery="enp0s11=enp0s11"), "enp0s11", [NETWORKD]) is None


def test_a_node_as_a_whole():
    found = managers.read_managers(Node(ifup="", ifquery="enp0s11=enp0s11\n"), ["enp0s11"])
    assert (found.running, found.links) == ([IFUPDOWN], {"enp0s11": IFUPDOWN})
