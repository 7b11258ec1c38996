# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each mismatch between the ends, made on purpose: found, and said with what mends it."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import working_link
from ansible_collections.homelab.anycast.plugins.module_utils.model.services import announced, own_interfaces
from ansible_collections.homelab.anycast.plugins.module_utils.node.source_routing import SourceRouting
from ansible_collections.homelab.anycast.plugins.module_utils.system import preflight
from ansible_collections.homelab.anycast.plugins.module_utils.system.endpoints import NodeEnd, RouterEnd
from ansible_collections.homelab.anycast.plugins.module_utils.system.text import merged

KEY = "k3y-of-the-lab"
# As routeros_info returns it of the emulator.
ROUTER = {
    "version": "7.20.8 (long-term)",
    "architecture": "smips",
    "board": "hAP lite",
    "free_memory": 6291456,
    "interfaces": [
        {"name": "lo", "type": "loopback", "mtu": 65536, "running": True, "disabled": False},
        {"name": "bridge-lan", "type": "bridge", "mtu": 1500, "running": True, "disabled": False},
        {"name": "ether1", "type": "ether", "mtu": 1500, "running": True, "disabled": False},
        {"name": "ether4", "type": "ether", "mtu": 1500, "running": False, "disabled": True},
    ],
    "addresses": [
        {"address": "172.18.0.1/26", "network": "172.18.0.0", "interface": "bridge-lan", "disabled": False},
        {"address": "192.0.2.2/30", "network": "192.0.2.0", "interface": "ether1", "disabled": False},
        {"address": "172.18.0.65/26", "network": "172.18.0.64", "interface": "ether4", "disabled": True},
    ],
    "ip_settings": {"ip-forward": True, "rp-filter": False, "send-redirects": True},
    "firewall": {"filter": [], "ipv6_filter": [], "interface_lists": {"all": []}},
    "routes": [],
    "clock": {"utc": "2026-11-22T18:48:02Z", "skew": 0},
}


def facts(address, interface="enp0s11"):
    """As anycast_node_info returns them."""
    return {
        "distribution": "Debian GNU/Linux",
        "distributions": ["debian"],
        "interfaces": {
            "lo": {"active": True, "mtu": 65536, "addresses": ["127.0.0.1/8", "::1/128"]},
            interface: {"active": True, "mtu": 1500, "addresses": [f"{address}/26"]},
        },
        "default_ipv4": interface,
        "default_ipv6": None,
    }


NODE_INFO = {"nftables": [], "iptables": None, "rp_filter": {"lo": 0, "enp0s11": 2}, "clock": {"skew": 1}}
SERVICES = [{"name": "sip", "addresses": ["172.18.0.64"], "interface": "dummy0"}]


class System:
    """What the ends are given and have: a healthy one, for a test to spoil."""

    def __init__(self):
        self.router: dict = {"info": copy.deepcopy(ROUTER), "link": {"key": KEY}, "interfaces": ["bridge-lan"]}
        self.routers = {"hap-lite": self.router}
        self.nodes: dict = {
            name: {
                "facts": facts(address),
                "info": copy.deepcopy(NODE_INFO),
                "link": {"key": KEY},
                "interfaces": ["enp0s11"],
                "services": copy.deepcopy(SERVICES),
            }
            for name, address in (("sip1", "172.18.0.11"), ("sip2", "172.18.0.12"))
        }
        self.node = self.nodes["sip2"]
        self.info = self.router["info"]
        self.bridge = self.info["interfaces"][1]
        self.port = self.node["facts"]["interfaces"]["enp0s11"]

    def ends(self):
        routers = [RouterEnd(name, **self._end(values)) for name, values in self.routers.items()]
        nodes = [
            NodeEnd(
                name,
                addresses=announced(values.get("services")),
                own_interfaces=frozenset(own_interfaces(values.get("services"))),
                source_routing=self._source_routing(values),
                **self._end(values),
            )
            for name, values in self.nodes.items()
        ]
        return routers, nodes

    def interruptions(self):
        return merged(preflight.preflight_interruptions(*self.ends()))

    def verdict(self):
        ends = self.ends()
        found = {
            "problems": merged(preflight.preflight_findings(*ends)),
            "warnings": merged(preflight.preflight_warnings(*ends)),
        }
        assert KEY not in str(found)
        return found

    @staticmethod
    def _end(values):
        info = {**values.get("info", {}), "facts": values["facts"]} if "facts" in values else values.get("info", {})
        return {
            "info": info,
            "link": working_link(values.get("link")),
            "interfaces": values.get("interfaces", []),
            "problems": values.get("failure", []),
            "doubts": values.get("doubts", []),
            "reached": values.get("reached", True),
            "asked": bool(values),
            **({"planned": values.get("planned", {})} if "facts" in values else {}),
            **({"priority": values["priority"]} if "priority" in values else {}),
        }

    @staticmethod
    def _source_routing(values):
        gateway = values.get("source_gateway")
        return SourceRouting(gateway, 64, values["interfaces"], values["facts"]) if gateway else None

    def second_link(self):
        """Have a second router on a link of its own, to which each node has enp0s12."""
        second = copy.deepcopy(self.router)
        second["info"]["addresses"][0] |= {"address": "172.18.1.1/26", "network": "172.18.1.0"}
        self.routers["hap-ac"] = second
        for number, node in enumerate(self.nodes.values(), 11):
            port = {**node["facts"]["interfaces"]["enp0s11"], "addresses": [f"172.18.1.{number}/26"]}
            node["facts"]["interfaces"]["enp0s12"] = port
            node["info"]["rp_filter"]["enp0s12"] = 2
            node["interfaces"] = ["enp0s11", "enp0s12"]
        return second

    def problem(self):
        """Return the only problem; there is no warning."""
        found = self.verdict()
        assert found["warnings"] == []
        (problem,) = found["problems"]
        return problem

    def warning(self):
        found = self.verdict()
        assert found["problems"] == []
        (warning,) = found["warnings"]
        return warning


