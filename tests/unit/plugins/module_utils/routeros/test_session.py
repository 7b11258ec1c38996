# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of RouterOS are supported."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.session import (
    MINIMUM_VERSION,
    check_version,
)


@pytest.mark.parametrize("text", ["7.16 (stable)", "7.16beta3", "7.23.8 (long-term)", "8.0"])
def test_supported_version(text):
    assert check_version(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("7.15.3 (stable)", ["hap-lite runs RouterOS 7.15.3, expected 7.16 or newer", "ipv4-multipath-hash-policy"]),
        ("7.2", ["runs RouterOS 7.2, expected 7.16 or newer", "channel=long-term"]),
        ("6.49.10 (long-term)", ["runs RouterOS 6.49.10, expected 7.16", "channel=upgrade"]),
        ("", ["its version is ''", "Is it a MikroTik router?"]),
    ],
)
def test_unsupported_version(text, says):
    assert MINIMUM_VERSION == (7, 16)
    message = str(check_version(text, "hap-lite"))
    assert [part for part in says if part not in message] == []
