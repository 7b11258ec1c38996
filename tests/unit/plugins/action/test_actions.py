# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins, with the host and the module behind them replaced."""

from __future__ import annotations

import hashlib
import importlib
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils import waiting

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
        monkeypatch.setattr(ActionBase, "run", lambda self, tmp, task_vars: {})
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


def test_each_row_gets_the_key(action):
    _result, seen = modify(action, ROW, data=[{"name": "x"}, {"name": "y"}], auth_key=12345)
    assert seen["module_args"]["data"] == [{"name": "x", "auth-key": "12345"}, {"name": "y", "auth-key": "12345"}]
    assert "auth_key" not in seen["module_args"]


def test_a_user_who_cannot_read_secrets_is_told(action):
    """Else the key would be written on every run."""
    result, _seen = modify(action, {"name": "x", "auth-key": "*****"})
    assert result["failed"]
    assert "shows auth-key as ***** to the user ansible: its group lacks the policy 'sensitive'" in result["msg"]


@pytest.fixture
def failing(action, monkeypatch):
    """A router that cannot be written so many times: what the task says, and how often it was tried."""
    now = [0.0]
    sleeping = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(waiting, "time", sleeping)

    def failing(times, **options):
        plugin = action("routeros_api_modify", path="x", username="ansible", data=[], auth_key="new-secret", **options)
        tries = []

        def execute(**given):
            tries.append(given["module_args"])
            failed = {"failed": True, "msg": "Module failed: Error while connecting: timed out."}
            return failed if len(tries) <= times else {"changed": True, "old_data": [ROW], "new_data": [AFTER]}

        plugin._execute_module = execute
        result = plugin.run(task_vars={"inventory_hostname": "hap-lite"})
        assert all({"retry", "advice"}.isdisjoint(arguments) for arguments in tries)
        return result, len(tries)

    return failing


def test_a_write_that_fails_is_tried_again_for_some_seconds(failing):
    result, tries = failing(3, retry=2)
    assert (result["changed"], result.get("failed"), tries) == (True, None, 4)
    result, tries = failing(9, retry=2, advice="Correct the cause.")
    assert (result["failed"], tries) == (True, 5)
    assert result["msg"] == "Error while connecting: timed out. Correct the cause."


def test_without_retry_it_is_tried_once(failing):
    result, tries = failing(9)
    assert (result["msg"], tries) == ("Module failed: Error while connecting: timed out.", 1)


# --- routeros_ospf_plan -----------------------------------------------------------------------------------------------

LOGIN = {"hostname": "172.18.0.1", "username": "ansible", "password": "lab-password"}
VARIABLES: dict = {
    "link": {"key": "old-secret"},
    "router_id": "172.18.0.1",
    "interfaces": ["bridge-lan"],
    "instance": "anycast",
    "area": "anycast",
    "comment": "homelab.anycast",
    "priority": "128",
    "cost": 1,
    "prefixes": ["172.18.0.64", "2001:db8:64::64"],
    "filter_chain": "anycast-in",
    "distribution": "per_client",
    "send_redirects": "no",
    "allow_interruption": False,
}
INFO = {
    "interfaces": [{"name": "bridge-lan", "disabled": False}],
    "addresses": [],
    "ipv6_addresses": [],
    "ospf": {"instances": [], "areas": [], "interface_templates": [], "neighbors": []},
    "bfd": {"configurations": []},
    "filter": {"rules": []},
    "ip_settings": {},
    "ipv6_settings": {},
    "firewall": {"ipv6_filter": [{".id": "*1", "chain": "output", "action": "accept"}], "interface_lists": {}},
}
HOSTVARS = {"hap-lite": {"routeros_ospf_router_id": "172.18.0.1"}, "sip1": {"bird_anycast_router_id": "172.18.0.1"}}


def plan(action, answer=None, accept_key=None, **options):
    """Return the plan, and the arguments of each look at the router."""
    link = {**VARIABLES["link"], **({"accept_key": accept_key, "accept_key_id": 2} if accept_key else {})}
    plugin = action("routeros_ospf_plan", **LOGIN, variables={**VARIABLES, "link": link}, **options)
    looks = []

    def execute(module_name, module_args, task_vars):
        looks.append((module_name, module_args))
        return {"changed": False, "invocation": {}, "_ansible_parsed": True, "warnings": ["slow"], **(answer or INFO)}

    plugin._execute_module = execute
    return plugin.run(task_vars={"inventory_hostname": "hap-lite", "hostvars": HOSTVARS}), looks


def test_a_plan_reads_the_router_once(action):
    found, looks = plan(action, routes_to=["172.18.0.64/32"])
    ((name, arguments),) = looks
    assert name == "homelab.anycast.routeros_info"
    assert {name: arguments[name] for name in LOGIN} == LOGIN and arguments["prefixes"] == ["172.18.0.64/32"]
    assert (found["info"], found["warnings"]) == (INFO, ["slow"])
    assert len(found["templates"]["rows"]) == 2 and found["ip_settings"]["send-redirects"] is False


