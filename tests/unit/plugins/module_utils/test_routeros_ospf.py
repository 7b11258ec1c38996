# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.link import normalise_link
from ansible_collections.homelab.anycast.plugins.module_utils.routeros_ospf import (
    interface_template,
    router_problems,
    routeros_duration,
)


@pytest.mark.parametrize(
    "seconds, text", [(4, "4s"), (60, "1m"), (90, "1m30s"), (3723, "1h2m3s"), (65535, "18h12m15s"), (604800, "1w")]
)
def test_duration(seconds, text):
    assert routeros_duration(seconds) == text


def row(**link):
    return interface_template(normalise_link(link), "anycast", ["bridge-lan", "ether2"], 128, 1, "ours")


def test_template_with_a_digest():
    assert row(key="k3y", dead_interval=60) == {
        "area": "anycast",
        "interfaces": "bridge-lan,ether2",
        "type": "broadcast",
        "cost": 1,
        "priority": 128,
        "hello-interval": "3s",
        "dead-interval": "1m",
        "retransmit-interval": "2s",
        "use-bfd": False,
        "disabled": False,
        "comment": "ours",
        "auth": "sha256",
        "auth-id": 1,
        "auth-key": "k3y",
    }


def test_template_leaves_out_what_is_unset():
    assert {"auth", "auth-id", "auth-key"} & set(row(authentication="none")) == set()
    assert "auth-id" not in row(authentication="simple", key="k")


def info(instances=(), areas=(), templates=()):
    return {"ospf": {"instances": list(instances), "areas": list(areas), "interface_templates": list(templates)}}


def problems(found, router_id="172.18.0.1", others=None):
    return router_problems(found, router_id, "anycast", "anycast", ["bridge-lan"], "ours", others)


FOREIGN_TEMPLATE = {".id": "*3", "area": "backbone", "interfaces": "ether1,bridge-lan"}


@pytest.mark.parametrize(
    "found",
    [
        info(),
        info([{"name": "anycast", "comment": "ours"}], [{"name": "anycast", "comment": "ours"}]),
        info([{"name": "default", "comment": "defconf"}], [{"name": "backbone"}]),
        info(templates=[{**FOREIGN_TEMPLATE, "comment": "ours"}]),
        info(templates=[{**FOREIGN_TEMPLATE, "disabled": True}]),
        info(templates=[{**FOREIGN_TEMPLATE, "interfaces": "ether1"}]),
        info(templates=[{".id": "*4", "area": "backbone", "networks": "10.0.0.0/8"}]),
    ],
)
def test_nothing_speaks_against_it(found):
    assert problems(found) == []


@pytest.mark.parametrize(
    "found, words",
    [
        (info([{"name": "anycast"}]), ["instance 'anycast' of somebody else's", "routeros_ospf_instance"]),
        (info(areas=[{"name": "anycast", "comment": "his"}]), ["area 'anycast'", "'his'", "routeros_ospf_area"]),
        (info(templates=[FOREIGN_TEMPLATE]), ["interface bridge-lan is matched already", "*3", "area backbone"]),
        (info(templates=[{**FOREIGN_TEMPLATE, "interfaces": "all"}]), ["interface all is matched already"]),
    ],
)
def test_foreign_rows_in_the_way(found, words):
    sentences = problems(found)
    assert len(sentences) == 1
    assert [word for word in words if word not in sentences[0]] == []


def test_router_id():
    assert "router id of sip1 too" in problems(info(), others={"sip1": "172.18.0.1"})[0]
