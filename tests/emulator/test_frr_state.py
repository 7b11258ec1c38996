"""FRR's answers -> rows, on recordings of FRR 10.3 with BIRD 2.17 on the other end."""

from __future__ import annotations

from typing import Any

import pytest

from lab.routeros.store import Store

from .conftest import Start

LAN = "172.18.0.1%bridge-lan"


def raw(start: Start, state: str, menu: str, version: str = "7.20.8") -> list[dict[str, str]]:
    """Rows as the words say them, without librouteros' conversions."""
    router = start(state, version).router
    found = router.menu(menu)
    assert found is not None
    with router.lock:
        return router.rows(found)


def test_full_neighbors(start: Start) -> None:
    rows = raw(start, "full", "routing/ospf/neighbor")
    assert [(row["router-id"], row["address"], row["state"]) for row in rows] == [
        (f"172.18.0.{number}", f"172.18.0.{number}", "Full") for number in (11, 12, 13)
    ]
    first = rows[0]
    assert (first["instance"], first["area"], first["priority"], first["dr"]) == ("home", "backbone", "0", "172.18.0.1")
    assert first["bdr"] == "0.0.0.0"
    assert "interface" not in first
    assert first["adjacency"].endswith("s")
    assert first["dynamic"] == "true"
    assert "virtual" not in first


def test_neighbor_rows_name_the_interface_from_7_21_on(start: Start) -> None:
    assert raw(start, "full", "routing/ospf/neighbor", "7.21.5")[0]["interface"] == "bridge-lan"


def test_states_short_of_full(start: Start) -> None:
    two_way = raw(start, "two_way", "routing/ospf/neighbor")
    assert {row["state"] for row in two_way} == {"TwoWay"}
    exstart = raw(start, "exstart", "routing/ospf/neighbor")
    assert [row["state"] for row in exstart] == ["ExStart"]
    assert not [row for row in two_way + exstart if "adjacency" in row]
    assert raw(start, "nobody", "routing/ospf/neighbor") == []


def test_point_to_point_neighbors_have_no_priority_and_no_dr(start: Start) -> None:
    (row,) = raw(start, "point_to_point", "routing/ospf/neighbor")
    assert row["state"] == "Full"
    assert not {"priority", "dr", "bdr"} & set(row)


@pytest.mark.parametrize(
    ("state", "version", "expected"),
    [
        ("full", "7.20.8", {"state": "dr", "network-type": "broadcast", "priority": "128", "use-bfd": "true"}),
        ("full", "7.23.8", {"state": "dr", "type": "broadcast", "use-bfd": "true"}),
        ("full", "7.9.2", {"state": "dr", "network-type": "broadcast"}),
        ("two_way", "7.20.8", {"state": "dr-other", "priority": "0", "use-bfd": "false"}),
        ("passive", "7.20.8", {"state": "passive"}),
        ("point_to_point", "7.20.8", {"state": "ptp", "network-type": "ptp"}),
    ],
)
def test_ospf_interfaces(start: Start, state: str, version: str, expected: dict[str, str]) -> None:
    (row,) = raw(start, state, "routing/ospf/interface", version)
    common = {"address": LAN, "area": "backbone", "cost": "1", "hello-interval": "1s", "dead-interval": "4s",
              "retransmit-interval": "2s", "transmit-delay": "1s", "dynamic": "true"}  # fmt: skip
    assert {name: row.get(name) for name in {**common, **expected}} == {**common, **expected}
    # Absent where the router is it itself, on passive and on point to point interfaces.
    assert "dr" not in row
    assert ("network-type" in row) is (version != "7.23.8")
    assert ("use-bfd" in row) is (version != "7.9.2")
    assert ("priority" in row) is (state != "point_to_point")


def test_ecmp_is_one_row_for_each_next_hop(start: Start) -> None:
    rows = [row for row in raw(start, "full", "ip/route") if row["dst-address"] == "172.18.0.64/32"]
    expected = {
        "dst-address": "172.18.0.64/32", "routing-table": "main", "distance": "110", "scope": "20",
        "target-scope": "10", "dynamic": "true", "inactive": "false", "ospf": "true", "active": "true", "ecmp": "true",
    }  # fmt: skip
    hops = [f"172.18.0.{number}%bridge-lan" for number in (11, 12, 13)]
    assert sorted(row["gateway"] for row in rows) == hops
    for row in rows:
        assert row["immediate-gw"] == row["gateway"]
        assert {name: value for name, value in row.items() if name in expected} == expected
        assert set(row) == {*expected, ".id", "gateway", "immediate-gw"}
    ids = sorted(int(row[".id"].lstrip("*"), 16) for row in rows)
    assert {number >> 12 for number in ids} == {0x2018C}
    assert {number & 0xF for number in ids} == {0}


