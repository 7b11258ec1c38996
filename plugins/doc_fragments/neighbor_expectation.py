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
