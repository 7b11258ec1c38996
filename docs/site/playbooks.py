"""The page about the playbooks, out of the playbooks: what the comment at the head of each says, and its plays."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

COLLECTION = "homelab.anycast"
# As a reader meets them.
ORDER = (
    *("bootstrap", "preflight", "site", "verify", "neighbors", "status", "report"),
    *("drain", "undrain", "drill", "rotate_key", "remove"),
)

# Comments have them without quotes.
NAMES = re.compile(r"(?<![\w`])(--?[a-z][\w-]*|[a-z]+(?:_[a-z]+)+(?:/\w+\.yml)?|homelab\.anycast\.\w+)(?![\w`])")

INTRODUCTION = f"""\
.. _ansible_collections.{COLLECTION}.docsite.playbooks:

Playbooks
=========

Call a playbook by its full name. It needs the inventory that
:ref:`your network <ansible_collections.{COLLECTION}.docsite.your_network>` describes, with the groups
``anycast_routers``, ``anycast_nodes`` and ``anycast_clients``::

    ansible-playbook -i inventories/home {COLLECTION}.site

Options are variables: give them by ``-e``. A playbook refuses a misspelt variable. ``--check`` shows what the playbook
would do, and changes nothing. The defaults are in
:ref:`All variables <ansible_collections.{COLLECTION}.docsite.variables>`.

.. contents::
   :local:
   :depth: 1

"""


def comment(text: str) -> str:
    """Return the comment at the head of a playbook, without what makes it a comment."""
    lines = []
    for line in text.removeprefix("---\n").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines)


def blocks(said: str) -> Iterator[str]:
    """Yield a comment in reStructuredText: what is indented in it is shown as it stands, the rest are paragraphs."""
    for block in re.split(r"\n{2,}", said):
        if block.startswith("  "):
            yield ".. code-block:: text\n\n" + textwrap.indent(textwrap.dedent(block), "    ")
        else:
            yield NAMES.sub(r"``\1``", block)


def plays(book: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what a playbook does, one line for each play."""
    for play in book:
        imported = play.get("ansible.builtin.import_playbook", "")
        if imported.startswith("plays/"):
            yield f"{play['name']} (no host is contacted)"
        elif imported:
            name = f"{COLLECTION}.{Path(imported).stem}"
            yield f"{play['name']}: :ref:`{name} <{label(Path(imported).stem)}>`"
        else:
            hosts = str(play["hosts"])
            yield f"{play['name']} ({'the nodes asked for' if '{' in hosts else f'``{hosts}``'})"


def label(name: str) -> str:
    return f"ansible_collections.{COLLECTION}.docsite.playbook_{name}"


def section(path: Path) -> str:
    text = path.read_text()
    title = f"{COLLECTION}.{path.stem}"
    return "\n\n".join(
        [
            f".. _{label(path.stem)}:",
            f"{title}\n{'-' * len(title)}",
            *blocks(comment(text)),
            "What it does, in this order:",
            "\n".join(f"#. {line}" for line in plays(yaml.safe_load(text))),
        ]
    )


def page(folder: Path) -> str:
    """Return the page about the playbooks in a folder."""
    found = {path.stem: path for path in folder.glob("*.yml")}
    names = [*ORDER, *sorted(found.keys() - set(ORDER))]
    return INTRODUCTION + "\n\n".join(section(found[name]) for name in names) + "\n"
