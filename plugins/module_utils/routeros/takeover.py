# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that somebody has made in WinBox and which become the role's, and what was on the router before the role.

A row is taken over by giving it our comment; its name stays, and so does whatever refers to it. RouterOS does not say
whether another name restarts an OSPF instance; a comment is nothing that OSPF knows of, and only properties that differ
are sent. So what was Full stays so, as long as both ends agree on what they did before.

What was there before is noted on the router itself, so that it is there for whoever removes the role: in the comment of
a disabled rule of a filter chain that nothing refers to, as /ip/settings has no comment.

Nothing in here does input or output.
"""

from __future__ import annotations

import copy
import ipaddress
import json

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import flag, split_list

# Of the rule that notes what was there; no instance refers to the chain.
CHAIN = "anycast-before"
_SEPARATOR = " before: "

# What the role sets in /ip/settings.
SETTINGS = ("send-redirects", "ipv4-multipath-hash-policy")
# And in /ipv6/settings, where there is an IPv6 prefix.
IPV6_SETTINGS = ("multipath-hash-policy",)


def read_note(info, comment):
    """Return what is noted of the time before the role, None if there is no note.

    :returns: {settings, ipv6_settings, adopted}: those of /ip/settings and /ipv6/settings; and by C(instance),
      C(area) and C(template) the {name, comment} of rows that somebody else had made, of a template its {area,
      interfaces, comment}.
    """
    for row in info["filter"]["rules"]:
        text = str(row.get("comment") or "")
        if row.get("chain") == CHAIN and text.startswith(comment + _SEPARATOR):
            try:
                found = json.loads(text[len(comment + _SEPARATOR) :])
                # The first notes had nothing of IPv6.
                return {
                    "settings": dict(found["settings"]),
                    "ipv6_settings": dict(found.get("ipv6_settings", {})),
                    "adopted": dict(found["adopted"]),
                }
            except (ValueError, KeyError, TypeError):
                return None
    return None


def note(info, comment, adopted):
    """Return the rows of /routing/filter/rule by which to note what is there now: one, or none if it is too late.

    It is too late where there are rows of ours, whose settings would be taken for those of before.
    """
    if read_note(info, comment) is not None or _owned(info, comment):
        return []
    before = {
        "settings": _those(info["ip_settings"], SETTINGS),
        "ipv6_settings": _those(info["ipv6_settings"], IPV6_SETTINGS),
        "adopted": adopted,
    }
    text = json.dumps(before, separators=(",", ":"), sort_keys=True)
    return [{"chain": CHAIN, "rule": "reject", "disabled": True, "comment": comment + _SEPARATOR + text}]


def _those(row, names):
    return {name: row[name] for name in names if name in row}


def _owned(info, comment):
    return [row for rows in info["ospf"].values() for row in rows if row.get("comment") == comment]


def has_ospfv3(info, comment):
    """Return whether OSPFv3 on this router is ours, and with it what it wants of /ipv6/settings."""
    return any(row.get("comment") == comment and str(row.get("version")) == "3" for row in info["ospf"]["instances"])


def plan(info, area_id, router_id, interfaces, comment, filter_chain, instance, area):
    """Return which rows are ours, or become so: {instance, area, adopted, restrict, note, problems}.

    C(instance) and C(area) are the names to use, C(adopted) what is taken over now, C(restrict) which rows the role's
    tasks look at, as for api_modify.

    :param info: result of the module routeros_info.
    :param area_id: area of the link; the other parameters are the role's variables.
    """
    ours = [{"field": "comment", "values": [comment]}]
    result = {
        "instance": instance,
        "area": area,
        "adopted": {},
        "restrict": {"instance": ours, "area": ours, "template": ours},
        "note": [],
        "problems": [],
    }
    note_found = read_note(info, comment)
    noted = note_found["adopted"] if note_found else {}
    if noted and not _half_taken_over(info, noted, interfaces, comment):
        for kind, rows in (("instance", "instances"), ("area", "areas")):
            name = noted.get(kind, {}).get("name")
            if any(row["name"] == name and row.get("comment") == comment for row in info["ospf"][rows]):
                result[kind] = name
    elif noted or not _owned(info, comment):
        rows, result["problems"] = _equivalent(info, area_id, router_id, interfaces, filter_chain)
        if rows and not result["problems"]:
            _adopt(result, rows, interfaces)
    result["note"] = note(info, comment, result["adopted"])
    return result


def _half_taken_over(info, noted, interfaces, comment):
    """Return whether the rows of the note are there and not all of them are ours: the role was interrupted."""
    area = _by_name(info["ospf"]["areas"], noted["area"]["name"])
    instance = _by_name(info["ospf"]["instances"], noted["instance"]["name"])
    template = next(
        (
            row
            for row in info["ospf"]["interface_templates"]
            if row.get("area") == noted["area"]["name"] and set(split_list(row.get("interfaces"))) == set(interfaces)
        ),
        None,
    )
    rows = [row for row in (area, instance, template) if row is not None]
    return len(rows) == 3 and any(row.get("comment") != comment for row in rows)


def _adopt(result, rows, interfaces):
    template, found_area, found_instance = rows
    result.update(instance=found_instance["name"], area=found_area["name"])
    result["adopted"] = {
        "instance": {"name": found_instance["name"], "comment": str(found_instance.get("comment") or "")},
        "area": {"name": found_area["name"], "comment": str(found_area.get("comment") or "")},
        "template": {
            "area": template["area"],
            "interfaces": template["interfaces"],
            "comment": str(template.get("comment") or ""),
        },
    }
    # With those of OSPFv3, which the role makes beside them.
    instances, areas = (
        [ip.versioned(row["name"], version) for version in (2, 3)] for row in (found_instance, found_area)
    )
    result["restrict"] = {
        "instance": [{"field": "name", "values": instances}],
        "area": [{"field": "name", "values": areas}],
        "template": [
            {"field": "area", "values": areas},
            # As it is, and as the role writes it.
            {"field": "interfaces", "values": sorted({str(template["interfaces"]), ",".join(interfaces)})},
        ],
    }


def _version(info, template):
    """Return the version of OSPF that a template is for, as the router prints it; 2 where it does not say."""
    area = _by_name(info["ospf"]["areas"], template.get("area"))
    instance = _by_name(info["ospf"]["instances"], (area or {}).get("instance"))
    return str((instance or {}).get("version") or "2")


def _equivalent(info, area_id, router_id, interfaces, filter_chain):
    """Return ((template, area, instance) of somebody else's that do what ours would, or None; what is in the way)."""
    templates = [row for row in info["ospf"]["interface_templates"] if not flag(row, "disabled")]
    same = [
        row
        for row in templates
        if set(split_list(row.get("interfaces"))) == set(interfaces) and _version(info, row) != "3"
    ]
    if not same:
        # Also one that matches by other means; router_problems() says so where it is in the way.
        return None, []
    template = same[0]
    area = _by_name(info["ospf"]["areas"], template["area"])
    instance = _by_name(info["ospf"]["instances"], (area or {}).get("instance"))
    if area is None or instance is None or flag(area, "disabled") or flag(instance, "disabled"):
        return None, []
    what = "the interface template {} (area '{}', instance '{}') of somebody else's on {}".format(
        template[".id"], area["name"], instance["name"], ", ".join(interfaces)
    )
    if len(same) > 1:
        return None, [
            "{} would be taken over, but {} match the same interfaces: remove all but one of them".format(
                what, " and ".join(row[".id"] for row in same)
            )
        ]
    problems = [
        f"{what} would be taken over, but {reason}"
        for reason in _differences(info, template, area, instance, area_id, router_id, filter_chain)
    ]
    return (template, area, instance), problems


def _differences(info, template, area, instance, area_id, router_id, filter_chain):
    if template.get("networks") or "passive" in template:
        yield "it is {}: take that away from it".format(
            "passive" if "passive" in template else "limited to networks={}".format(template["networks"])
        )
    if str(area.get("area-id", "0.0.0.0")) != str(area_id):
        yield "its area-id is {}, expected {} (area in routeros_ospf_link): make them equal".format(
            area.get("area-id"), area_id
        )
    if str(area.get("type", "default")) != "default":
        yield "its area is of type {}, expected default".format(area["type"])
    if str(instance.get("version", 2)) != "2":
        yield "its instance is of version {}, expected 2".format(instance["version"])
    if str(instance.get("vrf", "main")) != "main":
        yield "its instance is in vrf {}, expected main".format(instance["vrf"])
    if str(instance.get("router-id")) != str(router_id):
        yield "its instance has router-id={}, expected {}, and another one restarts OSPF: {}".format(
            instance.get("router-id"), router_id, _router_id_advice(instance, router_id)
        )
    chain = instance.get("in-filter-chain")
    if chain and filter_chain and chain != filter_chain:
        yield (
            f"its instance has in-filter-chain={chain} already, which ours would replace: set"
            " routeros_ospf_filter_chain to"
            " '' to keep it"
        )
    areas = [row["name"] for row in info["ospf"]["areas"] if row.get("instance") == instance["name"]]
    others = [
        "{} ({})".format(row[".id"], row.get("interfaces") or row.get("networks") or "every interface")
        for row in info["ospf"]["interface_templates"]
        if row is not template and row["area"] in areas and not flag(row, "disabled")
    ]
    if others and filter_chain:
        yield (
            "its instance serves the templates {} too, whose routes the import filter would shut out: set"
            " routeros_ospf_filter_chain to '' to go without, or give those an instance of their own".format(
                ", ".join(others)
            )
        )


def _router_id_advice(instance, router_id):
    command = "at a time when that does no harm, /routing/ospf/instance/set {} router-id={}".format(
        instance["name"], router_id
    )
    try:
        found = ipaddress.IPv4Address(str(instance.get("router-id")))
    except ValueError:
        # The name of a row of /routing/id, such as RouterOS' default main; the variable takes none.
        return command
    return f"set routeros_ospf_router_id to {found}, or, {command}"


def taken_over(info, adopted, comment):
    """Return what routeros_info would return if the rows had our comment already."""
    if not adopted:
        return info
    after = dict(info, ospf=copy.deepcopy(info["ospf"]))
    for kind, rows in (("instance", "instances"), ("area", "areas")):
        for row in after["ospf"][rows]:
            if row["name"] == adopted[kind]["name"]:
                row["comment"] = comment
    for row in after["ospf"]["interface_templates"]:
        wanted = adopted["template"]
        if (row["area"], row.get("interfaces")) == (wanted["area"], wanted["interfaces"]):
            row["comment"] = comment
    return after


def removal(info, comment):
    """Return what goes from the router, and what is given back.

    :returns: {settings, ipv6_settings, ipv6_rules, adopted, note, restrict, notes}: C(settings) are those of
      /ip/settings, C(ipv6_settings) those of /ipv6/settings, C(ipv6_rules) whether there are some in
      /ipv6/firewall/filter, C(note) how the comment of the rule begins that notes what was there, C(restrict) which
      rows are removed, C(notes) what to tell the user.
    """
    noted = read_note(info, comment)
    adopted = noted["adopted"] if noted else {}
    ours = {"field": "comment", "values": [comment]}
    result = {
        "settings": noted["settings"] if noted else {},
        "ipv6_settings": noted["ipv6_settings"] if noted and has_ospfv3(info, comment) else {},
        "ipv6_rules": any(row.get("comment") == comment for row in info["firewall"]["ipv6_filter"]),
        "adopted": adopted,
        "note": comment + _SEPARATOR,
        "restrict": {kind: [ours] for kind in ("instance", "area", "template")},
        "notes": [],
    }
    for kind in ("instance", "area"):
        if adopted:
            result["restrict"][kind] = [ours, {"field": "name", "values": [adopted[kind]["name"]], "invert": True}]
    if adopted:
        result["restrict"]["template"] = [
            ours,
            {"field": "area", "values": [adopted["template"]["area"]], "invert": True},
        ]
        result["notes"].append(
            "the instance '{}', the area '{}' and the interface template on {} were made by somebody else: they stay,"
            " with their old comments, without the import filter, and with the timers and the authentication that the"
            " role has given them".format(
                adopted["instance"]["name"], adopted["area"]["name"], adopted["template"]["interfaces"]
            )
        )
    if noted is None and _owned(info, comment):
        current = info["ip_settings"]
        result["notes"].append(
            "/ip/settings stays as it is (send-redirects={}, ipv4-multipath-hash-policy={}): nobody has noted what it"
            " was before the role. RouterOS starts with send-redirects=yes ipv4-multipath-hash-policy=l3".format(
                "yes" if flag(current, "send-redirects") else "no", current.get("ipv4-multipath-hash-policy")
            )
        )
    return result


def _by_name(rows, name):
    return next((row for row in rows if row["name"] == name), None)
