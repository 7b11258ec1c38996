# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The change from one OSPF key to another, without loss of an adjacency.

The nodes can accept two keys at a time, the router has one. So the nodes accept the new key first; then the router
moves to it; and each node begins to send with it when it hears a packet of the router that is signed with it. Until
then the router takes no packet of the node, for which it waits a dead interval.

Several routers move at the same time, and each node follows the first one. Until the last router has moved, it refuses
the hellos of the other routers, and of the nodes that have followed. Private to this collection.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..model.link import KINDS_WITH_KEY_ID, LinkError, normalise_link, ospfv3_problems
from ..model.services import announced
from .request import Inventory, Row

REACTION = 1  # Seconds that a node gets from a packet of the router to a BIRD that sends with the new key


def rotation_request(values: Row, inventory: Inventory) -> tuple[Row, list[str]]:
    """Return (the new key_id, what is wrong with the change, each with the variable to change); never a key."""
    variables = inventory.hostvars
    links = [variables[name].get("routeros_ospf_link") for name in inventory.routers]
    links += [variables[name].get("bird_anycast_link") for name in inventory.nodes]
    services = [variables[name].get("bird_anycast_services") for name in inventory.nodes]
    prefixes = [prefix for listed in services for prefix in announced(listed)]
    key, key_id = values["new_key"], values["new_key_id"]
    problems = [problem for link in links for problem in rotation_problems(link, key, key_id, prefixes)]
    if any(link != links[0] for link in links):
        problems.append("the routers and nodes of the inventory have different links, expected one: run preflight")
    return {"new_key_id": key_id}, list(dict.fromkeys(problems))


def forks_problems(routers: Collection[str], forks: int) -> list[str]:
    """Return why Ansible would not change the key of all routers at the same time."""
    if len(routers) <= forks:
        return []
    return [
        f"forks is {forks}, expected {len(routers)} at least, one for each router of anycast_routers: the routers must"
        f" change the key at the same time. Run rotate_key with --forks {len(routers)}"
    ]


def rotation_problems(link: Any, key: Any, key_id: Any, prefixes: Collection[str] = ()) -> list[str]:
    """Return what keeps a link from another key; with an IPv6 prefix over it OSPFv3 gets the new key as well."""
    second = {"accept_key": None, "accept_key_id": None}  # A second key is that of a run which was interrupted
    try:
        old = normalise_link({**link, **second} if isinstance(link, dict) else link)
    except LinkError as error:
        return [f"the link of the inventory cannot work: {error}"]
    kind = old.authentication
    if kind not in KINDS_WITH_KEY_ID:
        return [
            f"authentication is '{kind}', expected one of {', '.join(KINDS_WITH_KEY_ID)}: other packets do not say"
            " which key they carry, so a node cannot accept two, and a change loses the adjacencies. Change it with"
            " site, where an interruption does no harm"
        ]
    found = []
    if key in (None, ""):
        source = "from a vault or the environment (ANYCAST_NEW_KEY)"
        found.append(f"anycast_new_key is empty, expected the new key, {source}")
    elif str(key) == old.key:
        found.append("anycast_new_key is the key that the inventory has already, expected a different one")
    if key_id in (None, ""):
        found.append(f"anycast_new_key_id is empty, expected 1 to 255 and not {old.key_id}, the old one")
    elif str(key_id) == str(old.key_id):
        found.append(
            f"anycast_new_key_id is {key_id}, which is the key_id of the inventory, expected a different one: it says"
            " which key a packet carries"
        )
    if not found:
        try:
            wrong = ospfv3_problems(normalise_link({**old.as_dict(), "key": key, "key_id": key_id}), prefixes)
        except LinkError as error:
            wrong = [str(error)]
        found += [f"anycast_new_key or anycast_new_key_id cannot work: {reason}" for reason in wrong]
    # A hello interval since the node's last hello that the router took, one until the router's next hello tells the
    # node, and one until the node's next hello. However many nodes there are, each follows by itself.
    # Of several routers, one that moves later takes no hello of the others meanwhile, and may lose one more hello on
    # either side of that time. What is left of the dead interval, hello_interval and REACTION, is 2 s at least for the
    # time from the first write to the last. tests/integration/test_two_routers.py measured 0.1 s (FRR, emulator).
    needed = 3 * old.hello_interval + REACTION
    if old.dead_interval < needed:
        found.append(
            f"dead_interval is {old.dead_interval} s, expected {needed} s at least with hello_interval"
            f" {old.hello_interval} s: the router must not give a node up before both have the new key. Change the"
            " link's dead_interval, run site, and try again"
        )
    return found
