# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a new configuration may stay."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.trial import (
    Patience,
    Trial,
    file_diffs,
    full,
    hide_passwords,
    including,
    rollback_message,
    to_keep,
)
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import Neighbor, OwnInterface

ROUTER, SIP2 = "172.18.0.1", "172.18.0.12"


# The same router in OSPFv3.
ROUTER_V3 = f"{ROUTER} (OSPFv3)"


def seen(router_id=ROUTER, state="Full", dead=11.0, role="DR", address=None):
    return Neighbor(
        router_id=router_id,
        address=address or router_id,
        interface="enp0s11",
        state=state,
        role=role,
        dead_seconds=dead,
    )


def seen_v3(**values):
    return seen(address="fe80::1", **values)


@pytest.mark.parametrize(
    ("hello", "dead", "before", "fresh", "settle"),
    [
        (3, 12, 12, 6, 13),
        (3, 12, 40, 6, 41),
        (3, 40, 12, 34, 41),
        (1, 6, 5, 4, 7),
        # The article's: no hello may be lost, so the other end's dead interval, its flooding and our own come after it.
        (3, 4, 4, 0, 14),
        (3, 8, 12, 0, 26),
    ],
)
def test_how_long_to_look(hello, dead, before, fresh, settle):
    patience = Patience(hello, dead, before)
    assert (patience.fresh, patience.settle) == (fresh, settle)
    assert patience.settle + 10 <= patience.wait < patience.rollback - 5


LOOKS = [
    ("nothing to lose", [], [(0, [], True)]),
    ("new neighbours alone prove nothing", [ROUTER], [(0, [seen(SIP2)], False), (60, [seen(SIP2)], False)]),
    ("kept", [ROUTER], [(0, [seen()], False), (12, [seen()], False), (13, [seen()], True)]),
    (
        "kept without hellos: taken for alive until the dead interval is over",
        [ROUTER],
        [(0, [seen(dead=11)], False), (8, [seen(dead=3)], False), (13, [seen(dead=11)], False), (20, [seen()], False)],
    ),
    ("a hello late, another one on time", [ROUTER], [(0, [seen(dead=7)], False), (13, [seen(dead=7)], True)]),
    ("lost", [ROUTER], [(0, [seen()], False), (13, [], False), (25, [], False)]),
    ("stuck", [ROUTER], [(0, [seen()], False), (13, [seen(state="Init")], False)]),
    ("started again", [ROUTER], [(0, [], False), (5, [seen(state="ExStart")], False), (6, [seen()], True)]),
    (
        "two others rest in 2-Way when neither is designated any more",
        [ROUTER, SIP2],
        [
            (0, [seen(), seen(SIP2, "2-Way", role="DROther")], False),
            (13, [seen(), seen(SIP2, "2-Way", role="DROther")], True),
        ],
    ),
    (
        "OSPFv2 does not stand in for OSPFv3",
        [ROUTER, ROUTER_V3],
        [(0, [seen(), seen_v3()], False), (13, [seen()], False), (25, [seen(), seen_v3(state="Init")], False)],
    ),
    ("nor OSPFv3 for OSPFv2", [ROUTER, ROUTER_V3], [(0, [seen(), seen_v3()], False), (13, [seen_v3()], False)]),
    ("both kept", [ROUTER, ROUTER_V3], [(0, [seen(), seen_v3()], False), (13, [seen(), seen_v3()], True)]),
    (
        "OSPFv3 without hellos",
        [ROUTER, ROUTER_V3],
        [(0, [seen(), seen_v3()], False), (8, [seen(), seen_v3(dead=3)], False), (13, [seen(), seen_v3()], False)],
    ),
    ("nobody is adjacent", [SIP2], [(13, [seen(SIP2, "2-Way", role="DROther")], False)]),
]


@pytest.mark.parametrize(("before", "looks"), [case[1:] for case in LOOKS], ids=[case[0] for case in LOOKS])
def test_trial(before, looks):
    trial = Trial(before, Patience(3, 12, 12), 1000)
    assert [trial.look(neighbors, 1000 + at).good for at, neighbors, _good in looks] == [good for *_more, good in looks]


def test_who_is_full():
    assert full([seen(), seen(SIP2, "2-Way"), seen()]) == [ROUTER]
    assert full([seen(), seen_v3(), seen_v3()]) == [ROUTER, ROUTER_V3]


