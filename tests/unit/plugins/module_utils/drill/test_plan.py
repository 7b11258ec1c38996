# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.drill import plan
from ansible_collections.homelab.anycast.plugins.module_utils.drill import record as drill_record
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import without_authentication
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services, words
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import (
    VARIABLES,
    Inventory,
    read_values,
)

SIP = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio"}
CHECKED = {**SIP, "check": {"kind": "sip"}}
DNS = {"name": "dns", "addresses": ["172.18.0.65"]}
COMMANDS = {name: f"do {name}" for name in plan.COMMANDS}


def node(*services, link=None, commands=None):
    return plan.Node(normalise_services(list(services or [SIP])), without_authentication(link or {}), commands or {})


def system(**nodes):
    return plan.System(nodes or {"sip1": node(), "sip2": node()}, {"phones": ["172.18.0.22"]})


SETTINGS = {name: VARIABLES[f"anycast_drill_{name}"].default for name in plan.SETTINGS}


def ask(where=None, events="drain", node="sip1", settings=(), **asked):
    usual = {"service": "", "consent": True, "port": None, "limits": {}}
    wanted = plan.Asked(words(events), words(node), settings={**SETTINGS, **dict(settings)}, **{**usual, **asked})
    return plan.plan_drill(wanted, where or system())


def only(where=None, **asked):
    events, problems = ask(where, **asked)
    assert problems == []
    assert len(events) == 1
    return events[0]


def test_events_on_nodes_in_their_order():
    events, problems = ask(node="sip2, sip1", events="drain,stop")
    assert problems == []
    assert [(event.event, event.node, event.number, event.of) for event in events] == [
        ("drain", "sip2", 1, 4),
        ("drain", "sip1", 2, 4),
        ("stop", "sip2", 3, 4),
        ("stop", "sip1", 4, 4),
    ]


@pytest.mark.parametrize(
    "event, breaks, undoes",
    [
        ("drain", "systemctl stop anycast-announce@sip.service anycast-announce@dns.service", "systemctl start any"),
        ("stop", "systemctl stop kamailio.service", "systemctl start kamailio.service anycast-announce@sip.service"),
        ("kill", "--kill-whom=main --signal=KILL kamailio.service", "systemctl start kamailio.service"),
        ("hang", "--kill-whom=all --signal=STOP kamailio.service", "--kill-whom=all --signal=CONT kamailio.service"),
        ("bird_kill", "--signal=KILL bird.service", "systemctl start bird.service anycast-announce@sip.service"),
        ("cut", "do anycast_drill_cut", "do anycast_drill_restore"),
        ("power_off", "do anycast_drill_power_off", "do anycast_drill_power_on"),
        ("reboot", "systemctl reboot", ""),
    ],
)
def test_what_an_event_does(event, breaks, undoes):
    nodes = {name: node(CHECKED, DNS, commands=COMMANDS) for name in ("sip1", "sip2")}
    found = only(system(**nodes), events=event)
    assert breaks in found.command
    assert undoes in found.undo
    assert bool(found.undo) == bool(undoes)
    assert found.on == ("controller" if "anycast_drill" in breaks else "node")
    # What is about one service must leave the others alone.
    both = event not in ("stop", "kill", "hang")
    assert found.prefixes == ["172.18.0.64/32", "172.18.0.65/32"][: 2 if both else 1]


@pytest.mark.parametrize(
    "event, link, limit",
    [
        ("drain", {}, 0),
        ("stop", {}, 0),
        ("reboot", {}, 0),
        ("bird_kill", {}, 0),
        ("kill", {}, 1),
        ("hang", {}, 2),
        ("cut", {}, 5),
        ("cut", {"hello_interval": 3, "dead_interval": 12, "key": ""}, 13),
        ("power_off", {"bfd": True}, 2),
        ("power_off", {"bfd": True, "bfd_interval": 100, "bfd_multiplier": 3}, 1.3),
    ],
)
def test_limits(event, link, limit):
    nodes = {name: node(CHECKED, link=link, commands=COMMANDS) for name in ("sip1", "sip2")}
    assert only(system(**nodes), events=event).limit == limit
    asked = only(system(**nodes), events=event, limits={event: 7, "recovery": 2})
    assert (asked.limit, asked.why, asked.recovery_limit) == (7, "as asked for", 2)


def routers(**commands):
    """A system of two nodes and these routers."""
    return dataclasses.replace(system(sip1=node(SIP, DNS), sip2=node(SIP)), routers=commands)


