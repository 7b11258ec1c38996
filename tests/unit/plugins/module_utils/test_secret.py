# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.secret import HIDDEN, HIDDEN_CHANGED, hide, unreadable


def result(old, new):
    """What api_modify returns, as far as it holds rows."""
    before, after = [{"area": "a", **old}] if old is not None else [], [{"area": "a", **new}]
    return {
        "changed": old != new,
        "old_data": before,
        "new_data": after,
        "diff": {"before": {"data": before}, "after": {"data": after}},
        "invocation": {"module_args": {"data": after, "path": "routing ospf interface-template"}},
    }


@pytest.mark.parametrize(
    "old, new, before, after",
    [
        ({"auth-key": "first"}, {"auth-key": "first"}, HIDDEN, HIDDEN),
        ({"auth-key": "first"}, {"auth-key": "second"}, HIDDEN, HIDDEN_CHANGED),
        ({}, {"auth-key": "second"}, None, HIDDEN),
        ({"auth-key": "first"}, {}, HIDDEN, None),
        ({"auth-key": 12345}, {"auth-key": "12345"}, HIDDEN, HIDDEN),
    ],
)
def test_hidden_in_rows_and_diff(old, new, before, after):
    hidden = hide(result(old, new), ["auth-key"])
    text = json.dumps(hidden)
    assert "first" not in text and "second" not in text and "12345" not in text
    assert hidden["diff"]["before"]["data"][0].get("auth-key") == before
    assert hidden["diff"]["after"]["data"][0].get("auth-key") == after
    assert hidden["diff"]["after"]["data"][0]["area"] == "a"


def test_hidden_in_messages_and_empty_values_left_alone():
    failed = {
        "failed": True,
        "msg": "Error while creating entry: invalid value s3cret for argument auth-key",
        "invocation": {"module_args": {"data": [{"auth-key": "s3cret"}]}},
    }
    assert (
        hide(failed, ["auth-key"])["msg"] == f"Error while creating entry: invalid value {HIDDEN} for argument auth-key"
    )
    assert hide({"old_data": [{"auth-key": ""}]}, ["auth-key"]) == {"old_data": [{"auth-key": ""}]}


@pytest.mark.parametrize(
    "rows, expected", [([{"auth-key": "*****"}], ["auth-key"]), ([{"auth-key": "k"}], []), ([{}], [])]
)
def test_masked_by_the_router(rows, expected):
    assert unreadable({"old_data": rows}, ["auth-key"]) == expected
