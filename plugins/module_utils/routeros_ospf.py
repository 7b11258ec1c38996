# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role routeros_ospf writes to the router, and what speaks against writing it."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.services import router_id_problems


def routeros_duration(seconds):
    """Return whole seconds as RouterOS prints them: 4 -> 4s, 60 -> 1m, 3723 -> 1h2m3s (parts of zero left out)."""
    text = ""
    for size, unit in ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
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
        # Said, though it is the default: api_modify would set it on the second run where the row does not hold it.
        "use-bfd": False,
        "disabled": False,
        "comment": comment,
    }
    if link["authentication"] != "none":
        row.update({"auth": link["authentication"], "auth-key": link["key"]})
        if link["key_id"] is not None:
            row["auth-id"] = link["key_id"]
    return row


def router_problems(info, router_id, instance, area, interfaces, comment, other_router_ids=None):
    """Return what speaks against configuring the router, one sentence each; an empty list if nothing does.

    :param info: result of the module routeros_info.
    :param instance: name of the OSPF instance to write; C(area) likewise.
    :param interfaces: names of the interfaces that are to speak OSPF.
    :param comment: the comment by which the role owns its rows.
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
    return problems


def _interfaces(row):
    return {name.strip() for name in str(row.get("interfaces") or "").split(",") if name.strip()}
