"""What the roles write: routeros_ospf to the emulator; bird_anycast by its templates, files and modules to a node."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.homelab.anycast.plugins.module_utils.model import services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from bed import ANYCAST, Machine
from bed.emulator import Emulator
from bed.topology import INTERFACE
from role_router import BIN, INTERPRETER, configure

from . import ROOT

FILES = ROOT / "roles" / "bird_anycast" / "files"
SERVICE = "sip"


def configure_router(emulator: Emulator, link: Mapping[str, Any], **variables: Any) -> None:
    """Run the router's role."""
    printed = configure(emulator, link, **variables)
    if "failed=0" not in printed:
        raise RuntimeError(f"the role routeros_ospf failed:\n{printed}")


def bird_files(link: Mapping[str, Any], router_ids: Sequence[str], **more: Any) -> list[dict[str, str]]:
    """bird.conf and the key file of each node, as {"conf", "key"}; `more` are variables of the role."""
    variables = {
        "bird_anycast_link": dict(link),
        "bird_anycast_interfaces": [INTERFACE],
        "bird_anycast_services": [],
        "router_ids": list(router_ids),
        **more,
    }
    command = [
        str(BIN / "ansible-playbook"), "--inventory", "localhost,", "--connection", "local",
        "--extra-vars", json.dumps(variables), "--extra-vars", INTERPRETER, str(ROOT / "bench" / "render.yml"),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the role's templates cannot be rendered:\n{done.stdout}{done.stderr}")
    results = json.loads(done.stdout)["plays"][0]["tasks"][-1]["hosts"]["localhost"]["results"]
    return [result["msg"] for result in results]


def announcer_files(check: Mapping[str, Any] | None) -> dict[str, str]:
    """The announcer and what it reads, by path."""
    (service,) = services.normalise_services([{"name": SERVICE, "addresses": [ANYCAST], "check": check}])
    defaults = yaml.safe_load((FILES.parent / "defaults" / "main.yml").read_text())
    files = announcer.service_files(service, defaults["bird_anycast_withdraw_wait"])
    return {
        announcer.PROGRAM: (FILES / "announcer.py").read_text(),
        **{path: text for path, text in files.items() if path.startswith(announcer.SETTINGS)},
    }


def stop_commands(unit: str) -> list[str]:
    """What systemd runs after the announcer has ended, from the text of its unit."""
    found = []
    for line in unit.splitlines():
        name, _equals, command = line.partition("=")
        if name == "ExecStopPost":
            found.append(command.removeprefix("+").replace("%i", SERVICE))
    return found


def start_announcer(node: Machine) -> None:
    """As its unit does where the service has a check. It runs as root, without the unit's sandbox."""
    node.start_program("announcer", *announcer.COMMAND, "run", SERVICE)


def stop_announcer(node: Machine) -> None:
    """As `systemctl stop` and a drain do: the announcer ends, then what its unit runs after it."""
    node.stop_program("announcer")
    for command in stop_commands((FILES / "anycast-announce@.service").read_text()):
        # Its words are quoted as a shell's.
        node.run("sh", "-c", command)
