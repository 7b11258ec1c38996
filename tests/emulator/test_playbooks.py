"""What playbooks refuse, or find, on a router that has the nodes as next hops, and nodes that nobody can reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Start
from .playbook import System
from .test_removal import rows
from .test_role_routeros_ospf import Role

OLD_KEY, NEW_KEY = "old-key-of-it", "new-key-of-it"
ADDRESS = "172.18.0.64"
SERVICES = [{"name": "sip", "addresses": [ADDRESS]}]
PING = f"""#!/bin/sh
for last; do :; done
echo "36 bytes from {ADDRESS}: icmp_seq=1 ttl=64 time=0.204 ms"
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
    assert f"hap-lite gets no answer to its ping of {ADDRESS}: see that the firewall of the nodes accepts ICMP" in said


def test_the_last_node_is_not_removed(system: System) -> None:
    show = system.router.frr.show

    def shown(command: str) -> Any:
        answer = show(command)
        if command == "show ip route json":
            for route in answer[f"{ADDRESS}/32"]:
                route["nexthops"] = [hop for hop in route["nexthops"] if hop["ip"] == "172.18.0.12"]
        return answer

    system.router.frr.show = shown  # type: ignore[method-assign]
    code, said = system("remove", extra={"anycast_node": "sip2"})
    assert code != 0
    assert f"{ADDRESS}/32 of service 'sip' would be left without a node: hap-lite sends it to no other" in said
    assert "Undrain another node first, or go on without any: -e anycast_force=true" in said


def test_a_key_that_cannot_be_changed_is_refused(system: System) -> None:
    code, said = system("rotate_key", extra={"anycast_new_key_id": 1}, ANYCAST_NEW_KEY=NEW_KEY)
    assert code != 0
    assert "anycast_new_key_id is 1, which is the key_id of the inventory, expected a different one" in said
    # Its template is somebody else's.
    code, said = system("rotate_key", extra={"anycast_new_key_id": 2}, ANYCAST_NEW_KEY=NEW_KEY)
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
    system.link["hello_interval"] = 2
    code, said = system("rotate_key", extra={"anycast_new_key_id": 2}, ANYCAST_NEW_KEY=NEW_KEY)
    assert code != 0 and "the router has hello-interval=3s, expected 2s" in said, said
    assert "PLAY [Have the nodes accept the new key too]" not in said
    assert rows(system.router) == before
    assert [key for key in (OLD_KEY, NEW_KEY) if key in said] == []
