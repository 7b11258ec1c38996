"""A router that the user brought: which images are taken, what QEMU is told, and what its first boot sets up."""

from __future__ import annotations

import contextlib
import datetime
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from librouteros.api import Api as RealApi
from librouteros.exceptions import LibRouterosError, TrapError

from lab import cli, cloud_router, host, image, keys, lab, qemu
from lab import state as lab_state
from lab.cloud_router import FACTORY, USER, Chr, RouterImage, look_at
from lab.errors import LabError
from lab.host import ARCHITECTURES
from lab.image import Image
from lab.kind import Wait
from lab.linux import Linux
from lab.machines import MACHINES, ROUTER, Machine, Ports
from lab.routeros.policy import FACTORY_USER, LAB_PASSWORD, Users
from tests.emulator.recorded import Recording

BOOTABLE = bytes(510) + b"\x55\xaa" + bytes(512)
X86 = ARCHITECTURES["x86_64"]


@pytest.fixture(autouse=True)
def place(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the user's."""
    monkeypatch.setattr(cloud_router, "state_dir", lambda: state)
    monkeypatch.setattr(cloud_router, "LOOK_INTERVAL", 0.01)
    monkeypatch.setattr(qemu, "runtime_dir", lambda: state.parent / "run")
    monkeypatch.setattr(qemu, "running", lambda machine: True)
    return state.parent


# The image


def test_a_raw_image_is_taken_where_it_is(place: Path) -> None:
    path = place / "chr-7.20.8.img"
    path.write_bytes(BOOTABLE)
    assert look_at(path, X86) == RouterImage(path, "raw")


def test_a_qcow2_is_taken_too(place: Path) -> None:
    path = place / "chr.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"], check=True)
    assert look_at(path, X86) == RouterImage(path, "qcow2")


def test_a_zip_is_unpacked_into_the_lab(place: Path, state: Path) -> None:
    path = place / "chr-7.20.8.img.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chr-7.20.8.img", BOOTABLE)
    assert look_at(path, X86) == RouterImage(state / "router.img", "raw")
    assert (state / "router.img").read_bytes() == BOOTABLE


def broken_images(place: Path) -> dict[str, Path]:
    names = ("a.txt", "chr-arm64.img", "b.vdi", "none.zip", "two.zip", "cut.zip")
    paths = {name: place / name for name in names}
    paths["a.txt"].write_text("not a disk\n" * 100)
    paths["chr-arm64.img"].write_bytes(BOOTABLE)
    subprocess.run(["qemu-img", "create", "-q", "-f", "vdi", str(paths["b.vdi"]), "1M"], check=True)
    for name, files in {"none.zip": ["chr.vdi"], "two.zip": ["a.img", "b.img"], "cut.zip": ["a.img"]}.items():
        with zipfile.ZipFile(paths[name], "w") as archive:
            for file in files:
                archive.writestr(file, BOOTABLE)
    # A byte of the content, so that its checksum is wrong.
    data = bytearray(paths["cut.zip"].read_bytes())
    data[100] ^= 0xFF
    paths["cut.zip"].write_bytes(data)
    return {**paths, "missing.img": place / "missing.img", "directory": place}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("missing.img", "where nothing is"),
        ("directory", "where a directory is"),
        ("a.txt", "its first sector does not end with 55 aa"),
        ("chr-arm64.img", "is for arm64 by its name"),
        ("b.vdi", "is a disk of the form vdi"),
        ("none.zip", "has chr.vdi, and not one .img"),
        ("two.zip", "has a.img, b.img, and not one .img"),
    ],
)
def test_what_is_no_image_is_refused(place: Path, state: Path, name: str, found: str) -> None:
    with pytest.raises(LabError) as caught:
        look_at(broken_images(place)[name], X86)
    assert found in str(caught.value)
    assert "expected MikroTik's Cloud Hosted Router for x86: chr-7.x.img" in str(caught.value)
    assert not (state / "router.img").exists()


def test_a_damaged_zip_is_to_be_fetched_again(place: Path, state: Path) -> None:
    with pytest.raises(LabError, match=r"cut\.zip cannot be unpacked: .*; fetch it again"):
        look_at(broken_images(place)["cut.zip"], X86)
    assert not (state / "router.img").exists()


def test_no_other_processor(place: Path) -> None:
    with pytest.raises(LabError, match="this host is arm64; a CHR for x86 needs one of amd64: unset ROUTER_IMAGE"):
        look_at(place / "chr.img", ARCHITECTURES["aarch64"])


