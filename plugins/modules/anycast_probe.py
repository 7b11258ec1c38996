#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_probe
short_description: Send numbered UDP probes to an anycast address and show which node answered
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Runs on a client and sends numbered SIP OPTIONS requests over UDP (RFC 3261 11, with C(rport) of RFC 3581) to an
    address, from one or more of the client's own addresses.
  - With O(kind=dns) it asks a DNS server for its name, C(id.server CH TXT) (RFC 4892).
  - Returns for each of these sources how many probes were answered, by which node, how fast, and how many were lost,
    from when to when and why.
  - Nothing is sent twice. A datagram that is lost counts as lost, as it would in a stream of voice; a SIP phone itself
    would repeat its request. An answer that comes too late, twice, or from a different address than the one asked does
    not count, but is noted.
  - Any final answer counts, also C(404), C(503) or C(REFUSED), because it shows that a node is there; see
    RV(results[].status_codes).
notes:
  - Needs only Python on the client, and no privilege. Linux only, because it reads the ICMP errors of its sockets.
  - Each source sends from one UDP port. A router that spreads by addresses only (RouterOS's default) thus keeps a
    source on one node, as it does with a phone.
  - It lasts (O(count) - 1) x O(interval) and at most O(timeout) more. Use C(async) for a probe in the background, and
    O(while_file) to end it when what it was to observe is over.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.linux]
options:
  address: {type: str, required: true, description: "The address to probe, IPv4 or IPv6."}
  port: {type: int, description: "The port, V(5060) for SIP and V(53) for DNS if not given. Required with V(tcp)."}
  kind:
    description: What to send.
    type: str
    choices:
      sip: SIP OPTIONS.
      dns: A DNS query for the server's identity. BIND answers with its name where C(server-id hostname) is set, unbound
        with its C(identity). At most 65536 from each source.
      tcp: One TCP connection from each source, in which something must arrive, as far as the kernel of the other end.
        Nothing is said to the program there, and which node it is remains unknown.
    default: sip
  sources:
    description: Addresses of this host to send from, all at the same time. If not given, the kernel chooses one.
    type: list
    elements: str
    default: []
  count: {type: int, default: 1, description: Number of probes from each source.}
  interval: {type: float, default: 0.1, description: Seconds from one probe of a source to its next.}
  timeout: {type: float, default: 1, description: Seconds within which a probe must be answered.}
  while_file:
    description: A file on this host that must exist at the start. Sending ends when it is gone, also before O(count).
    type: path
  max_lost:
    description: How many probes may be lost, all sources together. The module fails if more are, but never with V(-1).
    type: int
    default: 0
  runs: {type: bool, default: false, description: "Whether to return RV(results[].runs)."}
  wait:
    description:
      - Seconds in which the probes are sent once more, after a second, as long as more than O(max_lost) are lost.
      - With V(0) they are sent once. What is returned is the last time that they were sent.
    type: float
    default: 0
seealso:
  - module: homelab.anycast.routeros_next_hops
  - name: RFC 3261, SIP
    description: The request in section 11, its header fields in section 20.
    link: https://www.rfc-editor.org/rfc/rfc3261
  - name: RFC 4892, a mechanism identifying a name server instance
    description: What is asked of a DNS server.
    link: https://www.rfc-editor.org/rfc/rfc4892
"""

EXAMPLES = r"""
- name: Check that the anycast address answers
  homelab.anycast.anycast_probe:
    address: 172.18.0.64

- name: Ask which resolver answers
  homelab.anycast.anycast_probe:
    address: 172.18.0.65
    kind: dns

- name: Ask as each of the four phones, for ten seconds
  homelab.anycast.anycast_probe:
    address: 172.18.0.64
    sources: [172.18.0.22, 172.18.0.23, 172.18.0.24, 172.18.0.25]
    count: 100

- name: Create the file whose removal ends the probes
  ansible.builtin.tempfile:
  register: sending

- name: Measure in the background, for ten minutes at most
  homelab.anycast.anycast_probe:
    address: 172.18.0.64
    count: 12000
    interval: 0.05
    while_file: "{{ sending.path }}"
    max_lost: -1
  async: 660
  poll: 0
  register: probe

# The tasks to be observed come here.

- name: End the probes
  ansible.builtin.file: {path: "{{ sending.path }}", state: absent}

