# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asked through a socket that answers as BIRD 2.0.12 was recorded to, beside a journalctl that is none."""

from __future__ import annotations

import pytest

MODULE = "bird_info"
LINE = "anycast: Authentication failed for nbr 172.18.0.1 on eth0 - wrong authentication code (0)"


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """Return a function that makes a journalctl which prints a text and ends with a code."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(text, code=0):
        program = tmp_path / "journalctl"
        program.write_text(f"#!/bin/sh\necho \"$@\" > {tmp_path}/arguments\nprintf '%s\\n' '{text}'\nexit {code}\n")
        program.chmod(0o755)
        return tmp_path / "arguments"

    return make


def test_what_bird_runs_with(run_module, fake_bird, journal):
    arguments = journal(LINE)
    result = run_module(MODULE, socket=fake_bird("node").path)
    assert (result["changed"], result["version"], result["router_id"]) == (False, "2.0.12", "172.18.0.2")
    speaking = [entry for entry in result["interfaces"] if not entry["silent"]]
    assert [(entry["name"], entry["area"], entry["hello"], entry["dead"]) for entry in speaking] == [
        ("eth0", "0.0.0.0", 3, 12)
    ]
    assert [entry["reason"] for entry in result["refused"]] == ["authentication failed, wrong authentication code"]
    assert arguments.read_text().split()[:2] == ["--identifier=bird", "--since=-60s"]


def test_no_journal(run_module, fake_bird, journal):
    journal("No journal files were opened", 1)
    assert run_module(MODULE, socket=fake_bird("node").path)["refused"] is None


def test_no_bird(run_module, tmp_path):
    path = tmp_path / "bird.ctl"
    path.touch()
    assert f"no program listens on BIRD's control socket {path}" in run_module(MODULE, socket=str(path))["msg"]


def test_no_time(run_module):
    assert "timeout is 0, expected more than 0 seconds" in run_module(MODULE, timeout=0)["msg"]
