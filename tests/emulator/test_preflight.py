"""Preflight, and the diagnosis of neighbours that are missing, against the emulator and a node which is this machine.

The node's loopback is the link.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.policy import LAB_PASSWORD

from .conftest import Start
from .playbook import PYTHON, play
from .recorded import Recording

KEY = "first-key-of-it"
ADDRESS = "198.18.7.64"
NOBODY_THERE = {
    "ansible_connection": "ssh",
    "ansible_host": "127.0.0.1",
    "ansible_port": 1,
    # With pipelining, Ansible says why only where ssh has ended within 1 ms of closing its input.
    "ansible_pipelining": False,
}


def put_on_loopback(router: Recording) -> None:
    """Have bridge-lan stand in the subnet of the loopback, where the node is."""
    links, addresses = router.kernel.links(), router.kernel.addresses()
    (bridge,) = [entry for entry in links if entry["ifname"] == "bridge-lan"]
    (place,) = [entry for entry in addresses if entry["ifname"] == "bridge-lan"]
    bridge["mtu"] = int(Path("/sys/class/net/lo/mtu").read_text())
    place["addr_info"] = [{"family": "inet", "local": "127.0.0.2", "prefixlen": 8}]
    router.kernel.links = lambda: links  # type: ignore[method-assign]
    router.kernel.addresses = lambda: addresses  # type: ignore[method-assign]


class Playbook:
    """Runs a playbook that imports one of ours, from a directory of its own as a user's would be."""

    def __init__(self, name: str, router: Recording, directory: Path) -> None:
        self.name = name
        self.router = router
        self._directory = directory
        self.router_variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": PYTHON,
            "routeros_ospf_api": router.login(),
            "routeros_ospf_link": {"key": KEY},
            "routeros_ospf_router_id": "127.0.0.2",
            "routeros_ospf_interfaces": ["bridge-lan"],
            "routeros_ospf_anycast_prefixes": [ADDRESS],
        }
        self.node_variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": PYTHON,
            "bird_anycast_link": {"key": KEY},
            "bird_anycast_router_id": "127.0.0.1",
            "bird_anycast_interfaces": ["lo"],
            "bird_anycast_services": [{"name": "sip", "addresses": [ADDRESS]}],
        }
        self.more_nodes: dict[str, dict[str, Any]] = {}

    def __call__(self, *options: str) -> tuple[int, str]:
        """Return the exit code and everything that was printed, on one line."""
        inventory = {
            "anycast_routers": {"hosts": {"hap-lite": self.router_variables}},
            "anycast_nodes": {"hosts": {"sip1": self.node_variables, **self.more_nodes}},
        }
        # This machine stands for a node that ifupdown manages, with a BIRD that does not run.
        programs = self._directory / "bin"
        programs.mkdir(exist_ok=True)
        for name in ("ifup", "ifquery", "bird"):
            (programs / name).write_text("#!/bin/sh\n")
            (programs / name).chmod(0o755)
        # The kernel of this machine may have no dummy driver, and is left alone.
        (programs / "ip").write_text(f'#!/bin/sh\n[ "$1" = link ] || exec {shutil.which("ip")} "$@"\n')
        (programs / "ip").chmod(0o755)
        (self._directory / "hosts.yml").write_text(yaml.safe_dump(inventory))
        (self._directory / "play.yml").write_text(yaml.safe_dump([{"import_playbook": f"homelab.anycast.{self.name}"}]))
        return play(
            *("-i", str(self._directory / "hosts.yml"), str(self._directory / "play.yml"), *options),
            PATH=f"{programs}:{os.environ['PATH']}",
            ANSIBLE_SSH_ARGS="-o ConnectTimeout=2 -o BatchMode=yes",
        )


@pytest.fixture
def preflight(start: Start, tmp_path: Path) -> Playbook:
    router = start("nobody", rows=False)
    put_on_loopback(router)
    return Playbook("preflight", router, tmp_path)


