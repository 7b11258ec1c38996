# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why routers and nodes are no neighbours: which end it is, and what is wrong with it.

Three sources, the surest first: what BIRD runs with and what is on the node's disk, against what the role would write;
what BIRD says of packets that it refused; what preflight knows of both ends (MTU, packet filters, subnets). Private to
this collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..model.link import Link
from ..ospf.causes import say_causes
from .endpoints import End, NodeEnd, RouterEnd, Row
from .preflight import preflight_findings, without_it
from .text import Finding, and_list, merged, plain_message

# What BIRD says of an interface (bird.parse_interfaces), and what the link model calls it.
COMPARED = (
    ("area", "area", ""),
    ("type", "network_type", ""),
    ("hello", "hello_interval", " s"),
    ("dead", "dead_interval", " s"),
)


def diagnosis(routers: Sequence[RouterEnd], nodes: Sequence[NodeEnd]) -> list[str]:
    """Return what is wrong with the neighbours, and why: a line for each. An empty list if they are as expected."""
    ends = [*routers, *nodes]
    read = [end.neighbors for end in ends if end.neighbors]
    if not any("neighbors" not in found or "likely_causes" in found for found in read):
        return []
    names = {end.router_id: end.name for end in ends if end.router_id}
    otherwise, written = list(running(nodes, names)), list(files(nodes))
    causes = merged(
        [*unread(ends, routers), *otherwise, *written, *refusals(nodes, names), *preflight_findings(routers, nodes)]
    )
    if written:
        causes.append("Restore the role's files: ansible-playbook homelab.anycast.site")
    elif otherwise:
        causes.append(
            "The files are right: run 'birdc configure' or 'systemctl restart bird' on the node; BIRD then reads them"
        )
    return [*merged(adjacencies(ends, names)), *(causes or no_cause(routers, nodes))]


def adjacencies(ends: Iterable[End], names: Mapping[str, str]) -> Iterator[Finding]:
    """Say which neighbours are not as expected, as the modules that read them have it."""
    for end in ends:
        for found in end.neighbors.get("likely_causes", ()):
            who = and_list(names.get(router_id, router_id) for router_id in found["router_ids"])
            seen = f"no neighbour {who}" if found["state"] == "Missing" else f"found {who} {found['found']}"
            yield Finding(f"{seen}, expected {found['expected']}", (end.name,))


def unread(ends: Iterable[End], routers: Sequence[RouterEnd]) -> Iterator[Finding]:
    """Say what could not be read of the ends that can be reached: BIRD first, without which there are no neighbours."""
    for end in ends:
        results = {"interfaces": end.bird} if isinstance(end, NodeEnd) else {}
        for key, result in {**results, "neighbors": end.neighbors}.items():
            if end.reached and key not in result and result.get("msg"):
                yield Finding(f"{plain_message(result)}{without_it(end, routers)}", (end.name,))
                break


def running(nodes: Iterable[NodeEnd], names: Mapping[str, str]) -> Iterator[Finding]:
    """Say where BIRD runs with something else than the role would give it."""
    for node in nodes:
        if "interfaces" not in node.bird:
            continue
        found = node.bird["router_id"]
        if node.router_id and found != node.router_id:
            seen = f"{found}, the one of {names[found]}" if found in names else found
            text = f"the router id of BIRD is {seen}, expected {node.router_id} (bird_anycast_router_id)"
            yield Finding(text, (node.name,))
        speaking = {entry["name"]: entry for entry in node.bird["interfaces"] if not entry["silent"]}
        for interface in node.interfaces:
            if interface not in speaking:
                seen = and_list(speaking) or "no interface"
                text = f"BIRD speaks OSPF on {seen}, expected {interface} (bird_anycast_interfaces)"
                yield Finding(text, (node.name,))
            elif node.link:
                yield from _differences(node, speaking[interface], node.link)


def _differences(node: NodeEnd, interface: Row, link: Link) -> Iterator[Finding]:
    for key, option, unit in COMPARED:
        found, expected = interface.get(key), getattr(link, option)
        if found is not None and found != expected:
            said = f"{found:g}" if isinstance(found, float) else found
            yield Finding(
                f"the {option.replace('_', ' ')} of BIRD is {said}{unit} (interface {interface['name']}), expected"
                f" {expected}{unit} ({option} in bird_anycast_link)",
                (node.name,),
            )


def files(nodes: Iterable[NodeEnd]) -> Iterator[Finding]:
    """Say which of BIRD's files are not what the role would write."""
    for node in nodes:
        for path in node.changed_files or ():
            text = f"{path} is not what the role writes"
            if path.endswith(".key"):
                text = f"the key in {path} is not the one of bird_anycast_link (keys are not shown)"
            yield Finding(text, (node.name,))


def refusals(nodes: Iterable[NodeEnd], names: Mapping[str, str]) -> Iterator[Finding]:
    """Say which node refuses whose packets. Where several refuse those of one, it is that one."""
    receivers: dict[tuple[str, str], set[str]] = {}
    for node in nodes:
        for entry in node.bird.get("refused") or ():
            sender = names.get(entry["sender"], entry["sender"])
            receivers.setdefault((entry["reason"], sender), set()).add(node.name)
    senders: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for (reason, sender), found in sorted(receivers.items()):
        # What one node refuses of several is said of that node, once.
        senders.setdefault((reason, tuple(sorted(found)), sender if len(found) > 1 else ""), []).append(sender)
    for (reason, by, _blamed), those in senders.items():
        yield Finding(f"BIRD refuses the OSPF packets of {and_list(those)}: {reason}", by)


def no_cause(routers: Sequence[RouterEnd], nodes: Sequence[NodeEnd]) -> Iterator[str]:
    """Say what was read without finding a cause, what was not, and what is likely then."""
    both = [*(router.name for router in routers if router.info), *(node.name for node in nodes if node.info)]
    checked = {
        "what BIRD runs with": [node.name for node in nodes if "interfaces" in node.bird],
        "BIRD's files": [node.name for node in nodes if node.changed_files is not None],
        "the packets that BIRD refused": [node.name for node in nodes if node.bird.get("refused") is not None],
        "MTU, subnets and packet filters, of a router raw prerouting and output, filter input and output, of a node"
        " input and output": both,
    }
    said = "; ".join(f"{what} ({and_list(names)})" for what, names in checked.items() if names)
    unread = and_list(end.name for end in (*routers, *nodes) if end.name not in both)
    yield (
        f"No cause was found. Checked: {said or 'nothing'}."
        f"{f' Not read: {unread}.' if unread else ''} See what is between the two ends, and"
        " '/routing/ospf/interface/print' on the router"
    )
    yield from merged(
        Finding(say_causes(found["causes"]), (end.name,))
        for end in (*routers, *nodes)
        for found in end.neighbors.get("likely_causes", ())
        if found["causes"]
    )
