# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins, with the host and the module behind them replaced."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

PACKAGE = "ansible_collections.homelab.anycast.plugins.action."


@pytest.fixture
def action(monkeypatch):
    """Return a function that makes the action of a task with these arguments."""

    def action(name, **arguments):
        module = importlib.import_module(PACKAGE + name)
        task = SimpleNamespace(
            args=arguments, async_val=0, check_mode=False, diff=False, action=f"homelab.anycast.{name}"
        )
        made = module.ActionModule(task, SimpleNamespace(_shell=None), SimpleNamespace(), None, None, None)
        # What the base class does needs a connection, and is Ansible's.
        monkeypatch.setattr(module.ActionBase, "run", lambda self, tmp, task_vars: {})
        return made

    return action


# --- anycast_clock ----------------------------------------------------------------------------------------------------


def test_how_far_a_clock_is_ahead(action, monkeypatch):
    clock = action("anycast_clock")
    now = iter(1000 + 0.1 * number for number in range(100))
    monkeypatch.setattr(importlib.import_module(PACKAGE + "anycast_clock").time, "time", lambda: next(now))
    # The host says the time half way between question and answer, and two seconds more.
    asked = iter(range(100))
    clock._low_level_execute_command = lambda command: {
        "stdout": f"{1002.05 + 0.2 * next(asked):.9f}\n",
        "stderr": "",
    }
    result = clock.run(task_vars={})
    assert result["offset"] == pytest.approx(2.0) and result["uncertainty"] == pytest.approx(0.05)
    assert result["changed"] is False


def test_the_quickest_answer_tells_the_time(action, monkeypatch):
    clock = action("anycast_clock")
    ours = iter([0.0, 1.0, 10.0, 10.2, 20.0, 22.0, 30.0, 31.0, 40.0, 41.0])
    theirs = iter(["5.9", "15.11", "25.9", "35.9", "45.9"])
    monkeypatch.setattr(importlib.import_module(PACKAGE + "anycast_clock").time, "time", lambda: next(ours))
    clock._low_level_execute_command = lambda command: {"stdout": f"{next(theirs)}\n", "stderr": ""}
    assert clock.run(task_vars={}) == {"changed": False, "offset": 5.01, "uncertainty": 0.1}


def test_a_host_whose_date_knows_no_fraction(action):
    clock = action("anycast_clock")
    clock._low_level_execute_command = lambda command: {"stdout": "", "stderr": "date: invalid format"}
    result = clock.run(task_vars={})
    assert result["failed"] and "date +%s.%N on this host: " in result["msg"]
    assert "expected seconds with a fraction, as of GNU coreutils" in result["msg"]


# --- routeros_api_modify ----------------------------------------------------------------------------------------------

ROW = {"name": "x", "auth-key": "old-secret"}
AFTER = {"name": "x", "auth-key": "new-secret"}


def modify(action, old, **options):
    plugin = action("routeros_api_modify", path="routing ospf interface-template", username="ansible", **options)
    seen = {}

    def execute(**given):
        seen.update(given)
        return {"changed": True, "old_data": [old], "new_data": [AFTER], "diff": {"before": {"data": [old]}}}

    plugin._execute_module = execute
    return plugin.run(task_vars={"inventory_hostname": "hap-lite"}), seen


def test_no_secret_comes_back_from_api_modify(action):
    result, seen = modify(action, ROW)
    assert "secret" not in str(result)
    assert result["changed"] and result["old_data"][0]["name"] == "x"
    # Nor does one reach the controller's syslog.
    assert seen["module_name"] == "community.routeros.api_modify"
    assert seen["task_vars"] == {"inventory_hostname": "hap-lite", "ansible_no_target_syslog": True}
    assert "secret_properties" not in seen["module_args"]


def test_other_properties_may_be_secret(action):
    result, _seen = modify(action, {"name": "x", "password": "p"}, secret_properties=["password", "auth-key"])
    assert result["old_data"] == [{"name": "x", "password": "(hidden)"}]


def test_a_user_who_cannot_read_secrets_is_told(action):
    """Else the key would be written on every run."""
    result, _seen = modify(action, {"name": "x", "auth-key": "*****"})
    assert result["failed"]
    assert "shows auth-key as ***** to the user ansible: its group lacks the policy 'sensitive'" in result["msg"]
