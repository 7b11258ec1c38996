# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tasks of the role routeros_ospf write, and what keeps them from it. Private to this collection."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ..model import ip
from ..model.link import Link, link_problems, working_link
from . import checks, rows, takeover
from .rows import RouterRequest
from .takeover import Info, Restrict, Takeover
from .values import Row, flag

Plan = dict[str, Any]

_STATE = (".id", ".nextid", "bytes", "dynamic", "inactive", "invalid", "packets")  # What the router adds to a row


def router_plan(info: Info, request: RouterRequest, link: Any, other_router_ids: Mapping[str, Any]) -> Plan:
    """Return {problems, notes} and, where the variables can be written at all, what the role writes."""
    wrong = link_problems("routeros_ospf_link", link, request.prefixes)
    wrong += checks.request_problems(request)
    checked = working_link(link)
    request = dataclasses.replace(request, networks=takeover.link_networks(info, request))
    found = takeover.plan_takeover(info, request, checked.area) if checked else None
    request = _named(request, found)
    after = takeover.after_takeover(info, found.taken_over if found else {}, request.comment)
    problems = [
        *(found.problems if found else ()),
        *wrong,
        *checks.router_problems(after, request, other_router_ids, checked),
    ]
    if checked and not request.allow_interruption:
        problems += checks.interruption_problems(after, checked, request)
    plan: Plan = {"problems": problems, "notes": []}
    if found and found.taken_over:
        plan["notes"].append(
            f"the role takes over the OSPF instance '{request.instance}', the area '{request.area}' and the interface"
            f" template on {', '.join(request.interfaces)}: they keep their names, and it manages them from now on"
        )
    if checked and found and not wrong:
        plan.update(_writes(info, request, checked, found))
    return plan


def rotation_plan(info: Info, request: RouterRequest, link: Any, new_key_id: int) -> Plan:
    """Return {problems, notes, moved} and the interface templates, for rotate_key; the link has the old key."""
    wrong = link_problems("routeros_ospf_link", link)
    checked = working_link(link)
    if checked is None:
        return {"problems": wrong, "notes": []}
    request = dataclasses.replace(request, networks=takeover.link_networks(info, request))
    found = takeover.plan_takeover(info, request, checked.area)
    request = _named(request, found)
    moved = checks.has_key_id(info, request.comment, new_key_id)
    problems = checks.rotation_problems(info, checked, request.comment, new_key_id)
    if not moved:
        problems += checks.interruption_problems(info, checked, request)
    templates = rows.template_rows(dataclasses.replace(checked, key_id=new_key_id), request)
    return {
        "problems": problems,
        "notes": [],
        "moved": moved,
        "templates": {"rows": templates, "restrict": found.restrict["template"]},
    }


def removal_plan(info: Info, comment: str) -> Plan:
    """Return what goes from the router, and what is given back."""
    note = takeover.read_note(info, comment)
    ours: Restrict = [{"field": "comment", "values": [comment]}]
    restrict = dict.fromkeys(("instance", "area", "template"), ours)
    notes = []
    if note and note.taken_over:
        instance, area, template = (note.taken_over[kind] for kind in restrict)
        restrict = {
            "instance": [*ours, {"field": "name", "values": [instance["name"]], "invert": True}],
            "area": [*ours, {"field": "name", "values": [area["name"]], "invert": True}],
            "template": [*ours, {"field": "area", "values": [template["area"]], "invert": True}],
        }
        notes.append(
            f"the OSPF instance '{instance['name']}', the area '{area['name']}' and the interface template on"
            f" {template['interfaces']} were there before the role: they stay, with their old comments, without the"
            " import filter, and with the timers and the authentication that the role has given them"
        )
    elif note is None and takeover.owns_rows(info, comment):
        current = info["ip_settings"]
        notes.append(
            "/ip/settings stays as it is (send-redirects={}, ipv4-multipath-hash-policy={}): the router has no note of"
            " what it was before the role. RouterOS starts with send-redirects=yes"
            " ipv4-multipath-hash-policy=l3".format(
                "yes" if flag(current, "send-redirects") else "no", current.get("ipv4-multipath-hash-policy")
            )
        )
    ospf, rules = info["ospf"], info["filter"]["rules"]
    return {
        "problems": [],
        "notes": notes,
        "given_back": _given_back(info, comment, note.taken_over if note else {}),
        "templates": _step(ospf["interface_templates"], [], restrict["template"]),
        "bfd": _step(info["bfd"]["configurations"], [], ours),
        "areas": _step(ospf["areas"], [], restrict["area"]),
        "instances": _step(ospf["instances"], [], restrict["instance"]),
        "filter_rules": _step(rules, [], ours),
        "redirect_rules": _step(info["firewall"]["ipv6_filter"], [], ours),
        "untracked": _untracked(info, {}, ours),
        "ip_settings": _changed(info["ip_settings"], note.settings if note else {}),
        "ipv6_settings": _changed(info["ipv6_settings"], _ipv6_settings_before(info, comment)),
        "note": _step(rules, [], takeover.note_restrict(comment)),
    }


