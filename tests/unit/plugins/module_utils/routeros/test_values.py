# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing values as RouterOS does."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import (
    address_and_subnet,
    flag,
    parse_duration,
    parse_version,
    routeros_duration,
    split_list,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("7.20.8 (long-term)", (7, 20, 8)),
        ("7.16", (7, 16, 0)),
        ("7.24rc1 (testing)", (7, 24, 0)),
        ("6.49.10 (long-term)", (6, 49, 10)),
        (7.16, (7, 16, 0)),
        ("", None),
        ("FRR", None),
    ],
)
def test_version(text, version):
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("36s", 36),
        ("1h26m4s", 5164),
        ("6w2d17h5m16s", 6 * 604800 + 2 * 86400 + 17 * 3600 + 5 * 60 + 16),
        ("200ms", 0.2),
        ("3s210ms", 3.21),
        ("12m", 720),
        ("00:00:36", 36),
        ("0s", 0),
        (36, 36),
        (None, None),
        ("", None),
        ("soon", None),
        ("a:b:c", None),
        ("3s1h", None),
    ],
)
def test_duration(text, seconds):
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("row", "is_set"),
    [
        ({}, False),
        ({"a": True}, True),
        ({"a": "true"}, True),
        ({"a": ""}, True),
        ({"a": False}, False),
        ({"a": "false"}, False),
    ],
)
def test_flag(row, is_set):
    assert flag(row, "a") is is_set


def test_names_in_a_list():
    assert split_list("ether1, bridge-lan,") == ["ether1", "bridge-lan"]
    assert split_list(None) == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"address": "172.18.0.1/26", "network": "172.18.0.0"}, ("172.18.0.1", "172.18.0.0/26")),
        # Point-to-point: the network is the other end.
        ({"address": "192.0.2.1/32", "network": "192.0.2.2"}, ("192.0.2.1", "192.0.2.2/32")),
        ({"address": "192.0.2.1/32"}, ("192.0.2.1", "192.0.2.1/32")),
    ],
)
def test_subnet_of_an_address(row, expected):
    assert tuple(map(str, address_and_subnet(row))) == expected


@pytest.mark.parametrize("row", [{}, {"address": "2001:db8::1/64"}])
def test_no_address(row):
    with pytest.raises(ValueError, match="expected 4 octets|Expected 4 octets|Unexpected"):
        address_and_subnet(row)


@pytest.mark.parametrize(
    "seconds, text", [(4, "4s"), (60, "1m"), (90, "1m30s"), (3723, "1h2m3s"), (65535, "18h12m15s"), (604800, "1w")]
)
def test_seconds_as_routeros_prints_them(seconds, text):
    assert routeros_duration(seconds) == text


@pytest.mark.parametrize(
    "milliseconds, text", [(0, "0s"), (200, "200ms"), (1000, "1s"), (1500, "1s500ms"), (60000, "1m")]
)
def test_milliseconds_as_routeros_prints_them(milliseconds, text):
    assert routeros_duration(milliseconds=milliseconds) == text
