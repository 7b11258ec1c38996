# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was on a node before the role is kept, closed to others, and given back as it was."""

from __future__ import annotations

import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node import files

MODULE = "anycast_takeover"
STANZA = "auto dummy0\niface dummy0 inet static\n  address 172.18.0.64/32\n  pre-up ip link add dev dummy0 type dummy\n"
INTERFACES = "source interfaces.d/*\nauto lo\niface lo inet loopback\n\n" + STANZA
OWN = "# ours\nauto dummy0\niface dummy0 inet static\n  address 172.18.0.64/32\n"
BIRD_CONF = 'protocol ospf x { area 0 { interface "a" { password "secret"; }; stubnet 172.18.0.64/32; }; }\n'


class Node:
    def __init__(self, run_module, root, monkeypatch):
        self.run_module = run_module
        self.root = root
        self.interfaces = root / "network" / "interfaces"
        self.own = root / "network" / "interfaces.d" / "anycast-dummy0"
        self.bird_conf = root / "bird.conf"
        self.kept = root / "lib" / "before"
        monkeypatch.setattr(files, "INTERFACES", str(self.interfaces))
        monkeypatch.setattr(files, "KEPT", str(self.kept))
        self.own.parent.mkdir(parents=True)
        self.interfaces.write_text(INTERFACES)
        self.interfaces.chmod(0o644)
        self.bird_conf.write_text(BIRD_CONF)
        self.bird_conf.chmod(0o640)

    def __call__(self, check_mode=False, **options):
        return self.run_module(MODULE, check_mode, **options)

    def take(self, check_mode=False):
        return [
            self(check_mode, files=[str(self.bird_conf)], units={"bird.service": {"active": "active"}}),
            self(check_mode, interface="dummy0", content=OWN),
        ]

    def record(self):
        """What anycast_node_info says of it, for the removal."""
        return self.run_module("anycast_node_info", removal=True)["before"]

    def files(self):
        """Everything below it, with modes."""
        return {
            str(path.relative_to(self.root)): (
                path.stat().st_mode & 0o777,
                path.read_text() if path.is_file() else None,
            )
            for path in sorted(self.root.rglob("*"))
        }


@pytest.fixture
def node(run_module, tmp_path, monkeypatch):
    return Node(run_module, tmp_path, monkeypatch)


def test_taken_and_given_back(node):
    before = node.files()
    assert [result["changed"] for result in node.take(check_mode=True)] == [True, True]
    assert node.files() == before
    results = node.take()
    assert [result["changed"] for result in results] == [True, True]
    assert node.interfaces.read_text() == INTERFACES.replace("\n" + STANZA, "\n")
    assert node.own.read_text() == OWN
    assert [path.stat().st_mode & 0o777 for path in (node.interfaces, node.own)] == [0o644, 0o644]
    # The secret is in the copy alone, which nobody else gets at.
    assert "secret" not in json.dumps(results)
    copy = node.kept / str(node.bird_conf).lstrip("/")
    assert copy.read_text() == BIRD_CONF and copy.stat().st_mode & 0o777 == 0o640
    assert node.kept.stat().st_mode & 0o777 == 0o700
    assert results[0]["copies"] == {str(node.bird_conf): str(copy)}
    # The diff shows the interface go, and where to.
    own, main = results[1]["diff"]
    assert own["after"] == OWN and STANZA in main["before"] and STANZA not in main["after"]

    assert [result["changed"] for result in node.take()] == [False, False]

    # What the role does next.
    node.bird_conf.write_text("ours")
    node.own.unlink()
    assert node(check_mode=True, state="given_back")["changed"]
    assert node.bird_conf.read_text() == "ours"
    result = node(state="given_back")
    record = node.record()
    assert (record["units"], record["stanzas"]) == ({"bird.service": {"active": "active"}}, ["dummy0"])
    assert record["files"] == [str(node.bird_conf), str(node.interfaces)]
    assert "secret" not in json.dumps(result)
    # Known until it is forgotten, so that it can be done again.
    assert (node(state="given_back")["changed"], node.record()) == (False, record)
    assert node(check_mode=True, state="forgotten")["changed"] and node.kept.exists()
    assert node(state="forgotten")["changed"]
    assert node.files() == before
    assert node(state="forgotten")["changed"] is False
    assert node(state="given_back")["changed"] is False


def test_the_first_copy_stays_and_ours_is_never_one(node):
    node.take()
    node.bird_conf.write_text("protocol device { }\n")
    node.take()
    assert (node.kept / str(node.bird_conf).lstrip("/")).read_text() == BIRD_CONF


def test_ours_is_no_copy_of_what_was_before(node):
    node.bird_conf.write_text('area 0 { include "/etc/bird/anycast.d/*.conf"; };')
    assert node(files=[str(node.bird_conf)])["changed"] is False
    assert not node.kept.exists()


def test_a_file_that_somebody_has_changed_since_gets_the_stanza_back(node):
    node.take()
    node.interfaces.write_text(node.interfaces.read_text() + "\niface eth7 inet manual\n")
    result = node(state="given_back")
    text = node.interfaces.read_text()
    assert "iface eth7 inet manual" in text and text.endswith(STANZA)
    assert any("was changed since" in sentence for sentence in result["given_back"])
    assert node(state="given_back")["changed"] is False
    assert node.interfaces.read_text() == text


def test_a_stanza_in_a_sourced_file(node):
    node.interfaces.write_text("source interfaces.d/*\n")
    extra = node.own.with_name("extra")
    extra.write_text("# mine\n" + STANZA)
    node(interface="dummy0", content=OWN)
    assert (extra.read_text(), node.own.read_text()) == ("# mine\n", OWN)
    # The role's own file is never taken apart.
    assert node(interface="dummy0", content=OWN)["changed"] is False


def test_packages_of_the_role_are_noted(node):
    node(packages=["bird2"])
    assert node(packages=["bird2"])["changed"] is False
    # The simulation of apt is test_takeover.py's; here it knows nothing of them.
    record = node.record()
    assert (record["packages"], record["purge"]) == (["bird2"], ["bird2"])
    assert node(state="forgotten")["changed"] and not node.kept.exists()
    assert node.record()["packages"] == []


def test_without_a_stanza_nothing_is_written(node):
    node.interfaces.write_text("auto lo\n")
    assert node(interface="dummy0", content=OWN)["changed"] is False
    assert not node.own.exists()


def test_a_damaged_record_is_named(node):
    node.take()
    (node.kept / "record.json").write_text('{"packages": [')
    for state in ("taken", "given_back"):
        message = node(state=state)["msg"]
        assert f"before the role ({node.kept}, with record.json): Expecting value: line 1" in message
    message = node.run_module("anycast_node_info", removal=True)["msg"]
    assert message.startswith(f"Cannot read what was there before the role ({node.kept}, with record.json): Expecting")
    assert STANZA not in node.interfaces.read_text()


def test_what_cannot_be_given_back_is_named_and_can_be_tried_again(node):
    node.take()
    node.interfaces.unlink()
    node.interfaces.mkdir()
    message = node(state="given_back")["msg"]
    assert f"'{node.interfaces}'. Correct that, and run this again" in message
    node.interfaces.rmdir()
    assert "failed" not in node(state="given_back")
    assert node.interfaces.read_text() == INTERFACES


def test_every_byte_comes_back(node):
    before = b"# caf\xe9\r\n" + BIRD_CONF.encode()
    node.bird_conf.write_bytes(before)
    node.take()
    node.bird_conf.write_text("ours")
    node(state="given_back")
    assert node.bird_conf.read_bytes() == before