@pytest.fixture
def system():
    return System()


def test_a_healthy_system_has_nothing_against_it(system):
    assert system.verdict() == {"problems": [], "warnings": []}


def test_it_stays_healthy_once_it_is_set_up(system):
    for one in system.nodes.values():
        one["facts"]["interfaces"]["dummy0"] = {"active": True, "mtu": 1500, "addresses": ["172.18.0.64/32"]}
    system.info["routes"] = [route("172.18.0.11"), route("172.18.0.12")]
    assert system.verdict() == {"problems": [], "warnings": []}


# What an end says against itself


def test_what_each_end_says_is_in_the_verdict(system):
    system.node["failure"] = ["bird_anycast_router_id 172.18.0.1 is the router id of hap-lite too"]
    assert system.problem() == "sip2: bird_anycast_router_id 172.18.0.1 is the router id of hap-lite too"


def test_a_node_that_is_not_there_is_named(system):
    system.nodes["sip3"] = {"failure": ["Connection timed out"], "reached": False, "services": SERVICES}
    problem = system.problem()
    assert problem.startswith("sip3: cannot be reached (Connection timed out). Start it")
    assert "ansible_host" in problem and "--limit '!NAME'" in problem


def test_a_router_that_is_not_there_is_named(system):
    system.routers["edge"] = {"reached": False}
    assert system.problem().startswith("edge: cannot be reached (no answer). Start it, correct routeros_ospf_api")


# What both must agree on


@pytest.mark.parametrize(
    "key, theirs, says",
    [
        (
            "area",
            "0.0.0.1",
            "area is 0.0.0.0 in routeros_ospf_link of hap-lite and 0.0.0.1 in bird_",
        ),
        ("network_type", "ptp", "network_type is broadcast in routeros_ospf_link of hap-lite and ptp in"),
        (
            "hello_interval",
            2,
            "hello_interval is 1 in routeros_ospf_link of hap-lite and 2 in bird_anyc",
        ),
        ("dead_interval", 20, "dead_interval is 4 in routeros_ospf_link of hap-lite and 20 in"),
        ("authentication", "sha384", "authentication is sha256 in routeros_ospf_link of hap-lite and sha384 in"),
        ("key_id", 2, "key_id is 1 in routeros_ospf_link of hap-lite and 2 in bird_anycast_link of sip2"),
        ("key", "another-one", "key in routeros_ospf_link of hap-lite differs from that in bird_anycast_link of sip2"),
        ("bfd", True, "bfd is False in routeros_ospf_link of hap-lite and True in bird_anycast_link of sip2"),
    ],
)
def test_the_link(system, key, theirs, says):
    system.node["link"][key] = theirs
    problem = system.problem()
    assert problem.startswith(says)
    assert "anycast_link" in problem and "another-one" not in problem


