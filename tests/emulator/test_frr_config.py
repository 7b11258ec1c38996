"""Rows -> FRR configuration."""

from __future__ import annotations

from typing import Any

import pytest

from lab.routeros.frr_config import Interface, Rows, build, router_id

LAN = Interface("bridge-lan", ("172.18.0.1/26",))
WAN = Interface("ether1", ("198.51.100.2/24", "10.9.0.1/16"))
LO = Interface("lo", ("127.0.0.1/8",))

INSTANCE = {".id": "*1", "name": "home", "router-id": "172.18.0.1"}
AREA = {".id": "*1", "name": "backbone", "instance": "home", "area-id": "0.0.0.0", "type": "default"}
TEMPLATE = {
    ".id": "*1",
    "area": "backbone",
    "interfaces": "bridge-lan",
    "type": "broadcast",
    "cost": "1",
    "priority": "128",
    "hello-interval": "10s",
    "dead-interval": "40s",
    "retransmit-interval": "5s",
    "transmit-delay": "1s",
}


def rows(template: dict[str, str] | None = None, **others: Any) -> Rows:
    values: dict[str, Any] = {
        "instances": [INSTANCE],
        "areas": [AREA],
        "templates": [{**TEMPLATE, **(template or {})}],
        "interfaces": [LO, LAN, WAN],
    }
    return Rows(**{**values, **others})


def lan(template: dict[str, str], **others: Any) -> list[str]:
    return build(rows(template, **others))[("interface bridge-lan",)]


def test_defaults_are_those_of_routeros() -> None:
    assert build(rows()) == {
        ("router ospf",): ["ospf router-id 172.18.0.1"],
        ("interface bridge-lan",): [
            "ip ospf area 0.0.0.0",
            "ip ospf cost 1",
            "ip ospf dead-interval 40",
            "ip ospf network broadcast",
            "ip ospf priority 128",
        ],
    }


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"hello-interval": "3s", "dead-interval": "4s", "retransmit-interval": "2s", "transmit-delay": "2s"},
         ["ip ospf hello-interval 3", "ip ospf dead-interval 4", "ip ospf retransmit-interval 2",
          "ip ospf transmit-delay 2"]),
        ({"type": "ptp", "cost": "0", "priority": "0", "passive": ""},
         ["ip ospf network point-to-point", "ip ospf cost 1", "ip ospf priority 0", "ip ospf passive"]),
        ({"auth": "simple", "auth-key": "myOSPFpassword"},
         ["ip ospf authentication", "ip ospf authentication-key myOSPFpa"]),
        ({"auth": "md5", "auth-id": "7", "auth-key": "0123456789abcdefXYZ"},
         ["ip ospf authentication message-digest", "ip ospf message-digest-key 7 md5 0123456789abcdef"]),
        ({"auth": "sha384", "auth-id": "1", "auth-key": "k"}, ["ip ospf authentication key-chain ros-1"]),
    ],
)  # fmt: skip
def test_template_values(template: dict[str, str], expected: list[str]) -> None:
    assert set(expected) <= set(lan(template))


def test_priority_1_is_not_printed_by_frr() -> None:
    assert not [line for line in lan({"priority": "1"}) if "priority" in line]


@pytest.mark.parametrize(
    ("auth", "key_id", "algorithm"),
    [("sha1", "1", "hmac-sha-1"), ("sha256", "5", "hmac-sha-256"), ("sha384", "0", "hmac-sha-384"),
     ("sha512", "255", "hmac-sha-512"), ("md5", "0", "md5")],
)  # fmt: skip
def test_key_chains(auth: str, key_id: str, algorithm: str) -> None:
    config = build(rows({"auth": auth, "auth-id": key_id, "auth-key": "secret"}))
    assert config[("key chain ros-1", f"key {key_id}")] == [
        "key-string secret",
        f"cryptographic-algorithm {algorithm}",
    ]


