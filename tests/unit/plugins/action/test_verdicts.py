# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions that look at the whole system: what they take from the variables of its hosts, and how they refuse."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import Neighbor

LINK = {"key": "secret-key"}
SIP = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio"}
FACTS = {
    "kin": ["debian"],
    "interfaces": {"enp0s11": {"active": True, "mtu": 1500, "addresses": ["172.18.0.11/26"]}},
}
PLAN = {"info": {"facts": FACTS, "rp_filter": {}}, "problems": []}


class Broken(dict):
    """Variables of which some refer to what does not exist."""

    def get(self, name, default=None):
        if name == "bird_anycast_services":
            raise AnsibleUndefinedVariable(f"'vault_{name}' is undefined")
        return super().get(name, default)


@pytest.fixture
def hostvars():
    node = {"bird_anycast_services": [SIP], "bird_anycast_link": LINK, "bird_anycast_interfaces": ["enp0s11"]}
    router = {"routeros_ospf_router_id": "172.18.0.1", "routeros_ospf_link": LINK}
    return {
        "hap-lite": {
            **router,
            "__routeros_ospf_plan": {"info": {"interfaces": [], "version": "7.20.8"}, "problems": []},
        },
        "sip1": {**node, "bird_anycast_router_id": "172.18.0.11", "__bird_anycast_plan": PLAN},
        "sip2": {**node, "bird_anycast_router_id": "172.18.0.12"},
    }


@pytest.fixture
def run(hostvars, monkeypatch):
    """Return a function that runs an action where --limit has left sip2 out."""

    def run(name, hosts=("hap-lite", "sip1"), clients=(), **arguments):
        module = importlib.import_module(f"ansible_collections.homelab.anycast.plugins.action.{name}")
        task = SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False, action=name)
        action = module.ActionModule(task, SimpleNamespace(_shell=None), SimpleNamespace(), None, None, None)
        monkeypatch.setattr(ActionBase, "run", lambda self, tmp, task_vars: {})
        groups = {"anycast_routers": ["hap-lite"], "anycast_nodes": ["sip1", "sip2"], "anycast_clients": clients}
        return action.run(
            task_vars={"hostvars": hostvars, "groups": groups, "ansible_play_hosts_all": ["localhost", *hosts]}
        )

    return run


@pytest.mark.parametrize("name", ["anycast_preflight", "anycast_diagnosis", "anycast_targets", "anycast_status"])
def test_an_action_refuses_an_option_that_is_not_documented(run, name):
    with pytest.raises(AnsibleActionFail, match="Unsupported parameters"):
        run(name, fale=False)


def test_an_action_refuses_a_value_that_its_documentation_excludes(run):
    with pytest.raises(AnsibleActionFail, match="unable to convert to bool"):
        run("anycast_diagnosis", fail="perhaps")


def refusal(run, name, **more):
    with pytest.raises(AnsibleActionFail) as raised:
        run(name, **more)
    return raised.value.message


# --- anycast_preflight ------------------------------------------------------------------------------------------------


def test_a_system_without_problems(run):
    assert run("anycast_preflight") == {"changed": False, "msg": "No problem was found"}


def test_a_refusal_has_what_a_host_said_of_itself(run, hostvars):
    hostvars["sip1"]["__bird_anycast_plan"] = {**PLAN, "problems": ["its disk is full", "its BIRD is old"]}
    assert refusal(run, "anycast_preflight") == (
        "2 problems, nothing was changed:\n- sip1: its disk is full\n- sip1: its BIRD is old"
    )


def test_of_a_host_that_is_unreachable_nothing_else_is_said(run, hostvars):
    hostvars["sip1"]["__bird_anycast_plan"] = {
        "reached": False,
        "msg": "Failed to connect to the host via ssh: no route to host",
    }
    text = refusal(run, "anycast_preflight")
    assert text.startswith("1 problem, nothing was changed:\n- sip1: cannot be reached (no route to host). Start it")


def test_a_problem_of_the_inventory_is_no_unreachable_host(run, hostvars):
    hostvars["sip1"]["__bird_anycast_plan"] = {"failed": True, "msg": "Task failed: 'anycast_link' is undefined"}
    assert "- sip1: 'anycast_link' is undefined" in refusal(run, "anycast_preflight")


