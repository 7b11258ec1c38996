"""What is brought to the router: the emulator's sources, the same bytes for the same sources."""

import io
import tarfile
from pathlib import Path

import pytest

from lab import emulator, ssh
from lab.machines import ROUTERS, Machine, Ports


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "routeros"
    for name in ("__main__.py", "menus/ospf.py", "__pycache__/x.pyc"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    monkeypatch.setattr(emulator, "PACKAGE", package)
    return package


def test_bundle_has_the_sources_and_no_caches(package: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(emulator.bundle([package, emulator.UNIT]))) as tar:
        assert tar.getnames() == ["routeros/__main__.py", "routeros/menus/ospf.py", "routeros.service"]


def test_bundle_changes_with_a_source_and_with_nothing_else(package: Path) -> None:
    before = emulator.bundle([package])
    (package / "__main__.py").touch()
    assert emulator.bundle([package]) == before
    (package / "menus/ospf.py").write_text("changed")
    assert emulator.bundle([package]) != before


def test_the_library_of_the_tests_goes_with_it() -> None:
    assert (emulator.librouteros() / "protocol.py").exists()


def test_is_installed_once_and_again_when_it_changes(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {router.name: "inactive" for router in ROUTERS}
    installs: list[str] = []

    def run(machine: Machine, ports: Ports, remote: str, data: bytes = b"", timeout: float = 0) -> str:
        if data:
            digest = next(line for line in remote.splitlines() if line.startswith("echo ")).split()[1]
            there[machine.name] = f"{digest}\nactive"
            installs.append(machine.name)
        return there[machine.name]

    monkeypatch.setattr(ssh, "run", run)
    first, second = ROUTERS
    assert "runs" in emulator.sync(first, Ports())
    assert emulator.sync(first, Ports()) == ""
    assert "runs" in emulator.sync(second, Ports())
    (package / "__main__.py").write_text("changed")
    assert "runs" in emulator.sync(first, Ports())
    assert installs == [first.name, second.name, first.name]


def test_a_checkout_without_an_emulator_says_so(package: Path) -> None:
    (package / "__main__.py").unlink()
    assert "has no emulator" in emulator.sync(ROUTERS[0], Ports())
