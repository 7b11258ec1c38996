"""QEMU's machine protocol (qemu-qmp-ref(7)), as far as the lab needs it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.errors import LabError


class Qmp:
    """One connection to a machine's QEMU."""

    def __init__(self, path: Path, timeout: float = 60.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise LabError(f"QEMU does not answer on {path} ({error.strerror}); is the machine up?") from None
        self._lines = self._socket.makefile("rb")
        self._read()
        self.command("qmp_capabilities")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionError("QEMU closed its control socket")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def command(self, execute: str, /, **arguments: object) -> Any:
        """Run one command and give what it returns; events in between are not wanted here."""
        self._socket.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = self._read()
            if "error" in answer:
                raise LabError(f"QEMU refused {execute}: {answer['error'].get('desc', answer['error'])}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, line: str) -> str:
        """A command of the human monitor: it returns text, and tells of an error by text only."""
        text: str = self.command("human-monitor-command", **{"command-line": line})
        return text.strip()
