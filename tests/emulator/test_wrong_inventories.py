"""Wrong inventories, as users have them: what stands at the end of the terminal, and that nothing was changed.

Each starts as a copy of inventories/home, with an installed collection and none of this checkout's ansible.cfg.
A new kind of mistake is one row.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from lab.routeros.policy import LAB_PASSWORD

from .playbook import ANSIBLE_PLAYBOOK, CLOSED, ROOT
from .recorded import Recording

HOSTS, ALL = "hosts.yml", "group_vars/all.yml"
ROUTERS, NODES = "group_vars/anycast_routers.yml", "group_vars/anycast_nodes.yml"
KEY = "secret-key-of-the-test"
ENVIRONMENT = {"ANYCAST_OSPF_KEY": KEY, "ROUTEROS_PASSWORD": LAB_PASSWORD, "ROUTEROS_ADMIN_PASSWORD": "x"}
# What a terminal of the usual height shows above the prompt.
ROWS = 24
# The emulator's API without TLS.
PLAIN = (ROUTERS, "  tls: true", "  tls: false")
# The file is no vault of any password.
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n" + "3539" * 20 + "\n"

Edit = tuple[str, str, str]  # A file, a text in it (empty: the whole file), and what stands there instead


class Case(NamedTuple):
    name: str
    edits: tuple[Edit, ...]
    words: tuple[str, ...]
    playbook: str = "site"
    options: tuple[str, ...] = ()
    environment: dict[str, str | None] = {}
    code: int = 2


def link(old: str, new: str, *words: str) -> Case:
    return Case(f"anycast_link: {new or old}", ((ALL, old, new),), (*words, "hap-lite", "sip1, sip2, sip3"))


def service(old: str, new: str, *words: str) -> Case:
    edit = (ALL, old, new)
    return Case(
        f"anycast_services: {new.strip() or old}", (edit,), (*words, "bird_anycast_services", "sip1, sip2, sip3")
    )


def router(old: str, new: str, *words: str) -> Case:
    return Case(f"router: {new.strip() or old}", ((ROUTERS, old, new),), ("hap-lite: ", *words))


def node(new: str, *words: str) -> Case:
    old = "bird_anycast_interfaces: [enp0s11]"
    more = new if new.startswith("bird_anycast_interfaces") else f"{old}\n{new}"
    return Case(f"node: {new}", ((NODES, old, more),), ("sip1", *words))


def unset(variable: str, value: str | None, playbook: str, *words: str) -> Case:
    state = "is not set" if value is None else "is set, but empty"
    said = (f"the environment variable {variable} {state}. Run: export {variable}=...", *words)
    return Case(f"{playbook} with {variable}={value}", (), said, playbook, environment={variable: value})


DRAIN = ("-e", "anycast_node=sip1", "-e", "anycast_reason=disk")
LOCAL = "ansible_connection=local ansible_become=false"
NEW_KEY: dict[str, str | None] = {"ANYCAST_NEW_KEY": "new-key-of-the-test", "ANYCAST_NEW_KEY_ID": "2"}
ADDRESSES = "addresses: [172.18.0.64]"
KEY_LINE = "key: \"{{ lookup('ansible.builtin.env', 'ANYCAST_OSPF_KEY') }}\""
CASES = [
    Case(
        "undrain of a node that is no neighbour",
        (PLAIN,),
        ("are not as expected", "Missing: 172.18.0.11 (expected Full). Likely causes: (1)"),
        "undrain",
        ("-e", f"anycast_node=sip1 anycast_wait=0 {LOCAL} ansible_python_interpreter={sys.executable}"),
    ),
    # The inventory itself
    Case("-i of nothing", (), ("inventories/hom does not exist: correct -i",), options=("-i", "inventories/hom")),
    Case(
        "a blank too few",
        ((HOSTS, "          bird_anycast_router_id: 172.18.0.12", "         bird_anycast_router_id: 172.18.0.12"),),
        ("hosts.yml cannot be read: expected <block end>", "in line 25. Correct that line"),
    ),
    Case("a tab", ((HOSTS, "        sip1:", "\tsip1:"),), ("hosts.yml cannot be read: found character",)),
    Case("a misspelt group", ((HOSTS, "anycast_nodes", "anycast_node"),), ("Is anycast_node to be anycast_nodes?",)),
    Case(
        "a misspelt router group", ((HOSTS, "anycast_routers", "routers"),), ("the group anycast_routers is missing",)
    ),
    Case("an empty inventory", ((HOSTS, "", "all: {}\n"),), ("the group anycast_nodes is missing: is -i right?",)),
    Case("no nodes", ((HOSTS, "anycast_nodes:\n", "anycast_nodes: {}\n    others:\n"),), ("anycast_nodes is empty",)),
    Case("a list of hosts", ((HOSTS, "", "- sip1\n- sip2\n"),), ("the group anycast_nodes is missing",)),
    Case("no variables", ((ALL, "", "---\n"),), ("the variable anycast_link is undefined", "group_vars/all.yml")),
    Case("broken variables", ((ALL, "  area: 0.0.0.0", "  area: : 0"),), ("YAML parsing failed",), code=4),
    Case("a vault", (("group_vars/all/vault.yml", "", VAULT),), ("vault secrets",), code=4),
    Case(
        "a vault's variable",
        ((ALL, KEY_LINE, 'key: "{{ vault_anycast_ospf_key }}"'),),
        ("the variable vault_anycast_ospf_key is undefined. Define it in your vault file",),
    ),
    # Names
    Case(
        "a misspelt link",
        ((ALL, "anycast_link:", "anycst_link:"),),
        ("hap-lite, sip1, sip2, sip3: the variable anycast_link is undefined. The inventory has 'anycst_link'",),
    ),
    Case(
        "misspelt services",
        ((ALL, "anycast_services:", "anycast_service:"),),
        ("the variable anycast_services is undefined. The inventory has 'anycast_service'",),
    ),
    Case(
        "misspelt interfaces",
        ((NODES, "bird_anycast_interfaces", "bird_anycast_interface"),),
        ("sip1, sip2, sip3: bird_anycast_interfaces is missing. The inventory has 'bird_anycast_interface'",),
    ),
    Case(
        "a misspelt router id",
        ((HOSTS, "bird_anycast_router_id: 172.18.0.12", "bird_anycast_routerid: 172.18.0.12"),),
        ("sip2: bird_anycast_router_id is missing. The inventory has 'bird_anycast_routerid'",),
    ),
    Case(
        "no router id",
        ((HOSTS, "          bird_anycast_router_id: 172.18.0.12\n", ""),),
        ("sip2: bird_anycast_router_id is missing. Define it in the inventory",),
    ),
    Case(
        "no router id of the router",
        ((HOSTS, "          routeros_ospf_router_id: 172.18.0.1\n", ""),),
        ("hap-lite: routeros_ospf_router_id is missing",),
    ),
    router("routeros_ospf_interfaces: [bridge-lan]", "", "routeros_ospf_interfaces is missing"),
    router("routeros_ospf_api:", "routeros_api:", "routeros_ospf_api is missing. The inventory has 'routeros_api'"),
    router(
        "routeros_ospf_interfaces:", "routeros_ospf_notrak: no\nrouteros_ospf_interfaces:", "'routeros_ospf_notrack'?"
    ),
    node("bird_anycast_prioritty: 1", "the variable 'bird_anycast_prioritty' is unknown, did you mean"),
    node(
        "bird_anycast_interfaces: '{{ uplink }}'",
        "the variable uplink is undefined",
        "bird_anycast_interfaces needs it",
    ),
    node("bird_anycast_cost: '{{ 1 / 0 }}'", "bird_anycast_cost cannot be resolved", "division by zero"),
    node("bird_anycast_cost: '{{ 1 '", "bird_anycast_cost cannot be resolved", "template"),
    # The environment
    *(
        unset("ANYCAST_OSPF_KEY", None, name, "hap-lite, sip1, sip2, sip3: ")
        for name in ("site", "preflight", "verify")
    ),
    unset("ANYCAST_OSPF_KEY", "", "neighbors"),
    *(unset("ROUTEROS_PASSWORD", None, name, "hap-lite: ") for name in ("site", "verify", "report")),
    unset("ROUTEROS_PASSWORD", "", "site"),
    Case(
        "drain without a password",
        (),
        ("the password of the router is empty",),
        "drain",
        DRAIN,
        {"ROUTEROS_PASSWORD": None},
    ),
    # The link
    link(KEY_LINE, "key: ''", "key is empty, expected 1 to 32 octets"),
    link("dead_interval: 4", "dead_interval: 1", "dead_interval is 1 s, expected more than hello_interval"),
    link("hello_interval: 1", "hello_interval: 1s", "hello_interval is '1s', expected whole seconds 1 to 65535"),
    link("hello_interval: 1", "hello: 1", "unknown key 'hello', did you mean 'hello_interval'?"),
    link("area: 0.0.0.0", "area: backbone", "area is 'backbone', expected a dotted quad"),
    link("network_type: broadcast", "network_type: nbma", "network_type is 'nbma', expected one of: broadcast, ptp"),
    link("authentication: sha256", "authentication: sha-256", "authentication is 'sha-256', expected one of: none"),
    link("authentication: sha256", "authentication: simple", "authentication 'simple' carries at most 8"),
    link("key_id: 1", "key_id: 0", "key_id is '0', expected 1 to 255"),
    link("bfd: false", "bfd: maybe", "bfd is 'maybe', expected true or false"),
    link("area: 0.0.0.0", "area: 0.0.0.0\n  bfd_interval: 5", "bfd_interval is '5', expected milliseconds 10 to 60000"),
    Case(
        "a link that is text",
        ((ROUTERS, 'routeros_ospf_link: "{{ anycast_link }}"', "routeros_ospf_link: sha256"),),
        ("hap-lite: routeros_ospf_link is 'sha256', expected a dictionary",),
    ),
    Case(
        "a key with a blank",
        (),
        ("key has a character outside printable ASCII, a space or a quote",),
        environment={"ANYCAST_OSPF_KEY": f"{KEY} x"},
    ),
    # The services
    Case(
        "a dictionary of services",
        ((ALL, "  - name: sip", "    name: sip"),),
        ("sip1, sip2, sip3: bird_anycast_services is a dictionary, expected a list: put '- '",),
    ),
    service(f"    {ADDRESSES}\n", "", "addresses"),
    service(ADDRESSES, "addresses: [172.18.0.640]", "address '172.18.0.640' is not an IPv4 or IPv6 address"),
    service(ADDRESSES, "addresses: [172.18.0.0/26]", "is not a host address"),
    service(ADDRESSES, "adresses: [172.18.0.64]", "unknown key 'adresses', did you mean 'addresses'?"),
    service("kamailio.service", "kamailio service", "unit is 'kamailio service.service', expected a systemd unit"),
    service("kamailio.service", "kamailio.service\n    check: {kind: sipp, port: 5060}", "kind", "sipp"),
    service("kamailio.service", "kamailio.service\n    check: {kind: sip, prot: 5060}", "unknown key 'prot'"),
    service("- name: sip", "- nam: sip", "unknown key 'nam', did you mean 'name'?"),
    Case(
        "no services",
        ((ALL, "", "anycast_services: []\nanycast_link: {key: x}\n"),),
        ("sip1, sip2, sip3: bird_anycast_services has no address", "add them to anycast_services"),
    ),
    # The login
    router("  tls: true", "  tsl: true", "routeros_ospf_api: unknown key 'tsl', did you mean 'tls'?"),
    router('  username: "{{ lookup(', '  user: "{{ lookup(', "unknown key 'user'", "username is missing"),
    router('hostname: "{{ routeros_api_hostname }}"\n  port', "hostname: ''\n  port", "hostname is missing"),
    router(
        "/router-ca.pem", "/ca.pem", "ca.pem (ca_path in routeros_ospf_api) is missing: run homelab.anycast.bootstrap"
    ),
    router(
        "\nrouteros_ospf_link:", "\nrouteros_ospf_api: admin\nrouteros_ospf_link:", "is 'admin', expected a dictionary"
    ),
    Case("report without a CA", ((ROUTERS, "/router-ca.pem", "/ca.pem"),), ("ca.pem (ca_path",), "report"),
    # Types and limits
    node("bird_anycast_priority: high", "bird_anycast_priority is high, expected a whole number"),
    node("bird_anycast_interface_manager: netplan", "is netplan, expected one of: auto, ifupdown"),
    node("bird_anycast_package: [bird2]", "bird_anycast_package is a list, expected text"),
    node("bird_anycast_interfaces: {name: eth0}", "bird_anycast_interfaces is a dictionary, expected a list"),
    router(
        "routeros_ospf_interfaces:", "routeros_ospf_cost: low\nrouteros_ospf_interfaces:", "expected a whole number"
    ),
    # The hosts
    Case("nodes that are away", (PLAIN,), ("sip1, sip2, sip3: cannot be reached (ssh to port 1: Connection refused)",)),
    Case(
        "a router that is away",
        (PLAIN, (ROUTERS, "routeros_api_port: 8729", f"routeros_api_port: {CLOSED}")),
        ("hap-lite: Cannot connect to the router at 127.0.0.1, port 1", "nothing listens there"),
    ),
    Case(
        "a wrong password",
        (PLAIN,),
        ("hap-lite: Cannot connect to the router", "Correct username and password"),
        environment={"ROUTEROS_PASSWORD": "not-it"},
    ),
    Case(
        "an interface that the router has not",
        (PLAIN, (ROUTERS, "[bridge-lan]", "[bridge]")),
        ("hap-lite: routeros_ospf_interfaces: the router has no interface 'bridge'",),
    ),
    *(
        Case(
            f"{playbook} of nodes that are away: {nodes}",
            (PLAIN,),
            (f"{nodes}: cannot be reached (ssh to port 1: Connection refused). ", cure),
            playbook,
            options,
            environment,
        )
        for playbook, nodes, cure, options, environment in (
            ("drain", "sip1", "run homelab.anycast.remove", DRAIN, {}),
            ("drain", "sip1, sip2", "run homelab.anycast.remove", (*DRAIN, "-e", "anycast_node=sip2,sip1"), {}),
            ("undrain", "sip1", "Start the node", DRAIN[:2], {}),
            ("rotate_key", "sip1, sip2, sip3", "Every node needs the new key", (), NEW_KEY),
        )
    ),
    Case(
        "nodes without Python",
        (PLAIN,),
        ("sip1: The module interpreter '/usr/bin/no-python' was not found. Install python3 on the host",),
        "drain",
        (*DRAIN, "-e", f"{LOCAL} ansible_python_interpreter=/usr/bin/no-python"),
    ),
    Case(
        "neighbours of nodes that are away",
        (PLAIN,),
        ("sip1, sip2, sip3: cannot be reached",),
        "neighbors",
        ("-e", "anycast_wait=0"),
    ),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as it is once installed."""
    place = tmp_path_factory.mktemp("collections")
    for name in ("plugins", "roles", "playbooks", "meta", "inventories", "galaxy.yml"):
        source, target = ROOT / name, place / "ansible_collections" / "homelab" / "anycast" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return place


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    router = Recording(tmp_path_factory.mktemp("router"), "nobody", "7.20.8", rows=False, users=None)
    yield router
    router.close()


