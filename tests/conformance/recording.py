"""What a router was asked and answered, as a file of JSON lines; and such a file in the place of a router.

The first line says what the router is; each other line has the check, the words sent and the sentences received.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from librouteros.protocol import parse_word

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import FORMAT, Exchange
from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import recording as lines
from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.expect import Reply


@dataclass
class Recording:
    """What was asked of one router; `ask` answers from it."""

    version: str
    board: str
    exchanges: list[Exchange] = field(default_factory=list)

    def ask(self, words: Sequence[str]) -> Reply:
        """The answer that the router gave to this sentence; LookupError where it was not asked."""
        for exchange in self.exchanges:
            if exchange.sent == tuple(words):
                return exchange.reply
        raise LookupError(f"the recording of {self.board} {self.version} has no answer to {' '.join(words)}")

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """The rows of a recorded print as librouteros hands them to the collection: numbers and booleans as such."""
        return [dict(parse_word(f"={name}={value}") for name, value in row.items()) for row in self.ask(words).rows]

    def rows_of(self, menu: str) -> list[dict[str, Any]]:
        """The same of the whole menu: of the print that has shown most of it."""
        prints = [exchange.sent for exchange in self.exchanges if exchange.sent[0] == f"{menu}/print"]
        shown = [self.rows(*words) for words in prints if not any(word.startswith("?") for word in words[1:])]
        return max(shown, key=lambda rows: sum(map(len, rows)), default=[])

    def save(self, path: Path) -> None:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = [json.dumps(line, ensure_ascii=False) + "\n" for line in lines(self.version, self.board, self.exchanges)]
        path.write_text("".join(text), encoding="utf-8")


def load(path: Path) -> Recording:
    """Read such a file."""
    head, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    if head.get("format") != FORMAT:
        raise ValueError(f"{path} has the format {head.get('format')}, expected {FORMAT}")
    return Recording(head["version"], head["board"], [_exchange(line) for line in lines])


def _exchange(line: dict[str, Any]) -> Exchange:
    return Exchange(line["check"], tuple(line["sent"]), Reply(tuple(tuple(one) for one in line["received"])))


def differences(recorded: Recording, ours: Recording) -> list[str]:
    """How a router's answers differ from recorded ones in form: traps, and names of properties.

    Sentences are compared by their place in a check, as ids of rows differ; but what the emulator refuses by name.
    """
    found = []
    answers = {key: exchange.reply for key, exchange in _by_place(ours)}
    for key, exchange in _by_place(recorded):
        reply = answers.get(key)
        if reply is None or any("the emulator" in trap.get("message", "") for trap in reply.traps):
            continue
        asked = f"{exchange.check} {exchange.sent[0]}"
        ours_said, theirs = (
            [(trap.get("message"), trap.get("category")) for trap in one.traps] for one in (reply, exchange.reply)
        )
        if ours_said != theirs:
            found.append(f"{asked}: answered {ours_said or 'no trap'}, recorded {theirs or 'no trap'}")
        elif reply.rows and exchange.reply.rows:
            names, recorded_names = ({name for row in one.rows for name in row} for one in (reply, exchange.reply))
            always = set.intersection(*(set(row) for row in exchange.reply.rows))
            if missing := sorted(always - names):
                found.append(f"{asked}: rows lack {', '.join(missing)}, which each recorded row has")
            if more := sorted(set.intersection(*(set(row) for row in reply.rows)) - recorded_names):
                found.append(f"{asked}: each row has {', '.join(more)}, which no recorded row has")
    return found


def _by_place(recording: Recording) -> Iterator[tuple[tuple[str, int], Exchange]]:
    counts: dict[str, int] = {}
    for exchange in recording.exchanges:
        counts[exchange.check] = counts.get(exchange.check, 0) + 1
        yield (exchange.check, counts[exchange.check]), exchange