def _writes(info: Info, request: RouterRequest, link: Link, found: Takeover) -> Plan:
    policy = rows.HASH_POLICIES[request.distribution]
    ipv6_settings = _ipv6_settings_before(info, request.comment)
    if ip.has_ipv6(request.prefixes):
        # l3 and l3-inner hash the flow label as well, l4 the ports (manual, CLI reference, ipv6/settings); none hashes
        # the addresses alone.
        ipv6_settings = {"multipath-hash-policy": policy}
    ours: Restrict = [{"field": "comment", "values": [request.comment]}]
    chains: Row = {"field": "chain", "values": request.chains}
    ospf, rules = info["ospf"], info["filter"]["rules"]
    instances = rows.instance_rows(request)
    areas = rows.area_rows(link, request)
    full = checks.full_neighbors(info, *(row["name"] for row in areas))
    names = [] if request.filter_chain else [row["name"] for row in instances]
    ip_settings = {"send-redirects": request.send_redirects, "ipv4-multipath-hash-policy": policy}
    return {
        "note": takeover.note_rows(info, request.comment, found.taken_over),
        "ip_settings": _changed(info["ip_settings"], ip_settings),
        "ipv6_settings": _changed(info["ipv6_settings"], ipv6_settings),
        "redirect_rules": _step(info["firewall"]["ipv6_filter"], rows.redirect_rows(request), ours),
        "untracked": _untracked(info, {version: rows.notrack_rows(info, request, version) for version in (4, 6)}, ours),
        "filter_rules": _step(rules, rows.filter_rows(request), [*ours, chains]),
        "instances": _step(ospf["instances"], instances, found.restrict["instance"], others_stay=True),
        "unfiltered_instances": [
            row["name"]
            for row in ospf["instances"]
            if row["name"] in names and _is_filtered(info, row, request.comment)
        ],
        "old_filter_rules": _step(rules, [], [*ours, {**chains, "invert": True}]),
        "areas": _step(ospf["areas"], areas, found.restrict["area"], others_stay=True),
        "bfd": _step(info["bfd"]["configurations"], rows.bfd_rows(link, request), ours),
        "full_neighbors": list(dict.fromkeys(row["router-id"] for row in full)),
        # Always written: only the task that does it knows the key.
        "templates": {"rows": rows.template_rows(link, request), "restrict": found.restrict["template"]},
    }


def _given_back(info: Info, comment: str, taken_over: dict[str, Row]) -> Plan:
    """Return by kind of row the {find, set} of those that the role has taken over, and still has."""
    found: Plan = {}
    menus = (("instance", "instances", "name"), ("area", "areas", "name"), ("template", "interface_templates", "area"))
    for kind, menu, name in menus if taken_over else ():
        for row in info["ospf"][menu]:
            if row.get(name) == taken_over[kind][name] and row.get("comment") == comment:
                values = {"comment": taken_over[kind]["comment"]}
                if kind == "instance" and _is_filtered(info, row, comment):
                    values["!in-filter-chain"] = None
                if kind == "template" and row.get("networks") and "networks" not in taken_over[kind]:
                    values["!networks"] = None
                found[kind] = {"find": {name: row[name], "comment": comment}, "set": values}
    return found


def _is_filtered(info: Info, instance: Row, comment: str) -> bool:
    """Return whether an instance has an import filter, and no rule in it that the role does not manage."""
    chain = instance.get("in-filter-chain")
    rules = [row for row in info["filter"]["rules"] if row.get("chain") == chain]
    return bool(chain) and all(row.get("comment") == comment for row in rules)


def _ipv6_settings_before(info: Info, comment: str) -> Row:
    """Return what comes back in /ipv6/settings with the end of OSPFv3."""
    note = takeover.read_note(info, comment)
    return note.ipv6_settings if note and takeover.has_ospfv3(info, comment) else {}


def _step(found: list[Row], wanted: list[Row], restrict: Restrict, others_stay: bool = False) -> Plan:
    """Return {rows, restrict, needed} for api_modify: C(needed) is false where the router certainly has these rows.

    Each step that is not needed saves a login. With others_stay a row may have other properties as well.
    """
    own = [row for row in found if all(_meets(row, criterion) for criterion in restrict)]
    same = len(own) == len(wanted) and all(map(_is_like, own, wanted, [others_stay] * len(own)))
    return {"rows": wanted, "restrict": restrict, "needed": not same}


def _untracked(info: Info, wanted: Mapping[int, list[Row]], restrict: Restrict) -> list[Plan]:
    """Return the steps needed in /ip/firewall/raw and /ipv6/firewall/raw, each with its path for api_modify."""
    steps = [
        {"path": path, **_step(info["firewall"].get(name, []), wanted.get(version, []), restrict)}
        for version, name, path in ((4, "raw", "ip firewall raw"), (6, "ipv6_raw", "ipv6 firewall raw"))
    ]
    return [step for step in steps if step["needed"]]


def _meets(row: Row, criterion: Row) -> bool:
    value = row.get(criterion["field"])
    # Without a regex: one that nothing matches.
    met = value in criterion.get("values", ()) or bool(re.match(criterion.get("regex", r"(?!)"), str(value or "")))
    return met is not criterion.get("invert", False)


def _is_like(row: Row, wanted: Row, others_stay: bool) -> bool:
    if any(str(row.get(name, False)) != str(value) for name, value in wanted.items()):
        return False
    return others_stay or all(value in (False, "") for name, value in row.items() if name not in (*wanted, *_STATE))


def _changed(row: Row, wanted: Row) -> Row:
    """Return what of the properties to set the row of settings does not have yet."""
    return {name: value for name, value in wanted.items() if row.get(name) != value}


def _named(request: RouterRequest, found: Takeover | None) -> RouterRequest:
    return dataclasses.replace(request, instance=found.instance, area=found.area) if found else request
