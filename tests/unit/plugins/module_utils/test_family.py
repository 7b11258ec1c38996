# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with IPv6 addresses: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils import family
from ansible_collections.homelab.anycast.plugins.module_utils.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.services import (
    ServicesError,
    host_prefix,
    missing_addresses,
    node_problems,
    normalise_services,
)

BOTH = ["172.18.0.64", "2001:db8:64::64"]
FACTS = {
    "os_family": "Debian",
    "interfaces": ["lo", "enp0s11", "dummy0"],
    "enp0s11": {
        "ipv4": {"address": "172.18.0.11", "prefix": "26"},
        "ipv6": [{"address": "2001:db8::11", "prefix": "64"}, {"address": "fe80::1", "prefix": "64"}],
    },
    "dummy0": {
        "ipv4": {"address": "172.18.0.64", "prefix": "32"},
        "ipv6": [{"address": "2001:db8:64::64", "prefix": "128"}],
    },
}


def test_dual_stack_service():
    (service,) = normalise_services([{"name": "sip", "addresses": ["172.18.0.64", "2001:DB8:64:0::64/128"]}])
    assert service["addresses"] == ["172.18.0.64/32", "2001:db8:64::64/128"]
    assert family.of_version(service["addresses"], 6) == ["2001:db8:64::64/128"]
    assert family.of_version(service["addresses"], 4) == ["172.18.0.64/32"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("fe80::64", "cannot be announced"),
        ("2001:db8::64%eth0", "cannot be announced"),
        ("ff02::5", "cannot be announced"),
        ("::1", "cannot be announced"),
        ("::", "cannot be announced"),
        ("::ffff:172.18.0.64", "mapped to IPv6, expected 172.18.0.64"),
        ("2001:db8::/64", "expected 2001:db8::/128"),
        ("2001:db8::g", "not an IPv4 or IPv6 address"),
    ],
)
def test_address_refused(address, words):
    with pytest.raises(ValueError, match=words):
        host_prefix(address)


def test_two_services_with_ipv6_need_two_interfaces():
    services = [{"name": "sip", "addresses": ["2001:db8::1"]}, {"name": "dns", "addresses": ["2001:db8::2"]}]
    with pytest.raises(
        ServicesError, match="'sip' and 'dns' have IPv6 addresses on interface dummy0.*interface: dummy1"
    ):
        normalise_services(services)
    services[1]["interface"] = "dummy1"
    assert len(normalise_services(services)) == 2


def test_ipv4_services_may_share_the_interface_with_it():
    assert normalise_services([{"name": "sip", "addresses": BOTH}, {"name": "dns", "addresses": ["172.18.0.65"]}])


@pytest.mark.parametrize("kind", ["simple", "md5"])
def test_authentication_that_ospfv3_lacks(kind):
    link = normalise_link({"authentication": kind, "key": "secret"})
    assert family.link_problems(link, ["172.18.0.64/32"]) == []
    (problem,) = family.link_problems(link, BOTH)
    assert f"authentication is '{kind}'" in problem
    assert "expected one of: none, sha1, sha256, sha384, sha512" in problem
    assert "secret" not in problem


@pytest.mark.parametrize(("kind", "room"), [("sha1", 18), ("sha256", 30), ("sha384", 46), ("sha512", 62)])
def test_key_leaves_room_for_the_protocol_id(kind, room):
    fits, long = (normalise_link({"authentication": kind, "key": "k" * octets}) for octets in (room, room + 1))
    assert family.link_problems(fits, BOTH) == []
    (problem,) = family.link_problems(long, BOTH)
    assert f"key has {room + 1} octets" in problem
    assert f"at most {room} (RFC 7166 4.5)" in problem
    assert family.link_problems(long, ["172.18.0.64/32"]) == []


def test_ipv6_address_inside_a_connected_subnet():
    services = normalise_services([{"name": "sip", "addresses": ["2001:db8::64"]}])
    (problem,) = node_problems(services, "172.18.0.11", ["enp0s11"], FACTS)
    assert "2001:db8::64 lies inside 2001:db8::/64 on interface enp0s11" in problem
    outside = normalise_services([{"name": "sip", "addresses": BOTH}])
    assert node_problems(outside, "172.18.0.11", ["enp0s11"], FACTS) == []


def test_missing_ipv6_address():
    services = normalise_services([{"name": "sip", "addresses": BOTH}])
    assert missing_addresses(services, FACTS) == []
    assert missing_addresses(services, {**FACTS, "dummy0": {**FACTS["dummy0"], "ipv6": []}}) == ["dummy0"]
