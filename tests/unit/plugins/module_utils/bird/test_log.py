# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines as BIRD 2.17.5 wrote them in the lab."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.log import Refusal, parse_refusals

AUTHENTICATION = "anycast: Authentication failed for nbr 172.18.0.1 on enp0s11 - wrong authentication code (0)"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (AUTHENTICATION, "authentication failed, wrong authentication code"),
        (
            "anycast: Bad HELLO packet from nbr 172.18.0.1 on enp0s11 - dead interval mismatch (12)",
            "dead interval mismatch (12)",
        ),
        (
            "anycast: MTU mismatch with nbr 172.18.0.1 on enp0s11 (remote 1500, local 1400)",
            "MTU mismatch (remote 1500, local 1400)",
        ),
        ("anycast: Bad packet from 172.18.0.1 via enp0s11 - area mismatch (16843009)", "area mismatch (1.1.1.1)"),
        ("anycast: Bad packet from 172.18.0.1 via enp0s11 - my own router ID (2886860811)", "my own router ID"),
    ],
)
def test_each_refusal(line, reason):
    assert parse_refusals(line) == [Refusal("172.18.0.1", "enp0s11", reason, 1)]


def test_counted_by_sender_and_reason():
    other = AUTHENTICATION.replace("172.18.0.1 ", "172.18.0.11 ")
    found = parse_refusals("\n".join([AUTHENTICATION, "Reconfigured", other, AUTHENTICATION]))
    assert [(entry.sender, entry.count) for entry in found] == [("172.18.0.1", 2), ("172.18.0.11", 1)]


def test_what_is_no_refusal():
    assert parse_refusals("anycast: Inactivity timer expired for nbr 172.18.0.1 on enp0s11\n\nStarted\n") == []
