#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_next_hops
short_description: Read the next hops of a prefix on a RouterOS router, and wait until they are as expected
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads the routes to a prefix from the main table of a MikroTik router over its API. For an anycast address this
    proves which nodes get clients, because the router sends the clients there.
  - With O(gateways), O(contains), O(without) or O(protocol) it compares the active next hops with the expectation, and
    waits up to O(wait) seconds for it. Otherwise it fails, and names what is missing and what was found.
  - It logs in once and keeps the session while it waits.
  - With O(while_file) it watches instead, and returns which next hops existed when.
notes:
  - Needs RouterOS 7.16 or newer, and a user with the policies C(api) and C(read).
  - O(timeout) limits the router's time for an answer. O(wait) limits the wait for the next hops.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.read_only
  - homelab.anycast.attributes.routeros
options:
  prefix:
    description:
      - The destination, for example V(172.18.0.64/32). An address without a length means V(/32), or V(/128) for IPv6.
      - Only routes to exactly this prefix are read, not routes to a wider prefix.
    type: str
    required: true
  gateways:
    description:
      - Addresses of the next hops that must exist. No other next hop may exist.
      - The next hop of an IPv6 prefix is a link-local address of the node. It may be named by that, by the node's IPv4
        address as in RV(next_hops[].gateway), or by its router id. This holds for O(contains) and O(without), too.
      - An empty list expects that there are none.
      - Mutually exclusive with O(contains) and O(without).
    type: list
    elements: str
  contains:
    description: Addresses of next hops that must exist. Others may exist too.
    type: list
    elements: str
    default: []
  without:
    description: Addresses that must not be among the next hops, such as the address of a drained node.
    type: list
    elements: str
    default: []
  protocol:
    description: Where each active route must come from, in RouterOS's words.
    type: str
    choices: [connect, static, ospf, rip, bgp, is-is, dhcp, vpn, modem, slaac, bgp-mpls-vpn]
  names: {type: dict, default: {}, description: "Names of the nodes by their addresses, for the error message."}
  wait:
    description:
      - Seconds to wait for the expectation to hold. With V(0) the module looks once.
      - Covers a router that cannot be asked for a moment, too.
    type: float
    default: 0
  poll_interval: {type: float, default: 2, description: Seconds between two looks while waiting or watching.}
  while_file:
    description:
      - A file on the host where the module runs. The next hops are watched until it is gone, see RV(changes).
      - It has to be there when the module starts. Use C(async), to do meanwhile what is to be observed.
      - A session that is lost meanwhile is opened again; what the router does then is not seen.
      - Mutually exclusive with O(wait) and with everything that says what is expected.
    type: path
seealso:
  - module: homelab.anycast.routeros_ospf_neighbors
  - module: homelab.anycast.anycast_probe
"""

EXAMPLES = r"""
# With the login once for all of them:
# module_defaults: {group/homelab.anycast.api: {hostname: 172.18.0.1, username: ansible, password: ..., tls: true}}
- name: Check that the router sends clients to exactly these three nodes
  homelab.anycast.routeros_next_hops:
    prefix: 172.18.0.64/32
    gateways: [172.18.0.11, 172.18.0.12, 172.18.0.13]
    protocol: ospf
    names: {172.18.0.11: sip1, 172.18.0.12: sip2, 172.18.0.13: sip3}
    wait: 30

- name: Wait until the router sends no client to sip3, which is drained
  homelab.anycast.routeros_next_hops:
    prefix: 172.18.0.64
    without: [172.18.0.13]
    wait: 10

# The file is made before, and removed when the watch is to end; async_status then reads the result. The example of
# anycast_probe has these tasks.
- name: Watch the route in the background, for ten minutes at most
  homelab.anycast.routeros_next_hops:
    prefix: 172.18.0.64
    while_file: "{{ watching.path }}"
    poll_interval: 0.1
  async: 600
  poll: 0
  register: watch
