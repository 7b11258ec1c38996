"""The RouterOS API emulator on the bed's router."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .machines import Router, wait_for

ROOT = Path(__file__).resolve().parents[3]


class Emulator:
    """`python -m lab.routeros serve` in the router's network, with the router's FRR.

    It listens on the router's own addresses; open connections with `connect`, or run a client by
    `router.on_its_network(...)` against 127.0.0.1.
    """

    def __init__(self, router: Router, version: str = "7.20.8", state: Path | None = None, *options: str) -> None:
        self.router = router
        self.version = version
        self.options = options
        self._stack = ExitStack()
        self.state = state or Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hla-")))
        self.log = self.state / "emulator.log"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._stack.close()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.state.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self.router.on_its_network(
                    sys.executable, "-m", "lab.routeros", "serve", "--state", str(self.state),
                    "--version", self.version,
                    "--vtysh", shlex.join(self.router.inside("vtysh")),
                    "--vty-directory", str(self.router.path("/run/frr")),
                    "--ping", shlex.join(self.router.inside("ping")),
                    "--nft", shlex.join(self.router.inside("nft")),
                    "--keepalived", shlex.join(self.router.inside("keepalived")),
                    "--keepalived-directory", str(self.router.path("/run/keepalived")),
                    *self.options,
                ),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError(f"the emulator did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End it; the state stays for the next start."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=10)
            self._process = None

    def connect(self, user: str = "ansible", password: str = "lab-password") -> Any:
        """A librouteros connection."""
        import librouteros

        with self.router.network():
            return librouteros.connect(host="127.0.0.1", username=user, password=password, timeout=30)

    def rows(self, *path: str) -> list[dict[str, Any]]:
        """The rows of a menu."""
        api = self.connect()
        try:
            return list(api.path(*path))
        finally:
            api.close()

    def wait_rows(
        self, path: str, count: int, where: Mapping[str, Any] | None = None, timeout: float = 60
    ) -> list[dict[str, Any]]:
        """Wait until a menu has this many rows with these values."""
        values = where or {}

        def matching() -> list[dict[str, Any]]:
            rows = self.rows(*path.split("/"))
            found = [row for row in rows if all(row.get(name) == value for name, value in values.items())]
            return found if len(found) == count else []

        return wait_for(f"{count} rows of {path} with {values}", matching, timeout)
