"""The examples on this machine: their playbooks, and what their inventories and templates come to."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.routeros.policy import LAB_PASSWORD

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent
SECRETS = {"ANYCAST_OSPF_KEY": "key-of-examples", "ROUTEROS_PASSWORD": LAB_PASSWORD}
CHECK = ROOT / "tests/example.yml"


def run(*command: str, directory: Path = ROOT, **environment: str) -> tuple[int, str]:
    """Return the exit code of a tool of .venv, and all that it printed."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=directory,
        env={**os.environ, **SECRETS, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def playbook(*arguments: str) -> tuple[int, str]:
    return run("ansible-playbook", *arguments)


@dataclasses.dataclass(frozen=True)
class Example:
    """What an inventory of examples/ comes to."""

    services: list[dict[str, Any]]
    # Templates by their name and a host.
    written: dict[str, dict[str, str]]


def checked(directory: Path, *inventories: str, templates: Iterable[str] = ()) -> Example:
    """Have the roles check inventories of examples/, such as dns/inventory.yml, and write templates of that example.

    :param directory: an empty one.
    """
    place = (EXAMPLES / inventories[0]).parent / "templates"
    sources = [{"name": name, "source": str(place / f"{name}.j2")} for name in templates]
    variables = {"rendered": str(directory), "templates": sources}
    options = [f"--inventory={EXAMPLES / inventory}" for inventory in inventories]
    code, said = playbook(*options, "--extra-vars", json.dumps(variables), str(CHECK))
    assert code == 0, said
    assert not [secret for secret in SECRETS.values() if secret in said]
    written: dict[str, dict[str, str]] = {}
    for path in directory.glob("*@*"):
        name, _at, host = path.name.partition("@")
        written.setdefault(name, {})[host] = path.read_text()
    return Example(json.loads((directory / "services.json").read_text()), written)