def run(case: Case, collections: Path, router: Recording, directory: Path) -> tuple[int, list[str]]:
    """Return the exit code, and the rows of the terminal without empty ones."""
    inventory = directory / "inventories" / "home"
    shutil.copytree(collections / "ansible_collections/homelab/anycast/inventories/home", inventory)
    (inventory / "router-ca.pem").touch()
    for file, old, new in case.edits:
        path = inventory / file
        path.parent.mkdir(exist_ok=True)
        text = path.read_text() if path.exists() else ""
        assert old in text, f"{case.name}: {old} is not in {file}"
        path.write_text(text.replace(old, new) if old else new)
    for path in inventory.rglob("*.yml"):
        text = re.sub(r"(ansible_host|routeros_api_hostname): 172\.18\.0\.", r"\1: 127.0.0.", path.read_text())
        path.write_text(text.replace("api_port: 8729", f"api_port: {router.server.port}"))
    mine = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE")}
    values = {
        **ENVIRONMENT,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_REMOTE_PORT": str(CLOSED),
        "HOME": str(directory),
        **case.environment,
    }
    done = subprocess.run(
        [
            ANSIBLE_PLAYBOOK,
            *(() if "-i" in case.options else ("-i", "inventories/home")),
            f"homelab.anycast.{case.playbook}",
            *case.options,
        ],
        cwd=directory,
        env={**mine, **{key: value for key, value in values.items() if value is not None}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def seen(
    installed: Path, asked: Recording, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, tuple[int, list[str]]]:
    """The exit code and the terminal of each chosen case, several at once."""
    chosen = {item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")}
    cases = [case for case in CASES if case.name in chosen]
    with ThreadPoolExecutor(4) as pool:
        runs = {case.name: pool.submit(run, case, installed, asked, tmp_path_factory.mktemp("user")) for case in cases}
    found = {name: each.result() for name, each in runs.items()}
    # For docs/figures.md.
    (ROOT / "build").mkdir(exist_ok=True)
    rows = {name: len(lines) for name, (_code, lines) in found.items()}
    (ROOT / "build" / "wrong_inventories.json").write_text(json.dumps(rows, indent=2) + "\n")
    return found


@pytest.mark.parametrize("case", [case.name for case in CASES])
def test_the_end_of_the_terminal_names_the_cause_and_the_cure(
    seen: dict[str, tuple[int, list[str]]], case: str
) -> None:
    code, rows = seen[case]
    (expected,) = (each for each in CASES if each.name == case)
    text = "\n".join(rows)
    assert code == expected.code, text
    end = "\n".join(rows[-ROWS:])
    for words in expected.words:
        assert words in end, text
    assert KEY not in text and LAB_PASSWORD not in text and "Traceback" not in text
    # Ansible itself ends where it cannot read a file of variables.
    if expected.code == 2:
        verdict = r"\d problems?, nothing was changed:|OSPF is not up as expected:|are not as expected"
        assert re.search(verdict, end), text
        assert '"likely_causes"' not in text
        # Nothing red before the verdict.
        assert text.count("[ERROR]: ") == text.count("fatal: [") == 1, text
        assert "changed=1" not in text


@pytest.mark.usefixtures("seen")
def test_the_router_is_as_it_was(asked: Recording) -> None:
    for menu in ("/routing/ospf/instance", "/routing/filter/rule", "/ip/firewall/raw"):
        assert asked.call(f"{menu}/print") == [], menu
