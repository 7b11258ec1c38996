"""Playbooks as a user runs them on two routers of which one is away: what they do, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Start
from .playbook import CLOSED, PYTHON, System
from .test_removal import rows
from .test_role_routeros_ospf import FIRST_KEY

ADDRESS = "172.18.0.64"
SERVICES = [{"name": "sip", "addresses": [ADDRESS]}]
# Nodes that can be reached.
HERE = {"ansible_connection": "local", "ansible_become": "false", "ansible_python_interpreter": PYTHON}
WITHOUT_IT = "To go on without this router: --limit '!edge'"


@pytest.fixture
def system(start: Start, tmp_path: Path) -> System:
    found = System(start("full", rows=False), tmp_path, FIRST_KEY, SERVICES, nodes=2)
    found.more_routers = {"edge": {**found.router.login(), "port": CLOSED}}
    return found


@pytest.mark.parametrize(
    ("playbook", "extra"),
    [
        ("preflight", {}),
        ("site", {}),
        ("neighbors", {"anycast_wait": 0}),
        ("verify", {"anycast_wait": 0}),
        ("drain", {"anycast_node": "sip1", "anycast_reason": "disk", **HERE}),
        ("undrain", {"anycast_node": "sip1", "anycast_wait": 0, **HERE}),
        ("remove", {"anycast_everything": "true", "anycast_force": "true"}),
    ],
)
def test_what_is_refused_and_how_to_go_on(system: System, playbook: str, extra: dict[str, Any]) -> None:
    before = rows(system.router)
    code, printed = system(playbook, extra=extra)
    assert code != 0 and WITHOUT_IT in printed, printed
    assert rows(system.router) == before
    assert FIRST_KEY not in printed


def test_a_router_without_the_new_key_would_lose_its_neighbours(system: System) -> None:
    before = rows(system.router)
    extra = {"anycast_new_key_id": 2, **HERE}
    code, printed = system("rotate_key", extra=extra, ANYCAST_NEW_KEY="new-key-of-it")
    assert code != 0 and rows(system.router) == before
    assert "PLAY [Have the nodes accept the new key too]" not in printed
    # Not even by consent.
    code, printed = system("rotate_key", "--limit", "!edge", extra=extra, ANYCAST_NEW_KEY="new-key-of-it")
    assert code != 0 and "--limit leaves out edge: run rotate_key without --limit" in printed


def test_status_shows_the_rest(system: System) -> None:
    code, printed = system("status", extra={"anycast_status_file": ""})
    assert code == 0
    assert "edge" in printed and "hap-lite" in printed
    assert f"{ADDRESS}/32" in printed
