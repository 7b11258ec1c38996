# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asked through a socket that answers as BIRD 2.0.12 was recorded to."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird import control

MODULE = "bird_ospf_neighbors"
ROUTER = {
    "router_id": "172.18.0.1",
    "address": "172.18.0.1",
    "interface": "eth0",
    "state": "Full",
    "role": "DR",
    "priority": 1,
    "full_seconds": None,
    "state_changes": None,
    "dead_seconds": 9.951,
    "bfd": None,
}


@pytest.fixture
def ask(run_module, fake_bird, clock):
    """Return a function that runs the module against a recording; its BIRD is ask.bird."""

    def run(name="node", **options):
        if name is not None:
            run.bird = fake_bird(name)  # type: ignore[attr-defined]
        return run_module(MODULE, socket=run.bird.path, **options)  # type: ignore[attr-defined]

    return run


def test_returns_what_it_finds(ask):
    result = ask()
    assert result["neighbors"][0] == ROUTER
    assert [entry["state"] for entry in result["neighbors"]] == ["Full", "2-Way"]
    assert (result["version"], result["protocol"], result["changed"]) == ("2.0.12", "anycast", False)
    assert (result["missing"], result["stuck"], result["surplus"]) == ([], [], [])


def test_only_ever_asks_in_restricted_mode(ask):
    ask(router_ids=["192.0.2.1"])
    commands = ask.bird.commands
    sessions = commands.count("restrict")
    assert commands[0] == "restrict"
    assert sessions == 2  # the neighbours; after the failure BIRD itself
    assert all(command == "restrict" or command.startswith("show ") for command in commands)


def test_reads_in_check_mode_too(ask):
    assert ask(check_mode=True, router_ids=["172.18.0.1"])["neighbors"][0] == ROUTER


def test_a_server_next_to_another_server(ask):
    result = ask(full_with=["172.18.0.1"], router_ids=["172.18.0.3"], states=["Full", "2-Way"], exact=True)
    assert "failed" not in result


def test_says_what_is_missing_and_why(ask):
    result = ask(router_ids=["172.18.0.1", "172.18.0.9"], interface="eth0")
    assert result["failed"]
    assert result["missing"] == ["172.18.0.9"]
    assert [entry["router_id"] for entry in result["surplus"]] == ["172.18.0.3"]
    assert "BIRD 2.0.12, protocol anycast (router id 172.18.0.2)" in result["msg"]
    assert "hello 3 s, dead 12 s" in result["msg"]
    assert result["likely_causes"][0]["state"] == "Missing"
    assert result["own"]["router_id"] == "172.18.0.2"
    assert [entry["name"] for entry in result["own"]["interfaces"]] == ["lo", "eth0"]


def test_says_why_it_is_stuck(ask):
    result = ask("mtu", router_ids=["172.18.0.1"])
    assert [entry["state"] for entry in result["stuck"]] == ["ExStart"]
    assert result["likely_causes"][0]["causes"][0] == "the MTU of the two interfaces differs"
    assert "172.18.0.1: state ExStart on interface eth0, expected Full" in result["msg"]


def test_point_to_point(ask):
    (neighbor,) = ask("ptp", protocol="anycast")["neighbors"]
    assert (neighbor["state"], neighbor["role"]) == ("Full", "PtP")


def test_waits_until_it_is_full(ask, clock, fake_bird):
    ask.bird = fake_bird("mtu")
    clock.at(4, lambda: ask.bird.play("node"))
    result = ask(None, router_ids=["172.18.0.1"], wait=30)
    assert (result["neighbors"][0]["state"], result["waited"]) == ("Full", 4)
    assert clock.slept == [2, 2]


def test_stable_is_observed(ask, clock):
    result = ask(router_ids=["172.18.0.1"], stable=5, poll_interval=1)
    assert "failed" not in result
    assert result["waited"] == 5


def test_what_is_lost_while_we_look_is_not_stable(ask, clock, fake_bird):
    ask.bird = fake_bird("node")
    clock.at(3, ask.bird.neighbors)
    result = ask(None, router_ids=["172.18.0.1"], stable=10, poll_interval=1)
    assert (result["missing"], result["waited"]) == (["172.18.0.1"], 3)


