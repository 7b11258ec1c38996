"""A gateway that two routers share by VRRP, as preflight, verify and status tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Start
from .playbook import System
from .recorded import Recording
from .test_playbooks import OLD_KEY, PING, SERVICES

LOOK = {"anycast_wait": 0}
ROUTERS = "--limit=anycast_routers"


class TwoRouters(System):
    """The system with a second router, hap-second."""

    second: Recording

    def inventory(self) -> dict[str, Any]:
        found = super().inventory()
        routers = found["all"]["children"]["anycast_routers"]["hosts"]
        routers["hap-second"] = {
            **routers["hap-lite"],
            "routeros_ospf_api": self.second.login(),
            "routeros_ospf_router_id": "172.18.0.3",
        }
        return found


def share(router: Recording, *words: str, address: str = "172.18.0.2", state: str = "MASTER") -> None:
    """Give a router the gateway, in that state."""
    router.share_gateway("vrrp1", address, *words)
    router.vrrp.state = state


@pytest.fixture
def system(start: Start, tmp_path: Path) -> TwoRouters:
    program = tmp_path / "ping"
    program.write_text(PING)
    program.chmod(0o755)
    found = TwoRouters(start("full", ping=str(program)), tmp_path, OLD_KEY, SERVICES, nodes=3)
    found.second = start("full", ping=str(program))
    return found


def test_verify_names_the_master_and_the_share_of_the_clients(system: TwoRouters) -> None:
    share(system.router, "=priority=200")
    share(system.second, state="BACKUP")
    code, said = system("verify", ROUTERS, extra=LOOK)
    assert code == 0, said
    assert "Gateway 172.18.0.2 (VRRP, vrid 1): master hap-lite, backup hap-second" in said
    assert "When a gateway moves to a different router, about 67 % of its clients meet a different node" in said
    system.second.vrrp.state = "MASTER"
    code, said = system("verify", ROUTERS, extra=LOOK)
    assert code != 0
    problem = "- hap-lite, hap-second: are all master of the gateway 172.18.0.2, expected one: they do not hear"
    assert f"The gateway of the clients is not as expected: {problem}" in said


def test_neighbors_alone_asks_for_no_gateway(system: TwoRouters) -> None:
    for router in (system.router, system.second):
        share(router)
    code, said = system("neighbors", ROUTERS, extra=LOOK)
    assert (code, "172.18.0.2" in said) == (0, False), said


def test_one_router_is_neither_asked_nor_told(start: Start, tmp_path: Path) -> None:
    router = start("full")
    share(router, state="BACKUP")
    system = System(router, tmp_path, OLD_KEY, SERVICES, nodes=3)
    _code, said = system("status", extra={"anycast_status_file": ""})
    assert "172.18.0.2" not in said and "hash seed" not in said


def test_status_names_the_master_and_what_is_wrong(system: TwoRouters, tmp_path: Path) -> None:
    share(system.router, "=priority=200", state="BACKUP")
    share(system.second, state="BACKUP")
    page = tmp_path / "status.html"
    _code, said = system("status", extra={"anycast_status_file": page})
    assert "GATEWAY 172.18.0.2 (VRRP, vrid 1): backup hap-lite, backup hap-second" in said
    assert "- hap-lite, hap-second: no router is master of the gateway 172.18.0.2, expected one" in said
    assert '<td role="cell" data-label="vrid">1</td>' in page.read_text()


def test_preflight_compares_the_routers(system: TwoRouters) -> None:
    share(system.router, "=priority=200", "=interval=200ms")
    share(system.second, "=priority=200")
    code, said = system("preflight", ROUTERS, extra={})
    assert code != 0
    assert "the interval of the gateway 172.18.0.2 (VRRP) is 0.2 s on hap-lite, 1 s on hap-second, expected" in said
    assert "hap-lite and hap-second have the priority 200 for the gateway 172.18.0.2 (VRRP)" in said


def test_preflight_names_the_router_that_has_the_address_itself(system: TwoRouters) -> None:
    share(system.router, address="172.18.0.1")
    _code, said = system("preflight", ROUTERS, extra={})
    assert "the router hap-lite has the address 172.18.0.1 of a gateway (VRRP) on bridge-lan" in said
    assert "has the gateway 172.18.0.1 by VRRP, and the router hap-second in the same network has not" in said
