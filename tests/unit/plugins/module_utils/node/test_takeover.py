# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 (tables of file contents)
"""Whose bird.conf it is, and what stands in the way of working beside it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.conf import (
    BirdConf,
    Interface,
    Protocol,
    includes,
    is_ours,
    with_includes,
)
from ansible_collections.homelab.anycast.plugins.module_utils.bird.paths import Paths
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node.ifupdown import HandMade
from ansible_collections.homelab.anycast.plugins.module_utils.node.takeover import (
    Around,
    bird_afterwards,
    bird_conf_kind,
    bird_conf_problems,
    hand_made_problems,
    include_line,
    lost_routes,
    packages_to_purge,
    removal_notes,
    takeover_notes,
)

SERVICES = normalise_services([{"name": "sip", "addresses": ["172.18.0.64"], "interface": "dummy0"}])
PATHS = Paths()
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
CONNECTED = {"dst": "172.18.0.0/26", "dev": "enp0s11", "protocol": "kernel", "scope": "link"}
DEFAULT = {"dst": "default", "gateway": "172.18.0.1", "dev": "enp0s11"}
BY_BIRD = {"protocol": "bird", "metric": 32}
AROUND = Around([CONNECTED, DEFAULT], ["lo", "enp0s11", "dummy0", "docker0"], ["enp0s11"])
INCLUDED = BGP + include_line(PATHS) + "\n"


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
    assert bird_conf_kind(BirdConf.parse(text), SERVICES) == expected


@pytest.mark.parametrize(
    ("text", "routes", "more"),
    [
        (ARTICLE, [DEFAULT], []),
        # What it tells the node beside is no other way than without it.
        (ARTICLE, [DEFAULT, {**CONNECTED, **BY_BIRD}, {**DEFAULT, **BY_BIRD, "dst": "10.99.0.0/16"}], []),
        (ARTICLE, [{**DEFAULT, **BY_BIRD}], ["the node has the routes default from BIRD alone"]),
        (ARTICLE, [{**DEFAULT, "gateway": "192.0.2.1"}, {**DEFAULT, **BY_BIRD, "dst": "10.99.0.0/16"}], ["10.99.0.0/16 from BIRD"]),
        (PACKAGE, [{**DEFAULT, **BY_BIRD}], None),
        (ARTICLE.replace('"enp0s11"', '"enp*"'), [], []),
        (ARTICLE.replace('"enp0s11"', '"*"'), [], ["protocol myAnycast speaks OSPF on docker0 too"]),
        (ARTICLE.replace("import none;", "learn;").replace("kernel { ipv4", "kernel { learn; ipv4"), [], ["announces what kernel takes"]),
        (ARTICLE.replace("kernel { ipv4", "kernel { learn no; ipv4"), [], []),
        (ARTICLE + 'protocol direct { ipv4; interface "docker0", "eth*"; }', [], ["announces what direct takes from the kernel"]),
        (ARTICLE + 'protocol direct { ipv4; interface "dummy0"; }', [], []),
        (ARTICLE + "protocol direct { disabled; ipv4; }", [], []),
        (ARTICLE.replace("export all; };\n  area", "export none; };\n  area") + "protocol direct { ipv4; }", [], []),
        # As BIRD 1 had it.
        (ARTICLE.replace("ipv4 { import all; export all; };", "import all; export all;") + "protocol direct { }", [], ["what direct takes"]),
        (ARTICLE.replace('"dummy0" { stub; }', '"dummy0" { stub on; }').replace("stubnet 172.18.0.64/32 { };", ""), [], []),
    ],
)  # fmt: skip
def test_what_is_the_articles_by_its_words_and_does_more(text, routes, more):
    """Taken over, it cost the node its default route, with every neighbour Full."""
    conf, around = BirdConf.parse(text), Around([CONNECTED, *routes], AROUND.interfaces, AROUND.links)
    assert bird_conf_kind(conf, SERVICES, around) == ("article" if more == [] else "foreign")
    said = " ".join(bird_conf_problems(conf, SERVICES, around, False, PATHS))
    assert all(words in said for words in more or [])
    assert ("have the node's interface manager make them" in said) == ("from BIRD alone" in said)


def test_of_several_next_hops_each_counts():
    hops = {
        "dst": "10.0.0.0/8",
        "nexthops": [{"gateway": "172.18.0.1", "dev": "enp0s11"}, {"gateway": "fe80::1", "dev": "e1"}],
    }
    assert lost_routes([CONNECTED, DEFAULT, {**hops, **BY_BIRD}], SERVICES) == ["10.0.0.0/8"]
    assert lost_routes([hops, {**hops, **BY_BIRD, "dst": "10.1.0.0/16"}], SERVICES) == []
    six = {"dst": "default", "gateway": "fe80::1", "dev": "enp0s11"}
    assert lost_routes([DEFAULT, {**six, **BY_BIRD}], SERVICES) == ["default"]
    assert lost_routes([six, {**six, **BY_BIRD, "dst": "2001:db8::/32"}], SERVICES) == []


def test_a_protocol_of_an_included_file_is_seen():
    """Told to add protocol device, the user had 'Kernel device protocol already defined' of BIRD."""
    text = INCLUDED.replace("protocol device { }", "") + 'include "device.conf";'
    conf = BirdConf.parse(text, {"/etc/bird/device.conf": "protocol device { }"})
    assert bird_conf_problems(conf, SERVICES, AROUND, False, PATHS) == []
    conf = BirdConf.parse(INCLUDED, {"/etc/bird/core.conf": 'protocol ospf core { area 0 { interface "enp*"; }; }'})
    (said,) = bird_conf_problems(conf, SERVICES, AROUND, False, PATHS)
    assert "the protocol 'core' in /etc/bird/core.conf speaks OSPF on enp0s11 already" in said


def test_no_file():
    assert bird_conf_kind(None, SERVICES) == "none"


@pytest.mark.parametrize("text", [ARTICLE, BGP, INCLUDED])
def test_a_summary_holds_no_password(text):
    conf = BirdConf.parse(text)
    assert SECRET not in json.dumps(dataclasses.asdict(conf))
    assert SECRET not in " ".join(notes(conf))
    # As it comes from a node.
    assert BirdConf.from_dict(json.loads(json.dumps(dataclasses.asdict(conf)))) == conf


def notes(conf):
    return takeover_notes(conf, [], SERVICES, "172.18.0.11", PATHS)


def problems(text, bfd=False):
    return bird_conf_problems(BirdConf.parse(text), SERVICES, AROUND, bfd, PATHS)


def test_the_include_line_is_asked_for_by_file_and_text():
    (said,) = problems(BGP)
    assert said.startswith(
        "/etc/bird/bird.conf on this node does more than announce the services (protocols: bgp upstream; statements: "
    )
    assert "add the line 'include \"/etc/bird/anycast*.conf\";' at its end" in said


@pytest.mark.parametrize("line", [include_line(PATHS), 'include "anycast*.conf";', 'include "/etc/bird/*.conf";'])
def test_it_is_there(line):
    assert problems(BGP + line) == []


def test_a_name_instead_of_a_pattern_would_keep_bird_from_starting():
    (said,) = problems(BGP + 'include "/etc/bird/anycast.conf";')
    assert "by its name" in said and "write 'include \"/etc/bird/anycast*.conf\";' instead" in said


@pytest.mark.parametrize(
    "line", ["# " + include_line(PATHS), 'include "/etc/bird/anycast.d/*.conf";', 'include "other.conf";']
)
def test_it_is_not(line):
    # The second would have it taken for ours.
    if "anycast.d" in line:
        assert bird_conf_kind(BirdConf.parse(BGP + line), SERVICES) == "ours"
    else:
        assert "add the line" in problems(BGP + line)[0]


@pytest.mark.parametrize(
    "comment",
    ['# include "/etc/bird/anycast.d/*.conf";', '/* or\ninclude "/etc/bird/anycast.d/*.conf";\n*/'],
)
def test_a_comment_does_not_make_it_ours(comment):
    """What is ours is overwritten without a copy."""
    assert not is_ours(BGP + comment)
    assert bird_conf_kind(BirdConf.parse(BGP + comment + "\n"), SERVICES) == "foreign"
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
        ("protocol bfd { }", "already has a 'protocol bfd'"),
    ],
)  # fmt: skip
def test_conflicts_are_named(added, said):
    (found,) = problems(INCLUDED + added, bfd=True)
    assert said in found


def test_no_device_protocol():
    (found,) = problems(INCLUDED.replace("protocol device { }", ""))
    assert "has no 'protocol device'" in found


def test_a_protocol_on_other_interfaces_is_no_conflict():
    other = 'protocol ospf core { area 0 { interface "-enp0s11", "*" { }; }; }\nprotocol ospf v3 six { area 0 { interface "*"; }; }'
    assert problems(INCLUDED + other) == []


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [(["enp0s11"], True), (["enp*"], True), (["-enp0s11", "*"], False), (["eth0"], False), ([], True)],
)
def test_the_first_pattern_that_matches_decides(patterns, expected):
    assert Protocol("ospf2", None, False, interfaces=[Interface(patterns, False)]).speaks_on("enp0s11") is expected


def test_what_is_said():
    (said,) = notes(BirdConf.parse(ARTICLE))
    assert (
        "(protocol ospf myAnycast, stubnet 172.18.0.64/32, interface dummy0), is replaced; the role keeps what was there"
        in said
    )
    first, second = notes(BirdConf.parse(INCLUDED))
    assert "what announces is in /etc/bird/anycast.conf" in first
    assert (
        second
        == "its router id is 192.0.2.1, that of the protocol anycast alone is 172.18.0.11 (bird_anycast_router_id)"
    )
    assert notes(BirdConf.parse(OURS)) == notes(None) == []


def hand_made(addresses=("172.18.0.64",), extra=(), heirs=()):
    return HandMade("/etc/network/interfaces", "dummy0", list(addresses), list(extra), list(heirs))


@pytest.mark.parametrize(
    ("stanza", "said"),
    [
        (hand_made(), []),
        (hand_made(["172.18.0.64", "10.0.0.1"]), ["has the address 10.0.0.1, which no service has"]),
        (hand_made(extra=["up", "mtu"]), ["has up, mtu, which the role would not keep"]),
        (hand_made(heirs=["dummy1"]), ["is what dummy1 inherits from"]),
    ],
)
def test_what_a_stanza_would_lose_is_a_problem(stanza, said):
    found = hand_made_problems([stanza], SERVICES)
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))


def test_includes_mean_the_same_from_anywhere():
    text = 'include "a.conf";\n# include "no.conf";\nprotocol x { include "/etc/bird/anycast.key"; }\n'
    assert includes(text, PATHS.directory) == ["/etc/bird/a.conf", "/etc/bird/anycast.key"]
    moved = with_includes(text, PATHS.directory, {"/etc/bird/anycast.key": "/tmp/key"})
    assert moved == text.replace("a.conf", "/etc/bird/a.conf").replace("/etc/bird/anycast.key", "/tmp/key")


def test_only_what_came_with_a_package_goes_with_it():
    now = "Remv orphan [1]\n"
    after = "Purg bird2* [2.17]\nRemv libssh-4 [0.11]\nRemv orphan [1]\n"
    assert packages_to_purge(["bird2"], after, now) == ["bird2", "libssh-4"]
    assert packages_to_purge([], "", now) == []


NOTHING: dict = {"packages": [], "units": {}, "files": {}, "stanzas": []}
RUNNING: dict = {**NOTHING, "files": {"/etc/bird/bird.conf": None}, "units": {"bird.service": {"active": "active"}}}


@pytest.mark.parametrize(
    ("record", "kind", "installed", "action"),
    [
        ({**NOTHING, "packages": ["bird2"]}, "ours", True, "purge"),
        (NOTHING, "none", False, "leave"),
        (RUNNING, "ours", True, "reload"),
        ({**RUNNING, "units": {"bird.service": {"active": "inactive"}}}, "ours", True, "stop"),
        ({**RUNNING, "units": {**RUNNING["units"], "announced_by_hand": True}}, "ours", True, "stop"),
        (NOTHING, "ours", True, "empty"),
        (NOTHING, "foreign", True, "reload"),
        # Somebody has replaced ours, or it is the second run.
        (NOTHING, "plain", True, "leave"),
        (NOTHING, "article", True, "leave"),
    ],
)
def test_what_becomes_of_bird(record, kind, installed, action):
    assert bird_afterwards(record, kind, installed) == action


def test_what_the_user_has_to_know():
    assert "apt purge bird2" in removal_notes("empty", NOTHING, PATHS)[0]
    assert (
        "systemctl enable --now bird"
        in removal_notes("stop", {**RUNNING, "units": {"announced_by_hand": True}}, PATHS)[0]
    )
    assert removal_notes("reload", RUNNING, PATHS) == removal_notes("purge", NOTHING, PATHS) == []
