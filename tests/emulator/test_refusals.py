"""What each playbook refuses in its first play, before a host is contacted: what a user sees, and the exit code."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.anycast.plugins.module_utils.system.request import GROUPS

from .playbook import CLOSED, ROOT, play

NODE = {
    "ansible_host": "127.0.0.1",
    "ansible_port": CLOSED,
    "bird_anycast_interfaces": ["eth0"],
    "bird_anycast_link": {"key": "secret-of-it"},
    "bird_anycast_services": [{"name": "sip", "addresses": ["172.18.0.64"]}],
}
ROUTER = {
    "ansible_connection": "local",
    "routeros_ospf_api": {"hostname": "127.0.0.1", "port": CLOSED, "username": "x", "password": "y"},
    "routeros_ospf_interfaces": ["bridge-lan"],
    "routeros_ospf_link": {"key": "secret-of-it"},
    "routeros_ospf_router_id": "172.18.0.1",
}
HOSTS: dict[str, dict[str, Any]] = {
    "anycast_routers": {"hap-lite": ROUTER},
    "anycast_nodes": {f"sip{n}": {**NODE, "bird_anycast_router_id": f"172.18.0.1{n}"} for n in (1, 2)},
    "anycast_clients": {"phones": {"anycast_probe_sources": ["172.18.0.22"]}},
}
INVENTORIES: dict[str, dict[str, Any]] = {
    "good": HOSTS,
    "two routers": {
        **HOSTS,
        "anycast_routers": {"hap-lite": ROUTER, "hap-lite2": {**ROUTER, "routeros_ospf_router_id": "172.18.0.2"}},
    },
    "nothing": {},
    "no nodes": {**HOSTS, "anycast_nodes": {}},
    "no router": {**HOSTS, "anycast_routers": {}},
    "misspelt": {"anycast_router": HOSTS["anycast_routers"], "anycast_node": HOSTS["anycast_nodes"]},
}
# What each playbook needs to be asked for.
NEEDED: dict[str, dict[str, Any]] = {
    "drain": {"anycast_node": "sip1", "anycast_reason": "disk"},
    "undrain": {"anycast_node": "sip1"},
    "remove": {"anycast_node": "sip1"},
    "drill": {"anycast_node": "sip1", "anycast_drill_events": "drain", "anycast_drill_consent": True},
    "rotate_key": {"anycast_new_key_id": 2, "anycast_new_key": "new-secret-of-it"},
}
# The inventory, the playbook, variables beside those needed, options, and what is said.
Case = tuple[str, str, dict[str, Any], tuple[str, ...], str]
CASES: list[Case] = [
    *(("nothing", name, {}, (), f"the group {GROUPS[name][-1]} is missing: is -i right?") for name in GROUPS),
    *(
        (
            "no nodes",
            name,
            {},
            (),
            "the group anycast_nodes is empty: is -i right? Groups found: anycast_clients, anycast_routers",
        )
        for name in ("site", "verify", "neighbors")
    ),
    *(
        ("no router", name, {}, (), "the group anycast_routers is empty: is -i right?")
        for name in ("bootstrap", "site")
    ),
    *(("misspelt", name, {}, (), "Is anycast_node to be anycast_nodes?") for name in ("site", "drain")),
    *(
        ("good", name, {"anycast_wait": "soon"}, (), "anycast_wait is soon, expected 0 to 3600")
        for name in ("site", "verify", "neighbors", *NEEDED)
    ),
    *(
        ("good", name, {"node": "sip1"}, (), "'node' is unknown, did you mean 'anycast_node'?")
        for name in ("site", *NEEDED)
    ),
    ("good", "drain", {"forse": True}, (), "the variable 'forse' is unknown, did you mean 'anycast_force'?"),
    ("good", "drain", {"force": True}, (), "the variable 'force' is unknown, did you mean 'anycast_force'?"),
    ("good", "remove", {"remove_consent": True}, (), "'remove_consent' is unknown, did you mean 'anycast_force'?"),
    ("good", "drill", {"drill_events": "stop"}, (), "did you mean 'anycast_drill_events'?"),
    ("good", "site", {"bird_anycast_prioritty": 1}, (), "did you mean 'bird_anycast_priority'?"),
    ("good", "site", {"anycast_node": "sip1"}, (), "anycast_node has no effect on site, it is for drain, undrain"),
    ("good", "drain", {"anycast_node": "sip9"}, (), "anycast_node 'sip9' is unknown, did you mean 'sip2'?"),
    (
        "good",
        "undrain",
        {"anycast_service": "spi"},
        (),
        "anycast_service on sip1: 'spi' is unknown, did you mean 'sip'?",
    ),
    ("good", "drain", {"anycast_reason": ""}, (), "anycast_reason is missing: say why"),
    ("good", "drain", {}, ("--limit=sip1",), "--limit leaves out hap-lite: run drain without --limit"),
    ("good", "rotate_key", {}, ("--limit=hap-lite",), "--limit leaves out sip1, sip2: run rotate_key without --limit"),
    ("good", "site", {}, ("--limit=phones",), "--limit leaves no host of anycast_routers, anycast_nodes: site would"),
    (
        "good",
        "rotate_key",
        {"anycast_new_key_id": 1},
        (),
        "anycast_new_key_id is 1, which is the key_id of the inventory",
    ),
    ("two routers", "rotate_key", {}, ("--forks=1",), "forks is 1, expected 2 at least, one for each router"),
    ("two routers", "rotate_key", {}, ("--limit=anycast_nodes:hap-lite",), "--limit leaves out hap-lite2: run"),
    ("good", "drill", {"anycast_drill_consent": False}, (), "anycast_drill_consent is missing: this breaks"),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """The exit code and the output of each case, several at once."""
    directory = tmp_path_factory.mktemp("inventories")
    for name, groups in INVENTORIES.items():
        children = {group: {"hosts": hosts} for group, hosts in groups.items()}
        (directory / f"{name}.yml").write_text(yaml.safe_dump({"all": {"children": children}}))

    def run(case: Case) -> tuple[int, str]:
        inventory, playbook, variables, options, _words = case
        extra = json.dumps({**NEEDED.get(playbook, {}), **variables})
        # Not a user's inventory but ours would be taken from ansible.cfg of this checkout.
        path = directory / f"{inventory}.yml"
        return play("-i", str(path), f"homelab.anycast.{playbook}", "-e", extra, *options, directory=ROOT)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(run, CASES))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case[0]}: {case[1]}: {case[4][:40]}" for case in CASES])
def test_refused_by_the_first_play(said: list[tuple[int, str]], number: int) -> None:
    code, text = said[number]
    assert code == 2, text
    assert CASES[number][4] in text, text
    assert re.search(r"\d problems?, nothing was changed", text)
    # Neither an end nor a node was looked at.
    assert text.count("PLAY [") == text.count("TASK [") == 1, text
    assert "changed=0" in text and "secret-of-it" not in text


def test_a_variable_of_the_users_own_passes(tmp_path: Path) -> None:
    children = {group: {"hosts": hosts} for group, hosts in HOSTS.items()}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children}}))
    extra = json.dumps({**NEEDED["drain"], "env": "test", "my_node": "x"})
    code, text = play("-i", str(tmp_path / "hosts.yml"), "homelab.anycast.drain", "-e", extra)
    assert code == 2 and "TASK [Reach the node]" in text, text
