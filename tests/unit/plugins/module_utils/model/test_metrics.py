# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model.metrics import gauge


def test_a_gauge():
    samples = [({}, 1795000000), ({"service": "sip", "why": 'a\\b "c"\nd'}, True)]
    assert gauge("anycast_x", "What it is.", samples) == (
        "# HELP anycast_x What it is.\n"
        "# TYPE anycast_x gauge\n"
        "anycast_x 1795000000\n"
        'anycast_x{service="sip",why="a\\\\b \\"c\\"\\nd"} 1\n'
    )