def test_a_plan_has_no_secret(action):
    found, looks = plan(action)
    assert "secret" not in str(found) and "lab-password" not in str(found)
    # To the module goes its hash.
    assert "old-secret" not in str(looks) and len(looks[0][1]["auth_key_sha256"]) == 64
    assert "new_key_sha256" not in looks[0][1]


def test_a_plan_knows_of_the_other_hosts_and_of_the_packet_filter(action):
    found, _looks = plan(action)
    id_problem, rule_problem = found["problems"]
    assert "router id of sip1 too" in id_problem
    assert "rule *1 of /ipv6/firewall/filter (chain output, action accept) lets ICMPv6 redirects out" in rule_problem


def test_a_plan_that_was_made_is_returned_as_long_as_the_variables_are_the_same(action):
    # By preflight, which reads the routes too.
    made, _looks = plan(action, routes_to=["172.18.0.64/32"])
    found, looks = plan(action, made=made)
    assert (found, looks) == (made, [])
    found, looks = plan(action, made=made, purpose="remove")
    assert len(looks) == 1 and found["templates"]["rows"] == []


def test_a_plan_without_a_service(action):
    found, _looks = plan(action, removed_addresses=["2001:db8:64::64"])
    assert len(found["templates"]["rows"]) == 1


def test_a_plan_for_a_new_key(action):
    found, looks = plan(action, accept_key="new-secret", new_key_id="2")
    # It learns whether a router that has the new key_id has this key.
    assert looks[0][1]["new_key_sha256"] == hashlib.sha256(b"new-secret").hexdigest()
    assert "secret" not in str(found) + str(looks[0][1])
    assert "the router has no interface template with the comment" in found["problems"][0]
    assert found["templates"]["rows"][0]["auth-id"] == 2 and found["moved"] is False


def test_no_plan_for_a_router_that_cannot_be_read(action):
    found, _looks = plan(action, {"failed": True, "msg": "no route to host"})
    assert found["failed"] and found["msg"] == "no route to host"


# --- routeros_bootstrap_plan ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_how_the_first_contact_logs_in(action, tmp_path, there):
    ca = tmp_path / "router-ca.pem"
    target = {"hostname": "172.18.0.1", "username": "ansible", "password": "new", "tls": True, "ca_path": str(ca)}
    plugin = action(
        "routeros_bootstrap_plan",
        login={"hostname": "172.18.0.1", "username": "admin", "password": "sticker"},
        target={**target, "validate_cert_hostname": True},
        allowed=["172.18.0.0/26"],
        group="anycast",
    )
    plugin._loader = SimpleNamespace(path_exists=lambda path: path == str(ca) and there)
    hosts = {"hap-lite": {"routeros_bootstrap_target": target}, "other": {"routeros_bootstrap_target": target}}
    found = plugin.run(
        task_vars={"inventory_hostname": "hap-lite", "hostvars": hosts, "ansible_play_hosts_all": list(hosts)}
    )
    assert found["login"].get("tls", False) is there
    assert "sticker" not in str(found) and "new" not in found["login"].values()
    (problem,) = found["problems"]
    assert "for a second router too" in problem


# --- anycast_attempt --------------------------------------------------------------------------------------------------


def test_what_a_host_says_and_that_it_is_away_are_results(action):
    attempt = action("anycast_attempt", module="homelab.anycast.bird_info", options={"table": 1})
    asked = []

    def execute(**arguments):
        asked.append((arguments["module_name"], arguments["module_args"]))
        return {"failed": True, "msg": "BIRD is away", "invocation": {}, "changed": False}

    attempt._execute_module = execute
    assert attempt.run(task_vars={}) == {"changed": False, "reached": True, "msg": "BIRD is away"}
    assert asked == [("homelab.anycast.bird_info", {"table": 1})]

    def away(**arguments):
        raise AnsibleConnectionFailure("no route to host")

    attempt._execute_module = away
    assert attempt.run(task_vars={}) == {"changed": False, "reached": False, "msg": "no route to host"}


# --- anycast_refuse ---------------------------------------------------------------------------------------------------


def test_all_problems_are_one_text(action):
    away = {"reached": False, "msg": "no route to host"}
    answers = {"sip1": away, "sip2": {"reached": True, "ping": "pong"}, "sip3": away}
    results = [{"changed": False}, {"msg": "Task failed: c\nd"}, {"msg": "Task failed: c\nd"}]
    refuse = action("anycast_refuse", problems=["a\nb"], results=results, answers=answers, advice="Start it")
    with pytest.raises(AnsibleActionFail) as caught:
        refuse.run(task_vars={})
    assert caught.value.message == (
        "3 problems, nothing was changed:\n- a\n  b\n- c\n  d\n"
        "- sip1, sip3: cannot be reached (no route to host). Start it"
    )


def test_without_a_problem_nothing_is_refused(action):
    refuse = action("anycast_refuse", answers={"sip1": {"reached": True}})
    assert refuse.run(task_vars={}) == {"changed": False}
