# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that read neighbours."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.expect import expectation_problems

PARAMS = {
    "router_ids": None,
    "count": None,
    "full_with": [],
    "states": ["Full"],
    "interface": None,
    "exact": False,
    "stable": 0,
    "wait": 0,
    "poll_interval": 2,
    "bfd": False,
}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (
            {"router_ids": ["hap-lite"]},
            "router_ids: 'hap-lite' is not a router id, expected four numbers such as 172.18.0.1",
        ),
        ({"full_with": ["172.18.0.256"]}, "full_with: '172.18.0.256' is not a router id"),
        ({"router_ids": ["0.0.0.0"]}, "router_ids: 0.0.0.0 is not a router id (RFC 2328 C.1)"),
        ({"count": -1}, "count is -1, expected 0 or more"),
        ({"wait": -1}, "wait is -1, expected 0 or more seconds"),
        ({"stable": -0.5}, "stable is -0.5, expected 0 or more seconds"),
        ({"poll_interval": 0}, "poll_interval is 0, expected more than 0 seconds"),
        ({"exact": True}, "exact is true, but nothing is expected"),
    ],
)
def test_bad_expectations_are_told(params, problem):
    problems = expectation_problems(dict(PARAMS, **params))
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@pytest.mark.parametrize("params", [{}, {"router_ids": [], "exact": True}, {"count": 0}, {"full_with": ["172.18.0.1"]}])
def test_good_expectations_are_taken(params):
    assert expectation_problems(dict(PARAMS, **params)) == []