@pytest.fixture
def neighbors(preflight: Playbook) -> Playbook:
    preflight.name = "neighbors"
    return preflight


def verdict(said: str) -> str:
    return said.partition("PLAY [Compare both ends]")[2]


def cause(said: str) -> str:
    return said.partition("PLAY [Say whether the neighbours are as expected]")[2]


def test_a_healthy_pair(preflight: Playbook, monkeypatch: pytest.MonkeyPatch) -> None:
    logins = preflight.router.count_logins(monkeypatch)
    code, said = preflight("--check")
    assert code == 0, said
    assert "[WARNING]: " not in said
    assert "changed=1" not in said
    assert logins == ["ansible"]


def test_all_at_once_and_nothing_is_changed(preflight: Playbook) -> None:
    router = preflight.router
    # The router's side, as a real one may be found.
    router.kernel.links()[1]["mtu"] -= 136
    router.call("/ip/firewall/filter/add", "=chain=input", "=action=drop", "=protocol=ospf", "=comment=his")
    router.call("/ip/firewall/filter/add", "=chain=input", "=action=drop", "=limit=10,5:packet")
    router.call("/ip/route/add", f"=dst-address={ADDRESS}/32", "=gateway=172.18.0.22")
    preflight.router_variables["routeros_ospf_link"] = {"key": KEY, "bfd": True}
    # The node's.
    preflight.node_variables["bird_anycast_link"] = {"key": "another-key", "area": "0.0.0.1", "dead_interval": 20}
    preflight.node_variables["bird_anycast_router_id"] = ADDRESS
    preflight.more_nodes["sip2"] = {
        **preflight.node_variables,
        **NOBODY_THERE,
        "bird_anycast_router_id": "192.0.2.12",
    }
    before = router.call("/ip/firewall/filter/print")

    code, said = preflight()

    assert code != 0
    found = verdict(said)
    for words in (
        "sip2: cannot be reached (",
        "Connection refused",
        "correct ansible_host",
        "sip1: bird_anycast_router_id 198.18.7.64 is an anycast address",
        "area is 0.0.0.0 in routeros_ospf_link of hap-lite and 0.0.0.1 in bird_anycast_link of sip1, sip2",
        "dead_interval is 4 in routeros_ospf_link of hap-lite and 20 in",
        "bfd is True in routeros_ospf_link of hap-lite and False in",
        "key in routeros_ospf_link of hap-lite differs from that in bird_anycast_link of sip1, sip2",
        "on bridge-lan of the router hap-lite: such neighbours",
        "never get beyond ExStart",
        "a static route to the anycast address 198.18.7.64/32 via 172.18.0.22",
        "rule *1 of /ip/firewall/filter (chain input, action drop, comment 'his') of the router hap-lite drops OSPF",
    ):
        assert words in found, words
    warning = "rule *2 of /ip/firewall/filter (chain input, action drop) of the router hap-lite may drop BFD"
    assert f"[WARNING]: {warning}" in said
    assert [secret for secret in (KEY, "another-key", LAB_PASSWORD) if secret in said] == []
    assert router.call("/ip/firewall/filter/print") == before
    assert router.call("/routing/ospf/instance/print") == []


def test_a_router_that_does_not_let_us_in_does_not_hide_what_a_node_has(preflight: Playbook) -> None:
    preflight.router_variables["routeros_ospf_api"]["password"] = "wrong"
    preflight.node_variables["bird_anycast_interfaces"] = ["enp0s99"]
    code, said = preflight()
    assert code != 0
    assert "hap-lite: Cannot connect to the router" in verdict(said)
    assert "invalid user name or password" in verdict(said)
    assert "sip1: bird_anycast_interfaces names enp0s99, which is not on the node" in verdict(said)


