"""The Ansible inventory overlay: how to reach the machines, and how a drill takes cable and power from them."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import yaml

from lab import keys, paths, ssh
from lab.machines import MACHINES, ROUTER, Machine, Ports
from lab.paths import state_dir

HEADER = "# Written by `python -m lab up`: used beside inventories/home, which says what each host is.\n"


def host(machine: Machine, ports: Ports) -> dict[str, Any]:
    """Variables of one host. The router is spoken to by its API, from the controller."""
    if machine == ROUTER:
        return {
            "routeros_api_hostname": "127.0.0.1",
            "routeros_api_port": ports.api_tls,
            "routeros_api_ca_path": str(keys.ca()),
            # For tests of what is said of the wrong port.
            "lab_api_plain_port": ports.api,
        }
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": ports.ssh(machine),
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(keys.user_key()),
        "ansible_ssh_args": f"-oControlMaster=auto -oControlPersist={ssh.CONTROL_PERSIST}",
        # One string, which Ansible splits as a shell does.
        "ansible_ssh_common_args": shlex.join([*ssh.options(), f"-oControlPath={ssh.control_path()}"]),
        "anycast_drill_cut": command("cable", machine.name, "off"),
        "anycast_drill_restore": command("cable", machine.name, "on"),
        "anycast_drill_power_off": command("power-off", machine.name),
        "anycast_drill_power_on": command("power-on", machine.name),
    }


def command(*arguments: str) -> str:
    """Return a command of the lab for a shell in any directory."""
    return shlex.join([sys.executable, str(paths.CHECKOUT / "lab"), *arguments])


def write(ports: Ports) -> None:
    inventory = {"all": {"hosts": {machine.name: host(machine, ports) for machine in MACHINES}}}
    text = HEADER + yaml.safe_dump(inventory, sort_keys=False, width=1000)
    path = state_dir() / "inventory.yml"
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)
