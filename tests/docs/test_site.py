"""The documentation and the conformance kit: what they name is there, pictures and links are as they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import drawings
import links
import playbooks
from ansible_collections.homelab.anycast.plugins.module_utils.system import request
from tests.conformance.checks import CHECKS, READ, load

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst"))
PLACES = ("*.md", "docs/*.md", "roles/*/README.md", "examples/**/*.md", "lab/routeros/*.md")
PAGES = [page for place in PLACES for page in sorted(ROOT.glob(place))]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=named)
def test_what_is_called_by_name_is_there(page: Path) -> None:
    parts = {path.stem for kind in ("modules", "filter", "action") for path in (ROOT / "plugins" / kind).glob("*.*")}
    parts |= {path.stem for path in PLAYBOOKS} | {path.name for path in (ROOT / "roles").iterdir()} | {"api", "docsite"}
    assert set(re.findall(r"(?<![\w./])homelab\.anycast\.([a-z_]+)", page.read_text())) <= parts


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=named)
def test_the_targets_of_make_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"``?make ([a-z-]+)|^ *make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert {name for pair in code for name in pair if name} <= targets


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=named)
def test_the_tests_that_repeat_a_claim_are_there(page: Path) -> None:
    text = page.read_text()
    assert [path for path in re.findall(r"tests/[\w/]+\.py", text) if not (ROOT / path).exists()] == []
    named_ones = re.findall(r'SCENARIOS=(?:"([^"]+)"|([a-z0-9_]+))', text)
    scenarios = {name for several, one in named_ones for name in (several or one).split()}
    assert scenarios <= {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_links_of_the_guides_into_the_repository(page: Path) -> None:
    for target in re.findall(r"homelab\.anycast/(?:tree|blob)/main/([^>`\s]+)", page.read_text()):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_within_the_repository(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("path", PLAYBOOKS, ids=named)
def test_the_head_of_a_playbook_names_its_variables_and_their_defaults(path: Path) -> None:
    said = playbooks.comment(path.read_text())
    own = request.variables_of(path.stem)
    others = {*request.INVENTORY, request.ROUTERS, request.NODES, request.CLIENTS}
    assert set(re.findall(r"\banycast_\w+", said)) - others == set(own)
    for name, value in re.findall(r"-e (\w+)=([\d.]+) ", said):
        assert float(value) == own[name].default or name == "anycast_drill_port"


def test_the_page_about_playbooks_has_all_of_them() -> None:
    page = playbooks.page(ROOT / "playbooks")
    for path in PLAYBOOKS:
        assert f"\nhomelab.anycast.{path.stem}\n---" in page
    assert "    -e anycast_stop_service=true    stop the services afterwards\n" in page
    assert "#. Drain one node after the other (the nodes asked for)\n" in page


def test_the_measured_reasons_are_those_of_the_figures() -> None:
    told = (ROOT / "docs" / "docsite" / "rst" / "design.rst").read_text() + drawings.announce()
    measured = [(ROOT / "docs" / f"{name}.md").read_text().replace("**", "") for name in ("bench", "figures")]
    found = set(re.findall(r"(\d+\.\d\d) s", told))
    assert len(found) >= 5
    for figure in found:
        assert any(f"| {figure} " in page for page in measured), f"{figure} s is in no table: was it measured anew?"


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_the_drawings_are_those_of_their_script(name: str) -> None:
    committed = ROOT / "docs" / "docsite" / "rst" / "images" / f"{name}.svg"
    assert committed.read_text() == drawings.DRAWINGS[name](), "run python docs/site/pictures.py"


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("there.html", None),
        ("there.html#place", None),
        ("#own", None),
        ("https://www.rfc-editor.org/rfc/rfc2328", None),
        ("missing.html", "leads to no file"),
        ("there.html#missing", "leads to no place of that page"),
        ("#missing", "leads to no place of that page"),
        ("/", "leads to no file"),
        ("https://nowhere/", "names no host"),
        ("htp://example.org/", "is none of http, https, mailto"),
        ("http://[/", "is none: Invalid IPv6 URL"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, link: str, why: str | None) -> None:
    (tmp_path / "index.html").write_text(f'<p id="own"><a href="{link}">there</a></p>')
    (tmp_path / "there.html").write_text('<h1 id="place">There</h1>')
    assert links.problems(tmp_path) == ([f"index.html: the link '{link}' {why}"] if why else [])


def test_what_depends_on_a_check_is_there() -> None:
    places = [ROOT / "plugins" / "module_utils", ROOT / "plugins", ROOT]
    for path in [READ, *CHECKS.glob("*.yml")]:
        for check in load(path.stem):
            for part in check.used_by.split(", "):
                file, _blank, name = part.partition(" ")
                found = [place / file for place in places if (place / file).exists()]
                assert found or part.startswith("("), f"{check.id}: {part}"
                assert part.startswith("(") or not name or name in found[0].read_text(), f"{check.id}: {part}"
