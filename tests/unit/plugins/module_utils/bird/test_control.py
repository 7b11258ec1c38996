# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What BIRD answers, as three versions said it on their socket in the quick bed, and what it logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.control import (
    BirdError,
    Protocol,
    choose_protocol,
    parse_interfaces,
    parse_neighbors,
    parse_protocols,
    parse_router_id,
    parse_seconds,
    parse_told,
    split_reply,
    symbol,
)
from ansible_collections.homelab.anycast.plugins.module_utils.bird.log import Refusal, parse_refusals

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "bird"


VERSIONS = ("2.0.12", "2.17.5", "3.1.7")


def wire(version, case, command):
    """Return the answer in a recording of BIRD, without the greeting."""
    said = json.loads((RECORDINGS / f"{version}.json").read_text())[case][command]
    greeting, data = split_reply("".join(f"{line}\n" for line in said).encode())
    assert greeting == [(1, f"BIRD {version} ready.")]
    lines, rest = split_reply(data)
    assert rest == b""
    return lines


@pytest.mark.parametrize(
    ("data", "lines", "rest"),
    [
        (b"0000 \n", [(0, "")], b""),
        (b"0001 BIRD 2.0.12 ready.\n0016 A", [(1, "BIRD 2.0.12 ready.")], b"0016 A"),
        (b"1013-a:\n b\n c\n0000 \n", [(1013, "a:"), (1013, "b"), (1013, "c"), (0, "")], b""),
        (b"1011-a\n+2025 log message\n b\n0013 up\n", [(1011, "a"), (1011, "b"), (13, "up")], b""),
        (b"9001 syntax error\n", [(9001, "syntax error")], b""),
    ],
)
def test_splits_a_reply(data, lines, rest):
    assert split_reply(data) == (lines, rest)
    for end in range(len(data) - len(rest) - 1):
        assert split_reply(data[:end]) == ([], data[:end])


@pytest.mark.parametrize("data", [b"220 ESMTP\n", b" b\n", b"10131 x\n", b"\n"])
def test_refuses_what_is_no_reply(data):
    with pytest.raises(BirdError, match="BIRD would not send"):
        split_reply(data)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("case", "neighbors"),
    [
        (
            "full",
            [
                ("172.18.0.12", "2-Way", "DROther", 0, 3.956),
                ("172.18.0.13", "2-Way", "DROther", 0, 3.976),
                ("172.18.0.1", "Full", "DR", 128, 3.883),
            ],
        ),
        ("init", [("172.18.0.1", "Init", "DROther", 128, None)]),
        ("exstart_mtu", [("172.18.0.1", "ExStart", "DR", 128, None)]),
        ("full_ptp", [("172.18.0.1", "Full", "PtP", 128, None)]),
        (
            "twoway_only",
            [
                ("172.18.0.12", "2-Way", "DROther", 0, None),
                ("172.18.0.13", "2-Way", "DROther", 0, None),
                ("172.18.0.1", "2-Way", "DROther", 0, None),
            ],
        ),
        ("none_link_cut", []),
        ("none_wrong_auth", []),
    ],
)
def test_neighbors(version, case, neighbors):
    found = parse_neighbors(wire(version, case, "show ospf neighbors myAnycast"))
    assert {(entry.router_id, entry.state, entry.role, entry.priority) for entry in found} >= {
        entry[:4] for entry in neighbors
    }
    assert bool(found) is bool(neighbors)
    for entry in found:
        assert (entry.interface, entry.address) == ("enp0s11", entry.router_id)
        assert 0 < (entry.dead_seconds or 0) <= 4
        assert (entry.full_seconds, entry.state_changes) == (None, None)


@pytest.mark.parametrize(
    ("row", "values"),
    [
        # BIRD 1 and 2.0 before 2018 write minutes and seconds; some old ones the roles in lower case.
        ("172.18.0.1\t  1\tfull/dr   \t00:33\teth0       172.18.0.1", ("Full", "DR", 33.0)),
        ("172.18.0.1\t  1\tfull/bdr  \t-Inf-\teth0       172.18.0.1", ("Full", "BDR", None)),
        ("172.18.0.1\t  1\tLoading/BDR  \t11.282\tvlink0     2001:db8::1", ("Loading", "BDR", 11.282)),
    ],
)
def test_other_forms_of_a_neighbor(row, values):
    (found,) = parse_neighbors([(1013, "anycast:"), (1013, row), (0, "")])
    assert (found.state, found.role, found.dead_seconds) == values