def test_what_the_routers_variables_lack_is_said_with_the_nodes_problems(preflight: Playbook) -> None:
    preflight.router_variables["routeros_ospf_interfaces"] = ["bridge-none"]
    preflight.node_variables["bird_anycast_priority"] = 300
    code, said = preflight()
    assert code != 0
    assert "hap-lite: routeros_ospf_interfaces: the router has no interface 'bridge-none'" in verdict(said)
    assert "sip1: bird_anycast_priority is 300, expected 0 to 255" in verdict(said)


def test_a_variable_that_refers_to_nothing(preflight: Playbook, monkeypatch: pytest.MonkeyPatch) -> None:
    logins = preflight.router.count_logins(monkeypatch)
    preflight.node_variables["bird_anycast_link"] = "{{ anycast_link }}"
    preflight.node_variables["bird_anycast_services"] = "{{ anycast_services }}"
    code, said = preflight()
    assert code != 0
    assert "2 problems, nothing was changed: - sip1: the variable anycast_link is undefined. Define it in" in said
    assert "- sip1: the variable anycast_services is undefined." in said
    assert logins == []


def test_the_verdict_comes_where_no_node_answers(preflight: Playbook) -> None:
    preflight.node_variables.update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    preflight.router.call("/ip/route/add", f"=dst-address={ADDRESS}/32", "=gateway=172.18.0.22")
    code, said = preflight()
    assert code != 0
    assert "sip1: cannot be reached" in verdict(said)
    assert "a static route to the anycast address 198.18.7.64/32" in verdict(said)


def test_a_limit_leaves_the_others_alone(preflight: Playbook) -> None:
    preflight.more_nodes["sip2"] = {
        **preflight.node_variables,
        "bird_anycast_link": {"key": "another-key"},
        "bird_anycast_router_id": "192.0.2.12",
    }
    code, said = preflight("--limit", "!sip2")
    assert code == 0, said
    code, said = preflight("--limit", "sip2,hap-lite")
    assert code != 0
    assert "differs from that in bird_anycast_link of sip2 (keys are not shown)" in verdict(said)


def test_why_neighbours_are_missing(neighbors: Playbook) -> None:
    router = neighbors.router
    router.call("/ip/firewall/filter/add", "=chain=input", "=action=drop", "=protocol=ospf")
    neighbors.more_nodes["sip2"] = {
        **neighbors.node_variables,
        **NOBODY_THERE,
        "bird_anycast_router_id": "192.0.2.12",
    }
    code, said = neighbors("-e", "anycast_wait=0")
    assert code != 0
    found = cause(said)
    for words in (
        "OSPF is not up as expected: - hap-lite: no neighbour sip1 and sip2, expected Full - ",
        "sip2: cannot be reached (",
        "sip1: BIRD's control socket /run/bird/bird.ctl does not exist",
        "rule *1 of /ip/firewall/filter (chain input, action drop) of the router hap-lite drops OSPF",
    ):
        assert words in found, words
    assert "changed=1" not in said
    assert [secret for secret in (KEY, LAB_PASSWORD) if secret in said] == []


def test_neighbours_of_a_router_that_does_not_let_us_in(neighbors: Playbook) -> None:
    neighbors.router_variables["routeros_ospf_api"]["password"] = "wrong"
    code, said = neighbors("-e", "anycast_wait=0")
    assert code != 0
    assert "hap-lite: Cannot connect to the router" in cause(said)


def test_what_changes_nothing_says_the_same_in_check_mode(neighbors: Playbook) -> None:
    neighbors.name = "verify"
    code, said = neighbors("--check", "-e", "anycast_wait=0")
    assert code != 0
    assert "sip1: BIRD's control socket /run/bird/bird.ctl does not exist" in cause(said)


def test_what_is_not_set_up_is_not_waited_for(preflight: Playbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the router alone: the role of the nodes would look at the packages of this machine."""
    preflight.name = "site"
    logins = preflight.router.count_logins(monkeypatch)
    code, said = preflight("--check", "--limit", "hap-lite")
    assert code == 0, said
    assert "changed=6 " in said, said
    # The plan that preflight has made serves the role, whose tasks log in once each.
    assert len(logins) == 1 + 6
