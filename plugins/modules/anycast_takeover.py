#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_takeover
short_description: Keep the former files of a node, and restore them
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - With O(state=taken), keeps copies of files that the role is about to replace, notes which packages it has
    installed and how units were, and takes hand-made interfaces out of C(/etc/network/interfaces), which stay up.
  - With O(state=given_back), restores all of this, and with O(state=forgotten) forgets it. These are two steps, so that
    you can repeat the steps between them.
  - Copies keep their owner and mode, and are below C(/var/lib/homelab-anycast/before), which only root can read.
    The first copy of a file stays, which is the file from before the first run of the role.
extends_documentation_fragment: [homelab.anycast.attributes.writes, homelab.anycast.attributes.debian]
attributes:
  diff_mode:
    details: Of the interfaces files. What was in the other files is never shown, as it may hold passwords.
options:
  state:
    description: Whether to keep and take over, to give back, or to forget.
    type: str
    choices: [taken, given_back, forgotten]
    default: taken
  files: {type: list, elements: path, default: [], description: "Files to keep a copy of, where they exist."}
  packages: {type: list, elements: str, default: [], description: Packages that the role has installed.}
  units:
    description: >-
      How units were, by their names, as M(homelab.anycast.anycast_node_info) returns them; and with
      C(announced_by_hand), whether O(files) announced the services by themselves.
    type: dict
    default: {}
  interface:
    description: The interface to take out of C(/etc/network/interfaces) and of what it sources; with O(content).
    type: str
  content:
    description:
      - What the file C(/etc/network/interfaces.d/anycast-NAME) is to hold of O(interface) instead. It has another name,
        such as C(anycast-NAME.cfg), where C(/etc/network/interfaces) reads only that.
      - Written first, so that at no time the interface would be gone after a boot.
    type: str
"""

EXAMPLES = r"""
- name: Move an interface from /etc/network/interfaces to a file of the role
  homelab.anycast.anycast_takeover:
    interface: dummy0
    content: "{{ lookup('ansible.builtin.template', 'interface.j2') }}"
  become: true
"""

RETURN = r"""
copies: {type: dict, returned: success, description: "The path of the copy of each file, by the file's path."}
given_back: {type: list, elements: str, returned: success, description: "What the module restored, in words."}
"""

import contextlib
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bird import conf
from ..module_utils.node import files, ifupdown, interfaces
from ..module_utils.node.files import digest, read_exactly, write_file


class Takeover:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.kept = files.Kept(files.KEPT)
        self.before = copy.deepcopy(self.kept.record)
        self.copies: dict[str, str] = {}
        self.diff: list[dict[str, str]] = []
        self.changed = False
        self.given_back: list[str] = []

    def do(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Do it, unless in check mode."""
        self.changed = True
        if not self.module.check_mode:
            action(*arguments)

    def show(self, path: Path, before: str, after: str) -> None:
        self.diff.append({"before_header": str(path), "after_header": str(path), "before": before, "after": after})

    # Taken

    def taken(self) -> None:
        params, record = self.module.params, self.kept.record
        # A symbolic link stays one; what it leads to is replaced, and kept.
        for path in (Path(name).resolve() for name in params["files"]):
            if path.exists() and str(path) not in record.files and not conf.is_ours(path.read_text("utf-8", "replace")):
                self.keep(path)
        record.packages += [name for name in params["packages"] if name not in record.packages]
        record.units = {**params["units"], **record.units}
        changes = list(self.interface_changes())
        if changes:
            self.write_own()
        for path, _before, after, removed in changes:
            self.keep(path)
            record.files[str(path)] = digest(after)
            record.stanzas.append({"file": str(path), "name": params["interface"], "text": removed})
        if record != self.before:
            # Known before it is done: what was taken out is in no other place.
            self.do(self.kept.save)
        for path, before, after, _removed in changes:
            self.show(path, before, after)
            self.do(self.rewrite, path, after)

    @staticmethod
    def rewrite(path: Path, text: str) -> None:
        write_file(path, text, like=path)

    def keep(self, path: Path) -> None:
        self.kept.record.files.setdefault(str(path), None)
        self.copies[str(path)] = str(self.kept.copy_of(path))
        self.do(self.kept.copy, path)

    def interface_changes(self) -> Iterator[tuple[Path, str, str, str]]:
        """Yield (path, text, text without the interface, what was taken out) of each file to change."""
        name = self.module.params["interface"]
        for path, text in files.interfaces_files(files.INTERFACES) if name else ():
            if ifupdown.hand_made(str(path), text, name):
                yield path.resolve(), text, *ifupdown.without(text, name)

    def write_own(self) -> None:
        params = self.module.params
        sources = files.interfaces_sources(files.INTERFACES)
        path = Path(interfaces.paths(interfaces.IFUPDOWN, params["interface"], sources)[0])
        before = path.read_text("utf-8") if path.exists() else ""
        if before != params["content"]:
            self.show(path, before, params["content"])
            self.do(self._write_own, path, params["content"])

    @staticmethod
    def _write_own(path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content, mode=0o644)

    # Given back

    def restore(self) -> None:
        record = self.kept.record
        for name, left in sorted(record.files.items()):
            path, kept = Path(name), self.kept.copy_of(name)
            if not kept.exists():
                continue
            current = read_exactly(path) if path.exists() else None
            stanzas = [entry for entry in record.stanzas if entry["file"] == name]
            if stanzas and current is not None and digest(current) != left:
                after = current
                for entry in stanzas:
                    if not ifupdown.hand_made(name, current, entry["name"]):
                        after = ifupdown.with_stanza(after, entry["text"])
                self.given_back.append(f"{name} was changed since; what was taken out is at its end")
                if after != current:
                    self.show(path, current, after)
                    self.do(self.rewrite, path, after)
                continue
            self.given_back.append(f"{name} is as it was")
            before = read_exactly(kept)
            if current == before and _owner(path) == _owner(kept):
                continue
            if stanzas:
                self.show(path, current or "", kept.read_text("utf-8", "replace"))
            self.do(self._restore, kept, path)

    @staticmethod
    def _restore(kept: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, read_exactly(kept), like=kept)

    # Forgotten

    def forgotten(self) -> None:
        if self.kept.directory.exists():
            self.do(self.forget)

    def forget(self) -> None:
        for path in sorted(self.kept.directory.rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
        self.kept.directory.rmdir()
        # The state of drains is beside it.
        with contextlib.suppress(OSError):
            self.kept.directory.parent.rmdir()


def _owner(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["taken", "given_back", "forgotten"], "default": "taken"},
            "files": {"type": "list", "elements": "path", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "dict", "default": {}},
            "interface": {"type": "str"},
            "content": {"type": "str"},
        },
        required_together=[("interface", "content")],
        supports_check_mode=True,
    )
    try:
        takeover = Takeover(module)
        if module.params["state"] == "taken":
            takeover.taken()
        elif module.params["state"] == "given_back":
            takeover.restore()
        else:
            takeover.forgotten()
    except (OSError, ValueError, TypeError) as exc:
        module.fail_json(
            msg=f"Cannot keep or give back what was there before the role ({files.KEPT}, with record.json): {exc}."
            " Correct that, and run this again; it goes on where it was"
        )
    module.exit_json(
        changed=takeover.changed, diff=takeover.diff, copies=takeover.copies, given_back=takeover.given_back
    )


if __name__ == "__main__":
    main()
