# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rule lets ICMPv6 redirects out before the one of the role."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import RouterRequest
from ansible_collections.homelab.anycast.plugins.module_utils.system.firewall import redirect_problems

RULE = {
    "chain": "output",
    "action": "drop",
    "protocol": "icmpv6",
    "icmp-options": "137:0-255",
    "comment": "homelab.anycast",
}
ACCEPT = {"chain": "output", "action": "accept"}


def problems(*rules, send_redirects=False):
    request = RouterRequest(
        router_id="172.18.0.1",
        interfaces=["bridge-lan"],
        instance="anycast",
        area="anycast",
        comment="homelab.anycast",
        priority=128,
        cost=1,
        prefixes=["2001:db8::64/128"],
        filter_chain="anycast-in",
        distribution="per_client",
        send_redirects=send_redirects,
        allow_interruption=False,
    )
    rows = [{".id": f"*{number}", **rule} for number, rule in enumerate(rules, 1)]
    return list(redirect_problems({"firewall": {"ipv6_filter": rows, "interface_lists": {}}}, request))


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
def test_a_rule_that_lets_redirects_out_before_the_roles(rules, in_the_way):
    found = problems(*rules)
    assert len(found) == (in_the_way is not None)
    assert all(f"the rule {in_the_way} of /ipv6/firewall/filter (chain output" in problem for problem in found)
    assert problems(*rules, send_redirects=True) == []


def test_what_to_do_about_such_a_rule():
    (problem,) = problems(ACCEPT)
    assert (
        "Add the role's rule before it (/ipv6/firewall/filter/add chain=output action=drop protocol=icmpv6"
        " icmp-options=137:0-255 comment=homelab.anycast place-before=*1)" in problem
    )
    (problem,) = problems(ACCEPT, RULE)
    assert "Move the role's rule before it (/ipv6/firewall/filter/move *2 destination=*1)" in problem
