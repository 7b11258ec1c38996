# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils import drill
from ansible_collections.homelab.anycast.plugins.module_utils.services import normalise_services

SIP = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio"}
CHECKED = {**SIP, "check": {"kind": "sip"}}
DNS = {"name": "dns", "addresses": ["172.18.0.65"]}
COMMANDS = {name: f"do {name}" for name in drill.COMMANDS}


def node(*services, link=None, commands=None):
    return {
        "services": normalise_services(list(services or [SIP])),
        "link": link or {},
        "commands": commands or {},
    }


def system(**nodes):
    return {"nodes": nodes or {"sip1": node(), "sip2": node()}, "routers": ["hap-lite"], "clients": ["phones"]}


def ask(where=None, **asked):
    return drill.plan({"consent": True, "node": "sip1", **asked}, where or system())


def only(where=None, **asked):
    events, problems = ask(where, **asked)
    assert problems == []
    assert len(events) == 1
    return events[0]


def test_events_on_nodes_in_their_order():
    events, problems = ask(node="sip2, sip1", events="drain,stop")
    assert problems == []
    assert [(event["event"], event["node"], event["number"], event["of"]) for event in events] == [
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
    assert breaks in found["break"]
    assert undoes in found["undo"]
    assert bool(found["undo"]) == bool(undoes)
    assert found["on"] == ("controller" if "anycast_drill" in breaks else "node")
    # What is about one service must leave the others alone.
    both = event not in ("stop", "kill", "hang")
    assert found["prefixes"] == ["172.18.0.64/32", "172.18.0.65/32"][: 2 if both else 1]


@pytest.mark.parametrize(
    "event, link, limit",
    [
        ("drain", {}, 0),
        ("stop", {}, 0),
        ("reboot", {}, 0),
        ("bird_kill", {}, 0),
        ("kill", {}, 1),
        ("hang", {}, 4),
        ("cut", {}, 13),
        ("cut", {"dead_interval": 4, "key": ""}, 5),
        ("power_off", {"bfd": True}, 2),
        ("power_off", {"bfd": True, "bfd_interval": 100, "bfd_multiplier": 3}, 1.3),
    ],
)
def test_limits(event, link, limit):
    nodes = {name: node(CHECKED, link=link, commands=COMMANDS) for name in ("sip1", "sip2")}
    assert only(system(**nodes), events=event)["limit"] == limit
    asked = only(system(**nodes), events=event, limits={event: 7, "recovery": 2})
    assert (asked["limit"], asked["why"], asked["recovery_limit"]) == (7, "as asked for", 2)


def test_an_event_of_ones_own():
    event = only(events=[{"event": "upgrade", "node": "sip2", "break": "apt-get install x", "limit": 0}])
    assert (event["title"], event["on"], event["undo"], event["leaves"]) == ("upgrade on sip2", "node", "", False)
    assert event["break"] == "apt-get install x"


@pytest.mark.parametrize("name", ["42", "{disk}"])
def test_an_event_of_ones_own_may_have_any_name(name):
    assert only(events=[{"event": name, "break": "x", "limit": 0}])["title"] == f"{name} on sip1"


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"events": "drian"}, "event 'drian' is unknown, did you mean 'drain'? there is: drain, stop, kill, hang"),
        ({"events": ""}, "drill_events is missing: say which, -e drill_events=drain,stop; there is: drain"),
        ({"events": "drain", "node": "sip"}, "drill_node: 'sip' is unknown, did you mean 'sip"),
        (
            {"events": "drain", "node": ""},
            "event 'drain' has no node: say which, -e drill_node=NAME; there is: sip1, sip2",
        ),
        ({"events": [{"event": "drain", "node": "sp1"}]}, "node 'sp1' is unknown, did you mean 'sip1'"),
        (
            {"events": "cut"},
            "event 'cut': sip1 has no variable anycast_drill_cut, the command for it on the controller",
        ),
        ({"events": "power_off"}, "sip1 has no variable anycast_drill_power_on"),
        ({"events": "hang"}, "event 'hang': service 'sip' of sip1 has no check, so nobody would notice"),
        ({"events": "drain", "consent": None}, "consent is missing: this breaks, one after the other, drain of sip1."),
        ({"events": "drain", "consent": "no"}, "-e drill_consent=true"),
        ({"events": "drain", "limits": {"drian": 1}}, "drill_limits: 'drian' is unknown, did you mean 'drain'?"),
        ({"events": "drain", "limits": {"drain": "much"}}, "drill_limits: drain is 'much', expected seconds"),
        ({"events": "drain", "settings": {"interval": 0}}, "drill_interval is '0', expected seconds, more than 0"),
        ({"events": "drain", "service": "spi"}, "drill_service: on sip1, 'spi' is unknown, did you mean 'sip'?"),
        ({"events": "drain", "settings": {"return": "nan"}}, "drill_return is 'nan', expected seconds, more than 0"),
        ({"events": "drain", "limits": "drain=1"}, "drill_limits is 'drain=1', expected a dictionary"),
        ({"events": [{"event": ["drain"]}]}, "event '['drain']' is unknown"),
        ({"events": [{"node": "sip1"}]}, "an entry has no key 'event'"),
        ({"events": [{"event": "x", "break": "y"}]}, "event 'x' has no 'limit'"),
        ({"events": [{"event": "drain", "undo": "y"}]}, "event 'drain' has its own 'break' and 'undo'"),
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
    assert bool(events) == ("consent" in words or "consent" in words or "drill_consent" in words)


