"""The router of the bed that is configured by the role routeros_ospf, by way of the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bed import ANYCAST
from bed.emulator import Emulator
from bed.topology import BRIDGE, ROUTER_ADDRESS
from role_node import ROOT

API = {"hostname": "127.0.0.1", "username": "ansible", "password": "lab-password"}
BIN = Path(sys.executable).parent
INTERPRETER = f"ansible_python_interpreter={sys.executable}"


def configure(router: Emulator, link: Mapping[str, Any], **variables: Any) -> str:
    """Run the router's role; returns what it printed."""
    everything = {
        "routeros_ospf_api": API,
        "routeros_ospf_link": dict(link),
        "routeros_ospf_router_id": ROUTER_ADDRESS,
        "routeros_ospf_interfaces": [BRIDGE],
        "routeros_ospf_anycast_prefixes": [ANYCAST],
        **variables,
    }
    return run(
        router.router.on_its_network(
            str(BIN / "ansible-playbook"), "--inventory", "localhost,", "--connection", "local",
            "--extra-vars", json.dumps(everything), "--extra-vars", INTERPRETER,
            str(Path(__file__).parent / "router.yml"),
        )
    )  # fmt: skip


def run(command: list[str]) -> str:
    """What one of Ansible's programs prints with the settings of this checkout."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout
