# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    # What both modules which read OSPF neighbours let one expect; module_utils/ospf/expect.py has the argument spec.
    DOCUMENTATION = r"""
seealso:
  - name: RFC 2328, OSPF Version 2
    description: States of a neighbour in 10.1, who becomes adjacent in 10.4.
    link: https://www.rfc-editor.org/rfc/rfc2328
options:
  router_ids:
    description:
      - Router ids of the neighbours that must be there, each in one of the O(states).
      - Where two links lead to the same neighbour, one good one is enough; use O(interface) to look at one of them.
      - Without this, O(count) and O(full_with) the module returns what it finds and fails only if it cannot read it.
    type: list
    elements: str
  count:
    description:
      - Number of neighbours (different router ids) that must be in one of the O(states).
      - Mutually exclusive with O(router_ids).
    type: int
  full_with:
    description:
      - Router ids of neighbours that must be V(Full) whatever O(states) allows. They are expected without being listed
        in O(router_ids).
      - On a LAN all routers are V(Full) with the designated router and its backup only, and two others rest in V(2-Way)
        (RFC 2328 10.4). So a server next to other servers expects O(full_with) the router, and the other servers by
        O(router_ids) with O(states=[Full, 2-Way]).
    type: list
    elements: str
    default: []
  states:
    description: States in which an expected neighbour is good, by their names in RFC 2328 10.1.
    type: list
    elements: str
    choices: [Down, Attempt, Init, 2-Way, ExStart, Exchange, Loading, Full]
    default: [Full]
  interface:
    description:
      - Only neighbours on this interface are returned and counted.
      - The error names a neighbour that is seen on a different interface.
    type: str
  exact:
    description:
      - Whether neighbours beyond the expected ones are an error too.
      - O(router_ids=[]) with O(exact=true) expects that there are none.
    type: bool
    default: false
  bfd:
    description: Whether an expected neighbour is good only while the BFD session with it (RFC 5880) is up as well.
    type: bool
    default: false
  stable:
    description:
      - Seconds for which the expectation must have held, without a change of state of the neighbours which it counts.
      - A side that tells since when a neighbour is V(Full) (RouterOS) proves this with one look; of the others it is
        observed, for at most this long on top of O(wait). A neighbour that is lost and comes back between two looks
        can go unnoticed there.
    type: float
    default: 0
  wait:
    description:
      - Seconds to wait for the expectation to hold. With V(0) the module looks once.
      - Covers a daemon or router that cannot be asked for a moment, too. Without an expectation this is all that is
        waited for.
    type: float
    default: 0
  poll_interval: {type: float, default: 2, description: Seconds between two looks while waiting.}
"""

    # And what both return.
    RETURN = r"""
neighbors:
  description: The neighbours, on O(interface) if that is given.
  returned: &read always, once they could be read
  type: list
  elements: dict
  contains:
    router_id: {type: str, description: Router id of the neighbour.}
    address: {type: str, description: Its address on the link.}
    interface:
      description:
        - Interface on which this end sees it.
        - RouterOS up to 7.20 does not tell it. The module finds it by the subnets of the OSPF interfaces then, and
          returns null where that is not clear.
      type: str
    state:
      description: V(Down), V(Attempt), V(Init), V(2-Way), V(ExStart), V(Exchange), V(Loading) or V(Full).
      type: str
    role:
      description: Role of the neighbour on the link, V(DR), V(BDR), V(DROther) or V(PtP); null while none is elected.
      type: str
    priority:
      description:
        - Its priority in the election of the designated router.
        - RouterOS does not tell it on point-to-point links.
      type: int
    full_seconds: {type: float, description: Seconds since when it is Full. BIRD does not tell it.}
    state_changes: {type: int, description: How often its state has changed. BIRD does not tell it.}
    dead_seconds: {type: float, description: "Seconds until it is taken for dead, if no other hello arrives."}
    bfd:
      description:
        - State of the BFD session with it, V(up), V(down), V(init) or V(admin-down); null without a session.
        - V(forbidden) on RouterOS where no row of C(/routing/bfd/configuration) allows it.
      type: str
  sample: [{router_id: 172.18.0.11, address: 172.18.0.11, interface: bridge-lan, state: Full, role: DROther, bfd: up}]
missing: {type: list, elements: str, returned: *read, description: Router ids that are expected and not there.}
stuck: {type: list, elements: dict, returned: *read, description: Those of RV(neighbors) whose state is not good.}
surplus:
  description: Those of RV(neighbors) that are there without being in O(router_ids) or O(full_with).
  returned: *read
  type: list
  elements: dict
likely_causes:
  description: What is wrong, each with the likely causes, most likely first. The error message says the same.
  returned: failure to meet the expectation
  type: list
  elements: dict
  contains:
    router_ids: {type: list, elements: str, description: The router ids of these neighbours.}
    state: {type: str, description: "Their state, V(Missing), V(Duplicate router id), or that of their BFD sessions."}
    interface: {type: str, description: "The interface, null if unknown."}
    found: {type: str, description: "What was found, in words."}
    expected: {type: str, description: "What was expected, in words."}
    causes: {type: list, elements: str, description: Likely causes.}
  sample:
    - {router_ids: [172.18.0.12], state: ExStart, interface: eth0, found: ExStart, expected: Full, causes: [MTU]}
own:
  description: What this end says about itself.
  returned: failure to meet the expectation
  type: dict
  contains:
    router_id: {type: str, description: "Its router id, null if it has several OSPF instances and none is given."}
    interfaces: {type: list, elements: dict, description: "Its OSPF interfaces, with timers in seconds."}
waited: {type: float, returned: *read, description: Seconds spent waiting., sample: 4.0}
"""
