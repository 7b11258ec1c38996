# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions behind the playbooks of planned work, on variables as Ansible has them."""

from __future__ import annotations

import dataclasses
import importlib
import json
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.context_objects import CLIArgs

from ansible_collections.homelab.anycast.plugins.module_utils.drill.plan import Event

PACKAGE = "ansible_collections.homelab.anycast.plugins.action."
LINK = {"key": "old-secret"}
SIP = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio"}
HOSTVARS: dict[str, dict] = {
    "hap-lite": {
        "routeros_ospf_api": {"hostname": "172.18.0.1", "username": "ansible", "password": "x"},
        "routeros_ospf_interfaces": ["bridge-lan"],
        "routeros_ospf_link": LINK,
        "routeros_ospf_router_id": "172.18.0.1",
    },
    **{
        f"sip{n}": {
            "bird_anycast_interfaces": ["eth0"],
            "bird_anycast_link": LINK,
            "bird_anycast_services": [SIP],
            "bird_anycast_router_id": f"172.18.0.1{n}",
        }
        for n in (1, 2)
    },
    "phones": {"anycast_probe_sources": ["172.18.0.22"]},
}
GROUPS = {
    "all": list(HOSTVARS),
    "anycast_routers": ["hap-lite"],
    "anycast_nodes": ["sip1", "sip2"],
    "anycast_clients": ["phones"],
}
NEIGHBORS = [{"neighbors": [{"router_id": f"172.18.0.1{n}", "address": f"172.18.0.1{n}"} for n in (1, 2)]}]


class Hostvars(dict):
    """As Ansible has them; written and resolved are alike here."""

    def raw_get(self, name):
        return self[name]


LOADER = SimpleNamespace(path_exists=lambda path: False)


@pytest.fixture
def act(monkeypatch):
    """Run an action with variables of the play, and others of the command line."""

    def act(name, given: dict | None = None, called=(), hostvars=HOSTVARS, earlier=None, **arguments):
        module = importlib.import_module(PACKAGE + name)
        task = SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False, action=name, _ds=None)
        templar = SimpleNamespace(template=lambda value: value)
        made = module.ActionModule(task, SimpleNamespace(_shell=None), SimpleNamespace(), LOADER, templar, None)
        monkeypatch.setattr(ActionBase, "run", lambda self, tmp, task_vars: {})
        if name == "anycast_request":
            monkeypatch.setattr(module, "load_extra_vars", lambda loader: given or {})
            monkeypatch.setattr(module.context, "CLIARGS", CLIArgs({"args": tuple(called)}))
        play = {"hostvars": Hostvars(hostvars), "groups": GROUPS, "ansible_play_hosts_all": ["localhost", *hostvars]}
        before = {"__anycast_request": earlier} if earlier else {}
        return made.run(task_vars={**play, **before, **(given or {})})

    return act


# --- anycast_request --------------------------------------------------------------------------------------------------


def test_a_request_is_returned_with_its_defaults(act):
    given = {"anycast_node": "sip2", "anycast_reason": "disk", "anycast_by": "alice"}
    found = act("anycast_request", given, playbook="drain")
    assert (found["changed"], found["node"], found["wait"], found["by"]) == (False, ["sip2"], 60, "alice")
    assert found["prefixes"] == {"sip2": ["172.18.0.64/32"]}
    del given["anycast_by"]
    assert "@" in act("anycast_request", given, playbook="drain")["by"]


def test_what_was_asked_of_the_playbook_that_imports_this_one_is_kept(act):
    """Plays of site that come after preflight, which it imports, ask for the wait of site."""
    outer = act("anycast_request", {"anycast_wait": 7}, playbook="site")
    found = act("anycast_request", earlier=outer, playbook="preflight")
    assert (found["wait"], found["force"], found["routers"]) == (7, False, ["hap-lite"])
    assert "wait" not in act("anycast_request", playbook="preflight")


