# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run against a RouterOS in memory."""

from __future__ import annotations

import json

import pytest

MODULE = "routeros_report"
CHECKS = [
    {"id": "A", "claim": "an address", "used_by": "a.py", "ask": ["/ip/address/print"], "expect": {"rows": "some"}},
    {"id": "B", "claim": "a route", "used_by": "b.py", "ask": ["/ip/route/print"], "expect": {"rows": "some"}},
    {"id": "C", "claim": "a colour", "used_by": "c.py", "ask": ["/ip/address/print"], "expect": {"keys": ["colour"]}},
]


class Protocol:
    """The sentences of the router in memory."""

    def __init__(self, router):
        self.router = router
        self.answers = []

    def writeSentence(self, command, *_words):  # noqa: N802
        menu = command.removesuffix("/print")
        rows = self.router.menus.get(menu, []) if menu != "/user" else []
        self.answers = [("!re", [f"={name}={str(value).lower()}" for name, value in row.items()]) for row in rows]
        self.answers.append(("!done", []))

    def readSentence(self):  # noqa: N802
        if not self.answers:
            raise OSError("gone")
        return self.answers.pop(0)


@pytest.fixture
def run(run_routeros, fake_router):
    fake_router.menus["/ip/address"][0]["interface"] = "kids"
    fake_router.protocol = Protocol(fake_router)
    return lambda **options: run_routeros(MODULE, **{"checks": CHECKS, **options})


def test_what_differs_comes_first_and_nothing_tells_whose_router_it_is(run, fake_router):
    result = run()
    assert result["changed"] is False
    assert result["board"].lower() == "hap lite"
    assert result["summary"] == "1 hold, 1 differ, 1 not seen, 0 refused"
    assert [line.split()[0] for line in result["lines"] if not line.startswith(" ")] == ["C", "B", "A"]
    assert [json.loads(line).get("check") for line in result["recording"]] == [None, "A", "B", "C"]
    said = json.dumps([result["lines"], result["recording"]])
    assert "kids" not in said and "172.18." not in said and "name-" in said and "192.0.2.1/26" in said
    assert (fake_router.logins, fake_router.closed) == (1, 1)


def test_a_check_that_does_more_than_read_is_refused_before_the_login(run, fake_router):
    result = run(checks=[{**CHECKS[0], "ask": ["/system/reboot"]}])
    assert result["failed"] is True
    assert "A: /system/reboot does not only read" in result["msg"]
    assert fake_router.logins == 0


def test_a_session_that_is_lost(run, fake_router, monkeypatch):
    monkeypatch.setattr(fake_router.protocol, "writeSentence", lambda *words: None)
    result = run()
    assert result["failed"] is True
    assert "The session with the router 172.18.0.1 was lost: gone" in result["msg"]
