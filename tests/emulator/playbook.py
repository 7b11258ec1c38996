"""ansible-playbook as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from .recorded import Recording

ROOT = Path(__file__).parents[2]
# The Python that runs Ansible. `make lowest` sets a different one.
PYTHON = os.environ.get("ANYCAST_PYTHON", sys.executable)
ANSIBLE_PLAYBOOK = str(Path(PYTHON).with_name("ansible-playbook"))
# The port of tcpmux, on which nobody listens.
CLOSED = 1


def play(*arguments: str, directory: Path = ROOT, **environment: str) -> tuple[int, str]:
    """Return the exit code, and everything that was printed on one line, as Ansible breaks lines where it likes."""
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, *arguments],
        cwd=directory,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def leave_next_hops(router: Recording, address: str, stays: Callable[[str], bool]) -> None:
    """Have the router answer with fewer next hops of an address: those that stay."""
    show = router.frr.show

    def shown(command: str) -> Any:
        answer = show(command)
        if command == "show ip route json":
            for route in answer[f"{address}/32"]:
                route["nexthops"] = [hop for hop in route["nexthops"] if stays(hop["ip"])]
        return answer

    router.frr.show = shown  # type: ignore[method-assign]


def on_second_link(router: Recording) -> None:
    """Have a router know the nodes by the addresses of a link of its own, 172.18.1.11 and up."""
    show = router.frr.show

    def shown(command: str) -> Any:
        return json.loads(re.sub(r'("ip"|"ifaceAddress"): "172\.18\.0\.', r'\1: "172.18.1.', json.dumps(show(command))))

    router.frr.show = shown  # type: ignore[method-assign]


class System:
    """Runs playbooks on an inventory of a router that answers, and nodes sip1, sip2, ... that nobody can reach."""

    def __init__(
        self, router: Recording, directory: Path, key: str, services: list[dict[str, Any]], nodes: int
    ) -> None:
        self.router = router
        self.directory = directory
        self.link: dict[str, Any] = {"key": key}
        self.services = services
        self.nodes = nodes
        # More routers: how to log in to each.
        self.more_routers: dict[str, dict[str, Any]] = {}

    def inventory(self) -> dict[str, Any]:
        node = {
            "ansible_host": "127.0.0.1",
            "ansible_port": CLOSED,
            "ansible_ssh_common_args": "-oBatchMode=yes -oStrictHostKeyChecking=no",
            "bird_anycast_link": self.link,
            "bird_anycast_services": self.services,
            "bird_anycast_interfaces": ["enp0s11"],
        }
        router = {
            "ansible_connection": "local",
            "ansible_python_interpreter": PYTHON,
            "routeros_ospf_link": self.link,
            "routeros_ospf_interfaces": ["bridge-lan"],
            "routeros_ospf_anycast_prefixes": [address for one in self.services for address in one["addresses"]],
        }
        logins = {"hap-lite": self.router.login(), **self.more_routers}
        routers = {
            name: {**router, "routeros_ospf_api": login, "routeros_ospf_router_id": f"172.18.0.{number}"}
            for number, (name, login) in enumerate(logins.items(), 1)
        }
        names = {f"sip{n}": {"bird_anycast_router_id": f"172.18.0.{10 + n}"} for n in range(1, self.nodes + 1)}
        return {
            "all": {
                "vars": {"anycast_services": self.services},
                "children": {
                    "anycast_routers": {"hosts": routers},
                    "anycast_nodes": {"hosts": names, "vars": node},
                },
            }
        }

    def __call__(self, playbook: str, *options: str, extra: dict[str, Any], **environment: str) -> tuple[int, str]:
        """Return the exit code of a playbook and everything that it printed, on one line; extra are variables of -e."""
        path = self.directory / "hosts.yml"
        path.write_text(yaml.safe_dump(self.inventory()))
        words = [word for name, value in extra.items() for word in ("--extra-vars", f"{name}={value}")]
        return play("-i", str(path), f"homelab.anycast.{playbook}", *words, *options, directory=ROOT, **environment)
