"""The checks as data, read and looked at: a check that could change what is not its own is not even loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import (
    READS,
    BadCheck,
    Check,
    Step,
    parse_check,
    reading_problem,
)

CHECKS = Path(__file__).parent / "checks"
# Of the playbook report.
READ = Path(__file__).parents[2] / "playbooks" / "files" / "read.yml"
COMMENT = "homelab.anycast conformance"
NAME = "anycast-conformance"
# An id that no row has.
NO_ROW = "*FFFFFFF0"
# Where rows have no switch and are inert by themselves, and where they have no comment.
WITHOUT_DISABLED = {"/user/group", "/certificate"}
WITHOUT_COMMENT = {"/certificate"}


def load(group: str) -> list[Check]:
    """The checks of a group: read, sandbox or full."""
    path = READ if group == "read" else CHECKS / f"{group}.yml"
    checks = [parse_check(entry, group) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
    for check in checks:
        for problem in dangers(check):
            raise BadCheck(f"{check.id}: {problem}")
    ids = [check.id for check in checks]
    if doubles := {one for one in ids if ids.count(one) > 1}:
        raise BadCheck(f"{group}.yml has {', '.join(sorted(doubles))} twice")
    return checks


def dangers(check: Check) -> Iterator[str]:
    """What a check could do that its group must not."""
    if check.group == "full":
        return
    saved: set[str] = set()
    for words, _key in check.let.values():
        yield from filter(None, [reading_problem(words)])
    for step in check.steps:
        if step.login:
            yield "only the group full logs in"
        elif step.command in READS or check.group == "read":
            yield from filter(None, [reading_problem(step.ask)])
        elif step.command == "add":
            yield from _add_dangers(step)
        elif step.ask[0] != "/tool/ping":
            yield from _change_dangers(step, saved)
        if step.save:
            saved.add(f"${step.save}")


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
