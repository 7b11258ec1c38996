"""Asks a router the checks, one after the other in one session, and leaves nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import (
    DIFFERS,
    HOLDS,
    Asker,
    Check,
    Result,
    Step,
    filled,
)
from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.expect import Reply

from .checks import COMMENT, NAME, NO_ROW, WITHOUT_COMMENT
from .recording import Recording
from .session import NoSession, Router

# Where checks add rows. What refers to others comes first, so it can be removed in this order.
MENUS = (
    "/routing/ospf/interface-template", "/routing/ospf/area", "/routing/ospf/instance", "/routing/bfd/configuration",
    "/routing/filter/rule", "/ip/firewall/filter", "/ipv6/firewall/filter",
    "/ip/firewall/raw", "/ipv6/firewall/raw", "/user", "/user/group", "/certificate",
)  # fmt: skip
# Of a comment each sign that has been trouble somewhere.
_SIGNS = "{\":,}[]();=?#$\\ %&/<>|~^+-*!.'"


class Runner(Asker):
    """Asks one router."""

    def __init__(
        self, router: Router, user: str, private: bool = False, log_in: Callable[[str, str], Reply] | None = None
    ) -> None:
        """:param log_in: what a login with a name and a password is answered with."""
        self.router = router
        super().__init__(self._send, user, private)
        self._log_in = log_in
        self._made: list[tuple[str, str]] = []

    @property
    def recording(self) -> Recording:
        """What was asked and answered so far."""
        return Recording(self.facts.version, self.facts.board, self.exchanges)

    def _send(self, words: Sequence[str]) -> Reply:
        return self.router.ask(words)

    def run(self, checks: Iterable[Check], tell: Callable[[Result], object] = lambda result: None) -> list[Result]:
        """Ask all checks. What an earlier run has left goes first, what this one leaves last."""
        wanted = list(checks)
        writes = any(step.ask and step.command == "add" for check in wanted for step in check.steps)
        results = []
        if writes:
            self.sweep()
        try:
            for check in wanted:
                results.append(self.answer(check))
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
                self.router.ask((f"{menu}/remove", f"=.id={row['.id']}"))
        return [f"{menu} still has the row {row['.id']}" for menu in MENUS for row in self._own_rows(menu)]

    def _own_rows(self, menu: str) -> list[dict[str, str]]:
        rows = self.router.ask((f"{menu}/print", "=.proplist=.id,name,comment")).rows
        if menu in WITHOUT_COMMENT:
            return [row for row in rows if row.get("name") == NAME]
        return [row for row in rows if row.get("comment", "").startswith(COMMENT)]

    def answer(self, check: Check) -> Result:
        """Ask what a check asks, and remove what it has made."""
        try:
            return super().answer(check)
        finally:
            self._remove_made()

    def variables(self) -> dict[str, str]:
        """What the words of a check may name by $."""
        return {
            **super().variables(),
            "comment": COMMENT,
            "none": f"{NAME}-none",
            "key64": secrets.token_hex(32),
            "password": secrets.token_hex(12),
            "password2": secrets.token_hex(12),
            "long1000": (_SIGNS * 40)[:1000],
            "long4000": (_SIGNS * 160)[:4000],
        }

    def reason_not_to_ask(self, check: Check) -> str:
        """Why a check is not asked."""
        if reason := super().reason_not_to_ask(check):
            return reason
        return "it takes a second login" if any(step.login for step in check.steps) and self._log_in is None else ""

    def take(self, check: Check, step: Step, variables: dict[str, str]) -> Result:
        """Ask one sentence or log in, and hold the answer against what is expected."""
        if step.login:
            assert self._log_in is not None
            name, password = (filled(text, variables) for text in step.login)
            reply = self._log_in(name, password)
            self.keep(check, ("/login", f"=name={name}", f"=password={password}"), reply)
        else:
            reply = self.ask(check, [filled(word, variables) for word in step.ask])
        if step.ask and step.command == "add" and reply.ret:
            self._made.append((step.menu, reply.ret))
        if step.save:
            variables[step.save] = reply.ret or NO_ROW
        return self.judge(check, step, reply, variables)

    def _remove_made(self) -> None:
        while self._made:
            menu, row = self._made.pop()
            self.router.ask((f"{menu}/remove", f"=.id={row}"))