@pytest.mark.parametrize(
    ("change", "others"),
    [
        ({"disabled": "true"}, {}),
        ({"area": "missing"}, {}),
        ({}, {"areas": [{**AREA, "disabled": "true"}]}),
        ({}, {"areas": [{**AREA, "instance": "*5"}]}),
        ({"interfaces": "ether9"}, {}),
        ({"interfaces": "none"}, {}),
        ({"networks": "192.0.2.0/24"}, {}),
    ],
)
def test_what_does_not_hold_is_not_in_frr(change: dict[str, str], others: dict[str, Any]) -> None:
    assert list(build(rows(change, **others))) == [("router ospf",)]


def test_a_disabled_instance_leaves_nothing() -> None:
    assert build(rows(instances=[{**INSTANCE, "disabled": "true"}])) == {}


def test_interfaces_and_networks() -> None:
    everything = {key: value for key, value in TEMPLATE.items() if key != "interfaces"}
    assert {key[0] for key in build(rows(templates=[everything]))} == {
        "router ospf",
        "interface bridge-lan",
        "interface ether1",
    }
    one_address = build(rows(templates=[{**everything, "networks": "198.51.100.0/24"}]))
    assert one_address[("interface ether1",)][0] == "ip ospf area 0.0.0.0 198.51.100.2"
    # `networks` compares the network of the address, not the address.
    assert ("interface ether1",) not in build(rows(templates=[{**everything, "networks": "198.51.100.2/32"}]))
    assert ("interface lo",) in build(rows({"interfaces": "lo"}))


def test_an_instance_without_an_area_in_use_stands_back() -> None:
    """As after an upgrade from version 6."""
    instances = [{**INSTANCE, ".id": "*7", "name": "default-v2", "router-id": "10.9.0.1"}, INSTANCE]
    areas = [{**AREA, "name": "backbone-v2", "instance": "default-v2", "disabled": "true"}, AREA]
    config = build(rows(instances=instances, areas=areas))
    assert config[("router ospf",)] == ["ospf router-id 172.18.0.1"]
    assert config[("interface bridge-lan",)][0] == "ip ospf area 0.0.0.0"
    # Alone, it is what FRR runs.
    alone = build(rows(instances=instances[:1], areas=areas[:1]))
    assert alone == {("router ospf",): ["ospf router-id 10.9.0.1"]}


def test_bfd_looks_at_the_addresses_that_are_taken() -> None:
    entry = [{".id": "*3", "addresses": "198.51.100.0/24"}]
    for networks, found in (("198.51.100.0/24", True), ("198.51.100.0/24,10.9.0.0/16", False)):
        config = build(rows({"interfaces": "ether1", "networks": networks, "use-bfd": "true"}, bfd=entry))
        assert ("ip ospf bfd" in config[("interface ether1",)]) is found


def test_the_first_template_takes_an_interface() -> None:
    first, second = {**TEMPLATE, "cost": "5"}, {**TEMPLATE, ".id": "*2", "interfaces": "all", "cost": "9"}
    config = build(rows(templates=[first, second]))
    assert "ip ospf cost 5" in config[("interface bridge-lan",)]
    assert "ip ospf cost 9" in config[("interface ether1",)]


@pytest.mark.parametrize(
    ("entries", "lines"),
    [
        ([], None),
        ([{".id": "*3"}], ["detect-multiplier 5", "transmit-interval 200", "receive-interval 200"]),
        ([{".id": "*3", "interfaces": "bridge-lan", "min-tx": "100ms", "min-rx": "300ms", "multiplier": "3"}],
         ["transmit-interval 100"]),
        ([{".id": "*3", "forbid-bfd": "true"}, {".id": "*4"}], None),
        ([{".id": "*3", "disabled": "true"}], None),
        ([{".id": "*3", "interfaces": "ether1"}], None),
        ([{".id": "*3", "addresses": "192.0.2.0/24"}], None),
        ([{".id": "*3", "addresses": "172.18.0.0/24"}],
         ["detect-multiplier 5", "transmit-interval 200", "receive-interval 200"]),
    ],
)  # fmt: skip
def test_bfd_needs_a_configuration_entry(entries: list[dict[str, str]], lines: list[str] | None) -> None:
    config = build(rows({"use-bfd": "true"}, bfd=entries))
    assert ("ip ospf bfd" in config[("interface bridge-lan",)]) is (lines is not None)
    assert config.get(("bfd", "profile ros-3")) == lines
    assert ("bfd", "profile ros-3") not in build(rows({"use-bfd": "false"}, bfd=entries))


