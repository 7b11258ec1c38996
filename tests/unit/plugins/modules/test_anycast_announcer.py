# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The announcer's files on a node, and what systemd is asked to do about each service."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer

SIP = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio"}
SIX = {"name": "six", "addresses": ["172.18.0.66", "2001:db8:64::66"], "interface": "dummy1"}
INSTANCE = "anycast-announce@sip.service"


@pytest.fixture
def install(run_module):
    def install(*services, check_mode=False, **options):
        texts = {"program": "# 1\n", "unit": "[Unit]\n", "withdraw_unit": "[Unit]\n", "boot": "d /x\n", **options}
        listed = [service.as_dict() for service in normalise_services(list(services))]
        return run_module("anycast_announcer", check_mode, services=listed, withdraw_wait=1.0, **texts)

    return install


@pytest.fixture
def uninstall(run_module):
    return lambda **options: run_module("anycast_announcer", **options, state="absent")


def test_a_service_is_announced_where_its_unit_runs(systemd_node, install):
    result = install(SIP, check_mode=True)
    assert result["changed"]
    assert {entry["before"] for entry in result["diff"]} == {""}
    assert systemd_node.files() == {} and systemd_node.calls == []

    result = install(SIP)
    assert result["changed"]
    assert result["services"] == [{"name": "sip", "announced": True, "why": "kamailio.service is active"}]
    assert systemd_node.announced == ["sip"]
    # systemd has read the units before it starts one.
    assert systemd_node.calls == [
        "systemctl daemon-reload",
        f"systemd-tmpfiles --create {announcer.BOOT}",
        f"systemctl start {INSTANCE}",
    ]
    assert {path.stat().st_mode & 0o777 for path in systemd_node.root.rglob("*.conf") if not path.is_symlink()} == {
        0o644
    }

    systemd_node.calls.clear()
    result = install(SIP)
    assert (result["changed"], result["diff"], systemd_node.calls) == (False, [], [])


def test_not_where_it_does_not_or_where_it_is_drained(systemd_node, install):
    systemd_node.active.discard("kamailio.service")
    assert install(SIP)["services"][0]["why"] == "kamailio.service is inactive"
    assert systemd_node.announced == []

    systemd_node.active.add("kamailio.service")
    Path(announcer.DRAINED).mkdir()
    Path(announcer.drain_file(None)).write_text('{"done": true, "by": "me", "since": "t", "reason": "disk"}')
    result = install(SIP)
    assert not result["changed"]
    assert result["services"][0]["why"] == "the node is drained since t by me: disk"
    assert systemd_node.announced == []


def test_what_was_announced_without_its_unit_is_withdrawn(systemd_node, install):
    install(SIP)
    systemd_node.active -= {"kamailio.service", INSTANCE}
    systemd_node.calls.clear()
    # What BIRD includes depends on bird.conf.
    Path(announcer.ANNOUNCED, "sip.area").symlink_to(Path(announcer.SETTINGS, "sip.area"))
    assert install(SIP)["changed"]
    assert list(Path(announcer.ANNOUNCED).iterdir()) == []
    assert systemd_node.calls == ["birdc configure"]


def test_it_is_told_where_bird_does_not_take_the_withdrawal(systemd_node, install):
    install(SIP)
    systemd_node.active -= {"kamailio.service", INSTANCE}
    systemd_node.reconfigured = "/etc/bird/bird.conf:3:1 syntax error"
    result = install(SIP)
    assert result["failed"]
    assert result["msg"].startswith(
        "service 'sip' may still be announced, as BIRD does not take its configuration: /etc/bird/bird.conf:3:1 syntax"
    )


@pytest.mark.parametrize(
    ("check", "program", "restarted"),
    [
        pytest.param(None, "# 2\n", False, id="nothing runs that could be outdated"),
        pytest.param({"kind": "sip"}, "# 2\n", True, id="a checker of the old program"),
        pytest.param({"kind": "sip"}, "# 1\n", False, id="as before"),
    ],
)
def test_what_runs_is_restarted_only_where_it_is_outdated(systemd_node, install, check, program, restarted):
    install({**SIP, "check": check})
    systemd_node.calls.clear()
    install({**SIP, "check": check}, program=program)
    assert (f"systemctl restart {INSTANCE}" in systemd_node.calls) is restarted