def test_each_of_several_routers_must_be_able_to_take_over(system):
    edge = copy.deepcopy(system.router)
    edge["info"]["addresses"] = [{**edge["info"]["addresses"][0], "address": "172.18.0.2/26"}]
    system.routers["edge"] = edge
    system.router["priority"], edge["priority"] = 128, 0
    assert system.problem() == (
        "edge: routeros_ospf_priority is 0, expected 1 or more: without hap-lite the link would have no designated"
        " router (RFC 2328 9.4), and no node a full neighbour"
    )
    edge["priority"] = 1
    assert system.verdict() == {"problems": [], "warnings": []}
    # On a point-to-point link none is elected.
    edge["priority"] = 0
    for end in (*system.routers.values(), *system.nodes.values()):
        end["link"]["network_type"] = "ptp"
    assert system.verdict()["problems"] == []


def test_nodes_with_the_same_mistake_are_named_together(system):
    system.router["link"]["hello_interval"] = 2
    assert "1 in bird_anycast_link of sip1, sip2" in system.problem()


def test_what_is_the_same_in_other_words_and_what_need_not_agree(system):
    system.node["link"].update(area=0, hello_interval="1", retransmit_interval=5)
    assert system.verdict()["problems"] == []


def test_a_link_that_is_no_link_is_left_to_its_end(system):
    system.node["link"] = {"key": KEY, "hello_interval": 9, "dead_interval": 3}
    assert system.verdict()["problems"] == []


# Interfaces, subnets, MTU


@pytest.mark.parametrize(
    "change, says",
    [
        ({"running": False}, "interface 'bridge-lan' of the router hap-lite is not running: plug in its cable"),
    ],
)
def test_an_interface_of_the_router_that_is_down(system, change, says):
    system.bridge.update(change)
    assert system.problem().startswith(says)


def test_an_interface_of_the_router_without_an_address(system):
    system.info["addresses"][0]["disabled"] = True
    assert "interface 'bridge-lan' of the router hap-lite has no IPv4 address" in system.problem()


def test_an_interface_of_a_node_that_is_down(system):
    system.port["active"] = False
    assert system.problem().startswith("sip2: interface enp0s11 is down: bring it up (ip link set enp0s11 up)")


def test_an_interface_of_a_node_without_an_address(system):
    system.port["addresses"] = []
    problem = system.problem()
    assert problem.startswith("sip2: interface enp0s11 has no IPv4 address") and "bird_anycast_interfaces" in problem


def test_a_node_in_another_subnet(system):
    system.port["addresses"] = ["172.19.0.12/26"]
    problem = system.problem()
    assert problem.startswith(
        "sip2: enp0s11 is in subnet 172.19.0.0/26, and bridge-lan of the router hap-lite in 172.18.0.0/26: neighbours"
    )
    assert "bird_anycast_interfaces" in problem


def test_a_node_with_another_mask(system):
    system.port["addresses"] = ["172.18.0.12/24"]
    # With it the anycast address is in the node's subnet as well: its own check says that.
    assert system.problem().startswith(
        "sip2: enp0s11 has the prefix length 24, and bridge-lan of the router hap-lite has 26"
    )


def test_the_mask_does_not_matter_on_a_point_to_point_link(system):
    for one in [system.router, *system.nodes.values()]:
        one["link"]["network_type"] = "ptp"
    system.port["addresses"] = ["172.18.0.12/32"]
    assert system.verdict()["problems"] == []


def test_the_network_of_a_point_to_point_address_is_the_other_end(system):
    for one in [system.router, *system.nodes.values()]:
        one["link"]["network_type"] = "ptp"
    del system.nodes["sip1"]
    system.info["addresses"][0].update(address="172.18.0.1/32", network="172.18.0.12")
    assert system.verdict()["problems"] == []
    system.info["addresses"][0]["network"] = "172.18.0.13"
    assert "in subnet 172.18.0.0/26, and bridge-lan of the router hap-lite in 172.18.0.13/32" in system.problem()


def test_a_secondary_address_of_the_node_counts(system):
    system.port["addresses"].insert(0, "198.51.100.1/24")
    assert system.verdict()["problems"] == []


def test_the_mtu(system):
    system.port["mtu"] = 1400
    assert system.problem() == (
        "sip2: the MTU is 1400 on enp0s11, and 1500 on bridge-lan of the router hap-lite: such neighbours never get"
        " beyond ExStart (RFC 2328 10.6). Make them equal: '/interface set bridge-lan mtu=1400' on the router, or 'mtu"
        " 1500' for enp0s11 in the node's /etc/network/interfaces"
    )


def test_a_router_that_does_not_say_its_mtu(system):
    system.bridge["mtu"] = None
    assert system.verdict()["problems"] == []


# Anycast addresses


