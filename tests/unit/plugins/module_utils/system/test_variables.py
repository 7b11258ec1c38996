# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory alone shows; tests/emulator/test_wrong_inventories.py shows how a user sees it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import variables

LINK, SERVICES = {"key": "secret"}, [{"name": "sip", "addresses": ["172.18.0.64"]}]
ENV = "{{ lookup('ansible.builtin.env', 'ANYCAST_OSPF_KEY') }}"
OPTIONS: dict[str, dict[str, Any]] = {
    "routeros_ospf_api": {"type": "dict", "required": True},
    "routeros_ospf_link": {"type": "dict", "required": True},
    "routeros_ospf_cost": {"type": "int"},
    "routeros_ospf_router_id": {"type": "str"},
}
LOGIN = {"hostname": "172.18.0.1", "username": "ansible", "password": "x"}


def problems(values=None, errors=None, written=None, environment=None, files=()):
    values = {"routeros_ospf_api": LOGIN, "routeros_ospf_link": LINK, **(values or {})}
    for name in errors or {}:
        values.pop(name)
    found = variables.Variables(values, errors or {}, written or values)
    controller = variables.Controller(environment or {}, files.__contains__, [*LOGIN, "tls", "ca_path"])
    return variables.host_problems(found, "routeros_ospf", OPTIONS, list(OPTIONS), controller)


def test_a_good_host():
    assert problems() == []


def test_the_environment_variable_is_named_through_a_reference():
    written = {"routeros_ospf_link": "{{ anycast_link }}", "anycast_link": {"key": "{{ my_key }}"}, "my_key": ENV}
    (said,) = problems({"routeros_ospf_link": {"key": ""}}, written=written)
    assert said == (
        "the OSPF key is empty: the environment variable ANYCAST_OSPF_KEY is not set. Run: export ANYCAST_OSPF_KEY=..."
    )
    (said,) = problems({"routeros_ospf_link": {"key": ""}}, written=written, environment={"ANYCAST_OSPF_KEY": ""})
    assert "is set, but empty" in said


@pytest.mark.parametrize(
    ("router_id", "said"),
    [
        ("", "routeros_ospf_router_id is missing, expected an IPv4 address"),
        ("router", "routeros_ospf_router_id is 'router', expected a dotted quad"),
        (["172.18.0.1"], "routeros_ospf_router_id is a list, expected text"),
    ],
)
def test_a_router_id_that_cannot_be(router_id, said):
    (found,) = problems({"routeros_ospf_router_id": router_id})
    assert found.startswith(said)
    assert problems({"routeros_ospf_router_id": "172.18.0.1"}) == []


def test_a_reference_in_a_circle_ends():
    written = {"routeros_ospf_link": "{{ a }}", "a": "{{ b }}", "b": "{{ a }}"}
    (said,) = problems({"routeros_ospf_link": {"key": ""}}, written=written)
    assert said.startswith("routeros_ospf_link: key is empty")


def test_a_link_that_needs_no_key_asks_for_none():
    written = {"routeros_ospf_link": {"key": ENV}}
    (said,) = problems({"routeros_ospf_link": {"authentication": "none", "key": "", "area": "x"}}, written=written)
    assert "area is 'x'" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("Error while resolving value for 'x': 'anycast_link' is undefined", "The inventory has 'anycst_link'"),
        ("'vault_key' is undefined", "the variable vault_key is undefined. Define it in your vault file"),
        ("Error while resolving 'x': division\n by zero", "routeros_ospf_link cannot be resolved: division by zero"),
    ],
)
def test_a_variable_that_cannot_be_resolved(error, said):
    written = {"routeros_ospf_api": LOGIN, "anycst_link": LINK, "ansible_link": 1}
    (found,) = problems(errors={"routeros_ospf_link": error}, written=written)
    assert said in found


def test_a_file_that_is_missing_and_a_login_without_what_it_needs():
    login = {"tls": True, "ca_path": "/ca.pem", "pasword": "x"}
    said = problems({"routeros_ospf_api": login})
    assert [words.partition(": ")[2] or words for words in said] == [
        "unknown key 'pasword', did you mean 'password'?",
        "hostname is missing",
        "username is missing",
        "password is missing",
        "run homelab.anycast.bootstrap, or correct ca_path",
    ]
    assert problems({"routeros_ospf_api": {**LOGIN, "tls": True, "ca_path": "/ca.pem"}}, files=["/ca.pem"]) == []


def test_an_empty_password_may_be_meant():
    """A new router has an empty password. An environment variable that is not set is a mistake."""
    assert problems({"routeros_ospf_api": {**LOGIN, "password": ""}}) == []
    written = {"routeros_ospf_api": {"password": ENV.replace("ANYCAST_OSPF_KEY", "ROUTEROS_PASSWORD")}}
    (said,) = problems({"routeros_ospf_api": {**LOGIN, "password": ""}}, written=written)
    assert said.startswith("the password of the router is empty: the environment variable ROUTEROS_PASSWORD is not set")


def test_which_playbook_needs_what():
    assert variables.role_of("status", "anycast_routers") is None
    assert variables.role_of("bootstrap", "anycast_routers") == "routeros_bootstrap"
    assert variables.role_of("drain", "anycast_nodes") is None
    assert variables.role_of("site", "anycast_nodes") == "bird_anycast"
    assert list(variables.needed_options("drain", OPTIONS)) == ["routeros_ospf_api"]
    assert variables.needed_options("site", OPTIONS) == OPTIONS
