"""The rows that clients wrote, kept in one file that survives a restart."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import no_such_item
from .values import format_id

# The format of the file.
_FORMAT = 1


@dataclass
class Row:
    """One row: only what was written, defaults are added when it is printed."""

    id: str
    values: dict[str, str]


@dataclass
class Table:
    """The rows of one menu, in their order."""

    rows: list[Row] = field(default_factory=list)
    next_number: int = 1

    def find(self, row_id: str) -> Row:
        """The row with this id, or the trap a router answers with."""
        for row in self.rows:
            if row.id.upper() == row_id.upper():
                return row
        raise no_such_item()

    def add(self, values: dict[str, str], before: Row | None = None) -> Row:
        """A new row at the end, or before another."""
        row = Row(format_id(self.next_number), values)
        # Ids are never used again, as on a router.
        self.next_number += 1
        self.rows.insert(len(self.rows) if before is None else self.rows.index(before), row)
        return row


class Store:
    """All tables; `save` writes them, `restore` takes back what was not saved."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / "state.json"
        self._tables: dict[str, Table] = {}
        if self._path.exists():
            self._load()
        self._saved = copy.deepcopy(self._tables)

    def table(self, path: str) -> Table:
        """The table of a menu."""
        return self._tables.setdefault(path, Table())

    def single(self, path: str) -> dict[str, str]:
        """The values of a menu that has no rows."""
        table = self.table(path)
        return (table.rows[0] if table.rows else table.add({})).values

    def seed(self, path: str, rows: list[dict[str, str]], first_number: int = 1) -> None:
        """Rows that a router has at first."""
        if path not in self._tables:
            self.table(path).next_number = first_number
            for values in rows:
                self.table(path).add(values)
            self._saved[path] = copy.deepcopy(self._tables[path])

    def save(self) -> None:
        """Write the file in one step. It holds keys: only the owner may read it."""
        text = json.dumps(
            {
                "format": _FORMAT,
                "tables": {
                    path: {"next": table.next_number, "rows": [{"id": row.id, **row.values} for row in table.rows]}
                    for path, table in self._tables.items()
                },
            },
            indent=1,
        )
        unfinished = self._path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path)
        self._saved = copy.deepcopy(self._tables)

    def restore(self) -> None:
        """Forget everything since the last save."""
        self._tables = copy.deepcopy(self._saved)

    def _load(self) -> None:
        data: dict[str, Any] = json.loads(self._path.read_text())
        if data.get("format") != _FORMAT:
            raise ValueError(f"{self._path} is of format {data.get('format')}, this emulator reads {_FORMAT}")
        for path, saved in data["tables"].items():
            rows = [Row(row.pop("id"), row) for row in saved["rows"]]
            self._tables[path] = Table(rows, saved["next"])