def test_all_problems_at_once():
    _events, problems = drill.plan(
        {"events": "drian,cut", "node": "sip1,sp2"}, {"nodes": {"sip1": node()}, "routers": [], "clients": []}
    )
    text = "; ".join(problems)
    for part in (
        "'drian'",
        "anycast_drill_cut",
        "'sp2'",
        "1 node(s)",
        "anycast_routers is empty",
        "anycast_clients is",
    ):
        assert part in text


def test_a_service_without_a_unit_cannot_be_killed():
    where = system(sip1=node(DNS), sip2=node(DNS))
    assert "service 'dns' of sip1 has no unit, so there is nothing to kill" in ask(where, events="kill")[1][0]
    assert ask(where, events="drain")[1] == []


def test_what_is_armed_waits_longer_than_the_drill_looks_on():
    event = only(events="drain")
    assert event["deadline"] >= event["settle"] + 90
    assert event["total"] >= event["deadline"] + event["return"]
    assert event["count"] * event["interval"] >= event["total"] - 1
    assert "Event 1 of 1: drain of sip1. It may cost a client 0 s" in event["progress"]
    assert f"put back within {event['deadline']} s" in event["progress"]


# ---------------------------------------------------------------------------------------------------------------------


def test_nodes_that_serve_no_client():
    events = ask(events="drain", node="sip1,sip2")[0]
    names = ["sip1", "sip2.example.com"]
    assert drill.unserved_nodes(events, names, ["sip1", "sip2"]) == []
    assert "sip2 serves none of the clients' addresses now" in drill.unserved_nodes(events, names, ["sip1", None])[0]
    # Servers that all say the same name: nobody knows.
    assert drill.unserved_nodes(events, names, ["kamailio (5.8.4)"]) == []


def test_the_quickest_answer_tells_the_time():
    offset, uncertainty = drill.best_sample([(0.0, 5.9, 1.0), (10.0, 15.11, 10.2), (20.0, 25.9, 22.0)])
    assert offset == pytest.approx(5.01)
    assert uncertainty == pytest.approx(0.1)


# ---------------------------------------------------------------------------------------------------------------------


def run(first, last, answered_by="sip1", reason=None):
    return {
        "first": first,
        "last": last,
        "probes": round((last - first) / 0.05) + 1,
        "answered_by": answered_by,
        "reason": reason,
    }


def lost(first, last):
    return run(first, last, None, "timeout")


