# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the system as text, as JSON, and as the HTML that the template makes of it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import status_page

TEMPLATES = Path(__file__).parents[5] / "playbooks" / "templates"
EVIL = "<script>alert('1')</script>\"' onload=\"x {{ 7 * 191 }} &amp;"
LONG = "very-long-server-name-number-{}.branch-office.example.com"
VOID = {"meta", "br"}


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
    assert found == [
        "All is well",
        "sip served by 3 of 3",
        "2026-11-22 15:30:00 UTC, by alice@desk",
        "",
        "SERVICE sip (172.18.0.64/32): served by 3 of 3",
        "OSPF at hap-lite: 3 of 3 neighbours Full",
        "LAST CHANGE 2026-11-22 15:00:00 UTC, sip1: sip announced: it is healthy",
    ]


def test_lines_name_the_master_of_a_gateway(fake_system):
    system = fake_system()
    row = {
        "name": "vrrp1",
        "vrid": 7,
        "protocol": "ipv4",
        "addresses": ["172.18.0.2/32"],
        "networks": ["172.18.0.0/26"],
    }
    second = {**system.router, "name": "hap-ac", "next_hops": []}
    for router, state in ((system.router, "backup"), (second, "master")):
        router["neighbors"] = {**router["neighbors"], "gateways": [{**row, "state": state}]}
    found = status_page.status_lines(system.status(second))
    assert "GATEWAY 172.18.0.2 (VRRP, vrid 7): master hap-ac, backup hap-lite" in found
    page = status_page.status_page(system.status(second))
    assert (page["levels"]["gateways"], page["gateways"][0]["states"]) == (
        "good",
        {"hap-ac": "master", "hap-lite": "backup"},
    )


def test_lines_name_what_is_broken(fake_system):
    found = "\n".join(" ".join(line.split()) for line in lines(broken(fake_system)))
    assert found.startswith("Degraded: sip served by 2 of 6, 1 drained\n")
    assert "\n6 PROBLEMS\n- hap-lite: 172.18.0.99 is a next hop of" in found
    assert "- sip2: down: it cannot be reached: ssh to port 22: No route to host, and no" in found
    assert (
        "See https://homelab-anycast.github.io/homelab.anycast/docsite/operate.html #next-hop #down #no-bird" in found
    )
    assert "\n1 NOTE\n- sip4: sip is drained" in found
    assert "sip4 drained no no no ? yes" in found
    # A row that is well says nothing new among many.
    assert "sip1 serving" not in found


def faults(system):
    names = list(system.nodes)
    yield "withdrawn", system.withdrawn
    yield "BIRD", system.bird_down
    yield "down", lambda name: (system.unreachable(name), system.lose(name))
    yield "stuck", lambda name: (system.sees(name, {"state": "ExStart"}), system.forget(name))
    yield "no neighbour", system.lose
    yield "different", lambda name: system.withdrawn(name, f"withdrawn: {names.index(name)} {'why ' * 15}")


@pytest.mark.parametrize("fault", ["withdrawn", "BIRD", "down", "stuck", "no neighbour", "different"])
def test_one_fault_on_three_nodes_takes_twenty_rows(fake_system, fault):
    system = fake_system(bfd=True)
    breaks = dict(faults(system))[fault]
    for name in system.nodes:
        breaks(name)
    found = lines(system)
    assert found[0].startswith("OUTAGE")
    assert len(found) <= 20


@pytest.mark.parametrize("name", ["sip{}", LONG])
def test_lines_fit_the_terminal_with_every_column(fake_system, name):
    found = lines(broken(fake_system, name=name, services=("sip", "voicemail-gateway-of-the-branch")))
    # A command is to be copied, and a link is one word.
    text = [line for line in found if not line.startswith(("  ssh", "  ping", "  ansible-playbook", "  /ip", "See "))]
    assert max(map(len, text)) <= status_page.WIDTH
    headings = [line for line in found if line.startswith("node ")]
    assert len(headings) == 2
    assert all(line.endswith("healthy  drained") for line in headings)


def test_html_holds_every_part(fake_system):
    document = Document(render(broken(fake_system)))
    assert document.wrong == document.open == []
    text = "".join(document.text)
    for part in (
        "Degraded: sip served by 2 of 6, 1 drained",
        "2026-11-22 15:30:00 UTC, by alice@desk",
        "down: it cannot be reached: ssh to port 22: No route to host",
        "ssh root@172.18.0.15 journalctl -n 20 -u anycast-announce@sip",
        "About no BIRD",
        "✕ ExStart",
        "✕ Full, BFD down",
        "● sip drained",
        "172.18.0.64 → 3",
        "a different host announces it",
        "172.18.0.22–25",
        "172.18.0.64 does not answer within 0.5 s",
    ):
        assert part in text


