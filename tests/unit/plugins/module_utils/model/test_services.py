# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import shlex

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import (
    ServicesError,
    announced,
    never_fails,
    normalise_services,
    units,
    valid,
)

SIP = {"name": "sip", "addresses": ["172.18.0.64"]}


def test_defaults():
    assert [service.as_dict() for service in normalise_services([SIP])] == [
        {"name": "sip", "addresses": ["172.18.0.64/32"], "interface": "dummy0", "unit": None, "check": None}
    ]


@pytest.mark.parametrize(
    "given, expected",
    [
        ("kamailio", "kamailio.service"),
        ("kamailio.service", "kamailio.service"),
        ("asterisk@office.service", "asterisk@office.service"),
    ],
)
def test_unit(given, expected):
    assert normalise_services([{**SIP, "unit": given}])[0].unit == expected


COMMON = {"interval": 1, "timeout": 0.5, "rise": 3, "fall": 3}


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"kind": "sip"}, {"kind": "sip", "port": 5060, **COMMON}),
        ({"kind": "dns", "name": "x.org"}, {"kind": "dns", "port": 53, "name": "x.org", **COMMON}),
        ({"kind": "tcp", "port": 80, "fall": 1}, {"kind": "tcp", "port": 80, **COMMON, "fall": 1}),
        ({"kind": "command", "command": ["test"]}, {"kind": "command", "command": ["test"], **COMMON}),
    ],
)
def test_check(given, expected):
    (service,) = normalise_services([{**SIP, "check": given}])
    assert service.as_dict()["check"] == expected


@pytest.mark.parametrize(
    "command, expected",
    [
        ("true", True),
        ("/bin/true", True),
        (":", True),
        ("exit 0", True),
        ("echo ok", True),
        ("sh -c true", True),
        ("/bin/bash -c 'curl x || true'", True),
        ("sh -c 'curl x; exit 0'", True),
        ("sh -c 'curl x; true;'", True),
        ("false", False),
        ("exit 1", False),
        ("/usr/local/bin/true-check", False),
        ("sh -c 'curl x && true'", False),
        ("sh -c 'curl x'", False),
        ("sh check.sh true", False),
    ],
)
def test_a_command_that_can_never_fail(command, expected):
    assert never_fails(shlex.split(command)) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        # As a block of YAML (name: |) has it; it becomes the name of a file.
        ({"name": "sip\n"}, "name is 'sip"),
        ({"interface": "dummy0\n"}, "interface is 'dummy0"),
        ({"interface": "lo"}, "interface is 'lo', expected a dummy interface"),
        # The tidying of the role does not know such a file for its own, and ifupdown takes it for a VLAN.
        ({"interface": "dummy0.1"}, "interface is 'dummy0.1'"),
        ({"unit": "kamailio.service\n"}, "unit is 'kamailio.service"),
        ({"check": {"kind": "dns", "name": "x.org\n"}}, "check: name is 'x.org"),
        ({"check": {"kind": ["sip"]}}, "check: kind is ['sip'], expected one of: sip, dns"),
    ],
)
def test_what_only_looks_right(given, words):
    with pytest.raises(ServicesError) as error:
        normalise_services([{**SIP, **given}])
    assert words in str(error.value)


FOLLOWING = [
    {**SIP, "unit": "kamailio"},
    {"name": "dns", "addresses": ["172.18.0.65"], "unit": "nsd"},
    {"name": "sips", "addresses": ["172.18.0.67"], "unit": "kamailio"},
    {"name": "x", "addresses": ["172.18.0.66"]},
]


def test_units_each_once():
    assert units(normalise_services(FOLLOWING)) == ["kamailio.service", "nsd.service"]


@pytest.mark.parametrize("services", ["sip", [{"name": "sip", "unit": "kamailio"}], None])
def test_services_that_are_not_valid_are_none(services):
    assert valid(services) == []