TWO = {"hap1": COMMANDS, "hap2": COMMANDS}


def ask_routers(commands=None, events="router_cut", names="", **asked):
    where = routers(**(TWO if commands is None else commands))
    return ask(where, events=events, node="", routers=words(names), **asked)


@pytest.mark.parametrize(
    ("commands", "names", "expected"),
    [
        (TWO, "hap2", ["hap2"]),
        (TWO, "hap2,hap1", ["hap2", "hap1"]),
        (TWO, "", ["hap1", "hap2"]),
        ({"hap1": {}, "hap2": COMMANDS}, "", ["hap2"]),
    ],
)
def test_a_router_is_broken_that_is_named_or_has_the_commands(commands, names, expected):
    events, problems = ask_routers(commands, names=names)
    assert problems == []
    assert [(event.event, event.router, event.node) for event in events] == [("router_cut", n, "") for n in expected]


@pytest.mark.parametrize(
    ("event", "title", "breaks", "undoes"),
    [
        ("router_cut", "cable of router hap2 pulled", "do anycast_drill_cut", "do anycast_drill_restore"),
        ("router_power_off", "router hap2 powered off", "do anycast_drill_power_off", "do anycast_drill_power_on"),
    ],
)
def test_what_an_event_does_to_a_router(event, title, breaks, undoes):
    (found,), problems = ask_routers(events=[{"event": event, "router": "hap2"}])
    assert problems == []
    assert (found.title, found.on, found.command, found.undo) == (title, "controller", breaks, undoes)
    # It is about all nodes, and each address once.
    assert (found.nodes, found.prefixes) == (["sip1", "sip2"], ["172.18.0.64/32", "172.18.0.65/32"])
    assert (found.limit, found.settle) == (1, 1 + 4 + 30)
    assert "RFC 9568" in found.why
    assert "The router is away for 35 s, its return may take 300 s" in found.progress
    assert plan.Event.of_dict(found.as_dict()) == found


def test_a_router_is_away_until_the_slowest_of_the_links_has_noticed():
    slow = node(link={"hello_interval": 3, "dead_interval": 12})
    where = dataclasses.replace(system(sip1=node(link={"bfd": True}), sip2=slow), routers=TWO)
    assert only(where, events="router_cut", node="", routers=["hap1"]).settle == 1 + 12 + 30


def test_the_limit_of_a_router_may_be_given():
    events, problems = ask_routers(limits={"router_cut": 4})
    assert problems == []
    assert {(event.limit, event.why) for event in events} == {(4, "as asked for")}


def test_a_router_may_be_taken_away_from_a_single_node():
    where = dataclasses.replace(system(sip1=node()), routers=TWO)
    assert ask(where, events="router_cut", node="")[1] == []
    assert "expected 2 or more" in ask(where, events="router_cut,drain")[1][0]


def test_without_a_service_there_is_nothing_to_measure():
    empty = plan.Node([], without_authentication({}))
    where = dataclasses.replace(system(sip1=empty), routers=TWO)
    assert ask(where, events="router_cut", node="")[1] == ["no node has services in bird_anycast_services"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            {"commands": {"hap1": COMMANDS}},
            "event 'router_cut': anycast_routers has 1 router(s), expected 2 or more: without its only router",
        ),
        ({"names": "hap"}, "anycast_router 'hap' is unknown, did you mean 'hap"),
        ({"events": [{"event": "router_cut", "router": "hop2"}]}, "router 'hop2' is unknown, did you mean 'hap2'?"),
        (
            {"commands": {"hap1": {}, "hap2": {}}},
            "event 'router_cut': hap2 has no variable anycast_drill_cut, the command for it on the controller; set it",
        ),
        ({"commands": {**TWO, "hap1": {}}, "names": "hap1"}, "hap1 has no variable anycast_drill_restore"),
        # One that has half of them is not passed over.
        ({"commands": {**TWO, "hap1": {"anycast_drill_cut": "x"}}}, "hap1 has no variable anycast_drill_restore"),
        (
            {"events": [{"event": "router_cut", "node": "sip1"}]},
            "event 'router_cut' breaks a router, not a node: leave out 'node'",
        ),
        (
            {"events": [{"event": "drain", "node": "sip1", "router": "hap1"}]},
            "event 'drain' breaks a node, not a router: leave out 'router'",
        ),
        (
            {"events": [{"event": "drain", "node": "sip1"}], "names": "hap1"},
            "anycast_router has no effect, as no event breaks a router: leave it out",
        ),
        ({"events": "router_cutt"}, "event 'router_cutt' is unknown, did you mean 'router_cut'?"),
        ({"consent": False}, "this breaks, one after the other, cable of router hap1 pulled, cable of router hap2 pu"),
    ],
)
def test_what_is_wrong_with_what_is_asked_of_routers(asked, says):
    events, problems = ask_routers(**asked)
    assert says in "; ".join(problems)
    assert bool(events) == ("consent" in asked)