- name: Read what was lost
  ansible.builtin.async_status:
    jid: "{{ probe.ansible_job_id }}"
  register: observed
  until: observed is finished
"""

RETURN = r"""
results:
  description: What happened to the probes, one entry for each source.
  returned: &sent always, once they were sent
  type: list
  elements: dict
  contains:
    source: {type: str, description: The address that sent them.}
    sent: {type: int, description: Number of probes sent.}
    answered: {type: int, description: How many were answered within O(timeout).}
    lost: {type: int, description: How many got no answer in time.}
    loss_reasons:
      description: >-
        How many were lost, by reason. V(timeout) means no answer. V(connection refused) is ICMP port unreachable. The
        node exists then, but its service does not answer. Other ICMP errors are V(host unreachable), V(network
        unreachable) and V(administratively prohibited).
      type: dict
      sample: {timeout: 1}
    first_loss:
      description: >-
        The first lost probe, its C(number) counted from 1, the C(seconds) from the start of the run until it was sent,
        and this time in UTC, C(at). Null if no probe was lost.
      type: dict
      sample: {number: 17, seconds: 1.6, at: "2026-11-22T10:00:01.600Z"}
    last_loss: {type: dict, description: "The last lost probe, in the form of RV(results[].first_loss)."}
    answered_by:
      description: >-
        Names of the nodes that answered, in the order of their first answers; null for a node that does not send its
        name. The name is the C(Server) header of the answer, otherwise its C(User-Agent), otherwise the host in its
        C(Warning); with O(kind=dns) it is the text of the answer.
      type: list
      elements: str
      sample: [sip1, sip2]
    answers: {type: dict, description: "Number of answers by node, V(unknown) for nodes without a name."}
    status_codes:
      description: Number of answers by SIP status code, or by DNS response code such as V(NOERROR).
      type: dict
      sample: {"200": 99}
    rtt_ms:
      description: Milliseconds from a probe to its answer; null if there was no answer.
      type: dict
      sample: {min: 0.412, avg: 0.701, max: 3.2}
    late: {type: int, description: How many answers came after O(timeout).}
    duplicates: {type: int, description: How many answers came a second time.}
    notes: {type: list, elements: str, description: "What else is known about lost probes, at most ten sentences."}
    runs:
      description: >-
        The probes in the order in which they were sent. Successive probes with the same result are one entry, C(probes)
        in number, sent from C(first) to C(last) seconds after RV(began). C(answered_by) is null if they were lost or
        the node does not send its name, C(reason) (RV(results[].loss_reasons)) is null if they were answered.
      returned: if O(runs=true)
      type: list
      elements: dict
      sample: [{first: 0.0, last: 1.5, probes: 16, answered_by: sip1, reason: null}]
began: {type: float, returned: *sent, description: "Start of the run, seconds since 1970 by the clock of this host."}
sent: {type: int, returned: *sent, description: "Number of probes sent, all sources together.", sample: 100}
answered: {type: int, returned: *sent, description: "How many were answered, all sources together.", sample: 99}
lost: {type: int, returned: *sent, description: "How many were lost, all sources together.", sample: 1}
behind:
  description: >-
    By how many seconds at most a probe was sent after its time, because this host had no processor time before. A
    shorter interruption may be unseen; more than 1 second is a warning. An answer that is read late is not lost.
  type: float
  returned: *sent
  sample: 0.002