def test_an_anycast_address_in_a_subnet_of_the_router(system):
    for one in system.nodes.values():
        one["services"][0]["addresses"] = ["192.0.2.1"]
    assert system.problem().startswith("anycast address 192.0.2.1 lies inside 192.0.2.0/30 on interface ether1 of")


def test_an_ipv6_address_inside_a_subnet_of_the_router_is_named(system):
    system.info["ipv6_addresses"] = [
        {"address": address, "interface": "bridge-lan", "disabled": False}
        for address in ("2001:db8::1/64", "fe80::1/64")
    ]
    for one in system.nodes.values():
        one["facts"]["interfaces"]["enp0s11"]["addresses"].append("fe80::11/64")
        one["services"][0]["addresses"] = ["2001:db8::64"]
    problem = system.problem()
    assert problem.startswith("anycast address 2001:db8::64 lies inside 2001:db8::/64 on interface bridge-lan of")
    assert "ARP" not in problem


def test_an_anycast_address_in_a_subnet_of_another_node(system):
    system.nodes["sip1"]["services"].append({"name": "dns", "addresses": ["198.51.100.53"]})
    system.node["facts"]["interfaces"]["br-lan"] = {"active": True, "mtu": 1500, "addresses": ["198.51.100.1/24"]}
    problem = system.problem()
    assert problem.startswith("sip2: anycast address 198.51.100.53 lies inside 198.51.100.0/24 on interface br-lan")
    assert "anycast_services" in problem


def route(gateway, **more):
    usual = {"prefix": "172.18.0.64/32", "protocol": "ospf", "distance": 110, "active": True, "dynamic": True}
    return {**usual, "gateway": gateway, "interface": "bridge-lan", **more}


def test_a_stranger_who_announces_the_address(system):
    system.info["routes"] = [route("172.18.0.11"), route("172.18.0.40")]
    problem = system.problem()
    assert problem.startswith("the anycast address 172.18.0.64/32 is announced to the router hap-lite by 172.18.0.40")
    assert "anycast_nodes" in problem


@pytest.mark.parametrize("active", [True, False])
def test_a_static_route_to_the_address(system, active):
    system.info["routes"] = [route("172.18.0.11", protocol="static", distance=1, dynamic=False, active=active)]
    assert "has a static route to the anycast address 172.18.0.64/32 via 172.18.0.11 (distance 1)" in system.problem()


def test_a_node_that_cannot_be_read_is_no_stranger(system):
    system.info["routes"] = [route("172.18.0.13")]
    system.nodes["sip3"] = {"failure": ["Connection timed out"], "reached": False}
    assert system.problem().startswith("sip3: cannot be reached")


def test_who_is_left_out_by_a_limit_is_no_stranger_and_no_problem(system):
    system.info["routes"] = [route("172.18.0.11"), route("172.18.0.13")]
    system.nodes["sip3"] = {}
    system.routers["edge"] = {}
    assert system.verdict() == {"problems": [], "warnings": []}


def test_another_router_of_ours_is_no_stranger(system):
    other = copy.deepcopy(system.router)
    other["info"]["addresses"][0]["address"] = "172.18.0.2/26"
    system.routers["edge"] = other
    system.info["routes"] = [route("172.18.0.2")]
    assert system.verdict()["problems"] == []


def test_each_router_is_checked_against_the_nodes(system):
    other = copy.deepcopy(system.router)
    other["link"]["hello_interval"] = 2
    system.routers["edge"] = other
    assert system.problem().startswith(
        "hello_interval is 2 in routeros_ospf_link of edge and 1 in bird_anycast_link of sip1"
    )


def test_nodes_with_the_same_fault_are_one_problem(system):
    for one in system.nodes.values():
        one["facts"]["interfaces"]["enp0s11"]["mtu"] = 1400
        one["failure"] = ["bird_anycast_link: key is empty"]
    first, second = system.verdict()["problems"]
    assert first == "sip1, sip2: bird_anycast_link: key is empty"
    assert second.startswith("sip1, sip2: the MTU is 1400 on enp0s11, and 1500 on bridge-lan of the router hap-lite: ")


def test_nothing_to_announce(system):
    for one in system.nodes.values():
        one["services"] = []
    assert system.problem() == (
        "sip1, sip2: bird_anycast_services has no address, expected one or more to announce: add them to"
        " anycast_services"
    )
    # What a node that --limit leaves out announces is not known here.
    system.nodes["sip3"] = {}
    assert system.verdict()["problems"] == []


# Packet filters

DROP = {".id": "*1", "chain": "input", "action": "drop", "protocol": "ospf"}


