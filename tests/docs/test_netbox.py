"""What the page about NetBox has of Ansible, for hosts as its inventory plugin returns them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# Of a device or virtual machine, what the plugin sets beside much else.
HOSTS = {
    "hap-lite": {"tags": ["anycast-router"], "primary_ip4": "172.18.0.1", "ansible_host": "172.18.0.1"},
    "sip1": {"tags": ["debian", "anycast-node"], "primary_ip4": "172.18.0.11", "ansible_host": "172.18.0.11"},
    "phones": {"tags": ["anycast-client"], "primary_ip4": "172.18.0.22", "ansible_host": "172.18.0.22"},
}


def test_the_groups_and_variables_are_those_of_the_example_inventory(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "docsite" / "rst" / "netbox.rst").read_text()
    (block,) = re.findall(r"\.\. code-block:: yaml\+jinja\n\n((?:    .*\n|\n)+)", page)
    asked = yaml.safe_load(textwrap.dedent(block))
    assert {tag for tags in asked["query_filters"] for tag in tags["tag"]} == {
        tag for host in HOSTS.values() for tag in host["tags"] if tag.startswith("anycast")
    }
    shutil.copytree(ROOT / "inventories" / "home" / "group_vars", tmp_path / "group_vars")
    (tmp_path / "1-hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": HOSTS}}))
    constructed = {"plugin": "ansible.builtin.constructed", **{key: asked[key] for key in ("groups", "compose")}}
    (tmp_path / "2-constructed.yml").write_text(yaml.safe_dump({**constructed, "strict": True}))
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(tmp_path), "--list"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT).stdout)
    groups = [found[f"anycast_{group}"]["hosts"] for group in ("routers", "nodes", "clients")]
    assert groups == [[name] for name in HOSTS]
    variables = found["_meta"]["hostvars"]
    assert variables["sip1"]["bird_anycast_router_id"] == "172.18.0.11"
    assert variables["hap-lite"]["routeros_ospf_router_id"] == "172.18.0.1"
    # What group_vars make of it.
    assert variables["hap-lite"]["routeros_ospf_api"]["hostname"] == "{{ routeros_api_hostname }}"
    assert variables["hap-lite"]["routeros_api_hostname"] == "172.18.0.1"
    assert variables["sip1"]["bird_anycast_interfaces"] == ["enp0s11"]
