# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why routers and nodes are no neighbours: which end it is, and what is wrong with it.

Three sources, the surest first: what BIRD runs with and what is on the node's disk, against what the role would write;
what BIRD says of packets that it refused; what preflight knows of both ends (MTU, packet filters, subnets). Nothing in
here does input or output.
"""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.system import preflight

# What BIRD says of an interface (bird.parse_interfaces), and what the link model calls it.
COMPARED = (
    ("area", "area", ""),
    ("type", "network_type", ""),
    ("hello", "hello_interval", " s"),
    ("dead", "dead_interval", " s"),
)


def verdict(routers, nodes, bird, failures, router_ids):
    """Return the whole message, a list of texts: who says that something is wrong, and the causes.

    :param routers, nodes: as ends.router() and ends.node() return them.
    :param bird: by node: C(info), the result of the module bird_info, and C(changed_files), the paths that the role
        would change; either may be None where it could not be read.
    :param failures: the ends that have other neighbours than expected.
    :param router_ids: by end, as the inventory has them.
    """
    otherwise, written = list(running(nodes, bird, router_ids)), list(files(nodes, bird))
    causes = [
        *unanswered(nodes, bird),
        *otherwise,
        *written,
        *refusals(nodes, bird, router_ids),
        *preflight.verdict(routers, nodes)["problems"],
    ]
    if not causes:
        causes.append(
            "No cause was found at either end: BIRD runs with what the role writes and refuses no packet, and no MTU,"
            " subnet or packet filter is in the way. See the likely causes above, what is between the two ends, and"
            " '/routing/ospf/interface/print' on the router"
        )
    if written:
        causes.append("Put back what the role writes: ansible-playbook homelab.anycast.site")
    elif otherwise:
        causes.append("On disk it is right: 'birdc configure' or 'systemctl restart bird' on the node puts it in force")
    return [
        "OSPF is not up as expected, {} {}. Why:".format(_and(failures), "say" if len(failures) > 1 else "says"),
        *causes,
    ]


def unanswered(nodes, bird):
    """Say why BIRD of a node that can be reached does not answer."""
    for node in nodes:
        info = bird.get(node["name"], {}).get("info") or {}
        if node["reached"] and "interfaces" not in info and info.get("msg"):
            yield "{}: {}".format(node["name"], info["msg"])


def running(nodes, bird, router_ids):
    """Say where BIRD runs with something else than the role would give it."""
    for node in nodes:
        name = node["name"]
        info = bird.get(name, {}).get("info") or {}
        if "interfaces" not in info:
            continue
        expected = router_ids.get(name)
        if expected and info["router_id"] != expected:
            others = [other for other, value in router_ids.items() if value == info["router_id"] and other != name]
            yield "the router id of BIRD on {} is {}{}, expected {} (bird_anycast_router_id)".format(
                name, info["router_id"], ", the one of " + _and(others) if others else "", expected
            )
        speaking = {entry["name"]: entry for entry in info["interfaces"] if not entry["silent"]}
        for interface in node["interfaces"]:
            if interface not in speaking:
                yield "BIRD on {} speaks OSPF on {}, expected {} (bird_anycast_interfaces)".format(
                    name, _and(speaking) or "no interface", interface
                )
            elif node["link"]:
                yield from _differences(name, speaking[interface], node["link"])


def _differences(name, interface, link):
    for key, option, unit in COMPARED:
        found = interface.get(key)
        if found is not None and found != getattr(link, option):
            yield (
                "the {what} of BIRD on {name} is {found}{unit} (interface {interface}), expected {expected}{unit}"
                " ({option} in bird_anycast_link)"
            ).format(
                what=option.replace("_", " "),
                name=name,
                found=_number(found),
                unit=unit,
                interface=interface["name"],
                expected=getattr(link, option),
                option=option,
            )


def _number(value):
    return f"{value:g}" if isinstance(value, float) else value


def files(nodes, bird):
    """Say which of BIRD's files are not what the role would write."""
    for node in nodes:
        for path in bird.get(node["name"], {}).get("changed_files") or ():
            if path.endswith(".key"):
                yield "the key in {} on {} is not the one of bird_anycast_link (keys are not shown)".format(
                    path, node["name"]
                )
            else:
                yield "{} on {} is not what the role writes".format(path, node["name"])


def refusals(nodes, bird, router_ids):
    """Say which node refuses whose packets. Where several refuse those of one, it is that one."""
    names = {router_id: name for name, router_id in router_ids.items()}
    pairs = {}
    for node in nodes:
        for entry in (bird.get(node["name"], {}).get("info") or {}).get("refused") or ():
            sender = names.get(entry["sender"], entry["sender"])
            pairs.setdefault(entry["reason"], set()).add((node["name"], sender))
    for reason, found in pairs.items():
        by_sender = {}
        for receiver, sender in sorted(found):
            by_sender.setdefault(sender, []).append(receiver)
        by_receiver = {}
        for sender, receivers in by_sender.items():
            if len(receivers) > 1:
                yield _refusal(receivers, [sender], reason)
            else:
                by_receiver.setdefault(receivers[0], []).append(sender)
        for receiver, senders in by_receiver.items():
            yield _refusal([receiver], senders, reason)


def _refusal(receivers, senders, reason):
    return "{} {} the OSPF packets of {}: {}".format(
        _and(receivers), "refuse" if len(receivers) > 1 else "refuses", _and(senders), reason
    )


def _and(names):
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
