# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against shams of ip, ifup, nmcli and networkctl, which keep the interface's addresses in a file."""

from __future__ import annotations

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.homelab.anycast.plugins.module_utils.node import files, interfaces
from ansible_collections.homelab.anycast.plugins.modules import anycast_interface

MODULE = "anycast_interface"
SHAM = """#!/bin/sh
echo "${0##*/} $*" >> "$SHAM/asked"
addresses="$SHAM/addresses"
case "${0##*/} $*" in
  "ip -json address"*)
    [ -e "$addresses" ] || exit 1
    printf '[{"addr_info": [{"local": "fe80::1", "prefixlen": 64, "scope": "link"}'
    while read -r a; do
      printf ', {"local": "%s", "prefixlen": %s, "scope": "global"}' "${a%/*}" "${a#*/}"
    done < "$addresses"
    echo ']}]' ;;
  "ip address add"*) echo "$3" >> "$addresses" ;;
  "ip link delete"*) rm -f "$addresses" ;;
  "ifup --no-act"*) grep -q address "$5" ;;
  "ifquery "*) ! [ -e "$SHAM/unread" ] ;;
  "ifup "*) echo 172.18.0.64/32 > "$addresses"; echo dummy0=dummy0 > "$SHAM/ifstate" ;;
  "ifdown "*) rm -f "$addresses" "$SHAM/ifstate" ;;
  "nmcli connection up"*|"networkctl reload") cat "$SHAM/wanted" > "$addresses" 2>/dev/null || true ;;
  "nmcli connection delete"*|"networkctl delete"*) rm -f "$addresses" ;;
esac
"""


class Node:
    def __init__(self, root, run_module):
        self.root = root
        self.run_module = run_module
        self.addresses = root / "addresses"

    def __call__(self, manager="ifupdown", addresses=("172.18.0.64/32",), check_mode=False, **options):
        (self.root / "wanted").write_text("".join(f"{address}\n" for address in addresses))
        content = [f"address {' '.join(addresses)}\n"] * len(interfaces.FILES[manager])
        given = {"name": "dummy0", "manager": manager, "addresses": list(addresses), "content": content}
        return self.run_module(MODULE, check_mode=check_mode, **{**given, **options})

    def asked(self):
        """Return what was asked of the shams since the last time, but for what only looks."""
        path = self.root / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(("ip -json", "ifup --no-act", "ifquery"))]

    def files(self):
        return sorted(path.name for path in self.root.rglob("*anycast-*"))


@pytest.fixture
def node(tmp_path, monkeypatch, run_module):
    (tmp_path / "bin").mkdir()
    for name in ("ip", "ifup", "ifdown", "ifquery", "nmcli", "networkctl"):
        (tmp_path / "bin" / name).write_text(SHAM)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("SHAM", str(tmp_path))
    monkeypatch.setattr(anycast_interface, "IFSTATE", str(tmp_path / "ifstate"))
    monkeypatch.setattr(anycast_interface, "PATIENCE", 0)
    places = {
        kind: {f"{tmp_path}{pattern}": number for pattern, number in patterns.items()}
        for kind, patterns in interfaces.FILES.items()
    }
    for pattern in (pattern for patterns in places.values() for pattern in patterns):
        (tmp_path / pattern).parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(interfaces, "FILES", places)
    earlier = {kind: tuple(f"{tmp_path}{pattern}" for pattern in old) for kind, old in interfaces.EARLIER.items()}
    monkeypatch.setattr(interfaces, "EARLIER", earlier)
    monkeypatch.setattr(files, "INTERFACES", str(tmp_path / "etc/network/interfaces"))
    (tmp_path / "etc/network/interfaces").write_text("source interfaces.d/*\n")
    return Node(tmp_path, run_module)


@pytest.mark.parametrize("manager", interfaces.MANAGERS)
def test_it_is_made_and_then_left_alone(node, manager):
    assert node(manager, check_mode=True)["changed"]
    assert (node.files(), node.asked()) == ([], [])
    result = node(manager)
    assert (result["changed"], result["addresses"], result["surplus"]) == (True, ["172.18.0.64/32"], [])
    assert node.addresses.read_text() == "172.18.0.64/32\n"
    assert len(node.files()) == len(interfaces.FILES[manager])
    node.asked()
    assert not node(manager)["changed"]
    assert node.asked() == []


def test_another_address_comes_without_the_interface_going_down(node):
    node()
    node.asked()
    result = node(addresses=["172.18.0.64/32", "172.18.0.65/32"])
    assert result["addresses"] == ["172.18.0.65/32"]
    assert node.asked() == ["ip address add 172.18.0.65/32 dev dummy0"]


def test_an_ipv6_address_comes_though_other_nodes_have_it_too(node):
    """Duplicate address detection would find them."""
    node()
    node.asked()
    assert node(addresses=["172.18.0.64/32", "2001:db8:64::64/128"])["addresses"] == ["2001:db8:64::64/128"]
    assert node.asked() == ["ip address add 2001:db8:64::64/128 dev dummy0 nodad"]


def test_an_address_that_goes_stays_until_it_is_withdrawn(node):
    node()
    node(addresses=["172.18.0.64/32", "172.18.0.65/32"])
    result = node()
    assert (result["changed"], result["surplus"]) == (True, ["172.18.0.65/32"])
    assert "172.18.0.65/32" in node.addresses.read_text()


def test_an_address_that_is_gone_comes_back(node):
    node()
    node.addresses.write_text("")
    assert node()["changed"]
    assert node.addresses.read_text() == "172.18.0.64/32\n"


