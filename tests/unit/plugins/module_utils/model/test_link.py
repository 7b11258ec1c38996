# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model import limits
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import KEY_OCTETS, LinkError, normalise_link

KEY = {"key": "a-good-key"}


def test_only_a_key_is_needed():
    assert normalise_link(KEY).as_dict() == {
        "area": "0.0.0.0",
        "network_type": "broadcast",
        "hello_interval": 1,
        "dead_interval": 4,
        "retransmit_interval": 2,
        "authentication": "sha256",
        "key_id": 1,
        "key": "a-good-key",
        "accept_key": None,
        "accept_key_id": None,
        "bfd": False,
        "bfd_interval": None,
        "bfd_multiplier": None,
    }


@pytest.mark.parametrize(
    "given, key, expected",
    [
        ({"area": 0}, "area", "0.0.0.0"),
        ({"area": "10"}, "area", "0.0.0.10"),
        ({"area": "0.0.0.1"}, "area", "0.0.0.1"),
        ({"hello_interval": "2"}, "hello_interval", 2),
        ({"hello_interval": None}, "hello_interval", 1),
        ({"hello_interval": 3, "dead_interval": 4}, "dead_interval", 4),
        ({"authentication": "none", "key": None}, "key_id", None),
        ({"authentication": "simple", "key": "12345678"}, "key_id", None),
        ({"authentication": "md5", "key": 12345678}, "key", "12345678"),
        ({"accept_key": "another", "accept_key_id": "2"}, "accept_key_id", 2),
        ({"accept_key": "", "accept_key_id": 2}, "accept_key_id", None),
        ({"bfd": True}, "bfd_interval", 200),
        ({"bfd": "yes"}, "bfd_multiplier", 5),
        ({"bfd": True, "bfd_interval": "1000", "bfd_multiplier": 3}, "bfd_interval", 1000),
        ({"bfd": "False", "bfd_interval": 300}, "bfd_interval", None),
    ],
)
def test_accepted(given, key, expected):
    assert getattr(normalise_link({**KEY, **given}), key) == expected


@pytest.mark.parametrize(
    "given, words",
    [
        ({"dead_interval": 1}, ["dead_interval is 1 s", "more than hello_interval, which is 1 s"]),
        ({"hello_interval": 5}, ["dead_interval is 4 s", "more than hello_interval, which is 5 s"]),
        ({"hello_interval": 0}, ["hello_interval is '0'", "whole seconds 1 to 65535"]),
        ({"hello_interval": 65536}, ["hello_interval is '65536'"]),
        ({"hello_interval": "3s"}, ["hello_interval is '3s'"]),
        ({"hello_interval": True}, ["hello_interval is 'True'"]),
        ({"retransmit_interval": 1.5}, ["retransmit_interval is '1.5'"]),
        ({"area": "backbone"}, ["area is 'backbone'", "dotted quad"]),
        ({"network_type": "nbma"}, ["network_type is 'nbma'", "broadcast, ptp"]),
        ({"authentication": "sha-256"}, ["authentication is 'sha-256'", "none, simple, md5, sha1, sha256"]),
        ({"authentication": "none"}, ["a key is set", "'none'"]),
        ({"authentication": "none", "key": None, "accept_key": "b"}, ["a key is set", "'none'"]),
        ({"key": ""}, ["key is empty"]),
        ({"accept_key": "b"}, ["accept_key_id is 'None'", "1 to 255"]),
        ({"accept_key": "b", "accept_key_id": 1}, ["accept_key_id is 1", "a different number from key_id"]),
        ({"accept_key": "with space", "accept_key_id": 2}, ["accept_key has a character outside"]),
        ({"authentication": "md5", "accept_key": "b" * 17, "accept_key_id": 2}, ["accept_key has 17 octets"]),
        ({"authentication": "simple", "key": "b", "accept_key": "c"}, ["accept_key is set", "'simple'", "md5, sha1"]),
        ({"bfd": "maybe"}, ["bfd is 'maybe'", "true or false"]),
        ({"bfd": True, "bfd_interval": 9}, ["bfd_interval is '9'", "milliseconds 10 to 60000"]),
        ({"bfd": True, "bfd_interval": "200ms"}, ["bfd_interval is '200ms'"]),
        ({"bfd": True, "bfd_multiplier": 0}, ["bfd_multiplier is '0'", "1 to 255"]),
        ({"bfd": True, "bfd_multiplier": 256}, ["bfd_multiplier is '256'"]),
        (
            {"bfd": True, "bfd_interval": 1000, "bfd_multiplier": 4},
            ["is 4 s", "less than dead_interval, which is 4 s"],
        ),
        ({"bfd": True, "dead_interval": 4, "bfd_interval": 900}, ["is 4.5 s", "which is 4 s"]),
        ({"key_id": 0}, ["key_id is '0'", "1 to 255"]),
        ({"key_id": 256}, ["key_id is '256'"]),
        ({"key": "with space"}, ["printable ASCII"]),
        ({"key": 'with"quote'}, ["quote"]),
        ({"key": "ключ"}, ["printable ASCII"]),
        ({"key": "yes"}, ["reads as a boolean"]),
        ({"hello": 3}, ["unknown key 'hello'", "did you mean 'hello_interval'"]),
        ({"zzz": 3}, ["unknown key 'zzz'", "expected any of: area"]),
    ],
)
def test_refused(given, words):
    with pytest.raises(LinkError) as error:
        normalise_link({**KEY, **given})
    assert [word for word in words if word not in str(error.value)] == []


@pytest.mark.parametrize("kind, octets", sorted(KEY_OCTETS.items()))
def test_key_length(kind, octets):
    assert normalise_link({"authentication": kind, "key": "k" * octets}).key == "k" * octets
    with pytest.raises(
        LinkError, match=f"key has {octets + 1} octets, authentication '{kind}' carries at most {octets}"
    ):
        normalise_link({"authentication": kind, "key": "k" * (octets + 1)})


def test_all_problems_at_once_and_never_the_key():
    with pytest.raises(LinkError) as error:
        normalise_link(
            {"area": "x", "hello_interval": 9, "dead_interval": 5, "authentication": "simple", "key": "too-long-a-key"}
        )
    text = str(error.value)
    assert "area is 'x'" in text and "dead_interval is 5 s" in text and "key has 14 octets" in text
    assert "too-long-a-key" not in text


@pytest.mark.parametrize("given", [None, "sha256", ["key"]])
def test_not_a_dictionary(given):
    with pytest.raises(LinkError, match="expected a dictionary"):
        normalise_link(given)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("bird_anycast_priority", [0, 255], [-1, 256]),
        ("bird_anycast_cost", [1, "65535"], [0, "65536"]),
        ("bird_anycast_withdraw_wait", [0, "1.5", 20], [-0.5, 20.5]),
        ("routeros_ospf_priority", [0, 255], [-1, 256]),
        ("routeros_ospf_cost", [1, 65535], [0, 65536]),
        ("anycast_wait", [0, "60"], [-1, "3601", "soon", "", None, "nan"]),
    ],
)
def test_ranges(name, good, bad):
    for value in good:
        assert limits.limit_problems({name: value}) == []
    for value in bad:
        (problem,) = limits.limit_problems({name: value})
        assert problem.startswith(f"{name} is {value}, expected ")


def test_all_at_once():
    assert limits.limit_problems({"bird_anycast_cost": 0, "bird_anycast_priority": 300}) == [
        "bird_anycast_cost is 0, expected 1 to 65535",
        "bird_anycast_priority is 300, expected 0 to 255",
    ]