@pytest.mark.parametrize(
    ("configuration", "kept"),
    [
        (["protocol ospf v2 anycast {\n}\nprotocol ospf v3 anycast_v3 {\n}\n"], [ROUTER, ROUTER_V3]),
        (["protocol ospf v2 anycast {\n}\n", "include x;\n  protocol  ospf v3 his { }\n"], [ROUTER, ROUTER_V3]),
        (["protocol ospf v2 anycast {\n}\n# protocol ospf v3 no more\n"], [ROUTER]),
    ],
)
def test_ospfv3_may_go_with_the_last_ipv6_address(configuration, kept):
    assert to_keep([ROUTER, ROUTER_V3], *configuration) == kept


def test_neighbours_that_may_go():
    """Of both versions; a router id that begins like another is that of a different router."""
    before = [ROUTER, ROUTER_V3, SIP2, f"{ROUTER}1"]
    assert to_keep(before, "protocol ospf v3 x { }", without=[ROUTER]) == [SIP2, f"{ROUTER}1"]


def test_passwords_are_hidden():
    assert hide_passwords('password "s3cret";\npassword  "other" { id 1; };') == (
        'password "(hidden)";\npassword  "(hidden)" { id 1; };'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [(("a\n", "k1"), ("b\n", "k2")), ((None, None), ("b\n", "k2")), (('password "s3cret";', "k1"), ("b\n", "k1"))],
)
def test_diffs_show_no_key(before, after):
    diffs = file_diffs("bird.conf", before[0], after[0], "anycast.key", before[1], after[1])
    assert [diff["before_header"] for diff in diffs] == ["bird.conf", "anycast.key"][: 1 + (before[1] != after[1])]
    assert all(diff["before"] != diff["after"] for diff in diffs)
    assert not any(secret in str(diffs) for secret in ("k1", "k2", "s3cret"))


def test_nothing_changed():
    assert file_diffs("bird.conf", "a", "a", "anycast.key", "k", "k") == []


def trial_of(*neighbors):
    trial = Trial([ROUTER], Patience(3, 12, 12), 0)
    trial.look(list(neighbors), 20)
    return trial


INTERFACES = [OwnInterface("enp0s11", hello=3.0, dead=20.0), OwnInterface("dummy0", silent=True)]


def test_message_of_a_lost_neighbor():
    text = rollback_message(trial_of(), INTERFACES, 25.2, 4.4, "/etc/bird/bird.conf")
    assert "with it the adjacency to 172.18.0.1 was lost, and not back after 25 s" in text
    assert "/etc/bird/bird.conf on disk is still that one" in text
    assert "- 172.18.0.1 was Full, then no neighbour any more. Likely causes: (1) " in text
    assert "the hello or dead interval differs (here: hello 3 s, dead 20 s)" in text
    assert "The adjacency is back, 4 s after the rollback." in text


def test_message_of_a_stuck_neighbor_that_does_not_come_back():
    text = rollback_message(trial_of(seen(state="Init")), INTERFACES, 25, None, "/etc/bird/bird.conf")
    assert "- 172.18.0.1 was Full, then 172.18.0.1 Init/DR on enp0s11. Likely causes: (1) its hellos arrive" in text
    assert "The adjacency has not come back since" in text


def test_what_somebody_else_wrote_is_never_shown():
    theirs = '# was "hunter2"\nprotocol bgp x { password\n"hunter2"; }\n'
    ours = 'protocol ospf v2 anycast { area 0 { include "/etc/bird/anycast.d/*.conf"; cost 1; }; }\n'
    (diff,) = file_diffs("/etc/bird/bird.conf", theirs, ours, "/etc/bird/anycast.key", "k", "k")
    assert "hunter2" not in str(diff) and "bgp" not in str(diff)
    assert diff["before"] != diff["after"] == ours
    # Our own shows what changes.
    (diff,) = file_diffs("/etc/bird/bird.conf", ours, ours.replace("cost 1", "cost 2"), "/k", "k", "k")
    assert "cost 1" in diff["before"] and "cost 2" in diff["after"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('include "/etc/bird/anycast*.conf";', 'include "/tmp/trial";'),
        ('include "anycast*.conf";', 'include "/tmp/trial";'),
        ('include "/etc/bird/anycast.conf";', 'include "/tmp/trial";'),
        ('# include "/etc/bird/anycast*.conf";', None),
        ('include "/etc/bird/other*.conf";', None),
    ],
)
def test_a_trial_of_a_file_that_another_one_includes(line, expected):
    found = including(f'include "more.conf";\n{line}\n', "/etc/bird/bird.conf", "/etc/bird/anycast.conf", "/tmp/trial")
    assert found == (expected and f'include "/etc/bird/more.conf";\n{expected}\n')
