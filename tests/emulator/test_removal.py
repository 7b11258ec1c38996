"""The role routeros_ospf beside rows that it does not manage: what it takes over, and that it leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.routeros.vtysh import FrrError

from .recorded import Recording
from .test_role_routeros_ospf import AREA, FIRST_KEY, INSTANCE, RULE, TEMPLATE, Role

BFD, SETTINGS, LISTS = "/routing/bfd/configuration", "/ip/settings", "/interface/list"
FILTER_V6, SETTINGS_V6 = "/ipv6/firewall/filter", "/ipv6/settings"
MENUS = (INSTANCE, AREA, TEMPLATE, RULE, BFD, SETTINGS, LISTS, "/ip/address", "/ip/firewall/filter", FILTER_V6,
         SETTINGS_V6, "/ip/firewall/raw", "/ipv6/firewall/raw")  # fmt: skip
LINK = {"key": FIRST_KEY, "bfd": True}


@pytest.fixture
def role(empty: Recording, tmp_path: Path) -> Role:
    return Role(empty, tmp_path)


def rows(router: Recording) -> dict[str, list[dict[str, Any]]]:
    """Every row of every menu that the role may write to, without what no row has by itself."""
    return {
        menu: [
            {name: value for name, value in row.items() if name != ".nextid"} for row in router.call(f"{menu}/print")
        ]
        for menu in MENUS
    }


def somebody_elses(router: Recording) -> None:
    """An instance of his own, disabled as the emulator has one only; a chain, and settings unlike RouterOS's own."""
    router.call(f"{INSTANCE}/add", "=name=his", "=router-id=192.0.2.1", "=disabled=yes", "=comment=his")
    router.call(f"{AREA}/add", "=name=his", "=instance=his")
    router.call(f"{TEMPLATE}/add", "=area=his", "=interfaces=ether2")
    router.call(f"{RULE}/add", "=chain=his", "=rule=accept", "=comment=homelab.anycast is not his")
    router.call(f"{BFD}/add", "=interfaces=ether2", "=min-rx=1s")
    router.call(f"{SETTINGS}/set", "=ipv4-multipath-hash-policy=l4")


def by_hand(router: Recording, *template: str, interfaces: str = "bridge-lan", area_id: str = "0.0.0.0") -> None:
    """As WinBox names them."""
    router.call(f"{INSTANCE}/add", "=name=ospf-instance-1", "=router-id=172.18.0.1", "=comment=by hand")
    router.call(f"{AREA}/add", "=name=default-v2", "=instance=ospf-instance-1", f"=area-id={area_id}")
    words = ("=hello-interval=1s", "=dead-interval=4s", "=retransmit-interval=2s", "=auth=sha256", "=auth-id=1")
    router.call(
        f"{TEMPLATE}/add", "=area=default-v2", f"=interfaces={interfaces}", *words, f"=auth-key={FIRST_KEY}", *template
    )


def test_the_router_is_as_it_was(role: Role) -> None:
    router = role.router
    somebody_elses(router)
    before = rows(router)
    assert role(routeros_ospf_link=LINK)[0] == 0
    # Another distribution later is not what was there before.
    assert role(routeros_ospf_link=LINK, routeros_ospf_distribution="per_client")[0] == 0
    there = rows(router)
    assert all(there[menu] != before[menu] for menu in (INSTANCE, AREA, TEMPLATE, RULE, BFD, SETTINGS))
    code, said = role("--check", "--diff", entry="remove", routeros_ospf_link=LINK)
    assert code == 0 and "changed=7 " in said and FIRST_KEY not in said, said
    assert rows(router) == there
    code, said = role("--diff", "-vvv", entry="remove", routeros_ospf_link=LINK)
    assert code == 0 and "changed=7 " in said and FIRST_KEY not in said, said
    assert rows(router) == before
    code, said = role(entry="remove", routeros_ospf_link=LINK)
    assert code == 0 and "changed=0" in said, said


def test_the_router_is_as_it_was_before_ipv6(role: Role) -> None:
    router = role.router
    router.call(f"{FILTER_V6}/add", "=chain=output", "=action=accept", "=comment=his")
    router.call(f"{SETTINGS_V6}/set", "=multipath-hash-policy=l4")
    before = rows(router)
    both: dict[str, Any] = {
        "routeros_ospf_link": LINK,
        "routeros_ospf_anycast_prefixes": ["172.18.0.64", "2001:db8:64::64"],
    }

    code, said = role(**both)
    assert code != 0 and "(chain output, action accept, comment 'his') lets ICMPv6 redirects out" in said, said
    assert rows(router) == before
    # As the message says.
    words = ("chain=output", "action=drop", "protocol=icmpv6", "icmp-options=137:0-255", "comment=homelab.anycast")
    assert f"{FILTER_V6}/add {' '.join(words)} place-before=*1" in said
    router.call(f"{FILTER_V6}/add", *(f"={word}" for word in words), "=place-before=*1")

    assert role(**both)[0] == 0
    assert [rule["comment"] for rule in router.call(f"{FILTER_V6}/print")] == ["homelab.anycast", "his"]
    assert router.call(f"{SETTINGS_V6}/print")[0]["multipath-hash-policy"] == "l3"
    code, said = role("--check", **both)
    assert code == 0 and "changed=0" in said, said

    code, said = role("--check", entry="remove", **both)
    there = rows(router)
    assert code == 0 and FIRST_KEY not in said, said
    assert role(entry="remove", **both)[0] == 0
    assert rows(router) == before != there
    code, said = role(entry="remove", **both)
    assert code == 0 and "changed=0" in said, said


