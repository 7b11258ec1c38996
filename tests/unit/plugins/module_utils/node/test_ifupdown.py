# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 (tables of file contents)
"""One interface is taken out of /etc/network/interfaces, and nothing else; files are written in one step."""

from __future__ import annotations

import os

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node.files import interfaces_files, write_file
from ansible_collections.homelab.anycast.plugins.module_utils.node.ifupdown import (
    HandMade,
    hand_made,
    is_sourced_name,
    parse_stanzas,
    sources,
    with_stanza,
    without,
)

BEFORE = """\
# This file describes the network interfaces available on your system
source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

"""
ARTICLE = """\
auto dummy0
iface dummy0 inet static
address 172.18.0.64/32
pre-up ip link add dev dummy0 type dymmy
pre-down ip link delete dev dummy0 type dummy
"""
AFTER = """\

# The primary network interface
allow-hotplug enp0s11
iface enp0s11 inet dhcp
"""


@pytest.mark.parametrize(
    ("text", "kept", "removed"),
    [
        # The article's, in the middle, at the end, and alone.
        (BEFORE + ARTICLE + AFTER, BEFORE + AFTER[1:], ARTICLE),
        (BEFORE + ARTICLE, BEFORE, ARTICLE),
        (ARTICLE, "", ARTICLE),
        (BEFORE + AFTER, BEFORE + AFTER, ""),
        # Without a newline at the end.
        (BEFORE + ARTICLE.rstrip("\n"), BEFORE, ARTICLE.rstrip("\n")),
        # Indented, with tabs, a comment inside and one after it, which belongs to what follows.
        (
            "auto dummy0\n# anycast\n\tiface dummy0 inet static\n\t\t# .64\n\t\taddress 172.18.0.64\n# next\niface a inet dhcp\n",
            "# anycast\n\t\t# .64\n# next\niface a inet dhcp\n",
            "auto dummy0\n\tiface dummy0 inet static\n\t\taddress 172.18.0.64\n",
        ),
        # Other names on the same line stay, in their order.
        ("auto lo dummy0 enp0s11\nallow-hotplug dummy0\n", "auto lo enp0s11\n", "auto lo dummy0 enp0s11\nallow-hotplug dummy0\n"),
        ("no-auto-down dummy0\nno-scripts dummy0 a\n", "no-scripts a\n", "no-auto-down dummy0\nno-scripts dummy0 a\n"),
        # Both families; another interface whose name begins alike; a name as an option's value.
        (
            "iface dummy0 inet static\n address 172.18.0.64\niface dummy0 inet6 static\n address 2001:db8::64\n"
            "iface dummy01 inet manual\niface br0 inet manual\n bridge_ports dummy0\n",
            "iface dummy01 inet manual\niface br0 inet manual\n bridge_ports dummy0\n",
            "iface dummy0 inet static\n address 172.18.0.64\niface dummy0 inet6 static\n address 2001:db8::64\n",
        ),
        # Continued lines: the option's, the keyword's, and a keyword that is none as the line before goes on.
        (
            "iface dummy0 inet static\n  pre-up ip link add dev dummy0 \\\n    type dummy\n  address 172.18.0.64\nauto \\\n dummy0 lo\n",
            "auto lo\n",
            "iface dummy0 inet static\n  pre-up ip link add dev dummy0 \\\n    type dummy\n  address 172.18.0.64\nauto \\\n dummy0 lo\n",
        ),
        ("iface a inet manual\n up echo \\\niface dummy0 inet static\n", "iface a inet manual\n up echo \\\niface dummy0 inet static\n", ""),
        # A backslash that goes on to nothing.
        ("auto lo\n\\\n\nauto dummy0\n\\\n", "auto lo\n\\\n\n\\\n", "auto dummy0\n"),
        ("auto dummy0\n \\", " \\", "auto dummy0\n"),
        # A comment does not go on.
        ("# see \\\nauto dummy0\nauto lo\n", "# see \\\nauto lo\n", "auto dummy0\n"),
        # A mapping and a source line end the stanza.
        (
            "iface dummy0 inet static\n address 172.18.0.64\nmapping e*\n script x\nsource more\nsource-directory d\n",
            "mapping e*\n script x\nsource more\nsource-directory d\n",
            "iface dummy0 inet static\n address 172.18.0.64\n",
        ),
    ],
)  # fmt: skip
def test_only_that_interface_goes(text, kept, removed):
    if "# .64" in text:
        # What stands inside the stanza goes with it.
        kept, removed = kept.replace("\t\t# .64\n", ""), removed.replace("\t\taddress", "\t\t# .64\n\t\taddress")
    assert without(text, "dummy0") == (kept, removed)
    assert without(kept, "dummy0") == (kept, "")


