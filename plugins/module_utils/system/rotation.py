# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change from one OSPF key to another, without loss of an adjacency.

The nodes can accept two keys at a time, the router has one. So the nodes accept the new key first; then the router
moves to it; and each node begins to send with it when it hears a packet of the router that is signed with it. Until
then the router takes no packet of the node, for which it waits a dead interval.
"""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import (
    KINDS_WITH_KEY_ID,
    LinkError,
    normalise_link,
    ospfv3_problems,
)

# Seconds that a slow node gets from a packet of the router to a BIRD that sends with the new key.
REACTION = 2


def links(link, key, key_id):
    """Return the links of the steps: what the nodes have first, what they have with the router moved, and the last one.

    :param link: the link as it is, with the old key.
    """
    old = _one_key(link)
    new = normalise_link({**old.as_dict(), "key": key, "key_id": key_id})
    return {
        "accepting": normalise_link({**old.as_dict(), "accept_key": new.key, "accept_key_id": new.key_id}),
        "following": normalise_link({**new.as_dict(), "accept_key": old.key, "accept_key_id": old.key_id}),
        "new": new,
    }


def needed_dead_interval(link):
    """Return the dead interval, in seconds, within which the router hears a node again after it has moved.

    A hello interval since the node's last hello that the router took, one until the router's next hello tells the node,
    and one until the node's next hello. However many nodes there are, each follows by itself.
    """
    return 3 * link.hello_interval + REACTION


def problems(link, key, key_id, routers, prefixes=()):
    """Return what speaks against the change, each with the variable to change; never a key.

    :param prefixes: what is announced over the link; with an IPv6 prefix OSPFv3 gets the new key as well.
    """
    try:
        old = _one_key(link)
    except LinkError as error:
        return [f"the link of the inventory cannot work: {error}"]
    kind = old.authentication
    if kind not in KINDS_WITH_KEY_ID:
        return [
            "authentication is '{}', expected one of {}: other packets do not say which key they carry, so a node"
            " cannot accept two, and a change loses the adjacencies. Change it with site, where an interruption does"
            " no harm".format(kind, ", ".join(KINDS_WITH_KEY_ID))
        ]
    found = []
    if key in (None, ""):
        found.append(
            "anycast_new_key is empty, expected the new key, from a vault or the environment (ANYCAST_NEW_KEY)"
        )
    elif str(key) == old.key:
        found.append("anycast_new_key is the key which the inventory has already, expected another one")
    if key_id in (None, ""):
        found.append("anycast_new_key_id is empty, expected 1 to 255 and not {}, the old one".format(old.key_id))
    elif str(key_id) == str(old.key_id):
        found.append(
            f"anycast_new_key_id is {key_id}, which is the key_id of the inventory, expected another one: it says"
            " which key a packet carries"
        )
    if not found:
        try:
            wrong = ospfv3_problems(links(link, key, key_id)["new"], prefixes)
        except LinkError as error:
            wrong = [str(error)]
        found += [f"anycast_new_key or anycast_new_key_id cannot work: {reason}" for reason in wrong]
    needed = needed_dead_interval(old)
    if old.dead_interval < needed:
        found.append(
            "dead_interval is {} s, expected {} s at least with hello_interval {} s: the router must not give a node up"
            " before both have the new key. Change the link's dead_interval, run site, and try again".format(
                old.dead_interval, needed, old.hello_interval
            )
        )
    if len(routers) != 1:
        found.append(
            f"the group anycast_routers has {len(routers)} routers, expected one: a node sends with one key, and"
            " several routers"
            " cannot move to another at the same instant"
        )
    return found


def router_problems(info, comment, link, key_id):
    """Return what of the router's interface template speaks against the change.

    :param info: result of routeros_info.
    :param comment: comment of the collection's rows.
    """
    template = _template(info, comment)
    if template is None:
        return [f"the router has no interface template with the comment '{comment}': run site first"]
    found = (template.get("auth"), str(template.get("auth-id")))
    expected = link.authentication
    if found[0] != expected or found[1] not in (str(link.key_id), str(key_id)):
        return [
            "the router's interface template has auth={} with auth-id={}, expected {} with {}, the inventory's key_id,"
            " or {}, that of anycast_new_key_id: run site first".format(*found, expected, link.key_id, key_id)
        ]
    return []


def moved(info, comment, key_id):
    """Return whether the router has the new key already, as where an earlier run was interrupted."""
    template = _template(info, comment)
    return template is not None and str(template.get("auth-id")) == str(key_id)


def _one_key(link):
    second = {"accept_key": None, "accept_key_id": None}
    return normalise_link({**link, **second} if isinstance(link, dict) else link)


def _template(info, comment):
    rows = info["ospf"]["interface_templates"]
    return next((row for row in rows if row.get("comment") == comment), None)
