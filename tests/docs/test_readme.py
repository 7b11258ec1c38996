"""The first pages: their figures are measured, their commands and messages are those of the English guides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import drawings
from tests.docs.test_messages import told

ROOT = Path(__file__).parents[2]
ENGLISH, RUSSIAN = (ROOT / "README.md").read_text(), (ROOT / "README.ru.md").read_text()
SITE = "https://homelab-anycast.github.io/homelab.anycast/"
GUIDES = ROOT / "docs" / "docsite" / "rst"


def rows(text: str, head: str) -> list[list[str]]:
    """The rows of the table of Markdown with this head."""
    table = text.split(f"\n{head}\n", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[1:]]


def commands(text: str) -> list[str]:
    """The commands in the blocks of a page of Markdown."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("number", range(len(drawings.FAILOVERS)))
def test_the_comparison_with_the_article_is_what_was_measured(number: int) -> None:
    found = drawings.measured(drawings.FAILOVERS[number][1])
    sides = [tuple(map(drawings.told, found[side])) for side in ("article", "collection")]
    expected = [one if one == other else f"{one}; on the nodes' LAN {other}" for one, other in sides]
    assert rows(ENGLISH, "| event | by hand, as in the article | with this |")[number][1:] == expected


def test_the_commands_in_russian_are_those_in_english() -> None:
    guides = "\n".join(path.read_text() for path in GUIDES.glob("*.rst"))
    assert len(commands(RUSSIAN)) > 10
    assert [command for command in commands(RUSSIAN) if command not in commands(ENGLISH)] == []
    inline = re.findall(r"`((?:ansible-playbook|make|export|ip) [^`]+)`", RUSSIAN)
    assert [command for command in inline if command not in ENGLISH + guides] == []


def test_the_messages_in_russian_are_those_of_the_guide() -> None:
    said = [cell for cell, _cure in rows(RUSSIAN, "| в сообщении есть слова | что делать |")]
    assert len(said) == 15
    assert [words for words in said if not any(words.strip("`") in message for message in told())] == []


@pytest.mark.parametrize("text", [ENGLISH, RUSSIAN], ids=["README.md", "README.ru.md"])
def test_the_pages_and_pictures_of_the_first_pages_are_there(text: str) -> None:
    built = {path.stem for path in GUIDES.glob("*.rst")} | {"playbooks"}
    linked = set(re.findall(re.escape(SITE) + r"([^)\s]+)", text))
    assert linked <= {f"docsite/{name}.html" for name in built}
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert [picture for picture in pictures if not (ROOT / picture).exists()] == []