def test_a_host_that_was_not_read_is_said_to_be_unreachable(run, hostvars):
    assert "- sip2: cannot be reached (no answer)" in refusal(run, "anycast_preflight", hosts=hostvars)


def test_warnings_are_shown_and_do_not_fail(run, hostvars, monkeypatch):
    shown = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda self, text: shown.append(text))
    hostvars["hap-lite"]["__routeros_ospf_plan"]["info"]["version"] = "7.24.1"
    assert run("anycast_preflight") == {"changed": False, "msg": "No problem was found"}
    assert "runs RouterOS 7.24.1, which does not apply" in shown[0]


@pytest.mark.parametrize(("gateway", "warned"), [("", True), ("172.18.0.1", False), ("172.18.1.1", True)])
def test_the_gateway_of_the_answers_is_the_way_back(run, hostvars, monkeypatch, gateway, warned):
    shown = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda self, text: shown.append(text))
    addresses = {"enp0s11": "172.18.0.11/26", "enp0s12": "172.18.1.11/26"}
    interfaces = {name: {"active": True, "mtu": 1500, "addresses": [own]} for name, own in addresses.items()}
    facts = {**FACTS, "default_ipv4": "eth0", "interfaces": interfaces}
    info = {"facts": facts, "rp_filter": {"enp0s11": 1, "enp0s12": 2}}
    hostvars["sip1"] |= {
        "__bird_anycast_plan": {"info": info, "problems": []},
        "bird_anycast_interfaces": ["enp0s11", "enp0s12"],
        "bird_anycast_source_gateway": gateway,
    }
    run("anycast_preflight")
    assert [text for text in shown if "reverse-path filter on enp0s11 is strict" in text] == shown
    assert len(shown) == warned


def test_an_interruption_needs_consent(run, hostvars, monkeypatch):
    shown = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda self, text: shown.append(text))
    plan = hostvars["sip1"]["__bird_anycast_plan"]
    hostvars["sip1"]["__bird_anycast_plan"] = {**plan, "bird": {**plan.get("bird", {}), "restarts_ospf": True}}
    info = hostvars["hap-lite"]["__routeros_ospf_plan"]["info"]
    info["ospf"] = {**info.get("ospf", {}), "neighbors": [{"dr": "172.18.0.11"}]}
    said = "sip1: OSPF starts anew on the node, and the node is the designated router"
    assert refusal(run, "anycast_preflight").startswith(f"1 problem, nothing was changed:\n- {said}")
    assert shown == []
    assert run("anycast_preflight", force=True)["msg"] == "No problem was found"
    assert [text[: len(said)] for text in shown] == [said]


def test_a_key_is_never_shown(run, hostvars):
    hostvars["sip1"]["bird_anycast_link"] = {"key": "another-secret"}
    assert "secret" not in refusal(run, "anycast_preflight")


# --- anycast_diagnosis ------------------------------------------------------------------------------------------------


def test_neighbours_that_are_as_expected(run, hostvars):
    hostvars["hap-lite"]["__anycast_neighbors"] = {"neighbors": []}
    assert run("anycast_diagnosis")["problems"] == []


def test_neighbours_that_are_not(run, hostvars):
    missing = {"router_ids": ["172.18.0.11"], "state": "Missing", "expected": "Full", "causes": ["a cable"]}
    hostvars["hap-lite"]["__anycast_neighbors"] = {"neighbors": [], "likely_causes": [missing]}
    hostvars["sip1"]["__anycast_bird"] = {"router_id": "172.18.0.12", "interfaces": [], "refused": []}
    hostvars["sip1"]["__bird_anycast_conf"] = {"changed_files": ["/etc/bird/bird.conf"]}
    assert refusal(run, "anycast_diagnosis").splitlines() == [
        "OSPF is not up as expected:",
        "- hap-lite: no neighbour sip1, expected Full",
        "- sip1: the router id of BIRD is 172.18.0.12, the one of sip2, expected 172.18.0.11 (bird_anycast_router_id)",
        "- sip1: BIRD speaks OSPF on no interface, expected enp0s11 (bird_anycast_interfaces)",
        "- sip1: /etc/bird/bird.conf is not what the role writes",
        "- Restore the role's files: ansible-playbook homelab.anycast.site",
    ]
    assert len(run("anycast_diagnosis", fail=False)["problems"]) == 5


# --- anycast_targets --------------------------------------------------------------------------------------------------