answered_by: {type: list, elements: str, returned: *sent, description: "Names of all nodes that answered and have one."}
"""

import ipaddress
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.probe.dns import DnsProbe
from ..module_utils.probe.run import (
    Kind,
    ProbeError,
    Series,
    Tally,
    local_address,
    loss_message,
    most_behind,
    send_probes,
)
from ..module_utils.probe.sip import SipProbe
from ..module_utils.probe.targets import PORTS
from ..module_utils.probe.tcp import connect_each
from ..module_utils.waiting import wait_until

_BEHIND = 1.0  # Seconds

KINDS: dict[str, Callable[[str], Kind]] = {"sip": SipProbe, "dns": DnsProbe}


def option_problems(params: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the options, one sentence each."""
    problems = []
    versions = set()
    for option, values in (("address", [params["address"]]), ("sources", params["sources"])):
        for value in values:
            try:
                versions.add(ipaddress.ip_address(value).version)
            except ValueError:
                problems.append(f"{option}: '{value}' is not an IP address")
    if len(versions) > 1:
        problems.append("address and sources are of different IP versions")
    if len(set(params["sources"])) < len(params["sources"]):
        problems.append("sources has an address more than once")
    if params["port"] is not None and not 0 < params["port"] < 65536:
        problems.append(f"port is {params['port']}, expected 1 to 65535")
    if params["count"] < 1:
        problems.append(f"count is {params['count']}, expected 1 or more")
    if params["kind"] == "tcp" and (params["port"] is None or params["count"] != 1):
        problems.append("kind is tcp, expected a port, and a count of 1")
    if params["kind"] == "dns" and params["count"] > DnsProbe.most:
        problems.append(f"count is {params['count']}, expected {DnsProbe.most} or less with kind dns")
    problems.extend(
        f"{name} is {params[name]:g}, expected more than 0 seconds"
        for name in ("interval", "timeout")
        if params[name] <= 0
    )
    if params["wait"] < 0:
        problems.append(f"wait is {params['wait']:g}, expected 0 or more seconds")
    if params["while_file"] and params["wait"]:
        problems.append("while_file and wait exclude each other")
    if params["while_file"] and not Path(params["while_file"]).exists():
        problems.append(f"while_file: there is no file {params['while_file']} on this host; create it before")
    return problems


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "port": {"type": "int"},
            "kind": {"type": "str", "choices": [*KINDS, "tcp"], "default": "sip"},
            "sources": {"type": "list", "elements": "str", "default": []},
            "count": {"type": "int", "default": 1},
            "interval": {"type": "float", "default": 0.1},
            "timeout": {"type": "float", "default": 1},
            "while_file": {"type": "path"},
            "max_lost": {"type": "int", "default": 0},
            "runs": {"type": "bool", "default": False},
            "wait": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    params = module.params
    problems = option_problems(params)
    if problems:
        module.fail_json(msg="; ".join(problems))

    # As the kernel writes it, to compare with who answers.
    target = (str(ipaddress.ip_address(params["address"])), params["port"] or PORTS[params["kind"]])
    sources = [str(ipaddress.ip_address(source)) for source in params["sources"]]
    go_on = Path(params["while_file"]).exists if params["while_file"] else None
    # How far this host's clock is from the one that the probes go by, which no program sets.
    epoch = time.time() - time.monotonic()
    seen: list[tuple[str, list[Tally], float]] = []

    def all_answered() -> bool:
        if params["kind"] == "tcp":
            seen[:] = [("TCP", *connect_each(series))]
        else:
            kind = KINDS[params["kind"]](uuid.uuid4().hex[:12])
            seen[:] = [(kind.name, *send_probes(kind, series, go_on))]
        return not 0 <= params["max_lost"] < sum(len(tally.losses) for tally in seen[0][1])

    try:
        sources = sources or [local_address(target)]
        series = Series(target, sources, params["count"], params["interval"], params["timeout"])
        wait_until(all_answered, params["wait"], 1.0)
    except ProbeError as exc:
        module.fail_json(msg=str(exc))
    ((name, tallies, start),) = seen
    results = [
        {**tally.report(start, epoch + start), **({"runs": tally.runs(start)} if params["runs"] else {})}
        for tally in tallies
    ]
    behind = most_behind(tallies, start, params["interval"])
    if behind > _BEHIND:
        module.warn(
            f"this host is slow: it sent probes up to {behind:.1f} s after their time, so a shorter interruption may be"
            " unseen. Send fewer (interval, sources), or from a host that is less busy"
        )
    found = {
        "changed": False,
        # Not `started`, by which async_status takes a result for that of a job that still runs.
        "began": round(epoch + start, 3),
        "results": results,
        "sent": sum(result["sent"] for result in results),
        "answered": sum(result["answered"] for result in results),
        "lost": sum(result["lost"] for result in results),
        "behind": round(behind, 3),
        "answered_by": sorted({name for result in results for name in result["answered_by"] if name}),
    }
    if 0 <= params["max_lost"] < found["lost"]:
        module.fail_json(msg=loss_message(tallies, target, params["max_lost"], name), **found)
    module.exit_json(**found)


if __name__ == "__main__":
    main()