def test_a_node_that_no_event_breaks():
    _events, problems = ask(routers(**TWO), events="router_cut", node="sip1")
    assert problems == ["anycast_node has no effect, as no event breaks a node: leave it out"]


def test_a_slow_check_may_cost_its_timeout():
    """The last of its failures is known only when the timeout is over."""
    slow = {**SIP, "check": {"kind": "sip", "fall": 2, "interval": 5, "timeout": 4}}
    assert only(system(sip1=node(slow), sip2=node(slow)), events="hang").limit == 5 + 4 + 0.1 + 0.3


def test_an_event_of_ones_own():
    event = only(events=[{"event": "upgrade", "node": "sip2", "break": "apt-get install x", "limit": 0}])
    assert (event.title, event.on, event.undo, event.leaves) == ("upgrade on sip2", "node", "", False)
    assert event.command == "apt-get install x"


@pytest.mark.parametrize("name", ["42", "{disk}"])
def test_an_event_of_ones_own_may_have_any_name(name):
    assert only(events=[{"event": name, "break": "x", "limit": 0}]).title == f"{name} on sip1"


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"events": "drian"}, "event 'drian' is unknown, did you mean 'drain'? there is: drain, stop, kill, hang"),
        (
            {"events": ""},
            "anycast_drill_events is missing: say which, -e anycast_drill_events=drain,stop; there is: drain",
        ),
        ({"events": "drain", "node": "sip"}, "anycast_node 'sip' is unknown, did you mean 'sip"),
        (
            {"events": "drain", "node": ""},
            "event 'drain' has no node: say which, -e anycast_node=NAME; there is: sip1, sip2",
        ),
        ({"events": [{"event": "drain", "node": "sp1"}]}, "node 'sp1' is unknown, did you mean 'sip1'"),
        (
            {"events": "cut"},
            "event 'cut': sip1 has no variable anycast_drill_cut, the command for it on the controller",
        ),
        ({"events": "power_off"}, "sip1 has no variable anycast_drill_power_on"),
        ({"events": "hang"}, "event 'hang': service 'sip' of sip1 has no check, so the node would not notice"),
        ({"events": "drain", "consent": False}, "consent is missing: this breaks, one after the other, drain of sip1."),
        ({"events": "drain", "consent": False}, "-e anycast_drill_consent=true"),
        (
            {"events": "drain", "limits": {"drian": 1}},
            "anycast_drill_limits: 'drian' is unknown, did you mean 'drain'?",
        ),
        ({"events": "drain", "limits": {"drain": "much"}}, "anycast_drill_limits: drain is 'much', expected seconds"),
        (
            {"events": "drain", "settings": {"interval": 0}},
            "anycast_drill_interval is '0', expected seconds, more than 0",
        ),
        ({"events": "drain", "service": "spi"}, "anycast_service on sip1: 'spi' is unknown, did you mean 'sip'?"),
        (
            {"events": "drain", "settings": {"return": "nan"}},
            "anycast_drill_return is 'nan', expected seconds, more than 0",
        ),
        ({"events": "drain", "limits": "drain=1"}, "anycast_drill_limits is 'drain=1', expected a dictionary"),
        ({"events": [{"event": ["drain"]}]}, "event '['drain']' is unknown"),
        ({"events": [{"node": "sip1"}]}, "an entry has no key 'event'"),
        ({"events": [{"event": "x", "break": "y"}]}, "event 'x' has no 'limit'"),
        (
            {"events": [{"event": "drain", "undo": "y"}]},
            "event 'drain' has its own 'undo'; give your event a different name",
        ),
        ({"events": [{"event": "drain", "on": "controller", "leaves": False}]}, "has its own 'on' and 'leaves'"),
        ({"events": [{"event": "drain", "nod": "y"}]}, "event 'drain': unknown key 'nod', did you mean 'node'?"),
        ({"events": [{"event": "drain", "limit": -1}]}, "limit is '-1', expected seconds, 0 or more"),
        (
            {"events": [{"event": "x", "break": "y", "limit": 1, "on": "here"}]},
            "on is 'here', expected node or controller",
        ),
    ],
)
def test_what_is_wrong_with_what_is_asked(asked, words):
    events, problems = ask(**asked)
    assert words in "; ".join(problems)
    # A plan with a problem is none; where only the consent lacks, it says what would be done.
    assert bool(events) == ("consent" in words)


