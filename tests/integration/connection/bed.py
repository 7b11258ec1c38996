"""Ansible's connection to a machine of the bed; `ansible_host` is the process id of its first process."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

from ansible.plugins.connection import local

DOCUMENTATION = local.DOCUMENTATION.replace("name: local", "name: bed")


class Connection(local.Connection):  # type: ignore[misc]
    transport = "bed"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> Any:
        enter = ["nsenter", f"--target={self._play_context.remote_addr}", "--mount", "--net", "--pid", "--uts", "--ipc",
                 "--root", "--wdns=/", "--", "sh", "-c", cmd]  # fmt: skip
        return super().exec_command(shlex.join(enter), in_data, sudoable)

    def put_file(self, in_path: str, out_path: str) -> None:
        shutil.copyfile(in_path, self._inside(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        shutil.copyfile(self._inside(in_path), out_path)

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self._play_context.remote_addr}/root", path.lstrip("/"))