def test_whoever_runs_it_may_have_no_name(act, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: GROUPS["nobody"])
    by = act("anycast_request", {"anycast_node": "sip2", "anycast_reason": "disk"}, playbook="drain")["by"]
    assert by.partition("@")[0].isdigit()


def test_all_problems_are_told_at_once_and_misspelt_variables_before_them(act):
    given = {"anycast_node": "sip9", "anycast_wait": "soon"}
    with pytest.raises(AnsibleActionFail) as raised:
        act("anycast_request", given, playbook="drain")
    first, *others = raised.value.message.splitlines()
    assert first == "3 problems, nothing was changed:"
    assert [line.split()[1] for line in others] == ["anycast_wait", "anycast_node", "anycast_reason"]
    with pytest.raises(AnsibleActionFail, match="1 problem, nothing was changed:\n- the variable 'forse' is unknown"):
        act("anycast_request", {**given, "forse": True}, playbook="drain")


@pytest.mark.parametrize(
    ("called", "refused"),
    [
        (["homelab.anycast.site"], True),
        (["playbooks/site.yml"], True),
        (["homelab.anycast.drain", "homelab.anycast.site"], False),
        (["mine/site.yml"], False),
        (["homelab.anycast.site", "mine.yml"], False),
    ],
)
def test_a_variable_of_another_playbook(act, monkeypatch, called, refused):
    module = importlib.import_module(PACKAGE + "anycast_request")
    monkeypatch.chdir(module.COLLECTION)
    given = {"anycast_reason": "disk"}
    if refused:
        with pytest.raises(AnsibleActionFail, match="anycast_reason has no effect on site, it is for drain: leave it"):
            act("anycast_request", given, called, playbook="site")
    else:
        assert act("anycast_request", given, called, playbook="site")["wait"] == 60


def test_what_the_inventory_alone_shows_is_said_of_all_hosts_at_once(act):
    hostvars = {**HOSTVARS, "hap-lite": {**HOSTVARS["hap-lite"], "routeros_ospf_cost": "low"}}
    for name in ("sip1", "sip2"):
        hostvars[name] = {**HOSTVARS[name], "bird_anycast_interfaces": None}
    with pytest.raises(AnsibleActionFail) as raised:
        act("anycast_request", hostvars=hostvars, playbook="site")
    assert raised.value.message.splitlines() == [
        "2 problems, nothing was changed:",
        "- hap-lite: routeros_ospf_cost is low, expected a whole number",
        "- sip1, sip2: bird_anycast_interfaces is missing. Define it in the inventory",
    ]


def test_a_variable_of_the_users_play_is_not_missing(act):
    hostvars = {
        **HOSTVARS,
        "sip1": {name: value for name, value in HOSTVARS["sip1"].items() if "interfaces" not in name},
    }
    given = {"bird_anycast_interfaces": "{{ uplinks }}"}
    assert act("anycast_request", given, ["mine.yml"], hostvars=hostvars, playbook="site")
    with pytest.raises(AnsibleActionFail, match="- sip1: bird_anycast_interfaces is missing"):
        act("anycast_request", hostvars=hostvars, playbook="site")


def test_an_ansible_that_is_too_old_is_refused(act, monkeypatch):
    module = importlib.import_module(PACKAGE + "anycast_request")
    monkeypatch.setattr(module, "__version__", "2.16.3")
    with pytest.raises(AnsibleActionFail, match="ansible-core 2.16.3 was found, >=2.19.0 was expected: upgrade"):
        act("anycast_request", playbook="site")


def test_an_inventory_that_cannot_be_read(act, monkeypatch, tmp_path):
    module = importlib.import_module(PACKAGE + "anycast_request")
    (tmp_path / "hosts.yml").write_text("all:\n  hosts: {\n")
    (tmp_path / "good.yaml").write_text("all: {}\nkey: !vault x\n")
    sources = [str(tmp_path), str(tmp_path / "away"), "sip1,"]
    monkeypatch.setattr(module.context, "CLIARGS", CLIArgs({"inventory": sources}))
    first, second = module._unread_inventories()
    assert "hosts.yml cannot be read: expected the node content" in first and "in line 3" in first
    assert second == f"the inventory {tmp_path / 'away'} does not exist: correct -i"


