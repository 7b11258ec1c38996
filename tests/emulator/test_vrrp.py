"""/interface/vrrp, and the addresses on its interfaces; keepalived itself is in tests/integration/test_vrrp.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librouteros.exceptions
import pytest

from lab.routeros import vrrp
from lab.routeros.vrrp import Instance, Keepalived, configuration

from .conftest import Start

# What a row has on 7.23.7, in a network of two routers (ha-manager, docs/lab-rest-contract.md).
CAPTURED = {
    *(".id", "name", "interface", "vrid", "priority", "interval", "version", "v3-protocol", "preemption-mode"),
    *("authentication", "password", "arp", "arp-timeout", "mtu", "mac-address", "group-authority", "on-master"),
    *("connection-tracking-mode", "sync-connection-tracking", "on-backup", "on-fail", "disabled", "running"),
}
GATEWAY = ("=priority=200", "=interval=200ms")
ROW = ("=name=vrrp1", "=interface=bridge-lan", *GATEWAY)


def only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = rows
    return row


def test_a_row_has_the_properties_and_flags_of_a_real_one(start: Start) -> None:
    router = start(version="7.23.7")
    router.share_gateway("vrrp1", "172.18.0.2", *GATEWAY)
    master = only(router.call("/interface/vrrp/print"))
    assert set(master) == CAPTURED | {"invalid", "master"}
    assert (master["running"], master["interval"], master["mac-address"]) == (True, "200ms", "00:00:5E:00:01:01")
    router.vrrp.state = "BACKUP"
    backup = only(router.call("/interface/vrrp/print"))
    assert set(backup) == CAPTURED | {"invalid", "backup"}
    assert backup["running"] is False
    router.call("/interface/vrrp/disable", "=numbers=vrrp1")
    assert set(only(router.call("/interface/vrrp/print"))) == CAPTURED


def test_the_address_of_a_backup_is_invalid(start: Start) -> None:
    router = start()
    router.share_gateway("vrrp1", "172.18.0.2", *GATEWAY)
    of_gateway = "?interface=vrrp1"
    assert only(router.call("/ip/address/print", of_gateway))["invalid"] is False
    router.vrrp.state = "BACKUP"
    row = only(router.call("/ip/address/print", of_gateway))
    assert (row["address"], row["network"], row["invalid"]) == ("172.18.0.2/32", "172.18.0.2", True)
    others = [one["interface"] for one in router.call("/ip/address/print") if one["interface"] != "vrrp1"]
    assert "bridge-lan" in others


def test_without_the_interface_of_keepalived_there_is_no_state(start: Start) -> None:
    router = start()
    router.share_gateway("vrrp1", "172.18.0.2", *GATEWAY)
    router.kernel.more_links = []
    row = only(router.call("/interface/vrrp/print"))
    assert not {"master", "backup"} & set(row)
    # A router lists the interface of a row whatever its state.
    assert only(router.call("/interface/print", "?name=vrrp1"))["type"] == "vrrp"


def test_keepalived_gets_what_the_row_says_and_nothing_without_an_address(start: Start) -> None:
    router = start()
    router.call("/interface/vrrp/add", *ROW, "=vrid=7", "=preemption-mode=no")
    assert router.vrrp.instances == []
    router.call("/ip/address/add", "=address=172.18.0.2/32", "=interface=vrrp1")
    one = Instance("1", "bridge-lan", "vrrp1", 7, 200, 20, 3, False, ("172.18.0.2/32",))
    assert router.vrrp.instances == [one]
    assert configuration([one]).splitlines()[4:] == [
        "vrrp_instance 1 {",
        "    interface bridge-lan",
        "    use_vmac vrrp1",
        "    state BACKUP",
        "    version 3",
        "    virtual_router_id 7",
        "    priority 200",
        "    advert_int 0.2",
        "    nopreempt",
        "    virtual_ipaddress {",
        "        172.18.0.2/32",
        "    }",
        "}",
    ]
    router.call("/interface/vrrp/set", "=numbers=vrrp1", "=name=gateway")
    assert only(router.call("/ip/address/print", "?address=172.18.0.2/32"))["interface"] == "gateway"
    router.call("/interface/vrrp/remove", "=numbers=gateway")
    assert router.vrrp.instances == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("=priority=255",), r"value of priority out of range \(1\.\.254\)"),
        (("=vrid=0",), r"value of vrid out of range \(1\.\.255\)"),
        (("=interval=5ms",), r"value of interval out of range \(10ms\.\.4m15s\)"),
        (("=interval=15ms",), "does not support interval=15ms with version=3"),
        (("=interval=1m",), "does not support interval=1m with version=3"),
        (("=interval=200ms", "=version=2"), "does not support interval=200ms with version=2"),
        (("=interface=nothing",), "input does not match any value of interface"),
        (("=interface=all",), "input does not match any value of interface"),
        (("=authentication=ah",), "does not support authentication=ah"),
        (("=group-authority=self",), "does not support group-authority=self"),
        (("=v3-protocol=ipv6",), "does not support v3-protocol=ipv6"),
        (("=on-master=a script",), "does not support on-master=a script"),
        (("=sync-connection-tracking=yes",), "does not support sync-connection-tracking=true"),
        (("=name=a name with blanks",), "does not support name=a name with blanks"),
        (("=address=172.18.0.1",), "unknown parameter address"),
    ],
)
def test_what_is_not_carried_out_is_refused_and_leaves_nothing(start: Start, words: tuple[str, ...], said: str) -> None:
    router = start()
    with pytest.raises(librouteros.exceptions.TrapError, match=said):
        router.call("/interface/vrrp/add", *({"=interface=bridge-lan": None} | dict.fromkeys(words)))
    assert router.call("/interface/vrrp/print") == []


def test_the_addresses_of_the_machine_stay_as_they_are(start: Start) -> None:
    router = start()
    with pytest.raises(librouteros.exceptions.TrapError, match="an interface that is not one of VRRP"):
        router.call("/ip/address/add", "=address=192.0.2.1/24", "=interface=bridge-lan")
    first = router.call("/ip/address/print")[0]
    with pytest.raises(librouteros.exceptions.TrapError, match="changing an address of the machine"):
        router.call("/ip/address/remove", f"=numbers={first['.id']}")


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("7.10.2", {"group-master"}, {"group-authority", "connection-tracking-mode", "v3-checksum-as-v2"}),
        ("7.16.2", {"group-authority"}, {"group-master", "connection-tracking-mode", "v3-checksum-as-v2"}),
        ("7.24.5", {"group-authority", "connection-tracking-mode", "v3-checksum-as-v2"}, {"group-master"}),
    ],
)
def test_properties_come_and_go_with_the_versions(start: Start, version: str, has: set[str], has_not: set[str]) -> None:
    router = start(version=version)
    router.call("/interface/vrrp/add", "=interface=bridge-lan")
    row = only(router.call("/interface/vrrp/print"))
    assert (row["name"], has <= set(row), has_not & set(row)) == ("vrrp1", True, set())


def test_without_keepalived_the_row_is_refused(start: Start, tmp_path: Path) -> None:
    router = start()
    router.router.vrrp = Keepalived("/nonexistent/keepalived", tmp_path)
    router.call("/interface/vrrp/add", *ROW)
    with pytest.raises(librouteros.exceptions.TrapError, match="could not carry it out: .*/nonexistent/keepalived"):
        router.call("/ip/address/add", "=address=172.18.0.2", "=interface=vrrp1")
    assert router.call("/ip/address/print", "?interface=vrrp1") == []
    router.router.vrrp = vrrp.NoVrrp()
    with pytest.raises(librouteros.exceptions.TrapError, match="there is no keepalived"):
        router.call("/ip/address/add", "=address=172.18.0.2", "=interface=vrrp1")
