"""What `ansible-galaxy collection build` makes is complete, clean, and works from where it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.emulator.recorded import Recording

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]


def run(*command: str, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=cwd,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artefact")
    run("ansible-galaxy", "collection", "build", "--output-path", str(folder))
    return folder / f"homelab-anycast-{VERSION}.tar.gz"


@pytest.fixture(scope="module")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    # Its dependency comes with the ansible package, which is where ansible looks after this path.
    run(
        "ansible-galaxy",
        "collection",
        "install",
        str(artefact),
        "-p",
        str(folder),
        "--no-deps",
        "--offline",
        cwd=folder,
    )
    return folder


def test_it_holds_what_git_knows_and_nothing_else(artefact: Path) -> None:
    with tarfile.open(artefact) as archive:
        packed = {name for member in archive if (name := member.name) and member.isfile()}
    known = set(run_git("ls-files", "--cached", "--others", "--exclude-standard").splitlines())
    assert packed - known == {"MANIFEST.json", "FILES.json"}
    left_out = {name for name in known - packed if (ROOT / name).is_file()}
    assert {name for name in left_out if not name.startswith(".")} == {"galaxy.yml"}


def run_git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_galaxy_takes_it(artefact: Path, tmp_path: Path) -> None:
    # Its defaults, but for what `make lint` does with the project's own settings.
    settings = tmp_path / "importer.cfg"
    settings.write_text("[galaxy-importer]\nRUN_FLAKE8 = False\nRUN_ANSIBLE_LINT = False\nCHECK_CHANGELOG = True\n")
    said = run(
        "python",
        "-m",
        "galaxy_importer.main",
        str(artefact),
        cwd=tmp_path,
        GALAXY_IMPORTER_CONFIG=str(settings),
        PATH=f"{BIN}:{os.environ['PATH']}",
    )
    assert "Importer processing completed successfully" in said
    assert [line for line in said.splitlines() if line.startswith(("ERROR", "WARNING"))] == []


def test_the_playbooks_and_documents_work_from_there(installed: Path, tmp_path: Path) -> None:
    # Somewhere else: nothing of the checkout is to be found by its relative path.
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "ANYCAST_OSPF_KEY": "key"}
    inventory = str(installed / "ansible_collections/homelab/anycast/inventories/home")
    names = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
    assert "site" in names
    said = run(
        "ansible-playbook",
        "--syntax-check",
        "--inventory",
        inventory,
        *(f"homelab.anycast.{name}" for name in names),
        cwd=tmp_path,
        **environment,
    )
    assert said.count(f"playbook: {installed}") == len(names)
    assert str(installed) in run("ansible-doc", "homelab.anycast.routeros_next_hops", cwd=tmp_path, **environment)


def test_the_router_is_set_up_from_there(installed: Path, tmp_path: Path) -> None:
    router = Recording(tmp_path / "router", "nobody", "7.20.8", rows=False, users=None)
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "routeros_ospf_api": router.login(),
            "routeros_ospf_link": {"key": "key-of-the-link"},
            "routeros_ospf_router_id": "172.18.0.1",
            "routeros_ospf_interfaces": ["bridge-lan"],
            "routeros_ospf_anycast_prefixes": ["172.18.0.64"],
        },
        "roles": ["homelab.anycast.routeros_ospf"],
    }
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    try:
        run(
            "ansible-playbook",
            "--inventory",
            "localhost,",
            str(playbook),
            cwd=tmp_path,
            ANSIBLE_COLLECTIONS_PATH=str(installed),
        )
        (template,) = router.call("/routing/ospf/interface-template/print")
        assert (template["interfaces"], template["auth-key"]) == ("bridge-lan", "key-of-the-link")
    finally:
        router.close()


def test_the_execution_environment_can_be_made(tmp_path: Path) -> None:
    said = run("ansible-builder", "create", "--file", "execution-environment.yml", "--context", str(tmp_path))
    assert "Complete!" in said
    # What a user's own environment would take from us, read as ansible-builder reads it within the image.
    home = tmp_path / "ansible_collections" / "homelab"
    home.mkdir(parents=True)
    (home / "anycast").symlink_to(ROOT)
    found = yaml.safe_load(run("ansible-builder", "introspect", str(tmp_path)).partition("---")[2])
    assert [line for line in found["python"] if line.startswith("librouteros")]
    assert "openssh-client" in " ".join(found["system"])


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_changelog_is_what_its_releases_make(tmp_path: Path) -> None:
    # Elsewhere, as it writes; and where it sees by the path that this is a collection.
    place = tmp_path / "ansible_collections" / "homelab" / "anycast"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "galaxy.yml", place)
    shutil.copytree(ROOT / "changelogs", place / "changelogs")
    run("antsibull-changelog", "generate", cwd=place)
    assert (place / "CHANGELOG.rst").read_text() == (ROOT / "CHANGELOG.rst").read_text()


def test_the_version_is_the_newest_release_or_the_next() -> None:
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
    assert numbers(VERSION) >= max(map(numbers, releases))


def test_nothing_is_of_a_later_version() -> None:
    """Everything says since which version it is there, and none says a later one."""
    added = re.compile(r"version_added: *['\"]?([0-9.]+)")
    later = [
        f"{path.relative_to(ROOT)}: {version}"
        for pattern in ("plugins/**/*.py", "plugins/**/*.yml", "roles/*/meta/*.yml")
        for path in ROOT.glob(pattern)
        for version in added.findall(path.read_text())
        if numbers(version) > numbers(VERSION)
    ]
    assert later == []
