# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection takes RouterOS to do, as checks, and asking a router them. Private to this collection.

playbooks/files/read.yml has those that only read. tests/conformance has more, and asks them by what is here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..routeros.values import parse_version
from .expect import NotSeen, Reply, Version, problems, within
from .mask import Mask

HOLDS, DIFFERS, NOT_SEEN, REFUSED, NOT_ASKED = "holds", "differs", "not seen", "refused", "not asked"
STATUSES = (HOLDS, DIFFERS, NOT_SEEN, REFUSED, NOT_ASKED)
# What may be read of menus that can hold keys, or much, has to be named.
_SECRET_MENUS = {"/routing/ospf/interface-template", "/routing/ospf/interface", "/file"}
READS = {"print", "get"}
# Of a file with what was asked and answered.
FORMAT = 1
_REFUSALS = re.compile(r"not enough permissions.*|failure: the emulator .*")
_NO_MENU = re.compile(r"no such command.*")


class BadCheck(ValueError):
    """A check that must not be asked as it is written."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One sentence, or a login, and what the router is expected to answer."""

    ask: tuple[str, ...] = ()
    login: tuple[str, str] | None = None
    save: str = ""
    expect: tuple[Mapping[str, Any], ...] = ()

    @property
    def menu(self) -> str:
        return self.ask[0].rpartition("/")[0]

    @property
    def command(self) -> str:
        return self.ask[0].rpartition("/")[2]


@dataclasses.dataclass(frozen=True)
class Check:
    """What the collection takes RouterOS to do, and how to ask a router."""

    id: str
    group: str
    claim: str
    used_by: str
    source: str = ""
    since: Version | None = None
    before: Version | None = None
    policy: str = ""  # The policy that the user must have for it
    without_policy: str = ""  # The policy that the user must not have
    optional: bool = False  # A router may lack the menu
    not_asked: str = ""  # Why it is not asked here
    # Variables: the name of one, and the sentence and the property of its first row that it is taken from.
    let: Mapping[str, tuple[tuple[str, ...], str]] = dataclasses.field(default_factory=dict)
    steps: tuple[Step, ...] = ()


def parse_check(entry: Mapping[str, Any], group: str = "read") -> Check:
    """Return a check of a file. Raises BadCheck if it cannot be one, and if one that is to read only could do more."""
    values = dict(entry)
    steps = values.pop("steps", [])
    if "ask" in values:
        steps = [{key: values.pop(key) for key in ("ask", "proplist", "expect", "save") if key in values}]
    values.update({name: parse_version(values[name]) for name in ("since", "before") if name in values})
    values["let"] = {name: (tuple(words), key) for name, (words, key) in values.get("let", {}).items()}
    try:
        check = Check(group=group, steps=tuple(_step(step) for step in steps), **values)
    except TypeError as error:
        raise BadCheck(f"{entry.get('id')}: {error}") from None
    for place in (entry, *(expectation for step in check.steps for expectation in step.expect)):
        for name in ("since", "before"):
            if not isinstance(place.get(name, ""), str):
                number = f"the version {place[name]} is a number to YAML"
                raise BadCheck(f"{check.id}: {number}, expected quotation marks around it")
    asked = [words for words, _key in check.let.values()] + [step.ask for step in check.steps]
    for words in asked if group == "read" else ():
        if problem := reading_problem(words):
            raise BadCheck(f"{check.id}: {problem}")
    return check


def _step(entry: Mapping[str, Any]) -> Step:
    expect = entry.get("expect", ())
    words = [str(word) for word in entry.get("ask", ())]
    if "proplist" in entry:
        words.append(f"=.proplist={','.join(entry['proplist'])}")
    return Step(
        ask=tuple(words),
        login=tuple(entry["login"]) if "login" in entry else None,
        save=entry.get("save", ""),
        expect=tuple(expect) if isinstance(expect, (list, tuple)) else (expect,) if expect else (),
    )