# The probes start 5 s before the event, which is put back 10 s after it.
UNDISTURBED = [run(0, 20, "sip2")]
FAILED_OVER = [run(0, 5.1), lost(5.15, 5.95), run(6.0, 16.0, "sip2"), run(16.05, 20)]
LEFT: list[dict] = [
    {"after": None, "by": 996.0, "gateways": ["172.18.0.11", "172.18.0.12"]},
    {"after": 1000.7, "by": 1000.9, "gateways": ["172.18.0.12"]},
    {"after": 1011.0, "by": 1011.1, "gateways": ["172.18.0.11", "172.18.0.12"]},
]


def measure(*sources, changes=None, event="stop", mended=1010.0, early=False, **more):
    planned = {**only(system(sip1=node(CHECKED), sip2=node(CHECKED)), events=event), **more}
    measured = {
        "broken_at": 1000.0,
        "mended_at": mended,
        "early": early,
        "clock": 0.02,
        "node": ["172.18.0.11"],
        "names": ["sip1", "sip2"],
        "probes": [
            {
                "client": "phones",
                "started": 995.0,
                "results": [{"source": f"172.18.0.{22 + n}", "runs": runs} for n, runs in enumerate(sources)],
            }
        ],
        "watches": [{"router": "hap-lite", "changes": LEFT if changes is None else changes}],
    }
    return drill.result(planned, measured)


def test_figures_of_an_event():
    found = measure(FAILED_OVER, UNDISTURBED, limit=1.0)
    assert (found["ok"], found["problems"]) == (True, [])
    # As the scenario `figures` has them.
    assert {key: found[key] for key in ("event", "sent", "lost", "window_s", "limit", "ok")} == {
        "event": "stop",
        "sent": 103 + 17 + 201 + 80 + 401,
        "lost": 17,
        "window_s": 0.85,
        "limit": 1.0,
        "ok": True,
    }
    assert (found["first_loss_s"], found["last_loss_s"], found["served_again_s"]) == (0.15, 0.95, 1.0)
    assert (found["router_changed_s"], found["routers"][0]["back_s"], found["mended_s"]) == (0.9, 11.1, 10.0)
    assert found["precision_s"] == {"clocks": 0.02, "probe": 0.05, "router": 0.2}
    first, second = found["clients"]
    assert (first["before"], first["after"], first["end"]) == ("sip1", "sip2", "sip1")
    assert (second["before"], second["after"], second["end"], second["served_again_s"]) == ("sip2", "sip2", "sip2", 0.0)
    json.dumps(found)


def test_over_the_limit():
    found = measure(FAILED_OVER, limit=0.8)
    assert found["problems"] == [
        "clients lost 0.85 s, the limit is 0.8 s (systemd withdraws the service before it stops it)"
    ]
    assert not found["ok"]


def test_a_loss_when_the_node_comes_back():
    runs = [run(0, 16), lost(16.05, 16.1), run(16.15, 20)]
    found = measure(runs)
    assert (found["lost"], found["window_s"], found["recovery"]["lost"]) == (0, 0.0, 2)
    assert found["problems"] == ["clients lost 0.10 s when sip1 came back, the limit is 0 s"]
    assert measure(runs, recovery_limit=0.2)["ok"]


def test_a_loss_before_the_event_is_not_of_it():
    found = measure([run(0, 1), lost(1.05, 1.05), run(1.1, 20)])
    assert (found["lost_before"], found["lost"]) == (1, 0)
    assert found["problems"] == ["1 probes were lost before the event: something else disturbs the clients"]


def test_a_loss_within_what_the_clocks_leave_open_is_of_the_event():
    assert measure([run(0, 4.85), lost(4.9, 4.95), run(5.0, 20)])["lost"] == 2


def test_a_client_that_is_left():
    found = measure([run(0, 5), lost(5.05, 20)], limit=99)
    assert (found["served_again_s"], found["clients"][0]["after"]) == (None, "sip1")
    assert "172.18.0.22 was not served to the end" in found["problems"]


