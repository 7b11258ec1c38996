# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain

SIP = {"name": "sip", "addresses": ["172.18.0.64", "172.18.0.65"], "unit": "kamailio"}
INSTANCE = "/etc/systemd/system/anycast-announce@sip.service.d/homelab-anycast.conf"


def service(**more):
    return normalise_services([{**SIP, **more}])[0]


def files(**more):
    return announcer.service_files(service(**more), 1.5)


def lines(text):
    return text.splitlines()[1:]


def test_what_bird_includes():
    assert lines(files()["/etc/homelab-anycast/sip.conf"]) == [
        'interface "dummy0" 172.18.0.64/32 { stub; };',
        'interface "dummy0" 172.18.0.65/32 { stub; };',
    ]


def test_what_the_program_reads():
    settings = json.loads(files(check={"kind": "sip"})["/etc/homelab-anycast/sip.json"])
    assert settings["addresses"] == ["172.18.0.64/32", "172.18.0.65/32"]
    assert settings["withdraw_wait"] == 1.5
    assert settings["check"]["fall"] == 3


def test_a_unit_alone_needs_no_running_code():
    assert lines(files()[INSTANCE]) == [
        "[Unit]",
        "Description=Announce sip (172.18.0.64/32, 172.18.0.65/32) while kamailio.service runs",
        "BindsTo=kamailio.service",
        "After=kamailio.service",
    ]


def test_a_check_runs():
    text = files(check={"kind": "sip", "interval": 2})[INSTANCE]
    assert "Type=notify" in text
    assert "announcer.py run %i" in text
    assert "WatchdogSec=6" in text


def test_without_a_unit_it_is_up_while_bird_is():
    texts = files(unit=None)
    assert "BindsTo" not in texts[INSTANCE]
    assert lines(texts["/etc/systemd/system/bird.service.d/homelab-anycast-sip.conf"]) == [
        "[Unit]",
        "Wants=anycast-announce@sip.service",
    ]


def test_what_is_superfluous():
    wanted = files(name="sip")
    old = announcer.service_files(service(name="dns", unit="nsd"), 1)
    moved = "/etc/systemd/system/asterisk.service.d/homelab-anycast-sip.conf"
    assert not {*old, moved} & {*wanted}
    assert announcer.names_of([*old, moved]) == ["dns"]
    assert announcer.names_of(["/etc/bird/anycast.d/x.conf"]) == ["x"]


@pytest.mark.parametrize(
    "check, changed, expected",
    [
        (None, [INSTANCE], True),
        (None, [announcer.PROGRAM, "/etc/homelab-anycast/sip.json", announcer.UNIT], False),
        ({"kind": "sip"}, [announcer.PROGRAM], True),
        ({"kind": "sip"}, ["/etc/homelab-anycast/sip.json"], True),
        ({"kind": "sip"}, ["/etc/homelab-anycast/sip.conf"], False),
        ({"kind": "sip"}, ["/etc/homelab-anycast/dns.json"], False),
    ],
)
def test_needs_restart(check, changed, expected):
    assert announcer.needs_restart(service(check=check), changed) == expected


@pytest.mark.parametrize(
    "changed, expected",
    [
        (["/etc/homelab-anycast/sip.conf"], True),
        (["/etc/homelab-anycast/sip.v3"], True),
        (["/etc/homelab-anycast/sip.json", "/etc/homelab-anycast/dns.conf"], False),
    ],
)
def test_needs_reload(changed, expected):
    assert announcer.needs_reload(service(), changed) == expected


def test_the_unit_waits_for_the_same_files_as_the_module_writes():
    from pathlib import Path

    unit = (Path(__file__).parents[5] / "roles/bird_anycast/files/anycast-announce@.service").read_text()
    assert "ConditionPathExists=!" + announcer.drain_file(None) in unit
    assert "ConditionPathExists=!" + announcer.drain_file("%i") in unit
    assert unit.count(" ".join(announcer.COMMAND)) == 2


@pytest.mark.parametrize(
    ("unit", "instance", "text", "check", "healthy"),
    [
        ("active", "active", "", False, True),
        ("active", "inactive", "", False, True),
        ("failed", "active", "announced: 172.18.0.64 answers", True, False),
        ("active", "active", "announced: 172.18.0.64 answers", True, True),
        ("active", "active", "announced, but failed 1 of 3: no answer", True, True),
        ("active", "active", "withdrawn: 172.18.0.64 answers, passed 1 of 3", True, False),
        ("active", "active", "withdrawn: no answer", True, False),
        ("active", "active", "withdrawn: healthy, but cannot be announced: bird refuses", True, True),
        ("active", "active", "withdrawn: its health is not known yet", True, None),
        # As of a drained one.
        ("active", "inactive", "", True, None),
    ],
)
def test_healthy(unit, instance, text, check, healthy):
    given = service(check={"kind": "sip"} if check else None)
    found = announcer.is_healthy(given, {"ActiveState": unit}, {"ActiveState": instance, "StatusText": text})
    assert found is healthy