def test_connected_and_static_routes(start: Start) -> None:
    rows = {row["dst-address"]: row for row in raw(start, "full", "ip/route")}
    connected = rows["172.18.0.0/26"]
    assert (connected["connect"], connected["gateway"], connected["distance"]) == ("true", "bridge-lan", "0")
    assert connected["local-address"] == LAN
    static = rows["10.9.9.0/24"]
    assert static[".id"] == "*80000001"
    assert (static["static"], static["active"], static["dynamic"]) == ("true", "true", "false")
    assert (static["gateway"], static["immediate-gw"]) == ("172.18.0.22", "172.18.0.22%bridge-lan")
    assert not {"ospf", "connect", "ecmp", "disabled"} & set(static)


def test_a_filtered_route_is_not_active(start: Start) -> None:
    routes = [row for row in raw(start, "full", "ip/route") if row["dst-address"] == "10.5.5.0/24"]
    assert len(routes) == 3
    for row in routes:
        assert row["inactive"] == "false"
        assert not {"active", "filtered"} & set(row)
    detail = [row for row in raw(start, "full", "routing/route") if row["dst-address"] == "10.5.5.0/24"]
    assert {(row["filtered"], row["contribution"]) for row in detail} == {("true", "filtered")}


def test_routing_route(start: Start) -> None:
    rows = raw(start, "full", "routing/route")
    ospf = next(row for row in rows if row["dst-address"] == "172.18.0.64/32")
    assert (ospf["afi"], ospf["contribution"], ospf["belongs-to"]) == ("ip", "active", "OSPF route")
    assert ospf["ospf.metric"] == "1"
    pointers = [row["debug.fwp-ptr"] for row in rows]
    assert len(set(pointers)) == len(rows) and all(pointer.startswith("0x") for pointer in pointers)


def test_bfd_sessions_up(start: Start) -> None:
    rows = raw(start, "full", "routing/bfd/session")
    assert sorted(row["remote-address"] for row in rows) == [f"172.18.0.{n}%bridge-lan" for n in (11, 12, 13)]
    for row in rows:
        assert (row["state"], row["up"], row["multihop"], row["local-address"]) == ("up", "true", "false", "172.18.0.1")
        assert (row["desired-tx-interval"], row["multiplier"], row["hold-time"]) == ("200ms", "5", "1s")


def test_bfd_sessions_down(start: Start) -> None:
    rows = raw(start, "bfd_down", "routing/bfd/session")
    assert [row["state"] for row in rows] == ["down"] * 3
    for row in rows:
        # A session that is not up sends once a second at most.
        assert (row["actual-tx-interval"], row["remote-min-rx"]) == ("1s", "1us")
        assert not {"up", "uptime", "hold-time"} & set(row)


def test_bfd_is_forbidden_without_a_configuration_entry(start: Start) -> None:
    rows = raw(start, "bfd_forbidden", "routing/bfd/session")
    assert len(rows) == 3
    assert {(row["inactive"], row["about"]) for row in rows} == {("true", "BFD forbidden for destination address")}
    assert not [row for row in rows if "state" in row]


def test_lsas(start: Start) -> None:
    rows = raw(start, "full", "routing/ospf/lsa")
    routers = {row["originator"]: row for row in rows if row["type"] == "router"}
    assert set(routers) == {"172.18.0.1", "172.18.0.11", "172.18.0.12", "172.18.0.13"}
    assert routers["172.18.0.1"]["self-originated"] == "true"
    assert "self-originated" not in routers["172.18.0.11"]
    assert "type=stub id=172.18.0.64 data=255.255.255.255 metric=" in routers["172.18.0.11"]["body"]
    assert routers["172.18.0.11"]["sequence"].startswith("0x8")
    (network,) = [row for row in rows if row["type"] == "network"]
    assert "netmask=255.255.255.192" in network["body"]


def test_interfaces_and_addresses(start: Start) -> None:
    rows: list[dict[str, Any]] = list(raw(start, "full", "interface"))
    types = {row["name"]: row["type"] for row in rows}
    assert (types["lo"], types["bridge-lan"], types["ether2"]) == ("loopback", "bridge", "ether")
    assert {row["name"] for row in rows if "slave" in row} == {"ether2", "ether3", "ether4", "wlan1"}
    (address,) = raw(start, "full", "ip/address")
    assert (address["address"], address["network"]) == ("172.18.0.1/26", "172.18.0.0")
    assert (address["vrf"], address["slave"]) == ("main", "false")


def test_recorded_state_files_load(start: Start) -> None:
    store = Store(start("full").directory)
    assert [row.values["name"] for row in store.table("routing/ospf/instance").rows] == ["home"]
