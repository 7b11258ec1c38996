# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drain on its node, step by step as the playbooks drain and undrain take it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer, systemd

SERVICES: list[dict] = [
    {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio", "check": {"kind": "sip"}},
    {"name": "six", "addresses": ["172.18.0.66"]},
]
SIP, SIX = "anycast-announce@sip.service", "anycast-announce@six.service"


@pytest.fixture
def node(systemd_node, monkeypatch):
    for unit in (SIP, SIX):
        systemd_node._systemctl("start", unit)
    Path(announcer.UNIT).write_text("[Service]\nType=oneshot\nUser=bird\n")
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda _self, name, **_options: f"/usr/sbin/{name}")
    return systemd_node


@pytest.fixture
def drain(node, run_module):
    def drain(state, check_mode=False, **options):
        node.calls.clear()
        return run_module("anycast_drain", check_mode, state=state, **{"services": SERVICES, **options})

    return drain


def recorded(drain, **options):
    return drain("recorded", by="me", reason="new disk", **options)


def test_a_node_out_and_back(node, drain):
    result = recorded(drain)
    assert (result["changed"], result["new"]) == (True, True)
    (record,) = result["records"]
    assert (record["service"], record["by"], record["reason"], record["done"]) == (None, "me", "new disk", False)

    assert drain("withdrawn")["changed"]
    assert node.announced == []
    assert drain("drained", stop_service=True)["records"][0]["stopped"] == ["kamailio.service"]
    assert "kamailio.service" not in node.active
    # Whatever is run a second time changes nothing.
    for step in (lambda: recorded(drain), lambda: drain("withdrawn"), lambda: drain("drained", stop_service=True)):
        assert step()["changed"] is False

    result = drain("undrained")
    # The service that was stopped comes first, then its health, then the announcement.
    # In the sandbox of the announcer.
    check = "--property=User=bird -- {} check sip".format(" ".join(announcer.COMMAND))
    calls = [
        re.sub("systemd-run.*(?=--property=User)|--property=(Type|Time|StandardError)[^ ]* ", "", c) for c in node.calls
    ]
    assert calls == [
        "systemctl start kamailio.service",
        check,
        f"systemctl start {SIP}",
        f"systemctl start {SIX}",
    ]
    assert (result["records"], result["prefixes"]) == ([], ["172.18.0.64/32", "172.18.0.66/32"])
    assert node.announced == ["sip", "six"]
    assert drain("undrained")["changed"] is False


def test_prometheus_is_told(drain, monkeypatch):
    metric = 'anycast_drained_timestamp_seconds{service=""}'
    # Only where the announcer has been installed with its metrics.
    recorded(drain)
    path = Path(announcer.DRAIN_METRICS)
    assert not path.exists()
    drain("undrained")
    path.touch(mode=0o644)
    monkeypatch.setattr("time.time", lambda: 1795000000)
    recorded(drain, check_mode=True)
    assert path.read_text() == ""
    recorded(drain)
    assert path.read_text().splitlines()[-1] == f"{metric} 1795000000"
    Path(announcer.drain_file(None)).write_text("damaged")
    drain("drained", stop_service=True)
    assert path.read_text().splitlines()[-1] == f"{metric} 0"
    drain("undrained")
    assert metric not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644


def test_check_mode_only_says_so(node, drain):
    assert recorded(drain, check_mode=True)["changed"]
    assert drain("withdrawn", check_mode=True)["changed"]
    assert (node.calls, node.announced) == ([], ["sip", "six"])
    assert not Path(announcer.DRAINED).exists()


def test_one_service(node, drain):
    assert recorded(drain, service="sip")["records"][0]["service"] == "sip"
    drain("withdrawn", service="sip")
    assert node.announced == ["six"]
    # The node that comes back leaves out what has a drain of its own.
    result = drain("undrained")
    assert (result["prefixes"], node.announced) == (["172.18.0.66/32"], ["six"])


def test_a_unit_that_another_service_follows_goes_on(node, drain):
    video = {**SERVICES[0], "name": "video", "addresses": ["172.18.0.67/32"]}
    services = [*SERVICES, video]
    recorded(drain, service="sip")
    result = drain("drained", service="sip", stop_service=True, services=services)
    assert "kamailio.service is not stopped: services that are not drained follow it too, video" in str(
        result["warnings"]
    )
    assert result["records"][0]["stopped"] == [] and "kamailio.service" in node.active
    # Once that is drained too, nothing speaks for it any more.
    recorded(drain, service="video")
    result = drain("drained", service="video", stop_service=True, services=services)
    assert "warnings" not in result and "kamailio.service" not in node.active


