"""Build the documentation site: its sources in build/docs/rst, the pages in build/docs/html; a warning is an error.

antsibull-docs writes a page for each role, module and filter, and takes the guides of docs/docsite along. Sphinx makes
the site of these, of the measured pages in docs/, and of what has its place elsewhere in the repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

import external
import links
import playbooks
import reference

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "docs"
SOURCES, PAGES = BUILD / "rst", BUILD / "html"
BIN = Path(sys.executable).parent

# Pages and what they show that have their place elsewhere. They keep it here too, so their links to each other hold.
TAKEN_ALONG = (
    "docs/bench.md",
    "docs/figures.md",
    "docs/scale.md",
    "docs/scale.svg",
    "docs/speed.md",
    "docs/support.md",
    "lab/routeros/LIMITS.md",
    "molecule/speed/plain.yml",
)


def prepare() -> None:
    """Put the sources of all pages together."""
    shutil.rmtree(BUILD, ignore_errors=True)
    SOURCES.mkdir(parents=True)
    # antsibull-docs refuses a directory that others may write to.
    SOURCES.chmod(0o755)
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", ".")
    run(
        *("antsibull-docs", "collection", "--use-current", "--fail-on-error", "--squash-hierarchy"),
        *("--dest-dir", str(SOURCES), "homelab.anycast"),
    )
    # The site has a front page of its own.
    (SOURCES / "collection.rst").write_text(reference.collection((SOURCES / "index.rst").read_text()))
    for role in (path.name for path in (ROOT / "roles").iterdir()):
        page = SOURCES / f"{role}_role.rst"
        entries = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        page.write_text(reference.options_once(page.read_text(), entries))
    for name in TAKEN_ALONG:
        (SOURCES / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, SOURCES / name)
    shutil.copytree(ROOT / "docs" / "docsite" / "rst" / "images", SOURCES / "docsite" / "images")
    shutil.copytree(ROOT / "docs" / "site" / "pages", SOURCES, dirs_exist_ok=True)
    sys.path.insert(0, str(ROOT / ".ansible" / "collections"))
    (SOURCES / "docsite" / "playbooks.rst").write_text(playbooks.page(ROOT / "playbooks"))
    (SOURCES / "docsite" / "variables.rst").write_text(reference.variables(ROOT))
    (SOURCES / "external.inv").write_bytes(external.inventory())


def run(command: str, *arguments: str) -> None:
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        # antsibull-docs copies what we depend on by git where that is in a checkout; in .venv git knows of nothing.
        # In a git worktree .venv may be a link into another checkout.
        "GIT_CEILING_DIRECTORIES": str(BIN.resolve().parents[1]),
    }
    subprocess.run([str(BIN / command), *arguments], cwd=ROOT, env=environment, check=True)


def main() -> int:
    try:
        prepare()
        run(
            *("sphinx-build", "-q", "-j", "auto", "-n", "-W", "--keep-going", "-b", "html"),
            *("-c", str(ROOT / "docs" / "site"), "-d", str(BUILD / "doctrees"), str(SOURCES), str(PAGES)),
        )
    except subprocess.CalledProcessError as error:
        print(f"{Path(error.cmd[0]).name} failed; see above", file=sys.stderr)
        return 1
    problems = links.problems(PAGES)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        start = (PAGES / "index.html").relative_to(ROOT)
        print(f"{len(list(PAGES.rglob('*.html')))} pages, no warning, no broken link: {start}")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