def test_a_removal_that_was_interrupted_goes_on(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    router = role.router
    router.call(f"{SETTINGS_V6}/set", "=multipath-hash-policy=l4")
    before = rows(router)
    both: dict[str, Any] = {"routeros_ospf_anycast_prefixes": ["172.18.0.64", "2001:db8:64::64"]}
    assert role(**both)[0] == 0
    there = rows(router)

    def refuse(settings: Any) -> None:
        # What the role gives back.
        if settings["multipath-hash-policy"] == "l4":
            raise FrrError("no power")

    with monkeypatch.context() as patch:
        patch.setattr(router.kernel, "set_ipv6_settings", refuse)
        code, said = role(entry="remove", **both)
        assert code != 0 and "no power" in said, said
    assert rows(router)[SETTINGS_V6] == there[SETTINGS_V6]
    assert role(entry="remove", **both)[0] == 0
    assert rows(router) == before


def test_settings_that_nobody_has_noted_are_left_and_named(role: Role) -> None:
    """A router that an earlier version of the role has set up."""
    assert role()[0] == 0
    router = role.router
    (note,) = (row for row in router.call(f"{RULE}/print") if row["chain"] == "anycast-before")
    router.call(f"{RULE}/remove", f"=.id={note['.id']}")
    # Nor does it take the settings of its own for those of before.
    assert role()[0] == 0
    code, said = role(entry="remove")
    assert code == 0 and "/ip/settings stays as it is (send-redirects=no" in said, said
    assert router.call(f"{SETTINGS}/print")[0]["send-redirects"] is False
    assert [row for menu in (INSTANCE, AREA, TEMPLATE, RULE) for row in router.call(f"{menu}/print")] == []


def test_rows_made_in_winbox_are_taken_over_and_given_back(role: Role) -> None:
    router = role.router
    by_hand(router)
    ids = {menu: router.call(f"{menu}/print")[0][".id"] for menu in (INSTANCE, AREA, TEMPLATE)}
    before = rows(router)
    code, said = role("--check", "--diff")
    # The note, the settings, the rules, and three rows.
    assert code == 0 and "changed=6 " in said and FIRST_KEY not in said, said
    assert rows(router) == before
    router.frr.commands.clear()
    code, said = role("--diff", "-vvv")
    assert code == 0 and "changed=6 " in said and FIRST_KEY not in said, said
    assert "takes over the OSPF instance 'ospf-instance-1', the area 'default-v2'" in said
    for menu, name in ((INSTANCE, "ospf-instance-1"), (AREA, "default-v2"), (TEMPLATE, None)):
        (row,) = router.call(f"{menu}/print")
        # The very row: nothing was removed and made anew.
        assert (row[".id"], row.get("name"), row["comment"]) == (ids[menu], name, "homelab.anycast")
    # Of OSPF itself FRR was told nothing that would cost the adjacency: neither router nor interface anew.
    assert not [line for line in router.frr.commands if "ospf" in line and not line.startswith("ip protocol ospf")]
    there = rows(router)
    code, said = role()
    assert code == 0 and "changed=0" in said, said
    # As where the role was interrupted after the first of the three.
    for menu in (AREA, TEMPLATE):
        router.call(f"{menu}/set", f"=.id={ids[menu]}", "=comment=")
    code, said = role()
    assert code == 0 and rows(router) == there, said

    code, said = role("--check", entry="remove")
    assert code == 0, said
    code, said = role("--diff", "-vvv", entry="remove")
    assert code == 0 and FIRST_KEY not in said, said
    assert "were there before the role: they stay" in said
    after = rows(router)
    assert after[RULE] == before[RULE] and after[SETTINGS] == before[SETTINGS]
    assert (after[INSTANCE], after[AREA]) == (before[INSTANCE], before[AREA])
    assert after[TEMPLATE][0][".id"] == ids[TEMPLATE]
    code, said = role(entry="remove")
    assert code == 0 and "changed=0" in said, said


@pytest.mark.parametrize(
    ("arrange", "variables", "said"),
    [
        ({"area_id": "0.0.0.1"}, {}, "its area-id is 0.0.0.1, expected 0.0.0.0"),
        ({}, {"routeros_ospf_router_id": "172.18.0.2"}, "its instance has router-id=172.18.0.1, expected 172.18.0.2"),
    ],
)
def test_what_does_not_do_the_same_is_named(role: Role, arrange: Any, variables: Any, said: str) -> None:
    by_hand(role.router, **arrange)
    before = rows(role.router)
    code, printed = role(**variables)
    assert code != 0 and said in printed and "changed=0" in printed, printed
    assert rows(role.router) == before


def test_templates_for_other_interfaces_stay_and_are_not_shut_out(role: Role) -> None:
    router = role.router
    by_hand(router)
    router.call(f"{TEMPLATE}/add", "=area=default-v2", "=interfaces=ether2", "=cost=9", "=comment=uplink")
    before = rows(router)
    code, said = role()
    assert code != 0 and "whose routes the import filter would reject. Set routeros_ospf_filter_chain to ''" in said
    assert rows(router) == before
    code, said = role(routeros_ospf_filter_chain="", routeros_ospf_anycast_prefixes=[])
    assert code == 0, said
    uplink = rows(router)[TEMPLATE][1]
    assert uplink == before[TEMPLATE][1]
    code, said = role(routeros_ospf_filter_chain="", routeros_ospf_anycast_prefixes=[])
    assert code == 0 and "changed=0" in said, said


def test_two_that_would_do_are_one_too_many(role: Role) -> None:
    by_hand(role.router)
    role.router.call(f"{TEMPLATE}/add", "=area=default-v2", "=interfaces=bridge-lan")
    before = rows(role.router)
    code, said = role()
    assert code != 0 and "match the same interfaces. Remove all but one of them" in said
    assert rows(role.router) == before
