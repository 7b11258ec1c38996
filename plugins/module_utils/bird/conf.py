# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a bird.conf that the role may not have written: what it consists of, without a password.

Only as much of the language as tells whose file it is (BIRD User's Guide, chapter 3): statements end with C(;) or a
block in braces, names are in quotes where they hold blanks or patterns. Nothing in here does input or output. Private
to this collection.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

# By this the role's own bird.conf is known: no other includes what the services announce.
_SERVICE_AREAS = "/anycast.d/*.area"
_OURS = ("/anycast.d/*.conf", _SERVICE_AREAS)

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*|/\*.*?(?:\*/|\Z))|(?P<string>"[^"\n]*"|'[^'\n]*')|(?P<mark>[{};])|(?P<word>[^\s{};"'\#]+)""",
    re.DOTALL,
)
_INCLUDE = re.compile(r'(?P<skip>\#[^\n]*|/\*.*?(?:\*/|\Z))|(?P<head>\binclude\s+)"(?P<path>[^"\n]*)"', re.DOTALL)

# Statements that say nothing about routes.
_HARMLESS = ("log", "router", "debug", "timeformat", "watchdog", "hostname", "mrtdump", "threads", "cli")
# Of these alone BIRD tells its neighbours nothing; as the package brings them.
_PLAIN_KINDS = ("device", "direct", "kernel", "static")

_Statement = tuple[list[str], "list[Any] | None"]  # The words of a statement, and the statements of its block or None


