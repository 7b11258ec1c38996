"""ansible-test sanity and units on the lowest ansible-core of meta/runtime.yml; `make test` runs on the highest.

The ansible package of that core is installed into build/lowest, as it carries the collections that ours builds on.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / "build" / "lowest"
# The release of the ansible package that carries an ansible-core.
CARRIERS = {"2.20": "ansible==13.*"}


def lowest(runtime: str) -> str:
    """The lowest ansible-core, as major.minor, of the text of meta/runtime.yml."""
    found = re.search(r'^requires_ansible: *">=(\d+\.\d+)', runtime, re.MULTILINE)
    if not found:
        raise SystemExit('meta/runtime.yml: requires_ansible not found, expected like ">=2.20.0"')
    return found[1]


def main() -> int:
    core = lowest((ROOT / "meta" / "runtime.yml").read_text())
    if core not in CARRIERS:
        raise SystemExit(f"no ansible package known that carries ansible-core {core}: add it to CARRIERS in {__file__}")
    others = [
        line
        for line in (ROOT / "tests" / "requirements.txt").read_text().splitlines()
        if re.match(r"(librouteros|matplotlib|pytest|pytest-xdist)==", line)
    ]
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    print(f"== ansible-core {core} in {ENVIRONMENT.relative_to(ROOT)}", flush=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", CARRIERS[core], *others], check=True)
    codes = [
        subprocess.run([python, ROOT / "tests" / "ansible_test.py", command], check=False).returncode
        for command in ("sanity", "units")
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
