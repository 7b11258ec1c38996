# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a node what manages its interfaces."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.anycast.plugins.module_utils.node.interfaces import (
    FILES,
    IFUPDOWN,
    NETWORKD,
    NETWORKMANAGER,
    RENDERERS,
    owned_interfaces,
)

# Root's PATH may lack it in a login without a shell.
_SBIN = ["/usr/sbin", "/sbin"]
_UNITS = {NETWORKMANAGER: "NetworkManager.service", NETWORKD: "systemd-networkd.service"}


def _output(module, *words):
    program = module.get_bin_path(words[0], opt_dirs=_SBIN)
    if not program:
        return ""
    code, printed, _errors = module.run_command([program, *words[1:]], environ_update={"LC_ALL": "C"})
    return printed.strip() if code == 0 else ""


def running(module):
    """Return those of RENDERERS that the node has, and that run."""
    found = [IFUPDOWN] if module.get_bin_path("ifup", opt_dirs=_SBIN) else []
    return found + [
        name for name, unit in _UNITS.items() if _output(module, "systemctl", "is-active", unit) == "active"
    ]


def manager_of(module, interface, candidates):
    """Return the renderer that manages an interface, None if it is none of the candidates."""
    for name in candidates:
        if name == IFUPDOWN and _output(module, "ifquery", "--state", interface):
            return name
        # "100 (connected)"; "10 (unmanaged)", and "100 (connected (externally))" for what it only looks at.
        if name == NETWORKMANAGER:
            state = _output(module, "nmcli", "--get-values", "GENERAL.STATE", "device", "show", interface)
            if state.startswith("100") and "externally" not in state:
                return name
        if name == NETWORKD:
            line = _output(module, "networkctl", "--no-legend", "--no-pager", "list", interface).split()
            if line and line[-1] in ("configured", "configuring"):
                return name
    return None


def read(module, link_interfaces):
    """Return what L(renderers) calls C(found); its C(interfaces) are those that have files of ours."""
    there = running(module)
    mute = {}
    if NETWORKD in there:
        code, _printed, errors = module.run_command(["networkctl", "list"], environ_update={"LC_ALL": "C"})
        if code:
            mute[NETWORKD] = errors.strip()
    files = [str(path) for kind in FILES.values() for pattern in kind for path in _glob(pattern)]
    return {
        "running": there,
        "mute": mute,
        "links": {name: manager_of(module, name, sorted(there, key=RENDERERS.index)) for name in link_interfaces},
        "interfaces": owned_interfaces(files),
    }


def _glob(pattern):
    return Path("/").glob(pattern.format("*").lstrip("/"))