def test_the_next_node_waits_until_the_router_knows_of_this_one(systemd_node, install):
    install(SIP)
    systemd_node.calls.clear()
    told = " ".join(["python3", *announcer.COMMAND[1:], "told", "sip"])
    assert "warnings" not in install({**SIP, "addresses": ["172.18.0.65"]})
    assert systemd_node.calls[-2:] == [f"systemctl restart {INSTANCE}", told]
    systemd_node.failing.add("told")
    assert "bird has not told the router of sip within 8 s" in str(install(SIP)["warnings"])


def test_what_bird_includes_takes_effect_without_a_withdrawal(systemd_node, install):
    install(SIP)
    systemd_node.calls.clear()
    assert install({**SIP, "interface": "dummy1"})["changed"]
    assert systemd_node.calls == ["birdc configure"]
    assert not install({**SIP, "interface": "dummy1"})["changed"]


def test_an_announced_service_is_not_withdrawn_by_a_check_that_fails(systemd_node, install, monkeypatch):
    install(SIP)
    before = systemd_node.files()
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    systemd_node.failing.add("check")
    systemd_node.calls.clear()
    for check_mode in (True, False):
        result = install({**SIP, "check": {"kind": "sip"}}, check_mode=check_mode)
        assert result["failed"]
        assert result["msg"].startswith(
            "service 'sip' is announced, and would not be any more: its check says 172.18.0.64 does not answer within"
            " 0.5 s. Its announcer stays as it was."
        )
    # As often as would withdraw it.
    assert [line.partition(" ")[0] for line in systemd_node.calls] == ["systemd-run"] * 6
    assert (systemd_node.files(), systemd_node.announced) == (before, ["sip"])
    # One that is not announced is in nobody's way.
    systemd_node.active -= {"kamailio.service", INSTANCE}
    install(SIP)
    assert install({**SIP, "check": {"kind": "sip"}})["changed"]


def test_an_announced_service_is_not_withdrawn_by_a_unit_that_does_not_run(systemd_node, install):
    install(SIP)
    result = install({**SIP, "unit": "opensips"})
    assert "would not be any more: opensips.service is inactive. Its announcer stays as it was" in result["msg"]
    assert systemd_node.announced == ["sip"]
    systemd_node.active.add("opensips.service")
    assert install({**SIP, "unit": "opensips"})["changed"]


def test_a_service_that_is_off_the_list(systemd_node, install):
    install(SIP, SIX)
    assert systemd_node.announced == ["sip", "six"]
    v3 = Path(announcer.ANNOUNCED, "six.v3")
    v3.symlink_to("x")
    systemd_node.calls.clear()

    # It is stopped while systemd still knows how.
    result = install(SIP)
    assert result["changed"]
    assert systemd_node.announced == ["sip"]
    assert not v3.is_symlink()
    assert systemd_node.calls == ["systemctl daemon-reload", "systemctl stop anycast-announce@six.service"]
    assert [path for path in systemd_node.files() if "six" in path] == []
    assert not install(SIP)["changed"]


def test_one_whose_instance_no_longer_runs_is_withdrawn_all_the_same(systemd_node, install):
    install(SIP, SIX)
    systemd_node.active.discard("anycast-announce@six.service")
    # As systemctl stop of a unit that is not active: nothing happens.
    systemd_node.failing.add("anycast-announce@six.service")
    install(SIP)
    assert systemd_node.announced == ["sip"]
    assert "birdc configure" in systemd_node.calls


def test_somebody_elses_drop_in_stays(systemd_node, install, uninstall):
    install(SIP)
    foreign = Path(announcer.SYSTEMD, "kamailio.service.d", "memory.conf")
    foreign.write_text("[Service]\nMemoryMax=1G\n")
    uninstall()
    assert systemd_node.files() == {"/etc/systemd/system/kamailio.service.d/memory.conf": foreign.read_text()}


