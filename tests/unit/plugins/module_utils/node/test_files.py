# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node.files import interfaces_files, write_file


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
