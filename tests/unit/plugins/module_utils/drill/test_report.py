# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import importlib.util
import re
from xml.etree import ElementTree

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.drill import plan, result
from ansible_collections.homelab.anycast.plugins.module_utils.drill import report as drill_report

pytest.importorskip("matplotlib")


def run(first, last, answered_by, reason=None):
    probes = round((last - first) / 0.05) + 1
    return {"first": first, "last": last, "probes": probes, "answered_by": answered_by, "reason": reason}


def event(length=20.0, limit=2.0, answers=("sip1", "sip2"), title="kill -9 on sip1"):
    """A result: the node is lost at once, the router changes 0.9 s later; put back 10 s later."""
    one, other = answers
    changes = [(None, 997.0, ["11", "12"]), (1000.8, 1000.9, ["12"]), (1011.0, 1011.1, ["11", "12"])]
    first = [run(0, 5, one), run(5.05, 5.85, None, "timeout"), run(5.9, 16, other), run(16.05, length, one)]
    sources = {"172.18.0.22": first, "172.18.0.23": [run(0, length, other)]}
    seen = result.Measured(
        broken_at=1000.0,
        mended_at=1010.0,
        early=False,
        clock=0.01,
        probes=[
            {
                "client": "phones",
                "started": 995.0,
                "results": [{"source": source, "runs": runs} for source, runs in sources.items()],
            }
        ],
        watches=[
            {
                "router": "hap-lite",
                "changes": [{"after": after, "by": by, "gateways": hops} for after, by, hops in changes],
            }
        ],
    )
    return result.event_result(planned(title=title, limit=limit), seen, ["11"], ["sip1", "sip2"])


def planned(**more):
    usual = {"event": "kill", "node": "sip1", "title": "cable", "limit": 1.0, "recovery_limit": 0.0, "why": "because"}
    fields = dict.fromkeys(field.name for field in dataclasses.fields(plan.Event))
    return plan.Event(**{**fields, "leaves": True, "interval": 0.05, "count": 99999, **usual, **more})


def report(*events):
    return drill_report.Report("2026-11-22T10:00:00Z", "alice <b>@desk", list(events))


def texts(svg):
    """Return what an SVG says; it must be well-formed, and need nothing from elsewhere."""
    assert not re.search(r'(href|src)="(?!#)', svg)
    return [text for node in ElementTree.fromstring(svg).iter() for text in [(node.text or "").strip()] if text]


def test_lines():
    found = drill_report.report_lines(report(event(), event(limit=0.5)))
    assert found[0] == "1 of 2 events not within the limits: kill -9 on sip1"
    assert found[3].split() == [
        "kill",
        "-9",
        "on",
        "sip1",
        "802",
        "17",
        "0.85",
        "s",
        "2.00",
        "s",
        "0.90",
        "s",
        "0",
        "yes",
    ]
    assert found[-1] == "kill -9 on sip1: clients lost 0.85 s, the limit is 0.5 s (because)"


@pytest.mark.parametrize(
    "events, text",
    [
        ([], "No event has taken place"),
        ([event()], "All is well: 1 event within the limits"),
        ([event(), event()], "All is well: 2 events within the limits"),
    ],
)
def test_verdict(events, text):
    assert drill_report.verdict(report(*events)) == text


def test_a_picture_shows_who_answered_and_what_was_lost_when():
    (picture,) = drill_report.pictures(event())
    said = texts(picture["svg"])
    for text in (
        "172.18.0.22",
        "172.18.0.23",
        "hap-lite via 11",
        "hap-lite via 12",
        "seconds from the event",
        "event",
        "router without it 0.90 s",
        "put back 10.00 s",
        "router with it again 11.10 s",
        "answered by sip1",
        "answered by sip2",
        "lost",
    ):
        assert text in said
    assert said.count("sip1") == 2


def test_an_event_of_a_router_has_no_time_at_which_the_routers_changed():
    staying = dataclasses.replace(event().routers[0], changed_s=None, back_s=None)
    found = dataclasses.replace(event(title="router hap2 powered off"), router_changed_s=None, routers=[staying])
    said = texts(drill_report.pictures(found)[0]["svg"])
    assert "hap-lite via 11" in said and "put back 10.00 s" in said
    assert not any("router with" in text for text in said)
    assert drill_report.report_lines(report(found))[3].startswith("router hap2 powered off  802   17")
    assert drill_report.report_page(report(found))["events"][0]["router_back_text"] is None


def test_an_event_of_which_no_probe_was_sent_has_no_picture():
    found = dataclasses.replace(event(), clients=[])
    assert drill_report.report_page(report(found))["events"][0]["pictures"] == []


def test_a_long_event_is_shown_around_its_beginning_too():
    around, everything = drill_report.pictures(event(length=105.0))
    assert (around["caption"], everything["caption"]) == ("Around the event", "All of it")
    assert "put back 10.00 s" not in texts(around["svg"])
    assert "router without it 0.90 s" in texts(around["svg"])
    # Both are part of one page, where an id may be there once.
    clips = [set(re.findall(r'<clipPath id="([^"]*)"', picture["svg"])) for picture in (around, everything)]
    assert clips[0]
    assert not clips[0] & clips[1]


def test_names_are_text():
    evil = event(answers=("<script>$x$", "sip2"), title="<b> on sip1")
    found = drill_report.report_page(report(evil))
    assert found["by"] == "alice &lt;b&gt;@desk"
    assert found["events"][0]["title"] == "&lt;b&gt; on sip1"
    svg = found["events"][0]["pictures"][0]["svg"]
    assert "<script" not in svg
    assert "answered by <script>$x$" in texts(svg)


def test_a_picture_has_the_colours_of_the_page():
    """Which has others on a dark screen."""
    svg = drill_report.pictures(event())[0]["svg"]
    assert {"--text", "--soft", "--line", "--bad", "--note"} <= set(re.findall(r"var\((--\w+)\)", svg))
    assert "#0101" not in svg
    # The picture has no background: the page shows through.
    assert re.findall(r'id="patch_[12]">\s*<path[^>]*style="([^"]*)"', svg) == ["fill: none"] * 2


@pytest.mark.parametrize(("limit", "share"), [(2.0, 42), (0.5, 100), (0.0, 100)])
def test_the_bar_shows_the_loss_in_its_limit(limit, share):
    assert drill_report.report_page(report(event(limit=limit)))["events"][0]["share"] == share


def test_who_does_not_say_a_name():
    said = texts(drill_report.pictures(event(answers=(None, "sip2")))[0]["svg"])
    assert "answered, by whom is not said" in said


def test_a_page_with_an_event_that_was_not_measured():
    found = drill_report.report_page(report(event(), result.failed_result(planned(), {"msg": "no"})))
    assert (found["level"], found["events"][1]["pictures"]) == ("degraded", [])
    assert found["events"][0]["router_back_text"] == "11.10 s"
    assert found["events"][1]["router_changed_text"] is None


def test_without_the_library_nothing_can_be_drawn(monkeypatch):
    assert drill_report.library_problems() == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (problem,) = drill_report.library_problems()
    assert problem.startswith("the Python package matplotlib, which draws the report, is missing on the controller")
    assert problem.endswith("-m pip install matplotlib")
