"""The image: its key, its initial RAM disk, and what happens when a build fails."""

import errno
import itertools
import shutil
import sys
from pathlib import Path

import pytest

from lab import cpio, host, image, processes
from lab.errors import LabError
from lab.host import ARCHITECTURES

SUITE = "trixie"
X86, ARM = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return Path(shutil.copytree(image.SOURCES, tmp_path / "image"))


def test_key_is_stable(sources: Path) -> None:
    assert image.key(X86, SUITE, (sources,)) == image.key(X86, SUITE, (sources,))


@pytest.mark.parametrize("name", ["packages", "customize.sh", "disk.sh", "init", "root/etc/resolv.conf"])
def test_key_changes_with_every_source(sources: Path, name: str) -> None:
    before = image.key(X86, SUITE, (sources,))
    with (sources / name).open("a") as file:
        file.write("\n")
    assert image.key(X86, SUITE, (sources,)) != before


def test_key_changes_with_a_new_file_the_processor_and_the_release(sources: Path) -> None:
    keys = [image.key(X86, SUITE, (sources,)), image.key(ARM, SUITE, (sources,))]
    keys.append(image.key(X86, "bookworm", (sources,)))
    (sources / "root/etc/new").touch()
    keys.append(image.key(X86, SUITE, (sources,)))
    assert all(a != b for a, b in itertools.combinations(keys, 2))


def test_key_does_not_depend_on_the_place_of_the_checkout(sources: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(sources, tmp_path / "elsewhere" / "image"))
    (other / "init").chmod(0o600)  # as under another umask
    assert image.key(X86, SUITE, (sources,)) == image.key(X86, SUITE, (other,))


def test_bird_is_left_to_the_role() -> None:
    assert not [package for package in image.packages() if package.startswith("bird")]
    needed = {"frr", "keepalived", "kamailio", "sip-tester", "ifupdown", "openssh-server", "python3"}
    assert needed <= set(image.packages())


def test_modules_come_after_what_they_need() -> None:
    dependencies = (
        "kernel/drivers/block/virtio_blk.ko.xz:\n"
        "kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz\n"
        "kernel/drivers/net/dummy.ko.xz:\n"
    )
    assert [Path(path).name for path in image.module_order(dependencies)] == [
        "virtio_blk.ko.xz",
        "failover.ko.xz",
        "net_failover.ko.xz",
        "virtio_net.ko.xz",
    ]


@pytest.fixture
def cache(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(image, "architecture", lambda: X86)
    monkeypatch.setattr(image, "check_space", lambda *_: None)
    return state.parent / "cache" / "homelab.anycast"


def test_a_build_is_kept_and_not_repeated(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[Path] = []

    def build(target: image.Image, arch: host.Architecture, suite: str) -> None:
        builds.append(target.directory)
        target.root_tar.write_bytes(b"tar")

    monkeypatch.setattr(image, "_build", build)
    assert image.ensure(SUITE).root_tar.read_bytes() == b"tar"
    assert image.ensure(SUITE).directory == cache / "images" / image.key(X86, SUITE)
    assert len(builds) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LabError("mmdebstrap failed")])
def test_an_interrupted_build_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def build(target: image.Image, arch: host.Architecture, suite: str) -> None:
        target.root_tar.write_bytes(b"half")
        raise error

    monkeypatch.setattr(image, "_build", build)
    with pytest.raises(type(error)):
        image.ensure(SUITE)
    assert [path.name for path in (cache / "images").iterdir()] == ["lock"]


def test_a_full_disk_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(target: image.Image, arch: host.Architecture, suite: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image, "_build", build)
    with pytest.raises(LabError, match="disk became full"):
        image.ensure(SUITE)


def fail(tmp_path: Path, text: str) -> None:
    image._run([sys.executable, "-c", f"import sys; sys.exit({text!r})"], tmp_path)


def test_a_step_which_fails_shows_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="(?s)failed with code 1.*E: no such package"):
        fail(tmp_path, "E: no such package")


def test_a_step_which_finds_the_disk_full_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="disk became full"):
        fail(tmp_path, "tar: root.tar: Wrote only 4096 bytes: No space left on device")


def test_prune_keeps_what_is_in_use_and_what_is_not_ours(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "used", image.key(X86, SUITE)):
        (cache / "images" / name).mkdir(parents=True)
    (cache / "bed").mkdir()
    used = str(cache / "images" / "used" / "vmlinuz")
    running = processes.Process(1, ("qemu-system-x86_64", "-kernel", used))
    monkeypatch.setattr(processes, "find", lambda match: iter([running] if match(list(running.argv)) else []))

    image.prune(everything=False)
    assert sorted(path.name for path in (cache / "images").iterdir() if path.is_dir()) == sorted(
        ["used", image.key(X86, SUITE)]
    )
    image.prune(everything=True)
    assert [path.name for path in (cache / "images").iterdir() if path.is_dir()] == ["used"]
    assert (cache / "bed").is_dir()


def test_archive_is_what_the_kernel_unpacks() -> None:
    """The first entry by hand, after Documentation/driver-api/early-userspace/buffer-format.rst; then all of it."""
    data = cpio.archive({"a/b": cpio.File(b"12345", 0o755), "a/link": cpio.File(link="b")})
    assert data[:6] == b"070701"
    assert data[110:112] == b"a\0"
    assert len(data) % 4 == 0
    entries: dict[str, tuple[int, bytes]] = {}
    position = 0
    while position < len(data):
        fields = [int(data[position + 6 + 8 * n : position + 14 + 8 * n], 16) for n in range(13)]
        start = position + 110
        name = data[start : start + fields[11] - 1].decode()
        content = (start + fields[11] + 3) // 4 * 4
        entries[name] = (fields[1], data[content : content + fields[6]])
        position = (content + fields[6] + 3) // 4 * 4
    assert entries == {
        "a": (0o040755, b""),
        "a/b": (0o100755, b"12345"),
        "a/link": (0o120777, b"b"),
        "TRAILER!!!": (0, b""),
    }
