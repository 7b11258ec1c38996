"""The machines' image: root file system, disk, kernel and initial RAM disk, built once and kept under a key."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import lzma
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import cpio, processes, tarball
from lab.errors import LabError
from lab.host import Architecture, architecture, check_space
from lab.machines import SUITES
from lab.paths import SOURCE, cache_dir

SOURCES = SOURCE / "image"
DISK_SIZE = "4G"
"""What a machine may fill; the file on the host holds only what is written."""
SPACE_FOR_BUILD = 3 * 2**30
"""The root as a tree, as a tar file, as a disk, and the packages: 1.3 GiB measured."""

MODULES = ("virtio_pci", "virtio_blk", "virtio_net")
"""What reaches the root and the cards; cloud kernels have ext4 built in, that of Debian 13 also virtio_pci."""


@dataclass(frozen=True)
class Image:
    """Files of one build."""

    directory: Path

    @property
    def root_tar(self) -> Path:
        return self.directory / "root.tar"

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.directory / "initrd.cpio"


def of_key(name: str) -> Image:
    return Image(cache_dir() / "images" / name)


def packages() -> list[str]:
    return _lines(SOURCES / "packages")


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def key(arch: Architecture, suite: str, directories: tuple[Path, ...] = (SOURCES,)) -> str:
    """Changes with anything that goes into an image: its sources, and the code which builds it."""
    files = [(path.name, path) for path in (SOURCE / "image.py", SOURCE / "cpio.py", SOURCE / "tarball.py")]
    for directory in directories:
        files += tarball.files_of(directory, directory)
    digest = hashlib.sha256(f"{arch.debian} {suite}".encode())
    for name, path in files:
        data = path.read_bytes()
        digest.update(f"\n{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """One build at a time per user; a second checkout waits and then finds the image there."""
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another build of an image to end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(suite: str) -> Image:
    """The image of a Debian release (its name, as `trixie`) and today's sources, built if it is not in the cache."""
    arch = architecture()
    image = of_key(key(arch, suite))
    cache = image.directory.parent
    if image.directory.is_dir():
        return image
    check_space(cache, SPACE_FOR_BUILD, "Building the image")
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache):
        if image.directory.is_dir():
            return image
        for leftover in cache.glob("*.tmp"):
            shutil.rmtree(leftover)
        unfinished = Image(cache / f"{image.directory.name}.tmp")
        unfinished.directory.mkdir()
        try:
            _build(unfinished, arch, suite)
            unfinished.directory.rename(image.directory)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise LabError(_no_space(cache)) from None
        finally:
            shutil.rmtree(unfinished.directory, ignore_errors=True)
    return image


def _no_space(where: Path | str) -> str:
    return f"the disk became full while the image was built (in {where}); make room there and try again"


def _build(image: Image, arch: Architecture, suite: str) -> None:
    start = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - start:5.1f} s] {what}", flush=True)

    with _scratch() as scratch:
        say(f"Building the image: Debian {suite} with mmdebstrap (about 45 s), into {image.directory.parent}")
        _run(_mmdebstrap(image, arch, suite, scratch), scratch)
        say("Making the disk")
        with image.root_tar.open("rb") as tar, image.disk.open("wb") as disk:
            line = [*_as_root(), "sh", "-c", (SOURCES / "disk.sh").read_text(), "disk.sh", DISK_SIZE]
            _run(line, scratch, stdin=tar.fileno(), stdout=disk.fileno())
        say("Making the initial RAM disk")
        _extract_boot_files(image)
    say("Image ready")


def _mmdebstrap(image: Image, arch: Architecture, suite: str, scratch: Path) -> list[str]:
    # Scripts and options are handed over as text: in its user namespace mmdebstrap is another user, who may not be able
    # to enter the directories above this checkout.
    root = SOURCES / "root"
    overlay = scratch / "overlay.tar"
    overlay.write_bytes(tarball.pack(tarball.files_of(root, root)))
    command = ["mmdebstrap", "--variant=apt", f"--architectures={arch.debian}", "--format=tar"]
    command += [f"--include={','.join([*packages(), arch.kernel_package])}"]
    # With the lists, so that a machine can install a package without reading the whole archive first.
    command += ["--skip=cleanup/apt/lists"]
    command += [f"--dpkgopt={line}" for line in _lines(root / "etc/dpkg/dpkg.cfg.d/lab")]
    command += [f"--aptopt={line}" for line in _lines(root / "etc/apt/apt.conf.d/90lab")]
    command += [f'--customize-hook=tar-in "{overlay}" /', f"--customize-hook={(SOURCES / 'customize.sh').read_text()}"]
    return [*command, suite, str(image.root_tar)]


