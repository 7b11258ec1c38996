"""The examples on this machine: their playbooks, and what their inventories and templates come to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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


def checked(inventory: Path, directory: Path, template: str | None = None) -> dict[str, str]:
    """Have the roles check an inventory of examples/. Return the template beside it as each node gets it."""
    variables = {"rendered": str(directory)}
    if template:
        variables["source"] = str(inventory.parent / "templates" / f"{template}.j2")
    code, said = playbook(f"--inventory={inventory}", "--extra-vars", json.dumps(variables), str(CHECK))
    assert code == 0, said
    assert not [secret for secret in SECRETS.values() if secret in said]
    return {path.name: path.read_text() for path in directory.iterdir()}
