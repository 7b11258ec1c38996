# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.services import (
    ServicesError,
    missing_addresses,
    node_problems,
    normalise_services,
    router_id_problems,
)

SIP = {"name": "sip", "addresses": ["172.18.0.64"]}
FACTS = {
    "os_family": "Debian",
    "distribution": "Debian",
    "interfaces": ["lo", "enp0s11", "br-lan"],
    "lo": {"ipv4": {"address": "127.0.0.1", "netmask": "255.0.0.0", "prefix": "8"}},
    "enp0s11": {
        "ipv4": {"address": "172.18.0.11", "netmask": "255.255.255.192", "prefix": "26"},
        "ipv4_secondaries": [{"address": "192.0.2.1", "netmask": "255.255.255.0", "prefix": "24"}],
    },
    "br_lan": {"ipv4": {"address": "198.51.100.1", "netmask": "255.255.255.0"}},
}
WITH_DUMMY = {
    **FACTS,
    "interfaces": [*FACTS["interfaces"], "dummy0"],
    "dummy0": {"ipv4": {"address": "172.18.0.64", "netmask": "255.255.255.255", "prefix": "32"}},
}


def test_defaults():
    assert normalise_services([SIP]) == [{"name": "sip", "addresses": ["172.18.0.64/32"], "interface": "dummy0"}]


@pytest.mark.parametrize(
    "services, words",
    [
        ("sip", ["not a list of dictionaries"]),
        (["sip"], ["not a list of dictionaries"]),
        ([{"addresses": ["172.18.0.64"]}], ["service number 1", "name is ''"]),
        ([{"name": "../etc", "addresses": ["172.18.0.64"]}], ["name is '../etc'"]),
        ([{"name": "sip"}], ["service 'sip'", "addresses is not a list"]),
        ([{"name": "sip", "addresses": []}], ["addresses is not a list"]),
        ([{"name": "sip", "addresses": ["172.18.0.0/26"]}], ["'172.18.0.0/26' is not a host address"]),
        ([{"name": "sip", "addresses": ["172.18.0.64/26"]}], ["is not a host address, expected 172.18.0.64/32"]),
        ([{"name": "sip", "addresses": ["sip.example.org"]}], ["'sip.example.org' is not an IPv4 address"]),
        ([{"name": "sip", "addresses": ["224.0.0.5"]}], ["cannot be announced"]),
        ([{"name": "sip", "addresses": ["127.0.0.1"]}], ["cannot be announced"]),
        ([SIP, SIP], ["the name is used twice", "belongs to service 'sip' already"]),
        ([{**SIP, "interface": "a-name-too-long-for-linux"}], ["at most 15 characters"]),
        ([{**SIP, "adresses": []}], ["unknown key 'adresses', did you mean 'addresses'?"]),
    ],
)
def test_refused(services, words):
    with pytest.raises(ServicesError) as error:
        normalise_services(services)
    assert [word for word in words if word not in str(error.value)] == []


def problems(facts=None, addresses=("172.18.0.64",), router_id="172.18.0.11", interfaces=("enp0s11",), others=None):
    services = normalise_services([{"name": "sip", "addresses": list(addresses)}])
    return node_problems(services, router_id, list(interfaces), facts or FACTS, others)


def test_nothing_speaks_against_it():
    assert problems() == []


def test_its_own_interface_does_not_count():
    assert problems(WITH_DUMMY) == []


@pytest.mark.parametrize(
    "given, words",
    [
        ({"addresses": ["172.18.0.62"]}, ["172.18.0.62 lies inside 172.18.0.0/26 on interface enp0s11"]),
        ({"addresses": ["192.0.2.9"]}, ["inside 192.0.2.0/24"]),
        ({"addresses": ["198.51.100.2"]}, ["inside 198.51.100.0/24 on interface br-lan"]),
        ({"router_id": ""}, ["bird_anycast_router_id is missing"]),
        ({"router_id": "sip1"}, ["bird_anycast_router_id is 'sip1'"]),
        ({"router_id": "0.0.0.0"}, ["OSPF reserves"]),
        ({"router_id": "172.18.0.64"}, ["172.18.0.64 is an anycast address"]),
        ({"others": {"sip2": "172.18.0.11", "sip3": "172.18.0.13"}}, ["172.18.0.11 is the router id of sip2 too"]),
        ({"others": {"hap-lite": "172.18.0.64"}}, ["the router id of hap-lite, 172.18.0.64, is an anycast address"]),
        ({"interfaces": ["enp0s12"]}, ["bird_anycast_interfaces names enp0s12", "br-lan, enp0s11"]),
        ({"interfaces": ["dummy0"], "facts": WITH_DUMMY}, ["dummy0 carries a service"]),
        ({"facts": {"os_family": "RedHat", "distribution": "Fedora"}}, ["the node runs Fedora, expected Debian"]),
    ],
)
def test_what_speaks_against_it(given, words):
    found = problems(**given)
    assert len(found) == 1
    assert [word for word in words if word not in found[0]] == []


def test_the_router_is_asked_by_its_own_variable():
    assert "routeros_ospf_router_id is missing" in router_id_problems("routeros_ospf_router_id", None, {}, [])[0]


@pytest.mark.parametrize("facts, expected", [(FACTS, ["dummy0"]), (WITH_DUMMY, [])])
def test_missing_addresses(facts, expected):
    assert missing_addresses(normalise_services([SIP]), facts) == expected
