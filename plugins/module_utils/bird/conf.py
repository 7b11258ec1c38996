# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a bird.conf that may be anybody's: what it consists of, without a password.

Only as much of the language as tells whose file it is (BIRD User's Guide, chapter 3): statements end with C(;) or a
block in braces, names are in quotes where they hold blanks or patterns. Nothing in here does input or output.
"""

from __future__ import annotations

import posixpath
import re

# By this our own bird.conf is known: nobody else includes what the services announce.
_OURS = "/anycast.d/*.conf"

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*|/\*.*?(?:\*/|\Z))|(?P<string>"[^"\n]*"|'[^'\n]*')|(?P<mark>[{};])|(?P<word>[^\s{};"'\#]+)""",
    re.DOTALL,
)
_INCLUDE = re.compile(r'(?P<skip>\#[^\n]*|/\*.*?(?:\*/|\Z))|(?P<head>\binclude\s+)"(?P<path>[^"\n]*)"', re.DOTALL)

# Statements that say nothing about routes.
_HARMLESS = ("log", "router", "debug", "timeformat", "watchdog", "hostname", "mrtdump", "threads", "cli")


def is_ours(text):
    """Return whether the role bird_anycast has written a bird.conf."""
    return any(path.endswith(_OURS) for path in includes(text, ""))


def _tokens(text):
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "comment":
            yield match.lastgroup, match.group()


def _statements(tokens):
    """Return the statements up to the end of a block, as a list of (words, statements of its block or None)."""
    found = []
    words = []
    for kind, token in tokens:
        if kind == "mark" and token == "{":
            found.append((words, _statements(tokens)))
            words = []
        elif kind == "mark":
            if words:
                found.append((words, None))
            words = []
            if token == "}":
                break
        else:
            words.append(token)
    else:
        if words:
            found.append((words, None))
    return found


def _block(statements):
    return statements or []


def _unquoted(word):
    return word.strip(",").strip("\"'")


def summary(text):
    """Return what a bird.conf consists of; no value that may be a secret is in it.

    :returns: {ours, router_id, includes, others, protocols}. C(others) are the first words of statements that are
      neither a protocol nor about the daemon alone, such as C(filter). A protocol has kind, name (None without), and as
      far as they say what it does: router_id, areas, interfaces (list of {patterns, stub}), stubnets, routes, others.
    """
    result = {"ours": is_ours(text), "router_id": None, "includes": [], "others": [], "protocols": []}
    for words, block in _statements(_tokens(text)):
        if not words:
            continue
        if words[0] == "protocol" and len(words) > 1:
            result["protocols"].append(_protocol(words, _block(block)))
        elif words[:2] == ["router", "id"] and len(words) == 3:
            result["router_id"] = words[2]
        elif words[0] == "include" and len(words) == 2:
            result["includes"].append(_unquoted(words[1]))
        elif words[0] not in _HARMLESS:
            result["others"].append(words[0])
    result["others"] = sorted(set(result["others"]))
    return result


def _protocol(words, block):
    kind, rest = words[1], words[2:]
    if rest and re.match(r"v[23]\Z", rest[0]):
        kind += rest.pop(0)[1:]
    # Without a version it is OSPFv2 (BIRD User's Guide, OSPF).
    kind = "ospf2" if kind == "ospf" else kind
    found: dict = {
        "kind": kind,
        "name": _unquoted(rest[0]) if rest and rest[0] != "from" else None,
        "template": "from" in rest,
        "router_id": None,
        "areas": [],
        "interfaces": [],
        "stubnets": [],
        "routes": [],
        "others": [],
    }
    for head, inner in block:
        if head[:2] == ["router", "id"] and len(head) == 3:
            found["router_id"] = head[2]
        elif head[:1] == ["area"] and len(head) > 1:
            found["areas"].append(head[1])
            _area(found, _block(inner))
        elif head[:1] == ["route"] and len(head) > 1:
            found["routes"].append(head[1])
        elif head[:1] == ["include"]:
            found["others"].append("include")
    return found


def _area(found, block):
    for head, inner in block:
        if head[:1] == ["interface"]:
            patterns = [_unquoted(word) for word in head[1:] if word[:1] in "\"'"]
            stub = any(option[:1] == ["stub"] and option[1:] in ([], ["yes"]) for option, _no in _block(inner))
            found["interfaces"].append({"patterns": patterns, "stub": stub})
        elif head[:1] == ["stubnet"] and len(head) > 1:
            found["stubnets"].append(head[1])
        elif head:
            # networks, virtual link, stub areas, or an include of who knows what.
            found["others"].append(head[0])


def includes(text, directory):
    """Return the paths that a configuration includes, as absolute ones."""
    return [posixpath.join(directory, match["path"]) for match in _INCLUDE.finditer(text) if match["path"]]


def with_includes(text, directory, replace=None):
    """Return a configuration that can be read from anywhere: its includes are absolute.

    :param directory: where the configuration belongs, which its own includes are relative to.
    :param replace: paths to include instead of others.
    """

    def absolute(match):
        if match["skip"] is not None:
            return match[0]
        path = posixpath.join(directory, match["path"])
        return '{}"{}"'.format(match["head"], (replace or {}).get(path, path))

    return _INCLUDE.sub(absolute, text)
