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
from bed import ANYCAST
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
    """The announcer and what it reads, by path, without its units."""
    (service,) = services.normalise_services([{"name": SERVICE, "addresses": [ANYCAST], "check": check}])
    defaults = yaml.safe_load((FILES.parent / "defaults" / "main.yml").read_text())
    files = announcer.service_files(service, defaults["bird_anycast_withdraw_wait"])
    return {
        announcer.PROGRAM: (FILES / "announcer.py").read_text(),
        **{path: text for path, text in files.items() if path.startswith(announcer.SETTINGS)},
    }


def unit(service: str) -> str:
    """The unit that announces a service."""
    return announcer.instance(service)


def announcer_units(addresses: Mapping[str, str]) -> dict[str, str]:
    """The announcer of services with a check of SIP, by path: program, units, and what a boot removes.

    :param addresses: of the services, each of which is a unit of its name.
    """
    defaults = yaml.safe_load((FILES.parent / "defaults" / "main.yml").read_text())
    listed = [
        {"name": name, "addresses": [address], "unit": f"{name}.service", "check": {"kind": "sip"}}
        for name, address in addresses.items()
    ]
    files = {
        announcer.PROGRAM: (FILES / "announcer.py").read_text(),
        announcer.UNIT: (FILES / "anycast-announce@.service").read_text(),
        announcer.WITHDRAW_UNIT: (FILES / "anycast-withdraw@.service").read_text(),
        announcer.BOOT: (FILES / "tmpfiles.conf").read_text(),
    }
    for service in services.normalise_services(listed):
        files |= announcer.service_files(service, defaults["bird_anycast_withdraw_wait"])
    return files
