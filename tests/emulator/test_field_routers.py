"""Routers as people have them: upgraded from version 6, of a new version, with two addresses on the bridge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librouteros
import pytest

from lab.routeros.policy import LAB_PASSWORD

from .conftest import Start
from .playbook import System
from .recorded import Recording
from .test_playbooks import ADDRESS, OLD_KEY, PING, SERVICES
from .test_removal import by_hand
from .test_role_routeros_ospf import AREA, INSTANCE, TEMPLATE, Role

OSPF_INTERFACE = "/routing/ospf/interface"
# FRR 10.3 of a bridge with 172.18.0.1/26 and 192.168.88.1/24, on both of which OSPF runs: `show ip ospf interface`.
# The same with `json` has the last address only.
TWO_ADDRESSES = """\
bridge-lan is up
  ifindex 2, MTU 1500 bytes, BW 10000 Mbit <UP,LOWER_UP,BROADCAST,RUNNING,MULTICAST>
  Internet Address 172.18.0.1/26, Broadcast 172.18.0.63, Area 0.0.0.0
  MTU mismatch detection: enabled
  Router ID 172.18.0.1, Network Type BROADCAST, Cost: 1
  Transmit Delay is 1 sec, State Backup, Priority 128
  Designated Router (ID) 172.18.0.11 Interface Address 172.18.0.11/26
  Backup Designated Router (ID) 172.18.0.1, Interface Address 172.18.0.1
  Multicast group memberships: OSPFAllRouters OSPFDesignatedRouters
  Timer intervals configured, Hello 1s, Dead 4s, Wait 4s, Retransmit 2
    Hello due in 0.921s
  Neighbor Count is 1, Adjacent neighbor count is 1
  Graceful Restart hello delay: 10s
  LSA retransmissions: 1
  Internet Address 192.168.88.1/24, Broadcast 192.168.88.255, Area 0.0.0.0
  MTU mismatch detection: enabled
  Router ID 172.18.0.1, Network Type BROADCAST, Cost: 1
  Transmit Delay is 1 sec, State DR, Priority 128
  Designated Router (ID) 172.18.0.1 Interface Address 192.168.88.1/24
  No backup designated router on this network
  Multicast group memberships: OSPFAllRouters OSPFDesignatedRouters
  Timer intervals configured, Hello 1s, Dead 4s, Wait 4s, Retransmit 2
    Hello due in 0.921s
  Neighbor Count is 0, Adjacent neighbor count is 0
  Graceful Restart hello delay: 10s
  LSA retransmissions: 0
"""


@pytest.mark.parametrize("version", ["7.16.2", "7.24"])
def test_verify_pings_in_every_version(start: Start, tmp_path: Path, version: str) -> None:
    program = tmp_path / "ping"
    program.write_text(PING)
    program.chmod(0o755)
    router = start("full", version=version, ping=str(program))
    system = System(router, tmp_path, OLD_KEY, SERVICES, nodes=3)
    code, said = system("verify", "--limit=hap-lite", extra={"anycast_wait": 0})
    assert code == 0, said
    assert f"(item={ADDRESS}/32)" in said


def test_the_role_on_a_router_upgraded_from_version_6(empty: Recording, tmp_path: Path) -> None:
    """Its instance is enabled and its area disabled (exports of forum 1113439, 210823, 213500)."""
    empty.call(f"{INSTANCE}/add", "=name=default-v2", "=disabled=no")
    empty.call(f"{AREA}/add", "=name=backbone-v2", "=instance=default-v2", "=disabled=yes")
    before = [empty.call(f"{menu}/print")[0] for menu in (INSTANCE, AREA)]
    role = Role(empty, tmp_path)
    for changed in ("changed=6", "changed=0"):
        code, said = role()
        assert code == 0 and changed in said, said
    assert [empty.call(f"{menu}/print")[0] for menu in (INSTANCE, AREA)] == before
    assert "ospf router-id 172.18.0.1" in empty.frr.config[("router ospf",)]
    assert ("interface bridge-lan",) in empty.frr.config


def test_clients_on_the_nodes_lan_behind_the_factory_rules(empty: Recording, tmp_path: Path) -> None:
    """Of MikroTik's default configuration, what it does in forward to what is forwarded inside the LAN."""
    firewall, raw = "/ip/firewall/filter", "/ip/firewall/raw"
    accepted = "=connection-state=established,related,untracked"
    empty.call(f"{firewall}/add", "=chain=forward", "=action=accept", accepted)
    empty.call(f"{firewall}/add", "=chain=forward", "=action=drop", "=connection-state=invalid")
    role = Role(empty, tmp_path)
    for changed in ("changed=7", "changed=0"):
        code, said = role()
        assert code == 0 and changed in said, said
    assert [(row["src-address"], row["dst-address"], row["action"]) for row in empty.call(f"{raw}/print")] == [
        ("172.18.0.0/26", ADDRESS, "notrack"),
        (ADDRESS, "172.18.0.0/26", "notrack"),
    ]
    code, said = role(routeros_ospf_notrack=False)
    assert code == 0 and "changed=1" in said, said
    assert empty.call(f"{raw}/print") == []


