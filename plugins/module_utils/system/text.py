# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the verdicts on a system are made of: findings, tables, and values in words. Private to this collection."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Finding:
    """A sentence about hosts: what was found, what was expected, what to do. Without hosts it names them itself."""

    text: str
    hosts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{', '.join(self.hosts)}: {self.text}" if self.hosts else self.text


def merged(findings: Iterable[Finding]) -> list[str]:
    """Return each sentence once, with all the hosts that it is about."""
    hosts: dict[str, dict[str, None]] = {}
    for finding in findings:
        hosts.setdefault(finding.text, {}).update(dict.fromkeys(finding.hosts))
    return [str(Finding(text, tuple(names))) for text, names in hosts.items()]


def verdict_text(problems: Iterable[str], outcome: str = "nothing was changed") -> str:
    """Return the text of a refusal: how many problems there are, and a line for each, or several lines."""
    found = [problem.replace("\n", "\n  ") for problem in problems]
    return "\n".join([f"{count(len(found), 'problem')}, {outcome}:", *(f"- {problem}" for problem in found)])


# What to do about what Ansible, ssh and sudo say of a host.
_CURES = {
    r"sudo password|a password is required|become password": "Run with -K to give the password of sudo",
    r"Permission denied \(": "Copy your SSH key to the host (ssh-copy-id), or correct ansible_user",
    r"module interpreter .* was not found|deserialization failed.*not found": "Install python3 on the host, or correct"
    " ansible_python_interpreter",
    r"Host key verification failed": "Connect once by ssh, and accept the host's key",
    r"Could not resolve hostname": "Correct ansible_host",
    r"vault secret|Decryption failed": "Give the vault's password: --ask-vault-pass or --vault-password-file",
    r"\(librouteros\)|No module named 'librouteros'": "Run on the controller: apt install python3-librouteros. If"
    " Ansible is in a virtual environment: pip install librouteros there, and set ansible_python_interpreter of the"
    " routers to '{{ ansible_playbook_python }}'",
}


def plain_message(result: Mapping[str, Any], lines: bool = False) -> str:
    """Return the message of a result that failed, without what Ansible puts before every message.

    What to do about it follows where the message does not say it. It is on one line, unless its lines are to be kept.
    """
    text = str(result.get("msg") or "it failed and does not say why").strip()
    text = text if lines else " ".join(text.split())
    for prefix in ("Task failed: ", "Module failed: ", "Failed to connect to the host via ssh: ", "ssh: "):
        text = text.removeprefix(prefix)
    # The address tells hosts apart that are away for one reason.
    text = re.sub(r"connect to host \S+ port (\d+): ", r"ssh to port \1: ", text)
    # Where sudo did not let the module run at all, its words are there alone.
    told = f"{text} {result.get('module_stderr') or ''}"
    cure = next((cure for pattern, cure in _CURES.items() if re.search(pattern, told, re.DOTALL)), "")
    return f"{text.rstrip('.')}. {cure}" if cure and cure not in text else text


def answer_findings(answers: Mapping[str, Mapping[str, Any]], advice: str) -> Iterator[Finding]:
    """Yield which hosts were not reached, with the advice, and on which of them the module failed.

    :param answers: by host, a result of anycast_attempt.
    """
    for host, answer in answers.items():
        said = plain_message(answer)
        if not answer["reached"]:
            yield Finding(f"cannot be reached ({said.rstrip('.')}). {advice}".rstrip(), (host,))
        elif "msg" in answer:
            yield Finding(said, (host,))


def table_lines(rows: Iterable[Mapping[str, Any]], columns: list[str]) -> list[str]:
    """Return a heading and one line per row, columns aligned; a value that is None or absent shows as "-"."""
    cells = [[column.replace("_", " ") for column in columns]]
    cells.extend([_cell(row.get(column)) for column in columns] for row in rows)
    widths = [max(len(line[position]) for line in cells) for position in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def count(number: int, noun: str) -> str:
    """Return 1 problem, 2 problems."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def and_list(names: Iterable[str]) -> str:
    """Return a, b and c."""
    *first, last = list(names) or [""]
    return " and ".join([", ".join(first), last]) if first else last


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units, 1h26m for 5164."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or parts or unit == "s":
            parts.append(f"{number}{unit}")
    return "".join(part for part in parts[:2] if len(parts) == 1 or not part.startswith("0"))


def when(time: str) -> str:
    """Return a time as people read it: 2026-11-22 15:00:00 for 2026-11-22T15:00:00Z."""
    return str(time).replace("T", " ").removesuffix("Z")


def clip(text: str, length: int) -> str:
    """Return a text of at most so many characters; what is left out is in the middle, as names differ at both ends."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return text[:head] + "…" + text[len(text) - (length - 1 - head) :]


def escaped(value: Any) -> Any:
    """Return a value with every string in it escaped for HTML."""
    if isinstance(value, str):
        # As a plain str: one that Ansible has tagged, or that claims to be markup, is a text here too.
        return html.escape(str.__str__(value))
    if isinstance(value, dict):
        return {key: escaped(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [escaped(entry) for entry in value]
    return value
