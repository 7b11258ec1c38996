# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a router answered, held against what a check expects.

The words of an expectation. An entry of a list of them that has `since` or `before` holds for such versions only.

    rows: 1 | some          so many rows; `some`: without any nothing was seen
    where: {name: regex}    look at rows only that have these values; without any nothing was seen
    without: [name]         look at rows only that have none of these properties
    keys, absent, only      properties that each row has, that no row has, beyond which no row has any
    match: {name: regex}    the whole value of each row that has the property
    values: {name: text}    each row has it, with this value
    some: {name: regex}     at least one row has it
    last: {name: text}      of the last row
    order: [id]             the rows, by their ids
    reads: {name: reader}   the collection's own parser understands the value: version, duration
    same: {name: names}     all rows list the same names
    without_text: text      nowhere in the answer
    trap: [regex]           the messages of the traps; category: of the first
    replies: [word]         how the sentences begin

Without `trap` and `replies` a trap is a difference. Private to this collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..routeros.values import parse_duration, parse_version
from ..secret import HIDDEN
from .mask import SECRETS

Version = tuple[int, ...]
READERS: dict[str, Callable[[str], object]] = {"version": parse_version, "duration": parse_duration}


class NotSeen(Exception):
    """The router has nothing to look at."""


@dataclass(frozen=True)
class Reply:
    """The sentences that a router answered with."""

    sentences: tuple[tuple[str, ...], ...]

    def _attributes(self, word: str) -> list[dict[str, str]]:
        found = []
        for sentence in self.sentences:
            if sentence and sentence[0] == word:
                pairs = (part[1:].partition("=") for part in sentence[1:] if part.startswith("="))
                found.append({name: value for name, _equals, value in pairs})
        return found

    @property
    def rows(self) -> list[dict[str, str]]:
        return self._attributes("!re")

    @property
    def traps(self) -> list[dict[str, str]]:
        return self._attributes("!trap")

    @property
    def ret(self) -> str:
        return next((row["ret"] for row in self._attributes("!done") if "ret" in row), "")

    @property
    def words(self) -> list[str]:
        return [sentence[0] for sentence in self.sentences if sentence]


def problems(reply: Reply, expectations: Sequence[Mapping[str, Any]], version: Version) -> list[str]:
    """What differs; raises NotSeen."""
    found: list[str] = []
    unseen: NotSeen | None = None
    seen = False
    for expectation in expectations or ({},):
        if _applies(expectation, version):
            try:
                found += _problems(reply, expectation)
                seen = True
            except NotSeen as reason:
                unseen = reason
    if unseen is not None and not (found or seen):
        raise unseen
    return found


def _applies(expectation: Mapping[str, Any], version: Version) -> bool:
    return within(version, parse_version(expectation.get("since")), parse_version(expectation.get("before")))


def within(version: Version, since: Version | None, before: Version | None) -> bool:
    """Return whether a version is one of those that something is about; None: without this limit."""
    return (since is None or since <= version) and (before is None or version < before)


def _problems(reply: Reply, expectation: Mapping[str, Any]) -> Iterator[str]:
    if "trap" in expectation:
        yield from _trap_problems(reply, expectation)
        return
    if "replies" in expectation:
        if reply.words != expectation["replies"]:
            yield f"expected {' '.join(expectation['replies'])}"
        return
    if reply.traps:
        yield "expected no trap"
        return
    rows = _chosen(reply.rows, expectation)
    wanted = expectation.get("rows")
    if wanted == "some" and not rows:
        raise NotSeen("no rows")
    if isinstance(wanted, int) and len(rows) != wanted:
        yield f"found {len(rows)} rows, expected {wanted}"
        return
    by_problem: dict[str, list[str]] = {}
    for row in rows:
        for problem in _row_problems(row, expectation):
            by_problem.setdefault(problem, []).append(row.get(".id", row.get("name", "")))
    for problem, (first, *others) in by_problem.items():
        yield f"{f'row {first}'.strip()}{f' and {len(others)} more' if others else ''}: {problem}"
    yield from _table_problems(reply, rows, expectation)


def _chosen(rows: list[dict[str, str]], expectation: Mapping[str, Any]) -> list[dict[str, str]]:
    where, without = expectation.get("where", {}), expectation.get("without", [])
    chosen = [
        row
        for row in rows
        if all(name in row and re.fullmatch(pattern, row[name]) for name, pattern in where.items())
        and not set(without) & set(row)
    ]
    if (where or without) and not chosen:
        raise NotSeen(f"no row {'with ' + ', '.join(where) if where else 'without ' + ', '.join(without)}")
    return chosen


def _row_problems(row: Mapping[str, str], expectation: Mapping[str, Any]) -> Iterator[str]:
    for name in expectation.get("keys", ()):
        if name not in row:
            yield f"expected {name}"
    for name in expectation.get("absent", ()):
        if name in row:
            yield f"expected no {name}, found {_shown(name, row[name])}"
    if "only" in expectation and (more := sorted(set(row) - set(expectation["only"]))):
        yield f"also has {', '.join(more)}"
    for name, pattern in expectation.get("match", {}).items():
        if name in row and not re.fullmatch(pattern, row[name]):
            yield f"{name} is {_shown(name, row[name])}, expected {pattern!r}"
    for name, value in expectation.get("values", {}).items():
        if row.get(name) != value:
            yield f"{name} is {_shown(name, row.get(name))}, expected {_shown(name, value)}"
    for name, reader in expectation.get("reads", {}).items():
        if name in row and READERS[reader](row[name]) is None:
            yield f"{name} is {row[name]!r}, which the collection cannot read as a {reader}"


def _shown(name: str, value: str | None) -> str:
    return HIDDEN if name in {*SECRETS, "comment"} and value else repr(value)


def _table_problems(reply: Reply, rows: Sequence[Mapping[str, str]], expectation: Mapping[str, Any]) -> Iterator[str]:
    for name, pattern in expectation.get("some", {}).items():
        if not any(re.fullmatch(pattern, row.get(name, "")) for row in rows):
            yield f"no row has {name} {pattern!r}"
    for name, value in expectation.get("last", {}).items():
        if rows[-1].get(name) != value:
            yield f"the last row has {name} {rows[-1].get(name)!r}, expected {value!r}"
    if "order" in expectation and (ids := [row.get(".id") for row in rows]) != expectation["order"]:
        yield f"found the order {ids}, expected {expectation['order']}"
    for name in expectation.get("same", {}):
        listed = {frozenset(one.lstrip("!") for one in row.get(name, "").split(",")) for row in rows}
        if len(listed) > 1:
            yield f"the rows do not list the same names in {name}"
    secret = expectation.get("without_text")
    if secret and any(secret in word for sentence in reply.sentences for word in sentence):
        yield "what should be secret is in the answer"


def _trap_problems(reply: Reply, expectation: Mapping[str, Any]) -> Iterator[str]:
    messages = [trap.get("message", "") for trap in reply.traps]
    patterns = expectation["trap"]
    if len(messages) != len(patterns) or not all(map(re.fullmatch, patterns, messages)):
        yield f"expected the traps {patterns}"
    elif "category" in expectation and reply.traps[0].get("category") != str(expectation["category"]):
        yield f"the category is {reply.traps[0].get('category')}, expected {expectation['category']}"
