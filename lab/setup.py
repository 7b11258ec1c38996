"""`setup`: installs with apt what the host lacks. The only command which needs root or changes the host."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError
from lab.host import (
    OLDEST_QEMU_FOR_TCG,
    TOOLS,
    Architecture,
    accelerator,
    architecture,
    parse_version,
    qemu_version,
    which,
)

ARCHIVE_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RUN_AS_USER = {"newuidmap": "uidmap"}
"""mmdebstrap's unshare mode needs it where the user is not root."""


def missing_packages(arch: Architecture) -> set[str]:
    """Debian packages to install from the host's own sources."""
    programs = TOOLS | {arch.qemu: arch.qemu_package} | (RUN_AS_USER if os.getuid() else {})
    packages = {package for program, package in programs.items() if not which(program)}
    if not ARCHIVE_KEYS.exists():  # Ubuntu has it not by default, and mmdebstrap checks Debian's signatures with it
        packages.add("debian-archive-keyring")
    return packages


def backports_sources(targets: Iterable[str], codename: str, signed_by: Path | None) -> str:
    """sources.list with the host's own Debian mirrors and the backports of the first of them.

    `targets` are lines `URI RELEASE COMPONENT` of `apt-get indextargets`.
    """
    option = f" [signed-by={signed_by}]" if signed_by else ""
    lines: dict[str, None] = {}
    main = ""
    for target in targets:
        uri, release, component = target.split()
        if component == "main" and release.startswith(codename):
            lines[f"deb{option} {uri} {release} main"] = None
            main = uri if release == codename else main
    if not main:
        raise LabError(f"apt knows no source of {codename} main, so its backports cannot be found; add QEMU by hand")
    lines[f"deb{option} {main} {codename}-backports main"] = None
    return "".join(f"{line}\n" for line in lines)


def run(command: list[str], **environment: str) -> None:
    """Run as root, showing what is run."""
    if os.getuid():
        if not which("sudo"):
            raise LabError(f"root is needed to run `{' '.join(command)}`, and there is no sudo; run it as root")
        command = ["sudo", *(f"{name}={value}" for name, value in environment.items()), *command]
    print(f"+ {' '.join(command)}", flush=True)
    if subprocess.run(command, env=os.environ | environment, check=False).returncode:
        raise LabError(f"`{' '.join(command)}` failed; its output is above")


def apt_get(*arguments: str) -> None:
    run(["apt-get", *arguments], DEBIAN_FRONTEND="noninteractive")


def qemu_is_too_old(arch: Architecture) -> bool:
    """True where only tcg is possible, and the QEMU installed, or else the one apt would install, is too old for it."""
    if accelerator(arch) == "kvm":
        return False
    if program := which(arch.qemu):
        return qemu_version(program) < OLDEST_QEMU_FOR_TCG
    policy = subprocess.run(["apt-cache", "policy", arch.qemu_package], capture_output=True, text=True, check=False)
    candidate = next((line.split()[1] for line in policy.stdout.splitlines() if "Candidate:" in line), "(none)")
    digits = candidate.partition(":")[2] or candidate
    return not digits[0].isdecimal() or parse_version(f"version {digits}") < OLDEST_QEMU_FOR_TCG


def install_qemu_from_backports(arch: Architecture) -> None:
    """One apt call with sources of its own: the host's stay as they are."""
    release = platform.freedesktop_os_release()
    codename = release.get("VERSION_CODENAME", "")
    if release.get("ID") != "debian":
        raise LabError(
            f"this host ({release.get('PRETTY_NAME', 'unknown')}) offers no hardware KVM and no QEMU"
            f" {OLDEST_QEMU_FOR_TCG[0]} or newer; `setup` can bring one on Debian only: install QEMU by hand"
        )
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    keys = ARCHIVE_KEYS if ARCHIVE_KEYS.exists() else None
    with tempfile.TemporaryDirectory(prefix="anycast-setup-") as scratch:
        Path(scratch).chmod(0o755)  # apt reads as its own user _apt
        Path(scratch, "lists", "partial").mkdir(parents=True)
        sources = Path(scratch, "sources.list")
        sources.write_text(backports_sources(targets.stdout.splitlines(), codename, keys))
        options = [f"-oDir::Etc::SourceList={sources}", "-oDir::Etc::SourceParts=/dev/null"]
        options += [f"-oDir::State::Lists={scratch}/lists", f"-oDir::Cache::pkgcache={scratch}/pkgcache.bin"]
        options += [f"-oDir::Cache::srcpkgcache={scratch}/srcpkgcache.bin"]
        apt_get(*options, "update")
        packages = [arch.qemu_package, "qemu-utils"]
        apt_get(*options, "install", "--yes", "--no-install-recommends", "-t", f"{codename}-backports", *packages)


def setup() -> None:
    """Install what is missing; nothing when all is there."""
    arch = architecture()
    packages = missing_packages(arch)
    backports = qemu_is_too_old(arch)
    if not packages and not backports:
        print("Everything the lab needs is installed.")
        return
    if not which("apt-get"):
        raise LabError(f"`setup` installs with apt, which this host has not; install by hand: {', '.join(packages)}")
    if packages:
        print(f"Missing: {', '.join(sorted(packages))}. Installing with apt.")
        apt_get("update")
        backports = qemu_is_too_old(arch)  # with the lists just read
    if backports:
        packages -= {arch.qemu_package, "qemu-utils"}
    if packages:
        apt_get("install", "--yes", "--no-install-recommends", *sorted(packages))
    if backports:
        wanted = ".".join(map(str, OLDEST_QEMU_FOR_TCG))
        print(f"No hardware KVM here, and the distribution's QEMU is older than {wanted}: taking it from backports.")
        install_qemu_from_backports(arch)
