"""QEMU's command line, and which process is taken for a machine of this lab."""

from pathlib import Path

import pytest

from lab import processes, qemu
from lab.host import ARCHITECTURES
from lab.image import Image
from lab.linux import Linux
from lab.machines import Ports, machine


@pytest.fixture(autouse=True)
def runtime(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(qemu, "runtime_dir", lambda: state.parent / "run")
    return state.parent / "run"


def line(name: str, accelerator: str = "tcg", snapshot: str = "", arch: str = "x86_64") -> list[str]:
    kind = Linux(Image(Path("/cache/key")))
    return qemu.command(machine(name), Ports(20220), kind, accelerator, ARCHITECTURES[arch], snapshot)


def option(argv: list[str], name: str) -> list[str]:
    return [argv[i + 1] for i, argument in enumerate(argv) if argument == name]


def test_the_lan_card_is_in_slot_11() -> None:
    assert any("netdev=lan" in device and "addr=0xb," in device for device in option(line("sip1"), "-device"))


def test_no_two_devices_share_a_slot() -> None:
    for name in ("hap-lite", "sip1"):
        slots = [part for device in option(line(name), "-device") for part in device.split(",") if "addr=" in part]
        assert len(slots) == len(option(line(name), "-device"))
        assert len(set(slots)) == len(slots)


def test_the_network_is_on_loopback_only() -> None:
    user, lan = option(line("hap-lite"), "-netdev")
    assert lan == "socket,id=lan,mcast=230.0.0.1:20227,localaddr=127.0.0.1"
    forwards = [part for part in user.split(",") if part.startswith("hostfwd=")]
    assert forwards == [
        "hostfwd=tcp:127.0.0.1:20221-10.0.2.11:22",
        "hostfwd=tcp:127.0.0.1:20228-10.0.2.11:8728",
        "hostfwd=tcp:127.0.0.1:20229-10.0.2.11:8729",
    ]


def test_accelerator_and_processor() -> None:
    assert option(line("sip1", "kvm"), "-cpu") == ["host"]
    assert option(line("sip1", "tcg"), "-accel")[0].startswith("tcg")
    assert line("sip1", arch="aarch64")[0] == "qemu-system-aarch64"


def test_a_snapshot_starts_stopped() -> None:
    assert line("sip1", snapshot="clean")[-3:] == ["-loadvm", "clean", "-S"]
    assert "-loadvm" not in line("sip1")


def test_a_comma_in_a_path_does_not_end_it() -> None:
    assert qemu.quote(Path("/a,b/c")) == "/a,,b/c"


def test_only_the_qemu_of_this_lab_is_taken_for_the_machine(monkeypatch: pytest.MonkeyPatch, runtime: Path) -> None:
    ours = line("sip1")
    strangers = [
        [argument.replace(str(runtime), "/tmp/other") for argument in ours],  # another checkout's
        ["vim", *ours[1:]],  # no QEMU
        line("sip2"),
    ]
    table = [processes.Process(100 + n, tuple(argv)) for n, argv in enumerate([*strangers, ours])]
    monkeypatch.setattr(processes, "find", lambda match: (p for p in table if match(list(p.argv))))
    assert qemu.pid(machine("sip1")) == 103
    assert qemu.pid(machine("sip3")) is None
