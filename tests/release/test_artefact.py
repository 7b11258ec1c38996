"""What `ansible-galaxy collection build` makes is complete, clean, and works from where it is installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ansible_collections.homelab.anycast.plugins.module_utils.node.plan import PACKAGES
from reference import FOR_USERS
from tests.emulator.recorded import Recording
from tests.release import sbom

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


def test_the_bill_of_materials_is_beside_it_and_follows_the_schema(artefact: Path) -> None:
    sbom.main([str(artefact)])
    written = (artefact.parent / f"homelab-anycast-{VERSION}.cdx.json").read_text()
    bill = json.loads(written)
    assert JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(written) is None
    (digest,) = bill["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256(artefact.read_bytes()).hexdigest()


def test_the_bill_of_materials_names_all_that_users_need(artefact: Path) -> None:
    pip = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    needed = {
        "ansible-core": yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"],
        **yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"],
        **{requirement.name: str(requirement.specifier) for requirement in pip},
        **dict.fromkeys(["openssh-client", *PACKAGES], ""),
    }
    found = {
        component["name"]: component.get("versionRange", "").partition("/")[2].replace("|", ",")
        for component in sbom.bill(artefact)["components"]
    }
    assert {name: SpecifierSet(text) for name, text in found.items()} == {
        name: SpecifierSet(text) for name, text in needed.items()
    }


def test_the_workflow_attests_what_it_then_publishes(artefact: Path, tmp_path: Path) -> None:
    """Its own commands run, with stand-ins for what needs GitHub and Galaxy."""
    sbom.main([str(artefact)])
    shutil.copytree(artefact.parent, tmp_path / "dist")
    shutil.copy(ROOT / "CHANGELOG.rst", tmp_path)
    log, variables = tmp_path / "log", tmp_path / "variables"
    for program in (tmp_path / "gh", tmp_path / ".venv" / "bin" / "ansible-galaxy"):
        program.parent.mkdir(parents=True, exist_ok=True)
        # The files among its arguments.
        program.write_text(f'#!/bin/sh\necho "${{0##*/}}" $(ls -- "$@" 2> /dev/null) >> {log}\n')
        program.chmod(0o755)
    (tmp_path / "bundle").touch()
    given = {
        "ANSIBLE_GALAXY_TOKEN_PATH": str(tmp_path / "token"),
        "GALAXY_TOKEN": "secret",
        "GITHUB_ENV": str(variables),
        "GITHUB_REF_NAME": f"v{VERSION}",
        "GITHUB_REPOSITORY": "homelab-anycast/homelab.anycast",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PROVENANCE": str(tmp_path / "bundle"),
    }
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    for step in workflow["jobs"]["publish"]["steps"]:
        if step.get("uses", "").startswith("actions/attest@"):
            files = [text.replace("${{ env.ARTEFACT }}", given["ARTEFACT"]) for text in step["with"].values()]
            subprocess.run(f"echo attest $(ls {' '.join(files)}) >> {log}", shell=True, cwd=tmp_path, check=True)
        elif step.get("run", "make artefact") != "make artefact":
            command = ["bash", "-e", "-c", step["run"]]
            subprocess.run(command, cwd=tmp_path, env={**os.environ, **given}, check=True)
            given.update(line.partition("=")[::2] for line in variables.read_text().splitlines())
    name = f"dist/homelab-anycast-{VERSION}"
    assert log.read_text().splitlines() == [
        f"attest {name}.tar.gz",
        f"attest {name}.cdx.json {name}.tar.gz",
        f"ansible-galaxy {name}.tar.gz",
        f"gh {name}.cdx.json {name}.tar.gz {name}.tar.gz.sigstore.json",
    ]


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


def test_the_newest_release_lists_only_what_users_call() -> None:
    """antsibull-changelog adds every new module and filter: delete the others from changelogs/changelog.yaml."""
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
    newest = releases[max(releases, key=numbers)]
    assert {module["name"] for module in newest.get("modules", [])} <= set(FOR_USERS)
    filters = {path.stem for path in (ROOT / "plugins" / "filter").glob("*.yml")}
    assert {plugin["name"] for plugin in newest.get("plugins", {}).get("filter", [])} <= filters


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
