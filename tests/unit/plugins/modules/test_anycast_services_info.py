# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run on a node which is a directory, with a systemctl and a journalctl that answer from files."""

from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer

MODULE = "anycast_services_info"
SIP = {
    "name": "sip",
    "addresses": ["172.18.0.64/32"],
    "interface": "dummy0",
    "unit": "kamailio.service",
    "check": {"kind": "sip", "interval": 1},
}
DNS = {"name": "dns", "addresses": ["172.18.0.65/32"], "interface": "dummy0", "unit": None, "check": None}
ANSWERS = "172.18.0.64 answers SIP OPTIONS with 200"

# As systemctl: one block for each unit, in the order asked for.
SYSTEMCTL = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
for unit; do
    cat "{0}/$unit" 2>/dev/null || printf 'Id=%s\\nLoadState=not-found\\nActiveState=inactive\\n' "$unit"
    echo
done
"""
JOURNALCTL = """#!/bin/sh
[ "$1" = --unit ] && cat "{0}/$2.journal"
"""


class Node:
    def __init__(self, root):
        self.root = root
        self.units = root / "units"
        for directory in ("units", "bin", "anycast.d", "drain"):
            (root / directory).mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
            path = root / "bin" / name
            path.write_text(text.format(self.units))
            path.chmod(0o755)
        for name in ("bird.service", "kamailio.service", "anycast-announce@sip.service"):
            self.unit(name)

    def unit(self, name, state="active", text=""):
        (self.units / name).write_text(f"Id={name}\nLoadState=loaded\nActiveState={state}\nStatusText={text}\n")

    def announce(self, name):
        (self.root / "anycast.d" / f"{name}.conf").symlink_to(f"/etc/homelab-anycast/{name}.conf")

    def drain(self, **record):
        (self.root / "drain" / "node.json").write_text(json.dumps({"service": None, "by": "a", "since": "b", **record}))

    def journal(self, name, *texts):
        entries = [
            {
                "__REALTIME_TIMESTAMP": f"17637696{number:02}000000",
                "SYSLOG_IDENTIFIER": "anycast-announce",
                "MESSAGE": text,
            }
            for number, text in enumerate(texts)
        ]
        (self.units / f"{name}.journal").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setattr(announcer, "ANNOUNCED", str(tmp_path / "anycast.d"))
    monkeypatch.setattr(announcer, "DRAINED", str(tmp_path / "drain"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return Node(tmp_path)


@pytest.fixture
def run(run_module):
    def run(*services, **options):
        return run_module(MODULE, services=list(services), **options)

    return run


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_service_that_is_announced(run, node, check_mode):
    node.unit("anycast-announce@sip.service", text="announced: " + ANSWERS)
    node.announce("sip")
    node.journal("anycast-announce@sip.service", "sip withdrawn: no answer", "sip announced: it is healthy")
    result = run(SIP, check_mode=check_mode)
    assert result["changed"] is False
    assert result["services"] == [
        {
            "name": "sip",
            "unit": "kamailio.service",
            "unit_state": "active",
            "announcer_state": "active",
            "announced": True,
            "healthy": True,
            "health": "announced: " + ANSWERS,
            "why": "announced: " + ANSWERS,
            "changes": [
                {"time": "2025-11-22T00:00:01Z", "text": "sip announced: it is healthy"},
                {"time": "2025-11-22T00:00:00Z", "text": "sip withdrawn: no answer"},
            ],
        }
    ]
    assert (result["records"], result["bird_state"], result["unlisted"]) == ([], "active", [])


def test_a_service_whose_unit_has_failed(run, node):
    node.unit("kamailio.service", "failed")
    node.unit("anycast-announce@sip.service", "inactive")
    entry = run(SIP)["services"][0]
    assert (entry["announced"], entry["healthy"], entry["why"]) == (False, False, "kamailio.service is failed")


def test_a_drained_service(run, node):
    node.unit("anycast-announce@sip.service", "inactive")
    node.drain(reason="new disk", done=True)
    result = run(SIP)
    assert result["records"][0]["reason"] == "new disk"
    entry = result["services"][0]
    assert (entry["announced"], entry["healthy"]) == (False, None)
    assert entry["why"] == "the node is drained since b by a: new disk"


def test_bird_is_down(run, node):
    node.unit("bird.service", "failed")
    node.unit("anycast-announce@dns.service", "inactive")
    node.announce("dns")
    result = run(DNS)
    assert result["bird_state"] == "failed"
    assert result["services"][0]["why"] == "bird.service is failed"


def test_a_node_that_nobody_has_set_up(run, node):
    entry = run(DNS)["services"][0]
    assert entry["why"] == "anycast-announce@dns.service is not installed: run homelab.anycast.site"
    assert entry["announced"] is False


def test_what_is_announced_and_not_listed(run, node):
    node.announce("sip")
    node.announce("old")
    assert run(SIP)["unlisted"] == ["old"]


def test_the_last_changes_come_first(run, node):
    node.journal("anycast-announce@sip.service", *(f"change {number}" for number in range(9)))
    changes = run(SIP)["services"][0]["changes"]
    assert [entry["text"] for entry in changes] == [f"change {number}" for number in (8, 7, 6, 5, 4)]


def test_a_journal_that_cannot_be_read(run, node):
    result = run(SIP)
    assert result["services"][0]["changes"] == []
    assert "the journal of anycast-announce@sip.service cannot be read" in str(result["warnings"])