def test_a_router_that_does_not_let_go():
    found = measure(FAILED_OVER, changes=LEFT[:1], limit=1)
    assert found["router_changed_s"] is None
    assert found["problems"] == ["the router has not let go of sip1"]
    # It may have, for a moment.
    assert measure(FAILED_OVER, changes=LEFT[:1], event="kill")["ok"]


def test_a_watch_that_began_too_late():
    late = [{**LEFT[1], "after": None, "by": 1001.0}]
    assert "were not watched in time: they are known from 1.0 s on" in measure(UNDISTURBED, changes=late)["problems"][0]


def test_probes_that_began_too_late():
    runs = [{**one, "first": one["first"] + 6, "last": one["last"] + 6} for one in [run(0, 1), run(1.05, 9)]]
    assert "the probes began after the event: nothing" in "; ".join(measure(runs)["problems"])


def test_nobody_was_on_the_node():
    assert "sip1 serves none of the clients' addresses now" in measure(UNDISTURBED)["problems"][0]


@pytest.mark.parametrize(
    "more, words",
    [
        ({"early": True}, "it was put back by itself"),
        ({"count": 100}, "the probes ended before the event did"),
    ],
)
def test_what_makes_the_figures_worthless(more, words):
    assert words in measure(FAILED_OVER, limit=1, **more)["problems"][0]


def test_nothing_was_put_back():
    found = measure(FAILED_OVER, mended=None, limit=1)
    assert (found["mended_s"], found["clients"][0]["after"]) == (None, "sip1")


@pytest.mark.parametrize(
    "failed",
    [
        {"failed": True, "msg": "it\n  broke"},
        {"msg": "it broke"},
        {
            "failed": True,
            "msg": "One or more items failed",
            "results": [{"msg": "fine"}, {"failed": True, "msg": "it broke"}],
        },
    ],
)
def test_an_event_that_could_not_be_measured(failed):
    found = drill.failure(only(events="drain"), failed)
    assert (found["ok"], found["problems"]) == (False, ["not measured: it broke"])


# ---------------------------------------------------------------------------------------------------------------------


def test_a_second_drill_is_refused_and_the_first_is_named():
    record = dict(drill.claim("a", "alice@desk", 0, 100), what="kill -9 of kamailio.service on sip1")
    text = drill.refusal(record, "b", 50)
    assert text.startswith(
        "a drill by alice@desk has been under way since 1970-01-01 00:00:00 UTC (kill -9 of kamailio.service on sip1),"
        " and ends at 1970-01-01 00:01:40 UTC at the latest."
    )
    assert "drill_takeover=true" in text
    assert drill.refusal(record, "a", 50) is None
    assert drill.refusal(record, "b", 100) is None
    assert drill.refusal(None, "b", 0) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "a"}'])
def test_a_broken_record_is_none(text):
    assert drill.parse_record(text) is None


def test_systemd_leaves_the_shell_its_variables():
    line = drill.undo_command("x=1; echo $x", "anycast-drill-undo", "a test", 90, "/run/drill.json")
    assert line[0] == "systemd-run"
    assert "--on-active=90s" in line
    assert line[-3:] == ["/bin/sh", "-c", "x=1; echo $$x && rm -f /run/drill.json"]


# ---------------------------------------------------------------------------------------------------------------------


GROUPS = {"anycast_nodes": ["sip1", "sip2"], "anycast_routers": ["hap-lite"], "anycast_clients": ["phones"]}


@pytest.fixture
def hostvars():
    return {
        "sip1": {"bird_anycast_services": [SIP], "bird_anycast_link": {"bfd": True}, "anycast_drill_cut": "pull"},
        "sip2": {"bird_anycast_services": [SIP]},
        "phones": {"anycast_probe_sources": ["172.18.0.22"]},
    }