def test_all_of_it_goes(systemd_node, install, uninstall):
    install(SIP, SIX)
    systemd_node.calls.clear()
    assert Path(announcer.WITHDRAW_UNIT).exists()
    result = uninstall(check_mode=True)
    assert result["changed"] and systemd_node.announced == ["sip", "six"]
    assert {entry["after"] for entry in result["diff"]} == {""}

    assert uninstall()["changed"]
    assert (systemd_node.files(), systemd_node.announced) == ({}, [])
    # Withdrawn first, with what withdraws still in its place.
    assert systemd_node.calls[:2] == [f"systemctl stop {INSTANCE}", "systemctl stop anycast-announce@six.service"]
    assert systemd_node.calls[-1] == "systemctl daemon-reload"
    assert not Path(announcer.STATE).exists() and not Path(announcer.DIRECTORY).exists()
    assert not uninstall()["changed"]


def test_an_announcer_left_without_its_instance_is_withdrawn_when_all_goes(systemd_node, install, uninstall):
    install(SIP)
    systemd_node.failing.add(INSTANCE)
    uninstall()
    assert systemd_node.announced == []
    assert "birdc configure" in systemd_node.calls


def test_one_that_cannot_be_announced_is_told_with_its_journal(systemd_node, install):
    systemd_node.failing.add(INSTANCE)
    result = install(SIP)
    assert result["failed"]
    assert result["msg"] == (
        "service 'sip' cannot be announced, systemd tries on; anycast-announce@sip.service says:\nwhat went wrong"
    )


def test_the_next_node_waits_for_the_check_of_this_one(systemd_node, install, monkeypatch, clock):
    """Else a change of the checker would withdraw the service on all nodes for a moment."""
    clock.at(1, lambda: Path(announcer.ANNOUNCED, "sip.conf").symlink_to("x"))
    # Started, but not announced before its check has passed.
    monkeypatch.setattr(
        type(systemd_node), "_systemctl", lambda self, verb, unit="": (0, self.active.add(unit) or "", "")
    )
    install({**SIP, "check": {"kind": "sip"}})
    assert 1 <= sum(clock.slept) < 1.5


def test_the_metrics_are_handed_to_a_node_exporter(systemd_node, install, uninstall):
    install(SIP)
    exported = Path(announcer.EXPORTED)
    exported.mkdir(parents=True)
    # One that is installed later gets them too.
    assert install(SIP, check_mode=True)["changed"]
    assert list(exported.iterdir()) == []
    assert install(SIP)["changed"]
    assert sorted(path.name for path in exported.iterdir()) == ["anycast-drains.prom", "anycast.prom"]
    assert all(path.exists() and path.is_symlink() for path in exported.iterdir())
    assert not install(SIP)["changed"]
    (exported / "other.prom").touch()

    assert uninstall()["changed"]
    assert [path.name for path in exported.iterdir()] == ["other.prom"]
    assert not Path(announcer.METRICS).exists() and not Path(announcer.DRAIN_METRICS).exists()
    assert not uninstall()["changed"]


def test_a_drain_from_before_there_were_metrics(systemd_node, install):
    Path(announcer.DRAINED).mkdir()
    Path(announcer.drain_file("sip")).write_text('{"since": "2026-11-22T15:00:00Z", "by": "me", "reason": "disk"}')
    install(SIP)
    assert 'anycast_drained_timestamp_seconds{service="sip"} 1795359600' in Path(announcer.DRAIN_METRICS).read_text()


def test_a_service_that_is_gone_has_no_metrics_any_more(systemd_node, install):
    install(SIP, {**SIX, "addresses": ["172.18.0.66"]})
    lines = ["# HELP anycast_announced x", *(f'anycast_announced{{service="{name}"}} 0' for name in ("sip", "six"))]
    Path(announcer.METRICS).write_text("\n".join([*lines, ""]))
    install(SIP)
    assert Path(announcer.METRICS).read_text() == "\n".join([*lines[:2], ""])
