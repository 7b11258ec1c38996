# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run on programs and a /proc which are none."""

from __future__ import annotations

import json
import platform
import socket
import time
from pathlib import Path

import pytest
from ansible.module_utils import distro

from ansible_collections.homelab.anycast.plugins.module_utils.node import files
from ansible_collections.homelab.anycast.plugins.modules import anycast_node_info

MODULE = "anycast_node_info"
RULESET = [{"metainfo": {"version": "1.1.3"}}, {"table": {"family": "inet", "name": "filter"}}]


@pytest.fixture
def node(monkeypatch, tmp_path):
    """Return a function that gives the node a program which prints a text."""
    monkeypatch.setattr(anycast_node_info, "SBIN", [])
    monkeypatch.setattr(anycast_node_info, "CONF", str(tmp_path / "conf"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, value in (("all", 1), ("default", 2), ("lo", 0), ("enp0s11", 2)):
        (tmp_path / "conf" / name).mkdir(parents=True)
        (tmp_path / "conf" / name / "rp_filter").write_text(f"{value}\n")

    def program(name, prints, code=0):
        (tmp_path / f"{name}.out").write_text(prints)
        (tmp_path / name).write_text(
            f'#!/bin/sh\necho "$*" >{tmp_path}/{name}.args\n/bin/cat {tmp_path}/{name}.out\nexit {code}\n'
        )
        (tmp_path / name).chmod(0o755)

    return program


def test_a_node_without_packet_filter(run_module, node):
    result = run_module(MODULE)
    assert result["nftables"] is None and result["iptables"] is None and result["ip6tables"] is None
    # The greater of the two holds.
    assert result["rp_filter"] == {"enp0s11": 2, "lo": 1}
    assert result["clock"] == {"skew": None}
    assert result["changed"] is False


def test_the_facts_are_those_of_this_machine(run_module):
    facts = run_module(MODULE)["facts"]
    assert facts["distribution"] and facts["distributions"][0] == platform.freedesktop_os_release()["ID"]
    assert sorted(facts["interfaces"]) == sorted(name for _index, name in socket.if_nameindex())
    assert "127.0.0.1/8" in facts["interfaces"]["lo"]["addresses"]
    assert facts["interfaces"]["lo"]["active"] is True
    # All the rest of it is test_facts.py's.
    assert {facts["default_ipv4"], facts["default_ipv6"]} <= {None, *facts["interfaces"]}


def test_a_distribution_that_is_like_others(run_module, monkeypatch):
    monkeypatch.setattr(distro, "id", lambda: "linuxmint")
    monkeypatch.setattr(distro, "like", lambda: "ubuntu debian")
    assert run_module(MODULE)["facts"]["distributions"] == ["linuxmint", "ubuntu", "debian"]


def test_an_ip_that_refuses(run_module, node):
    node("ip", "", code=1)
    facts = run_module(MODULE)["facts"]
    assert (facts["interfaces"], facts["default_ipv4"], facts["default_ipv6"]) == ({}, None, None)


def test_an_interface_that_goes_while_it_is_looked_at(run_module, node, tmp_path):
    (tmp_path / "conf" / "veth1").mkdir()
    # Listed, and gone when it is opened.
    (tmp_path / "conf" / "veth1" / "rp_filter").symlink_to(tmp_path / "gone")
    assert run_module(MODULE)["rp_filter"] == {"enp0s11": 2, "lo": 1}


def test_the_bird_conf_of_another_user(run_module, node, monkeypatch):
    def refuse(self, *_arguments):
        raise PermissionError(13, "Permission denied", str(self))

    assert run_module(MODULE, directory="/nowhere")["bird_conf"] is None
    monkeypatch.setattr(anycast_node_info, "CONF", "/nowhere")
    monkeypatch.setattr(Path, "read_text", refuse)
    message = run_module(MODULE, directory="/etc/bird")["msg"]
    assert message == "/etc/bird/bird.conf cannot be read: Permission denied. Use 'become: true'"


def test_packet_filters_are_read_in_check_mode_too(run_module, node, tmp_path):
    node("nft", json.dumps({"nftables": RULESET}))
    node("iptables-save", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
    node("ip6tables-save", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n")
    result = run_module(MODULE, check_mode=True)
    assert result["nftables"] == RULESET
    assert ":INPUT ACCEPT" in result["iptables"] and ":INPUT DROP" in result["ip6tables"]
    assert (tmp_path / "nft.args").read_text() == "--json list ruleset\n"


@pytest.mark.parametrize("prints, code", [("", 1), ("no JSON", 0), ("{}", 0)])
def test_a_packet_filter_that_cannot_be_read(run_module, node, prints, code):
    node("nft", prints, code)
    assert run_module(MODULE)["nftables"] is None


def test_the_clock(run_module, node, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1795373282.4)
    assert run_module(MODULE, now=1795373272.0)["clock"] == {"skew": 10}


def test_units(run_module, node, tmp_path):
    kamailio = "Id=kamailio.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
    node("systemctl", kamailio + "\nId=nsd.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n")
    result = run_module(MODULE, units=["kamailio.service", "nsd.service"])
    assert result["units"] == {
        "kamailio.service": {"load": "loaded", "active": "active", "enabled": "enabled"},
        "nsd.service": {"load": "not-found", "active": "inactive", "enabled": ""},
    }
    assert (tmp_path / "systemctl.args").read_text().endswith("-- kamailio.service nsd.service\n")


def test_units_of_a_machine_without_systemd(run_module, node):
    node("systemctl", "System has not been booted with systemd as init system (PID 1).", 1)
    assert run_module(MODULE, units=["kamailio.service"])["units"] == {}


def test_nothing_asked_for(run_module, node):
    result = run_module(MODULE)
    assert (result["units"], result["packages"], result["announced"]) == ({}, {}, None)


def test_the_directory_of_what_is_announced(run_module, node, tmp_path, monkeypatch):
    directory = tmp_path / "anycast.d"
    assert run_module(MODULE, directory=str(tmp_path))["announced"] is None
    directory.mkdir()
    directory.chmod(0o750)
    names = {"owner": directory.owner(), "group": directory.group()}
    assert run_module(MODULE, directory=str(tmp_path))["announced"] == {**names, "mode": "0750"}

    def unknown(_path):
        raise KeyError("getpwuid(): uid not found")

    # Of a user that was removed: no owner that anybody expects.
    monkeypatch.setattr(Path, "owner", unknown)
    assert run_module(MODULE, directory=str(tmp_path))["announced"]["owner"] is None


@pytest.mark.parametrize(
    ("prints", "code", "version"),
    [("installed 2.17.1-1+b2", 0, "2.17.1-1+b2"), ("config-files 2.17.1-1", 0, None), ("", 1, None)],
)
def test_packages(run_module, node, prints, code, version):
    node("dpkg-query", prints, code)
    assert run_module(MODULE, packages=["bird2"])["packages"] == {"bird2": version}


def test_what_was_made_by_hand(run_module, node, tmp_path, monkeypatch):
    conf, interfaces = tmp_path / "bird.conf", tmp_path / "interfaces"
    conf.write_text('router id 192.0.2.1;\nprotocol ospf x { area 0 { interface "a" { password "secret"; }; }; }\n')
    interfaces.write_text("source interfaces.d/*\niface lo inet loopback\n")
    (tmp_path / "interfaces.d").mkdir()
    stanza = "iface dummy0 inet static\n  address 172.18.0.64/32\n  mtu 1400\n"
    (tmp_path / "interfaces.d" / "mine").write_text(stanza)
    (tmp_path / "interfaces.d" / "anycast-dummy0").write_text(stanza)
    monkeypatch.setattr(files, "INTERFACES", str(interfaces))
    result = run_module(MODULE, directory=str(tmp_path), dummies=["dummy0", "dummy1"])
    assert (result["bird_conf"]["ours"], result["bird_conf"]["router_id"]) == (False, "192.0.2.1")
    assert "secret" not in json.dumps(result)
    (found,) = result["stanzas"]
    assert (found["file"], found["name"]) == (str(tmp_path / "interfaces.d" / "mine"), "dummy0")
    assert (found["addresses"], found["extra"]) == (["172.18.0.64"], ["mtu"])
    assert run_module(MODULE)["stanzas"] == []


def test_source_routing(run_module, node, tmp_path):
    assert run_module(MODULE)["source_routing"] is None
    node("ip", "6464:\tfrom 172.18.0.64 lookup 64\n")
    # What is no JSON is no address.
    (tmp_path / "ip").write_text('#!/bin/sh\n[ "$1" = -N ] && echo "$*"\n')
    shown = run_module(MODULE, source_table=64)["source_routing"]
    assert shown == "-N rule show\n-N route show table 64\n"


def test_what_goes_with_a_package(run_module, node, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "KEPT", str(tmp_path))
    (tmp_path / "record.json").write_text('{"packages": ["bird2"]}')
    node("apt-get", "Purg bird2* [2.17]\n")
    before = run_module(MODULE, removal=True)["before"]
    assert before == {"packages": ["bird2"], "purge": ["bird2"], "units": {}, "files": [], "stanzas": []}
