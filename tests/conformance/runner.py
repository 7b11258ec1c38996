"""Asks a router the checks, one after the other in one session, and leaves nothing behind."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import expect
from .checks import COMMENT, NAME, NO_ROW, WITHOUT_COMMENT, Check, Step, Version, parse_version
from .expect import NotSeen, Reply
from .recording import Exchange, Mask, Recording
from .session import NoSession, Router

HOLDS, DIFFERS, NOT_SEEN, REFUSED, NOT_ASKED = "holds", "differs", "not seen", "refused", "not asked"
STATUSES = (HOLDS, DIFFERS, NOT_SEEN, REFUSED, NOT_ASKED)
# Where checks add rows. What refers to others comes first, so it can be removed in this order.
MENUS = (
    "/routing/ospf/interface-template", "/routing/ospf/area", "/routing/ospf/instance", "/routing/bfd/configuration",
    "/routing/filter/rule", "/ip/firewall/filter", "/ipv6/firewall/filter",
    "/ip/firewall/raw", "/ipv6/firewall/raw", "/user", "/user/group", "/certificate",
)  # fmt: skip
_REFUSALS = re.compile(r"not enough permissions.*|failure: the emulator .*")
_NO_MENU = re.compile(r"no such command.*")
# Of a comment each sign that has been trouble somewhere.
_SIGNS = "{\":,}[]();=?#$\\ %&/<>|~^+-*!.'"


@dataclass(frozen=True)
class Facts:
    """What is known of the router before the first check."""

    version: str
    board: str
    user: str
    policies: frozenset[str] | None
    """The user's; None where it may not be asked."""

    @property
    def number(self) -> Version:
        return parse_version(self.version)


@dataclass
class Result:
    """What came of a check."""

    check: Check
    status: str
    reasons: list[str] = field(default_factory=list)
    exchange: Exchange | None = None
    """What was asked last, where something differs."""


