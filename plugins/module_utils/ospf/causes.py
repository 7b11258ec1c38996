# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why OSPF neighbours are not as expected: the likely causes, and the message for a user.

Nothing in here does input or output. A neighbour, a Comparison and an Own are those of neighbors.py.
"""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import STATES, describe
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import after


def likely_causes(state, interface=None, role=None):
    """Return the likely causes of a neighbour's state, most likely first (RFC 2328 10.1, 10.5, 10.6 and 10.8).

    :param state: a name of STATES; "Missing" for a neighbour that is not there at all.
    :param interface: what this end says about its own interface, a dictionary as in Own.
    :param role: the neighbour's role.
    """
    here = interface or {}

    def own(key, text):
        return " (here: %s)" % (text % here[key]) if here.get(key) is not None else ""

    authentication = "the authentication differs in kind, key id or key"
    firewall = "a firewall drops OSPF (IP protocol 89, multicast 224.0.0.5 and 224.0.0.6)"
    if state in ("Missing", "Down", "Attempt"):
        timers = ""
        if here.get("hello") is not None and here.get("dead") is not None:
            timers = " (here: hello {:g} s, dead {:g} s)".format(here["hello"], here["dead"])
        return [
            "the other end is down, or does not speak OSPF on its interface to this one",
            f"the hello or dead interval differs{timers}",
            "the area or its type differs{}".format(own("area", "%s")),
            authentication,
            "the subnet mask differs{}".format(own("network", "%s")),
            firewall + " at either end",
            "multicast does not get through the switch or bridge (IGMP snooping)",
            "two routers have the same router id",
        ]
    if state == "Init":
        return [
            f"its hellos arrive here, ours do not arrive there: {firewall} at the other end or on the way out of"
            " this one",
            "the other end rejects our hellos: " + authentication,
            "it has only just come up: this state passes within one hello interval{}".format(own("hello", "%g s")),
        ]
    if state == "2-Way":
        causes = []
        if here.get("priority") == 0:
            causes.append("priority is 0 here, and the other end is not the designated router: raise its priority")
        if role is None or role == "DROther":
            causes.append("neither end is the designated router or its backup; two others rest in 2-Way by design")
        causes += [
            "no designated router is elected, as all have priority 0: give the router priority 1 or more",
            "the election still waits{}".format(own("wait", "wait timer %g s")),
            "the network type differs: broadcast at one end, ptp at the other{}".format(own("type", "%s")),
        ]
        return causes
    if state in ("ExStart", "Exchange"):
        return [
            "the MTU of the two interfaces differs",
            "two routers have the same router id",
            "unicast between the two interface addresses is dropped, though multicast gets through: " + firewall,
            "the network type differs: broadcast at one end, ptp at the other{}".format(own("type", "%s")),
        ]
    if state == "Loading":
        return [
            "link state requests or updates are lost: the MTU of the way is smaller than that of the interfaces, or the"
            " link is lossy",
            "a damaged link state advertisement is asked for again and again: restart OSPF where it comes from",
        ]
    return []


def diagnose(comparison, own):
    """Return a list of {router_ids, state, interface, found, expected, causes}, one for each thing that is wrong."""
    expectation = comparison.expectation
    findings = []
    if comparison.missing or (comparison.short and not comparison.stuck):
        findings.append(
            {
                "router_ids": list(comparison.missing),
                "state": "Missing",
                "interface": expectation.interface,
                "found": "nothing"
                if comparison.missing
                else "%d neighbour(s)" % (expectation.count - comparison.short),
                "expected": " or ".join(expectation.states),
                "causes": _why_missing(comparison, own),
            }
        )
    groups = {}
    for bfd in dict.fromkeys(entry["bfd"] for entry in comparison.stuck if expectation.lacks_only_bfd(entry)):
        findings.extend(_bfd_findings(comparison, bfd))
    for entry in comparison.stuck:
        if expectation.lacks_only_bfd(entry):
            continue
        groups.setdefault((entry["state"], entry["interface"], entry["role"]), []).append(entry)
    for (state, interface, role), entries in groups.items():
        expected = sorted(
            {allowed for entry in entries for allowed in expectation.allowed(entry["router_id"])}, key=STATES.index
        )
        findings.append(
            {
                "router_ids": [entry["router_id"] for entry in entries],
                "state": state,
                "interface": interface,
                "found": state,
                "expected": " or ".join(expected),
                "causes": likely_causes(state, own.interface(interface), role),
            }
        )
    shared = list(comparison.duplicates)
    if own.router_id and any(entry["router_id"] == own.router_id for entry in comparison.counted):
        shared.append(own.router_id)
    if shared:
        findings.insert(
            0,
            {
                "router_ids": shared,
                "state": "Duplicate router id",
                "interface": expectation.interface,
                "found": "used more than once",
                "expected": "unique",
                "causes": ["two routers have the same router id: give each its own, and never the anycast address"],
            },
        )
    return findings


def _bfd_findings(comparison, bfd):
    """Return a finding for each interface with neighbours that are good but for this state of their BFD session."""
    groups = {}
    for entry in comparison.stuck:
        if entry["bfd"] == bfd and comparison.expectation.lacks_only_bfd(entry):
            groups.setdefault((entry["interface"], entry["state"]), []).append(entry["router_id"])
    return [
        {
            "router_ids": router_ids,
            "state": "No BFD session" if bfd is None else "BFD " + bfd,
            "interface": interface,
            "found": "{}, {}".format(state, "no BFD session" if bfd is None else "BFD " + bfd),
            "expected": state + ", BFD up",
            "causes": bfd_causes(bfd),
        }
        for (interface, state), router_ids in groups.items()
    ]


def bfd_causes(state):
    """Return the likely causes of a BFD session which is not up, most likely first (RFC 5880 6.2).

    :param state: a name of BFD_STATES; None without a session.
    """
    configure = (
        "RouterOS needs use-bfd=yes in the OSPF interface template and a row in /routing/bfd/configuration, BIRD needs"
        " 'bfd yes' in the OSPF interface and a 'protocol bfd'"
    )
    firewall = "a firewall drops BFD (UDP port 3784)"
    if state is None:
        return ["OSPF does not ask for BFD at this end: " + configure, "the adjacency has only just come up"]
    if state == "forbidden":
        return [
            "no row of /routing/bfd/configuration allows BFD on the interface: add one with interfaces, min-tx, min-rx"
            " and multiplier, or enable it",
            "a row before it has forbid-bfd=yes",
        ]
    if state == "down":
        return [
            "BFD is not on at the other end: " + configure,
            firewall + " at either end",
            "the neighbour has just gone, and OSPF keeps it until its dead interval is over",
        ]
    if state == "init":
        return [
            f"its packets arrive here, ours do not arrive there: {firewall} at the other end or on the way out of"
            " this one",
            "it has only just come up",
        ]
    return ["BFD is switched off by hand at one end (administratively down)"]


def _why_missing(comparison, own):
    wanted = comparison.expectation.interface
    causes = []
    if own.router_id in comparison.missing:
        causes.append(
            f"{own.router_id} is the router id of this end itself: correct what is expected, or give one of the two"
            " another"
        )
    for router_id in comparison.missing:
        other = comparison.elsewhere.get(router_id)
        if other:
            causes.append(
                "{} is seen on interface {} instead, {}".format(router_id, other["interface"], other["state"])
            )
    speaking = [entry["name"] for entry in own.interfaces if not entry.get("silent")]
    here = own.interface(wanted)
    if own.interfaces and not speaking:
        return [
            *causes,
            "OSPF here has stub or passive interfaces only, which send no hellos: {}. The interface to the neighbours"
            " is down, or its configuration does not name it".format(
                ", ".join(entry["name"] for entry in own.interfaces)
            ),
        ]
    if wanted is not None and here is None and own.interfaces:
        return [*causes, "OSPF does not run on interface {} here, but on {}".format(wanted, ", ".join(speaking))]
    if own.known and not own.interfaces:
        return [*causes, "OSPF runs on no interface here: its configuration names none that is there and up"]
    if here is not None and here.get("silent"):
        return [*causes, "interface {} is stub or passive here, so it sends no hellos".format(here["name"])]
    if comparison.surplus:
        causes.append(
            "it is there under another router id: {} is not expected".format(
                ", ".join(sorted({entry["router_id"] for entry in comparison.surplus}))
            )
        )
    return [*causes, *likely_causes("Missing", here)]


def say_causes(causes):
    """Return likely causes as a sentence without its end."""
    return "Likely causes: " + "; ".join("(%d) %s" % pair for pair in enumerate(causes, 1))


def describe_interface(entry):
    """Return an interface of our own in a few words."""
    words = [str(entry[key]) for key in ("type", "network") if entry.get(key)]
    if entry.get("area"):
        words.append("area " + str(entry["area"]))
    if entry.get("silent"):
        words.append("stub or passive")
    else:
        words.extend(f"{key} {entry[key]:g} s" for key in ("hello", "dead") if entry.get(key) is not None)
        if entry.get("priority") is not None:
            words.append("priority {}".format(entry["priority"]))
        if entry.get("state"):
            words.append("state " + entry["state"])
    return "{} ({})".format(entry["name"], ", ".join(words))


def failure_message(comparison, own, spent=0.0, stable=None):
    """Return the message for a user who expected something else: what, found, expected, and what to look at.

    :param stable: the seconds which were asked for, if the expectation does hold, but not for so long.
    """
    lines = []
    expectation = comparison.expectation
    who = own.name + (f" (router id {own.router_id})" if own.router_id else "")
    if stable is not None:
        lines.append(
            "The OSPF neighbours of {} are as expected{}, but have not been for {:g} s: a neighbour changed its state"
            " while we looked. Found: {}.".format(
                who, after(spent), stable, ", ".join(map(describe, comparison.counted)) or "none"
            )
        )
        return "\n".join(lines)
    lines.append(f"The OSPF neighbours of {who} are not as expected{after(spent)}.")
    for finding in diagnose(comparison, own):
        ids = ", ".join(finding["router_ids"])
        if finding["state"] == "Missing" and ids:
            text = "Missing: {} (expected {}).".format(ids, finding["expected"])
        elif finding["state"] == "Missing":
            text = "Found %s in state %s, expected %d." % (finding["found"], finding["expected"], expectation.count)
        elif finding["state"] == "Duplicate router id":
            text = f"Duplicate router id: {ids}."
        else:
            where = " on interface {}".format(finding["interface"]) if finding["interface"] else ""
            text = "{}: state {}{}, expected {}.".format(ids, finding["found"], where, finding["expected"])
        if finding["causes"]:
            text += " {}.".format(say_causes(finding["causes"]))
        lines.append("- " + text)
    if expectation.exact and comparison.surplus:
        surplus = ", ".join(map(describe, comparison.surplus))
        lines.append(
            f"- Not expected, yet there: {surplus}. Add to router_ids what belongs there, or turn OSPF off at what does"
            " not."
        )
    if comparison.over:
        lines.append(
            "- Found %d neighbours, expected exactly %d." % (expectation.count + comparison.over, expectation.count)
        )
    where = " on " + expectation.interface if expectation.interface else ""
    lines.append("Found{}: {}.".format(where, ", ".join(map(describe, comparison.counted)) or "no neighbour"))
    if own.interfaces:
        lines.append("Interfaces here: {}.".format("; ".join(map(describe_interface, own.interfaces))))
    return "\n".join(lines)