def test_a_session_that_is_down_marks_its_part_of_the_page(fake_system):
    system = fake_system(bfd=True)
    assert status_page.status_page(system.status())["levels"]["neighbors"] == "good"
    system.sees("sip1", {"bfd": "down"})
    page = status_page.status_page(system.status())
    assert page["levels"]["neighbors"] == "bad"
    assert page["neighbors"][0]["bfd"] == "down"


def test_html_is_self_contained(fake_system):
    text = render(broken(fake_system))
    document = Document(text)
    assert set(document.tags) & {"link", "img", "iframe", "object", "use", "image"} == set()
    assert [entry for entry in document.attributes if entry[1] in ("src", "xlink:href")] == []
    links = [value for tag, name, value in document.attributes if name == "href"]
    assert links and all(link.startswith("https://homelab-anycast.github.io/") for link in links)
    assert "url(" not in text
    assert "@import" not in text


def test_what_is_well_is_folded(fake_system):
    system = fake_system(nodes=14, services=("sip", "dns"))
    dns = system.router["next_hops"][1]["next_hops"]
    system.withdrawn("sip2")
    system.router["next_hops"][1]["next_hops"] = dns
    text = render(system)
    sections = text.split("<section")
    (sip,) = [part for part in sections if "</span> sip <span" in part]
    (dns,) = [part for part in sections if "</span> dns <span" in part]
    assert "<details open>" in sip and "<summary>13 nodes serve it</summary>" in sip
    assert "<details open>" not in dns
    # In the drawing the services of a node that are alike are one line.
    assert "✓ dns, sip serving" in text or "✓ sip, dns serving" in text


def test_tables_say_what_they_are_where_a_phone_shows_blocks(fake_system):
    document = Document(render(broken(fake_system)))
    for tag, role in (("table", "table"), ("tr", "row"), ("td", "cell")):
        assert document.attributes.count((tag, "role", role)) == document.tags.count(tag) > 0
    heads = document.tags.count("th")
    scopes = [value for tag, name, value in document.attributes if (tag, name) == ("th", "scope")]
    assert len(scopes) == heads and set(scopes) == {"col", "row"}


def test_the_age_needs_no_script(fake_system):
    document = Document(render(fake_system()))
    assert ("time", "datetime", "2026-11-22T15:30:00Z") in document.attributes
    assert "2026-11-22 15:30:00 UTC" in document.text


def test_the_json_keeps_its_shape(fake_system):
    """Scripts read it: add what is new, and take nothing away."""
    values = status_page.status_values(broken(fake_system).status())
    text = json.dumps(values)
    assert json.loads(text) == values
    top = "time by level verdict summary problems notes services routers nodes clients neighbors next_hops"
    top += " gateways drains changes"
    assert set(values) == set(top.split())
    problem = "level kind hosts text causes services commands docs"
    cell = "service node expected announced installed healthy drained state level why"
    for key, keys in {
        "problems": problem,
        "notes": problem,
        "services": "name addresses nodes announced serving level out served",
        "routers": "name router_id version trouble level",
        "nodes": "name address trouble link services level",
        "drains": "node service by reason since done stopped",
        "changes": "time node service text",
    }.items():
        assert set(values[key][0]) == set(keys.split()), key
    assert set(values["services"][0]["nodes"][0]) == set(cell.split())
    assert values["services"][0]["nodes"][1]["announced"] is None


def test_html_holds_hostile_strings_as_text(fake_system):
    clean = broken(fake_system)
    hostile = broken(fake_system)
    _poison(hostile)
    expected, document = Document(render(clean)), Document(render(hostile))
    assert document.wrong == document.open == []
    assert document.tags.count("script") == 1
    # No tag and no attribute that a page without them has not.
    assert set(document.tags) <= set(expected.tags)
    assert {entry[:2] for entry in document.attributes} <= {entry[:2] for entry in expected.attributes}
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


@pytest.mark.parametrize("nodes", [0, 1, 12])
def test_html_of_any_number_of_nodes(fake_system, nodes):
    document = Document(render(fake_system(nodes=nodes, name=LONG)))
    assert document.wrong == document.open == []


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
