"""The playbook remove as a user runs it, on a router that answers and nodes that nobody can reach."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .playbook import play
from .recorded import Recording
from .test_removal import rows
from .test_role_routeros_ospf import FIRST_KEY, RULE, Role

# The port of tcpmux, on which nobody listens.
CLOSED = 1
PREFIXES = ["172.18.0.64", "172.18.0.65"]


class Remove:
    def __init__(self, router: Recording, directory: Path) -> None:
        self.router = router
        self.directory = directory

    def __call__(self, *options: str, **asked: Any) -> tuple[int, str]:
        """Return the exit code and everything that was printed, on one line."""
        link = {"key": FIRST_KEY}
        services = [
            {"name": "sip", "addresses": ["172.18.0.64"]},
            {"name": "dns", "addresses": ["172.18.0.65"], "interface": "dummy1"},
        ]
        node = {
            "ansible_host": "127.0.0.1",
            "ansible_port": CLOSED,
            "ansible_ssh_common_args": "-oBatchMode=yes -oStrictHostKeyChecking=no",
            "bird_anycast_link": link,
            "bird_anycast_services": services,
            "bird_anycast_interfaces": ["enp0s11"],
        }
        router = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "routeros_ospf_api": self.router.login(),
            "routeros_ospf_link": link,
            "routeros_ospf_router_id": "172.18.0.1",
            "routeros_ospf_interfaces": ["bridge-lan"],
            "routeros_ospf_anycast_prefixes": PREFIXES,
        }
        nodes = {f"sip{n}": {**node, "bird_anycast_router_id": f"172.18.0.{10 + n}"} for n in (1, 2)}
        inventory = {
            "all": {
                "children": {
                    "anycast_routers": {"hosts": {"hap-lite": router}},
                    "anycast_nodes": {"hosts": nodes},
                }
            }
        }
        path = self.directory / "hosts.yml"
        path.write_text(yaml.safe_dump(inventory))
        extra = [word for name, value in asked.items() for word in ("--extra-vars", f"{name}={value}")]
        return play("-i", str(path), "homelab.anycast.remove", *extra, *options)


@pytest.fixture
def remove(empty: Recording, tmp_path: Path) -> Remove:
    return Remove(empty, tmp_path)


def test_everything_goes_from_the_router_though_the_nodes_are_dead(remove: Remove, tmp_path: Path) -> None:
    before = rows(remove.router)
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    there = rows(remove.router)
    code, said = remove(remove_everything="true")
    assert code != 0 and "nobody would serve any anycast address any more" in said
    asked = {"remove_everything": "true", "remove_consent": "true"}
    code, said = remove("--check", **asked)
    assert code == 0 and rows(remove.router) == there, said
    code, said = remove("--diff", **asked)
    assert code == 0 and FIRST_KEY not in said, said
    assert rows(remove.router) == before
    for name in ("sip1", "sip2"):
        assert f"{name} cannot be reached, and is as it was" in said
    # A router id need not be an address.
    assert "/ip/firewall/filter add chain=input action=drop protocol=ospf src-address=ADDRESS" in said
    code, said = remove(**asked)
    assert code == 0 and "changed=0" in said, said


def test_a_dead_node_goes_and_the_router_keeps_what_is_the_others(remove: Remove, tmp_path: Path) -> None:
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    there = rows(remove.router)
    code, said = remove(remove_node="sip2")
    assert code == 0, said
    assert "sip2 cannot be reached" in said and "sip1 cannot be reached, and" not in said
    assert rows(remove.router) == there


def test_a_service_goes_and_its_address_comes_in_no_more(remove: Remove, tmp_path: Path) -> None:
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    there = rows(remove.router)
    code, said = remove(remove_service="dns", remove_consent="true")
    assert code == 0, said
    after = rows(remove.router)
    gone = [row["rule"] for row in there[RULE] if row not in after[RULE]]
    assert gone == ["if (dst in 172.18.0.65/32 && dst-len == 32) { accept }"]
    assert {menu: found for menu, found in after.items() if menu != RULE} == {
        menu: found for menu, found in there.items() if menu != RULE
    }


def test_what_is_not_there_is_refused(remove: Remove) -> None:
    before = rows(remove.router)
    for asked, words in (
        ({}, "nothing is asked for: -e remove_service=NAME"),
        ({"remove_node": "sip9"}, "remove_node 'sip9' is unknown; there is: sip1, sip2"),
        ({"remove_service": "web", "remove_consent": "true"}, "remove_service 'web' is none of sip1, sip2"),
    ):
        code, said = remove(**asked)
        assert code != 0 and words in said
    assert rows(remove.router) == before