def test_variables_of_the_roles_are_known(act):
    assert act("anycast_request", {"routeros_ospf_allow_interruption": True}, playbook="site")
    with pytest.raises(AnsibleActionFail, match="did you mean 'routeros_ospf_allow_interruption'"):
        act("anycast_request", {"routeros_ospf_allow_interuption": True}, playbook="site")


def test_the_new_key_comes_from_the_environment_and_is_not_returned(act, monkeypatch):
    monkeypatch.setenv("ANYCAST_NEW_KEY", "new-secret")
    found = act("anycast_request", {"anycast_new_key_id": 2}, playbook="rotate_key")
    assert found["new_key_id"] == 2
    assert "secret" not in json.dumps(found)
    with pytest.raises(AnsibleActionFail, match="anycast_new_key_id is 1, which is the key_id of the inventory"):
        act("anycast_request", {"anycast_new_key_id": 1}, playbook="rotate_key")


def test_each_drill_is_told_from_the_others(act, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"anycast_node": "sip1", "anycast_drill_events": "drain", "anycast_drill_consent": True}
    first, second = (act("anycast_request", given, playbook="drill") for _time in range(2))
    assert first["id"] != second["id"]
    assert (first["events"][0]["title"], first["report"]) == ("drain of sip1", str(tmp_path / "anycast-drill"))


def test_a_variable_that_cannot_be_resolved_names_its_host(act):
    class Broken(dict):
        def get(self, name, default=None):
            raise KeyError(name)

    hostvars = {**HOSTVARS, "sip2": Broken()}
    with pytest.raises(AnsibleActionFail, match="- sip2: bird_anycast_services cannot be resolved"):
        act("anycast_request", {"anycast_node": "sip2"}, hostvars=hostvars, playbook="undrain")


# --- anycast_last_node ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drains", "left"),
    [
        ([{"item": "sip2", "records": []}], True),
        ([{"item": "sip2", "unreachable": True}], True),
        ([{"item": "sip2", "records": [{"service": None, "by": "me", "since": "t", "reason": "disk"}]}], False),
    ],
)
def test_a_drain_would_leave_no_node_where_the_other_is_drained_too(act, drains, left):
    found = act(
        "anycast_last_node",
        node="sip1",
        services=[SIP],
        neighbors=NEIGHBORS,
        next_hops=[{"item": ["hap-lite", "172.18.0.64/32"], "gateways": ["172.18.0.11", "172.18.0.12"]}],
        drains=drains,
    )
    assert found.get("failed", False) is not left
    assert left or found["msg"] == (
        "172.18.0.64/32 of service 'sip' would be left without a node: hap-lite sends it to no other that stays (sip2"
        " is being drained too). Undrain another node first, or go on without any: -e anycast_force=true"
    )


# --- anycast_drill ----------------------------------------------------------------------------------------------------


def test_hosts_that_are_not_ready(act):
    results = [{"item": "sip1"}, {"item": "sip2", "unreachable": True, "msg": "no route"}]
    assert act("anycast_drill", step="ready", results=results[:1]) == {"changed": False}
    with pytest.raises(AnsibleActionFail) as caught:
        act("anycast_drill", step="ready", results=results)
    assert caught.value.message == "1 problem, nothing was broken:\n- sip2 cannot be reached: no route"
    # Later, something may have been broken; this is the reason in the report.
    found = act("anycast_drill", step="ready", results=results, event={"number": 1})
    assert (found["failed"], found["msg"]) == (True, "sip2 cannot be reached: no route")