def test_a_rule_of_the_router_that_drops_ospf(system):
    system.info["firewall"]["filter"] = [DROP]
    assert system.problem() == (
        "rule *1 of /ip/firewall/filter (chain input, action drop) of the router hap-lite drops OSPF (IP protocol 89)"
        " from sip1, sip2: allow it before that rule (/ip/firewall/filter add chain=input action=accept protocol=ospf"
        " in-interface=bridge-lan place-before=0)"
    )


def test_what_goes_to_the_designated_router_counts(system):
    system.info["firewall"]["filter"] = [{**DROP, "dst-address": "224.0.0.6"}]
    assert "drops OSPF (IP protocol 89) from sip1, sip2" in system.problem()


def test_a_rule_of_the_router_about_one_node(system):
    system.info["firewall"]["filter"] = [{**DROP, "src-address": "172.18.0.12"}]
    assert "from sip2:" in system.problem()


def test_a_rule_of_the_router_about_what_it_sends(system):
    system.info["firewall"]["filter"] = [{**DROP, "chain": "output"}]
    problem = system.problem()
    assert "to sip1, sip2" in problem and "chain=output action=accept protocol=ospf out-interface=bridge-lan" in problem


def test_a_rule_of_the_router_that_may_drop(system):
    system.info["firewall"]["filter"] = [{**DROP, "src-address-list": "bad"}]
    assert "may drop OSPF" in system.warning()


BFD_DROP = {**DROP, "protocol": "udp", "dst-port": "3784"}


def test_bfd_matters_where_the_link_has_it(system):
    system.info["firewall"]["filter"] = [BFD_DROP]
    assert system.verdict()["problems"] == []
    for one in [system.router, *system.nodes.values()]:
        one["link"]["bfd"] = True
    assert "drops BFD (UDP port 3784)" in system.problem() and "protocol=udp dst-port=3784" in system.problem()


def chain(policy, hook="input", family="inet", name="filter"):
    place = {"family": family, "table": name, "name": hook}
    return {"chain": {**place, "type": "filter", "hook": hook, "prio": 0, "policy": policy}}


def test_nftables_of_a_node(system):
    system.node["info"]["nftables"] = [chain("drop")]
    assert system.problem() == (
        "sip2: the policy of the chain input of the nftables table inet filter drops OSPF (IP protocol 89) from the"
        " router hap-lite: allow it before that (/etc/nftables.conf: iifname enp0s11 ip protocol 89 accept, in chain"
        " input)"
    )


def test_nftables_of_a_node_that_may_drop(system):
    limit = {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"limit": {}}, {"drop": None}]}}
    system.node["info"]["nftables"] = [chain("accept"), limit]
    assert "may drop OSPF (IP protocol 89) from the router hap-lite" in system.warning()


SAVED = "# Generated by iptables-save v1.8.11 (nf_tables)\n*filter\n:INPUT {} [0:0]\n:OUTPUT {} [0:0]\nCOMMIT\n"


def test_iptables_of_a_node(system):
    system.node["info"]["iptables"] = SAVED.format("ACCEPT", "DROP")
    assert system.problem() == (
        "sip2: the policy of iptables' chain OUTPUT drops OSPF (IP protocol 89) to the router hap-lite: allow it"
        " before that (iptables -I OUTPUT -o enp0s11 -p ospf -j ACCEPT, and save it)"
    )


def test_the_tables_of_iptables_are_not_read_twice(system):
    system.node["info"].update(nftables=[chain("drop", family="ip")], iptables=SAVED.format("DROP", "ACCEPT"))
    assert "iptables" in system.problem()


# OSPFv3: the same over IPv6


def test_a_node_that_only_ospfv3_knows_at_the_moment_is_no_stranger(dual_stack):
    six = {"prefix": "2001:db8:64::64/128"}
    dual_stack.info["routes"] = [route("fe80::11", **six), route("172.18.0.12", **six)]
    assert dual_stack.verdict() == {"problems": [], "warnings": []}
    dual_stack.info["routes"].append(route("fe80::40", **six))
    assert "announced to the router hap-lite by fe80::40 already, which is not in the inventory" in dual_stack.problem()


def test_nor_is_another_router(dual_stack):
    other = copy.deepcopy(dual_stack.router)
    other["info"]["ipv6_addresses"][1]["address"] = "fe80::2/64"
    other["info"]["addresses"][0]["address"] = "172.18.0.2/26"
    dual_stack.routers["edge"] = other
    dual_stack.info["routes"] = [route("fe80::2", prefix="2001:db8:64::64/128")]
    assert dual_stack.verdict()["problems"] == []


