"""The playbook remove as a user runs it, on a router that answers and nodes that nobody can reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Start
from .playbook import CLOSED, System
from .recorded import Recording
from .test_removal import rows
from .test_role_routeros_ospf import FIRST_KEY, RULE, Role

PREFIXES = ["172.18.0.64", "172.18.0.65"]
SERVICES = [
    {"name": "sip", "addresses": [PREFIXES[0]]},
    {"name": "dns", "addresses": [PREFIXES[1]], "interface": "dummy1"},
]


class Remove(System):
    def __init__(self, router: Recording, directory: Path) -> None:
        super().__init__(router, directory, FIRST_KEY, SERVICES, nodes=2)

    def __call__(self, *options: str, **asked: Any) -> tuple[int, str]:
        return super().__call__("remove", *options, extra=asked)


@pytest.fixture
def remove(empty: Recording, tmp_path: Path) -> Remove:
    return Remove(empty, tmp_path)


def test_everything_goes_from_the_router_though_the_nodes_are_dead(remove: Remove, tmp_path: Path) -> None:
    before = rows(remove.router)
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    there = rows(remove.router)
    code, said = remove(anycast_everything="true")
    assert code != 0 and "no node would serve any anycast address any more" in said
    asked = {"anycast_everything": "true", "anycast_force": "true"}
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
    code, said = remove(anycast_node="sip2")
    assert code == 0, said
    assert "sip2 cannot be reached" in said and "sip1 cannot be reached, and" not in said
    assert rows(remove.router) == there


def test_a_service_goes_and_its_address_comes_in_no_more(remove: Remove, tmp_path: Path) -> None:
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    there = rows(remove.router)
    code, said = remove(anycast_service="dns", anycast_force="true")
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
        ({}, "nothing is asked for: -e anycast_service=NAME"),
        ({"anycast_node": "sip9"}, "anycast_node 'sip9' is unknown, did you mean 'sip2'? there is: sip1, sip2"),
        ({"anycast_service": "web", "anycast_force": "true"}, "anycast_service 'web' is unknown; there is: dns, sip"),
    ):
        code, said = remove(**asked)
        assert code != 0 and words in said
    assert rows(remove.router) == before


def test_what_would_interrupt_the_router_is_refused_before_a_node_is_touched(start: Start, tmp_path: Path) -> None:
    """Without the service's address the router is configured anew, with the link as it is in the inventory by then."""
    remove = Remove(start("full", rows=False), tmp_path)
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    before = rows(remove.router)
    remove.link["hello_interval"] = 2
    code, said = remove(anycast_service="dns", anycast_force="true")
    assert code != 0 and "the router has hello-interval=1s, expected 2s" in said, said
    assert "[Look which" not in said
    assert rows(remove.router) == before


def test_a_router_that_is_away_is_left_out_by_consent(remove: Remove, tmp_path: Path) -> None:
    before = rows(remove.router)
    assert Role(remove.router, tmp_path)(routeros_ospf_anycast_prefixes=PREFIXES)[0] == 0
    there = rows(remove.router)
    remove.more_routers = {"edge": {**remove.router.login(), "port": CLOSED}}
    asked = {"anycast_everything": "true", "anycast_force": "true"}
    code, said = remove(**asked)
    assert code != 0 and rows(remove.router) == there, said
    assert "To go on without this router: --limit '!edge'" in said
    # A list of nodes is no consent: it leaves out each router.
    code, said = remove("--limit", "sip1,sip2", **asked)
    assert code != 0 and "--limit leaves out edge, hap-lite: run remove without --limit" in said, said
    code, said = remove("--limit", "!edge", **asked)
    assert code == 0 and rows(remove.router) == before, said
    warning = "edge is left out by --limit, so it is not asked, and not waited for: it keeps what the role has written"
    assert warning in said
