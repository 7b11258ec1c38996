# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the status share: a system in which all is well, to break."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import Service
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import Neighbor
from ansible_collections.homelab.anycast.plugins.module_utils.system.status import system_status
from ansible_collections.homelab.anycast.plugins.module_utils.system.status_model import Client, ReadNode, ReadRouter

PREFIX = "172.18.0.64/32"


class FakeSystem:
    """What the playbook gathers of a router and some nodes that are well."""

    def __init__(self, nodes=3, bfd=False, services=("sip",), name="sip{}"):
        self.bfd = bfd
        self.services = [
            Service(service, [f"172.18.0.{64 + number}/32"], "dummy0", f"{service}.service")
            for number, service in enumerate(services)
        ]
        names = [name.format(number + 1) for number in range(nodes)]
        addresses = [f"172.18.0.{11 + number}" for number in range(nodes)]
        self.nodes = {name: self._node(name, address) for name, address in zip(names, addresses, strict=True)}
        self.router = {
            "name": "hap-lite",
            "router_id": "172.18.0.1",
            "bfd": bfd,
            "problems": [],
            "neighbors": {
                "neighbors": [self.neighbor(address, role="DROther", full_seconds=5164.0) for address in addresses],
                "version": "7.20.8 (long-term)",
            },
            "next_hops": [
                {"item": service.addresses[0], "next_hops": [self.hop(address) for address in addresses]}
                for service in self.services
            ],
        }
        self.clients: list[dict] = [{"name": "phones", "addresses": [f"172.18.0.{host}" for host in (22, 23, 24, 25)]}]

    def neighbor(self, address, **more):
        usual = {"state": "Full", "interface": "bridge-lan", "bfd": "up" if self.bfd else None}
        return vars(Neighbor(**{**usual, "router_id": address, "address": address, **more}))

    @staticmethod
    def hop(address, **more):
        return {
            "gateway": address,
            "interface": "bridge-lan",
            "vrf": None,
            "routing_table": "main",
            "protocol": "ospf",
            "distance": 110,
            "active": True,
            "ecmp": True,
            "dynamic": True,
            "blackhole": False,
            **more,
        }

    def _node(self, name, address):
        passed = "announced: {} answers SIP OPTIONS with 200"
        return {
            "name": name,
            "address": address,
            "router_id": address,
            "bfd": self.bfd,
            "problems": [],
            "services": self.services,
            "info": {
                "services": [
                    {
                        "name": service.name,
                        "unit": service.unit,
                        "unit_state": "active",
                        "announcer_state": "active",
                        "announced": True,
                        "healthy": True,
                        "health": None,
                        "why": passed.format(service.addresses[0].partition("/")[0]),
                        "changes": [
                            {"time": "2026-11-22T15:00:00Z", "text": service.name + " announced: it is healthy"}
                        ],
                    }
                    for service in self.services
                ],
                "records": [],
                "bird_state": "active",
                "unlisted": [],
            },
            "neighbors": {
                "neighbors": [self.neighbor("172.18.0.1", role="DR", interface="enp0s11", dead_seconds=9.1)],
                "version": "2.17.1",
            },
        }

    # How to break it

    def hops(self):
        return self.router["next_hops"][0]["next_hops"]

    def forget(self, name):
        """The router sends nothing to a node any more."""
        for result in self.router["next_hops"]:
            result["next_hops"] = [
                hop for hop in result["next_hops"] if hop["gateway"] != self.nodes[name]["router_id"]
            ]

    def lose(self, name):
        """The router has neither the neighbour nor its routes."""
        self.forget(name)
        seen = self.router["neighbors"]["neighbors"]
        seen[:] = [entry for entry in seen if entry["router_id"] != self.nodes[name]["router_id"]]

    def unreachable(self, name):
        msg = "Task failed: Failed to connect to the host via ssh: ssh: connect to host sip2 port 22: No route to host"
        self.nodes[name].update(info={"reached": False, "msg": msg}, neighbors={"skipped": True})

    def bird_down(self, name):
        self.nodes[name]["info"]["bird_state"] = "failed"
        self.nodes[name]["neighbors"] = {"msg": "BIRD's control socket does not exist. Is BIRD running?"}
        self.lose(name)

    def withdrawn(self, name, why="withdrawn: 172.18.0.64 does not answer within 0.5 s", healthy=False):
        self.nodes[name]["info"]["services"][0].update(announced=False, healthy=healthy, why=why)
        self.forget(name)

    def drained(self, name, service=None, reason="new disk", done=True):
        record = {
            "service": service,
            "by": "alice@desk",
            "reason": reason,
            "since": "2026-11-22T14:00:00Z",
            "done": done,
            "stopped": [],
        }
        self.nodes[name]["info"]["records"].append(record)
        self.withdrawn(name, why="the node is drained", healthy=None)

    def sees(self, name, at_router=None, at_node=None):
        """Change what the ends of an adjacency see of each other."""
        node = self.nodes[name]
        if at_router:
            for entry in self.router["neighbors"]["neighbors"]:
                if entry["router_id"] == node["router_id"]:
                    entry.update(at_router)
        if at_node:
            node["neighbors"]["neighbors"][0].update(at_node)

    def status(self, *more_routers):
        return system_status(
            [ReadRouter(**router) for router in (self.router, *more_routers)],
            [ReadNode(**node) for node in self.nodes.values()],
            [Client(**client) for client in self.clients],
            "2026-11-22T15:30:00Z",
            "alice@desk",
        )


@pytest.fixture
def fake_system():
    return FakeSystem
