#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_interface
short_description: Make a dummy interface by the node's interface manager
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Writes the files of a dummy interface for ifupdown, ifupdown2, NetworkManager or systemd-networkd, and brings it up.
  - For ifupdown and ifupdown2 the file is where C(/etc/network/interfaces) reads it; without such a place the module
    fails before it changes anything. Files that do not bring the interface up are taken back.
  - An interface that is up stays up when its addresses change. Files for another interface manager are removed first,
    for which it goes down for a moment.
  - Meant for the role P(homelab.anycast.bird_anycast#role), which owns the files that this module writes.
extends_documentation_fragment: [homelab.anycast.attributes.writes, homelab.anycast.attributes.debian]
options:
  name: {type: str, required: true, description: Name of the interface.}
  state:
    description: Whether it is there. V(absent) removes it, with its files for any interface manager.
    type: str
    choices: [present, absent]
    default: present
  manager:
    type: str
    choices: [ifupdown, ifupdown2, NetworkManager, networkd]
    description: Required for O(state=present).
  addresses:
    description: >-
      Its addresses, as prefixes, written as C(ip(8\)) shows them. Required for O(state=present). More that it has stay
      for now, so that they can be withdrawn first; they are in RV(surplus).
    type: list
    elements: str
  content:
    description: >-
      Texts of the manager's files, one stanza for ifupdown and ifupdown2 (C(interfaces(5\))), one keyfile for
      NetworkManager (C(nm-settings-keyfile(5\))), two for networkd (C(systemd.netdev(5\)), C(systemd.network(5\))).
      Required for O(state=present).
    type: list
    elements: str
  commands:
    description: >-
      What ifupdown runs after it has brought up the interface. Run also when the file changes while the interface is
      up, or for O(repair).
    type: list
    elements: str
    default: []
  forget:
    description: Commands that undo what earlier O(commands) have made; run before them.
    type: list
    elements: str
    default: []
  repair: {type: bool, default: false, description: Whether something of O(commands) is gone.}
"""

EXAMPLES = r"""
- name: Make dummy0
  homelab.anycast.anycast_interface:
    name: dummy0
    manager: networkd
    addresses: [172.18.0.64/32]
    content:
      - "{{ lookup('ansible.builtin.template', 'interface.netdev.j2') }}"
      - "{{ lookup('ansible.builtin.template', 'interface.network.j2') }}"
  become: true
"""

RETURN = r"""
files: {type: list, elements: path, returned: success, description: The changed and removed files.}
addresses: {type: list, elements: str, returned: success, description: "Addresses added, or removed with V(absent)."}
surplus: {type: list, elements: str, returned: success, description: Addresses of the interface outside O(addresses).}
"""

import json
import shlex
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.node import files, interfaces
from ..module_utils.node.files import write_file
from ..module_utils.waiting import wait_until

IFSTATE = "/run/network/ifstate"
# Seconds for the addresses to come.
PATIENCE = 30


class Interface:
    def __init__(self, module: AnsibleModule) -> None:
        params = module.params
        self.module = module
        self.name: str = params["name"]
        self.manager: str = params["manager"]
        self.present = params["state"] == "present"
        self.wanted: set[str] = set(params["addresses"] or []) if self.present else set()
        self.connection = "anycast-" + self.name
        self.files: dict[str, str] = {}
        self.written = False
        self.sources = files.interfaces_sources(files.INTERFACES)
        if self.present:
            problems = interfaces.source_problems(self.sources, [self.name])
            if problems and self.manager in interfaces.READ_INTERFACES:
                module.fail_json(msg=f"{problems[0]}. Nothing was changed")
            paths = interfaces.paths(self.manager, self.name, self.sources)
            if len(params["content"]) != len(paths):
                module.fail_json(
                    msg=f"{self.name}: content has {len(params['content'])} texts, expected {len(paths)} with manager"
                    f" {self.manager}: of {' and '.join(paths)}"
                )
            self.files = dict(zip(paths, params["content"]))
        self.before = {
            path: Path(path).read_text(encoding="utf-8")
            for manager in interfaces.MANAGERS
            for path in interfaces.all_paths(manager, self.name, self.sources)
            if Path(path).exists()
        }
        self.found = self.addresses()
        self.is_new = self.found is None
        self.surplus = (self.found or set()) - self.wanted if self.present else set()

    # What is there

    def run(self, *words: str, check: bool = True) -> tuple[int, str]:
        # It looks in the sbin directories as well, which are not on the PATH that `su` leaves.
        program = self.module.get_bin_path(words[0])
        if program:
            code, printed, errors = self.module.run_command([program, *words[1:]], expand_user_and_vars=False)
        else:
            # As a shell has it; run_command would fail the module, whatever is checked.
            code, printed, errors = 127, "", f"there is no program {words[0]} on this host"
        if code and check:
            said = (errors or printed).strip() or "nothing was printed"
            self.fail(f"{self.name}: '{' '.join(words)}' ended with {code}: {said}")
        return code, printed

    def fail(self, message: str) -> None:
        """Fail, with the files as they were: a stanza that does not work would fail at each boot."""
        if self.written:
            self.written = False
            if self.is_new:
                self.take_away(self.manager)
                self.run("ip", "link", "delete", "dev", self.name, check=False)
            for path in {**self.before, **self.files}:
                if path in self.before:
                    write_file(Path(path), self.before[path], mode=interfaces.mode(path))
                else:
                    Path(path).unlink(missing_ok=True)
            if self.manager == interfaces.NETWORKD:
                self.run("networkctl", "reload", check=False)
            message += ". Its files are as they were before"
        self.module.fail_json(msg=message)

    def addresses(self) -> set[str] | None:
        """Return the interface's addresses as prefixes, None if there is no such interface."""
        code, printed = self.run("ip", "-json", "address", "show", "dev", self.name, check=False)
        if code:
            return None
        return {
            f"{entry['local']}/{entry['prefixlen']}"
            for link in json.loads(printed or "[]")
            for entry in link.get("addr_info", [])
            if entry.get("scope") != "link"
        }

    @property
    def others(self) -> list[str]:
        """Managers that have files of this interface and should not."""
        return [
            manager
            for manager in interfaces.MANAGERS
            if (not self.present or manager != self.manager)
            and (self.before.keys() - self.files.keys()) & set(interfaces.all_paths(manager, self.name, self.sources))
        ]

    @property
    def superfluous(self) -> list[str]:
        return [path for path in self.before if path not in self.files]

    @property
    def changed_files(self) -> list[str]:
        return [
            path
            for path, text in self.files.items()
            if self.before.get(path) != text or Path(path).stat().st_mode & 0o7777 != interfaces.mode(path)
        ]

    @property
    def changed_addresses(self) -> list[str]:
        if self.present:
            return sorted(self.wanted - (self.found or set()))
        # Not of an interface that the role has not made.
        return sorted(self.found or set()) if self.before else []

    def diff(self) -> list[dict[str, str]]:
        paths = dict.fromkeys([*self.changed_files, *self.superfluous])
        return [
            {
                "before_header": path,
                "after_header": path,
                "before": self.before.get(path, ""),
                "after": self.files.get(path, ""),
            }
            for path in paths
        ]

    # What is done

    def change(self) -> None:
        self.check_files()
        self.written = self.present
        for manager in self.others:
            self.take_away(manager)
        for path in self.superfluous:
            Path(path).unlink(missing_ok=True)
        if interfaces.NETWORKD in self.others:
            self.run("networkctl", "reload", check=False)
        if not self.present:
            self.run("ip", "link", "delete", "dev", self.name, check=False)
            return
        changed = self.changed_files
        for path in changed:
            write_file(Path(path), self.files[path], mode=interfaces.mode(path))
        if self.manager in interfaces.READ_INTERFACES and self.run("ifquery", self.name, check=False)[0]:
            self.fail(f"{self.manager} does not read {' '.join(self.files)}: 'ifquery {self.name}' does not know it")
        {
            interfaces.IFUPDOWN: self.up_by_ifupdown,
            interfaces.IFUPDOWN2: self.up_by_ifupdown2,
            interfaces.NETWORKMANAGER: self.up_by_networkmanager,
            interfaces.NETWORKD: self.up_by_networkd,
        }[self.manager](bool(changed))
        self.wait()
        for prefix in sorted(self.surplus - (self.found or set())):
            self.add(prefix)

    def check_files(self) -> None:
        """Fail if ifupdown does not take its file: without an address it brings up nothing and calls it a success."""
        if self.manager != interfaces.IFUPDOWN or not self.changed_files:
            return
        with tempfile.NamedTemporaryFile("w", dir=self.module.tmpdir, encoding="utf-8") as file:
            file.write(next(iter(self.files.values())))
            file.flush()
            self.run("ifup", "--no-act", "--force", "--all", "-i", file.name)

    def take_away(self, manager: str) -> None:
        """Have a manager take the interface down. Its files are there yet."""
        if manager in interfaces.READ_INTERFACES:
            self.run("ifdown", "--force", self.name, check=False)
        elif manager == interfaces.NETWORKMANAGER:
            self.run("nmcli", "connection", "delete", self.connection, check=False)
        else:
            self.run("networkctl", "delete", self.name, check=False)
        self.found = self.addresses()

    def add(self, prefix: str) -> None:
        # Other nodes have it too, which duplicate address detection would find.
        self.run("ip", "address", "add", prefix, "dev", self.name, *(["nodad"] if ":" in prefix else []))

    def up_by_ifupdown(self, changed: bool) -> None:
        state = Path(IFSTATE).read_text(encoding="utf-8").split() if Path(IFSTATE).exists() else []
        if self.found is None or f"{self.name}={self.name}" not in state:
            # ifup knows no reload, and does nothing for what it takes to be up.
            self.run("ifdown", "--force", self.name, check=False)
            self.run("ip", "link", "delete", "dev", self.name, check=False)
            self.run("ifup", self.name)
            return
        self.change_in_place(changed)

    def up_by_ifupdown2(self, changed: bool) -> None:
        # What is up, the kernel says, not its state file. ifup would take surplus addresses away.
        if self.found is None:
            self.run("ifup", self.name)
        else:
            self.change_in_place(changed)

    def change_in_place(self, changed: bool) -> None:
        for prefix in sorted(self.wanted - (self.found or set())):
            self.add(prefix)
        if changed or self.module.params["repair"]:
            for command in self.module.params["forget"] + self.module.params["commands"]:
                self.run("/bin/sh", "-c", command)

    def up_by_networkmanager(self, changed: bool) -> None:
        path = next(iter(self.files))
        self.run("nmcli", "connection", "load", path)
        active = self.run("nmcli", "--get-values", "NAME", "connection", "show", "--active")[1].splitlines()
        # Reapplied, the interface stays up.
        if self.connection in active and self.run("nmcli", "device", "reapply", self.name, check=False)[0] == 0:
            return
        self.run("nmcli", "connection", "up", self.connection)

    def up_by_networkd(self, changed: bool) -> None:
        self.run("networkctl", "reload")
        if self.found is not None and not changed:
            self.run("networkctl", "reconfigure", self.name)

    def wait(self) -> None:
        def is_there() -> bool:
            self.found = self.addresses()
            return self.found is not None and self.wanted <= self.found

        if not wait_until(is_there, PATIENCE, interval=0.5):
            there = "no interface" if self.found is None else ", ".join(sorted(self.found)) or "no address"
            look_at = {
                interfaces.IFUPDOWN: "ifup --verbose " + shlex.quote(self.name),
                interfaces.IFUPDOWN2: "ifup --verbose " + shlex.quote(self.name),
                interfaces.NETWORKMANAGER: "journalctl --unit NetworkManager",
                interfaces.NETWORKD: "journalctl --unit systemd-networkd",
            }[self.manager]
            self.fail(
                f"{self.name} by {self.manager} has {there}, expected {', '.join(sorted(self.wanted))}; look at"
                f" '{look_at}'{self.other_network()}"
            )

    def other_network(self) -> str:
        """Say which file networkd takes instead: the first one that matches, by its name."""
        if self.manager != interfaces.NETWORKD:
            return ""
        lines = (line.split() for line in self.run("networkctl", "status", self.name, check=False)[1].splitlines())
        file = next((words[2] for words in lines if words[:2] == ["Network", "File:"]), "")
        if not file or file in self.files:
            return ""
        return f". networkd configures it by {file}, whose [Match] fits too: narrow that, such as by Kind=!dummy"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "manager": {"type": "str", "choices": list(interfaces.MANAGERS)},
            "addresses": {"type": "list", "elements": "str"},
            "content": {"type": "list", "elements": "str"},
            "commands": {"type": "list", "elements": "str", "default": []},
            "forget": {"type": "list", "elements": "str", "default": []},
            "repair": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ("manager", "addresses", "content"))],
        supports_check_mode=True,
    )
    interface = Interface(module)
    files = [*interface.changed_files, *interface.superfluous]
    result: dict[str, Any] = {
        "changed": bool(files or interface.changed_addresses or module.params["repair"]),
        "files": files,
        "addresses": interface.changed_addresses,
        "surplus": sorted(interface.surplus),
        "diff": interface.diff(),
    }
    if result["changed"] and not module.check_mode:
        interface.change()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