def test_the_inventory(hostvars):
    found, problems = drill.system(hostvars, GROUPS)
    assert problems == []
    assert (found["routers"], found["clients"]) == (["hap-lite"], ["phones"])
    assert found["nodes"]["sip1"]["link"] == {"bfd": True}
    assert found["nodes"]["sip1"]["commands"]["anycast_drill_cut"] == "pull"
    assert found["nodes"]["sip2"]["services"][0]["addresses"] == ["172.18.0.64/32"]
    assert ask(found, events="stop")[1] == []


def test_an_inventory_that_is_wrong(hostvars):
    hostvars["phones"] = {}
    hostvars["sip2"] = {"bird_anycast_services": [{"name": "sip"}]}
    problems = "; ".join(drill.system(hostvars, GROUPS)[1])
    assert "phones has no anycast_probe_sources" in problems
    assert "sip2: bird_anycast_services: service 'sip': addresses is not a list" in problems


def test_who_cannot_be_reached():
    results = [{"item": "sip1"}, {"item": "sip2", "unreachable": True, "msg": "no route"}]
    assert drill.unreachable(results) == ["sip2 cannot be reached: no route"]


@pytest.fixture
def results():
    """The clock of the node is 5 s ahead, that of the client 3 s behind; broken at 1000 s, mended at 1010 s of ours."""
    runs = [
        {"first": 0.0, "last": 5.0, "probes": 101, "answered_by": "sip1", "reason": None},
        {"first": 5.05, "last": 20.0, "probes": 300, "answered_by": "sip2", "reason": None},
    ]
    return {
        "broken": {"at": 1005.0},
        "mended": {"at": 1015.0},
        "clocks": [
            {"item": "sip1", "offset": 5.0, "uncertainty": 0.02},
            {"item": "sip2", "offset": 9.0, "uncertainty": 0.9},
            {"item": "phones", "offset": -3.0, "uncertainty": 0.03},
        ],
        "probes": [
            {
                "item": {"item": {"item": "phones"}},
                "began": 992.0,
                "results": [{"source": "172.18.0.22", "runs": runs}],
            }
        ],
        "watches": [
            {
                "item": {"item": "hap-lite"},
                "changes": [
                    {"after": None, "by": 995.0, "gateways": ["172.18.0.11"]},
                    {"after": 1000.1, "by": 1000.2, "gateways": []},
                ],
            }
        ],
    }


def test_all_times_are_the_controllers(results):
    event = only(events="stop")
    found = drill.result(event, drill.measured(event, results, ["172.18.0.11"], ["sip1", "sip2"]))
    (client,) = found["clients"]
    assert [run["from"] for run in client["runs"]] == [-5.0, 0.05]
    # The clock of sip2 does not matter.
    assert (found["mended_s"], found["router_changed_s"], found["precision_s"]["clocks"]) == (10.0, 0.2, 0.03)
    assert found["ok"], found["problems"]


def test_what_the_controller_has_done_is_in_its_own_time(results):
    results.update(broken={"at": 1000.0}, mended={"changed": False})
    nodes = {name: node(commands=COMMANDS) for name in ("sip1", "sip2")}
    event = only(system(**nodes), events="cut")
    found = drill.measured(event, results, ["172.18.0.11"], ["sip1", "sip2"])
    # Armed, and no longer there when the drill came to put it back.
    assert (found["broken_at"], found["mended_at"], found["early"]) == (1000.0, None, True)


def test_a_reboot_is_a_moment_after_it_was_asked_for(results):
    event = only(events="reboot")
    found = drill.measured(event, results, ["172.18.0.11"], ["sip1", "sip2"])
    assert (found["broken_at"], found["early"]) == (1001.0, False)


def test_a_host_is_asked_for_its_time():
    ours, theirs = iter([0.0, 1.0, 10.0, 10.2]), iter(["5.9", "15.11\n"])
    assert drill.clock_offset(lambda: next(theirs), lambda: next(ours), times=2) == (5.01, 0.1)
    with pytest.raises(ValueError, match="could not convert"):
        drill.clock_offset(lambda: "date: not found", lambda: 0.0)