@pytest.mark.parametrize(("text", "seconds"), [("9.951", 9.951), ("01:03", 63.0), ("-Inf-", None), ("12", 12.0)])
def test_seconds(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("version", VERSIONS)
def test_interfaces(version):
    lan, dummy = parse_interfaces(wire(version, "full", "show ospf interface"))
    assert lan.as_dict() == {
        "name": "enp0s11",
        "network": "172.18.0.0/26",
        "silent": False,
        "type": "broadcast",
        "area": "0.0.0.0",
        "state": "DROther",
        "priority": 0,
        "hello": 1.0,
        "wait": 2.0,
        "dead": 4.0,
        "retransmit": 2.0,
    }
    assert (dummy.name, dummy.silent, dummy.state) == ("dummy0", True, "Waiting")


@pytest.mark.parametrize("version", VERSIONS)
def test_router_id(version):
    assert parse_router_id(wire(version, "full", "show status")) == "172.18.0.11"
    assert parse_router_id([(13, "Daemon is up and running")]) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_protocols(version):
    rows = parse_protocols(wire(version, "full", "show protocols"))
    assert Protocol("myAnycast", "OSPF", "up") in rows
    assert choose_protocol(rows, None).name == "myAnycast"


TWO = [
    Protocol("device1", "Device", "up"),
    Protocol("a", "OSPF", "up"),
    Protocol("b", "OSPF", "down"),
]


@pytest.mark.parametrize(
    ("protocols", "wanted", "says"),
    [
        (TWO, None, "more than one OSPF protocol: a, b"),
        (TWO, "c", "no OSPF protocol 'c'; it has: a, b"),
        (TWO, "device1", "no OSPF protocol 'device1'; it has: a, b"),
        (TWO[:1], None, r"no OSPF protocol; it has: device1 \(Device\)"),
        (TWO[:1], "a", "no OSPF protocol; it has"),
        ([], None, "it has: no protocol at all"),
    ],
)
def test_no_protocol_to_choose(protocols, wanted, says):
    with pytest.raises(BirdError, match=says):
        choose_protocol(protocols, wanted)


def test_chooses_the_wanted_protocol():
    assert choose_protocol(TWO, "b") is TWO[2]


@pytest.mark.parametrize(("name", "text"), [("ospf1", "ospf1"), ("my-anycast", "'my-anycast'"), ("4all", "'4all'")])
def test_symbol(name, text):
    assert symbol(name) == text


@pytest.mark.parametrize("name", ["", "a b", "a\ndown", "a'; down", '"a"'])
def test_no_symbol(name):
    with pytest.raises(BirdError, match="cannot be the name of a protocol"):
        symbol(name)


# As the three versions say it, shortened; recorded in the quick bed.
STATE = """1016-
 area 0.0.0.0
 \trouter 172.18.0.1
 \t\tdistance 1
 \t\tnetwork 172.18.0.0/26 metric 10
 \trouter 172.18.0.11
 \t\tdistance 0
 \t\tnetwork 172.18.0.0/26 metric 1
 \t\txnetwork 172.18.0.64/32 metric 0
 \trouter 172.18.0.12
 \t\tdistance 1
 \t\txnetwork 172.18.0.66/32 metric 0
 \tnetwork 172.18.0.0/26
 \t\tdr 172.18.0.1
 \t\tdistance 1
 \t\trouter 172.18.0.1
 \t\trouter 172.18.0.11
 area 172.18.0.65
 \trouter 172.18.0.11
 \t\tdistance 0
 \t\tstubnet 172.18.0.65/32 metric 0
 \t\txnetwork 172.18.0.0/26 metric 1
 end
""".replace(" end", "0000 ")
# A node that has just started: no other router is reachable.
ALONE = STATE.replace("distance 1", "unreachable")


@pytest.mark.parametrize(
    ("state", "area", "expected"),
    [
        (STATE, "0.0.0.0", {"172.18.0.64/32"}),
        (STATE.replace("xnetwork 172.18.0.64/32", "stubnet 2001:DB8::40/128"), "0.0.0.0", {"2001:db8::40/128"}),
        (STATE, "0.0.0.5", set()),
        # Of any area: one where the routers are.
        (STATE, None, {"172.18.0.64/32"}),
        (ALONE, "0.0.0.0", set()),
        ("0000 \n", None, set()),
    ],
)
def test_what_the_routers_are_told(state, area, expected):
    assert parse_told(split_reply(state.encode())[0], area) == expected


AUTHENTICATION = "anycast: Authentication failed for nbr 172.18.0.1 on enp0s11 - wrong authentication code (0)"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (AUTHENTICATION, "authentication failed, wrong authentication code"),
        (
            "anycast: Bad HELLO packet from nbr 172.18.0.1 on enp0s11 - dead interval mismatch (12)",
            "dead interval mismatch (12)",
        ),
        (
            "anycast: MTU mismatch with nbr 172.18.0.1 on enp0s11 (remote 1500, local 1400)",
            "MTU mismatch (remote 1500, local 1400)",
        ),
        ("anycast: Bad packet from 172.18.0.1 via enp0s11 - area mismatch (16843009)", "area mismatch (1.1.1.1)"),
        ("anycast: Bad packet from 172.18.0.1 via enp0s11 - my own router ID (2886860811)", "my own router ID"),
    ],
)
def test_each_refusal(line, reason):
    assert parse_refusals(line) == [Refusal("172.18.0.1", "enp0s11", reason, 1)]


def test_counted_by_sender_and_reason():
    other = AUTHENTICATION.replace("172.18.0.1 ", "172.18.0.11 ")
    found = parse_refusals("\n".join([AUTHENTICATION, "Reconfigured", other, AUTHENTICATION]))
    assert [(entry.sender, entry.count) for entry in found] == [("172.18.0.1", 2), ("172.18.0.11", 1)]


def test_what_is_no_refusal():
    assert parse_refusals("anycast: Inactivity timer expired for nbr 172.18.0.1 on enp0s11\n\nStarted\n") == []
