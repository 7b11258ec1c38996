# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks are taken, which are asked, and what comes of them."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import (
    Asker,
    BadCheck,
    counted,
    described,
    parse_check,
    recording,
)
from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.expect import Reply

DONE = ("!done",)
ADDRESSES = "/ip/address/print"


def check(**values):
    return parse_check({"id": "X", "claim": "a claim", "used_by": "here.py", **values})


def asker(answers=None, user="ansible", private=True, policy="read,api"):
    """Return what asks a router with these rows by sentence; others are refused."""
    rows = {
        "/system/resource/print": [("=version=7.20.8 (long-term)", "=board-name=hAP lite")],
        "/user/print": [("=group=few",)] if policy else [],
        "/user/group/print": [(f"=policy={policy}",)],
        ADDRESSES: [("=.id=*1", "=address=172.18.0.1/26", "=interface=kids")],
        **(answers or {}),
    }

    def ask(words):
        found = rows.get(words[0])
        if isinstance(found, str):
            return Reply((("!trap", f"=message={found}"), DONE))
        return Reply((*(("!re", *row) for row in found or ()), DONE))

    return Asker(ask, user, private)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["/ip/address/add"], "/ip/address/add does not only read"),
        (["/routing/ospf/interface-template/print"], "can show keys, and has no .proplist"),
        (["/file/print"], "can show keys, and has no .proplist"),
    ],
)
def test_a_check_that_does_more_than_read_is_not_taken(words, problem):
    with pytest.raises(BadCheck, match=f"X: .*{problem}"):
        check(ask=words)
    with pytest.raises(BadCheck, match=problem):
        check(ask=[ADDRESSES], let={"a": [words, "b"]})


def test_a_login_does_not_only_read():
    with pytest.raises(BadCheck, match="a login does not only read"):
        check(steps=[{"login": ["a", "b"]}])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"ask": [ADDRESSES], "since": 7.2}, "the version 7.2 is a number to YAML"),
        ({"ask": [ADDRESSES], "expect": {"before": 7.2}}, "the version 7.2 is a number to YAML"),
        ({"asked": [ADDRESSES]}, "asked"),
    ],
)
def test_a_check_that_is_miswritten(values, problem):
    with pytest.raises(BadCheck, match=problem):
        check(**values)


@pytest.mark.parametrize(
    ("values", "status", "reason"),
    [
        ({"expect": {"rows": 1}}, "holds", []),
        ({"expect": {"where": {"address": "10.*"}}}, "not seen", [f"{ADDRESSES}: no row with address"]),
        ({"expect": {"rows": 1}, "since": "7.21"}, "not asked", ["it is about other versions than 7.20.8 (long-term)"]),
        (
            {"expect": {"rows": 1}, "before": "7.20"},
            "not asked",
            ["it is about other versions than 7.20.8 (long-term)"],
        ),
        ({"expect": {"rows": 1}, "policy": "write"}, "not asked", ["it takes the policy write, which name-1 lacks"]),
        ({"expect": {"rows": 1}, "without_policy": "api"}, "not asked", ["name-1 has the policy api"]),
        ({"expect": {"rows": 1}, "not_asked": "a lab's"}, "not asked", ["a lab's"]),
        ({"let": {"a": [["/ip/route/print"], "x"]}}, "not seen", ["/ip/route/print has no x"]),
        ({"expect": {"values": {"interface": "x"}}}, "differs", ["row *1: interface is 'name-2', expected 'x'"]),
    ],
)
def test_what_comes_of_a_check(values, status, reason):
    result = asker().answer(check(ask=[ADDRESSES], **values))
    assert (result.status, result.reasons) == (status, reason)


def test_a_router_that_refuses():
    refusing = asker({ADDRESSES: "not enough permissions (9)"})
    assert refusing.answer(check(ask=[ADDRESSES])).status == "refused"
    without = asker({"/ip/x/print": "no such command prefix"})
    assert without.answer(check(ask=["/ip/x/print"], optional=True)).status == "refused"
    assert without.answer(check(ask=["/ip/x/print"])).status == "differs"


def test_a_user_whose_policies_are_not_known_is_asked_all():
    assert asker(policy="").answer(check(ask=[ADDRESSES], policy="write")).status == "holds"


def test_a_variable_of_the_router_is_asked_as_it_is_and_shown_as_it_is_not():
    let = {"prefix": [[ADDRESSES], "address"]}
    one = asker()
    assert one.answer(check(let=let, ask=[ADDRESSES, "?address=$prefix"])).status == "holds"
    assert one.exchanges[-1].sent == (ADDRESSES, "?address=192.0.2.1/26")


def test_what_is_said_of_a_difference():
    one = asker()
    results = [
        one.answer(check(ask=[ADDRESSES], expect={"keys": ["vrf"]})),
        one.answer(check(ask=[ADDRESSES], expect={"rows": "some"})),
    ]
    assert described(results[0]) == [
        "X     differs   a claim",
        f"      asked:    {ADDRESSES}",
        "      answered: !re =.id=*1 =address=192.0.2.1/26 =interface=name-2",
        "      answered: !done",
        "      row *1: expected vrf",
        "      used by:  here.py",
    ]
    assert described(results[1]) == ["X     holds     a claim"]
    assert counted(results) == "1 hold, 1 differ, 0 not seen, 0 refused"
    head, first, _second = recording("7.20.8", "hAP lite", one.exchanges)
    assert head == {"format": 1, "version": "7.20.8", "board": "hAP lite"}
    assert (first["check"], first["sent"]) == ("X", (ADDRESSES,))
