# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the system as text, as a drawing, and as the HTML that the template makes of it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import status_page

TEMPLATES = Path(__file__).parents[5] / "playbooks" / "templates"
EVIL = "<script>alert('1')</script>\"' onload=\"x {{ 7 * 191 }} &amp;"
LONG = "very-long-server-name-number-{}.branch-office.example.com"
VOID = {"meta", "line", "rect", "path"}


def lines(system):
    return status_page.status_lines(system.status())


def render(system):
    # As Ansible's template module does.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    page = status_page.status_page(system.status())
    return environment.get_template("status.html.j2").render(page=page)


class Document(HTMLParser):
    """What a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open, self.wrong = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def broken(fake_system, **options):
    system = fake_system(nodes=6, bfd=True, **options)
    first, second, third, fourth, fifth, sixth = system.nodes
    system.unreachable(second)
    system.lose(second)
    system.bird_down(third)
    system.drained(fourth)
    system.withdrawn(fifth)
    system.sees(sixth, {"state": "ExStart"})
    system.sees(first, {"bfd": "down"})
    system.hops().append(system.hop("172.18.0.99"))
    return system


def test_lines_of_a_system_that_is_well(fake_system):
    found = lines(fake_system())
    assert found[:3] == ["All is well", "sip is served by 3 of 3 nodes", "2026-11-22 15:30:00 UTC, by alice@desk"]
    assert "sip1  serving  yes       yes        yes        yes      no" in found
    assert "172.18.0.64/32  hap-lite  172.18.0.12  sip2  ospf      yes     yes" in found
    assert "hap-lite  sip1      172.18.0.11  Full   -    DROther  1h26m" in found
    assert "2026-11-22 15:00:00  sip1: sip announced: it is healthy" in found
    assert "PROBLEMS" not in found


def test_lines_name_what_is_broken(fake_system):
    found = "\n".join(" ".join(line.split()) for line in lines(broken(fake_system)))
    assert "Not well: 7 problems, 1 note" in found
    assert "- sip2: cannot be reached: ssh to port 22: No route to host" in found
    assert "sip4 drained no no no ? yes" in found


@pytest.mark.parametrize("name", ["sip{}", LONG])
def test_lines_fit_the_terminal_with_every_column(fake_system, name):
    found = lines(broken(fake_system, name=name, services=("sip", "voicemail-gateway-of-the-branch")))
    assert max(map(len, found)) <= status_page.WIDTH
    headings = [line for line in found if line.startswith("node ")]
    assert len(headings) == 2
    assert all(line.endswith("healthy  drained") for line in headings)


def test_html_holds_every_part(fake_system):
    document = Document(render(broken(fake_system)))
    assert document.wrong == document.open == []
    text = "".join(document.text)
    for part in (
        "Not well: 7 problems",
        "2026-11-22 15:30:00 UTC, by alice@desk",
        "cannot be reached: ssh to port 22",
        "✕ ExStart",
        "✕ Full, BFD down",
        "● sip drained",
        "172.18.0.64 →",
        "a different host announces it",
        "172.18.0.22–25",
        "172.18.0.64 does not answer within 0.5 s",
    ):
        assert part in text


def test_html_is_self_contained(fake_system):
    document = Document(render(fake_system()))
    assert set(document.tags) & {"script", "link", "img", "iframe", "object", "use", "image"} == set()
    assert [entry for entry in document.attributes if entry[1] in ("src", "href", "xlink:href")] == []
    text = render(fake_system())
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text


def test_html_holds_hostile_strings_as_text(fake_system):
    clean = broken(fake_system)
    hostile = broken(fake_system)
    _poison(hostile)
    expected, document = Document(render(clean)), Document(render(hostile))
    assert document.wrong == document.open == []
    assert "script" not in document.tags
    # No tag and no attribute that a page without them has not.
    assert set(document.tags) == set(expected.tags)
    assert {entry[:2] for entry in document.attributes} == {entry[:2] for entry in expected.attributes}
    text = "".join(document.text)
    assert "1337" not in text
    # The reason, the message, the change, the client and so on.
    assert text.count(EVIL) > 15


def _poison(system):
    """Put a hostile string wherever a host, a router or a user may put one."""
    for node in system.nodes.values():
        node["address"] = EVIL
        node["problems"].append(EVIL)
        info = node["info"]
        if "msg" in info:
            info["msg"] = EVIL
        for entry in info.get("services", ()):
            entry["why"] = EVIL
            entry["changes"] = [{"time": EVIL, "text": EVIL}]
        for record in info.get("records", ()):
            record.update(by=EVIL, reason=EVIL, since=EVIL)
        for entry in node["neighbors"].get("neighbors", ()):
            entry.update(interface=EVIL, role=EVIL, address=EVIL)
        node["neighbors"].update({"msg": EVIL} if "msg" in node["neighbors"] else {})
    for entry in system.router["neighbors"]["neighbors"]:
        entry.update(interface=EVIL, state=EVIL, role=EVIL, bfd=EVIL)
    system.router["neighbors"]["version"] = EVIL
    for hop in system.hops():
        hop.update(interface=EVIL, protocol=EVIL, distance=EVIL)
    system.clients[:] = [{"name": EVIL, "addresses": [EVIL]}]


@pytest.mark.parametrize("name", ["sip{}", LONG])
@pytest.mark.parametrize("nodes", [0, 1, 2, 3, 7, 12])
@pytest.mark.parametrize("columns", [2, 6])
def test_the_drawing_has_room_for_all(fake_system, nodes, columns, name):
    services = ("sip", "dns", "voicemail-gateway", "ntp", "radius", "syslog")
    system = fake_system(nodes=nodes, name=name, services=services)
    drawing = status_page.drawing(system.status(), columns, 172)
    boxes = [*drawing["nodes"], *drawing["routers"], drawing["clients"]]
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= drawing["width"]
        assert box["y"] + box["height"] <= drawing["height"]
        # Its last line is inside.
        assert 60 + (len(box["lines"]) - 1) * 18 < box["height"]
    for one in boxes:
        for other in boxes:
            assert one is other or not _overlap(one, other)
    assert len({box["y"] for box in drawing["nodes"]}) == (-(-nodes // columns))
    # Every node hangs on a bus that reaches it.
    for box in drawing["nodes"]:
        assert any(bus["y"] == box["bus"] and bus["x1"] <= box["drop"] <= bus["x2"] for bus in drawing["buses"])
    # And each bus on the router: the first one directly, the others by the trunk.
    if drawing["trunk"]:
        assert {bus["x1"] for bus in drawing["buses"]} == {drawing["trunk"]["x"]}
        assert {drawing["trunk"]["y1"], drawing["trunk"]["y2"]} <= {bus["y"] for bus in drawing["buses"]}
    if nodes:
        assert drawing["buses"][0]["x1"] <= drawing["stems"][0]["x"] <= drawing["buses"][0]["x2"]


def _overlap(one, other):
    return (
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )


def test_many_services_are_counted_with_the_worst_of_them(fake_system):
    services = tuple(f"service-{number}" for number in range(9))
    system = fake_system(nodes=1, services=services)
    system.nodes["sip1"]["info"]["services"][8].update(announced=False, why="down")
    drawing = status_page.drawing(system.status(), 6, 172)
    assert drawing["nodes"][0]["lines"][-1] == {"text": "and 5 more", "level": "bad"}


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["172.18.0.22", "172.18.0.23", "172.18.0.24"], ["172.18.0.22–24"]),
        (["172.18.0.22", "172.18.0.24"], ["172.18.0.22", "172.18.0.24"]),
        (["172.18.0.255", "172.18.1.0"], ["172.18.0.255", "172.18.1.0"]),
        (["phone.example"], ["phone.example"]),
    ],
)
def test_ranges(addresses, expected):
    assert status_page.ranges(addresses) == expected