@pytest.fixture
def dual_stack(system):
    """A system which announces an IPv6 address as well, and whose ends have link-local addresses."""
    system.info["ipv6_addresses"] = [
        {"address": "2001:db8:172::1/64", "interface": "bridge-lan", "disabled": False},
        {"address": "fe80::1/64", "interface": "bridge-lan", "disabled": False},
    ]
    for number, one in enumerate(system.nodes.values(), 11):
        one["services"][0]["addresses"].append("2001:db8:64::64")
        one["facts"]["interfaces"]["enp0s11"]["addresses"].append(f"fe80::{number}/64")
    return system


def bfd(system):
    for one in [system.router, *system.nodes.values()]:
        one["link"]["bfd"] = True


def test_a_healthy_system_with_ipv6(dual_stack):
    bfd(dual_stack)
    assert dual_stack.verdict() == {"problems": [], "warnings": []}


def test_a_rule_of_the_router_that_drops_ospfv3(dual_stack):
    dual_stack.info["firewall"]["ipv6_filter"] = [DROP]
    assert dual_stack.problem() == (
        "rule *1 of /ipv6/firewall/filter (chain input, action drop) of the router hap-lite drops OSPFv3 (IP protocol"
        " 89 over IPv6) from sip1, sip2: allow it before that rule (/ipv6/firewall/filter add chain=input action=accept"
        " protocol=ospf in-interface=bridge-lan place-before=0)"
    )


@pytest.mark.parametrize(
    "rule, says",
    [
        ({**DROP, "dst-address": "ff02::6/128"}, "drops OSPFv3 (IP protocol 89 over IPv6) from sip1, sip2"),
        ({**DROP, "src-address": "fe80::12"}, "drops OSPFv3 (IP protocol 89 over IPv6) from sip2:"),
        ({**DROP, "chain": "output"}, "drops OSPFv3 (IP protocol 89 over IPv6) to sip1, sip2"),
        (BFD_DROP, "drops BFD (UDP port 3784 over IPv6) from sip1, sip2"),
        ({**DROP, "protocol": "!icmpv6", "src-address": "!fe80::/10"}, None),
        ({**DROP, "src-address": "2001:db8::/32"}, None),
        ({**DROP, "protocol": "icmpv6", "icmp-options": "137:0-255"}, None),
    ],
)
def test_rules_of_the_router_about_ipv6(dual_stack, rule, says):
    bfd(dual_stack)
    dual_stack.info["firewall"]["ipv6_filter"] = [rule]
    if says is None:
        assert dual_stack.verdict()["problems"] == []
    else:
        assert says in dual_stack.problem()


def test_the_filter_of_one_version_is_not_that_of_the_other(dual_stack):
    dual_stack.info["firewall"]["filter"] = [DROP]
    assert "drops OSPF (IP protocol 89) from sip1, sip2" in dual_stack.problem()


def test_the_filter_of_ipv6_does_not_matter_without_ipv6(system):
    system.info["firewall"]["ipv6_filter"] = [DROP]
    system.node["info"].update(
        nftables=[chain("drop", family="ip6")], ip6tables=SAVED.format("DROP", "DROP").replace("(nf_tables)", "")
    )
    assert system.verdict() == {"problems": [], "warnings": []}


def test_nftables_of_a_node_with_ipv6(dual_stack):
    dual_stack.node["info"]["nftables"] = [chain("drop", family="ip6")]
    assert dual_stack.problem() == (
        "sip2: the policy of the chain input of the nftables table ip6 filter drops OSPFv3 (IP protocol 89 over IPv6)"
        " from the router hap-lite: allow it before that (/etc/nftables.conf: iifname enp0s11 meta l4proto 89 accept,"
        " in chain input)"
    )
    # Such a rule is enough.
    match = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "ospf"}}
    place = {"family": "ip6", "table": "filter", "chain": "input"}
    dual_stack.node["info"]["nftables"].append({"rule": {**place, "expr": [match, {"accept": None}]}})
    assert dual_stack.verdict() == {"problems": [], "warnings": []}


def test_an_inet_table_drops_both(dual_stack):
    dual_stack.node["info"]["nftables"] = [chain("drop")]
    first, second = dual_stack.verdict()["problems"]
    assert "drops OSPF (" in first and "drops OSPFv3 (" in second


def test_ip6tables_of_a_node(dual_stack):
    dual_stack.node["info"]["ip6tables"] = SAVED.format("ACCEPT", "DROP")
    assert dual_stack.problem() == (
        "sip2: the policy of ip6tables' chain OUTPUT drops OSPFv3 (IP protocol 89 over IPv6) to the router hap-lite:"
        " allow it before that (ip6tables -I OUTPUT -o enp0s11 -p ospf -j ACCEPT, and save it)"
    )


