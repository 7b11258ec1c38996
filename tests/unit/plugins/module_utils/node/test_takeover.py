# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 (tables of file contents)
"""Whose bird.conf it is, and what stands in the way of working beside it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.conf import includes, is_ours, summary, with_includes
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node.takeover import (
    bird_conf_problems,
    include_line,
    kind,
    notes,
    speaks_on,
    stanza_problems,
    to_purge,
)

SERVICES = normalise_services([{"name": "sip", "addresses": ["172.18.0.64"], "interface": "dummy0"}])
BIRD = "/etc/bird"
SECRET = "myOSPFpassword"

# As the article has it.
ARTICLE = """\
log syslog all;
protocol device { }
protocol kernel { ipv4 { import none; export all; }; }
protocol static { ipv4; }
protocol ospf myAnycast {
  ipv4 { import all; export all; };
  area 0 {
    stubnet 172.18.0.64/32 { };
    interface "enp0s11" {
      cost 1; type broadcast; hello 3; retransmit 2; wait 2; dead 4;
      authentication simple; password "myOSPFpassword";
    };
    interface "dummy0" { stub; };
  };
}
"""
# Debian's, without its comments.
PACKAGE = """\
log syslog all;
# protocol bgp { password "x"; } is only a comment
protocol device {
}
protocol direct {
  disabled;    # Disable by default
  ipv4;      # Connect to default IPv4 table
}
protocol kernel {
  ipv4 {      # Connect protocol to IPv4 table by channel
        export all;
  };
}
protocol static {
  ipv4;      # Again, IPv4 channel with default options
}
"""
OURS = 'log syslog all;\nprotocol device { }\nprotocol ospf v2 anycast { area 0 { include "/etc/bird/anycast.d/*.conf"; }; }\n'
BGP = """\
router id 192.0.2.1;
define NETS = [ 192.0.2.0/24{24,32} ];
protocol device { }
filter out { if net ~ NETS then accept; else reject; }
template bgp peers { local as 64512; }
protocol bgp upstream from peers { neighbor 198.51.100.1 as 64511; password "myOSPFpassword"; ipv4 { export filter out; }; }
"""
INCLUDED = BGP + include_line(BIRD) + "\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ARTICLE, "article"),
        # By the interface alone, as it should have been; without a name; with OSPF's version.
        (ARTICLE.replace("stubnet 172.18.0.64/32 { };", ""), "article"),
        (ARTICLE.replace("ospf myAnycast", "ospf v2"), "article"),
        # One line and comments in the way.
        ("/* a { */ " + ARTICLE.replace("\n", " ").replace("area 0", "area # x {\n 0"), "article"),
        (PACKAGE, "plain"),
        ("", "plain"),
        (OURS, "ours"),
        # Somebody else's: other protocols, routes, statements, another address or dummy interface, areas, includes.
        (BGP, "foreign"),
        (INCLUDED, "foreign"),
        (ARTICLE + "protocol rip { }", "foreign"),
        (ARTICLE.replace("static { ipv4; }", "static { ipv4; route 192.0.2.0/24 blackhole; }"), "foreign"),
        (ARTICLE + "filter x { accept; }", "foreign"),
        (ARTICLE.replace("172.18.0.64/32", "172.18.0.65/32"), "foreign"),
        (ARTICLE.replace('"dummy0"', '"dummy1"'), "foreign"),
        (ARTICLE.replace("area 0 {", "area 1 { }; area 0 {"), "foreign"),
        (ARTICLE.replace("area 0 {", "area 0 { networks { 192.0.2.0/24; };"), "foreign"),
        (ARTICLE + 'include "/etc/bird/peers/*.conf";', "foreign"),
        (ARTICLE.replace("area 0 {", 'include "x"; area 0 {'), "foreign"),
        (ARTICLE.replace("ospf myAnycast", "ospf v3 myAnycast"), "foreign"),
        (ARTICLE + ARTICLE.replace("myAnycast", "second"), "foreign"),
        # OSPF that announces nothing of ours.
        (ARTICLE.replace("stubnet 172.18.0.64/32 { };", "").replace('interface "dummy0" { stub; };', ""), "foreign"),
    ],
)
def test_whose_it_is(text, expected):
    assert kind(summary(text), SERVICES) == expected


def test_no_file_is_nobodys():
    assert kind(None, SERVICES) == "none"


@pytest.mark.parametrize("text", [ARTICLE, BGP, INCLUDED])
def test_a_summary_holds_no_password(text):
    assert SECRET not in json.dumps(summary(text))
    assert SECRET not in " ".join(notes(summary(text), [], SERVICES, "172.18.0.11", BIRD))


def problems(text, bfd=False):
    return bird_conf_problems(summary(text), SERVICES, ["enp0s11"], bfd, BIRD)


def test_the_include_line_is_asked_for_by_file_and_text():
    (said,) = problems(BGP)
    assert said.startswith("/etc/bird/bird.conf on this node is somebody else's (protocols: bgp upstream; statements: ")
    assert "add the line 'include \"/etc/bird/anycast*.conf\";' at its end" in said


@pytest.mark.parametrize("line", [include_line(BIRD), 'include "anycast*.conf";', 'include "/etc/bird/*.conf";'])
def test_it_is_there(line):
    assert problems(BGP + line) == []


def test_a_name_instead_of_a_pattern_would_keep_bird_from_starting():
    (said,) = problems(BGP + 'include "/etc/bird/anycast.conf";')
    assert "by its name" in said and "write 'include \"/etc/bird/anycast*.conf\";' instead" in said


@pytest.mark.parametrize(
    "line", ["# " + include_line(BIRD), 'include "/etc/bird/anycast.d/*.conf";', 'include "other.conf";']
)
def test_it_is_not(line):
    # The second would have it taken for ours.
    if "anycast.d" in line:
        assert kind(summary(BGP + line), SERVICES) == "ours"
    else:
        assert "add the line" in problems(BGP + line)[0]


@pytest.mark.parametrize(
    "comment",
    ['# include "/etc/bird/anycast.d/*.conf";', '/* or\ninclude "/etc/bird/anycast.d/*.conf";\n*/'],
)
def test_a_comment_does_not_make_it_ours(comment):
    """What is ours is overwritten without a copy."""
    assert not is_ours(BGP + comment)
    assert kind(summary(BGP + comment + "\n"), SERVICES) == "foreign"
    assert is_ours(comment + "\n" + OURS)


@pytest.mark.parametrize("text", [ARTICLE, PACKAGE, OURS])
def test_what_is_replaced_is_not_asked_for_anything(text):
    assert problems(text, bfd=True) == []


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('protocol ospf v2 anycast { area 0 { interface "eth5"; }; }', "rename it there"),
        ('protocol ospf core { area 0 { interface "enp0s*" { }; }; }', "the protocol 'core' in /etc/bird/bird.conf speaks OSPF on enp0s11"),
        ('protocol ospf core { area 0 { interface { }; }; }', "speaks OSPF on enp0s11"),
        ("protocol static mine { ipv4; route 172.18.0.64/32 blackhole; }", "'mine' in /etc/bird/bird.conf announces 172.18.0.64/32"),
        ("protocol bfd { }", "has a 'protocol bfd' already"),
    ],
)  # fmt: skip
def test_conflicts_are_named(added, said):
    (found,) = problems(INCLUDED + added, bfd=True)
    assert said in found


def test_no_device_protocol():
    (found,) = problems(INCLUDED.replace("protocol device { }", ""))
    assert "has no 'protocol device'" in found


def test_what_is_in_nobodys_way():
    other = 'protocol ospf core { area 0 { interface "-enp0s11", "*" { }; }; }\nprotocol ospf v3 six { area 0 { interface "*"; }; }'
    assert problems(INCLUDED + other) == []


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [(["enp0s11"], True), (["enp*"], True), (["-enp0s11", "*"], False), (["eth0"], False), ([], True)],
)
def test_the_first_pattern_that_matches_decides(patterns, expected):
    assert speaks_on({"interfaces": [{"patterns": patterns, "stub": False}]}, "enp0s11") is expected


def test_what_is_said():
    (said,) = notes(summary(ARTICLE), [], SERVICES, "172.18.0.11", BIRD)
    assert (
        "(protocol ospf myAnycast, stubnet 172.18.0.64/32, interface dummy0), is replaced; what was there is kept"
        in said
    )
    first, second = notes(summary(INCLUDED), [], SERVICES, "172.18.0.11", BIRD)
    assert "what announces is in /etc/bird/anycast.conf" in first
    assert (
        second
        == "its router id is 192.0.2.1, that of the protocol anycast alone is 172.18.0.11 (bird_anycast_router_id)"
    )
    assert (
        notes(summary(OURS), [], SERVICES, "172.18.0.11", BIRD) == notes(None, [], SERVICES, "172.18.0.11", BIRD) == []
    )


STANZA = {"file": "/etc/network/interfaces", "name": "dummy0", "addresses": ["172.18.0.64"], "extra": [], "heirs": []}


@pytest.mark.parametrize(
    ("stanza", "said"),
    [
        (STANZA, []),
        ({**STANZA, "addresses": ["172.18.0.64", "10.0.0.1"]}, ["has the address 10.0.0.1, which no service has"]),
        ({**STANZA, "extra": ["up", "mtu"]}, ["has up, mtu, which the role would not keep"]),
        ({**STANZA, "heirs": ["dummy1"]}, ["is what dummy1 inherits from"]),
    ],
)
def test_what_a_stanza_would_lose_is_a_problem(stanza, said):
    found = stanza_problems([stanza], SERVICES)
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))


def test_includes_mean_the_same_from_anywhere():
    text = 'include "a.conf";\n# include "no.conf";\nprotocol x { include "/etc/bird/anycast.key"; }\n'
    assert includes(text, BIRD) == ["/etc/bird/a.conf", "/etc/bird/anycast.key"]
    moved = with_includes(text, BIRD, {"/etc/bird/anycast.key": "/tmp/key"})
    assert moved == text.replace("a.conf", "/etc/bird/a.conf").replace("/etc/bird/anycast.key", "/tmp/key")


def test_only_what_came_with_a_package_goes_with_it():
    now = "Remv orphan [1]\n"
    after = "Purg bird2* [2.17]\nRemv libssh-4 [0.11]\nRemv orphan [1]\n"
    assert to_purge(["bird2"], after, now) == ["bird2", "libssh-4"]
    assert to_purge([], "", now) == []