def test_waits_for_a_bird_that_restarts(ask, clock, fake_bird):
    ask.bird = fake_bird("node")
    ask.bird.closes_on = "show protocols"
    clock.at(2, lambda: setattr(ask.bird, "closes_on", None))
    assert ask(None, router_ids=["172.18.0.1"], wait=10)["waited"] == 2


def test_the_only_interface(ask):
    result = ask(interface="eth1", count=0, exact=True)
    assert result["neighbors"] == []


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("two", {}, "more than one OSPF protocol: anycast, second. Set the option protocol to one of them"),
        ("two", {"protocol": "third"}, "no OSPF protocol 'third'; it has: anycast, second"),
        ("two", {"protocol": "device1"}, "no OSPF protocol 'device1'"),
        ("noospf", {}, "BIRD has no OSPF protocol; it has: device1 (Device)"),
        ("node", {"router_ids": ["sip1"]}, "router_ids: 'sip1' is not a router id"),
        ("node", {"router_ids": [], "count": 1}, "parameters are mutually exclusive: router_ids|count"),
        ("node", {"states": ["full"]}, "value of states must be one or more of"),
        ("node", {"wait": -1}, "wait is -1, expected 0 or more seconds"),
        ("node", {"timeout": 0}, "timeout is 0, expected more than 0 seconds"),
    ],
)
def test_bad_input(ask, name, options, says):
    result = ask(name, **options)
    assert result["failed"]
    assert says in result["msg"]


def test_a_protocol_that_is_down(ask, fake_bird):
    ask.bird = fake_bird("node")
    ask.bird.answers["show protocols"] = ask.bird.answers["show protocols"].replace(
        b"up     15:29:29.245  R", b"down   1  R"
    )
    result = ask(None)
    assert "BIRD's OSPF protocol 'anycast' is down" in result["msg"]
    assert "birdc enable anycast" in result["msg"]


def test_an_error_of_bird_is_quoted(ask, fake_bird):
    ask.bird = fake_bird("node")
    del ask.bird.answers["show ospf neighbors anycast"]
    assert (
        "answers 'syntax error, unexpected CF_SYM_UNDEFINED' to 'show ospf neighbors anycast' (code 9001)"
        in ask(None)["msg"]
    )


def test_no_restricted_mode(ask, fake_bird):
    ask.bird = fake_bird("node")
    del ask.bird.answers["restrict"]
    assert "refuses the restricted mode" in ask(None)["msg"]


def test_a_socket_that_does_not_answer(ask, fake_bird):
    ask.bird = fake_bird("node")
    ask.bird.hangs = True
    assert f"does not answer on {ask.bird.path} within 0.2 s" in ask(None, timeout=0.2)["msg"]


def test_a_bird_that_stops_in_the_middle(ask, fake_bird):
    ask.bird = fake_bird("node")
    ask.bird.closes_on = "show protocols"
    assert "BIRD closed the session on" in ask(None)["msg"]


def test_a_socket_of_something_else(ask, fake_bird):
    ask.bird = fake_bird("node")
    ask.bird.greeting = b"220 mail.example.com ESMTP\n"
    assert "a line that BIRD would not send: '220 mail.example.com ESMTP'" in ask(None)["msg"]


def test_no_socket(run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(control, "find_bird", lambda: "/usr/sbin/bird")
    path = str(tmp_path / "none.ctl")
    message = run_module(MODULE, socket=path)["msg"]
    assert f"control socket {path} does not exist. Is BIRD running? See 'systemctl status bird'" in message


def test_no_bird(run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(control, "find_bird", lambda: None)
    message = run_module(MODULE, socket=str(tmp_path / "none.ctl"), wait=60)["msg"]
    assert message.startswith("no BIRD on this host")
    assert "Install the package bird2" in message


def test_a_bird_that_died(run_module, tmp_path):
    (tmp_path / "bird.ctl").touch()
    assert "no program listens on BIRD's control socket" in run_module(MODULE, socket=str(tmp_path / "bird.ctl"))["msg"]


def test_no_permission(run_module, monkeypatch, fake_bird):
    class Denied(socket.socket):
        def connect(self, path):
            raise PermissionError(13, "Permission denied")

    running = fake_bird()
    monkeypatch.setattr(socket, "socket", Denied)
    message = run_module(MODULE, socket=running.path, wait=60)["msg"]
    assert "permission denied on BIRD's control socket" in message
    assert "Use 'become: true'" in message