def test_commands_run_when_the_file_changes_and_when_something_is_gone(node):
    node()
    node.asked()
    note = node.root / "note"
    commands = {"forget": [f"echo forget >> {note}"], "commands": [f"echo up >> {note}"]}
    assert not node(**commands)["changed"]
    assert node(repair=True, **commands)["changed"]
    assert note.read_text() == "forget\nup\n"


@pytest.mark.parametrize(
    ("old", "new"), [("ifupdown", "NetworkManager"), ("NetworkManager", "networkd"), ("networkd", "ifupdown")]
)
def test_moving_from_one_manager_to_another(node, old, new):
    node(old)
    node.asked()
    result = node(new)
    assert result["changed"]
    assert len(node.files()) == len(interfaces.FILES[new])
    assert node.addresses.read_text() == "172.18.0.64/32\n"
    released = {"ifupdown": "ifdown --force dummy0", "NetworkManager": "nmcli connection delete anycast-dummy0"}
    assert node.asked()[0] == released.get(old, "networkctl delete dummy0")
    assert not node(new)["changed"]


@pytest.mark.parametrize("manager", interfaces.MANAGERS)
def test_it_goes(node, manager):
    node(manager)
    assert node.run_module(MODULE, name="dummy0", state="absent")["changed"]
    assert (node.files(), node.addresses.exists()) == ([], False)
    assert not node.run_module(MODULE, name="dummy0", state="absent")["changed"]


def test_an_interface_that_the_role_has_not_made_stays(node):
    node.addresses.write_text("172.18.0.64/32\n")
    assert not node.run_module(MODULE, name="dummy0", state="absent")["changed"]
    assert node.addresses.exists()


def test_each_file_of_the_manager_has_a_text(node):
    result = node("networkd", content=["[NetDev]\n"])
    assert "dummy0: content has 1 texts, expected 2 with manager networkd: of " in result["msg"]
    assert (node.files(), node.asked()) == ([], [])


def test_what_ifupdown_refuses_is_not_written(node):
    result = node(content=["nothing\n"])
    assert "ifup --no-act" in result["msg"]
    assert node.files() == []


def test_an_address_that_does_not_come_is_said(node):
    (node.root / "bin" / "nmcli").write_text("#!/bin/sh\n")
    result = node("NetworkManager")
    assert result["msg"] == (
        "dummy0 by NetworkManager has no interface, expected 172.18.0.64/32; look at 'journalctl --unit NetworkManager'"
        ". Its files are as they were before"
    )
    assert node.files() == []


def test_a_place_that_interfaces_does_not_read_is_refused(node):
    (node.root / "etc/network/interfaces").write_text("iface lo inet loopback\n")
    assert "Add the line 'source /etc/network/interfaces.d/*'" in node()["msg"]
    assert (node.files(), node.asked()) == ([], [])


@pytest.mark.parametrize("manager", interfaces.READ_INTERFACES)
def test_a_file_that_ifquery_does_not_know_is_taken_back(node, manager):
    (node.root / "unread").touch()
    assert "'ifquery dummy0' does not know it. Its files are as they were before" in node(manager)["msg"]
    assert node.files() == []


def test_files_of_an_earlier_version_are_replaced_and_the_interface_stays_up(node):
    node("networkd")
    for suffix in ("netdev", "network"):
        path = node.root / f"etc/systemd/network/00-anycast-dummy0.{suffix}"
        path.rename(path.with_name(f"50-anycast-dummy0.{suffix}"))
    node.asked()
    assert node("networkd")["changed"]
    assert node.files() == ["00-anycast-dummy0.netdev", "00-anycast-dummy0.network"]
    assert "networkctl delete dummy0" not in node.asked()


def test_the_file_of_networkd_that_comes_first_is_named(node):
    """It sorts by name, and ours may have failed to come first."""
    sham = "#!/bin/sh\n[ $1 = status ] && echo '  Network File: /etc/systemd/network/00-all.network'; true\n"
    (node.root / "bin" / "networkctl").write_text(sham)
    message = node("networkd")["msg"]
    assert "networkd configures it by /etc/systemd/network/00-all.network, whose [Match] fits too" in message
    assert node.files() == []


def only_shams(node, monkeypatch, *without):
    """Have only the shams found, wherever PATH leads, and not all of them."""

    def get_bin_path(_self, name, **_options):
        return name if name.startswith("/") else None if name in without else str(node.root / "bin" / name)

    monkeypatch.setattr(AnsibleModule, "get_bin_path", get_bin_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_programs_that_are_not_on_the_path_are_found(node, monkeypatch):
    """`su` keeps the PATH of a user, without the directories of root's programs."""
    node()
    only_shams(node, monkeypatch)
    assert not node(check_mode=True)["changed"]


def test_a_program_that_is_needed_and_missing_is_named(node, monkeypatch):
    only_shams(node, monkeypatch, "nmcli")
    result = node("NetworkManager")
    assert "ended with 127: there is no program nmcli on this host" in result["msg"]


@pytest.mark.parametrize("program", ["ifdown", "nmcli", "networkctl"])
def test_a_manager_that_is_gone_is_not_asked(node, monkeypatch, program):
    old = {"ifdown": "ifupdown", "nmcli": "NetworkManager", "networkctl": "networkd"}[program]
    node(old)
    only_shams(node, monkeypatch, program)
    assert node.run_module(MODULE, name="dummy0", state="absent")["changed"]
    assert (node.files(), node.addresses.exists()) == ([], False)


def test_the_variables_of_a_command_are_the_shells(node, monkeypatch):
    node()
    monkeypatch.setenv("FROM", "the module")
    note = node.root / "note"
    node(repair=True, commands=[f"FROM='the shell'; echo \"$FROM\" > {note}"])
    assert note.read_text() == "the shell\n"
