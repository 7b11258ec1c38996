"""The checks of checks/*.yml, read and looked at: a check that could change what is not its own is not even loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHECKS = Path(__file__).parent / "checks"
COMMENT = "homelab.anycast conformance"
NAME = "anycast-conformance"
# An id that no row has.
NO_ROW = "*FFFFFFF0"
# Where rows have no switch and are inert by themselves, and where they have no comment.
WITHOUT_DISABLED = {"/user/group", "/certificate"}
WITHOUT_COMMENT = {"/certificate"}
# What may be read of menus that can hold keys, or much, has to be named.
SECRET_MENUS = {"/routing/ospf/interface-template", "/routing/ospf/interface", "/file"}
_READS = {"print", "get"}
Version = tuple[int, ...]


class BadCheck(ValueError):
    """A check that must not be asked as it is written."""


@dataclass(frozen=True)
class Step:
    """One sentence, or a login, and what the router is expected to answer."""

    ask: tuple[str, ...] = ()
    login: tuple[str, str] | None = None
    save: str = ""
    expect: tuple[Mapping[str, Any], ...] = ()

    @property
    def menu(self) -> str:
        return self.ask[0].rpartition("/")[0]

    @property
    def command(self) -> str:
        return self.ask[0].rpartition("/")[2]


@dataclass(frozen=True)
class Check:
    """What the collection takes RouterOS to do, and how to ask a router."""

    id: str
    group: str
    claim: str
    used_by: str
    source: str = ""
    since: Version = ()
    before: Version = ()
    policy: str = ""
    """The policy that the user must have for it."""
    without_policy: str = ""
    """The policy that the user must not have."""
    optional: bool = False
    """A router may lack the menu."""
    not_asked: str = ""
    """Why it is not asked here."""
    let: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    """Variables: the name of one, and the sentence and the property of its first row that it is taken from."""
    steps: tuple[Step, ...] = ()


def load(group: str) -> list[Check]:
    """The checks of a group: read, sandbox or full."""
    entries = yaml.safe_load((CHECKS / f"{group}.yml").read_text(encoding="utf-8"))
    checks = [_check(entry, group) for entry in entries]
    ids = [check.id for check in checks]
    if doubles := {one for one in ids if ids.count(one) > 1}:
        raise BadCheck(f"{group}.yml has {', '.join(sorted(doubles))} twice")
    return checks


def parse_version(text: object) -> Version:
    """(7, 18) for 7.18 and for 7.18 (stable)."""
    if isinstance(text, float):
        raise BadCheck(f"the version {text} is a number to YAML, expected quotation marks around it")
    return tuple(int(part) for part in re.findall(r"\d+", str(text).partition(" ")[0])[:3])


def _check(entry: dict[str, Any], group: str) -> Check:
    values = dict(entry)
    steps = values.pop("steps", [])
    if "ask" in values:
        steps = [{key: values.pop(key) for key in ("ask", "proplist", "expect", "save") if key in values}]
    for name in ("since", "before"):
        if name in values:
            values[name] = parse_version(values[name])
    values["let"] = {name: (tuple(words), key) for name, (words, key) in values.get("let", {}).items()}
    try:
        check = Check(group=group, steps=tuple(_step(step) for step in steps), **values)
    except TypeError as error:
        raise BadCheck(f"{entry.get('id')}: {error}") from None
    if bool(check.steps) == bool(check.not_asked):
        raise BadCheck(
            f"{check.id} has {len(check.steps)} steps and the reason {check.not_asked!r}, expected one of them"
        )
    for problem in dangers(check):
        raise BadCheck(f"{check.id}: {problem}")
    return check


def _step(entry: Mapping[str, Any]) -> Step:
    expect = entry.get("expect", ())
    words = [str(word) for word in entry.get("ask", ())]
    if "proplist" in entry:
        words.append(f"=.proplist={','.join(entry['proplist'])}")
    return Step(
        ask=tuple(words),
        login=tuple(entry["login"]) if "login" in entry else None,
        save=entry.get("save", ""),
        expect=tuple(expect) if isinstance(expect, list) else (expect,) if expect else (),
    )


def dangers(check: Check) -> Iterator[str]:
    """What a check could do that its group must not."""
    if check.group == "full":
        return
    saved: set[str] = set()
    for words, _key in check.let.values():
        yield from _read_dangers(words)
    for step in check.steps:
        if step.login:
            yield "only the group full logs in"
        elif step.command in _READS:
            yield from _read_dangers(step.ask)
        elif check.group == "read":
            yield f"{step.ask[0]} does not only read"
        elif step.command == "add":
            yield from _add_dangers(step)
        elif step.ask[0] != "/tool/ping":
            yield from _change_dangers(step, saved)
        if step.save:
            saved.add(f"${step.save}")


def _read_dangers(words: tuple[str, ...]) -> Iterator[str]:
    menu = words[0].rpartition("/")[0]
    if menu in SECRET_MENUS and not any(word.startswith("=.proplist=") for word in words):
        yield f"{words[0]} can show keys, and has no .proplist"


def _add_dangers(step: Step) -> Iterator[str]:
    if step.menu not in WITHOUT_DISABLED and "=disabled=yes" not in step.ask:
        yield f"{step.ask[0]} makes a row that is not disabled"
    if step.menu in WITHOUT_COMMENT:
        if f"=name={NAME}" not in step.ask:
            yield f"{step.ask[0]} makes a row without the name {NAME}"
    elif not any(word.startswith("=comment=$comment") for word in step.ask):
        yield f"{step.ask[0]} makes a row without the comment"
    chains = [word for word in step.ask if word.startswith("=chain=")]
    if chains not in ([], [f"=chain={NAME}"]):
        yield f"{step.ask[0]} puts a rule into a chain other than {NAME}"


def _change_dangers(step: Step, saved: set[str]) -> Iterator[str]:
    """A change names the rows that the check has added, or none; or it moves the first row before itself."""
    words = step.ask[1:]
    rows = [word.partition("=")[2].partition("=")[2] for word in words if word.startswith(("=.id=", "=numbers="))]
    named = {one for text in rows for one in text.split(",")}
    if not (not words or words == ("=numbers=0", "=destination=0") or (named and named <= saved | {NO_ROW})):
        yield f"{step.ask[0]} could change a row that is not the check's own"
