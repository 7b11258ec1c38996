"""A node of the bed that is configured by the role's own templates and modules.

BIRD runs in the node's network, but on the host's files: a module that runs on the host then finds its configuration
and its socket under the same names as BIRD does, as on a real node.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bed import Machine, wait_for
from bed.machines import MULTIARCH, bird_conversation, bird_program
from bed.topology import INTERFACE

ROOT = Path(__file__).parents[2]
PLAYBOOK = Path(__file__).parent / "node.yml"
# As Debian's package has it: no OSPF.
PACKAGE_CONFIG = "log syslog all;\nprotocol device { }\nprotocol kernel { ipv4 { export all; }; }\n"
# What the announcer links of a service, for a bird.conf in either form.
INTERFACE_FILE = 'interface "dummy0" 172.18.0.64/32 { stub; };\n'
AREA_FILE = f"area 172.18.0.64 {{ {INTERFACE_FILE.strip()} }};\n"


def bird_of_root(root: Path, version: str = "2") -> list[str]:
    """One of the bed's BIRDs (see bird_program), as a command that runs on the host."""
    library = root / "usr/lib" / MULTIARCH
    loader = next(library.glob("ld-linux*.so*"))
    *_libraries, program = bird_program("bird", version)
    libraries = f"{library}:{root}/opt/bird{version}/usr/lib/{MULTIARCH}"
    return [str(loader), "--library-path", libraries, f"{root}{program}"]


class RoleNode:
    """The node with its files in a directory; `link` and what else the role takes are given with each `playbook`."""

    def __init__(self, machine: Machine, directory: Path, bird: list[str], address: str = "172.18.0.11") -> None:
        self.machine = machine
        self.directory = directory
        self.address = address
        self.bird = bird
        self.conf = directory / "etc" / "bird.conf"
        self.key = directory / "etc" / "anycast.key"
        self.announced = directory / "etc" / "anycast.d"
        self.socket = directory / "bird.ctl"
        self.announced.mkdir(parents=True)
        # The module looks for the program on its path.
        program = directory / "bin" / "bird"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.join(bird)} "$@"\n')
        program.chmod(0o755)

    def start(self) -> None:
        """Start BIRD with what is on disk, in the first place what the package brings."""
        if not self.conf.exists():
            self.conf.write_text(PACKAGE_CONFIG)
        # Its log is of no use here, and there may be no syslog.
        arguments = ["-c", str(self.conf), "-s", str(self.socket), "-P", str(self.directory / "bird.pid")]
        self.machine.run_here(*self.bird, *arguments)
        wait_for("BIRD's socket", self.socket.exists)

    def stop(self) -> None:
        """End BIRD, if it runs."""
        if self.socket.exists():
            self.ask("down")
            wait_for("BIRD to end", lambda: not self.socket.exists())

    def announce(self) -> None:
        """Announce the anycast address, as the service's files do, of which bird.conf includes one."""
        (self.announced / "sip.conf").write_text(INTERFACE_FILE)
        (self.announced / "sip.area").write_text(AREA_FILE)

    def withdraw(self) -> None:
        for suffix in ("conf", "area"):
            (self.announced / f"sip.{suffix}").unlink()

    def ask(self, *commands: str) -> str:
        """What BIRD answers on its socket."""
        return bird_conversation(self.socket, *commands)

    def states(self) -> dict[str, str]:
        """The state of each neighbour."""
        rows = [line.split() for line in self.ask("show ospf neighbors").splitlines()]
        return {row[0]: row[2].split("/")[0] for row in rows if len(row) == 6 and "/" in row[2]}

    def playbook(self, link: Mapping[str, Any], *options: str, **variables: Any) -> list[str]:
        """The command that puts a link in force on this node, as the role does."""
        everything = {
            "bird_anycast_link": dict(link),
            "bird_anycast_router_id": self.address,
            "bird_anycast_interfaces": [INTERFACE],
            "bird_anycast_services": [],
            "__bird_anycast_directory": str(self.conf.parent),
            "socket": str(self.socket),
            **variables,
        }
        tool = str(Path(sys.executable).parent / "ansible-playbook")
        extra = ["--extra-vars", json.dumps(everything), "--extra-vars", f"ansible_python_interpreter={sys.executable}"]
        return [tool, "--inventory", "localhost,", "--connection", "local", *extra, *options, str(PLAYBOOK)]

    def environment(self) -> dict[str, str]:
        """What the command needs around it; each task's result comes as JSON."""
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        return {
            **os.environ,
            "PATH": path,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        }

    def configure(self, link: Mapping[str, Any], *options: str, **variables: Any) -> dict[str, Any]:
        """Put a link in force, and return the result of bird_configure."""
        done = subprocess.run(
            self.playbook(link, *options, **variables),
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            (play,) = json.loads(done.stdout)["plays"]
        except ValueError:
            raise RuntimeError(done.stdout + done.stderr) from None
        result: dict[str, Any] = play["tasks"][-1]["hosts"]["localhost"]
        result["printed"] = done.stdout + done.stderr
        return result
