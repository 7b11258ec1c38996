# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.node.files import interfaces_files


def test_files_that_a_shell_would_not_match_are_not_read(tmp_path):
    """What an editor leaves beside a file is none of ifupdown's, which expands patterns as a shell does."""
    main, inner = tmp_path / "interfaces", tmp_path / "interfaces.d"
    inner.mkdir()
    main.write_text("source interfaces.d/*\n")
    for name in ("dummy", ".dummy.swp", "anycast-dummy0"):
        (inner / name).write_text("iface dummy0 inet manual\n")
    assert [file for file, _text in interfaces_files(main)] == [main, inner / "dummy"]
