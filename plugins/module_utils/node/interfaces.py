# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What manages a node's interfaces, and by which files; no input or output in here. Private to this collection."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

IFUPDOWN, NETWORKMANAGER, NETWORKD = "ifupdown", "NetworkManager", "networkd"
MANAGERS = (IFUPDOWN, NETWORKMANAGER, NETWORKD)
AUTO = "auto"

# The mode of each file by its path, with the interface's name for {}. interfaces(5), NetworkManager.conf(5) on
# keyfiles, systemd.netdev(5) and systemd.network(5). A keyfile that others can read is ignored,
# nm-settings-keyfile(5).
FILES = {
    IFUPDOWN: {"/etc/network/interfaces.d/anycast-{}": 0o644},
    NETWORKMANAGER: {"/etc/NetworkManager/system-connections/anycast-{}.nmconnection": 0o600},
    NETWORKD: {"/etc/systemd/network/50-anycast-{}.netdev": 0o644, "/etc/systemd/network/50-anycast-{}.network": 0o644},
}


@dataclasses.dataclass(frozen=True)
class InterfaceManagers:
    """What manages the interfaces of a node."""

    # Those of MANAGERS that run.
    running: list[str]
    mute: dict[str, str]  # What the tool of each said that runs and does not answer
    # Which one manages each interface to OSPF's neighbours, None if it is none of them.
    links: dict[str, str | None]
    interfaces: list[str]  # Interfaces with files of the role

    def choose_manager(self, asked: str) -> str | None:
        """Return the one asked for; for AUTO what manages the links, None if it cannot be told."""
        if asked != AUTO:
            return asked
        managing = set(self.links.values()) - {None}
        if len(managing) == 1:
            return managing.pop()
        # A link that was brought up by hand: the distribution's own way, as long as there is just one.
        return self.running[0] if not managing and len(self.running) == 1 else None

    def manager_problems(self, asked: str, source_gateway: str) -> list[str]:
        """Return why the dummy interfaces cannot be made, one sentence each; no source routing, no source_gateway."""
        if asked != AUTO and asked not in self.running:
            there = f"; there is: {', '.join(self.running)}" if self.running else ""
            return [f"bird_anycast_interface_manager is {asked}, which does not run on this node{there}"]
        manager = self.choose_manager(asked)
        # Debian recommends D-Bus with networkd, so a minimal system lacks it; networkctl(1) does nothing without.
        mute = self.mute.get(manager or NETWORKD)
        if mute:
            return [f"{manager or NETWORKD} runs on this node, but does not answer: {mute}. Install the package dbus"]
        if manager is None:
            managed = ", ".join(f"{name} by {by or 'none of these'}" for name, by in self.links.items())
            return [
                f"bird_anycast_interface_manager is auto, but the node does not tell what manages it: {managed};"
                f" running: {', '.join(self.running) or 'none'}. Set it to one of {', '.join(MANAGERS)}"
            ]
        if source_gateway and manager != IFUPDOWN:
            return [
                f"bird_anycast_source_gateway is {source_gateway}, but the node is managed by {manager}: the role"
                " writes source routing for ifupdown only. Leave it out, and make the rule and the routes on the link"
                " yourself"
            ]
        return []


def paths(manager: str, interface: str) -> list[str]:
    """Return the paths of an interface's files, in the order of FILES."""
    return [pattern.format(interface) for pattern in FILES[manager]]


def mode(path: str) -> int:
    """Return the mode of one of the role's files."""
    modes = {pattern.rpartition(".")[2]: number for kind in FILES.values() for pattern, number in kind.items()}
    return modes.get(path.rpartition(".")[2], 0o644)


def owned_interfaces(found: Iterable[str]) -> list[str]:
    """Return the names of the interfaces whose files these paths are, sorted."""
    patterns = [re.escape(pattern).replace(r"\{\}", "([^./]+)") for kind in FILES.values() for pattern in kind]
    matches = (re.fullmatch(pattern, path) for path in found for pattern in patterns)
    return sorted({match[1] for match in matches if match})
