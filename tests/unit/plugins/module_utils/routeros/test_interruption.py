# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import interruption
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import rows as routeros_rows

OURS = "homelab.anycast"
HAS = {
    "area": "anycast",
    "interfaces": "bridge-lan",
    "type": "broadcast",
    "hello-interval": "3s",
    "dead-interval": "12s",
    "auth": "sha256",
    "auth-id": 1,
    "comment": OURS,
}


def said(link=None, template=None, state="Full", versions=(2,), area="0.0.0.0", **row):
    """Return what is said of a link, to a router with one neighbour and the template HAS with these properties."""
    rows = [{**HAS, **{name.replace("_", "-"): value for name, value in (template or {}).items()}, **row}]
    info = {
        "ospf": {
            "areas": [{"name": "anycast", "area-id": area, "comment": OURS}],
            "interface_templates": [{name: value for name, value in rows[0].items() if value is not None}],
            "neighbors": [
                {"area": "anycast", "address": "172.18.0.11%bridge-lan", "state": state},
                {"area": "his", "address": "10.0.0.2", "state": "Full"},
            ],
        }
    }
    normalised = normalise_link({"key": "k3y-of-the-link", **(link or {})})
    return interruption.problems(
        info,
        routeros_rows.interface_templates(normalised, "anycast", ["bridge-lan"], 0, 1, OURS, versions),
        routeros_rows.areas(normalised, "anycast", "anycast", OURS, versions),
        OURS,
    )


def test_what_is_there_already_interrupts_nothing():
    assert said() == []
    assert said(key_as_given=True) == []
    # Its own affair, or what a neighbour takes over.
    assert said({"retransmit_interval": 9, "bfd": True}, cost=50, priority=1) == []


@pytest.mark.parametrize(
    "link, phrase",
    [
        ({"hello_interval": 5, "dead_interval": 20}, "hello-interval=3s, expected 5s, dead-interval=12s, expected 20s"),
        ({"network_type": "ptp"}, "type=broadcast, expected ptp"),
        ({"area": "0.0.0.7"}, "area-id=0.0.0.0, expected 0.0.0.7"),
        ({"key_id": 2}, "auth-id=1, expected 2"),
        ({"authentication": "none", "key": None}, "auth=sha256, expected none"),
    ],
)
def test_what_both_ends_must_agree_on(link, phrase):
    (text,) = said(link)
    assert f"the router has {phrase} in its interface template on bridge-lan" in text
    assert "loses its neighbours 172.18.0.11, and their clients" in text
    assert "homelab.anycast.rotate_key" in text
    assert "routeros_ospf_allow_interruption" in text


def test_another_key_is_said_and_not_shown():
    (text,) = said(key_as_given=False)
    assert "the router has another auth-key than the link's (keys are not shown) in its" in text
    assert "k3y" not in text
    # A key that goes with its authentication is no second reason.
    (text,) = said({"authentication": "md5"}, key_as_given=False)
    assert "auth=sha256, expected md5 in its" in text


@pytest.mark.parametrize("state", ["Init", "TwoWay", "Down"])
def test_without_a_full_neighbour_nothing_is_lost(state):
    assert said({"hello_interval": 5, "dead_interval": 20}, state=state) == []


@pytest.mark.parametrize("row", [{"comment": "his"}, {"disabled": True}])
def test_a_template_that_is_not_ours_or_not_in_force(row):
    assert said({"hello_interval": 5, "dead_interval": 20}, **row) == []


def test_what_routeros_does_not_print_is_its_default():
    template = {"hello_interval": None, "dead_interval": None, "type": None}
    assert said({"hello_interval": 10, "dead_interval": 40}, template) == []
    (text,) = said({}, template)
    assert "hello-interval=10s, expected 3s, dead-interval=40s, expected 12s in" in text
    # Of simple authentication a router may say an id or none: it carries none.
    assert said({"authentication": "simple", "key": "k3y"}, auth="simple", **{"auth-id": 0}) == []


def test_ospfv3_beside_it_is_new_and_has_no_neighbours():
    assert said(versions=(2, 3)) == []
