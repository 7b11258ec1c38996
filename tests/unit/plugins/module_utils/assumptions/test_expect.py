# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each word of an expectation: what holds, what differs and in which words, and what was not seen."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.expect import NotSeen, Reply, problems

FIRST = ("!re", "=.id=*1", "=name=a", "=time=10s", "=policy=read,!write", "=auth-key=s3cret")
SECOND = ("!re", "=.id=*2", "=name=b", "=policy=read,write")
ROWS = Reply((FIRST, SECOND, ("!done",)))
TRAP = Reply((("!trap", "=category=1", "=message=no such item"), ("!done",)))


@pytest.mark.parametrize(
    "expectation",
    [
        {"rows": 2},
        {"rows": "some", "keys": ["name"], "absent": ["comment"]},
        {"where": {"name": "a"}, "values": {"time": "10s"}},
        {"without": ["time"], "values": {"name": "b"}},
        {"only": [".id", "name", "time", "policy", "auth-key"]},
        {"match": {"name": "[ab]", "comment": "x"}},
        {"some": {"name": "b"}},
        {"last": {".id": "*2"}},
        {"order": ["*1", "*2"]},
        {"reads": {"time": "duration"}},
        {"same": {"policy": "names"}},
        {"without_text": "other"},
        {"replies": ["!re", "!re", "!done"]},
    ],
)
def test_what_holds(expectation):
    assert problems(ROWS, [expectation], (7, 20, 8)) == []


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ({"rows": 1}, "found 2 rows, expected 1"),
        ({"keys": ["comment"]}, "row *1 and 1 more: expected comment"),
        ({"absent": ["time"]}, "row *1: expected no time, found '10s'"),
        ({"absent": ["auth-key"]}, "row *1: expected no auth-key, found (hidden)"),
        ({"only": [".id", "name", "policy"]}, "row *1: also has auth-key, time"),
        ({"match": {"name": "a"}}, "row *2: name is 'b', expected 'a'"),
        ({"where": {"name": "a"}, "values": {"time": "1s"}}, "row *1: time is '10s', expected '1s'"),
        ({"some": {"name": "c"}}, "no row has name 'c'"),
        ({"last": {".id": "*1"}}, "the last row has .id '*2', expected '*1'"),
        ({"order": ["*2", "*1"]}, "found the order ['*1', '*2'], expected ['*2', '*1']"),
        ({"reads": {"name": "duration"}}, "row *1: name is 'a', which the collection cannot read as a duration"),
        ({"without_text": "s3cret"}, "what should be secret is in the answer"),
        ({"replies": ["!done"]}, "expected !done"),
        ({"trap": [".*"]}, "expected the traps ['.*']"),
    ],
)
def test_what_differs(expectation, said):
    assert said in problems(ROWS, [expectation], (7, 20, 8))


def test_lists_of_other_names_differ():
    rows = Reply((FIRST, ("!re", "=policy=read"), ("!done",)))
    assert problems(rows, [{"same": {"policy": "names"}}], ()) == ["the rows do not list the same names in policy"]


def test_traps():
    assert problems(TRAP, [{"trap": ["no such item"], "category": 1}], ()) == []
    assert problems(TRAP, [{"trap": ["no such item"], "category": 0}], ()) == ["the category is 1, expected 0"]
    assert problems(TRAP, [{"trap": ["missing.*"]}], ()) == ["expected the traps ['missing.*']"]
    assert problems(TRAP, [{"rows": 1}], ()) == ["expected no trap"]
    assert problems(TRAP, [], ()) == ["expected no trap"]


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        ({"where": {"name": "c"}}, "no row with name"),
        ({"without": [".id"]}, "no row without .id"),
        ({"rows": "some"}, "no rows"),
    ],
)
def test_what_is_not_seen(expectation, why):
    reply = Reply((("!empty",), ("!done",))) if "rows" in expectation else ROWS
    with pytest.raises(NotSeen, match=why):
        problems(reply, [expectation], ())


def test_an_expectation_of_other_versions_is_none():
    expectations = [{"since": "7.23", "keys": ["x"]}, {"before": "7.23", "keys": ["y"]}]
    assert problems(ROWS, expectations, (7, 24, 0)) == ["row *1 and 1 more: expected x"]
    assert problems(ROWS, expectations, (7, 22, 3)) == ["row *1 and 1 more: expected y"]
    # One of two is seen.
    assert problems(ROWS, [{"where": {"name": "c"}}, {"rows": 2}], ()) == []
