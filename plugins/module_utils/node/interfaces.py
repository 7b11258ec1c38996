# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What manages the interfaces of a node, and which files of ours it reads. "Renderer" is netplan's word for it.

Nothing in here does input or output.
"""

from __future__ import annotations

IFUPDOWN, NETWORKMANAGER, NETWORKD = "ifupdown", "NetworkManager", "networkd"
RENDERERS = (IFUPDOWN, NETWORKMANAGER, NETWORKD)
AUTO = "auto"

# The kind of file by its path, with the interface's name for {}. interfaces(5), NetworkManager.conf(5) on keyfiles,
# systemd.netdev(5) and systemd.network(5). A keyfile that others can read is ignored (nm-settings-keyfile(5)).
FILES = {
    IFUPDOWN: {"/etc/network/interfaces.d/anycast-{}": 0o644},
    NETWORKMANAGER: {"/etc/NetworkManager/system-connections/anycast-{}.nmconnection": 0o600},
    NETWORKD: {
        "/etc/systemd/network/50-anycast-{}.netdev": 0o644,
        "/etc/systemd/network/50-anycast-{}.network": 0o644,
    },
}


def paths(renderer, interface):
    """Return the paths of an interface's files, in the order of FILES."""
    return [pattern.format(interface) for pattern in FILES[renderer]]


def mode(path):
    """Return the mode of one of our files."""
    modes = {pattern.rpartition(".")[2]: number for kind in FILES.values() for pattern, number in kind.items()}
    return modes.get(path.rpartition(".")[2], 0o644)


def owned_interfaces(found):
    """Return the names of the interfaces whose files these are, sorted.

    :param found: paths of files.
    """
    names = set()
    for pattern in (pattern for kind in FILES.values() for pattern in kind):
        start, _brace, end = pattern.partition("{}")
        names.update(
            path[len(start) : len(path) - len(end)]
            for path in found
            if path.startswith(start) and path.endswith(end) and len(path) > len(start) + len(end)
        )
    return sorted(name for name in names if "/" not in name and "." not in name)


def choose(asked, found, link_interfaces):
    """Return the renderer to use, None if it cannot be told (see L(problems)).

    :param asked: one of RENDERERS, or AUTO.
    :param found: dictionary of C(running), a list of the renderers that the node has, C(links), by interface the
      one that manages it, or null, and C(mute), by renderer what its tool said where it cannot be spoken to.
    :param link_interfaces: names of the interfaces that OSPF runs on; what manages them gets ours, too.
    """
    if asked != AUTO:
        return asked
    managing = {found.get("links", {}).get(name) for name in link_interfaces} - {None}
    if len(managing) == 1:
        return managing.pop()
    # A link that somebody has brought up by hand: the distribution's own way, as long as there is just one.
    running = found.get("running", [])
    return running[0] if not managing and len(running) == 1 else None


def problems(asked, found, link_interfaces, source_gateway=""):
    """Return why the dummy interfaces cannot be made, one sentence each; for the parameters see L(choose).

    :param source_gateway: of the source routing, empty for none.
    """
    running = found.get("running", [])
    if asked != AUTO and asked not in running:
        there = "; there is: {}".format(", ".join(running)) if running else ""
        return [f"bird_anycast_renderer is {asked}, which does not run on this node{there}"]
    renderer = choose(asked, found, link_interfaces)
    # Debian recommends D-Bus with networkd, so a minimal system lacks it; networkctl(1) does nothing without.
    mute = found.get("mute", {}).get(renderer or NETWORKD)
    if mute:
        return [f"{renderer or NETWORKD} runs on this node, but cannot be spoken to: {mute}. Install the package dbus"]
    if renderer is None:
        managed = ", ".join(
            "{} by {}".format(name, found.get("links", {}).get(name) or "nobody known") for name in link_interfaces
        )
        return [
            "bird_anycast_renderer is auto, but what manages this node cannot be told: {}; running: {}. Set it to one"
            " of {}".format(managed, ", ".join(running) or "none", ", ".join(RENDERERS))
        ]
    if source_gateway and renderer != IFUPDOWN:
        return [
            f"bird_anycast_source_gateway is {source_gateway}, but the node is managed by {renderer}: source routing is"
            " written for ifupdown only. Leave it out, and make the rule and the routes on the link by your own means"
        ]
    return []
