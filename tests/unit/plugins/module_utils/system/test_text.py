# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import text
from ansible_collections.homelab.anycast.plugins.module_utils.system.text import Finding


def test_aligned_with_heading():
    rows: list[dict] = [
        {"router_id": "172.18.0.11", "state": "Full", "ecmp": True, "names": ["a", "b"], "more": 1},
        {"router_id": "172.18.0.2", "state": None, "ecmp": False, "names": []},
    ]
    assert text.table_lines(rows, ["router_id", "state", "ecmp", "names"]) == [
        "router id    state  ecmp  names",
        "172.18.0.11  Full   yes   a, b",
        "172.18.0.2   -      no",
    ]


def test_the_same_sentence_of_several_hosts_is_one():
    found = text.merged(
        [
            Finding("its disk is full", ("sip1",)),
            Finding("the keys differ"),
            Finding("its disk is full", ("sip2", "sip1")),
            Finding("its BIRD is old", ("sip2",)),
        ]
    )
    assert found == ["sip1, sip2: its disk is full", "the keys differ", "sip2: its BIRD is old"]


def test_a_refusal_says_how_many_problems_there_are():
    assert text.verdict_text(["a", "b"]) == "2 problems, nothing was changed:\n- a\n- b"
    assert text.verdict_text(["a"], "sip1 is not drained") == "1 problem, sip1 is not drained:\n- a"


def test_unreachable_hosts_share_a_line_and_a_failed_module_has_another():
    said = "Failed to connect to the host via ssh: connect to host 172.18.0.12 port 22: refused"
    away = {"reached": False, "msg": said}
    answers = {
        "sip1": {"reached": True, "ping": "pong"},
        "sip2": away,
        "sip3": {**away, "msg": said.replace("12", "13")},
        "sip4": {"reached": True, "msg": "Missing sudo password"},
    }
    assert text.merged(text.answer_findings(answers, "Start it")) == [
        "sip2, sip3: cannot be reached (ssh to port 22: refused). Start it",
        "sip4: Missing sudo password. Run with -K to give the password of sudo",
    ]


@pytest.mark.parametrize(("names", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")])
def test_a_list_in_words(names, said):
    assert text.and_list(names) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0s"), (59.9, "59s"), (60, "1m"), (5164, "1h26m"), (3605, "1h"), (90061, "1d1h")]
)
def test_duration(seconds, said):
    assert text.duration(seconds) == said


def test_escapes_what_claims_to_be_markup():
    class Markup(str):
        def __html__(self):
            return self

        def replace(self, *_arguments):
            return self

    assert text.escaped({"a": [Markup("<b>")]}) == {"a": ["&lt;b&gt;"]}


def test_clip_keeps_both_ends():
    assert text.clip("sip-server-office-3", 10) == "sip-se…e-3"
    assert text.clip("sip3", 10) == "sip3"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "Task failed: 'vault_key' is undefined"}, "'vault_key' is undefined"),
        (
            {"msg": "Task failed: Missing sudo password"},
            "Missing sudo password. Run with -K to give the password of sudo",
        ),
        (
            {"msg": "Module result deserialization failed", "module_stderr": "warn\nsudo: a password is required\n"},
            "Module result deserialization failed. Run with -K to give the password of sudo",
        ),
        (
            {"msg": "Failed to connect to the host via ssh: root@172.18.0.11: Permission denied (publickey,password)."},
            "root@172.18.0.11: Permission denied (publickey,password). Copy your SSH key to the host (ssh-copy-id), or"
            " correct ansible_user",
        ),
        (
            {"msg": "Failed to connect to the host via ssh: ssh: connect to host 172.18.0.11 port 22: Timeout"},
            "ssh to port 22: Timeout",
        ),
    ],
)
def test_a_message_says_what_to_do_once(result, said):
    assert text.plain_message(result) == said
    assert text.plain_message({"msg": said}) == said
