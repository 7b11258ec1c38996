# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads /etc/network/interfaces as interfaces(5) has it, without input or output. Private to this collection."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

# What begins a stanza, and so ends the one before. An option may be indented or not, and has none of these names.
_SOURCES = ("source", "source-directory")
_KEYWORDS = ("iface", "mapping", *_SOURCES, "rename", "template")
_LISTS = ("auto", "no-auto-down", "no-scripts")  # Lines that are nothing but a list of names

# Commands that make a dummy interface and take it away, "dymmy" being the article's own spelling.
_DUMMY_COMMAND = re.compile(
    r"(?:/s?bin/|/usr/s?bin/)?(?:ip link (?:add|del|delete|set)\b.*|modprobe dummy\b.*|ifconfig \S+ (?:up|down))\Z"
)
_COMMANDS = ("pre-up", "up", "post-up", "pre-down", "down", "post-down")
_PLAIN_OPTIONS = ("address", "netmask", "broadcast", "network")
_LINK_TYPE = ("link-type", "dummy")  # Of ifupdown2 and ifupdown-ng

# Of source-directory, interfaces(5): "ASCII upper- and lower-case letters, ASCII digits, ASCII underscores and
# hyphens".
_SOURCED_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclasses.dataclass
class _Stanza:
    """From the keyword to the last option; comments and blank lines between two stanzas belong to neither."""

    keyword: str
    words: list[str]
    first: int  # Numbers of lines, from 0
    last: int
    options: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def is_of(self, name: str) -> bool:
        return self.keyword == "iface" and self.words[:1] == [name]


@dataclasses.dataclass(frozen=True)
class HandMade:
    """An interface in a file that is not the role's. Values of options are left out: a command may hold a secret."""

    file: str
    name: str
    addresses: list[str]  # Without their lengths
    extra: list[str]  # Names of options that do more than make a dummy interface with an address
    heirs: list[str]  # Interfaces that inherit from it


def _is_list(word: str) -> bool:
    return word in _LISTS or word.startswith("allow-")


def _logical_lines(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield (first, last, words) of each line that means something; a line that ends with a backslash goes on."""
    lines = text.splitlines(keepends=True)
    number = 0
    while number < len(lines):
        first = number
        content = lines[number].strip()
        if content and not content.startswith("#"):
            content = lines[number].rstrip("\r\n")
            while content.endswith("\\") and number + 1 < len(lines):
                number += 1
                content = content[:-1] + " " + lines[number].rstrip("\r\n")
            words = content.rstrip("\\").split()
            # A backslash alone goes on to nothing.
            if words:
                yield first, number, words
        number += 1


def parse_stanzas(text: str) -> list[_Stanza]:
    stanzas: list[_Stanza] = []
    for first, last, words in _logical_lines(text):
        if words[0] in _KEYWORDS or _is_list(words[0]):
            stanzas.append(_Stanza(words[0], words[1:], first, last))
        elif stanzas:
            stanzas[-1].options.append((words[0], " ".join(words[1:])))
            stanzas[-1].last = last
    return stanzas


def sources(text: str) -> list[tuple[str, str]]:
    """Return what a file has read beside it, as (keyword, path): source or source-directory."""
    stanzas = parse_stanzas(text)
    return [(each.keyword, each.words[0]) for each in stanzas if each.keyword in _SOURCES and each.words]


def is_sourced_name(name: str) -> bool:
    """Return whether source-directory reads a file of this name."""
    return bool(_SOURCED_NAME.match(name))


def hand_made(file: str, text: str, name: str) -> HandMade | None:
    """Return what a file says of an interface, None if it has no C(iface) of that name."""
    stanzas = parse_stanzas(text)
    own = [stanza for stanza in stanzas if stanza.is_of(name)]
    if not own:
        return None
    options = [option for stanza in own for option in stanza.options]
    addresses = [value.split("/")[0] for option, value in options if option == "address"]
    options = [option for option in options if option != _LINK_TYPE]
    more = [name for name, value in options if not (name in _COMMANDS and _DUMMY_COMMAND.match(value))]
    extra = [option for option in dict.fromkeys(more) if option not in _PLAIN_OPTIONS]
    # With or without family and method before it.
    heirs = [s.words[0] for s in stanzas if s.keyword == "iface" and s.words[-2:] == ["inherits", name]]
    return HandMade(file, name, addresses, extra, heirs)


def without(text: str, name: str) -> tuple[str, str]:
    """Return (the text without an interface, what was taken out of it).

    Every C(iface) of that name goes with its options, and the name goes from C(auto), C(allow-...) and their like; such
    a line stays for the other names on it. Nothing else changes.
    """
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    replaced: dict[int, str] = {}
    for stanza in parse_stanzas(text):
        if stanza.is_of(name):
            gone.update(range(stanza.first, stanza.last + 1))
        elif _is_list(stanza.keyword) and name in stanza.words:
            others = [word for word in stanza.words if word != name]
            # The options after it, if any, belong to no interface; ifupdown refuses such a file anyway.
            gone.update(range(stanza.first, stanza.last + 1))
            if others:
                replaced[stanza.first] = " ".join([stanza.keyword, *others]) + "\n"
    removed = "".join(line for number, line in enumerate(lines) if number in gone)
    kept: list[str] = []
    for number, line in enumerate(lines):
        if number in replaced:
            kept.append(replaced[number])
        elif number not in gone and not (
            # Of the blank lines around it one stays.
            not line.strip() and number - 1 in gone and number - 1 not in replaced and not "".join(kept[-1:]).strip()
        ):
            kept.append(line)
    return "".join(kept), removed


def with_stanza(text: str, removed: str) -> str:
    """Return a text that has changed since, with what L(without) took out of it at its end."""
    return (text if text.endswith("\n") else text + "\n") + "\n" + removed if text else removed
