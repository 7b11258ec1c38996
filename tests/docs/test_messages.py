"""The messages that the guide explains are those that the code says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "docsite" / "rst" / "messages.rst"
# What a user meets before anything is changed, and when something is wrong: none of it may be missing in the guide.
EXPLAINED = ("preflight.py", "firewall.py", "diagnosis.py", "gateway.py")
# Where a value comes: in str.format() and what stands for f-strings below, and with the operator %.
PLACES = re.compile(r"\{[^{}]*\}|%[-.\d]*[sdgfr]")
# Characters. Words between two values that are shorter may be anybody's; a value, or two in a row, are not longer.
LEAST, LONGEST = 6, 40


def told() -> list[str]:
    """The messages of the guide: the cells of its tables that are one literal, but for those that are a name."""
    cells = re.findall(r"^ +(?:\* )?- ``([^`]+)``$", GUIDE.read_text(), re.MULTILINE)
    return [message for cell in cells if " " in (message := " ".join(cell.split()))]


def text(node: ast.AST) -> str | None:
    """The text of a string in the code; {} is where a value comes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return text(node.func.value)
    if isinstance(node, ast.Tuple) and node.elts:
        return text(node.elts[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding" and node.args:
        # Those about hosts begin with their names.
        return ("{}: " if len(node.args) > 1 else "") + (text(node.args[0]) or "")
    return None


# The keys of a playbook that hold words for its users.
SAID = ("fail_msg", "msg", "outcome", "silent", "__anycast_away")


def fail_messages(part: Any) -> Iterator[str]:
    """What the assertions and refusals of a playbook say."""
    for key in SAID if isinstance(part, dict) else ():
        if isinstance(part.get(key), str):
            yield part[key]
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from fail_messages(inner)


@cache
def fragments() -> tuple[str, ...]:
    """What stands between the values in every string that may be a message, the longest first."""
    strings = set()
    for path in (*(ROOT / "plugins").rglob("*.py"), *(ROOT / "roles").glob("*/files/*.py")):
        strings |= {words for node in ast.walk(ast.parse(path.read_text())) if (words := text(node))}
    for path in (ROOT / "playbooks").glob("*.yml"):
        strings |= {re.sub(r"\{\{.*?\}\}", "{}", words) for words in fail_messages(yaml.safe_load(path.read_text()))}
    found = {part.strip() for words in strings for part in PLACES.split(words)}
    return tuple(sorted((part for part in found if len(part) >= LEAST), key=len, reverse=True))


@pytest.mark.parametrize("message", told())
def test_the_guide_explains_what_the_code_says(message: str) -> None:
    left = message
    for fragment in fragments():
        left = left.replace(fragment, "\0")
    unknown = [part for part in left.split("\0") if len(part.strip()) > LONGEST]
    assert unknown == []


def explained() -> list[str]:
    return [
        words
        for name in EXPLAINED
        for node in ast.walk(ast.parse((ROOT / "plugins" / "module_utils" / "system" / name).read_text()))
        if isinstance(node, ast.Yield) and node.value and (words := text(node.value)) and len(words) > LONGEST
    ]


@pytest.mark.parametrize("words", explained())
def test_the_guide_has_every_message_of_preflight_and_diagnosis(words: str) -> None:
    pattern = ".*".join(re.escape(part) for part in PLACES.split(words))
    assert any(re.fullmatch(pattern, message) for message in told())
