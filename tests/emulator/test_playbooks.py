"""What playbooks refuse, or find, on a router that has the nodes as next hops, and nodes that nobody can reach."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from .conftest import Start
from .playbook import PYTHON, ROOT, System, leave_next_hops, on_second_link, play
from .test_removal import rows
from .test_role_routeros_ospf import Role

OLD_KEY, NEW_KEY = "old-key-of-it", "new-key-of-it"
ADDRESS = "172.18.0.64"
SERVICES = [{"name": "sip", "addresses": [ADDRESS]}]
PING = f"""#!/bin/sh
for last; do :; done
echo "36 bytes from {ADDRESS}: icmp_seq=1 ttl=64 time=0.204 ms"
"""


# Nodes that can be reached.
HERE = {"ansible_connection": "local", "ansible_become": "false", "ansible_python_interpreter": PYTHON}
FOLLOW = """
- hosts: anycast_routers
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        __anycast_login: "{{{{ routeros_ospf_api }}}}"
- hosts: sip2
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: {tasks}
      vars:
        __anycast_request: {{wait: 0, routers: [hap-lite]}}
        __anycast_prefixes: [{prefix}]
        __anycast_without: [172.18.0.12]
"""
# What undrain does last, with its own variables.
RETURN = """
- hosts: anycast_routers
  gather_facts: false
  tasks:
    - ansible.builtin.import_tasks: {playbooks}/tasks/ask_router.yml
  vars:
    __anycast_request: &request {{wait: 0, routers: [hap-lite, hap-ac]}}
- hosts: sip2
  gather_facts: false
  vars_files:
    - {playbooks}/vars/node.yml
  vars:
    __anycast_request: *request
    __anycast_undrained: {{prefixes: [{prefix}]}}
  tasks: [{last}]
"""


@pytest.fixture
def system(start: Start, tmp_path: Path) -> System:
    program = tmp_path / "ping"
    program.write_text(PING)
    program.chmod(0o755)
    return System(start("full", ping=str(program)), tmp_path, OLD_KEY, SERVICES, nodes=3)


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_verify_of_the_router(system: System, options: tuple[str, ...]) -> None:
    code, said = system("verify", "--limit=hap-lite", *options, extra={"anycast_wait": 0})
    assert code == 0, said
    (system.directory / "ping").write_text("#!/bin/sh\nexit 1\n")
    code, said = system("verify", "--limit=hap-lite", *options, extra={"anycast_wait": 0})
    assert code != 0
    silent = f"- hap-lite gets no answer to its ping of {ADDRESS}: see that the firewall of the nodes accepts ICMP"
    assert f"1 problem, nodes do not answer the router: {silent}" in said
    assert '"received"' not in said


def test_next_hops_that_are_not_as_expected_end_verify_without_what_was_read(system: System) -> None:
    leave_next_hops(system.router, ADDRESS, lambda hop: hop != "172.18.0.12")
    code, said = system("verify", "--limit=hap-lite", extra={"anycast_wait": 0})
    assert code != 0
    assert f"1 problem, the router does not send clients as expected: - The next hops of {ADDRESS}/32" in said
    assert "- Missing: 172.18.0.12 (sip2) is not a next hop" in said
    assert '"gateway"' not in said and said.count("[ERROR]: ") == 1


def test_a_router_that_does_not_follow_a_drain_is_told_without_what_was_read(system: System) -> None:
    """The last step of drain, undrain and remove, after which something has changed."""
    hosts, book = system.directory / "hosts.yml", system.directory / "book.yml"
    hosts.write_text(yaml.safe_dump(system.inventory()))
    book.write_text(FOLLOW.format(tasks=ROOT / "playbooks" / "tasks" / "next_hops.yml", prefix=f"{ADDRESS}/32"))
    code, said = play("-i", str(hosts), str(book))
    assert code != 0
    assert f"1 problem, the router has not followed: - The next hops of {ADDRESS}/32 on the router 127.0.0.1" in said
    assert "- Not expected, yet there: 172.18.0.12" in said
    assert '"gateway"' not in said and said.count("[ERROR]: ") == 1


def test_each_router_on_a_link_of_its_own_has_its_own_next_hop_to_a_node_that_returns(
    system: System, start: Start
) -> None:
    second = start("full")
    on_second_link(second)
    system.more_routers["hap-ac"] = second.login()
    playbooks = ROOT / "playbooks"
    last = yaml.safe_load((playbooks / "undrain.yml").read_text())[-1]["tasks"][-1]
    last["ansible.builtin.include_tasks"] = str(playbooks / last["ansible.builtin.include_tasks"])
    hosts, book = system.directory / "hosts.yml", system.directory / "book.yml"
    hosts.write_text(yaml.safe_dump(system.inventory()))
    book.write_text(RETURN.format(playbooks=playbooks, prefix=f"{ADDRESS}/32", last=json.dumps(last)))
    code, said = play("-i", str(hosts), str(book))
    assert code == 0, said
    leave_next_hops(second, ADDRESS, lambda hop: hop != "172.18.1.12")
    code, said = play("-i", str(hosts), str(book))
    assert code != 0
    (missing,) = re.findall(r"Missing: (\S+)", said)
    assert missing == "172.18.1.12"


def test_the_last_node_is_not_removed(system: System) -> None:
    leave_next_hops(system.router, ADDRESS, lambda hop: hop == "172.18.0.12")
    code, said = system("remove", extra={"anycast_node": "sip2"})
    assert code != 0
    assert f"{ADDRESS}/32 of service 'sip' would be left without a node: hap-lite sends it to no other" in said
    assert "Undrain another node first, or go on without any: -e anycast_force=true" in said


def test_a_key_that_cannot_be_changed_is_refused(system: System) -> None:
    code, said = system("rotate_key", extra={"anycast_new_key_id": 1}, ANYCAST_NEW_KEY=NEW_KEY)
    assert code != 0
    assert "anycast_new_key_id is 1, which is the key_id of the inventory, expected a different one" in said
    # Its template is somebody else's.
    code, said = system("rotate_key", extra={"anycast_new_key_id": 2, **HERE}, ANYCAST_NEW_KEY=NEW_KEY)
    assert code != 0
    assert (
        "the router has no interface template with the comment 'homelab.anycast'. Run homelab.anycast.site first"
        in said
    )
    assert [key for key in (OLD_KEY, NEW_KEY) if key in said] == []


def test_a_link_that_is_not_the_routers_is_refused_before_the_nodes_get_the_key(start: Start, tmp_path: Path) -> None:
    system = System(start("full", rows=False), tmp_path, OLD_KEY, SERVICES, nodes=3)
    assert Role(system.router, tmp_path)(key=OLD_KEY)[0] == 0
    before = rows(system.router)
    system.link.update(hello_interval=2, dead_interval=8)
    code, said = system("rotate_key", extra={"anycast_new_key_id": 2, **HERE}, ANYCAST_NEW_KEY=NEW_KEY)
    assert code != 0 and "the router has hello-interval=1s, expected 2s" in said, said
    assert "PLAY [Have the nodes accept the new key too]" not in said
    assert rows(system.router) == before
    assert [key for key in (OLD_KEY, NEW_KEY) if key in said] == []
