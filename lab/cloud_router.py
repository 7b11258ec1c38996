"""A RouterOS for virtual machines (Cloud Hosted Router) in place of the emulator. The user brings the image.

This has not been tried on a CHR yet. These public sources say how a CHR behaves:
tikoci/quickchr: a fresh one has a DHCP client on ether1 and nothing else, admin has no password, the plain API is on.
srl-labs/vrnetlab, tikoci/mikropkl: 512 MiB, one processor and virtio do; it boots by BIOS only.
schema (7.16 to 7.24): /file/add takes contents, /certificate/import takes name.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librouteros
from librouteros.exceptions import LibRouterosError

from lab import host, keys, qemu
from lab.errors import LabError
from lab.host import Architecture
from lab.kind import Hardware, Wait
from lab.machines import LAN, Machine, Ports
from lab.paths import state_dir
from lab.personality import BRIDGE
from lab.routeros.policy import LAB_PASSWORD

VARIABLE = "ROUTER_IMAGE"
WANTED = "expected MikroTik's Cloud Hosted Router for x86: chr-7.x.img (the raw disk image), or the .zip with it"
FACTORY, USER = ("admin", ""), ("ansible", LAB_PASSWORD)
LAN_PORT = "ether2"
"""RouterOS counts the cards in the order of their PCI slots."""
CERTIFICATE = "lab"
CLOCK_TOLERANCE = 5.0
"""Seconds that the clock may be off."""
LOOK_INTERVAL = 1.0

Row = dict[str, Any]


@dataclass(frozen=True)
class RouterImage:
    """A disk that was looked at."""

    path: Path
    format: str
    """As qemu-img calls it: raw or qcow2."""


def asked_for(environ: Mapping[str, str] | None = None) -> Path | None:
    """The image that ROUTER_IMAGE names, if it does."""
    text = (os.environ if environ is None else environ).get(VARIABLE, "")
    return Path(text).expanduser().absolute() if text else None


def look_at(path: Path, arch: Architecture | None = None) -> RouterImage:
    """The image, of which a zip has been unpacked into .lab; LabError where it cannot be a CHR for this host."""
    arch = arch or host.architecture()
    if arch.debian != "amd64":
        raise LabError(f"this host is {arch.debian}; a CHR for x86 needs one of amd64: unset {VARIABLE}")
    if not path.is_file():
        raise LabError(f"{VARIABLE} names {path}, where {'a directory' if path.is_dir() else 'nothing'} is; {WANTED}")
    if "arm64" in path.name:
        raise LabError(f"{path.name} is for arm64 by its name; {WANTED}")
    disk = _unpacked(path) if zipfile.is_zipfile(path) else path
    line = ["qemu-img", "info", "--output=json", str(disk)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{disk} cannot be read: {done.stderr.strip()}; {WANTED}")
    form = str(json.loads(done.stdout)["format"])
    if form not in ("raw", "qcow2"):
        raise LabError(f"{disk} is a disk of the form {form}; {WANTED}")
    with disk.open("rb") as file:
        start = file.read(512)
    # Anything is a raw disk to qemu-img.
    if form == "raw" and start[510:] != b"\x55\xaa":
        raise LabError(f"{disk} is no disk that a BIOS boots: its first sector does not end with 55 aa; {WANTED}")
    return RouterImage(disk, form)


def _unpacked(path: Path) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            found = [info for info in archive.infolist() if info.filename.endswith(".img")]
            if len(found) != 1:
                raise LabError(f"{path} has {', '.join(names) or 'no file'}, and not one .img; {WANTED}")
            host.check_space(state_dir(), found[0].file_size, "The router's image")
            state_dir().mkdir(mode=0o700, exist_ok=True)
            target = state_dir() / "router.img"
            new = target.with_suffix(".new")
            with archive.open(found[0]) as source, new.open("wb") as file:
                shutil.copyfileobj(source, file)
            new.rename(target)
            return target
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise LabError(f"{path} cannot be unpacked: {error}; fetch it again") from None


def digest(path: Path) -> str:
    """The SHA-256 of an image."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Chr:
    """The kind `chr`."""

    image: RouterImage

    def create(self, machine: Machine) -> None:
        """The disk stands on the image, which stays as it is."""
        qemu.create_disk(machine, self.image.path, self.image.format)

    def hardware(self, machine: Machine, arch: Architecture, accelerator: str) -> Hardware:
        """No public source shows a CHR with `-cpu max`, or a CHR that has a driver for virtio-rng."""
        network = f",restrict=on,dhcpstart={machine.management_address}"
        return Hardware("host" if accelerator == "kvm" else "qemu64", disk=",bootindex=0", network=network)

    def boot(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        """Over the plain API, until it answers twice; the first time also users, LAN, clock and certificate."""
        with _answering(machine, ports, wait, USER, FACTORY) as (api, user):
            wait.say(f"{machine.name}: reachable")
            if user == FACTORY:
                set_users(api, ports)
        with _answering(machine, ports, wait, USER) as (api, _user):
            set_up(api, machine, ports)
            wait.say(f"{machine.name}: RouterOS {_rows(api, '/system/resource')[0]['version']}")

    def restored(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        """Without the right time no certificate is valid."""
        with _answering(machine, ports, wait, USER) as (api, _user):
            set_clock(api)

    def sync(self, machine: Machine, ports: Ports) -> str:
        """It has what it needs."""
        return ""

    def login(self, machine: Machine, ports: Ports) -> list[str]:
        """As the user of the API, by password. The host key is the router's own, and new with each lab."""
        trust = ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]
        return ["ssh", "-F", "none", *trust, "-p", str(ports.ssh(machine)), f"{USER[0]}@127.0.0.1"]


def connect(ports: Ports, user: tuple[str, str], timeout: float = 30) -> librouteros.api.Api:
    """A session of the plain API."""
    name, password = user
    return librouteros.connect(host="127.0.0.1", port=ports.api, username=name, password=password, timeout=timeout)


@contextlib.contextmanager
def _answering(
    machine: Machine, ports: Ports, wait: Wait, *users: tuple[str, str]
) -> Iterator[tuple[librouteros.api.Api, tuple[str, str]]]:
    """A session of the first of these users who may log in, once the router answers; and who that is.

    QEMU accepts connections for a guest that does not listen yet, so only an answer says something.
    """
    deadline = time.monotonic() + wait.patience
    problem = "no answer"
    while time.monotonic() < deadline and not wait.stop.is_set():
        if not qemu.running(machine):
            raise LabError(f"{machine.name} is not running any more: {qemu.last_words(machine) or 'QEMU said nothing'}")
        for user in users:
            try:
                api = connect(ports, user)
                if all(_rows(api, "/system/resource") for _look in range(2)):
                    break
                api.close()
            except (LibRouterosError, OSError) as error:
                problem = f"user {user[0]}: {error}"
        else:
            wait.stop.wait(LOOK_INTERVAL)
            continue
        try:
            yield api, user
        except LibRouterosError as error:
            raise LabError(f"{machine.name} refuses what the lab sets up: {error}") from None
        finally:
            api.close()
        return
    raise LabError(f"{machine.name} did not answer on its API within {wait.patience:.0f} s ({problem})")


def _rows(api: librouteros.api.Api, menu: str, *words: str) -> list[Row]:
    return list(api.rawCmd(f"{menu}/print", *words))


def _run(api: librouteros.api.Api, command: str, **values: str) -> None:
    list(api.rawCmd(command, *(f"={name.replace('_', '-')}={value}" for name, value in values.items())))


def set_users(api: librouteros.api.Api, ports: Ports) -> None:
    """Give admin a password, and the collection its user."""
    (admin,) = _rows(api, "/user", f"?name={FACTORY[0]}")
    _run(api, "/user/add", name=USER[0], group="full", password=USER[1])
    # Over REST 7.23.7 has said that it failed, and had done it (ha-manager): a login proves it.
    with contextlib.suppress(librouteros.exceptions.TrapError):
        list(api.rawCmd("/user/set", f"=.id={admin['.id']}", f"=password={LAB_PASSWORD}"))
    connect(ports, (FACTORY[0], LAB_PASSWORD)).close()


def set_up(api: librouteros.api.Api, machine: Machine, ports: Ports) -> None:
    """The router's LAN, clock and certificate; what is there already stays as it is."""
    if BRIDGE not in [row["name"] for row in _rows(api, "/interface")]:
        set_lan(api, machine)
    set_clock(api)
    if not speaks_tls(ports):
        set_certificate(api)
        if not speaks_tls(ports):
            raise LabError(f"{machine.name} has the lab's certificate, and its API over TLS does not show it")


def set_lan(api: librouteros.api.Api, machine: Machine) -> None:
    """The bridge and address of the article."""
    mac = machine.mac(1).upper()
    _run(api, "/interface/bridge/add", name=BRIDGE, protocol_mode="none", auto_mac="no", admin_mac=mac)
    # QEMU's multicast socket returns a frame to its sender. A bridge would take its own for those of a loop.
    for chain in ("input", "forward"):
        own = f"{mac}/FF:FF:FF:FF:FF:FF"
        _run(
            api, "/interface/bridge/filter/add", chain=chain, action="drop", in_interface=LAN_PORT, src_mac_address=own
        )
    # Else it takes the link for up although the lab has pulled the cable.
    (card,) = _rows(api, "/interface/ethernet", f"?name={LAN_PORT}")
    list(api.rawCmd("/interface/ethernet/set", f"=.id={card['.id']}", "=disable-running-check=no"))
    _run(api, "/interface/bridge/port/add", bridge=BRIDGE, interface=LAN_PORT)
    _run(api, "/ip/address/add", address=f"{machine.addresses[0]}/{LAN.prefixlen}", interface=BRIDGE)
    for client in _rows(api, "/ip/dhcp-client"):
        words = ["=add-default-route=no", "=use-peer-dns=no"]
        list(api.rawCmd("/ip/dhcp-client/set", f"=.id={client['.id']}", *words))


def set_clock(api: librouteros.api.Api) -> None:
    """To the host's time, in UTC, where it is not near that."""
    (row,) = _rows(api, "/system/clock")
    now = datetime.datetime.now(datetime.UTC)
    there = datetime.datetime.fromisoformat(f"{row['date']}T{row['time']}{row['gmt-offset']}")
    if abs((there - now).total_seconds()) > CLOCK_TOLERANCE:
        _run(api, "/system/clock/set", time_zone_autodetect="no", time_zone_name="UTC")
        now = datetime.datetime.now(datetime.UTC)
        _run(api, "/system/clock/set", date=f"{now:%Y-%m-%d}", time=f"{now:%H:%M:%S}")


def set_certificate(api: librouteros.api.Api) -> None:
    """The certificate and key that the lab's inventory tells clients to trust."""
    for file, data in keys.tls().items():
        name = f"{CERTIFICATE}-{file}"
        _run(api, "/file/add", name=name, contents=data.decode())
        _run(api, "/certificate/import", file_name=name, name=CERTIFICATE, passphrase="")
    # From 7.18 on there is a dynamic row of the same name for each connection.
    (service,) = [row for row in _rows(api, "/ip/service", "?name=api-ssl") if not row.get("dynamic")]
    list(api.rawCmd("/ip/service/set", f"=.id={service['.id']}", f"=certificate={CERTIFICATE}"))


def speaks_tls(ports: Ports) -> bool:
    """Whether the API over TLS shows a certificate of the lab's authority."""
    context = ssl.create_default_context(cafile=str(keys.ca()))
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", ports.api_tls()), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1"),
    ):
        return True
    return False
