"""The Ansible inventory overlays: how to reach the machines, and how a drill takes cable and power from them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from typing import Any

import yaml

from lab import keys, paths, ssh
from lab.machines import MACHINES, ROUTER, ROUTERS, Machine, Ports
from lab.paths import state_dir

HEADER = "# Written by `python -m lab {}`: used beside inventories/home, which says what each host is.\n"
FILE, SPARES_FILE = "inventory.yml", "spares.yml"


def host(machine: Machine, ports: Ports) -> dict[str, Any]:
    """Variables of one host. A router is spoken to by its API, from the controller."""
    reached = _router(machine, ports) if machine in ROUTERS else _by_ssh(machine, ports)
    return {
        **reached,
        "anycast_drill_cut": command("cable", machine.name, "off"),
        "anycast_drill_restore": command("cable", machine.name, "on"),
        "anycast_drill_power_off": command("power-off", machine.name),
        "anycast_drill_power_on": command("power-on", machine.name),
    }


def _router(machine: Machine, ports: Ports) -> dict[str, Any]:
    return {
        "routeros_api_hostname": "127.0.0.1",
        "routeros_api_port": ports.api_tls(machine),
        "routeros_api_ca_path": str(keys.ca()),
        # For tests of what is said of the wrong port.
        **({"lab_api_plain_port": ports.api} if machine == ROUTER else {}),
    }


def _by_ssh(machine: Machine, ports: Ports) -> dict[str, Any]:
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": ports.ssh(machine),
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(keys.user_key()),
        "ansible_ssh_args": f"-oControlMaster=auto -oControlPersist={ssh.CONTROL_PERSIST}",
        # One string, which Ansible splits as a shell does.
        "ansible_ssh_common_args": shlex.join([*ssh.options(), f"-oControlPath={ssh.control_path()}"]),
    }


def command(*arguments: str) -> str:
    """Return a command of the lab for a shell in any directory."""
    return shlex.join([sys.executable, str(paths.CHECKOUT / "lab"), *arguments])


def write(ports: Ports) -> None:
    _write(FILE, "up", MACHINES, ports)


def write_spares(spares: Iterable[Machine], ports: Ports) -> None:
    """In a file of their own, for the scenarios that have them."""
    _write(SPARES_FILE, "power-on", spares, ports)


def _write(file: str, by: str, machines: Iterable[Machine], ports: Ports) -> None:
    inventory = {"all": {"hosts": {machine.name: host(machine, ports) for machine in machines}}}
    text = HEADER.format(by) + yaml.safe_dump(inventory, sort_keys=False, width=1000)
    path = state_dir() / file
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)