def test_a_node_that_is_drained_does_not_come_back_by_one_of_its_services(node, drain):
    recorded(drain)
    drain("withdrawn")
    result = drain("undrained", service="sip")
    assert result["failed"]
    assert "the node is being drained since" in result["msg"]
    assert "Undrain the node, not one service of it" in result["msg"]
    assert node.announced == []


def test_two_at_once(drain):
    recorded(drain)
    result = recorded(drain)
    assert result["failed"]
    assert "by me: new disk. If that run has died, run homelab.anycast.undrain, or take over with" in result["msg"]
    assert recorded(drain, force=True)["new"] is False


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        ([None], "the node is being drained since"),
        pytest.param(
            [None, None],
            "the node was drained by a different run just now. If that run has died",
            id="and forgotten again",
        ),
    ],
)
def test_two_at_the_same_moment(drain, monkeypatch, looks, says):
    """The second one looks before the first has written, and writes after it."""
    recorded(drain)
    look = systemd.read_drain
    looks = iter(looks)
    monkeypatch.setattr(systemd, "read_drain", lambda scope: next(looks, look(scope)))
    result = recorded(drain)
    assert result["failed"] and says in result["msg"]
    assert [path.name for path in Path(announcer.DRAINED).iterdir()] == ["node.json"]


def test_somebody_has_undrained_it_meanwhile(drain):
    assert drain("drained")["msg"] == (
        f"{announcer.drain_file(None)} is gone: another play has undrained the node meanwhile. Drain it again if it"
        " is to stay out"
    )
    assert "another play has undrained service 'sip' meanwhile" in drain("drained", service="sip")["msg"]


def test_a_drain_that_comes_to_nothing_is_forgotten(drain):
    recorded(drain)
    assert drain("forgotten")["changed"]
    assert drain("read")["records"] == []
    assert not drain("forgotten")["changed"]


def test_a_damaged_record_is_a_drain_all_the_same(drain):
    Path(announcer.DRAINED).mkdir()
    Path(announcer.drain_file("sip")).write_text("{")
    (record,) = drain("read")["records"]
    assert (record["service"], record["reason"]) == ("sip", "the record is damaged")


@pytest.fixture
def drained(node, drain):
    recorded(drain)
    drain("withdrawn")
    drain("drained")
    return node


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("kamailio.service", "kamailio.service is inactive"),
        ("check", "service 'sip': 172.18.0.64 does not answer within 0.5 s"),
    ],
)
def test_what_is_not_healthy_stays_drained(drained, drain, broken, says):
    drained.active.discard(broken)
    drained.failing.add(broken)
    result = drain("undrained", wait=0)
    assert result["failed"]
    assert result["msg"].startswith(f"the node stays drained, as it is not healthy after 0 s: {says}. Repair it")
    assert drained.announced == []
    assert json.loads(Path(announcer.drain_file(None)).read_text())["done"]

    # As it is. An announcer whose service does not run is left to its unit.
    assert drain("undrained", force=True)["changed"]
    assert drained.announced == (["six"] if broken == "kamailio.service" else ["sip", "six"])


def test_it_waits_for_what_becomes_healthy(drained, drain, clock):
    drained.failing.add("check")
    clock.at(5, drained.failing.clear)
    assert drain("undrained", wait=10)["changed"]
    assert drained.announced == ["sip", "six"]


def test_in_check_mode_nobody_waits(drained, drain):
    drained.failing.add("check")
    assert "after 0 s" in drain("undrained", check_mode=True, wait=60)["msg"]


def test_check_mode_does_not_blame_a_service_that_it_would_start(node, drain):
    recorded(drain)
    drain("withdrawn")
    drain("drained", stop_service=True)
    result = drain("undrained", check_mode=True)
    assert (result["changed"], result["prefixes"]) == (True, ["172.18.0.64/32", "172.18.0.66/32"])
    assert node.calls == [] and "kamailio.service" not in node.active
