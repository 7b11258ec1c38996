# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users may give a playbook, and what is refused before a host is contacted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.anycast.plugins.module_utils.system import request
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import Inventory
from ansible_collections.homelab.anycast.plugins.modules import anycast_request

PLAYBOOKS = Path(__file__).parents[5] / "playbooks"
ROLES = ["bird_anycast_priority", "bird_anycast_cost", "routeros_ospf_interfaces"]


def test_each_playbook_says_which_groups_it_needs():
    assert sorted(request.GROUPS) == sorted(path.stem for path in PLAYBOOKS.glob("*.yml"))
    assert {name for variable in request.VARIABLES.values() for name in variable.playbooks} <= set(request.GROUPS)
    # Each may ask.
    page = yaml.safe_load(anycast_request.DOCUMENTATION)
    assert set(page["options"]["playbook"]["choices"]) == set(request.GROUPS)


# --- variables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        # As they were called.
        ("node", "anycast_node"),
        ("force", "anycast_force"),
        ("reason", "anycast_reason"),
        ("drill_node", "anycast_node"),
        ("anycast_drill_node", "anycast_node"),
        ("drill_events", "anycast_drill_events"),
        ("remove_service", "anycast_service"),
        ("remove_consent", "anycast_force"),
        ("status_strict", "anycast_status_strict"),
        # Misspelt.
        ("forse", "anycast_force"),
        ("anycast_forse", "anycast_force"),
        ("anycast_nodes", "anycast_node"),
        ("anycast_waits", "anycast_wait"),
        ("anycast_new_keyid", "anycast_new_key_id"),
        ("anycast_drill_evnts", "anycast_drill_events"),
        ("anycast_service_", "anycast_service"),
        ("anycast_probe_source", "anycast_probe_sources"),
        ("bird_anycast_prioritty", "bird_anycast_priority"),
        ("routeros_ospf_interface", "routeros_ospf_interfaces"),
    ],
)
def test_a_variable_that_resembles_one_of_ours_is_refused(name, meant):
    (problem,) = request.variable_problems([name], "drain", ["drain"], ROLES)
    assert problem == f"the variable '{name}' is unknown, did you mean '{meant}'?"


@pytest.mark.parametrize(
    "name",
    [
        *("anycast_node", "anycast_link", "anycast_drill_cut", "bird_anycast_cost"),
        # A user's own.
        *("env", "target", "note", "my_node", "service_name", "ansible_user", "version", "routeros_api_port"),
        *("anycast_ospf_key", "vault_anycast_key", "bird_anycast_mine"),
    ],
)
def test_a_variable_of_ours_or_of_the_user_passes(name):
    assert request.variable_problems([name], "drain", ["drain"], ROLES) == []


def test_a_variable_of_another_playbook_has_no_effect():
    (problem,) = request.variable_problems(["anycast_node", "anycast_wait"], "site", ["site"], [])
    assert problem == "anycast_node has no effect on site, it is for drain, undrain, remove, drill: leave it out"
    # `site` imports it.
    assert request.variable_problems(["anycast_wait"], "preflight", ["site"], []) == []
    assert request.variable_problems(["anycast_reason"], "undrain", ["drain", "undrain"], []) == []


def test_a_playbook_of_the_user_may_import_several_and_have_its_own_variables():
    assert request.variable_problems(["anycast_reason", "service", "node"], "verify", [], []) == []
    assert len(request.variable_problems(["service", "node"], "undrain", [], [])) == 2


def test_values():
    given = {"anycast_node": "sip1, sip2", "anycast_force": "yes", "anycast_reason": " disk ", "anycast_new_key": "k"}
    values, problems = request.read_values("drain", given)
    assert problems == []
    assert (values["node"], values["force"], values["reason"], values["wait"]) == (["sip1", "sip2"], True, "disk", 60)
    assert (values["service"], values["stop_service"], "new_key" in values) == ("", False, False)
    values, problems = request.read_values("drill", {"anycast_wait": "soon", "anycast_drill_takeover": "perhaps"})
    assert problems == [
        "anycast_wait is soon, expected 0 to 3600",
        "anycast_drill_takeover is 'perhaps', expected true or false",
    ]
    assert (values["drill_port"], values["drill_limits"]) == (None, {})


# --- inventory --------------------------------------------------------------------------------------------------------


SIP, DNS = ({"name": name, "addresses": [f"172.18.0.{n}"]} for name, n in (("sip", 64), ("dns", 65)))
HOSTVARS = {"sip1": {"bird_anycast_services": [SIP, DNS]}, "sip2": {"bird_anycast_services": [SIP]}, "odd": {}}
GROUPS = {
    "all": ["hap-lite", "sip1", "sip2", "odd", "phones"],
    "anycast_routers": ["hap-lite"],
    "anycast_nodes": ["sip1", "sip2", "odd"],
    "anycast_clients": ["phones"],
}
EVERYBODY = ("localhost", *GROUPS["all"])


def misfits(playbook, groups=(), hosts=EVERYBODY, asked=()):
    inventory = Inventory(HOSTVARS, {**GROUPS, **dict(groups)})
    return request.inventory_problems(playbook, inventory, hosts, asked)


@pytest.mark.parametrize("playbook", request.GROUPS)
def test_a_good_inventory(playbook):
    assert misfits(playbook) == []