def test_all_problems_at_once():
    _events, problems = ask(plan.System({"sip1": node()}, {}), events="drian,cut", node="sip1,sp2")
    text = "; ".join(problems)
    for part in (
        "'drian'",
        "anycast_drill_cut",
        "'sp2'",
        "1 node(s)",
    ):
        assert part in text


def test_a_service_without_a_unit_cannot_be_killed():
    where = system(sip1=node(DNS), sip2=node(DNS))
    assert "service 'dns' of sip1 has no unit, so there is nothing to kill" in ask(where, events="kill")[1][0]
    assert ask(where, events="drain")[1] == []


def test_what_is_armed_waits_longer_than_the_drill_looks_on():
    event = only(events="drain")
    assert event.deadline >= event.settle + 90
    assert event.total >= event.deadline + event.back
    assert event.count * event.interval >= event.total - 1
    assert "Event 1 of 1: drain of sip1. It may cost a client 0 s" in event.progress
    assert f"put back within {event.deadline} s" in event.progress


DNS_CHECKED = {**DNS, "check": {"kind": "dns", "name": "a.test", "port": 5353}}
BOTH = {**SIP, "addresses": ["2001:db8:64::64", "172.18.0.64"]}
PHONE, PHONE6 = "172.18.0.22", "2001:db8::22"


@pytest.mark.parametrize(
    "service, clients, kind, port, prefix, sources",
    [
        (SIP, {"phones": [PHONE]}, "sip", 5060, "172.18.0.64/32", {"phones": [PHONE]}),
        (DNS_CHECKED, {"phones": [PHONE]}, "dns", 5353, "172.18.0.65/32", {"phones": [PHONE]}),
        # Each from the addresses of its own IP version, and only by who has one.
        (BOTH, {"phones": [PHONE, PHONE6]}, "sip", 5060, "2001:db8:64::64/128", {"phones": [PHONE6]}),
        (BOTH, {"old": [PHONE], "new": [PHONE6]}, "sip", 5060, "2001:db8:64::64/128", {"new": [PHONE6]}),
        (BOTH, {"phones": [PHONE]}, "sip", 5060, "172.18.0.64/32", {"phones": [PHONE]}),
    ],
)
def test_how_the_clients_ask(service, clients, kind, port, prefix, sources):
    event = only(dataclasses.replace(system(sip1=node(service), sip2=node(service)), clients=clients), events="drain")
    assert (event.kind, event.port, event.prefix, event.sources) == (kind, port, prefix, sources)


def test_the_probes_may_go_to_a_port_that_no_check_names():
    assert only(events="drain", port=5080).port == 5080


def test_a_request_is_what_the_variables_say(hostvars):
    inventory = Inventory(hostvars, GROUPS)
    given = {"anycast_node": "sip1", "anycast_drill_events": "drain", "anycast_drill_consent": "true"}
    values, wrong = read_values("drill", given)
    found, problems = plan.drill_request(values, inventory)
    assert (wrong, problems) == ([], [])
    assert [(event["event"], event["node"]) for event in found["events"]] == [("drain", "sip1")]
    assert found["seconds"] == found["events"][0]["total"] > 0
    assert plan.Event.of_dict(found["events"][0]).as_dict() == found["events"][0]


def test_a_request_for_a_router(hostvars):
    commands = {"anycast_drill_cut": "pull", "anycast_drill_restore": "plug"}
    hostvars |= {"hap1": commands, "hap2": commands}
    inventory = Inventory(hostvars, {**GROUPS, "anycast_routers": ["hap1", "hap2"]})
    given = {"anycast_router": "hap1", "anycast_drill_events": "router_cut", "anycast_drill_consent": "true"}
    found, problems = plan.drill_request(read_values("drill", given)[0], inventory)
    assert problems == []
    assert [(event["router"], event["command"], event["undo"]) for event in found["events"]] == [
        ("hap1", "pull", "plug")
    ]


def test_no_client_can_ask():
    where = dataclasses.replace(system(), clients={"phones": [PHONE6]})
    assert ask(where, events="drain")[1] == [
        "service 'sip' has 172.18.0.64/32, and no client has an address of that IP version in anycast_probe_sources:"
        " add one"
    ]


