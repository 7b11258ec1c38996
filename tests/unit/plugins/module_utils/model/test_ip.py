# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with IPv6 addresses: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird import control
from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import normalise_link, ospfv3_problems
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import (
    ServicesError,
    host_prefix,
    normalise_services,
)
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from ansible_collections.homelab.anycast.plugins.module_utils.node.problems import node_problems
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import next_hops

BOTH = ["172.18.0.64", "2001:db8:64::64"]
FACTS = {
    "distributions": ["debian"],
    "interfaces": {
        "lo": {"addresses": []},
        "enp0s11": {"addresses": ["172.18.0.11/26", "2001:db8::11/64", "fe80::1/64"]},
        "dummy0": {"addresses": ["172.18.0.64/32", "2001:db8:64::64/128"]},
    },
}


def test_dual_stack_service():
    (service,) = normalise_services([{"name": "sip", "addresses": ["172.18.0.64", "2001:DB8:64:0::64/128"]}])
    assert service.addresses == ["172.18.0.64/32", "2001:db8:64::64/128"]
    assert ip.of_version(service.addresses, 6) == ["2001:db8:64::64/128"]
    assert ip.of_version(service.addresses, 4) == ["172.18.0.64/32"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("fe80::64", "cannot be announced"),
        ("2001:db8::64%eth0", "cannot be announced"),
        ("ff02::5", "cannot be announced"),
        ("::1", "cannot be announced"),
        ("::", "cannot be announced"),
        ("::ffff:172.18.0.64", "mapped to IPv6, expected 172.18.0.64"),
        ("2001:db8::/64", "expected 2001:db8::/128"),
        ("2001:db8::g", "not an IPv4 or IPv6 address"),
    ],
)
def test_address_refused(address, words):
    with pytest.raises(ValueError, match=words):
        host_prefix(address)


def test_two_services_with_ipv6_need_two_interfaces():
    services = [{"name": "sip", "addresses": ["2001:db8::1"]}, {"name": "dns", "addresses": ["2001:db8::2"]}]
    with pytest.raises(
        ServicesError, match="'sip' and 'dns' have IPv6 addresses on interface dummy0.*interface: dummy1"
    ):
        normalise_services(services)
    services[1]["interface"] = "dummy1"
    assert len(normalise_services(services)) == 2


def test_ipv4_services_may_share_the_interface_with_it():
    assert normalise_services([{"name": "sip", "addresses": BOTH}, {"name": "dns", "addresses": ["172.18.0.65"]}])


@pytest.mark.parametrize("kind", ["simple", "md5"])
def test_authentication_that_ospfv3_lacks(kind):
    link = normalise_link({"authentication": kind, "key": "secret"})
    assert ospfv3_problems(link, ["172.18.0.64/32"]) == []
    (problem,) = ospfv3_problems(link, BOTH)
    assert f"authentication is '{kind}'" in problem
    assert "expected one of: none, sha1, sha256, sha384, sha512" in problem
    assert "secret" not in problem


@pytest.mark.parametrize(("kind", "room"), [("sha1", 18), ("sha256", 30), ("sha384", 46), ("sha512", 62)])
def test_key_leaves_room_for_the_protocol_id(kind, room):
    fits, long = (normalise_link({"authentication": kind, "key": "k" * octets}) for octets in (room, room + 1))
    assert ospfv3_problems(fits, BOTH) == []
    (problem,) = ospfv3_problems(long, BOTH)
    assert f"key has {room + 1} octets" in problem
    assert f"at most {room} (RFC 7166 4.5)" in problem
    assert ospfv3_problems(long, ["172.18.0.64/32"]) == []


def test_ipv6_address_inside_a_connected_subnet():
    services = normalise_services([{"name": "sip", "addresses": ["2001:db8::64"]}])
    (problem,) = node_problems(services, "172.18.0.11", ["enp0s11"], FACTS, {})
    assert "2001:db8::64 lies inside 2001:db8::/64 on interface enp0s11" in problem
    outside = normalise_services([{"name": "sip", "addresses": BOTH}])
    assert node_problems(outside, "172.18.0.11", ["enp0s11"], FACTS, {}) == []


LINK_LOCAL = "fe80::11"
NEIGHBORS = [
    {"address": "172.18.0.11", "router-id": "192.0.2.11", "instance": "anycast"},
    {"address": f"{LINK_LOCAL}%bridge-lan", "router-id": "192.0.2.11", "instance": "anycast-v3"},
]
ROUTE = {"dst-address": "2001:db8:64::64/128", "gateway": f"{LINK_LOCAL}%bridge-lan", "ospf": True, "active": True}


def test_next_hop_names_the_node_by_its_ipv4_address():
    hops = next_hops.parse_routes([ROUTE], "2001:db8:64::64/128")
    (hop,) = next_hops.name_nodes(hops, NEIGHBORS)
    assert (hop.gateway, hop.link_local, hop.interface) == ("172.18.0.11", LINK_LOCAL, "bridge-lan")


def test_next_hop_of_an_unknown_node_keeps_its_address():
    hops = next_hops.parse_routes([ROUTE], "2001:db8:64::64/128")
    elsewhere = [NEIGHBORS[0], {**NEIGHBORS[1], "address": f"{LINK_LOCAL}%ether1"}]
    (hop,) = next_hops.name_nodes(hops, elsewhere)
    assert hop.gateway == LINK_LOCAL


def test_routes_of_each_family_have_a_menu():
    assert next_hops.route_menu("2001:db8::64/128") == "/ipv6/route"
    assert next_hops.route_menu("172.18.0.64/32") == "/ip/route"


def test_ospfv3_beside_ospfv2_needs_no_choice():
    ospf = [control.Protocol(name, "OSPF", "up") for name in ("anycast", "anycast_v3")]
    assert control.choose_protocol(ospf, None).name == "anycast"
    assert control.choose_protocol(ospf, "anycast_v3").name == "anycast_v3"
    with pytest.raises(control.BirdError, match="more than one"):
        control.choose_protocol([control.Protocol("other", "OSPF", "up"), ospf[0]], None)


def test_files_of_a_dual_stack_service():
    (service,) = normalise_services([{"name": "sip", "addresses": BOTH}])
    files = announcer.service_files(service, 1)
    assert 'interface "dummy0" 172.18.0.64/32 { stub; };' in files["/etc/homelab-anycast/sip.conf"]
    assert "2001" not in files["/etc/homelab-anycast/sip.conf"]
    assert 'interface "dummy0" { stub; };' in files["/etc/homelab-anycast/sip.v3"]


def test_files_without_ipv6_are_as_they_were():
    (service,) = normalise_services([{"name": "sip", "addresses": ["172.18.0.64"]}])
    files = announcer.service_files(service, 1)
    assert [path for path in files if path.endswith(".v3")] == []
    # A link whose file goes away would have BIRD refuse its configuration.
    gone = ["/etc/homelab-anycast/sip.v3", "/etc/homelab-anycast/old.conf"]
    assert announcer.links_without_file(gone) == ["/etc/bird/anycast.d/sip.v3"]
