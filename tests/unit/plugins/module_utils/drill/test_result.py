# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.drill import plan as drill_plan
from ansible_collections.homelab.anycast.plugins.module_utils.drill import result
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import without_authentication
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services

COMMANDS = {name: f"do {name}" for name in drill_plan.COMMANDS}


def plan(event):
    """Return the plan of an event on one of two nodes."""
    sip = {"name": "sip", "addresses": ["172.18.0.64"], "unit": "kamailio", "check": {"kind": "sip"}}
    node = drill_plan.Node(normalise_services([sip]), without_authentication({}), COMMANDS)
    system = drill_plan.System({"sip1": node, "sip2": node}, {"phones": ["172.18.0.22"]})
    settings = {"interval": 0.05, "timeout": 1, "poll_interval": 0.1, "settle": 30, "return": 300}
    (planned,), problems = drill_plan.plan_drill(
        drill_plan.Asked([event], ["sip1"], "", True, None, {}, settings), system
    )
    assert problems == []
    return planned


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
    seen = result.Measured(
        broken_at=1000.0,
        mended_at=mended,
        early=early,
        clock=0.02,
        probes=[
            {
                "client": "phones",
                "started": 995.0,
                "results": [{"source": f"172.18.0.{22 + n}", "runs": runs} for n, runs in enumerate(sources)],
            }
        ],
        watches=[{"router": "hap-lite", "changes": LEFT if changes is None else changes}],
    )
    event = dataclasses.replace(plan(event), **more)
    addresses = [] if event.router else ["172.18.0.11"]
    found = result.event_result(event, seen, addresses, ["sip1", "sip2"])
    # As it travels between the tasks of the playbook, and into the file.
    assert result.Result.of_dict(json.loads(json.dumps(found.as_dict()))) == found
    return found


def test_figures_of_an_event():
    found = measure(FAILED_OVER, UNDISTURBED, limit=1.0)
    assert (found.ok, found.problems) == (True, [])
    # As the scenario `figures` has them.
    assert {key: getattr(found, key) for key in ("event", "sent", "lost", "window_s", "limit", "ok")} == {
        "event": "stop",
        "sent": 103 + 17 + 201 + 80 + 401,
        "lost": 17,
        "window_s": 0.85,
        "limit": 1.0,
        "ok": True,
    }
    assert (found.first_loss_s, found.last_loss_s, found.served_again_s) == (0.15, 0.95, 1.0)
    assert (found.router_changed_s, found.routers[0].back_s, found.mended_s) == (0.9, 11.1, 10.0)
    assert found.precision_s == {"clocks": 0.02, "probe": 0.05, "router": 0.2}
    first, second = found.clients
    assert (first.before, first.after, first.end) == ("sip1", "sip2", "sip1")
    assert (second.before, second.after, second.end, second.served_again_s) == ("sip2", "sip2", "sip2", 0.0)


def test_over_the_limit():
    found = measure(FAILED_OVER, limit=0.8)
    assert found.problems == [
        "clients lost 0.85 s, the limit is 0.8 s (systemd withdraws the service before it stops it)"
    ]
    assert not found.ok


ROUTER = {"event": "cut", "node": "", "router": "hap2", "limit": 1}


def test_a_router_that_was_away():
    """Its clients get a different gateway, and the node that served them goes on."""
    found = measure([run(0, 5.1), lost(5.15, 5.85), run(5.9, 20)], UNDISTURBED, changes=LEFT[:1], **ROUTER)
    assert (found.problems, found.lost, found.window_s, found.limit) == ([], 15, 0.75, 1)
    # No router lost the node, so there is no time at which it did.
    assert (found.router_changed_s, found.routers[0].changed_s, found.routers[0].back_s) == (None, None, None)
    shown = found.as_dict()
    assert (shown["router"], "node" in shown) == ("hap2", False)


def test_only_a_routers_event_names_a_router():
    shown = measure(FAILED_OVER, limit=1).as_dict()
    assert (list(shown)[:3], shown["node"], "router" in shown) == (["event", "node", "title"], "sip1", False)
    failed = result.failed_result(dataclasses.replace(plan("cut"), node="", router="hap2"), {"msg": "no"})
    assert (failed.as_dict()["router"], "node" in failed.as_dict()) == ("hap2", False)


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (LEFT, ["hap-lite lacked the next hop 172.18.0.11 from 0.9 s after the event to 11.1 s"]),
        (LEFT[:2], ["hap-lite lacked the next hop 172.18.0.11 from 0.9 s after the event to the end"]),
        # One that is new is no loss.
        ([{**LEFT[0], "gateways": ["172.18.0.12"]}, LEFT[2]], []),
    ],
)
def test_the_next_hops_of_the_routers_that_stay_must_not_change(changes, problems):
    assert measure(UNDISTURBED, changes=changes, **ROUTER).problems == problems