@pytest.mark.parametrize("playbook", request.GROUPS)
def test_no_inventory(playbook):
    problems = request.inventory_problems(playbook, Inventory({}, {"all": [], "ungrouped": []}), ["localhost"], [])
    assert len(problems) == len(request.GROUPS[playbook])
    assert problems[-1].endswith(" is missing: is -i right? Groups found: none")


def test_a_group_that_is_almost_there():
    groups = {name: hosts for name, hosts in GROUPS.items() if name != "anycast_nodes"} | {"anycast_node": ["sip1"]}
    (problem,) = request.inventory_problems("site", Inventory({}, groups), EVERYBODY, [])
    assert problem == (
        "the group anycast_nodes is missing: is -i right? Groups found: anycast_routers, anycast_clients, anycast_node."
        " Is anycast_node to be anycast_nodes?"
    )
    (problem,) = misfits("site", {"anycast_nodes": []})
    assert problem.startswith("the group anycast_nodes is empty: is -i right?")


@pytest.mark.parametrize(
    ("playbook", "hosts", "asked", "said"),
    [
        ("drain", ["sip1"], ["sip1"], "--limit leaves out hap-lite: run drain without --limit"),
        ("drain", ["hap-lite"], ["sip1"], "--limit leaves out sip1: run drain without --limit"),
        ("drain", ["hap-lite", "sip1"], ["sip1"], None),
        ("rotate_key", ["hap-lite", "sip1"], [], "--limit leaves out sip2, odd: run rotate_key without --limit"),
        ("drill", ["hap-lite", "sip1"], ["sip1"], "--limit leaves out localhost: run drill without --limit"),
        ("site", ["sip1"], [], None),
        ("verify", ["phones"], [], None),
        ("bootstrap", ["sip1"], [], "--limit leaves no host of anycast_routers: bootstrap would do nothing"),
        (
            "preflight",
            ["phones"],
            [],
            "--limit leaves no host of anycast_routers, anycast_nodes: preflight would do nothing",
        ),
    ],
)
def test_limit(playbook, hosts, asked, said):
    assert misfits(playbook, hosts=hosts, asked=asked) == ([said] if said else [])


@pytest.mark.parametrize("playbook", request.GROUPS)
def test_one_of_several_routers_may_be_left_out_of_maintenance(playbook):
    inventory = Inventory({}, {**GROUPS, "anycast_routers": ["hap-lite", "edge"]})
    hosts = [*EVERYBODY, "hap-lite"]
    problems = request.inventory_problems(playbook, inventory, hosts, ["sip1"])
    asked = request.routers_to_ask(inventory, hosts)
    warnings = request.left_out_warnings(playbook, inventory, asked)
    assert asked == ["hap-lite"]
    if playbook in ("drill", "rotate_key"):
        assert problems == [f"--limit leaves out edge: run {playbook} without --limit"]
    elif playbook in ("drain", "undrain", "remove"):
        assert problems == []
        (warning,) = warnings
        assert warning.startswith("edge is left out by --limit, so it is not asked, and not waited for: ")
    else:
        assert problems == warnings == []


def test_the_routers_that_are_asked():
    inventory = Inventory({}, {"anycast_routers": ["hap-lite", "edge"]})
    assert request.routers_to_ask(inventory, ["sip1", "edge"]) == ["edge"]
    # With nodes alone, `verify --limit sip1`, those are still expected to be neighbours of all routers.
    assert request.routers_to_ask(inventory, ["sip1"]) == ["hap-lite", "edge"]


# --- drain, undrain ---------------------------------------------------------------------------------------------------


def drain(node=("sip1",), service="", **more):
    return request.drain_request({"node": list(node), "service": service, **more}, Inventory(HOSTVARS, GROUPS))


def test_what_is_drained():
    found, problems = drain(["sip1", "sip2"], "sip", reason="disk")
    assert problems == []
    assert found["prefixes"] == {"sip1": ["172.18.0.64/32"], "sip2": ["172.18.0.64/32"]}
    found, problems = drain(["sip1"])
    assert (problems, found["prefixes"]) == ([], {"sip1": ["172.18.0.64/32", "172.18.0.65/32"]})
    assert [service["name"] for service in found["services"]["sip1"]] == ["sip", "dns"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"node": ()}, "anycast_node is missing: say which, -e anycast_node=NAME; there is: sip1, sip2, odd"),
        ({"node": ["sip9"]}, "anycast_node 'sip9' is unknown, did you mean 'sip2'? there is: odd, sip1, sip2"),
        ({"node": ["all"]}, "anycast_node 'all' is unknown; there is: odd, sip1, sip2"),
        ({"service": "dsn"}, "anycast_service on sip1: 'dsn' is unknown, did you mean 'dns'? there is: sip, dns"),
        ({"node": ["sip2"], "service": "dns"}, "anycast_service on sip2: 'dns' is unknown; there is: sip"),
        ({"reason": ""}, "anycast_reason is missing: say why"),
        ({"node": ["odd"]}, "odd: bird_anycast_services: the services are not a list of dictionaries"),
    ],
)
def test_what_cannot_be_drained(asked, said):
    (problem,) = drain(**asked)[1]
    assert problem.startswith(said)