def reading_problem(words: Sequence[str]) -> str:
    """Return why a sentence does more than read what may be shown, nothing if it does not."""
    menu, _slash, command = words[0].rpartition("/") if words else ("", "", "")
    if command not in READS:
        return f"{words[0] if words else 'a login'} does not only read"
    shown = [word.partition("=.proplist=")[2].split(",") for word in words if word.startswith("=.proplist=")]
    if menu in _SECRET_MENUS and not shown:
        return f"{words[0]} can show keys, and has no .proplist"
    return ""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of the router before the first check."""

    version: str
    board: str
    user: str
    policies: frozenset[str] | None  # The user's; None where it may not be asked

    @property
    def number(self) -> Version:
        return parse_version(self.version) or ()


@dataclasses.dataclass(frozen=True)
class Exchange:
    """A sentence, and the answer; without secrets."""

    check: str
    sent: tuple[str, ...]
    reply: Reply


@dataclasses.dataclass
class Result:
    """What came of a check."""

    check: Check
    status: str
    reasons: list[str] = dataclasses.field(default_factory=list)
    exchange: Exchange | None = None  # What was asked last, where something differs


class Asker:
    """Asks one router, and keeps what was asked and answered."""

    def __init__(self, ask: Callable[[Sequence[str]], Reply], user: str, private: bool = False) -> None:
        self.ask_router = ask
        self.mask = Mask(private)
        self.mask.name(user)
        self.facts = self._look(user)
        self.exchanges: list[Exchange] = []

    def answer(self, check: Check) -> Result:
        """Ask what a check asks."""
        if reason := self.reason_not_to_ask(check):
            return Result(check, NOT_ASKED, [reason])
        self.mask.public |= {word[1:].partition("=")[2] for step in check.steps for word in step.ask if "$" not in word}
        variables = self.variables()
        for name, (words, key) in check.let.items():
            rows = self.ask(check, words).rows
            if not rows or key not in rows[0]:
                return Result(check, NOT_SEEN, [f"{words[0]} has no {key}"])
            variables[name] = rows[0][key]
        unseen = []
        for step in check.steps:
            result = self.take(check, step, variables)
            if result.status == NOT_SEEN:
                unseen += result.reasons
            elif result.status != HOLDS:
                return result
        return Result(check, NOT_SEEN if len(unseen) == len(check.steps) else HOLDS, unseen)

    def variables(self) -> dict[str, str]:
        """Return what the words of a check may name by $."""
        return {"user": self.facts.user}

    def reason_not_to_ask(self, check: Check) -> str:
        """Return why a check is not asked, nothing if it is."""
        policies = self.facts.policies
        if check.not_asked:
            return check.not_asked
        if not within(self.facts.number, check.since, check.before):
            return f"it is about other versions than {self.facts.version}"
        if policies is not None and check.policy and check.policy not in policies:
            return f"it takes the policy {check.policy}, which {self.mask.text(self.facts.user)} lacks"
        if policies is not None and check.without_policy in policies:
            return f"{self.mask.text(self.facts.user)} has the policy {check.without_policy}"
        return ""

    def take(self, check: Check, step: Step, variables: dict[str, str]) -> Result:
        """Ask one sentence, and hold the answer against what is expected."""
        return self.judge(check, step, self.ask(check, [filled(word, variables) for word in step.ask]), variables)

    def judge(self, check: Check, step: Step, reply: Reply, variables: Mapping[str, str]) -> Result:
        """Hold the last answer against what is expected."""
        exchange = self.exchanges[-1]
        message = reply.traps[0].get("message", "") if reply.traps else ""
        if _REFUSALS.fullmatch(message) or (check.optional and _NO_MENU.fullmatch(message)):
            return Result(check, REFUSED, [self.mask.text(message)])
        try:
            found = problems(reply, filled(step.expect, variables), self.facts.number)
        except NotSeen as reason:
            return Result(check, NOT_SEEN, [f"{exchange.sent[0]}: {reason}"])
        if not found:
            return Result(check, HOLDS)
        return Result(check, DIFFERS, [self.mask.text(one) for one in found], exchange)

    def ask(self, check: Check, words: Sequence[str]) -> Reply:
        reply = self.ask_router(words)
        self.keep(check, words, reply)
        return reply

    def keep(self, check: Check, words: Sequence[str], reply: Reply) -> None:
        shown = Reply(tuple(map(self.mask.answer, reply.sentences)))
        self.exchanges.append(Exchange(check.id, self.mask.sent(words), shown))

    def _look(self, user: str) -> Facts:
        resource = self.ask_router(("/system/resource/print", "=.proplist=version,board-name")).rows
        who = self.ask_router(("/user/print", f"?name={user}", "=.proplist=group")).rows
        group = who[0].get("group") if who else None
        groups = self.ask_router(("/user/group/print", f"?name={group}", "=.proplist=policy")).rows if group else []
        policies = frozenset(groups[0]["policy"].split(",")) if groups and "policy" in groups[0] else None
        row = resource[0] if resource else {}
        return Facts(row.get("version", "unknown"), row.get("board-name", "unknown"), user, policies)


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a value with what it names by $."""
    if isinstance(value, str):
        return re.sub(r"\$([a-z]\w*)", lambda match: variables.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {name: filled(one, variables) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(one, variables) for one in value]
    return value


def counted(results: Sequence[Result]) -> str:
    """Return how many checks came out in which way."""
    counts = {status: sum(result.status == status for result in results) for status in STATUSES}
    words = {HOLDS: "hold", DIFFERS: "differ"}
    return ", ".join(
        f"{count} {words.get(status, status)}" for status, count in counts.items() if count or status != NOT_ASKED
    )


def described(result: Result) -> list[str]:
    """Return one line; and what was asked and answered where something differs."""
    reasons = "; ".join(result.reasons) if result.status != DIFFERS else ""
    lines = [f"{result.check.id:5} {result.status:9} {result.check.claim}{f' ({reasons})' if reasons else ''}"]
    if result.status != DIFFERS:
        return lines
    if result.exchange is not None:
        lines.append(f"      asked:    {' '.join(result.exchange.sent)}")
        lines += [f"      answered: {' '.join(sentence)}" for sentence in result.exchange.reply.sentences[:10]]
    lines += [f"      {reason}" for reason in result.reasons]
    return [*lines, f"      used by:  {result.check.used_by}"] if result.check.used_by else lines


def recording(version: str, board: str, exchanges: Iterable[Exchange]) -> list[dict[str, Any]]:
    """Return what was asked and answered as the lines of a file: what the router is, then a line for each exchange."""
    head = {"format": FORMAT, "version": version, "board": board}
    return [head, *({"check": one.check, "sent": one.sent, "received": one.reply.sentences} for one in exchanges)]
