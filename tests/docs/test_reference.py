"""The site: the reference, the colours and the tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from docutils.core import publish_doctree
from pygments.styles import get_style_by_name

import drawings
import reference
import tables
from ansible_collections.homelab.anycast.plugins.module_utils.system import request

ROOT = Path(__file__).parents[2]
CSS = (ROOT / "docs" / "site" / "_static" / "site.css").read_text()
PALETTE = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", CSS))
# Which text stands on which ground.
ON = {
    "ground": ("text", "soft", "link", "link-visited", "code"),
    "code-ground": ("text", "code", "link"),
    "head": ("head-text",),
    "side": ("side-text", "side-caption", "head-text"),
    "side-current": ("text",),
    "note": ("text", "link", "link-visited", "code"),
    "warn": ("text", "link", "code"),
    "note-title": ("title-text",),
    "warn-title": ("title-text",),
}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(("ground", "text"), [(ground, text) for ground, texts in ON.items() for text in texts])
def test_text_on_the_site_has_contrast(ground: str, text: str) -> None:
    assert contrast(PALETTE[ground], PALETTE[text]) >= 4.5


def test_code_on_the_site_has_contrast() -> None:
    style = re.findall(r'pygments_style = "(\w+)"', (ROOT / "docs" / "site" / "conf.py").read_text())[0]
    colours = {f"#{about['color']}" for _token, about in get_style_by_name(style) if about["color"]}
    assert [colour for colour in colours if contrast(colour, PALETTE["code-ground"]) < 4.5] == []


@pytest.mark.parametrize("colours", [drawings.LIGHT, drawings.DARK], ids=["light", "dark"])
def test_text_in_the_drawings_has_contrast(colours: dict[str, str]) -> None:
    for name in ("ink", "soft", "article", "collection"):
        assert contrast(colours[name], colours["ground"]) >= 4.5, name
    for colour in (drawings.INK, drawings.SOFT, drawings.ROUTER, drawings.NODE, drawings.CLIENT, drawings.BAD):
        assert contrast(colour, drawings.CARD) >= 4.5


def test_the_reference_lists_what_users_need_first() -> None:
    parts = [(path.stem, "module") for path in (ROOT / "plugins" / "modules").glob("*.py")]
    parts += [("link", "filter"), ("bird_anycast", "role")]
    generated = "".join(f"* :ansplugin:`{n} {kind} <homelab.anycast.{n}#{kind}>` -- Words\n" for n, kind in parts)
    listed = re.findall(r"<homelab\.anycast\.(\w+)#", reference.collection(generated))
    assert sorted(listed) == sorted(name for name, _kind in parts)
    assert listed[:9] == ["bird_anycast", "link", *reference.FOR_USERS]


def test_a_role_shows_its_options_once() -> None:
    entries = yaml.safe_load((ROOT / "roles" / "routeros_ospf" / "meta" / "argument_specs.yml").read_text())
    entries = entries["argument_specs"]
    page = "Head\n" + "".join(
        f".. _x_role__entrypoint-{name}:\n\nEntry {name}\n\nSynopsis\n^^^^^^^^\n\nThe table\n\n"
        for name in sorted(entries)
    )
    once = reference.options_once(page, entries)
    assert once.count("The table") == 1
    assert once.index("Entry main") < once.index("The table") < once.index("Entry configure")
    assert "All options of :ref:`main <x_role__entrypoint-main>`." in once
    assert "``routeros_ospf_removed_addresses`` (list): The addresses of the service." in once


def test_one_page_has_all_variables_with_their_defaults() -> None:
    page = reference.variables(ROOT)
    assert (
        "* - ``dead_interval``\n     - :ansplugin:`anycast_link <homelab.anycast.link#filter>`\n     - ``4``\n" in page
    )
    assert "* - ``bird_anycast_router_id``\n     - :ansplugin:`bird_anycast <" in page
    assert [name for name in request.VARIABLES if f"``{name}``" not in page] == []
    assert "\n     - ``60``\n     - seconds for the router and the nodes" in page
    assert not re.search(r"\b[CVOEMP]\(", page)


def test_the_cells_of_a_table_know_their_columns() -> None:
    page = ".. list-table::\n   :header-rows: 1\n\n   * - event\n     - *at most*\n   * - drain\n     - 0 s\n"
    tree = publish_doctree(page)
    assert tables.columns(tree.children[0]) == ["event", "at most"]
    tree = publish_doctree(page.replace("   :header-rows: 1\n", ""))
    assert tables.columns(tree.children[0]) == []


def test_the_comparison_of_what_is_anycast_was_measured() -> None:
    about = (ROOT / "docs" / "docsite" / "rst" / "about.rst").read_text()
    measured = (ROOT / "docs" / "bench.md").read_text().replace("**", "")
    figures = re.findall(r"^     - (\d+\.\d\d) s$", about, re.MULTILINE)
    assert len(figures) >= 20
    assert [figure for figure in figures if f"| {figure}" not in measured] == []
