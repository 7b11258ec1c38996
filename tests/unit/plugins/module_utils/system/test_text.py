# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.system.text import lines


def test_aligned_with_heading():
    rows = [
        {"router_id": "172.18.0.11", "state": "Full", "ecmp": True, "names": ["a", "b"], "more": 1},
        {"router_id": "172.18.0.2", "state": None, "ecmp": False, "names": []},
    ]
    assert lines(rows, ["router_id", "state", "ecmp", "names"]) == [
        "router id    state  ecmp  names",
        "172.18.0.11  Full   yes   a, b",
        "172.18.0.2   -      no",
    ]
