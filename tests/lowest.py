"""Sanity, units, and the emulator's tests of roles and playbooks, with what Debian 13 ships for a controller.

That is the lowest ansible-core of meta/runtime.yml; `make test` runs on the highest. The environment is build/lowest.
The collections that ours builds on are those of .venv: who installs ours from Galaxy gets new ones too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

from .ansible_test import DEPENDENCIES

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / "build" / "lowest"
# Of the packages ansible-core, python3-librouteros and python3-matplotlib; it is Python 3.13 there.
DEBIAN_13 = ("ansible-core==2.19.11", "librouteros==3.4.1", "matplotlib==3.10.*")
EMULATOR = ("test_role_*.py", "test_playbook*.py", "test_preflight.py", "test_refusals.py", "test_wrong_inventories.py")


def lowest(runtime: str) -> str:
    """The lowest ansible-core, as major.minor, of the text of meta/runtime.yml."""
    found = re.search(r'^requires_ansible: *">=(\d+\.\d+)', runtime, re.MULTILINE)
    if not found:
        raise SystemExit('meta/runtime.yml: requires_ansible not found, expected like ">=2.19.0"')
    return found[1]


def install(python: Path) -> None:
    """Make the environment."""
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    wanted = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
    tools = [line for line in wanted if re.match(r"(pytest|pytest-xdist)==", line)]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *DEBIAN_13, *tools], check=True)
    places = [
        next(environment.glob("lib/python*/site-packages")) / "ansible_collections"
        for environment in (Path(sys.prefix), ENVIRONMENT)
    ]
    for name in DEPENDENCIES:
        theirs, ours = (place / name for place in places)
        ours.parent.mkdir(parents=True, exist_ok=True)
        if not ours.exists():
            ours.symlink_to(theirs)


def main() -> int:
    core = lowest((ROOT / "meta" / "runtime.yml").read_text())
    if not DEBIAN_13[0].startswith(f"ansible-core=={core}."):
        raise SystemExit(f"meta/runtime.yml asks for ansible-core {core}, tests/lowest.py for {DEBIAN_13[0]}")
    python = ENVIRONMENT / "bin" / "python"
    print(f"== {', '.join(DEBIAN_13)} in {ENVIRONMENT.relative_to(ROOT)}", flush=True)
    install(python)
    files = sorted(str(path) for name in EMULATOR for path in (ROOT / "tests" / "emulator").glob(name))
    # The emulator keeps its own librouteros. Pylint would want the lab's code to run on an older controller's Python.
    commands: list[list[str | Path]] = [
        [python, ROOT / "tests" / "ansible_test.py", "sanity", "--skip-test", "pylint"],
        [python, ROOT / "tests" / "ansible_test.py", "units"],
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *files],
    ]
    codes = [
        subprocess.run(command, cwd=ROOT, env={**os.environ, "ANYCAST_PYTHON": str(python)}, check=False).returncode
        for command in commands
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