def test_an_image_is_refused_before_anything_is_touched(
    place: Path, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROUTER_IMAGE", str(place / "missing.img"))
    monkeypatch.setattr(lab, "runtime_dir", lambda: place / "run")
    monkeypatch.setattr(qemu, "running", lambda machine: False)
    monkeypatch.setattr(host, "architecture", lambda: X86)
    monkeypatch.setattr(host, "check_programs", lambda *_: None)
    monkeypatch.setattr(lab, "build_images", lambda: pytest.fail("built an image"))
    monkeypatch.setattr(host, "check_ports", lambda *_, **__: pytest.fail("looked at ports"))
    assert cli.main(["up"]) == 1
    assert "ROUTER_IMAGE names " in capsys.readouterr().err
    assert not (state / "hap-lite").exists()


def test_another_router_than_the_running_labs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "chr.img").write_bytes(BOOTABLE)
    monkeypatch.setenv("ROUTER_IMAGE", str(place / "chr.img"))
    monkeypatch.setattr(cloud_router, "look_at", lambda *_: pytest.fail("unpacked an image over the one in use"))
    lab_state.save(lab_state.State(20220, "tcg", {}))
    assert cli.main(["up"]) == 1
    assert "chr.img, but the router of this lab is the emulator; run `python -m lab down`" in capsys.readouterr().err


# The kinds


