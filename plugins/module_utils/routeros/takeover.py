# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The takeover of rows made in WinBox by the role, and what was on the router before it. Private to this collection.

A row is taken over by giving it the role's comment; its name stays, and so does whatever refers to it. RouterOS does
not say whether a new name restarts an OSPF instance; a comment is nothing that OSPF knows of, and only properties that
differ are sent. So what was Full stays so, as long as both ends agree on what they did before.

What was there before is noted on the router itself, so that a later removal of the role finds it: in the comment of
a disabled rule of a filter chain that nothing refers to, as /ip/settings has no comment.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..model import ip
from .rows import RouterRequest, link_subnets
from .values import Row, flag, quoted, split_list

CHAIN = "anycast-before"  # Of the rule that notes what was there; no instance refers to the chain
_SEPARATOR = " before: "

SETTINGS = ("send-redirects", "ipv4-multipath-hash-policy")  # What the role sets in /ip/settings
IPV6_SETTINGS = ("multipath-hash-policy",)  # And in /ipv6/settings, where there is an IPv6 prefix

Info = dict[str, Any]  # What routeros_info returns
Restrict = list[Row]  # As api_modify's option restrict


@dataclasses.dataclass(frozen=True)
class Note:
    """What was on the router before the role."""

    settings: Row  # Of /ip/settings
    ipv6_settings: Row
    # By "instance", "area" and "template" the {name, comment} of the rows that the role has taken over, of a template
    # its {area, interfaces, comment}; empty where there were none.
    taken_over: dict[str, Row]


@dataclasses.dataclass(frozen=True)
class Takeover:
    """Which rows are the role's, or become so, and the names of the instance and the area."""

    instance: str
    area: str
    taken_over: dict[str, Row]  # As in a Note: what is taken over now
    restrict: dict[str, Restrict]  # By "instance", "area" and "template" which rows the role's tasks look at
    problems: list[str]


def note_restrict(comment: str) -> Restrict:
    """Return where the Note is among the rows of /routing/filter/rule."""
    return [{"field": "comment", "regex": "^" + re.escape(comment + _SEPARATOR)}]


def read_note(info: Info, comment: str) -> Note | None:
    """Return what is noted of the time before the role, None if there is no note."""
    for row in info["filter"]["rules"]:
        text = str(row.get("comment") or "")
        if row.get("chain") == CHAIN and text.startswith(comment + _SEPARATOR):
            try:
                return Note(**json.loads(text[len(comment + _SEPARATOR) :]))
            except (ValueError, TypeError):
                return None
    return None


def note_rows(info: Info, comment: str, taken_over: dict[str, Row]) -> list[Row]:
    """Return the rows of /routing/filter/rule by which to note what is there now: one, or none if it is too late.

    It is too late where there are rows of the role, whose settings would be taken for those of before.
    """
    if read_note(info, comment) is not None or owns_rows(info, comment):
        return []
    before = Note(
        {name: info["ip_settings"][name] for name in SETTINGS if name in info["ip_settings"]},
        {name: info["ipv6_settings"][name] for name in IPV6_SETTINGS if name in info["ipv6_settings"]},
        taken_over,
    )
    text = json.dumps(dataclasses.asdict(before), separators=(",", ":"), sort_keys=True)
    return [{"chain": CHAIN, "rule": "reject", "disabled": True, "comment": comment + _SEPARATOR + text}]


def owns_rows(info: Info, comment: str) -> bool:
    """Return whether OSPF has rows of the role."""
    return any(row.get("comment") == comment for rows in info["ospf"].values() for row in rows)


def has_ospfv3(info: Info, comment: str) -> bool:
    """Return whether OSPFv3 on this router is the role's, and with it what it wants of /ipv6/settings."""
    return any(row.get("comment") == comment and str(row.get("version")) == "3" for row in info["ospf"]["instances"])


def plan_takeover(info: Info, request: RouterRequest, area_id: str) -> Takeover:
    """Return which rows are the role's, or become so. The area id is the link's."""
    ours = [{"field": "comment", "values": [request.comment]}]
    names = {"instance": request.instance, "area": request.area}
    taken_over: dict[str, Row] = {}
    restrict: dict[str, Restrict] = dict.fromkeys(("instance", "area", "template"), ours)
    problems: list[str] = []
    note = read_note(info, request.comment)
    noted = note.taken_over if note else {}
    if noted and not _half_taken_over(info, noted, request):
        for kind in names:
            name = noted.get(kind, {}).get("name")
            if any(row["name"] == name and row.get("comment") == request.comment for row in info["ospf"][kind + "s"]):
                names[kind] = str(name)
    elif noted or not owns_rows(info, request.comment):
        rows, problems = _equivalent(info, request, area_id)
        if rows and not problems:
            template, area, instance = rows
            names = {"instance": instance["name"], "area": area["name"]}
            before = {"instance": {"name": instance["name"]}, "area": {"name": area["name"]}}
            kept = ("area", "interfaces", "networks")
            before["template"] = {name: template[name] for name in kept if name in template}
            comments = [str(row.get("comment") or "") for row in (instance, area, template)]
            taken_over = {kind: {**before[kind], "comment": comment} for kind, comment in zip(before, comments)}
            # With those of OSPFv3, which the role makes beside them.
            instances, areas = ([ip.versioned(name, version) for version in (2, 3)] for name in names.values())
            # As they are, and as the role writes them.
            interfaces = sorted({str(template["interfaces"]), ",".join(request.interfaces)})
            restrict = {
                "instance": [{"field": "name", "values": instances}],
                "area": [{"field": "name", "values": areas}],
                "template": [{"field": "area", "values": areas}, {"field": "interfaces", "values": interfaces}],
            }
    return Takeover(names["instance"], names["area"], taken_over, restrict, problems)


