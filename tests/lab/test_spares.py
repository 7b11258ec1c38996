"""The spare router: made when it is asked for, gone when the others begin anew, and of no cost to them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from lab import cli, host, image, keys, lab, qemu, snapshots, ssh
from lab import state as lab_state
from lab.errors import LabError
from lab.kind import Wait
from lab.machines import MACHINES, Machine, Ports, machine

EDGE = machine("edge")


class Sham:
    """A lab without machines: what was made, what runs, and what was done."""

    def __init__(self) -> None:
        self.on = set(MACHINES)
        self.done: list[str] = []

    def create(self, machine: Machine) -> None:
        self.done.append(f"create {machine.name}")
        qemu.Files(machine).disk.touch()

    def boot(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        self.done.append(f"boot {machine.name}")

    def sync(self, machine: Machine, ports: Ports) -> str:
        self.done.append(f"sync {machine.name}")
        return "emulator runs"

    def quit(self, machine: Machine) -> bool:
        was_on = machine in self.on
        self.on.discard(machine)
        return was_on

    def load(self, tag: str, *_: object) -> None:
        self.done.append(f"load with {', '.join(sorted(m.name for m in self.on - set(MACHINES))) or 'no spare'}")


@pytest.fixture(autouse=True)
def sham(state: Path, monkeypatch: pytest.MonkeyPatch) -> Sham:
    sham = Sham()
    for module in (qemu, lab):
        monkeypatch.setattr(module, "runtime_dir", lambda: state.parent / "run")
    monkeypatch.setattr(qemu, "running", lambda m: m in sham.on)
    monkeypatch.setattr(qemu, "start", lambda m, *_: sham.on.add(m))
    monkeypatch.setattr(qemu, "quit_machine", sham.quit)
    monkeypatch.setattr(qemu, "pid", lambda m: 1 if m in sham.on else None)
    monkeypatch.setattr(qemu, "status", lambda m: "running")
    monkeypatch.setattr(qemu, "resume", lambda m: None)
    monkeypatch.setattr(ssh, "close_shared", lambda m, ports: None)
    monkeypatch.setattr(host, "check_ports", lambda *_, **__: None)
    monkeypatch.setattr(lab, "kind_of", lambda m, current: sham)
    monkeypatch.setattr(snapshots, "tags_of", lambda m: ["clean"] if m in MACHINES else [])
    monkeypatch.setattr(snapshots, "load", sham.load)
    for name in ("LAB_PORT_BASE", "ROUTER_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    lab_state.save(lab_state.State(20220, "tcg", {"trixie": "key", "bookworm": "key"}))
    return sham


def traces(state: Path) -> list[str]:
    """What there is of the spare."""
    return sorted(path.name for path in state.iterdir() if path.name in ("edge", "spares.yml"))


def test_the_first_power_on_makes_it_and_the_next_boots_its_disk(sham: Sham, state: Path) -> None:
    assert cli.main(["power-on", "edge"]) == 0
    assert sham.done == ["create edge", "boot edge", "sync edge"]
    assert list(yaml.safe_load((state / "spares.yml").read_text())["all"]["hosts"]) == ["edge"]
    assert cli.main(["power-off", "edge"]) == 0
    assert traces(state) == ["edge", "spares.yml"]
    sham.done.clear()
    assert cli.main(["power-on", "edge"]) == 0
    assert sham.done == ["boot edge", "sync edge"]


def test_a_router_of_the_lab_boots_with_the_emulator_that_it_has(sham: Sham) -> None:
    sham.on.discard(machine("hap-lite"))
    assert cli.main(["power-on", "hap-lite"]) == 0
    assert sham.done == ["boot hap-lite"]


def test_up_makes_none(sham: Sham, state: Path) -> None:
    sham.on.discard(machine("sip1"))
    assert cli.main(["up"]) == 0
    assert "boot edge" not in sham.done
    assert traces(state) == []


def test_up_leaves_one_that_is_there(sham: Sham, state: Path) -> None:
    cli.main(["power-on", "edge"])
    assert cli.main(["up"]) == 0
    assert EDGE in sham.on
    assert traces(state) == ["edge", "spares.yml"]


def test_status_shows_one_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 0
    assert "edge" not in capsys.readouterr().out
    cli.main(["power-on", "edge"])
    cli.main(["power-off", "edge"])
    capsys.readouterr()
    assert cli.main(["status"]) == 0, "the lab is up without it"
    assert "edge      off      -    172.18.0.2" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["down"], ["clean", "--keep-image"]])
def test_it_goes_with_the_lab(
    command: list[str], sham: Sham, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image, "prune", lambda everything: None)
    cli.main(["power-on", "edge"])
    assert cli.main(command) == 0
    assert "phones, edge." in capsys.readouterr().out
    assert not sham.on
    assert not state.exists() or traces(state) == []


def test_a_snapshot_is_loaded_without_it(sham: Sham, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["power-on", "edge"])
    assert cli.main(["snapshot", "load", "clean"]) == 0
    assert sham.done[-1] == "load with no spare"
    assert "Stopped edge, which no snapshot has" in capsys.readouterr().out
    assert traces(state) == []


def test_a_snapshot_that_there_is_not_costs_nothing(sham: Sham, state: Path) -> None:
    cli.main(["power-on", "edge"])
    assert cli.main(["snapshot", "load", "other"]) == 1
    assert EDGE in sham.on
    assert traces(state) == ["edge", "spares.yml"]


def test_no_snapshot_is_saved_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["power-on", "edge"])
    assert cli.main(["snapshot", "save", "mine"]) == 1
    assert "no snapshot has edge; run `python -m lab power-off edge` first" in capsys.readouterr().err


def test_a_new_lab_forgets_an_old_one(sham: Sham, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.main(["power-on", "edge"])
    sham.on.clear()  # the host was started anew
    for name in ("check_programs", "check_space"):
        monkeypatch.setattr(host, name, lambda *_: None)
    monkeypatch.setattr(lab, "build_images", dict)
    assert cli.main(["up"]) == 0
    assert traces(state) == []


def test_a_boot_that_fails_leaves_it_off(sham: Sham, monkeypatch: pytest.MonkeyPatch) -> None:
    def boot(machine: Machine, ports: Ports, wait: Wait) -> None:
        raise LabError("no")

    monkeypatch.setattr(sham, "boot", boot)
    assert cli.main(["power-on", "edge"]) == 1
    assert EDGE not in sham.on


def test_the_certificate_holds_for_each_router(state: Path) -> None:
    pem = keys.tls()["cert.pem"]
    line = ["openssl", "x509", "-noout", "-ext", "subjectAltName"]
    names = subprocess.run(line, input=pem, capture_output=True, check=True).stdout.decode()
    for name in ("127.0.0.1", "172.18.0.1", "hap-lite", "172.18.0.2", "edge"):
        assert f":{name}" in names
