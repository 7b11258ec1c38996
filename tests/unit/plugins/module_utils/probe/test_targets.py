# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a client asks the services of an inventory."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.probe.targets import probe_targets

PHONE, PHONE6 = "172.18.0.22", "2001:db8::22"


def of(check=None, addresses=("172.18.0.64",), sources=(PHONE,), **options):
    service = {"name": "it", "addresses": list(addresses), "check": check}
    return [vars(target) for target in probe_targets(normalise_services([service]), list(sources), **options)]


@pytest.mark.parametrize(
    ("check", "kind", "port"),
    [
        (None, "sip", 5060),
        ({"kind": "sip"}, "sip", 5060),
        ({"kind": "sip", "port": 5080}, "sip", 5080),
        ({"kind": "dns", "name": "a.test"}, "dns", 53),
        ({"kind": "dns", "name": "a.test", "port": 5353}, "dns", 5353),
        # They say nothing of what a client would send.
        ({"kind": "tcp", "port": 80}, "sip", 5060),
        ({"kind": "command", "command": ["/bin/x"]}, "sip", 5060),
    ],
)
def test_in_the_protocol_of_its_check(check, kind, port):
    assert of(check) == [
        {"service": "it", "address": "172.18.0.64", "kind": kind, "port": port, "sources": [PHONE]},
    ]


@pytest.mark.parametrize(
    ("check", "found"),
    [
        (None, [("sip", 5060)]),
        ({"kind": "dns", "name": "a.test", "port": 5353}, [("dns", 5353), ("tcp", 5353)]),
        ({"kind": "tcp", "port": 80}, [("tcp", 80)]),
        ({"kind": "command", "command": ["/bin/x"]}, [("sip", 5060)]),
    ],
)
def test_what_answers_by_tcp_is_asked_so(check, found):
    assert [(one["kind"], one["port"]) for one in of(check, connections=True)] == found


def test_each_address_from_addresses_of_its_own_version():
    found = of(addresses=("172.18.0.64", "2001:db8:64::64"), sources=(PHONE, PHONE6))
    assert [(one["address"], one["sources"]) for one in found] == [
        ("172.18.0.64", [PHONE]),
        ("2001:db8:64::64", [PHONE6]),
    ]


def test_what_a_client_cannot_reach_is_left_out():
    assert [one["address"] for one in of(addresses=("172.18.0.64", "2001:db8:64::64"))] == ["172.18.0.64"]


def test_a_client_without_named_addresses_asks_all():
    found = of(addresses=("172.18.0.64", "2001:db8:64::64"), sources=())
    assert [(one["address"], one["sources"]) for one in found] == [("172.18.0.64", []), ("2001:db8:64::64", [])]