def _half_taken_over(info: Info, noted: dict[str, Row], request: RouterRequest) -> bool:
    """Return whether the rows of the note are there and not all of them are the role's: it was interrupted."""
    templates = [row for row in info["ospf"]["interface_templates"] if _is_on(row, request.interfaces)]
    template = next((row for row in templates if row.get("area") == noted["area"]["name"]), None)
    area = _by_name(info["ospf"]["areas"], noted["area"]["name"])
    instance = _by_name(info["ospf"]["instances"], noted["instance"]["name"])
    rows = [row for row in (area, instance, template) if row is not None]
    return len(rows) == 3 and any(row.get("comment") != request.comment for row in rows)


def _equivalent(info: Info, request: RouterRequest, area_id: str) -> tuple[tuple[Row, Row, Row] | None, list[str]]:
    """Return (template, area, instance that do what the role's would, or None; why they cannot be taken over)."""
    same = [
        row
        for row in info["ospf"]["interface_templates"]
        if not flag(row, "disabled") and _is_on(row, request.interfaces) and _version(info, row) != "3"
    ]
    if not same:
        # Also one that matches by other means; router_problems() says so where it is in the way.
        return None, []
    template = same[0]
    area, instance = _area_and_instance(info, template)
    if area is None or instance is None or flag(area, "disabled") or flag(instance, "disabled"):
        return None, []
    differences = list(_differences(info, (template, area, instance), request, area_id))
    if len(same) > 1:
        ids = " and ".join(row[".id"] for row in same)
        differences = [f"{ids} match the same interfaces. Remove all but one of them"]
    return (template, area, instance), [
        f"the interface template {template['.id']} (area '{area['name']}', instance '{instance['name']}') on"
        f" {', '.join(request.interfaces)} does what the role's would, but cannot be taken over: {reason}"
        for reason in differences
    ]


def _differences(info: Info, rows: tuple[Row, Row, Row], request: RouterRequest, area_id: str) -> Iterator[str]:
    template, area, instance = rows
    limited = sorted(split_list(template.get("networks"))) not in ([], sorted(request.networks))
    if limited or "passive" in template:
        found = "passive" if "passive" in template else f"limited to networks={template['networks']}"
        yield f"it is {found}. Remove that from it"
    if str(area.get("area-id", "0.0.0.0")) != area_id:
        found = str(area.get("area-id"))
        yield f"its area-id is {found}, expected {area_id} (area in routeros_ospf_link). Make them equal"
    if str(area.get("type", "default")) != "default":
        yield f"its area is of type {area['type']}, expected default"
    tables = (instance, "instance", "routing-table", "main")
    ids = [(row, kind, "instance-id", "0") for row, kind in ((template, "template"), (area, "area"))]
    for row, kind, name, usual in (tables, *ids):
        if str(row.get(name) or usual) != usual:
            yield (
                f"its {kind} has {name}={row[name]}, expected none: the routes would be in a different table, or the"
                f" nodes no neighbours (RFC 5340 2.4). Take that away from the {kind}"
            )
    if str(instance.get("vrf", "main")) != "main":
        yield f"its instance is in vrf {instance['vrf']}, expected main"
    if str(instance.get("router-id")) != request.router_id:
        yield (
            f"its instance has router-id={instance.get('router-id')}, expected {request.router_id}, and a new one"
            f" restarts OSPF. {_router_id_advice(instance, request.router_id)}"
        )
    chain = instance.get("in-filter-chain")
    if chain and request.filter_chain and chain != request.filter_chain:
        yield (
            f"its instance has in-filter-chain={chain}, which the role would replace. Set routeros_ospf_filter_chain to"
            " '' to keep it"
        )
    areas = [row["name"] for row in info["ospf"]["areas"] if row.get("instance") == instance["name"]]
    others = [
        f"{row['.id']} ({row.get('interfaces') or row.get('networks') or 'every interface'})"
        for row in info["ospf"]["interface_templates"]
        if row is not template and row["area"] in areas and not flag(row, "disabled")
    ]
    if others and request.filter_chain:
        yield (
            f"its instance serves the templates {', '.join(others)} too, whose routes the import filter would reject."
            " Set routeros_ospf_filter_chain to '' for no filter, or give those templates a separate instance"
        )