@dataclasses.dataclass(frozen=True)
class Interface:
    """An interface of an OSPF area: the patterns of its name, and whether it only announces its addresses."""

    patterns: list[str]
    stub: bool

    def matches(self, name: str) -> bool | None:
        """Return whether it is about an interface; None where none of its patterns says so."""
        for pattern in self.patterns or ["*"]:
            if fnmatch.fnmatchcase(name, pattern.lstrip("-")):
                return not pattern.startswith("-")
        return None


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A protocol, as far as it says what it does."""

    kind: str  # ospf2 and ospf3 have their version
    name: str | None
    template: bool  # Whether it takes more from a template
    areas: list[str] = dataclasses.field(default_factory=list)
    interfaces: list[Interface] = dataclasses.field(default_factory=list)
    stubnets: list[str] = dataclasses.field(default_factory=list)
    routes: list[str] = dataclasses.field(default_factory=list)
    others: list[str] = dataclasses.field(default_factory=list)  # First words of what else is in it
    exports: bool = False  # Whether it gives routes to what it is about: neighbours, the kernel
    learns: bool = False  # Whether it takes from the kernel what it has not put there: learn of kernel, direct
    file: str = ""  # Which file it is in, where that is not bird.conf

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Protocol:
        return cls(**{**found, "interfaces": [Interface(**entry) for entry in found["interfaces"]]})

    def is_plain(self) -> bool:
        return self.kind in _PLAIN_KINDS and not (self.routes or self.others or self.template)

    def speaks_on(self, interface: str) -> bool:
        """Return whether it speaks OSPF on an interface: the first pattern that matches decides."""
        found = [entry for entry in self.interfaces if entry.matches(interface)]
        return bool(found) and not found[0].stub


@dataclasses.dataclass(frozen=True)
class BirdConf:
    """What a bird.conf consists of; no value that may be a secret is in it."""

    ours: bool  # Whether the role has written it
    service_areas: bool  # Whether the role's bird.conf gives each service its own OSPF area
    router_id: str | None
    includes: list[str]
    others: list[str]  # First words of statements such as filter: no protocol, and not about the daemon alone
    protocols: list[Protocol]

    @classmethod
    def parse(cls, text: str, included: Mapping[str, str] | None = None) -> BirdConf:
        """Return what a text, and the files that it includes (their texts by their paths), consist of."""
        router_id, includes, others, protocols = None, [], set(), []
        for words, block in _statements(_TOKEN.finditer(text)):
            if not words:
                continue
            if words[0] == "protocol" and len(words) > 1:
                protocols.append(_protocol(words, block or []))
            elif words[:2] == ["router", "id"] and len(words) == 3:
                router_id = words[2]
            elif words[0] == "include" and len(words) == 2:
                includes.append(_unquoted(words[1]))
            elif words[0] not in _HARMLESS:
                others.add(words[0])
        for file, more in (included or {}).items():
            protocols += [dataclasses.replace(entry, file=file) for entry in cls.parse(more).protocols]
        service_areas = _includes_any(text, _SERVICE_AREAS)
        return cls(is_ours(text), service_areas, router_id, includes, sorted(others), protocols)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> BirdConf:
        return cls(**{**found, "protocols": [Protocol.from_dict(entry) for entry in found["protocols"]]})

    def speaking(self) -> list[Protocol]:
        return [protocol for protocol in self.protocols if not protocol.is_plain()]


def is_ours(text: str) -> bool:
    """Return whether the role bird_anycast has written a bird.conf."""
    return _includes_any(text, *_OURS)


def _includes_any(text: str, *ends: str) -> bool:
    return any(path.endswith(ends) for path in includes(text, ""))


def _statements(tokens: Iterator[re.Match[str]]) -> list[_Statement]:
    """Return the statements up to the end of a block; an empty one between two marks is left out."""
    found: list[_Statement] = []
    words: list[str] = []
    for match in tokens:
        token = match[0]
        if match.lastgroup == "mark":
            if token == "{":
                found.append((words, _statements(tokens)))
            elif words:
                found.append((words, None))
            words = []
            if token == "}":
                break
        elif match.lastgroup != "comment":
            words.append(token)
    return found + ([(words, None)] if words else [])


def _unquoted(word: str) -> str:
    return word.strip(",").strip("\"'")


def _protocol(words: list[str], block: list[_Statement]) -> Protocol:
    kind, rest = words[1], words[2:]
    if rest and re.match(r"v[23]\Z", rest[0]):
        kind += rest.pop(0)[1:]
    kind = "ospf2" if kind == "ospf" else kind  # Without a version it is OSPFv2 (BIRD User's Guide, OSPF)
    found = Protocol(kind, _unquoted(rest[0]) if rest and rest[0] != "from" else None, "from" in rest)
    found = dataclasses.replace(found, exports=_exports(block), learns=_learns(kind, block))
    for head, inner in block:
        if kind == "direct" and head[:1] == ["interface"]:
            found.interfaces.append(Interface([_unquoted(word) for word in head[1:]], False))
        elif head[:1] == ["area"] and len(head) > 1:
            found.areas.append(head[1])
            _add_area(found, inner or [])
        elif head[:1] == ["route"] and len(head) > 1:
            found.routes.append(head[1])
        elif head[:1] == ["include"]:
            found.others.append("include")
    return found


def _exports(block: list[_Statement]) -> bool:
    """Of BIRD 2 that stands in a channel, of BIRD 1 in the protocol. The default is none."""
    statements = [*block, *(entry for _head, inner in block for entry in inner or [])]
    return any(head[:1] == ["export"] and head[1:] != ["none"] for head, _no in statements)


def _learns(kind: str, block: list[_Statement]) -> bool:
    heads = [head for head, _inner in block]
    if kind == "direct":
        return not any(head[:1] == ["disabled"] and _is_on(head) for head in heads)
    return kind == "kernel" and any(head[:1] == ["learn"] and _is_on(head) for head in heads)


def _is_on(words: list[str]) -> bool:
    """Return whether a switch is on: it is without a word too (BIRD User's Guide, 3.2)."""
    return words[1:2] not in (["no"], ["off"])


def _add_area(found: Protocol, block: list[_Statement]) -> None:
    for head, inner in block:
        if head[:1] == ["interface"]:
            patterns = [_unquoted(word) for word in head[1:] if word[:1] in "\"'"]
            stub = any(option[:1] == ["stub"] and _is_on(option) for option, _no in inner or [])
            found.interfaces.append(Interface(patterns, stub))
        elif head[:1] == ["stubnet"] and len(head) > 1:
            found.stubnets.append(head[1])
        elif head:
            # networks, virtual link, stub areas, or an include of unknown content.
            found.others.append(head[0])


def includes(text: str, directory: str) -> list[str]:
    """Return the paths that a configuration includes, as absolute ones."""
    return [posixpath.join(directory, match["path"]) for match in _INCLUDE.finditer(text) if match["path"]]


def with_includes(text: str, directory: str, replace: Mapping[str, str] | None = None) -> str:
    """Return a configuration of a directory that can be read from anywhere: its includes are absolute, or replaced."""

    def absolute(match: re.Match[str]) -> str:
        if match["skip"] is not None:
            return match[0]
        path = posixpath.join(directory, match["path"])
        return f'{match["head"]}"{(replace or {}).get(path, path)}"'

    return _INCLUDE.sub(absolute, text)