def test_a_loss_when_the_router_comes_back():
    found = measure([run(0, 16), lost(16.05, 16.1), run(16.15, 20)], changes=LEFT[:1], **ROUTER)
    assert found.problems == ["clients lost 0.10 s when hap2 came back, the limit is 0 s"]


def test_a_loss_when_the_node_comes_back():
    runs = [run(0, 16), lost(16.05, 16.1), run(16.15, 20)]
    found = measure(runs)
    assert (found.lost, found.window_s, found.recovery["lost"]) == (0, 0.0, 2)
    assert found.problems == ["clients lost 0.10 s when sip1 came back, the limit is 0 s"]
    assert measure(runs, recovery_limit=0.2).ok


def test_a_loss_before_the_event_is_not_of_it():
    found = measure([run(0, 1), lost(1.05, 1.05), run(1.1, 20)])
    assert (found.lost_before, found.lost) == (1, 0)
    assert found.problems == ["1 probes were lost before the event: something else disturbs the clients"]


def test_a_loss_within_what_the_clocks_leave_open_is_of_the_event():
    assert measure([run(0, 4.85), lost(4.9, 4.95), run(5.0, 20)]).lost == 2


def test_a_client_that_is_left():
    found = measure([run(0, 5), lost(5.05, 20)], limit=99)
    assert (found.served_again_s, found.clients[0].after) == (None, "sip1")
    assert "172.18.0.22 was not served to the end" in found.problems


def test_a_router_that_does_not_let_go():
    found = measure(FAILED_OVER, changes=LEFT[:1], limit=1)
    assert found.router_changed_s is None
    assert found.problems == ["the router still has sip1 as a next hop"]
    # It may have, for a moment.
    assert measure(FAILED_OVER, changes=LEFT[:1], event="kill").ok


def test_a_watch_that_began_too_late():
    late = [{**LEFT[1], "after": None, "by": 1001.0}]
    assert "were not watched in time: they are known from 1.0 s on" in measure(UNDISTURBED, changes=late).problems[0]


def test_probes_that_began_too_late():
    runs = [{**one, "first": one["first"] + 6, "last": one["last"] + 6} for one in [run(0, 1), run(1.05, 9)]]
    assert "the probes began after the event: losses" in "; ".join(measure(runs).problems)


def test_nobody_was_on_the_node():
    assert "sip1 serves none of the clients' addresses now" in measure(UNDISTURBED).problems[0]


@pytest.mark.parametrize(
    "more, words",
    [
        ({"early": True}, "it was put back before the drill did"),
        ({"count": 100}, "the probes ended before the event did"),
    ],
)
def test_what_makes_the_figures_worthless(more, words):
    assert words in measure(FAILED_OVER, limit=1, **more).problems[0]


def test_nothing_was_put_back():
    found = measure(FAILED_OVER, mended=None, limit=1)
    assert (found.mended_s, found.clients[0].after) == (None, "sip1")


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
    found = result.failed_result(plan("drain"), failed)
    assert (found.ok, found.problems) == (False, ["not measured: it broke"])


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
    event = plan("stop")
    found = result.event_result(event, result.measured(event, results), ["172.18.0.11"], ["sip1", "sip2"])
    (client,) = found.clients
    assert [run["from"] for run in client.runs] == [-5.0, 0.05]
    # The clock of sip2 does not matter.
    assert (found.mended_s, found.router_changed_s, found.precision_s["clocks"]) == (10.0, 0.2, 0.03)
    assert found.ok, found.problems


def test_what_the_controller_has_done_is_in_its_own_time(results):
    results.update(broken={"at": 1000.0}, mended={"changed": False})
    event = plan("cut")
    found = result.measured(event, results)
    # Armed, and no longer there when the drill came to put it back.
    assert (found.broken_at, found.mended_at, found.early) == (1000.0, None, True)


def test_a_reboot_is_a_moment_after_it_was_asked_for(results):
    event = plan("reboot")
    found = result.measured(event, results)
    assert (found.broken_at, found.early) == (1001.0, False)
