# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks a node what manages its interfaces. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from .files import INTERFACES, own_interfaces_files
from .interfaces import IFUPDOWN, IFUPDOWN2, NETWORKD, NETWORKMANAGER, InterfaceManagers, all_patterns, owned_interfaces

_UNITS = {NETWORKMANAGER: "NetworkManager.service", NETWORKD: "systemd-networkd.service"}


def _output(module: AnsibleModule, *words: str) -> str:
    program = module.get_bin_path(words[0])
    if not program:
        return ""
    code, printed, _errors = module.run_command([program, *words[1:]], environ_update={"LC_ALL": "C"})
    return str(printed).strip() if code == 0 else ""


def running_managers(module: AnsibleModule) -> list[str]:
    """Return those of MANAGERS that the node has, and that run."""
    units = [name for name, unit in _UNITS.items() if _output(module, "systemctl", "is-active", unit) == "active"]
    # Both are called ifup; ifreload is ifupdown2's alone.
    ifupdown = IFUPDOWN2 if module.get_bin_path("ifreload") else IFUPDOWN
    return ([ifupdown] if module.get_bin_path("ifup") else []) + units


def manager_of(module: AnsibleModule, interface: str, candidates: Iterable[str]) -> str | None:
    """Return what manages an interface, None if it is none of the candidates."""
    for name in candidates:
        if name == IFUPDOWN and _output(module, "ifquery", "--state", interface):
            return name
        # Its state file is no interface for others; it answers for interfaces that it has a stanza of.
        if name == IFUPDOWN2 and _output(module, "ifquery", interface):
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


def read_managers(module: AnsibleModule, link_interfaces: Iterable[str]) -> InterfaceManagers:
    running = running_managers(module)
    mute = {}
    if NETWORKD in running:
        code, _printed, errors = module.run_command(["networkctl", "list"], environ_update={"LC_ALL": "C"})
        if code:
            mute[NETWORKD] = errors.strip()
    patterns = [pattern.format("*").lstrip("/") for pattern in all_patterns()]
    sourced = own_interfaces_files(INTERFACES)
    return InterfaceManagers(
        running,
        mute,
        {name: manager_of(module, name, running) for name in link_interfaces},
        sorted({*owned_interfaces(str(path) for pattern in patterns for path in Path("/").glob(pattern)), *sourced}),
    )
