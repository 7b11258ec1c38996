"""What a router was asked and answered, as a file of JSON lines; and such a file in the place of a router.

The first line says what the router is; each other line has the check, the words sent and the sentences received.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from librouteros.protocol import parse_word

from .checks import COMMENT, NAME, Version, parse_version
from .expect import HIDDEN, SECRETS, Reply

FORMAT = 1
_STARS = "*****"
# What tells whose router it is: hidden with --mask.
_PRIVATE = {"serial-number", "software-id", "common-name", "fingerprint", "skid", "akid", "issuer", "subject-alt-name",
            "organization", "unit", "locality", "state-name", "email", "identity"}  # fmt: skip
_ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:])")
_MAC = re.compile(r"\b[0-9A-F]{2}(?::[0-9A-F]{2}){5}\b")


@dataclass(frozen=True)
class Exchange:
    """A sentence, and the answer."""

    check: str
    sent: tuple[str, ...]
    reply: Reply


@dataclass
class Mask:
    """Hides secrets, always; with `private` also addresses, comments, users and what else tells whose router it is.

    What is equal stays equal: an address becomes one of 192.0.2.0/24 or 2001:db8::/32, the same one each time.
    """

    private: bool = False
    users: set[str] = field(default_factory=set)
    _addresses: dict[str, str] = field(default_factory=dict)

    def words(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words of a sentence."""
        return tuple(self._word(word) for word in words)

    def reply(self, reply: Reply) -> Reply:
        """All sentences of an answer."""
        return Reply(tuple(self.words(sentence) for sentence in reply.sentences))

    def text(self, text: str) -> str:
        """Anything that is printed."""
        if not self.private:
            return text
        for user in sorted(self.users, key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(user)}(?![\w-])", "USER", text)
        return _ADDRESS.sub(self._address, _MAC.sub(self._mac, text))

    def _word(self, word: str) -> str:
        match = re.match(r"([=?][^=]*=|\?=[^=]*=)(.*)\Z", word, re.DOTALL)
        if match is None:
            return self.text(word)
        start, value = match.groups()
        name = start.strip("=?!<>")
        if name in SECRETS and value not in {"", _STARS}:
            return start + HIDDEN
        if self.private and name in _PRIVATE and value != NAME:
            return start + (HIDDEN if value else "")
        if self.private and name == "comment" and not value.startswith(COMMENT):
            return start + (f"comment-{hashlib.sha256(value.encode()).hexdigest()[:8]}" if value else "")
        return start + self.text(value)

    def _address(self, match: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            return match[0]
        if address.is_unspecified or address.is_loopback or address.is_multicast or str(address).startswith("255."):
            return match[0]
        known = self._addresses
        if address.version == 4:
            number = sum(one.count(".") == 3 for one in known)
            return known.setdefault(match[0], f"192.0.2.{number + 1}" if number < 254 else f"198.51.100.{number - 253}")
        number = sum(":" in one for one in known)
        prefix = "fe80::" if address.is_link_local else "2001:db8::"
        return known.setdefault(match[0], f"{prefix}{number + 1:x}")

    def _mac(self, match: re.Match[str]) -> str:
        digest = hashlib.sha256(match[0].encode()).hexdigest().upper()
        return ":".join(["02", *(digest[at : at + 2] for at in range(0, 10, 2))])


@dataclass
class Recording:
    """What was asked of one router; `ask` answers from it."""

    version: str
    board: str
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def number(self) -> Version:
        """The version as a number."""
        return parse_version(self.version)

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
        head = {"format": FORMAT, "version": self.version, "board": self.board}
        lines = [{"check": one.check, "sent": one.sent, "received": one.reply.sentences} for one in self.exchanges]
        path.write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [head, *lines]), encoding="utf-8"
        )


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
