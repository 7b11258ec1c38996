"""What playbooks refuse, or find, on a router that has the nodes as next hops, and nodes that nobody can reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.policy import LAB_PASSWORD

from .conftest import Start
from .recorded import Recording

ROOT = Path(__file__).parents[2]
# The port of tcpmux, on which nobody listens.
CLOSED = 1
OLD_KEY, NEW_KEY = "old-key-of-it", "new-key-of-it"
ADDRESS = "172.18.0.64"
PING = f"""#!/bin/sh
for last; do :; done
echo "36 bytes from {ADDRESS}: icmp_seq=1 ttl=64 time=0.204 ms"
"""


class System:
    def __init__(self, router: Recording, directory: Path) -> None:
        self.router = router
        self.directory = directory

    def __call__(self, playbook: str, *options: str, **variables: Any) -> tuple[int, str]:
        """Return the exit code of a playbook and everything that it printed, on one line."""
        services = [{"name": "sip", "addresses": [ADDRESS]}]
        link = {"key": OLD_KEY}
        inventory = {
            "all": {
                "vars": {"anycast_services": services},
                "children": {
                    "anycast_routers": {
                        "hosts": {
                            "hap-lite": {
                                "ansible_connection": "local",
                                "ansible_python_interpreter": sys.executable,
                                "routeros_ospf_api": {
                                    "hostname": "127.0.0.1",
                                    "port": self.router.server.port,
                                    "username": "ansible",
                                    "password": LAB_PASSWORD,
                                },
                                "routeros_ospf_link": link,
                                "routeros_ospf_router_id": "172.18.0.1",
                                "routeros_ospf_interfaces": ["bridge-lan"],
                            }
                        }
                    },
                    "anycast_nodes": {
                        "vars": {
                            "ansible_host": "127.0.0.1",
                            "ansible_port": CLOSED,
                            "ansible_ssh_common_args": "-oBatchMode=yes -oStrictHostKeyChecking=no",
                            "bird_anycast_link": link,
                            "bird_anycast_services": services,
                            "bird_anycast_interfaces": ["enp0s11"],
                        },
                        "hosts": {f"sip{n}": {"bird_anycast_router_id": f"172.18.0.{10 + n}"} for n in (1, 2, 3)},
                    },
                },
            }
        }
        path = self.directory / "hosts.yml"
        path.write_text(yaml.safe_dump(inventory))
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                f"--inventory={path}",
                f"homelab.anycast.{playbook}",
                *(f"--extra-vars={name}={value}" for name, value in variables.items()),
                *options,
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANYCAST_NEW_KEY": NEW_KEY},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def system(start: Start, tmp_path: Path) -> System:
    program = tmp_path / "ping"
    program.write_text(PING)
    program.chmod(0o755)
    return System(start("full", ping=str(program)), tmp_path)


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_verify_of_the_router(system: System, options: tuple[str, ...]) -> None:
    code, said = system("verify", "--limit=hap-lite", *options, anycast_wait=0)
    assert code == 0, said
    (system.directory / "ping").write_text("#!/bin/sh\nexit 1\n")
    code, said = system("verify", "--limit=hap-lite", *options, anycast_wait=0)
    assert code != 0
    assert f"hap-lite gets no answer to its ping of {ADDRESS}: see that the firewall of the nodes accepts ICMP" in said


def test_the_last_node_is_not_removed(system: System) -> None:
    show = system.router.frr.show

    def shown(command: str) -> Any:
        answer = show(command)
        if command == "show ip route json":
            for route in answer[f"{ADDRESS}/32"]:
                route["nexthops"] = [hop for hop in route["nexthops"] if hop["ip"] == "172.18.0.12"]
        return answer

    system.router.frr.show = shown  # type: ignore[method-assign]
    code, said = system("remove", remove_node="sip2")
    assert code != 0
    assert f"{ADDRESS}/32 of service 'sip' would be left without a node: hap-lite sends it to no other" in said
    assert "Nothing is changed; go on without any: -e remove_consent=true" in said


def test_a_key_that_cannot_be_changed_is_refused(system: System) -> None:
    code, said = system("rotate_key", anycast_new_key_id=1)
    assert code != 0
    assert "anycast_new_key_id is 1, which is the key_id of the inventory, expected another one" in said
    # Its template is somebody else's.
    code, said = system("rotate_key", anycast_new_key_id=2)
    assert code != 0
    assert "the router has no interface template with the comment 'homelab.anycast': run site first" in said
    assert [key for key in (OLD_KEY, NEW_KEY) if key in said] == []


@pytest.mark.parametrize("playbook", ["site", "drain", "undrain", "remove", "rotate_key", "drill"])
def test_a_wait_that_is_no_number_is_refused_first(system: System, playbook: str) -> None:
    code, said = system(playbook, anycast_wait="soon")
    assert code != 0
    assert "anycast_wait is soon, expected 0 to 3600" in said
    # Neither an end nor another argument was looked at.
    assert said.count("TASK [") == 1