def test_filter_chain() -> None:
    rule = "if (dst in 172.18.0.0/24 && dst-len == 32) { accept } else { reject }"
    filtered: dict[str, Any] = {
        "instances": [{**INSTANCE, "in-filter-chain": "ospf in"}],
        "filters": [
            {"chain": "other", "rule": "accept"},
            {"chain": "ospf in", "rule": "accept", "disabled": "true"},
            {"chain": "ospf in", "rule": rule},
        ],
    }
    config = build(rows(**filtered))
    name = next(line.split()[-1] for line in config[()] if line.startswith("ip protocol"))
    assert name.startswith("ros-ospf_in-")
    assert f"ip prefix-list {name}-1 seq 5 permit 172.18.0.0/24 ge 32 le 32" in config[()] or (
        f"ip prefix-list {name}-1 seq 5 permit 172.18.0.0/24 ge 32" in config[()]
    )
    assert config[(f"route-map {name} permit 10",)] == [f"match ip address prefix-list {name}-1"]
    assert config[(f"route-map {name} deny 20",)] == []
    # A chain without rules rejects everything.
    bare = build(rows(instances=filtered["instances"]))
    assert [context for context in bare if context and context[0].startswith("route-map")] == [
        (f"{next(c[0] for c in bare if c and c[0].startswith('route-map')).rsplit(' ', 2)[0]} deny 10",)
    ]


@pytest.mark.parametrize(
    ("wanted", "ids", "expected"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("main", [], "198.51.100.2"),
        ("lan", [{"name": "lan", "id": "172.18.0.9"}], "172.18.0.9"),
        ("low", [{"name": "low", "select-dynamic-id": "lowest"}], "10.9.0.1"),
        ("gone", [], None),
    ],
)
def test_router_id(wanted: str, ids: list[dict[str, str]], expected: str | None) -> None:
    given = rows(ids=ids)
    assert router_id(given, {**INSTANCE, "router-id": wanted}) == expected


def test_areas_ranges_and_redistribution() -> None:
    config = build(
        rows(
            instances=[{**INSTANCE, "redistribute": "connected,static", "originate-default": "always"}],
            areas=[{**AREA, "area-id": "0.0.0.1", "type": "stub", "no-summaries": "", "default-cost": "5"}],
            ranges=[
                {"area": "backbone", "prefix": "10.0.0.0/8", "advertise": "true", "cost": "7"},
                {"area": "backbone", "prefix": "11.0.0.0/8", "advertise": "false"},
            ],
        )
    )
    assert config[("router ospf",)] == [
        "ospf router-id 172.18.0.1",
        "redistribute connected",
        "redistribute static",
        "area 0.0.0.1 stub no-summary",
        "area 0.0.0.1 default-cost 5",
        "area 0.0.0.1 range 10.0.0.0/8 cost 7",
        "area 0.0.0.1 range 11.0.0.0/8 not-advertise",
        "default-information originate always",
    ]


def test_static_routes_need_no_ospf() -> None:
    routes = [
        {"dst-address": "10.1.0.0/16", "gateway": "172.18.0.22", "distance": "1"},
        {"dst-address": "10.2.0.0/16", "gateway": "172.18.0.22%bridge-lan", "distance": "5"},
        {"dst-address": "10.3.0.0/16", "blackhole": "", "distance": "1"},
        {"dst-address": "10.4.0.0/16", "gateway": "172.18.0.22", "distance": "1", "disabled": "true"},
    ]
    assert build(Rows(routes=routes)) == {
        (): [
            "ip route 10.1.0.0/16 172.18.0.22",
            "ip route 10.2.0.0/16 172.18.0.22 bridge-lan 5",
            "ip route 10.3.0.0/16 blackhole",
        ]
    }