def neighbor(number):
    return {"address": f"172.18.0.10{number}", "router_id": f"172.18.0.1{number}"}


def test_what_has_to_answer(run, hostvars):
    """A node whose own list of services lacks an address is no next hop of it, and a stranger has no name."""
    hostvars["sip2"]["bird_anycast_services"] = [SIP, {"name": "dns", "addresses": ["172.18.0.65"]}]
    found = run("anycast_targets", neighbors=[neighbor(1), neighbor(2), neighbor(9)], sources=["172.18.0.22"])
    assert found["prefixes"] == ["172.18.0.64/32", "172.18.0.65/32"]
    assert found["names"] == {"172.18.0.101": "sip1", "172.18.0.102": "sip2"}
    assert found["next_hops"] == [
        {"prefix": "172.18.0.64/32", "gateways": ["172.18.0.101", "172.18.0.102"]},
        {"prefix": "172.18.0.65/32", "gateways": ["172.18.0.102"]},
    ]
    assert [(probe["address"], probe["kind"], probe["sources"]) for probe in found["probes"]] == [
        ("172.18.0.64", "sip", ["172.18.0.22"]),
        ("172.18.0.65", "sip", ["172.18.0.22"]),
    ]


def test_broken_variables_have_no_address(run, hostvars):
    hostvars["sip2"] = Broken()
    assert run("anycast_targets")["prefixes"] == ["172.18.0.64/32"]


# --- anycast_status ---------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    shown: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.display", lambda self, text, **_more: shown.append(text))
    return shown


def test_status_of_an_inventory_without_results(run, shown):
    found = run("anycast_status")
    assert shown == [found["text"]]
    for name in ("hap-lite", "sip1", "sip2", "172.18.0.64"):
        assert name in found["text"]
    assert found["problems"] == ["hap-lite, sip1, sip2: was not asked: --limit leaves it out"]
    assert found["status"]["level"] == "degraded"
    run("anycast_status", show=False)
    assert len(shown) == 1


def test_a_status_that_is_not_well_is_refused_where_that_is_asked_for(run, shown):
    text = refusal(run, "anycast_status", fail=True)
    assert "Degraded: sip announced by 0 of 2, 2 not known, and the router's next hops" in text
    assert "- hap-lite, sip1, sip2: was not asked: --limit leaves it out" in text
    assert shown == []


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"bird_anycast_router_id": None}, "bird_anycast_router_id is missing"),
        ({"bird_anycast_services": None}, "bird_anycast_services is missing"),
        ({"bird_anycast_services": [{"name": "sip"}]}, "bird_anycast_services: service 'sip': addresses"),
        ({"bird_anycast_link": {"dead_interval": "long"}}, "bird_anycast_link: dead_interval is 'long'"),
    ],
)
def test_a_broken_inventory_is_a_problem_of_the_status(run, hostvars, shown, variables, says):
    hostvars["sip1"].update(variables)
    assert any(problem.startswith(f"sip1: {says}") for problem in run("anycast_status")["problems"])


def test_what_cannot_be_resolved_is_a_problem_of_the_status(run, hostvars, shown):
    hostvars["sip1"] = Broken(hostvars["sip1"])
    problem = "sip1: bird_anycast_services cannot be resolved: 'vault_bird_anycast_services' is undefined"
    assert problem in run("anycast_status")["problems"]


def test_addresses_of_clients_are_what_they_probe_from_or_are_reached_by(run, hostvars, shown):
    hostvars["phones"] = {"anycast_probe_sources": ["172.18.0.23"]}
    hostvars["lobby"] = {"ansible_host": "172.18.0.24"}
    page = str(run("anycast_status", clients=["phones", "lobby"])["page"])
    assert "172.18.0.23" in page and "172.18.0.24" in page


def test_a_link_whose_bfd_is_text_has_none(run, hostvars, shown):
    """As -e gives it; and without a key, which the status does not need."""
    hostvars["sip1"]["bird_anycast_link"] = hostvars["hap-lite"]["routeros_ospf_link"] = {"bfd": "no"}
    seen = Neighbor("172.18.0.1", "172.18.0.1", "enp0s11", "Full")
    hostvars["sip1"]["__anycast_neighbors"] = {"neighbors": [vars(seen)]}
    assert "BFD with" not in run("anycast_status")["text"]