def test_queries_of_dns_have_so_many_ids():
    where = system(sip1=node(DNS_CHECKED), sip2=node(DNS_CHECKED))
    assert only(where, events="drain", settings={"interval": 0.001}).count == 65536
    assert only(events="drain", settings={"interval": 0.001}).count > 65536


def test_nodes_that_serve_no_client():
    events = ["sip1", "sip2"]
    names = ["sip1", "sip2.example.com"]
    assert plan.unserved_nodes(events, names, ["sip1", "sip2"]) == []
    assert "sip2 serves none of the clients' addresses now" in plan.unserved_nodes(events, names, ["sip1", None])[0]
    # Servers that all say the same name: nobody knows.
    assert plan.unserved_nodes(events, names, ["kamailio (5.8.4)"]) == []


GROUPS = {"anycast_nodes": ["sip1", "sip2"], "anycast_routers": ["hap-lite"], "anycast_clients": ["phones"]}


@pytest.fixture
def hostvars():
    return {
        "sip1": {"bird_anycast_services": [SIP], "bird_anycast_link": {"bfd": True}, "anycast_drill_cut": "pull"},
        "sip2": {"bird_anycast_services": [SIP]},
        "phones": {"anycast_probe_sources": ["172.18.0.22"]},
        "hap-lite": {},
    }


def test_the_inventory(hostvars):
    found, problems = plan.read_system(Inventory(hostvars, GROUPS))
    assert problems == []
    assert found.clients == {"phones": ["172.18.0.22"]}
    assert found.nodes["sip1"].link.bfd is True
    assert found.nodes["sip1"].commands["anycast_drill_cut"] == "pull"
    assert found.nodes["sip2"].services[0].addresses == ["172.18.0.64/32"]
    assert ask(found, events="stop")[1] == []


def test_an_inventory_that_is_wrong(hostvars):
    hostvars["phones"] = {}
    hostvars["sip2"] = {"bird_anycast_services": [{"name": "sip"}]}
    hostvars["sip1"]["bird_anycast_link"] = {"dead_interval": "long"}
    problems = "; ".join(plan.read_system(Inventory(hostvars, GROUPS))[1])
    assert "sip1: bird_anycast_link: dead_interval is 'long', expected whole seconds" in problems
    assert "phones has no anycast_probe_sources" in problems
    hostvars["phones"] = {"anycast_probe_sources": ["172.18.0.22", "phone"]}
    problems = "; ".join(plan.read_system(Inventory(hostvars, GROUPS))[1])
    assert "phones: anycast_probe_sources: 'phone' is no IP address" in problems
    assert "sip2: bird_anycast_services: service 'sip': addresses is missing, expected a list" in problems


def test_who_is_not_ready():
    results: list[dict] = [
        {"item": "sip1", "reached": True},
        {"item": "sip2", "unreachable": True, "msg": "no route"},
        {"item": "sip3", "reached": False, "msg": "no route"},
        {"item": "phones", "reached": False, "msg": "timed out"},
        {"item": "hap-lite", "msg": "Task failed: no neighbour\n- sip1"},
    ]
    assert plan.unready_hosts(results) == [
        "sip2, sip3 cannot be reached: no route",
        "phones cannot be reached: timed out",
        "no neighbour\n- sip1",
    ]


def test_a_second_drill_is_refused_and_the_first_is_named():
    record = drill_record.Record("a", "alice@desk", 0, 100, "kill -9 of kamailio.service on sip1")
    text = drill_record.refusal(record, "b", 50)
    assert text.startswith(
        "a drill by alice@desk has been under way since 1970-01-01 00:00:00 UTC (kill -9 of kamailio.service on sip1),"
        " and ends at 1970-01-01 00:01:40 UTC at the latest."
    )
    assert "drill_takeover=true" in text
    assert not drill_record.refusal(record, "a", 50)
    assert not drill_record.refusal(record, "b", 100)
    assert not drill_record.refusal(None, "b", 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "a"}'])
def test_a_broken_record_is_none(text):
    assert drill_record.parse_record(text) is None


def test_systemd_leaves_the_shell_its_variables():
    record = drill_record.Record("a", "alice", 0, 100, "a test", "x=1; echo $x")
    line = drill_record.undo_command(record, "anycast-drill-undo", 90, "/run/drill.json")
    assert line[0] == "systemd-run"
    assert "--on-active=90s" in line
    assert line[-3:] == ["/bin/sh", "-c", "x=1; echo $$x && rm -f /run/drill.json"]