@pytest.mark.parametrize(
    "services, words",
    [
        ("sip", ["not a list of dictionaries"]),
        (["sip"], ["not a list of dictionaries"]),
        ([{"addresses": ["172.18.0.64"]}], ["service number 1", "name is ''"]),
        ([{"name": "../etc", "addresses": ["172.18.0.64"]}], ["name is '../etc'"]),
        ([{"name": "sip"}], ["service 'sip'", "addresses is missing, expected a list of host addresses"]),
        ([{"name": "sip", "addresses": []}], ["addresses is '[]', expected a list"]),
        ([{"name": "sip", "addresses": ["172.18.0.0/26"]}], ["'172.18.0.0/26' is not a host address"]),
        ([{"name": "sip", "addresses": ["172.18.0.64/26"]}], ["is not a host address, expected 172.18.0.64/32"]),
        ([{"name": "sip", "addresses": ["sip.example.org"]}], ["'sip.example.org' is not an IPv4 or IPv6 address"]),
        ([{"name": "sip", "addresses": ["224.0.0.5"]}], ["cannot be announced"]),
        ([{"name": "sip", "addresses": ["127.0.0.1"]}], ["cannot be announced"]),
        ([SIP, SIP], ["the name is used twice", "belongs to service 'sip' already"]),
        ([{**SIP, "interface": "a-name-too-long-for-linux"}], ["at most 15 characters"]),
        ([{**SIP, "adresses": []}], ["unknown key 'adresses', did you mean 'addresses'?"]),
        ([{**SIP, "unit": "kamailio@.service"}], ["service 'sip': unit is 'kamailio@.service'"]),
        ([{**SIP, "unit": "../kamailio.service"}], ["unit is '../kamailio.service'"]),
        ([{**SIP, "unit": ""}], ["unit is '.service'"]),
        ([{**SIP, "check": "sip"}], ["service 'sip': check: it is 'sip', expected a dictionary"]),
        ([{**SIP, "check": {}}], ["kind is None, expected one of: sip, dns, tcp, command"]),
        ([{**SIP, "check": {"kind": "icmp"}}], ["kind is 'icmp', expected one of"]),
        ([{**SIP, "check": {"kind": "sip", "raise": 3}}], ["unknown key 'raise', did you mean 'rise'?"]),
        ([{**SIP, "check": {"kind": "sip", "rise": 0}}], ["rise is 0, expected a whole number, 1 or more"]),
        ([{**SIP, "check": {"kind": "sip", "fall": 0.5}}], ["fall is 0.5, expected a whole number, 1 or more"]),
        ([{**SIP, "check": {"kind": "sip", "fall": True}}], ["fall is True"]),
        # YAML has .inf and .nan, and whole numbers without end.
        ([{**SIP, "check": {"kind": "sip", "fall": math.inf}}], ["fall is inf, expected a whole number"]),
        ([{**SIP, "check": {"kind": "sip", "rise": math.nan}}], ["rise is nan, expected a whole number"]),
        ([{**SIP, "check": {"kind": "sip", "port": math.inf}}], ["port is inf, expected a port"]),
        ([{**SIP, "check": {"kind": "sip", "port": 10**400}}], ["expected a port, 1 to 65535"]),
        ([{**SIP, "check": {"kind": "sip", "interval": math.inf}}], ["interval is inf, expected seconds"]),
        ([{**SIP, "check": {"kind": "sip", "timeout": 1}}], ["timeout is 1 s, expected less than interval, 1 s"]),
        ([{**SIP, "check": {"kind": "sip", "timeout": 0}}], ["timeout is 0, expected seconds, more than 0"]),
        ([{**SIP, "check": {"kind": "sip", "interval": "1"}}], ["interval is '1'"]),
        ([{**SIP, "check": {"kind": "sip", "port": 0}}], ["port is 0, expected a port"]),
        ([{**SIP, "check": {"kind": "sip", "name": "x"}}], ["unknown key 'name'"]),
        ([{**SIP, "check": {"kind": "dns"}}], ["name is missing, kind 'dns' needs it"]),
        ([{**SIP, "check": {"kind": "dns", "name": "a b"}}], ["name is 'a b', expected a name"]),
        ([{**SIP, "check": {"kind": "tcp"}}], ["port is missing, kind 'tcp' needs it"]),
        ([{**SIP, "check": {"kind": "command"}}], ["command is missing"]),
        ([{**SIP, "check": {"kind": "command", "command": []}}], ["command is [], expected a list of words"]),
        ([{**SIP, "check": {"kind": "command", "command": ["/bin/true"]}}], ["can never fail"]),
        ([{**SIP, "check": {"kind": "command", "command": "exit 0"}}], ["expected a list of words", "can never fail"]),
        (
            [{**SIP, "check": {"kind": "command", "command": "test 'x"}}],
            ['check: command is "test \'x", which cannot be split into words', "expected a list of words"],
        ),
    ],
)
def test_refused(services, words):
    with pytest.raises(ServicesError) as error:
        normalise_services(services)
    assert [word for word in words if word not in str(error.value)] == []


@pytest.mark.parametrize("addresses", ["172.18.0.64, 172.18.0.65", ["172.18.0.64", "172.18.0.65"]])
def test_addresses_may_be_text(addresses):
    services = [{"name": "sip", "addresses": addresses}]
    assert normalise_services(services)[0].addresses == ["172.18.0.64/32", "172.18.0.65/32"]
    assert announced(services) == ["172.18.0.64/32", "172.18.0.65/32"]
