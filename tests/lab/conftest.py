"""A lab whose directories are a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import keys, paths, ssh


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`.lab` of a checkout in a temporary directory."""
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    for module in (paths, ssh):
        monkeypatch.setattr(module, "runtime_dir", lambda: runtime)
    monkeypatch.setattr(keys, "_ssh_key", lambda name, comment: tmp_path / name)
    monkeypatch.setattr(keys, "public", lambda key: f"ssh-ed25519 KEY-OF-{key.name} comment\n")
    (tmp_path / ".lab").mkdir()
    return tmp_path / ".lab"
