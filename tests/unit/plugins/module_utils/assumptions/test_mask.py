# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a router's answers may be published, and what stands for the rest."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.mask import Mask
from ansible_collections.homelab.anycast.plugins.module_utils.secret import HIDDEN


@pytest.fixture
def mask():
    return Mask(private=True)


def one(mask, word):
    return mask.answer([word])[0]


def test_equal_addresses_stay_equal_and_keep_their_prefixes(mask):
    words = ["=address=172.18.0.11", "=gateway=172.18.0.1%ether2", "=dst-address=172.18.0.0/26", "=src=10.9.8.7/32"]
    assert mask.answer(words) == (
        "=address=192.0.2.11", "=gateway=192.0.2.1%ether2", "=dst-address=192.0.2.0/26", "=src=198.51.100.7/32"
    )  # fmt: skip
    assert one(mask, "=range=172.18.0.10-172.18.0.20,10.9.8.0/24") == "=range=192.0.2.10-192.0.2.20,198.51.100.0/24"
    # A fifth network and more have addresses too.
    seen = {one(mask, f"=a=10.1.{network}.1") for network in range(40)}
    assert len(seen) == 40 and "=a=198.18.3.1" in seen


@pytest.mark.parametrize(
    "value",
    ["0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.5", "255.255.255.0", "10.0.0.0/8", "0.0.0.0/0", "::", "ff02::5"],
)
def test_addresses_that_everybody_has_stay(mask, value):
    assert one(mask, f"=address={value}") == f"=address={value}"


def test_ipv6_keeps_small_interface_ids_and_no_hardware_address(mask):
    assert one(mask, "=address=fd12:3456:789a:1::1/64") == "=address=2001:db8:0:1::1/64"
    assert one(mask, "=address=fd12:3456:789a:1::64/128") == "=address=2001:db8:0:1::64/128"
    (first, again) = mask.answer(["=address=fe80::4a8f:5aff:fe12:3456%ether1", "=a=fe80::4a8f:5aff:fe12:3456%kids"])
    assert first == "=address=fe80::1:2%ether1"
    assert again == "=a=fe80::1:2%name-1"


@pytest.mark.parametrize("name", ["auth-key", "password", "contents"])
def test_secrets_are_hidden_with_and_without_the_rest(mask, name):
    for one_of in (mask, Mask()):
        assert one_of.answer([f"={name}=s3cret"]) == one_of.sent([f"={name}=s3cret"]) == (f"={name}={HIDDEN}",)
    assert one(mask, f"={name}=*****") == f"={name}=*****"


@pytest.mark.parametrize("name", ["serial-number", "software-id", "fingerprint"])
def test_numbers_of_this_router_are_hidden(mask, name):
    assert one(mask, f"={name}=HCQ08ABCDEF") == f"={name}={HIDDEN}"
    assert mask.text("it is 'HCQ08ABCDEF'") == f"it is '{HIDDEN}'"


def test_names_are_hidden_everywhere_once_they_are_known(mask):
    words = [
        "=interface=kids wifi",
        "=comment=call Bob: 0660 123",
        "=name=vlan10@kids",
        "=gateway=172.18.0.1%kids@vrf-bob",
    ]
    assert mask.answer(words) == (
        "=interface=name-1 name-2", "=comment=name-3", "=name=name-4@name-1", "=gateway=192.0.2.1%name-1@name-5"
    )  # fmt: skip
    assert (
        mask.text("row *1: interface is 'kids wifi', expected 'x'")
        == "row *1: interface is 'name-1 name-2', expected 'x'"
    )
    assert mask.sent(["/ip/address/print", "?interface=kids"]) == ("/ip/address/print", "?interface=name-1")


def test_the_user_is_hidden_though_everybody_may_have_the_name(mask):
    mask.name("admin")
    assert one(mask, "=name=admin") == "=name=name-1"


@pytest.mark.parametrize(
    "word",
    [
        "=type=bridge",
        "=version=7.20.8 (long-term)",
        "=policy=local,telnet,!ftp",
        "=uptime=1w2d3h4m5s",
        "=time=10:00:00",
        "=gmt-offset=+02:00",
        "=.id=*1F",
        "=bytes=1048576",
        "=min-tx=200ms",
        "=running=true",
        "=chain=forward",
        "=passive=",
        "!re",
    ],
)
def test_what_every_router_may_say_stays(mask, word):
    assert one(mask, word) == word


def test_a_property_that_nobody_has_thought_of_is_a_name(mask):
    assert one(mask, "=new-in-8=Bob's") == "=new-in-8=name-1'name-2"


def test_hardware_addresses(mask):
    assert one(mask, "=mac-address=48:8F:5A:12:34:56") == one(mask, "=admin-mac=48:8f:5a:12:34:56").replace(
        "admin-mac", "mac-address"
    )
    assert "5A" not in one(mask, "=mac-address=48:8F:5A:12:34:56")