def test_nodes_that_serve_no_client(act):
    events = [{"node": "sip1"}]
    assert "failed" not in act("anycast_drill", step="served", events=events, results=[{"answered_by": ["sip1"]}])
    with pytest.raises(AnsibleActionFail, match="nothing was broken:\n- sip1 serves none of the clients"):
        act("anycast_drill", step="served", events=events, results=[{"answered_by": ["sip2", None]}])


@pytest.fixture
def router_event():
    fields = dict.fromkeys(field.name for field in dataclasses.fields(Event))
    return {**fields, "event": "router_cut", "router": "hap2", "node": ""}


def test_an_event_of_a_router_needs_no_node_that_serves_a_client(act, router_event):
    assert "failed" not in act(
        "anycast_drill", step="served", events=[router_event], results=[{"answered_by": ["sip2"]}]
    )


@pytest.mark.parametrize(("gateways", "alike"), [(["172.18.0.11"], True), (["172.18.0.12"], False)])
def test_the_other_routers_have_the_same_next_hops(act, router_event, gateways, alike):
    neighbors = [{**NEIGHBORS[0], "item": name} for name in ("hap1", "hap2")]
    for_one = {"item": ["hap1", "172.18.0.64/32"], "gateways": gateways}
    for_other = {"item": ["hap2", "172.18.0.64/32"], "gateways": ["172.18.0.11"]}
    found = act("anycast_drill", step="alike", event=router_event, neighbors=neighbors, results=[for_one, for_other])
    assert found.get("failed", False) is not alike
    assert alike or found["msg"].startswith(
        "172.18.0.64/32: hap1 sends clients to 172.18.0.12, and hap2 sends clients to 172.18.0.11"
    )


@pytest.mark.parametrize(("answer", "away"), [({"msg": "no answer"}, True), ({"neighbors": []}, True), (None, False)])
def test_a_router_that_is_not_away(act, router_event, answer, away):
    full = {"neighbors": [{"router_id": "172.18.0.11", "state": "Full"}]}
    given = {"event": router_event, "router_ids": ["172.18.0.11"], "results": [answer or full]}
    found = act("anycast_drill", step="away", **given)
    assert found.get("failed", False) is not away
    assert away or found["msg"].startswith("hap2 still answers, and has 172.18.0.11 as Full neighbours")


def test_from_an_event_to_the_report(act):
    pytest.importorskip("matplotlib")
    given = {"anycast_node": "sip1", "anycast_drill_events": "drain", "anycast_drill_consent": True}
    (event,) = act("anycast_request", given, playbook="drill")["events"]
    runs = [{"first": 0.0, "last": 20.0, "probes": 401, "answered_by": "sip1", "reason": None}]
    changes = [(None, 995.0, ["172.18.0.11"]), (1000.1, 1000.2, ["172.18.0.12"])]
    measured = {
        "broken": {"at": 1000.0},
        "mended": {"at": 1010.0},
        "clocks": [{"item": name, "offset": 0.0, "uncertainty": 0.02} for name in ("sip1", "phones")],
        "probes": [
            {
                "item": {"item": {"item": "phones"}},
                "began": 995.0,
                "results": [{"source": "172.18.0.22", "runs": runs}],
            }
        ],
        "watches": [
            {
                "item": {"item": "hap-lite"},
                "changes": [{"after": after, "by": by, "gateways": hops} for after, by, hops in changes],
            }
        ],
    }
    result = act("anycast_drill", step="result", event=event, measured=measured, addresses=["172.18.0.11"])["result"]
    assert (result["ok"], result["lost"], result["router_changed_s"]) == (True, 0, 0.2)
    failed = act("anycast_drill", step="failure", event=event, failure={"msg": "no power"})["result"]
    assert failed["problems"] == ["not measured: no power"]
    found = act("anycast_drill", step="report", time="2026-11-22T10:00:00Z", by="alice", results=[result, failed])
    assert found["lines"][0] == "1 of 2 events not within the limits: drain of sip1"
    assert [len(shown["pictures"]) for shown in found["page"]["events"]] == [1, 0]
    json.dumps(found)