def test_a_node_without_a_link_local_address(dual_stack):
    del dual_stack.port["addresses"][1:]
    problem = dual_stack.problem()
    assert problem.startswith("sip2: interface enp0s11 has no IPv6 link-local address")
    assert "net.ipv6.conf.enp0s11.disable_ipv6=0" in problem


def test_a_router_without_a_link_local_address(dual_stack):
    del dual_stack.info["ipv6_addresses"][1]
    assert dual_stack.problem().startswith("interface bridge-lan of the router hap-lite has no IPv6 link-local address")


# Warnings


@pytest.mark.parametrize("skew, words", [(3600, "59m59s behind"), (-1795373282, "20779d18h ahead of")])
def test_clocks(system, skew, words):
    system.info["clock"]["skew"] = skew
    warning = system.warning()
    assert f"sip1, sip2: the clock is {words} that of the router hap-lite: " in warning
    assert "/system/ntp/client" in warning and "timedatectl" in warning


@pytest.mark.parametrize("kind, key", [("none", None), ("simple", "k3y-of")])
def test_clocks_do_not_matter_without_sequence_numbers(system, kind, key):
    system.info["clock"]["skew"] = 3600
    for one in [system.router, *system.nodes.values()]:
        one["link"] = {"authentication": kind, "key": key}
    assert system.verdict() == {"problems": [], "warnings": []}


def test_little_memory(system):
    system.info["free_memory"] = 2 * 1024 * 1024
    assert system.warning().startswith("the router hap-lite has 2.0 MiB of memory left, expected 3 or more")


@pytest.mark.parametrize(
    "version, fixed",
    [
        ("7.23.7 (stable)", "7.23.8"),
        ("7.23 (stable)", "7.23.8"),
        ("7.24.4 (stable)", "7.24.5"),
        ("7.23.8 (long-term)", None),
        ("7.24.5 (stable)", None),
        ("7.22.3 (stable)", None),
    ],
)
def test_versions_with_a_known_fault(system, version, fixed):
    system.info["version"] = version
    if fixed is None:
        assert system.verdict() == {"problems": [], "warnings": []}
    else:
        assert f"fixed in {fixed}. Upgrade it" in system.warning()


def test_bfd_that_a_small_router_cannot_keep_up_with(system):
    for one in [system.router, *system.nodes.values()]:
        one["link"].update(bfd=True, bfd_interval=100)
    assert system.warning().startswith(
        "bfd_interval in routeros_ospf_link is 100 ms, expected 200 ms or more on the hAP l"
    )
    system.info["architecture"] = "arm64"
    assert system.verdict()["warnings"] == []


def test_what_a_role_doubts_is_a_warning(system):
    system.node["doubts"] = ["the node resolves names by its own anycast address 172.18.0.64 alone"]
    assert system.warning() == "sip2: the node resolves names by its own anycast address 172.18.0.64 alone"


def test_rules_of_the_older_iptables_drop_too(system):
    system.node["info"]["iptables_legacy"] = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p 89 -j DROP\nCOMMIT\n"
    problem = system.problem()
    assert "the rule '-A INPUT -p 89 -j DROP' of iptables-legacy" in problem
    assert "iptables-legacy -I INPUT" in problem


def test_the_key_of_an_interface_with_a_dot(system):
    system.node["interfaces"] = ["eth0.10"]
    system.node["facts"]["interfaces"]["eth0.10"] = system.node["facts"]["interfaces"].pop("enp0s11")
    system.node["info"]["rp_filter"]["eth0.10"] = 1
    system.node["facts"]["default_ipv4"] = "enp0s12"
    assert "net.ipv4.conf.eth0/10.rp_filter" in " ".join(str(found) for found in system.verdict()["warnings"])


def test_the_reverse_path_filter_of_the_router(system):
    system.info["ip_settings"]["rp-filter"] = "strict"
    assert "/ip/settings set rp-filter=loose" in system.warning()


def test_the_reverse_path_filter_of_a_node_with_another_way_back(system):
    system.node["info"]["rp_filter"]["enp0s11"] = 1
    assert system.verdict()["warnings"] == []
    system.node["facts"]["default_ipv4"] = "enp0s12"
    warning = system.warning()
    assert warning.startswith(
        "sip2: the reverse-path filter on enp0s11 is strict, and the default route leaves by enp0s12"
    )
    assert "net.ipv4.conf.enp0s11.rp_filter and net.ipv4.conf.all.rp_filter" in warning
    # The policy rule makes the link the way back.
    system.node["source_gateway"] = "172.18.0.1"
    assert system.verdict()["warnings"] == []