def test_the_router_of_a_lab_is_of_the_kind_that_the_lab_was_made_with(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {"trixie": "key", "bookworm": "key"}
    monkeypatch.setattr(image, "of_key", lambda key: Image(place))
    path = place / "chr.img"
    current = lab_state.State(20220, "tcg", images, "asked.zip", str(path), "raw")
    with pytest.raises(LabError, match=r"chr\.img, is gone; bring it back, or run `python -m lab down`"):
        lab.kind_of(ROUTER, current)
    path.write_bytes(BOOTABLE)
    assert lab.kind_of(ROUTER, current) == Chr(RouterImage(path, "raw"))
    assert lab.kind_of(MACHINES[1], current) == lab.kind_of(ROUTER, lab_state.State(20220, "tcg", images))
    assert lab.kind_of(MACHINES[1], current) == Linux(Image(place))


def test_the_command_line_that_public_labs_have_shown_to_boot_a_chr() -> None:
    line = qemu.command(ROUTER, Ports(20220), Chr(RouterImage(Path("/chr.img"), "raw")), "tcg", X86)
    assert not {"-kernel", "-initrd", "-append"} & set(line)
    assert line[line.index("-cpu") + 1] == "qemu64"
    devices = [line[i + 1] for i, word in enumerate(line) if word == "-device"]
    assert devices[0] == "virtio-blk-pci,drive=disk0,addr=0x3,bootindex=0"
    # The first card is the management's, the second the LAN's.
    assert [device.split(",")[1:3] for device in devices[1:]] == [
        ["netdev=management", "addr=0x2"],
        ["netdev=lan", "id=lan0"],
    ]
    (network,) = [word for word in line if word.startswith("user,id=management")]
    # It reaches nobody, and gets the address that the ports lead to.
    assert network.startswith("user,id=management,ipv6=off,restrict=on,dhcpstart=10.0.2.11,hostfwd=tcp:127.0.0.1:20221")


def test_its_disk_stands_on_the_image(place: Path, state: Path) -> None:
    path = place / "chr.img"
    path.write_bytes(BOOTABLE)
    (state / "hap-lite").mkdir()
    Chr(RouterImage(path, "raw")).create(ROUTER)
    said = subprocess.run(
        ["qemu-img", "info", str(state / "hap-lite" / "disk.qcow2")], capture_output=True, text=True, check=True
    ).stdout
    assert f"backing file: {path}" in said and "backing file format: raw" in said
    assert path.read_bytes() == BOOTABLE


# The first boot, against the emulator: users and logins


class Where(Ports):
    """The ports of an emulator."""

    @property
    def api(self) -> int:
        return PLACES["api"]

    def api_tls(self, router: Machine = ROUTER) -> int:
        return PLACES["api_tls"]


PLACES: dict[str, int] = {}
Start = Callable[..., Recording]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """A router as from the factory, whose LAN and certificate are there."""
    monkeypatch.setattr(cloud_router, "speaks_tls", lambda ports: True)
    router = Recording(tmp_path / "router", "nobody", "7.20.8", False, Users((FACTORY_USER,)))
    PLACES["api"] = router.server.port
    yield router
    router.close()


def wait(patience: float = 20) -> tuple[Wait, list[str]]:
    said: list[str] = []
    return Wait(patience, threading.Event(), said.append), said


CHR = Chr(RouterImage(Path("/chr.img"), "raw"))


def may_log_in(user: tuple[str, str]) -> bool:
    with contextlib.suppress(LibRouterosError):
        cloud_router.connect(Where(), user).close()
        return True
    return False


def test_the_first_boot_sets_the_password_and_adds_the_user(fresh: Recording) -> None:
    assert may_log_in(FACTORY)
    waiting, said = wait()
    CHR.boot(ROUTER, Where(), waiting)
    assert said == ["hap-lite: reachable", "hap-lite: RouterOS 7.20.8 (long-term)"]
    assert (may_log_in(FACTORY), may_log_in(("admin", LAB_PASSWORD)), may_log_in(USER)) == (False, True, True)
    # The next boot finds it done.
    CHR.boot(ROUTER, Where(), wait()[0])
    assert [row["name"] for row in fresh.call("/user/print")] == ["admin", "ansible"]


def test_a_password_that_was_set_though_the_router_says_not(fresh: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ha-manager saw it over REST."""
    raw = RealApi.rawCmd

    def refusing(api: Any, command: str, *words: str) -> Any:
        rows = list(raw(api, command, *words))
        if command == "/user/set":
            raise TrapError("failure")
        return rows

    monkeypatch.setattr(RealApi, "rawCmd", refusing)
    CHR.boot(ROUTER, Where(), wait()[0])
    assert may_log_in(("admin", LAB_PASSWORD))


def test_a_router_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    PLACES["api"] = 1
    with pytest.raises(LabError, match=r"hap-lite did not answer on its API within 0 s \(user admin: .*refused"):
        CHR.boot(ROUTER, Where(), wait(0.1)[0])
    monkeypatch.setattr(qemu, "running", lambda machine: False)
    with pytest.raises(LabError, match="hap-lite is not running any more"):
        CHR.boot(ROUTER, Where(), wait()[0])


# What the emulator has not: a RouterOS in memory


class Api:
    """Keeps what it was told."""

    def __init__(self, skew: float = 0) -> None:
        now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=1))) + datetime.timedelta(seconds=skew)
        self.menus: dict[str, list[dict[str, Any]]] = {
            "/interface": [{"name": "ether1"}, {"name": "ether2"}],
            "/interface/ethernet": [{".id": "*2", "name": "ether2"}],
            "/ip/dhcp-client": [{".id": "*1", "interface": "ether1"}],
            "/system/clock": [{"date": f"{now:%Y-%m-%d}", "time": f"{now:%H:%M:%S}", "gmt-offset": "+01:00"}],
            "/ip/service": [{".id": "*9", "name": "api-ssl", "dynamic": True}, {".id": "*8", "name": "api-ssl"}],
        }
        self.told: list[str] = []

    def rawCmd(self, command: str, *words: str) -> list[dict[str, Any]]:  # noqa: N802
        if command.endswith("/print"):
            return self.menus[command.removesuffix("/print")]
        self.told.append(" ".join([command, *words]))
        return []


def test_a_fresh_router_gets_the_lan_of_the_article() -> None:
    api = Api()
    cloud_router.set_lan(api, ROUTER)
    assert api.told == [
        "/interface/bridge/add =name=bridge-lan =protocol-mode=none =auto-mac=no =admin-mac=52:54:00:18:01:01",
        "/interface/bridge/filter/add =chain=input =action=drop =in-interface=ether2"
        " =src-mac-address=52:54:00:18:01:01/FF:FF:FF:FF:FF:FF",
        "/interface/bridge/filter/add =chain=forward =action=drop =in-interface=ether2"
        " =src-mac-address=52:54:00:18:01:01/FF:FF:FF:FF:FF:FF",
        "/interface/ethernet/set =.id=*2 =disable-running-check=no",
        "/interface/bridge/port/add =bridge=bridge-lan =interface=ether2",
        "/ip/address/add =address=172.18.0.1/26 =interface=bridge-lan",
        "/ip/dhcp-client/set =.id=*1 =add-default-route=no =use-peer-dns=no",
    ]


@pytest.mark.parametrize(("skew", "commands"), [(0, 0), (3, 0), (-4000, 2), (4000, 2)])
def test_the_clock_is_set_where_it_is_wrong(skew: float, commands: int) -> None:
    api = Api(skew)
    cloud_router.set_clock(api)
    assert len(api.told) == commands
    if commands:
        assert api.told[0] == "/system/clock/set =time-zone-autodetect=no =time-zone-name=UTC"
        assert api.told[1].startswith(f"/system/clock/set =date={datetime.datetime.now(datetime.UTC):%Y-}")


def test_the_certificate_comes_in_over_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "tls", lambda: {"cert.pem": b"CERTIFICATE", "key.pem": b"KEY"})
    api = Api()
    cloud_router.set_certificate(api)
    assert api.told == [
        "/file/add =name=lab-cert.pem =contents=CERTIFICATE",
        "/certificate/import =file-name=lab-cert.pem =name=lab =passphrase=",
        "/file/add =name=lab-key.pem =contents=KEY",
        "/certificate/import =file-name=lab-key.pem =name=lab =passphrase=",
        "/ip/service/set =.id=*8 =certificate=lab",
    ]


def test_a_certificate_that_does_not_show_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "tls", dict)
    monkeypatch.setattr(cloud_router, "speaks_tls", lambda ports: False)
    with pytest.raises(LabError, match="its API over TLS does not show it"):
        cloud_router.set_up(Api(), ROUTER, Ports())
