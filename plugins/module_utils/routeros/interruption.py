# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a new link would cost a router the adjacencies that it has.

Two routers stay neighbours only as long as they agree on the area (RFC 2328 8.2), the timers (10.5), the authentication
and its key (D.3). The router gets a new link before the nodes do, so a change of these drops every node until that one
has it as well.
"""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import flag

# Properties of /routing/ospf/interface-template that both ends must agree on, and what RouterOS takes for one that is
# not set, which it then does not print (manual, OSPF, "Interface Templates").
AGREED = {"type": "broadcast", "hello-interval": "10s", "dead-interval": "40s", "auth": "none"}


def problems(info, templates, areas, comment):
    """Return one sentence for each interface template of ours whose change would drop neighbours; never a key.

    :param info: result of the module routeros_info; with its option auth_key_sha256 it knows of another key as well.
    :param templates: rows of /routing/ospf/interface-template that are to be written; C(areas) those of
      /routing/ospf/area.
    :param comment: comment of the collection's rows.
    """
    found = []
    for template in templates:
        changes = _changes(info, template, areas, comment)
        neighbors = [
            str(row.get("address", "")).partition("%")[0]
            for row in info["ospf"]["neighbors"]
            if row.get("area") == template["area"] and str(row.get("state")).lower() == "full"
        ]
        if changes and neighbors:
            found.append(
                "the router has {} in its interface template on {}: with the change it loses its neighbours {}, and"
                " their clients, until each of them has the same. Correct routeros_ospf_link; change a key with"
                " homelab.anycast.rotate_key; or, where an interruption does no harm, set"
                " routeros_ospf_allow_interruption".format(
                    ", ".join(changes), template["interfaces"], ", ".join(neighbors)
                )
            )
    return found


def _changes(info, template, areas, comment):
    """Return what a template of ours has and what it is to be, a phrase for each property."""
    row = _ours(info["ospf"]["interface_templates"], "area", template["area"], comment)
    if row is None:
        return []
    pairs = [(name, row.get(name, default), template.get(name, default)) for name, default in AGREED.items()]
    if "auth-id" in template:
        pairs.append(("auth-id", row.get("auth-id", "none"), template["auth-id"]))
    area = _ours(info["ospf"]["areas"], "name", template["area"], comment)
    if area is not None:
        wanted = next(entry for entry in areas if entry["name"] == template["area"])
        pairs.insert(0, ("area-id", area.get("area-id", "0.0.0.0"), wanted["area-id"]))
    found = [f"{name}={has}, expected {wanted}" for name, has, wanted in pairs if str(has) != str(wanted)]
    # Where the kind of authentication changes, so does the rest.
    if row.get("key_as_given") is False and row.get("auth") == template.get("auth"):
        found.append("another auth-key than the link's (keys are not shown)")
    return found


def _ours(rows, name, value, comment):
    return next(
        (row for row in rows if row.get(name) == value and row.get("comment") == comment and not flag(row, "disabled")),
        None,
    )