def journal(*entries):
    return "\n".join(
        json.dumps(
            {
                "__REALTIME_TIMESTAMP": f"17637696{number:02}000000",
                "SYSLOG_IDENTIFIER": who,
                "PRIORITY": str(priority),
                "MESSAGE": text,
            }
        )
        for number, (who, priority, text) in enumerate(entries)
    )


def test_changes_are_the_announcers_lines_and_systemds_warnings():
    found = announcer.service_changes(
        journal(
            ("systemd", 6, "Starting anycast-announce@sip.service"),
            ("anycast-announce", 5, "sip announced: it is healthy"),
            ("systemd", 3, "anycast-announce@sip.service: Watchdog timeout (limit 5s)!"),
            ("systemd", 5, "anycast-announce@sip.service: Main process exited, code=killed"),
            ("anycast-announce", 6, list("sip withdrawn \N{SNOWMAN}".encode())),
        )
        + "\nno JSON"
    )
    assert found == [
        {"time": "2025-11-22T00:00:04Z", "text": "sip withdrawn \N{SNOWMAN}"},
        {"time": "2025-11-22T00:00:02Z", "text": "anycast-announce@sip.service: Watchdog timeout (limit 5s)!"},
        {"time": "2025-11-22T00:00:01Z", "text": "sip announced: it is healthy"},
    ]


def test_an_area_for_each_service():
    (text,) = [text for path, text in files().items() if path.endswith("/sip.area")]
    body = [line for line in text.splitlines() if not line.startswith("#")]
    interfaces = [f'  interface "dummy0" 172.18.0.{host}/32 {{ stub; }};' for host in (64, 65)]
    assert body == ["area 172.18.0.64 {", *interfaces, "};"]
    assert not [path for path in files() if path.endswith(".area3")]


def test_the_area_of_a_service_without_ipv4_has_an_id_of_its_name():
    six = [service(name=name, addresses=[f"2001:db8::{number}"]) for number, name in enumerate(("six", "seven"), 1)]
    assert len({announcer.area_id(one) for one in six}) == 2
    path = announcer.SETTINGS + "/six"
    found = announcer.service_files(six[0], 1)
    assert "area " in found[path + ".area3"] and "area" not in found[path + ".area"].replace("bird_anycast", "")


def test_the_sandbox_is_all_of_the_unit_that_restricts_a_check():
    unit = (Path(__file__).parents[5] / "roles/bird_anycast/files/anycast-announce@.service").read_text()
    found = announcer.sandbox(unit)
    assert {"User=bird", "SystemCallFilter=~@privileged @resources", "NoNewPrivileges=yes", "UMask=0027"} <= set(found)
    # What decides when it runs and what else it runs is no part of it.
    names = {setting.partition("=")[0] for setting in found}
    assert not names & {
        "Type",
        "ExecStart",
        "Restart",
        "RestartSec",
        "RemainAfterExit",
        "TimeoutStopSec",
        "ConditionPathExists",
    }


def test_without_a_mount_namespace():
    """226/NAMESPACE in some containers, and then the service is never announced."""
    plain, checked = normalise_services(
        [SIP, {**SIP, "name": "b", "addresses": ["172.18.0.9"], "check": {"kind": "sip"}}]
    )
    for service in (plain, checked):
        path = announcer.drop_in(service.name)
        text = announcer.service_files(service, 1, namespaces=False)[path]
        assert text.count("[Service]") == 1 and "ProtectSystem=no\n" in text.partition("[Service]")[2]
        assert "ProtectSystem" not in announcer.service_files(service, 1)[path]
    assert "ProtectSystem" not in "".join(announcer.sandbox("[Service]\nProtectSystem=strict\nUser=bird\n", False))


def test_a_drain_in_words():
    record = Drain.begin(None, "alice@desk", "new disk", 0)
    assert str(record) == "the node is being drained since 1970-01-01T00:00:00Z by alice@desk: new disk"
    record = dataclasses.replace(Drain.begin("sip", "bob", "test", 0), done=True)
    assert str(record) == "service 'sip' is drained since 1970-01-01T00:00:00Z by bob: test"


def test_a_drain_survives_its_file():
    record = Drain("sip", "bob", "test", "1970-01-01T00:00:00Z", True, ["kamailio.service"])
    assert Drain.parse(json.dumps(vars(record)), "sip") == record


@pytest.mark.parametrize("text", ["", "[]", '{"by": "bob"}'])
def test_a_damaged_file_is_a_drain_too(text):
    record = Drain.parse(text, "sip")
    assert record.covers("sip") and not record.covers("dns") and "the record is damaged" in str(record)