class Runner:
    """Asks one router."""

    def __init__(
        self, router: Router, user: str, private: bool = False, log_in: Callable[[str, str], Reply] | None = None
    ) -> None:
        """:param log_in: what a login with a name and a password is answered with."""
        self._router = router
        self._log_in = log_in
        self._mask = Mask(private, {user})
        self.facts = self._look(user)
        self.recording = Recording(self.facts.version, self.facts.board)
        self._made: list[tuple[str, str]] = []

    def run(self, checks: Iterable[Check], tell: Callable[[Result], object] = lambda result: None) -> list[Result]:
        """Ask all checks. What an earlier run has left goes first, what this one leaves last."""
        wanted = list(checks)
        writes = any(step.ask and step.command == "add" for check in wanted for step in check.steps)
        results = []
        if writes:
            self.sweep()
        try:
            for check in wanted:
                results.append(self._run(check))
                tell(results[-1])
        except NoSession as error:
            raise NoSession(f"{error}. What checks have added may be left: the next run removes it first") from None
        if writes:
            left = self.sweep()
            check = Check("end", "sandbox", "Nothing is left: no row has the comment", "")
            results.append(Result(check, DIFFERS if left else HOLDS, left))
            tell(results[-1])
        return results

    def sweep(self) -> list[str]:
        """Remove every row that carries the comment; what could not be removed."""
        for menu in MENUS:
            for row in self._own_rows(menu):
                self._router.ask((f"{menu}/remove", f"=.id={row['.id']}"))
        return [f"{menu} still has the row {row['.id']}" for menu in MENUS for row in self._own_rows(menu)]

    def _own_rows(self, menu: str) -> list[dict[str, str]]:
        rows = self._router.ask((f"{menu}/print", "=.proplist=.id,name,comment")).rows
        if menu in WITHOUT_COMMENT:
            return [row for row in rows if row.get("name") == NAME]
        return [row for row in rows if row.get("comment", "").startswith(COMMENT)]

    def _look(self, user: str) -> Facts:
        resource = self._router.ask(("/system/resource/print", "=.proplist=version,board-name")).rows
        who = self._router.ask(("/user/print", f"?name={user}", "=.proplist=group")).rows
        group = who[0].get("group") if who else None
        groups = self._router.ask(("/user/group/print", f"?name={group}", "=.proplist=policy")).rows if group else []
        policies = frozenset(groups[0]["policy"].split(",")) if groups and "policy" in groups[0] else None
        row = resource[0] if resource else {}
        return Facts(row.get("version", "unknown"), row.get("board-name", "unknown"), user, policies)

    def _run(self, check: Check) -> Result:
        if reason := self._not_asked(check):
            return Result(check, NOT_ASKED, [reason])
        variables = {
            "comment": COMMENT,
            "none": f"{NAME}-none",
            "user": self.facts.user,
            "key64": secrets.token_hex(32),
            "password": secrets.token_hex(12),
            "password2": secrets.token_hex(12),
            "long1000": (_SIGNS * 40)[:1000],
            "long4000": (_SIGNS * 160)[:4000],
        }
        try:
            for name, (words, key) in check.let.items():
                rows = self._ask(check, words).rows
                if not rows or key not in rows[0]:
                    return Result(check, NOT_SEEN, [f"{words[0]} has no {key}"])
                variables[name] = rows[0][key]
            unseen = []
            for step in check.steps:
                result = self._take(check, step, variables)
                if result.status == NOT_SEEN:
                    unseen += result.reasons
                elif result.status != HOLDS:
                    return result
            return Result(check, NOT_SEEN if len(unseen) == len(check.steps) else HOLDS, unseen)
        finally:
            self._remove_made()

    def _not_asked(self, check: Check) -> str:
        policies = self.facts.policies
        if check.not_asked:
            return check.not_asked
        if self.facts.number < check.since or (check.before and self.facts.number >= check.before):
            return f"it is about other versions than {self.facts.version}"
        if policies is not None and check.policy and check.policy not in policies:
            return f"it takes the policy {check.policy}, which {self.facts.user} lacks"
        if policies is not None and check.without_policy in policies:
            return f"{self.facts.user} has the policy {check.without_policy}"
        if any(step.login for step in check.steps) and self._log_in is None:
            return "it takes a second login"
        return ""

    def _take(self, check: Check, step: Step, variables: dict[str, str]) -> Result:
        """Ask one sentence, and hold the answer against what is expected."""
        if step.login:
            assert self._log_in is not None
            name, password = (_fill(text, variables) for text in step.login)
            reply = self._log_in(name, password)
            exchange = self._keep(check, ("/login", f"=name={name}", f"=password={password}"), reply)
        else:
            words = tuple(_fill(word, variables) for word in step.ask)
            reply = self._ask(check, words)
            exchange = self.recording.exchanges[-1]
        if step.ask and step.command == "add" and reply.ret:
            self._made.append((step.menu, reply.ret))
        if step.save:
            variables[step.save] = reply.ret or NO_ROW
        message = reply.traps[0].get("message", "") if reply.traps else ""
        if _REFUSALS.fullmatch(message) or (check.optional and _NO_MENU.fullmatch(message)):
            return Result(check, REFUSED, [self._mask.text(message)])
        try:
            found = expect.problems(reply, _fill_all(step.expect, variables), self.facts.number)
        except NotSeen as reason:
            return Result(check, NOT_SEEN, [f"{exchange.sent[0]}: {reason}"])
        return (
            Result(check, DIFFERS, [self._mask.text(one) for one in found], exchange) if found else Result(check, HOLDS)
        )

    def _ask(self, check: Check, words: tuple[str, ...]) -> Reply:
        reply = self._router.ask(words)
        self._keep(check, words, reply)
        return reply

    def _keep(self, check: Check, words: tuple[str, ...], reply: Reply) -> Exchange:
        exchange = Exchange(check.id, self._mask.words(words), self._mask.reply(reply))
        self.recording.exchanges.append(exchange)
        return exchange

    def _remove_made(self) -> None:
        while self._made:
            menu, row = self._made.pop()
            self._router.ask((f"{menu}/remove", f"=.id={row}"))


def _fill(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$([a-z]\w*)", lambda match: variables.get(match[1], match[0]), text)


def _fill_all(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, variables)
    if isinstance(value, Mapping):
        return {name: _fill_all(one, variables) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_fill_all(one, variables) for one in value]
    return value
