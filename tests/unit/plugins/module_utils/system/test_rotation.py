# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import rotation
from ansible_collections.homelab.anycast.plugins.module_utils.system.request import Inventory

LINK = {"key": "old-secret", "hello_interval": 3, "dead_interval": 12}
NEW = ("new-secret", 2)


def ask(*links, new=NEW, routers=("r",), prefixes=("172.18.0.64",)):
    """Ask for a new key, where the routers and the nodes have these links."""
    names = [f"sip{number}" for number, _link in enumerate(links)]
    services = [{"name": "sip", "addresses": list(prefixes)}]
    hostvars = {name: {"routeros_ospf_link": links[0]} for name in routers}
    hostvars |= {
        name: {"bird_anycast_link": link, "bird_anycast_services": services}
        for name, link in zip(names, links, strict=True)
    }
    inventory = Inventory(hostvars, {"anycast_routers": list(routers), "anycast_nodes": names})
    return rotation.rotation_request({"new_key": new[0], "new_key_id": new[1]}, inventory)


def test_a_key_can_be_changed():
    assert ask(LINK, LINK) == ({"new_key_id": 2}, [])
    # With the defaults, and again after an interruption.
    assert ask({"key": "old-secret"})[1] == []
    assert ask({**LINK, "accept_key": "new-secret", "accept_key_id": 2})[1] == []


def test_several_routers_change_at_the_same_time():
    assert ask(LINK, LINK, routers=("r", "s"))[1] == []
    assert rotation.forks_problems(["r", "s"], 2) == rotation.forks_problems(["r"], 1) == []
    (problem,) = rotation.forks_problems(["r", "s"], 1)
    assert "forks is 1, expected 2 at least" in problem and "--forks 2" in problem


@pytest.mark.parametrize("hello", [1, 2, 3, 10])
def test_several_routers_have_two_seconds_for_it(hello):
    """A router that changes later drops the hellos of the others, and may lose one more on either side of that time."""
    dead = next(
        dead for dead in range(hello + 1, 99) if not ask({**LINK, "hello_interval": hello, "dead_interval": dead})[1]
    )
    assert dead - 2 * hello >= 2


def test_all_have_the_same_link():
    (problem,) = ask(LINK, {**LINK, "hello_interval": 2})[1]
    assert "have different links, expected one: run preflight" in problem


@pytest.mark.parametrize(
    "link, new, routers, words",
    [
        ({"dead_interval": 3}, NEW, ["r"], ["the link of the inventory cannot work", "more than hello_interval"]),
        ({"authentication": "simple", "key": "old"}, NEW, ["r"], ["'simple'", "expected one of md5, sha1"]),
        ({"authentication": "none", "key": None}, NEW, ["r"], ["authentication is 'none'", "with site"]),
        ({}, ("", 2), ["r"], ["anycast_new_key is empty", "ANYCAST_NEW_KEY"]),
        ({}, ("old-secret", 2), ["r"], ["anycast_new_key is the key that the inventory has already"]),
        ({}, ("new-secret", ""), ["r"], ["anycast_new_key_id is empty", "1 to 255 and not 1"]),
        ({}, ("new-secret", "1"), ["r"], ["anycast_new_key_id is 1", "expected a different one"]),
        ({}, ("new-secret", 256), ["r"], ["key_id is '256', expected 1 to 255"]),
        ({"authentication": "md5"}, ("new-secret-of-17-b", 2), ["r"], ["18 octets", "at most 16"]),
        ({"dead_interval": 9}, NEW, ["r"], ["dead_interval is 9 s, expected 10 s at least with hello_interval 3 s"]),
    ],
)
def test_refused(link, new, routers, words):
    (problem,) = ask({**LINK, **link}, new=new, routers=routers)[1]
    assert [word for word in words if word not in problem] == []
    assert "secret" not in problem


def test_ospfv3_has_less_room_for_the_new_key():
    """RFC 7166 4.5."""
    new = ("new-secret".ljust(31, "-"), 2)
    assert ask(LINK, new=new)[1] == []
    (problem,) = ask(LINK, new=new, prefixes=["172.18.0.64", "2001:db8::64"])[1]
    assert "anycast_new_key or anycast_new_key_id cannot work: key has 31 octets" in problem and "at most 30" in problem
