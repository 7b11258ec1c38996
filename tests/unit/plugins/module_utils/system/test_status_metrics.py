# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.system.status_metrics import status_metrics

NOW = 1795000000.7


def samples(system):
    lines = status_metrics(system.status(), NOW).splitlines()
    return dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))


def test_all_is_well(fake_system):
    found = samples(fake_system(bfd=True))
    assert found["anycast_status_timestamp_seconds"] == "1795000000"
    assert found['anycast_service_out{service="sip"}'] == "0"
    assert found['anycast_service_wanted_nodes{service="sip"}'] == "3"
    assert found['anycast_service_serving_nodes{service="sip"}'] == "3"
    assert found['anycast_router_seen{router="hap-lite"}'] == "1"
    assert [value for name, value in found.items() if name.startswith("anycast_bfd_up")] == ["1"] * 6
    assert 'anycast_bfd_up{at="hap-lite",neighbor="sip1"}' in found


def test_without_bfd_there_is_none_that_could_be_down(fake_system):
    assert not any(name.startswith("anycast_bfd_up") for name in samples(fake_system()))


def test_what_is_broken(fake_system):
    system = fake_system(bfd=True)
    system.drained("sip1")
    system.withdrawn("sip2")
    system.sees("sip3", at_node={"bfd": "down"})
    found = samples(system)
    assert found['anycast_service_wanted_nodes{service="sip"}'] == "2"
    assert found['anycast_service_serving_nodes{service="sip"}'] == "1"
    assert found['anycast_bfd_up{at="sip3",neighbor="hap-lite"}'] == "0"
    system.withdrawn("sip3")
    assert samples(system)['anycast_service_out{service="sip"}'] == "1"


def test_what_could_not_be_read_has_no_sample(fake_system):
    system = fake_system()
    system.router.update(neighbors={"msg": "timed out"}, next_hops=[])
    found = samples(system)
    assert found['anycast_router_seen{router="hap-lite"}'] == "0"
    assert 'anycast_service_serving_nodes{service="sip"}' not in found
    assert 'anycast_service_out{service="sip"}' not in found
