# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What manages a node's interfaces, and by which files; no input or output in here. Private to this collection."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterable

from .ifupdown import is_sourced_name

IFUPDOWN, IFUPDOWN2, NETWORKMANAGER, NETWORKD = "ifupdown", "ifupdown2", "NetworkManager", "networkd"
MANAGERS = (IFUPDOWN, IFUPDOWN2, NETWORKMANAGER, NETWORKD)
AUTO = "auto"
READ_INTERFACES = (IFUPDOWN, IFUPDOWN2)  # Those that read interfaces(5)

OWN_PREFIX = "anycast-"  # Of the files in interfaces.d these are the role's own
_INTERFACES_D = "/etc/network/interfaces.d/"

# The files of an interface, by what manages it: patterns of their paths and their modes. Those of READ_INTERFACES may
# have another name, see sourced_path(). networkd takes the first .network that matches, and many match every Ethernet
# (systemd/systemd#5034), so ours come before these: 00.
FILES = {
    IFUPDOWN: {_INTERFACES_D + OWN_PREFIX + "{}": 0o644},
    IFUPDOWN2: {_INTERFACES_D + OWN_PREFIX + "{}": 0o644},
    NETWORKMANAGER: {"/etc/NetworkManager/system-connections/anycast-{}.nmconnection": 0o600},
    NETWORKD: {"/etc/systemd/network/00-anycast-{}.netdev": 0o644, "/etc/systemd/network/00-anycast-{}.network": 0o644},
}
# Of earlier versions of the role, and replaced.
EARLIER = {NETWORKD: ("/etc/systemd/network/50-anycast-{}.netdev", "/etc/systemd/network/50-anycast-{}.network")}
Source = tuple[str, str]  # Keyword and absolute path of a line of interfaces(5)


@dataclasses.dataclass(frozen=True)
class InterfaceManagers:
    running: list[str]  # Those of MANAGERS that run
    mute: dict[str, str]  # What the tool of each said that runs and does not answer
    links: dict[str, str | None]  # Which one manages each interface to OSPF's neighbours, None if it is none of them
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
        if source_gateway and manager not in READ_INTERFACES:
            return [
                f"bird_anycast_source_gateway is {source_gateway}, but the node is managed by {manager}: the role"
                " writes source routing for ifupdown and ifupdown2 only. Leave it out, and make the rule and the routes"
                " on the link yourself"
            ]
        return []


def sourced_path(sources: Iterable[Source], interface: str) -> str | None:
    """Return the file of an interface that /etc/network/interfaces reads at boot by these lines, None if none."""
    name = OWN_PREFIX + interface
    # The usual directory first; what is below /run is gone at boot.
    for keyword, pattern in sorted(sources, key=lambda source: not source[1].startswith(_INTERFACES_D)):
        directory, _slash, last = pattern.rpartition("/")
        if keyword == "source-directory":
            directory, last = pattern.rstrip("/"), "*" if is_sourced_name(name) else ""
        if directory.startswith("/run") or set(directory) & set("*?["):
            continue
        for candidate in (name, name + last.rpartition("*")[2]):
            if fnmatch.fnmatchcase(candidate, last):
                return f"{directory}/{candidate}"
    return None


def source_problems(sources: list[Source] | None, interfaces: Iterable[str]) -> list[str]:
    """Return which interfaces ifupdown would not make at boot. Without a file (None) only a try tells what it reads."""
    unread = [name for name in interfaces if sources is not None and not sourced_path(sources, name)]
    if not unread or sources is None:
        return []
    there = ", ".join(f"'{' '.join(source)}'" for source in sources) or "no line 'source'"
    return [
        f"/etc/network/interfaces reads no file in which the role could write {', '.join(unread)}: it has {there}."
        " Expected a line that reads /etc/network/interfaces.d, otherwise the interface is gone after the next boot."
        " Add the line 'source /etc/network/interfaces.d/*' at the end of /etc/network/interfaces"
    ]


def paths(manager: str, interface: str, sources: Iterable[Source] | None = ()) -> list[str]:
    """Return the paths of an interface's files, in the order of FILES."""
    own = sourced_path(sources or (), interface) if manager in READ_INTERFACES else None
    return [own] if own else [pattern.format(interface) for pattern in FILES[manager]]


def all_paths(manager: str, interface: str, sources: Iterable[Source] | None = ()) -> list[str]:
    """Return the paths that its files may have, those of earlier versions of the role included."""
    patterns = [*FILES[manager], *EARLIER.get(manager, ())]
    return [*paths(manager, interface, sources), *(pattern.format(interface) for pattern in patterns)]


def all_patterns() -> list[str]:
    return [pattern for kinds in (FILES, EARLIER) for kind in kinds.values() for pattern in kind]


def mode(path: str) -> int:
    modes = {pattern.rpartition(".")[2]: number for kind in FILES.values() for pattern, number in kind.items()}
    return modes.get(path.rpartition(".")[2], 0o644)


def owned_interfaces(found: Iterable[str]) -> list[str]:
    """Return the names of the interfaces whose files these paths are, sorted."""
    patterns = [re.escape(pattern).replace(r"\{\}", "([^./]+)") for pattern in all_patterns()]
    matches = (re.fullmatch(pattern, path) for path in found for pattern in patterns)
    return sorted({match[1] for match in matches if match})