"""

RETURN = r"""
next_hops:
  description: The routes to the prefix, one for each next hop, in the order of their addresses.
  returned: &read always, once they could be read
  type: list
  elements: dict
  contains:
    gateway:
      description:
        - Address of the next hop, null for a directly connected network or a blackhole.
        - For an IPv6 prefix, the IPv4 address of the node, if the node is a neighbour by OSPFv2 as well; else
          RV(next_hops[].link_local).
      type: str
    link_local: {type: str, returned: &v6 for IPv6 if there is a gateway, description: The node's link-local address.}
    router_id: {type: str, returned: *v6, description: "Router id of the node, null if it is no neighbour by OSPFv3."}
    interface: {type: str, description: Interface through which it is reached.}
    vrf: {type: str, description: "VRF of that interface, null if it is the routing table's own."}
    routing_table: {type: str, description: "Routing table that holds the route, V(main)."}
    protocol:
      description: Where the route comes from, one of the choices of O(protocol); null if the router does not say.
      type: str
    distance: {type: int, description: Administrative distance; the lowest wins. That of OSPF is 110.}
    active: {type: bool, description: Whether the router uses it. The others are candidates.}
    ecmp: {type: bool, description: Whether it shares the traffic with others of the same prefix.}
    dynamic: {type: bool, description: "Whether a protocol has made it, and not a user."}
    blackhole: {type: bool, description: Whether it discards the traffic.}
    bfd:
      description: State of its BFD session, as RV(homelab.anycast.routeros_ospf_neighbors#module:neighbors[].bfd).
      type: str
  sample: [{gateway: 172.18.0.11, interface: bridge-lan, protocol: ospf, distance: 110, active: true, bfd: up}]
gateways:
  description: Addresses (else interfaces) of the active next hops.
  returned: *read
  type: list
  elements: str
  sample: [172.18.0.11, 172.18.0.12]
missing: {type: list, elements: str, returned: *read, description: What is expected and not among RV(gateways).}
surplus: {type: list, elements: str, returned: *read, description: Those that O(gateways) lacks or O(without) names.}
filtered:
  description: Addresses that announce the prefix, and whose routes a filter of the router rejects.
  returned: failure to meet the expectation
  type: list
  elements: str
version: {type: str, returned: *read, description: Version of RouterOS., sample: 7.20.8 (long-term)}
changes:
  description: The next hops at the first look, and each time they had changed since.
  returned: with O(while_file)
  type: list
  elements: dict
  contains:
    after:
      description: >-
        When the last look began that still saw the state before, in seconds since 1970 by the clock of the host where
        the module runs. Null for the first entry.
      type: float
    by: {type: float, description: When the look ended that saw the new state. The change was between these two.}
    gateways: {type: list, elements: str, description: Those from then on.}
  sample: [{after: null, by: 1795341600.25, gateways: [172.18.0.11, 172.18.0.12]}]
waited: {type: float, returned: *read, description: Seconds spent waiting., sample: 2.0}
"""

import contextlib
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.ospf.bfd import BfdSession, bfd_state
from ..module_utils.routeros.neighbors import read_bfd_sessions
from ..module_utils.routeros.next_hops import (
    PROTOCOLS,
    NextHop,
    NextHopComparison,
    NextHopExpectation,
    compare_next_hops,
    next_hops_failure,
    normalise_prefix,
    read_filtered_next_hops,
    read_next_hops,
)
from ..module_utils.routeros.session import Router, RouterError, open_router
from ..module_utils.waiting import Unreadable, Verdict, time_problems, wait_for


class Prefix:
    """A prefix on a router, looked at again and again."""

    def __init__(self, router: Router, prefix: str, expectation: NextHopExpectation, interval: float) -> None:
        self.router = router
        self.prefix = prefix
        self.expectation = expectation
        self.interval = interval

    def look(self) -> NextHopComparison:
        self.router.version()
        return compare_next_hops(read_next_hops(self.router, self.prefix), self.expectation)

    def look_until_met(self, wait: float) -> tuple[NextHopComparison, float]:
        """Look until it is as expected. Return what was seen last, and the seconds spent."""
        seen: list[NextHopComparison] = []

        def look(_now: float) -> Verdict:
            seen[:] = [self.look()]
            return Verdict(seen[0].met)

        verdict, spent = wait_for(look, wait, interval=self.interval)
        if verdict.error is not None:
            raise verdict.error
        return seen[0], spent

    def watch(self, file: Path) -> tuple[NextHopComparison, list[dict[str, Any]]]:
        """Look as long as the file is there. Return what was seen last, and the changes, as in RETURN."""
        seen: list[NextHopComparison] = []
        changes: list[dict[str, Any]] = []
        before = None

        def look(_now: float) -> Verdict:
            nonlocal before
            began, wanted = time.time(), file.exists()
            try:
                seen[:] = [self.look()]
            except Unreadable as exc:
                if wanted:
                    raise
                # A router that is away for good would keep us here.
                if not seen:
                    raise RouterError(str(exc)) from exc
                return Verdict(True)
            if not changes or changes[-1]["gateways"] != seen[0].found:
                changes.append({"after": before, "by": round(time.time(), 3), "gateways": seen[0].found})
            before = round(began, 3)
            return Verdict(not wanted)

        # It ends by the file, or by the limit of the async job that this is.
        wait_for(look, float("inf"), interval=self.interval)
        return seen[0], changes


def row(hop: NextHop, sessions: list[BfdSession]) -> dict[str, Any]:
    """Return a next hop as in RETURN."""
    return {**hop.as_dict(), "bfd": bfd_state(sessions, hop.link_local or hop.gateway, hop.interface)}


def _interfaces(comparison: NextHopComparison) -> set[str]:
    return {hop.interface for hop in comparison.next_hops if hop.interface}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            prefix={"type": "str", "required": True},
            gateways={"type": "list", "elements": "str"},
            contains={"type": "list", "elements": "str", "default": []},
            without={"type": "list", "elements": "str", "default": []},
            protocol={"type": "str", "choices": list(PROTOCOLS)},
            names={"type": "dict", "default": {}},
            wait={"type": "float", "default": 0},
            poll_interval={"type": "float", "default": 2},
            while_file={"type": "path"},
        ),
        mutually_exclusive=[
            ("gateways", "contains"),
            ("gateways", "without"),
            *[("while_file", other) for other in ("gateways", "contains", "without", "protocol", "wait")],
        ],
        supports_check_mode=True,
    )
    params = module.params
    expectation = NextHopExpectation(
        **{name: params[name] for name in ("gateways", "contains", "without", "protocol")},
    )
    file = Path(params["while_file"]) if params["while_file"] else None
    problems = expectation.option_problems() + time_problems(params, ["wait"])
    if file and not file.exists():
        problems.append(f"while_file: there is no file {file} on this host; create it before")
    try:
        prefix = normalise_prefix(params["prefix"])
    except ValueError as exc:
        problems.append(str(exc))
    if problems:
        module.fail_json(msg="; ".join(problems))

    watched, spent, sessions = {}, 0.0, []
    with open_router(module) as router:
        looked_at = Prefix(router, prefix, expectation, params["poll_interval"])
        if file:
            comparison, watched["changes"] = looked_at.watch(file)
            # What it has seen counts, though the router may be away at its end.
            with contextlib.suppress(Unreadable):
                sessions = read_bfd_sessions(router, _interfaces(comparison))
        else:
            comparison, spent = looked_at.look_until_met(params["wait"])
            sessions = read_bfd_sessions(router, _interfaces(comparison))
        filtered = [] if comparison.met else read_filtered_next_hops(router, prefix)
        version = router.version()
    found = {
        "changed": False,
        "next_hops": [row(hop, sessions) for hop in comparison.next_hops],
        "gateways": comparison.found,
        "missing": comparison.missing,
        "surplus": comparison.surplus,
        "version": version,
        "waited": round(spent, 3),
        **watched,
    }
    if comparison.met:
        module.exit_json(**found)
    module.fail_json(
        msg=next_hops_failure(comparison, prefix, router.hostname, params["names"], spent, filtered),
        filtered=[hop.gateway for hop in filtered],
        **found,
    )


if __name__ == "__main__":
    main()
