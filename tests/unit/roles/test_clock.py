# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's time, with which the clocks of both ends are compared, is the same in every time zone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

READ = Path(__file__).parents[3] / "roles" / "bird_anycast" / "tasks" / "read.yml"


@pytest.mark.parametrize("zone", ["UTC0", "CET-1", "EST5"])
def test_the_controllers_time(monkeypatch, zone):
    (expression,) = [task["homelab.anycast.anycast_node_info"]["now"] for task in yaml.safe_load(READ.read_text())[:1]]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = Templar(DataLoader()).template(trust_as_template(expression))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs(float(found) - time.time()) < 1800
