"""The table of machines: the article's addresses, and ports which two labs can have at once."""

import ipaddress

import pytest

from lab import machines
from lab.errors import LabError
from lab.machines import LAN, MACHINES, SPARES, Ports, machine, ports_from

ALL = (*MACHINES, *SPARES)


def test_machines_and_addresses() -> None:
    assert {m.name: m.addresses for m in MACHINES} == {
        "hap-lite": ("172.18.0.1",),
        "sip1": ("172.18.0.11",),
        "sip2": ("172.18.0.12",),
        "sip3": ("172.18.0.13",),
        "phones": ("172.18.0.22", "172.18.0.23", "172.18.0.24", "172.18.0.25"),
    }


def test_every_machine_is_on_the_lan_and_the_anycast_address_is_not() -> None:
    addresses = [ipaddress.ip_address(address) for m in ALL for address in m.addresses]
    assert all(address in LAN for address in addresses)
    assert len(set(addresses)) == len(addresses)
    anycast = ipaddress.ip_address(machines.ANYCAST_ADDRESS)
    assert anycast not in LAN
    assert anycast in ipaddress.ip_network(machines.ANYCAST_RANGE)


def test_nothing_is_given_to_two_machines() -> None:
    for unique in (
        [m.name for m in ALL],
        [m.number for m in ALL],
        [m.management_address for m in ALL],
        [m.mac(network) for m in ALL for network in (0, 1)],
    ):
        assert len(set(unique)) == len(unique)


def all_ports(ports: Ports) -> list[int]:
    return [port for m in ALL for port in ports.forwards(m)] + [ports.lan]


def test_ports_derive_from_one_base() -> None:
    assert Ports(20220).forwards(machine("hap-lite")) == {20221: 22, 20228: 8728, 20229: 8729}
    assert Ports(20220).forwards(machine("phones")) == {20225: 22}
    assert Ports(20220).forwards(machine("edge")) == {20226: 22, 20230: 8729}
    assert sorted(all_ports(Ports(20220))) == [20220 + n for n in range(1, machines.PORTS_PER_LAB + 1)]
    assert len(set(all_ports(Ports(20220)))) == len(all_ports(Ports(20220)))


def test_two_labs_ten_apart_share_no_port() -> None:
    assert not set(all_ports(Ports(20220))) & set(all_ports(Ports(20220 + machines.PORTS_PER_LAB)))


@pytest.mark.parametrize(
    ("environ", "saved", "base"),
    [
        ({}, None, 20220),
        ({}, 30000, 30000),
        ({"LAB_PORT_BASE": ""}, 30000, 30000),
        ({"LAB_PORT_BASE": "31000"}, 30000, 31000),
    ],
)
def test_base_from_the_environment_then_the_lab_then_the_default(
    environ: dict[str, str], saved: int | None, base: int
) -> None:
    assert ports_from(environ, saved) == Ports(base)


@pytest.mark.parametrize("text", ["abc", "-1", "80", "65530", "²"])
def test_a_base_which_cannot_be_is_named(text: str) -> None:
    with pytest.raises(LabError, match=f"LAB_PORT_BASE is '?{text}"):
        ports_from({"LAB_PORT_BASE": text})


def test_an_unknown_machine_is_answered_with_those_there_are() -> None:
    with pytest.raises(LabError, match="no machine 'sip9'.*hap-lite, sip1, sip2, sip3, phones, edge"):
        machine("sip9")