def _router_id_advice(instance: Row, router_id: str) -> str:
    command = f"/routing/ospf/instance/set {quoted(instance['name'])} router-id={router_id}"
    try:
        found = ipaddress.IPv4Address(str(instance.get("router-id")))
    except ValueError:
        # The name of a row of /routing/id, such as RouterOS' default main; the variable takes none.
        return f"At a time when that does no harm: {command}"
    return f"Set routeros_ospf_router_id to {found}, or, at a time when that does no harm: {command}"


def after_takeover(info: Info, taken_over: dict[str, Row], comment: str) -> Info:
    """Return what routeros_info would return if the rows had the role's comment already."""
    if not taken_over:
        return info
    after = dict(info, ospf=copy.deepcopy(info["ospf"]))
    for kind in ("instance", "area"):
        for row in after["ospf"][kind + "s"]:
            if row["name"] == taken_over[kind]["name"]:
                row["comment"] = comment
    wanted = taken_over["template"]
    for row in after["ospf"]["interface_templates"]:
        if (row["area"], row.get("interfaces")) == (wanted["area"], wanted["interfaces"]):
            row["comment"] = comment
    return after


def link_networks(info: Info, request: RouterRequest) -> tuple[str, ...]:
    """Return the subnets to limit OSPFv2 to; none where each interface has one address, or which it is is not clear.

    RouterOS runs OSPF once for each address. Of several on an interface the link's is the one whose subnet has the
    router id. A template that has the subnets already keeps them.
    """
    places: dict[str, list[Any]] = {}
    for name, _own, subnet in link_subnets(info, request.interfaces):
        if subnet.version == 4:
            places.setdefault(name, []).append(subnet)
    chosen: list[str] = []
    router_id = None
    with contextlib.suppress(ValueError):  # Which is said with all other problems.
        router_id = ipaddress.IPv4Address(request.router_id)
    for subnets in places.values():
        of_link = [subnet for subnet in subnets if len(subnets) == 1 or (router_id and router_id in subnet)]
        if not of_link:
            return ()
        chosen += map(str, of_link)
    has = any(
        _is_on(row, request.interfaces) and sorted(split_list(row.get("networks"))) == sorted(chosen)
        for row in info["ospf"]["interface_templates"]
    )
    return tuple(chosen) if has or any(len(subnets) > 1 for subnets in places.values()) else ()


def matched_interfaces(info: Info, row: Row, request: RouterRequest, networks: str) -> list[str]:
    """Return on which of these interfaces a row may be in force, an OSPF template or a row of BFD's configuration.

    Without a matcher it is on all. What a list holds that this collection cannot know, such as dynamic, counts as none.

    :param networks: the property with prefixes, which match the addresses of the interface.
    """
    interfaces = request.interfaces
    lists = {**info["firewall"]["interface_lists"], **dict.fromkeys(("all", "static"), list(interfaces)), "none": []}
    names = {one for name in split_list(row.get("interfaces")) for one in lists.get(name, [name])}
    prefixes = []
    for text in split_list(row.get(networks)):
        with contextlib.suppress(ValueError):  # IPv6
            prefixes.append(ipaddress.IPv4Network(text, strict=False))
    here = {
        place
        for place, _own, subnet in link_subnets(info, interfaces)
        if subnet.version == 4 and (str(subnet) in request.networks or not request.networks)
        if any(prefix.overlaps(subnet) for prefix in prefixes)
    }
    named = [name for name in interfaces if name in names or not row.get("interfaces")]
    return [name for name in named if name in here or not row.get(networks)]


def is_in_force(info: Info, template: Row, versions: Iterable[int]) -> bool:
    """Return whether a template, its area and its instance are enabled, and for such a version, as far as known."""
    return int(_version(info, template)) in versions and not any(
        flag(row or {}, "disabled") for row in (template, *_area_and_instance(info, template))
    )


def _version(info: Info, template: Row) -> str:
    """Return the version of OSPF that a template is for, as the router prints it; 2 where it does not say."""
    return str((_area_and_instance(info, template)[1] or {}).get("version") or "2")


def _area_and_instance(info: Info, template: Row) -> tuple[Row | None, Row | None]:
    area = _by_name(info["ospf"]["areas"], template.get("area"))
    return area, _by_name(info["ospf"]["instances"], (area or {}).get("instance"))


def _is_on(template: Row, interfaces: Iterable[str]) -> bool:
    return set(split_list(template.get("interfaces"))) == set(interfaces)


def _by_name(rows: Iterable[Row], name: Any) -> Row | None:
    return next((row for row in rows if row["name"] == name), None)
