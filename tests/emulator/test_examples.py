"""The examples as far as they go without the lab's machines; the scenario `examples` runs them in full."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.example import EXAMPLES, ROOT, SECRETS, checked, playbook, run

from .recorded import Recording


@pytest.mark.parametrize("path", ["existing_playbook/telephony.yml", "sip/site.yml", "dns/site.yml"])
def test_syntax(path: str) -> None:
    code, said = playbook(
        "--syntax-check", f"--inventory={(EXAMPLES / path).parent / 'inventory.yml'}", str(EXAMPLES / path)
    )
    assert code == 0, said


@pytest.mark.parametrize(
    ("inventories", "template", "lines"),
    [
        (
            ["sip/inventory.yml"],
            "kamailio.cfg",
            [
                "listen=udp:172.18.0.64:5060",
                'server_header="Server: sip1"',
                'modparam("dmq", "server_address", "sip:172.18.0.11:5062")',
                'modparam("dmq", "notification_address", "sip:172.18.0.12:5062")',
                'modparam("dmq", "notification_address", "sip:172.18.0.13:5062")',
            ],
        ),
        (
            ["dns/inventory.yml", "dns/dnsdist.yml"],
            "dnsdist.conf",
            [
                'setLocal("172.18.0.65:53")',
                'setACL("172.18.0.0/26")',
                # The check asks from there.
                'addACL("172.18.0.65")',
                'newServer({address="127.0.0.1:5300", checkName="check.anycast.test."})',
            ],
        ),
        (
            ["dns/inventory.yml"],
            "unbound.conf",
            [
                "    interface: 172.18.0.65",
                # The check asks from there.
                "    access-control: 172.18.0.65 allow",
                "    access-control: 172.18.0.0/26 allow",
                '    identity: "dns1"',
                '    local-data: "check.anycast.test. 60 IN A 127.0.0.1"',
            ],
        ),
    ],
)
def test_an_inventory_is_what_the_roles_take(
    inventories: list[str], template: str, lines: list[str], tmp_path: Path
) -> None:
    by_host = checked(tmp_path, *inventories, templates=[template]).written[template]
    written = by_host[min(by_host)].splitlines()
    assert [line for line in lines if line not in written] == []


@pytest.mark.parametrize(
    ("example", "other", "unit"),
    [
        ("sip", "opensips", "opensips.service"),
        ("dns", "dnsdist", "dnsdist.service"),
        ("dns", "adguard_home", "AdGuardHome.service"),
        ("dns", "pihole", "pihole-FTL.service"),
    ],
)
def test_another_server_differs_in_its_service_alone(example: str, other: str, unit: str, tmp_path: Path) -> None:
    directories = (Path(tempfile.mkdtemp(dir=tmp_path)) for _run in range(2))
    usual = checked(next(directories), f"{example}/inventory.yml").services
    services = checked(next(directories), f"{example}/inventory.yml", f"{example}/{other}.yml").services
    assert [service["unit"] for service in services] == [unit]
    assert [service["addresses"] for service in services] == [service["addresses"] for service in usual]


def test_unbound_leaves_the_address_to_dnsdist(tmp_path: Path) -> None:
    example = checked(tmp_path, "dns/inventory.yml", "dns/dnsdist.yml", templates=["unbound.conf"])
    addresses = re.findall(r"^ *interface: (.*)$", example.written["unbound.conf"]["dns1"], re.MULTILINE)
    assert addresses == ["127.0.0.1@5300"]


def test_the_router_of_an_existing_playbook(empty: Recording) -> None:
    command = [
        f"--inventory={EXAMPLES / 'existing_playbook/inventory.yml'}",
        "--limit=mikrotik",
        "--extra-vars",
        json.dumps({"routeros_api": empty.login()}),
        str(EXAMPLES / "existing_playbook/telephony.yml"),
    ]
    code, said = playbook(*command)
    assert code == 0, said
    # Both their own task and the role have done their part.
    assert empty.call("/system/identity/print")[0]["name"] == "hap-lite"
    (template,) = empty.call("/routing/ospf/interface-template/print")
    assert (template["interfaces"], template["auth-key"]) == ("bridge-lan", SECRETS["ANYCAST_OSPF_KEY"])
    assert "172.18.0.64" in "".join(row["rule"] for row in empty.call("/routing/filter/rule/print"))

    code, said = playbook(*command)
    assert code == 0, said
    assert "changed=0" in said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of examples/ci where nothing of this checkout is around it."""
    return Path(shutil.copytree(EXAMPLES / "ci", tmp_path / "project"))


def test_a_ci_of_ones_own(project: Path, tmp_path: Path) -> None:
    environment = {
        "ANYCAST_COLLECTIONS": str(ROOT / ".ansible/collections"),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "molecule"),
        "COLUMNS": "200",
    }
    code, said = run("molecule", "list", directory=project, **environment)
    assert code == 0, said
    assert [name for name in ("office-gw", "pbx-a", "pbx-b", "reception") if name not in said] == []
    code, said = run("molecule", "syntax", "-s", "anycast", directory=project, **environment)
    assert code == 0, said
    # Where the collection is not there, nothing is started.
    code, said = run(
        "molecule", "create", "-s", "anycast", directory=project, **{**environment, "ANYCAST_COLLECTIONS": ""}
    )
    assert code != 0
    assert "ANYCAST_COLLECTIONS is '', expected the directory that has ansible_collections/homelab/anycast" in said


def test_its_hosts_are_machines_of_the_lab(project: Path, tmp_path: Path) -> None:
    machine = {
        "ansible_host": "127.0.0.1",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "user_key",
        "ansible_ssh_common_args": "-oPort=1",
        "routeros_api_hostname": "127.0.0.1",
        "routeros_api_port": 20229,
        "routeros_api_ca_path": "ca.pem",
    }
    names = ("hap-lite", "sip1", "sip2", "phones")
    hosts = {name: {**machine, "ansible_port": 20221 + number} for number, name in enumerate(names)}
    lab = tmp_path / "lab.yml"
    lab.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    options = [
        f"--inventory={path}"
        for path in (project / "inventory.yml", lab, project / "molecule/anycast/inventory/lab.yml")
    ]
    options += ["--connection=local", "--module-name=ansible.builtin.debug", "--one-line", "--args"]

    code, said = run(
        "ansible", "pbx-b:reception", *options, "msg={{ ansible_port }},{{ bird_anycast_router_id | default() }}"
    )
    assert code == 0, said
    # sip2 and phones.
    assert "20223,172.18.0.12" in said and "20224," in said
    code, said = run(
        "ansible", "office-gw", *options, "msg={{ routeros_ospf_api.port }},{{ routeros_ospf_api.ca_path }}"
    )
    assert code == 0, said
    assert "20229,ca.pem" in said


def test_the_workflow_runs_what_is_there() -> None:
    workflow = yaml.safe_load((EXAMPLES / "ci/.github/workflows/anycast.yml").read_text())
    job = workflow["jobs"]["lab"]
    (collection,) = [step["with"] for step in job["steps"] if "repository" in step.get("with", {})]
    assert collection["path"] == ".anycast/ansible_collections/homelab/anycast"
    # Releases are tagged so (.github/workflows/release.yml).
    assert re.fullmatch(r"v\d+\.\d+\.\d+", collection["ref"])
    assert job["env"]["ANYCAST_COLLECTIONS"] == "${{ github.workspace }}/.anycast"
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert f"{collection['path']}/lab setup" in commands
    assert "molecule test -s anycast" in commands
    assert (EXAMPLES / "ci/molecule/anycast/molecule.yml").exists()
