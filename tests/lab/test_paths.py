"""Sockets have short paths, whatever the checkout's is."""

import os
from pathlib import Path

import pytest

from lab import paths
from lab.errors import LabError


def longest(directory: Path) -> int:
    return len(os.fsencode(directory / ("ctl-" + "u" * 32 + "-65535." + "x" * 16)))


@pytest.mark.parametrize("depth", [1, 60])
def test_a_socket_always_fits(tmp_path: Path, depth: int) -> None:
    long = tmp_path.joinpath(*["directory"] * depth)
    for runtime in ("", str(tmp_path), "/run/user/1000", "relative"):
        assert longest(paths.runtime_path(long, 1000, {"XDG_RUNTIME_DIR": runtime})) <= 107


def test_a_runtime_directory_which_is_too_deep_is_passed_over(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["directory"] * 8)
    deep.mkdir(parents=True)
    assert paths.runtime_path(tmp_path, 1000, {"XDG_RUNTIME_DIR": str(deep)}).parent == Path("/tmp")


def test_checkouts_and_users_have_their_own() -> None:
    of = {paths.runtime_path(Path(checkout), uid, {}) for checkout in ("/a", "/b") for uid in (1, 2)}
    assert len(of) == 4


def test_a_directory_open_to_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "runtime_path", lambda *_: tmp_path / "sockets")
    assert paths.runtime_dir().stat().st_mode & 0o777 == 0o700
    (tmp_path / "sockets").chmod(0o777)
    with pytest.raises(LabError, match="should be a directory of yours"):
        paths.runtime_dir()


def test_cache_follows_the_xdg_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    assert paths.cache_dir({}) == Path("/home/user/.cache/homelab.anycast")
    assert paths.cache_dir({"XDG_CACHE_HOME": "relative"}) == Path("/home/user/.cache/homelab.anycast")
    assert paths.cache_dir({"XDG_CACHE_HOME": "/big"}) == Path("/big/homelab.anycast")