def _as_root() -> list[str]:
    """Prefix of a command which sees itself as root: nothing for root, else mmdebstrap's own user namespace."""
    return [] if os.getuid() == 0 else ["mmdebstrap", "--unshare-helper"]


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """Directory for trees of foreign owners, removed with whatever an interrupted step left in it."""
    path = Path(tempfile.mkdtemp(prefix="anycast-image-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    path.chmod(0o1777)  # in a user namespace root is another user than the one who made this directory
    try:
        check_space(path, SPACE_FOR_BUILD, "Building the image")
        yield path
    finally:
        for ours in path.glob("*"):
            if ours.is_file():
                ours.unlink()
        # The rest may belong to the user namespace's root.
        subprocess.run([*_as_root(), "find", str(path), "-mindepth", "1", "-xdev", "-delete"], check=False, cwd="/")
        shutil.rmtree(path, ignore_errors=True)


def _run(command: list[str], scratch: Path, stdin: int = subprocess.DEVNULL, stdout: int | None = None) -> None:
    """Run one step in a session of its own; when interrupted, end all of it and let it clean up behind itself."""
    log = scratch / "log"
    environment = os.environ | {"TMPDIR": str(scratch), "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
    with log.open("w+b") as stderr:
        process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout or stderr, stderr=stderr, env=environment, start_new_session=True
        )
        try:
            code = process.wait()
        except BaseException:
            _end(process)
            raise
        if code:
            stderr.seek(0)
            text = stderr.read().decode(errors="replace")
            if "No space left on device" in text:
                raise LabError(_no_space(f"{scratch} or the cache"))
            tail = "\n".join(text.splitlines()[-25:])
            raise LabError(f"{Path(command[0]).name} failed with code {code}; the end of what it said:\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for sig in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sig)
        try:
            process.wait(timeout=20)
            return
        except subprocess.TimeoutExpired:
            continue


# --- kernel and initial RAM disk --------------------------------------------------------------------------------------


def module_order(dependencies: str, wanted: tuple[str, ...] = MODULES) -> list[str]:
    """Paths of the wanted modules and of what they need, each after what it needs (modules.dep, depmod(8))."""
    needs = {path: rest.split() for path, dummy, rest in (line.partition(":") for line in dependencies.splitlines())}
    order: dict[str, None] = {}
    for name in wanted:
        for path in (p for p in needs if Path(p).name.split(".")[0] == name):
            for dependency in reversed(needs[path]):  # depmod lists the nearest first
                order[dependency] = None
            order[path] = None
    return list(order)


def _extract_boot_files(image: Image) -> None:
    """Kernel and modules out of the root; the initial RAM disk from them, busybox and `init`."""
    with tarfile.open(image.root_tar) as tar:
        names = {member.name.removeprefix("./"): member for member in tar.getmembers()}

        def read(name: str) -> bytes:
            handle = tar.extractfile(names[name])
            if handle is None:
                raise LabError(f"{name} is not a file in the image's root")
            return handle.read()

        kernel = next(name for name in names if name.startswith("boot/vmlinuz-"))
        modules = f"usr/lib/modules/{kernel.partition('-')[2]}"
        image.kernel.write_bytes(read(kernel))
        files = {
            "init": cpio.File(b"#!/bin/busybox sh\n" + (SOURCES / "init").read_bytes(), 0o755),
            "bin/busybox": cpio.File(read("usr/bin/busybox"), 0o755),
        }
        order = module_order(read(f"{modules}/modules.dep").decode())
        for path in order:
            data = read(f"{modules}/{path}")
            files[f"modules/{Path(path).name.removesuffix('.xz')}"] = cpio.File(
                lzma.decompress(data) if path.endswith(".xz") else data
            )
        files["modules/order"] = cpio.text("".join(f"{Path(path).name.removesuffix('.xz')}\n" for path in order))
    image.initrd.write_bytes(cpio.archive(files))


def in_use(image: Image) -> bool:
    """True while a machine runs from it, of this checkout or of another."""
    kernel = str(image.kernel)
    return any(True for dummy in processes.find(lambda argv: kernel in argv))


def prune(everything: bool) -> None:
    """Remove the images of older sources, or all; never one from which a machine runs."""
    cache = cache_dir()
    images = cache / "images"
    if not images.is_dir():
        return
    keep = [] if everything else [key(architecture(), suite) for suite in SUITES]
    with _locked(images):
        for entry in images.iterdir():
            if entry.is_dir() and entry.name not in keep and not in_use(Image(entry)):
                shutil.rmtree(entry)
    if everything and not any(entry.is_dir() for entry in images.iterdir()):
        shutil.rmtree(images)
        with contextlib.suppress(OSError):
            cache.rmdir()  # where nothing else keeps something in it
