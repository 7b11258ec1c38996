"""The inventory overlay gives connection facts, and what a drill does to cable and power."""

import shlex
from pathlib import Path

import yaml

from lab import inventory, keys
from lab.machines import MACHINES, SPARES, Ports


def written(state: Path, base: int = 20220) -> dict[str, dict[str, object]]:
    inventory.write(Ports(base))
    return hosts_of(state / "inventory.yml")


def hosts_of(file: Path) -> dict[str, dict[str, object]]:
    content = yaml.safe_load(file.read_text())
    assert list(content) == ["all"]
    assert list(content["all"]) == ["hosts"], "groups belong to inventories/home"
    hosts: dict[str, dict[str, object]] = content["all"]["hosts"]
    return hosts


def test_has_every_machine(state: Path) -> None:
    assert list(written(state)) == [machine.name for machine in MACHINES]


def test_the_router_is_reached_by_tls_and_its_certificate_can_be_checked(state: Path) -> None:
    router = written(state)["hap-lite"]
    assert {name: router[name] for name in router if not name.startswith("anycast_drill_")} == {
        "routeros_api_hostname": "127.0.0.1",
        "routeros_api_port": 20229,
        "lab_api_plain_port": 20228,
        "routeros_api_ca_path": str(state / "ca.pem"),
    }


def test_a_node_is_reached_by_ssh_on_its_own_port(state: Path) -> None:
    hosts = written(state, 30000)
    assert [hosts[name]["ansible_port"] for name in ("sip1", "sip2", "sip3", "phones")] == [30002, 30003, 30004, 30005]
    assert {hosts[name]["ansible_host"] for name in ("sip1", "sip2", "sip3", "phones")} == {"127.0.0.1"}
    assert hosts["sip1"]["ansible_user"] == "root"
    assert hosts["sip1"]["ansible_ssh_private_key_file"] == str(state.parent / "id_ed25519")


def test_a_spare_is_in_a_file_of_its_own(state: Path) -> None:
    inventory.write_spares(SPARES, Ports(20220))
    hosts = hosts_of(state / "spares.yml")
    assert list(hosts) == ["edge"]
    assert hosts["edge"]["routeros_api_hostname"] == "127.0.0.1"
    assert hosts["edge"]["routeros_api_port"] == 20230
    assert hosts["edge"]["routeros_api_ca_path"] == str(state / "ca.pem")
    assert str(hosts["edge"]["anycast_drill_power_on"]).endswith("power-on edge")


def test_a_drill_can_take_cable_and_power_from_a_machine(state: Path) -> None:
    hosts = written(state)
    words = shlex.split(str(hosts["sip2"]["anycast_drill_cut"]))
    assert words[1:] == [str(state.parent / "lab"), "cable", "sip2", "off"]
    assert str(hosts["sip3"]["anycast_drill_power_on"]).endswith("power-on sip3")
    assert str(hosts["hap-lite"]["anycast_drill_restore"]).endswith("cable hap-lite on")


def test_ssh_reads_and_writes_nothing_of_the_users_own(state: Path) -> None:
    arguments = shlex.split(str(written(state)["sip1"]["ansible_ssh_common_args"]))
    assert arguments[:2] == ["-F", "none"]
    assert f'-oUserKnownHostsFile="{state / "known_hosts"}"' in arguments
    assert "-oStrictHostKeyChecking=yes" in arguments
    assert any(argument.startswith("-oControlPath=") for argument in arguments)


def test_known_hosts_has_a_key_per_port(state: Path) -> None:
    lines = keys.known_hosts(Ports(20220)).splitlines()
    assert lines[1] == "[127.0.0.1]:20222 ssh-ed25519 KEY-OF-sip1_host_ed25519"
    assert len({line.split()[0] for line in lines}) == len(lines) == len((*MACHINES, *SPARES))