def test_two_routers_on_two_links(system):
    second = system.second_link()
    assert system.verdict() == {"problems": [], "warnings": []}
    second["info"]["routes"] = [route("172.18.1.11"), route("172.18.1.12")]
    assert system.verdict() == {"problems": [], "warnings": []}
    system.node["facts"]["interfaces"]["enp0s12"]["mtu"] = 1400
    assert "the MTU is 1400 on enp0s12, and 1500 on bridge-lan of the router hap-ac" in system.problem()


def test_a_node_that_is_on_one_of_two_links_only(system):
    system.second_link()
    system.node["interfaces"] = ["enp0s11"]
    problem = system.problem()
    assert problem.startswith("sip2: enp0s11 is in subnet 172.18.0.0/26, and bridge-lan of the router hap-ac in")


def test_the_reverse_path_filter_of_a_node_on_two_links(system):
    system.second_link()
    system.node["info"]["rp_filter"] |= {"enp0s11": 1, "enp0s12": 1}
    warning = system.warning()
    assert warning.startswith(
        "sip2: the reverse-path filter on enp0s12 is strict, and the default route leaves by enp0s11"
    )
    assert "are dropped, unless the node has a route to them by enp0s12" in warning
    system.node["source_gateway"] = "172.18.1.1"
    assert system.warning().startswith(
        "sip2: the reverse-path filter on enp0s11 is strict, and bird_anycast_source_gateway is on enp0s12"
    )


def test_a_switch_chip_that_routes():
    system = System()
    system.info["l3_hw_offloading"] = True
    (warning,) = system.verdict()["warnings"]
    assert warning.startswith("the router hap-lite forwards by its switch chip (l3-hw-offloading=yes)")


@pytest.mark.parametrize(
    ("lsa", "area", "cure"),
    [
        ("service", "0.0.0.0", None),
        ("router", "0.0.0.0", "set bird_anycast_lsa to service"),
        ("router", "0.0.0.5", "set area to 0.0.0.0 in anycast_link, at both ends"),
    ],
)
def test_a_withdrawal_that_may_be_held_back(system, lsa, area, cure):
    for one in [system.router, *system.nodes.values()]:
        one["link"]["area"] = area
    for node in system.nodes.values():
        node["planned"] = {"lsa": lsa, "restarts_ospf": False}
    if cure:
        warning = system.warning()
        assert warning.startswith("sip1, sip2: all services of the node share its router LSA") and cure in warning
    else:
        assert system.verdict()["warnings"] == []


def test_ospf_starts_anew_on_the_only_node(system):
    system.node["planned"] = {"lsa": "service", "restarts_ospf": True}
    system.info["routes"] = [route("172.18.0.12")]
    (found,) = system.interruptions()
    assert "the router hap-lite sends 172.18.0.64/32 to no other node" in found and "-e anycast_force=true" in found
    system.info["routes"] = [route("172.18.0.11"), route("172.18.0.12")]
    assert system.interruptions() == []
    system.info["routes"] = [route("172.18.0.11")]
    assert system.interruptions() == []


@pytest.mark.parametrize(
    ("designated", "restarts", "said"),
    [("172.18.0.12", True, 1), ("172.18.0.12", False, 0), ("172.18.0.1", True, 0), ("none", True, 0)],
)
def test_ospf_starts_anew_on_the_designated_router(system, designated, restarts, said):
    system.node["planned"] = {"lsa": "service", "restarts_ospf": restarts}
    system.info["ospf"] = {"neighbors": [{"address": "172.18.0.11%bridge-lan", "state": "Full", "dr": designated}]}
    found = system.interruptions()
    assert len(found) == said
    for text in found:
        assert text.startswith("sip2: OSPF starts anew on the node, and the node is the designated router")
        assert "expected the router hap-lite" in text and "-e anycast_force=true" in text


def test_nodes_that_announce_in_two_ways(system):
    for node, lsa in zip(system.nodes.values(), ("router", "service"), strict=True):
        node["planned"] = {"lsa": lsa}
    found = system.verdict()
    assert found["problems"] == []
    held_back, mixed = found["warnings"]
    assert held_back.startswith("sip1: all services of the node share")
    assert mixed.startswith("bird_anycast_lsa is router on sip1, and service on sip2: the router sends all clients to")
