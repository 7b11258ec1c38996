# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the router needs for IPv6: a rule that drops redirects, its place, and the distribution."""

from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.ipv6 import plan, problems, redirect_rules
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import OptionError

OURS = "homelab.anycast"
BOTH = ["172.18.0.64/32", "2001:db8::64/128"]
RULE = {"chain": "output", "action": "drop", "protocol": "icmpv6", "icmp-options": "137:0-255", "comment": OURS}


def router(*rules, settings=(), ours=False, noted=None):
    note = {"settings": {}, "adopted": {}, **({"ipv6_settings": noted} if noted is not None else {})}
    instances = [
        {"name": "anycast", "version": 2, "comment": OURS},
        {"name": "anycast-v3", "version": 3, "comment": OURS},
    ]
    return {
        "ipv6_settings": {"disable-ipv6": False, "forward": True, "multipath-hash-policy": "l3", **dict(settings)},
        "ospf": {"instances": instances if ours else [], "areas": [], "interface_templates": []},
        "filter": {"rules": [{"chain": "anycast-before", "comment": f"{OURS} before: {json.dumps(note)}"}]},
        "firewall": {
            "ipv6_filter": [{".id": f"*{number}", **rule} for number, rule in enumerate(rules, 1)],
            "interface_lists": {},
        },
    }


def test_redirects_are_dropped_where_there_is_an_ipv6_prefix():
    assert redirect_rules(BOTH, False, OURS) == [RULE]
    assert redirect_rules(BOTH[:1], False, OURS) == []
    assert redirect_rules(BOTH, True, OURS) == []


def test_without_ipv6_nothing_is_written():
    assert plan(router(), BOTH[:1], "per_client", False, OURS) == {"settings": {}, "rules": [], "write_rules": False}
    assert problems(router(settings={"disable-ipv6": True}), BOTH[:1], False, OURS) == []


@pytest.mark.parametrize("distribution, policy", [("per_client", "l3"), ("per_flow", "l4")])
def test_the_distribution_is_of_ipv6_too(distribution, policy):
    assert plan(router(), BOTH, distribution, False, OURS)["settings"] == {"multipath-hash-policy": policy}


def test_a_distribution_that_routeros_has_not():
    with pytest.raises(OptionError, match="per_packet"):
        plan(router(), BOTH, "per_packet", False, OURS)


def test_what_was_there_before_comes_back_with_the_last_ipv6_prefix():
    before = {"multipath-hash-policy": "l3-inner"}
    found = plan(router(RULE, ours=True, noted=before), BOTH[:1], "per_client", False, OURS)
    assert found == {"settings": before, "rules": [], "write_rules": True}
    # Once it is gone, it is nobody's business any more; and a note of a time before IPv6 says nothing.
    assert plan(router(noted=before), BOTH[:1], "per_client", False, OURS)["settings"] == {}
    assert plan(router(ours=True), BOTH[:1], "per_client", False, OURS)["settings"] == {}


ACCEPT = {"chain": "output", "action": "accept"}


@pytest.mark.parametrize(
    "rules, in_the_way",
    [
        ([], None),
        ([RULE, ACCEPT], None),
        ([ACCEPT], "*1"),
        ([{"chain": "output", "action": "passthrough"}, {**ACCEPT, "protocol": "icmpv6"}], "*2"),
        ([{**ACCEPT, "protocol": "icmpv6", "icmp-options": "137:0"}], "*1"),
        ([{**ACCEPT, "chain": "mine"}, {"chain": "output", "action": "jump", "jump-target": "mine"}], "*2"),
        ([{**ACCEPT, "protocol": "udp"}], None),
        ([{**ACCEPT, "protocol": "icmpv6", "icmp-options": "128:0-255"}], None),
        ([{**ACCEPT, "disabled": True}], None),
        ([{**ACCEPT, "chain": "input"}], None),
        # Whether it lets them out nobody knows from here.
        ([{**ACCEPT, "connection-state": "established,related,untracked"}], None),
        ([{**ACCEPT, "out-interface": "ether1"}], None),
        # They are gone already.
        ([{"chain": "output", "action": "drop", "protocol": "icmpv6"}, ACCEPT], None),
    ],
)
def test_a_rule_that_lets_redirects_out_before_ours(rules, in_the_way):
    found = problems(router(*rules), BOTH, False, OURS)
    assert len(found) == (in_the_way is not None)
    assert all(f"the rule {in_the_way} of /ipv6/firewall/filter (chain output" in problem for problem in found)
    assert problems(router(*rules), BOTH, True, OURS) == []


def test_what_to_do_about_such_a_rule():
    (problem,) = problems(router(ACCEPT), BOTH, False, OURS)
    assert (
        "add ours before it (/ipv6/firewall/filter/add chain=output action=drop protocol=icmpv6"
        " icmp-options=137:0-255 comment=homelab.anycast place-before=*1)" in problem
    )
    (problem,) = problems(router(ACCEPT, RULE), BOTH, False, OURS)
    assert "move ours before it (/ipv6/firewall/filter/move *2 destination=*1)" in problem


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"disable-ipv6": True}, "the router has no IPv6 (/ipv6/settings disable-ipv6=yes)"),
        ({"forward": False}, "the router forwards no IPv6 (/ipv6/settings forward=no)"),
    ],
)
def test_a_router_without_ipv6(settings, says):
    (problem,) = problems(router(settings=settings), BOTH, False, OURS)
    assert problem.startswith(says) and "take the prefix away" in problem