def test_other_interfaces_mean_what_they_did():
    text = BEFORE + ARTICLE + AFTER
    others = [(s.keyword, s.words, s.options) for s in parse_stanzas(text) if "dummy0" not in s.words]
    assert [(s.keyword, s.words, s.options) for s in parse_stanzas(without(text, "dummy0")[0])] == others


def test_it_can_be_put_back_after_somebody_else_has_changed_the_file():
    kept, removed = without(BEFORE + ARTICLE + AFTER, "dummy0")
    changed = kept + "iface eth9 inet manual"
    back = with_stanza(changed, removed)
    assert back.startswith(changed + "\n")
    assert without(back, "dummy0")[1] == ARTICLE
    assert with_stanza("", ARTICLE) == ARTICLE


@pytest.mark.parametrize(
    ("option", "extra"),
    [
        ("pre-up ip link add dev dummy0 type dummy", []),
        ("pre-up ip link add dev dummy0 type dymmy", []),
        ("pre-up modprobe dummy", []),
        ("post-down /sbin/ip link del dummy0", []),
        ("netmask 255.255.255.255", []),
        ("up iptables -A INPUT -j ACCEPT", ["up"]),
        ("up ip route add 192.0.2.0/24 dev dummy0", ["up"]),
        ("mtu 1400", ["mtu"]),
        ("wpa-psk secret", ["wpa-psk"]),
    ],
)
def test_what_a_stanza_does_beyond_an_address(option, extra):
    found = hand_made("interfaces", BEFORE + ARTICLE + f"  {option}\n", "dummy0")
    assert found == HandMade("interfaces", "dummy0", ["172.18.0.64"], extra, [])
    # A value may be a secret.
    assert "secret" not in str(found)


def heirs(text):
    found = hand_made("interfaces", text, "dummy0")
    return found and found.heirs


def test_who_is_described():
    assert heirs(BEFORE) is None
    # No stanza, only a name that is to be brought up.
    assert heirs("auto dummy0\n") is None
    assert heirs(ARTICLE + "iface b inherits dummy0\n") == ["b"]
    # As interfaces(5) has it in its example.
    assert heirs(ARTICLE + "iface b inet static inherits dummy0\n") == ["b"]


def test_what_else_is_read():
    assert sources("source a\n# source b\n source-directory c\nsource\n") == [
        ("source", "a"),
        ("source-directory", "c"),
    ]
    assert [name for name in ("lab", "a-b_C1", "anycast-dummy0", "x.cfg", "y~", "z.dpkg-old") if is_sourced_name(name)] == [
        "lab", "a-b_C1", "anycast-dummy0",
    ]  # fmt: skip


def test_files_that_a_shell_would_not_match_are_not_read(tmp_path):
    """What an editor leaves beside a file is none of ifupdown's, which expands patterns as a shell does."""
    main, inner = tmp_path / "interfaces", tmp_path / "interfaces.d"
    inner.mkdir()
    main.write_text("source interfaces.d/*\n")
    for name in ("dummy", ".dummy.swp", "anycast-dummy0"):
        (inner / name).write_text("iface dummy0 inet manual\n")
    assert [file for file, _text in interfaces_files(main)] == [main, inner / "dummy"]


def test_a_file_is_replaced_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_file(path, "old\n", mode=0o640)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("old\n", 0o640)
    write_file(path, "like\n", like=path)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("like\n", 0o640)
    with pytest.raises(FileExistsError):
        write_file(path, "new\n", new=True)
    assert path.read_text() == "like\n"

    def fail(_handle):
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        write_file(path, "half of it")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("file", "like\n")]
