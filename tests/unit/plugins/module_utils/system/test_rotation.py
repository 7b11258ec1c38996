# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.system import rotation

LINK = {"key": "old-secret", "hello_interval": 3, "dead_interval": 12}
NEW = ("new-secret", 2)


def keys(link):
    return [getattr(link, name) for name in ("key", "key_id", "accept_key", "accept_key_id")]


def test_the_links_of_the_steps():
    steps = rotation.links(LINK, *NEW)
    assert keys(steps["accepting"]) == ["old-secret", 1, "new-secret", 2]
    assert keys(steps["following"]) == ["new-secret", 2, "old-secret", 1]
    assert keys(steps["new"]) == ["new-secret", 2, None, None]
    assert all(step.dead_interval == 12 for step in steps.values())


def test_a_key_that_was_accepted_already_is_taken_over():
    prepared = {**LINK, "accept_key": "new-secret", "accept_key_id": 2}
    assert rotation.links(prepared, *NEW) == rotation.links(LINK, *NEW)
    assert rotation.problems(prepared, *NEW, ["r"]) == []


@pytest.mark.parametrize(
    "link, new, routers, words",
    [
        ({"dead_interval": 3}, NEW, ["r"], ["the link of the inventory cannot work", "more than hello_interval"]),
        ({"authentication": "simple", "key": "old"}, NEW, ["r"], ["'simple'", "expected one of md5, sha1"]),
        ({"authentication": "none", "key": None}, NEW, ["r"], ["authentication is 'none'", "with site"]),
        ({}, ("", 2), ["r"], ["anycast_new_key is empty", "ANYCAST_NEW_KEY"]),
        ({}, ("old-secret", 2), ["r"], ["anycast_new_key is the key which the inventory has already"]),
        ({}, ("new-secret", ""), ["r"], ["anycast_new_key_id is empty", "1 to 255 and not 1"]),
        ({}, ("new-secret", "1"), ["r"], ["anycast_new_key_id is 1", "expected another one"]),
        ({}, ("new-secret", 256), ["r"], ["key_id is '256', expected 1 to 255"]),
        ({"authentication": "md5"}, ("new-secret-of-17-b", 2), ["r"], ["18 octets", "at most 16"]),
        ({"dead_interval": 10}, NEW, ["r"], ["dead_interval is 10 s, expected 11 s at least with hello_interval 3 s"]),
        ({}, NEW, ["r", "s"], ["anycast_routers has 2 routers, expected one"]),
        ({}, NEW, [], ["anycast_routers has 0 routers"]),
    ],
)
def test_refused(link, new, routers, words):
    key, key_id = new
    (problem,) = rotation.problems({**LINK, **link}, key, key_id, routers)
    assert [word for word in words if word not in problem] == []
    assert "secret" not in problem


def test_ospfv3_has_less_room_for_the_new_key():
    """RFC 7166 4.5."""
    new = ("new-secret".ljust(31, "-"), 2)
    assert rotation.problems(LINK, *new, ["r"], ["172.18.0.64/32"]) == []
    (problem,) = rotation.problems(LINK, *new, ["r"], ["172.18.0.64/32", "2001:db8::64/128"])
    assert "anycast_new_key or anycast_new_key_id cannot work: key has 31 octets" in problem and "at most 30" in problem


def test_the_defaults_leave_enough_time():
    assert rotation.problems({"key": "old-secret"}, *NEW, ["r"]) == []


def info(**template):
    row = {"comment": "homelab.anycast", "auth": "sha256", "auth-id": 1, **template}
    return {"ospf": {"interface_templates": [{"comment": "his", "auth-id": 2}, row]}}


@pytest.mark.parametrize("key_id, moved", [(1, False), (2, True), ("2", True)])
def test_the_router_has_the_old_key_or_the_new_one(key_id, moved):
    found = info(**{"auth-id": key_id})
    link = rotation.links(LINK, *NEW)["accepting"]
    assert rotation.router_problems(found, "homelab.anycast", link, 2) == []
    assert rotation.moved(found, "homelab.anycast", "2") is moved


@pytest.mark.parametrize(
    "found, words",
    [
        (info(**{"auth-id": 3}), ["auth=sha256 with auth-id=3, expected sha256 with 1", "or 2"]),
        (info(auth="md5"), ["auth=md5 with auth-id=1, expected sha256"]),
        (
            {"ospf": {"interface_templates": []}},
            ["no interface template with the comment", "site first"],
        ),
    ],
)
def test_another_router_than_the_inventory_says(found, words):
    link = rotation.links(LINK, *NEW)["accepting"]
    (problem,) = rotation.router_problems(found, "homelab.anycast", link, 2)
    assert [word for word in words if word not in problem] == []
    assert not rotation.moved(found, "homelab.anycast", 2)
