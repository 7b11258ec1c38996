# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node.source_routing import Commands, SourceRouting

FACTS = {
    "interfaces": {
        "enp0s2": {"addresses": ["10.0.2.12/24"]},
        "enp0s11": {"addresses": ["172.18.0.11/26"]},
        "dummy0": {"addresses": ["172.18.0.64/32"]},
    }
}
LINKS = ["enp0s11"]
GATEWAY = "172.18.0.1"
V4 = ["172.18.0.64/32", "172.18.0.65/32"]
V6 = ["172.18.0.64/32", "2001:db8::64/128"]


def routing(gateway=GATEWAY, table=64, **facts):
    return SourceRouting(gateway, table, LINKS, {**FACTS, **facts})


def problems(gateway=GATEWAY, table=64):
    return routing(gateway, table).source_routing_problems(V4)


# As iproute2 6.15 prints them.
RULES = """\
0:\tfrom all lookup 255
64:\tfrom 172.18.0.64 lookup 64
64:\tfrom 172.18.0.65 lookup 64
32766:\tfrom all lookup 254
32767:\tfrom all lookup 253
"""
ROUTES = "default via 172.18.0.1 dev enp0s11 \n172.18.0.0/26 dev enp0s11 scope link \n"


def test_off_by_default():
    off = routing("")
    assert off.source_routing_problems(V4) == off.missing_source_routing(V4, "") == []
    assert off.commands(V4) == Commands([], [], [])
    # Also then, as it may have been on before.
    assert off.forget_commands() == [
        "while ip rule del priority 64 2>/dev/null; do ip route flush table 64; done",
        # Of earlier versions.
        "while ip rule del priority 6464 2>/dev/null; do ip route flush table 64; done",
    ]


def test_answers_leave_by_the_link():
    found = routing().commands(V4)
    assert found.before == ["ifup enp0s11 || true"]
    assert [line for line in found.up if " del " not in line] == [
        "ip route replace 172.18.0.0/26 dev enp0s11 table 64",
        "ip route replace default via 172.18.0.1 dev enp0s11 table 64",
        "ip rule add from 172.18.0.64/32 lookup 64 priority 64",
        "ip rule add from 172.18.0.65/32 lookup 64 priority 64",
    ]
    assert found.down == [
        "ip rule del from 172.18.0.64/32 lookup 64 priority 64 || true",
        "ip rule del from 172.18.0.65/32 lookup 64 priority 64 || true",
    ]


@pytest.mark.parametrize(
    ("gateway", "table", "says"),
    [
        (
            "router",
            64,
            "bird_anycast_source_gateway is 'router', expected the IPv4 address of the router on the link: "
            "source routing is of IPv4 only",
        ),
        ("10.0.2.2", 64, "10.0.2.2 is in no subnet of bird_anycast_interfaces (172.18.0.0/26 on enp0s11)"),
        ("172.18.0.11", 64, "172.18.0.11 is this node's own address"),
        (GATEWAY, 254, "bird_anycast_source_table is 254, expected a number of a routing table"),
        (GATEWAY, 0, "bird_anycast_source_table is 0,"),
        (GATEWAY, 2**32, "bird_anycast_source_table is 4294967296,"),
        (GATEWAY, "main", "bird_anycast_source_table is main,"),
    ],
)
def test_what_cannot_work(gateway, table, says):
    (found,) = problems(gateway, table)
    assert says in found


def test_a_link_without_an_address():
    found = routing(interfaces={"enp0s11": {"addresses": []}})
    assert "(they have no address)" in found.source_routing_problems(V4)[0]


def test_nothing_is_missing():
    assert problems() == []
    assert routing().missing_source_routing(V4, RULES + ROUTES) == []


@pytest.mark.parametrize(
    ("rules", "routes", "gone"),
    [
        (RULES.replace("from 172.18.0.65", "from 172.18.0.66"), ROUTES, ["the rule for 172.18.0.65/32"]),
        (
            RULES.replace("lookup 64", "lookup 640"),
            ROUTES,
            ["the rule for 172.18.0.64/32", "the rule for 172.18.0.65/32"],
        ),
        (RULES, ROUTES.replace("172.18.0.1 ", "172.18.0.10 "), ["the route by 172.18.0.1"]),
        (RULES, "", ["the route to 172.18.0.0/26", "the route by 172.18.0.1"]),
    ],
)
def test_what_is_missing_is_named(rules, routes, gone):
    assert routing().missing_source_routing(V4, rules + routes) == gone


@pytest.mark.parametrize(
    "addresses, gateway, default",
    [
        (V6, "", "enp0s2"),
        (V6[:1], GATEWAY, "enp0s2"),
        (V6, GATEWAY, "enp0s11"),
        # Nothing leaves by another way either.
        (V6, GATEWAY, None),
    ],
)
def test_ipv6_that_needs_no_source_routing(addresses, gateway, default):
    assert routing(gateway, default_ipv6=default).source_routing_problems(addresses) == []


def test_ipv6_that_would_need_it():
    (problem,) = routing(default_ipv6="enp0s2").source_routing_problems(V6)
    assert problem.startswith(
        "bird_anycast_source_gateway is of IPv4 only, and answers from 2001:db8::64/128 would leave by enp0s2"
    )
    assert "bird_anycast_interfaces (enp0s11)" in problem


def test_a_gateway_of_ipv6():
    (problem,) = problems("fe80::1")
    assert problem.endswith("expected the IPv4 address of the router on the link: source routing is of IPv4 only")


def test_rules_of_others_that_come_before():
    """Tailscale's 5270 came before 6464, and answers left by its table."""
    shown = (
        "0:\tfrom all lookup 255\n32:\tfrom all fwmark 0x1 lookup 100\n64:\tfrom 172.18.0.64 lookup 64\n"
        "5270:\tfrom all lookup 52\n32766:\tfrom all lookup 254\n"
    )
    (warning,) = routing().source_routing_warnings(shown)
    assert warning.startswith(
        "the policy rule '32: from all fwmark 0x1 lookup 100' on this node comes before those of the"
    )
    assert routing(gateway="").source_routing_warnings(shown) == []