def test_a_comment_in_an_encoding_of_its_own_comes_back(empty: Recording, tmp_path: Path) -> None:
    """ha-mikrotik-extended 14: WinBox writes what the code page of the computer is."""
    by_hand(empty)
    octets = "дом".encode("cp1251").decode("latin-1")
    login = {"host": "127.0.0.1", "username": "ansible", "password": LAB_PASSWORD, "encoding": "latin-1"}
    api = librouteros.connect(port=empty.server.port, **login)
    tuple(api.rawCmd(f"{INSTANCE}/set", "=numbers=ospf-instance-1", f"=comment={octets}"))
    role = Role(empty, tmp_path)
    for entry in ("main", "remove"):
        code, said = role(entry=entry)
        assert code == 0, said
    assert next(iter(api.rawCmd(f"{INSTANCE}/print")))["comment"] == octets
    api.close()


class TwoAddresses:
    """The recorded router, with a second address on its bridge."""

    def __init__(self, router: Recording) -> None:
        self.router = router
        addresses, show = router.kernel.addresses(), router.frr.show
        (bridge,) = [entry for entry in addresses if entry["ifname"] == "bridge-lan"]
        (first,) = [one for one in bridge["addr_info"] if one["family"] == "inet"]
        bridge["addr_info"].append(first | {"local": "192.168.88.1", "prefixlen": 24, "broadcast": "192.168.88.255"})
        self.text = TWO_ADDRESSES
        router.kernel.addresses = lambda: addresses  # type: ignore[method-assign]
        router.frr.text = lambda command: self.text  # type: ignore[method-assign]
        router.frr.show = lambda command: self.shown(show(command), command)  # type: ignore[method-assign]

    def shown(self, answer: Any, command: str) -> Any:
        if command == "show ip ospf interface json":
            config = self.router.frr.config.get(("interface bridge-lan",), ())
            if "ip ospf area 0.0.0.0" in config:
                link = {"ipAddress": "192.168.88.1", "ipAddressPrefixlen": 24, "drAddress": "192.168.88.1"}
                return {"interfaces": {"bridge-lan": answer["interfaces"]["bridge-lan"] | link}}
        return answer


def test_ospf_runs_once_for_each_address(start: Start) -> None:
    router = TwoAddresses(start("full")).router
    rows = router.call(f"{OSPF_INTERFACE}/print")
    assert [(row["address"], row["state"], row.get("dr"), row["cost"]) for row in rows] == [
        ("172.18.0.1%bridge-lan", "bdr", "172.18.0.11", 1),
        ("192.168.88.1%bridge-lan", "dr", None, 1),
    ]
    neighbor = router.call("/routing/ospf/neighbor/print")[0]
    assert (neighbor["dr"], neighbor["bdr"]) == ("172.18.0.11", "172.18.0.1")
    # A template's networks restrict it.
    router.call(f"{TEMPLATE}/set", "=.id=*1", "=networks=172.18.0.0/26")
    assert "ip ospf area 0.0.0.0 172.18.0.1" in router.frr.config[("interface bridge-lan",)]
    (row,) = router.call(f"{OSPF_INTERFACE}/print")
    assert (row["address"], row["state"]) == ("172.18.0.1%bridge-lan", "dr")


def test_the_role_limits_ospf_to_the_address_of_the_link(start: Start, tmp_path: Path) -> None:
    """As after the guide, which leaves 192.168.88.1/24 beside 172.18.0.1/26."""
    router = TwoAddresses(start("nobody", rows=False)).router
    role = Role(router, tmp_path)
    for changed in ("changed=6", "changed=0"):
        code, said = role()
        assert code == 0 and changed in said, said
    (row,) = router.call(f"{TEMPLATE}/print")
    assert (row["interfaces"], row["networks"]) == ("bridge-lan", "172.18.0.0/26")
    assert "ip ospf area 0.0.0.0 172.18.0.1" in router.frr.config[("interface bridge-lan",)]


def test_a_second_template_for_the_other_address_is_refused(start: Start) -> None:
    router = TwoAddresses(start("full")).router
    router.call(f"{TEMPLATE}/set", "=.id=*1", "=networks=172.18.0.0/26")
    with pytest.raises(Exception, match="does not support two OSPF interface templates for addresses of bridge-lan"):
        router.call(f"{TEMPLATE}/add", "=area=backbone", "=networks=192.168.88.0/24")
