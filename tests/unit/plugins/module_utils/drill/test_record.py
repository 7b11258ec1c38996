# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.drill import record as drill_record


def test_a_second_drill_is_refused_and_the_first_is_named():
    record = drill_record.Record("a", "alice@desk", 0, 100, "kill -9 of kamailio.service on sip1")
    text = drill_record.refusal(record, "b", 50)
    assert text.startswith(
        "a drill by alice@desk has been under way since 1970-01-01 00:00:00 UTC (kill -9 of kamailio.service on sip1),"
        " and ends at 1970-01-01 00:01:40 UTC at the latest."
    )
    assert "drill_takeover=true" in text
    assert not drill_record.refusal(record, "a", 50)
    assert not drill_record.refusal(record, "b", 100)
    assert not drill_record.refusal(None, "b", 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "a"}'])
def test_a_broken_record_is_none(text):
    assert drill_record.parse_record(text) is None


def test_systemd_leaves_the_shell_its_variables():
    record = drill_record.Record("a", "alice", 0, 100, "a test", "x=1; echo $x")
    line = drill_record.undo_command(record, "anycast-drill-undo", 90, "/run/drill.json")
    assert line[0] == "systemd-run"
    assert "--on-active=90s" in line
    assert line[-3:] == ["/bin/sh", "-c", "x=1; echo $$x && rm -f /run/drill.json"]
