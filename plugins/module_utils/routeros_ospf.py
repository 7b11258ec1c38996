# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role routeros_ospf writes to the router, and what speaks against writing it."""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.anycast.plugins.module_utils.services import router_id_problems


def routeros_duration(seconds=0, milliseconds=0):
    """Return whole numbers as RouterOS prints them: 4 -> 4s, 60 -> 1m, 3723 -> 1h2m3s, 1500 ms -> 1s500ms.

    Parts of zero are left out.
    """
    rest = seconds * 1000 + milliseconds
    text = ""
    for size, unit in (
        (604800000, "w"),
        (86400000, "d"),
        (3600000, "h"),
        (60000, "m"),
        (1000, "s"),
        (1, "ms"),
    ):
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def interface_template(link, area, interfaces, priority, cost, comment):
    """Return the row of /routing/ospf/interface-template for a normalised link.

    Keys which are unset are left out: a value of None would reach the router as the text "None" on add
    (community.routeros 3.x).
    """
    row = {
        "area": area,
        "interfaces": ",".join(interfaces),
        "type": link["network_type"],
        "cost": cost,
        "priority": priority,
        "hello-interval": routeros_duration(link["hello_interval"]),
        "dead-interval": routeros_duration(link["dead_interval"]),
        "retransmit-interval": routeros_duration(link["retransmit_interval"]),
        # Said also where it is the default: api_modify would set it on the second run where the row does not hold it.
        "use-bfd": link["bfd"],
        "disabled": False,
        "comment": comment,
    }
    if link["authentication"] != "none":
        row.update({"auth": link["authentication"], "auth-key": link["key"]})
        if link["key_id"] is not None:
            row["auth-id"] = link["key_id"]
    return row


def bfd_configuration(link, interfaces, comment):
    """Return the rows of /routing/bfd/configuration for a normalised link: one, or none without BFD.

    "Anything not explicitly listed is forbidden by default" (manual, BFD): use-bfd of the template alone does nothing.
    """
    if not link["bfd"]:
        return []
    interval = routeros_duration(milliseconds=link["bfd_interval"])
    return [
        {
            "interfaces": ",".join(interfaces),
            "min-tx": interval,
            "min-rx": interval,
            "multiplier": link["bfd_multiplier"],
            "disabled": False,
            "comment": comment,
        }
    ]


def router_problems(info, router_id, instance, area, interfaces, comment, other_router_ids=None, bfd=False):
    """Return what speaks against configuring the router, one sentence each; an empty list if nothing does.

    :param info: result of the module routeros_info.
    :param instance: name of the OSPF instance to write; C(area) likewise.
    :param interfaces: names of the interfaces that are to speak OSPF.
    :param comment: the comment by which the role owns its rows.
    :param bfd: whether the link has BFD.
    """
    problems = router_id_problems("routeros_ospf_router_id", router_id, other_router_ids or {}, [])
    for kind, variable, name in (
        ("instances", "routeros_ospf_instance", instance),
        ("areas", "routeros_ospf_area", area),
    ):
        problems.extend(
            "the router has {} '{}' of somebody else's (comment '{}', expected '{}'): set {} to another name, or give"
            " that row our comment to hand it over".format(kind[:-1], name, row.get("comment") or "", comment, variable)
            for row in info["ospf"][kind]
            if row["name"] == name and row.get("comment") != comment
        )
    for row in info["ospf"]["interface_templates"]:
        taken = _interfaces(row) & {"all", *interfaces}
        # RouterOS does not say which of two templates wins; release 7.23.3 speaks of a "duplicate config".
        if taken and row.get("comment") != comment and not row.get("disabled"):
            problems.append(
                "interface {} is matched already by the interface template {} (area {}, comment '{}'): disable or"
                " remove that row, or give it our comment '{}' to hand it over".format(
                    ", ".join(sorted(taken)), row[".id"], row["area"], row.get("comment") or "", comment
                )
            )
    if bfd:
        problems.extend(_bfd_problems(info, interfaces, comment))
    return problems


def _bfd_problems(info, interfaces, comment):
    """Say which rows of somebody else's decide about BFD on our interfaces: the first row that matches does."""
    subnets = [
        ipaddress.IPv4Interface(str(row["address"])).network
        for row in info["addresses"]
        if row["interface"] in interfaces and not row["disabled"]
    ]
    problems = []
    for row in info["bfd"]["configurations"]:
        if row.get("comment") == comment:
            break
        names = _interfaces(row)
        if row.get("disabled") or (names and not names & {"all", "static", *interfaces}) or not _covers(row, subnets):
            continue
        problems.append(
            "the row {} of /routing/bfd/configuration (comment '{}') decides about BFD on {}, as it stands before ours,"
            " and {}: disable or remove it, or limit it to other interfaces or addresses".format(
                row[".id"],
                row.get("comment") or "",
                ", ".join(interfaces),
                "forbids it" if row.get("forbid-bfd") in (True, "true", "yes") else "may have other timers",
            )
        )
    return problems


def _covers(row, subnets):
    """Return whether a row of /routing/bfd/configuration may match a neighbour in one of the subnets.

    What an address list holds is not known here; a row with one is left to the check of the sessions.
    """
    if row.get("address-list") or row.get("vrf") not in (None, "", "main"):
        return False
    prefixes = []
    for text in str(row.get("addresses") or "").split(","):
        try:
            prefixes.append(ipaddress.IPv4Network(text.strip(), strict=False))
        except ValueError:
            # IPv6, or nothing at all.
            continue
    if not row.get("addresses"):
        return True
    return any(prefix.overlaps(subnet) for prefix in prefixes for subnet in subnets)


def _interfaces(row):
    return {name.strip() for name in str(row.get("interfaces") or "").split(",") if name.strip()}
