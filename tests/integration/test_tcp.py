"""TCP of clients on the nodes' own LAN, behind a router with MikroTik's default rules for what it forwards.

The rules are carried out by nftables, as the emulator only keeps those of IPv4. What is bridged must not come by them,
as on a router without use-ip-firewall: with bridge-nf-call-iptables=1 the router sees the answers too, which hides the
fault.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.probe.run import Series
from ansible_collections.homelab.anycast.plugins.module_utils.probe.tcp import STALLED, connect_each
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import RouterRequest, notrack_rows
from bed import ANYCAST, Bed, Machine, requirements

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

PORT = 5061
# Manual, default configuration.
FACTORY = """
table ip filter {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related,untracked accept
    ct state invalid drop
  }
}
table ip raw {
  chain prerouting {
    type filter hook prerouting priority raw;
  }
}
"""
REQUEST = RouterRequest(
    router_id="172.18.0.1",
    interfaces=["bridge-lan"],
    instance="anycast",
    area="anycast",
    comment="homelab.anycast",
    priority=128,
    cost=1,
    prefixes=[f"{ANYCAST}/32"],
    filter_chain="anycast-in",
    distribution="per_client",
    send_redirects=False,
    allow_interruption=False,
)
ADDRESSES = [{"address": "172.18.0.1/26", "network": "172.18.0.0", "interface": "bridge-lan", "disabled": False}]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(1) as bed:
        bed.router.run("ip", "route", "add", f"{ANYCAST}/32", "via", bed.addresses[0])
        for place in ("all", "bridge-lan"):
            bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{place}.send_redirects=0")
        bed.router.run_here("sysctl", "-qew", "net.bridge.bridge-nf-call-iptables=0")
        # No program has to take the connection.
        with bed.nodes[0].network():
            server = socket.create_server((ANYCAST, PORT))
        with server:
            yield bed


def rules(router: Machine, text: str) -> None:
    router.run("nft", "flush", "ruleset")
    router.run("nft", text)


def asked(client: Machine) -> dict[str, Any]:
    with client.network():
        tallies, start = connect_each(Series((ANYCAST, PORT), ["172.18.0.22"], 1, 0.1, 5))
    return tallies[0].report(start, start)


def test_the_factory_rules_stall_each_connection(bed: Bed) -> None:
    rules(bed.router, "table ip empty {}")
    assert asked(bed.phones)["rtt_ms"]["max"] < 500
    rules(bed.router, FACTORY)
    assert asked(bed.phones)["loss_reasons"] == {STALLED: 1}


def test_the_roles_rules_of_raw_mend_it(bed: Bed) -> None:
    rules(bed.router, FACTORY)
    for row in notrack_rows({"addresses": ADDRESSES, "ipv6_addresses": []}, REQUEST, 4):
        match = f"ip saddr {row['src-address']} ip daddr {row['dst-address']}"
        bed.router.run("nft", f"add rule ip raw {row['chain']} {match} {row['action']}")
    assert asked(bed.phones)["rtt_ms"]["max"] < 500
