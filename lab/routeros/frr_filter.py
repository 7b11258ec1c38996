"""Routing filter rules, as far as they are carried out, turned into FRR's prefix lists and a route map.

The subset (grammar: MikroTik manual, "Route selection and filters"):

    rule      = [ "if" "(" condition ")" block [ "else" block ] ] | actions
    block     = "{" actions "}"
    actions   = accept | reject | return, each may end with ";"
    condition = matchers joined by && and ||, with parentheses
    matcher   = dst in PREFIX | dst == PREFIX | dst-len OP NUMBER | dst-len in {A-B} | protocol ospf
    OP        = == | < | > | <= | >=

Anything else is refused by name. A chain ends with reject (manual: "default action of a chain is reject"); `return` in
the chain of an instance has no caller to return to, and is taken as that default (assumption).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ARGUMENT, Trap, not_emulated

_TOKEN = re.compile(r"\s*(&&|\|\||==|!=|<=|>=|[(){};<>]|[^\s(){};<>=!&|]+|.)", re.DOTALL)
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ALL: dict[int, Network] = {4: ipaddress.IPv4Network("0.0.0.0/0"), 6: ipaddress.IPv6Network("::/0")}
_BITS = {4: 32, 6: 128}


@dataclass(frozen=True)
class Match:
    """Routes whose destination lies in a prefix and whose length lies in a range; an impossible one matches none."""

    prefix: Network = _ALL[4]
    low: int = 0
    high: int = 32
    never: bool = False

    def both(self, other: Match) -> Match:
        """What matches both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        if inside(self.prefix, other.prefix):
            prefix = self.prefix
        elif inside(other.prefix, self.prefix):
            prefix = other.prefix
        else:
            return Match(never=True)
        low = max(low, prefix.prefixlen)
        return Match(prefix, low, high, self.never or other.never or low > high)

    def prefix_list_entry(self) -> str:
        """The entry of an FRR prefix list; `ge` must be longer than the prefix there."""
        text = str(self.prefix)
        low, high = max(self.low, self.prefix.prefixlen), self.high
        if low > self.prefix.prefixlen:
            text += f" ge {low}"
        if high > self.prefix.prefixlen:
            text += f" le {high}"
        return text


def inside(one: Network, other: Network) -> bool:
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Step:
    """What happens to the routes that match any of these; None is every route."""

    matches: tuple[Match, ...] | None
    accept: bool


def parse_rule(text: str, version: int = 4) -> list[Step]:
    """The steps of one rule for routes of an IP version; refuses what is outside the subset."""
    parser = _Parser(text, version)
    steps = parser.rule()
    parser.end()
    return steps


def parse_chain(rules: Sequence[str], version: int = 4) -> list[Step]:
    """The steps of a chain up to the first that takes every route."""
    steps: list[Step] = []
    for rule in rules:
        for step in parse_rule(rule, version):
            steps.append(step)
            if step.matches is None:
                return steps
    return steps


class _Parser:
    def __init__(self, text: str, version: int) -> None:
        self._text = text
        self._version = version
        self._bits = _BITS[version]
        self._tokens = [match[1] for match in _TOKEN.finditer(text) if match[1].strip()]
        self._position = 0

    def rule(self) -> list[Step]:
        if self._peek() != "if":
            return [Step(None, accept) for accept in self._actions(end="")]
        self._next()
        self._expect("(")
        condition = self._either()
        self._expect(")")
        # In `if (a) {accept} else {reject}` the second step sees only what the first did not take.
        steps = [Step(condition, accept) for accept in self._block()]
        if self._peek() == "else":
            self._next()
            steps += [Step(None, accept) for accept in self._block()]
        if self._peek() == ";":
            self._next()
        return steps

    def end(self) -> None:
        if self._position < len(self._tokens):
            raise self._refuse(self._peek())

    def _block(self) -> list[bool]:
        self._expect("{")
        actions = self._actions(end="}")
        self._expect("}")
        return actions

    def _actions(self, end: str) -> list[bool]:
        """The verdict of a list of actions: whether it accepts, at most one."""
        verdicts: list[bool] = []
        while self._peek() != end:
            word = self._next()
            if word == ";":
                continue
            if word not in {"accept", "reject", "return"}:
                raise self._refuse(word)
            if not verdicts:
                verdicts.append(word == "accept")
        if not verdicts:
            raise self._refuse(end or "an empty rule")
        return verdicts

    def _either(self) -> tuple[Match, ...]:
        matches = self._all()
        while self._peek() == "||":
            self._next()
            matches += self._all()
        return matches

    def _all(self) -> tuple[Match, ...]:
        matches = self._matcher()
        while self._peek() == "&&":
            self._next()
            matches = tuple(one.both(other) for other in self._matcher() for one in matches)
        return matches

    def _matcher(self) -> tuple[Match, ...]:
        word = self._next()
        if word == "(":
            matches = self._either()
            self._expect(")")
            return matches
        if word == "dst":
            return (self._destination(),)
        if word == "dst-len":
            return (self._length(),)
        if word == "protocol":
            if self._peek() == "==":
                self._next()
            # The route map is applied to OSPF's routes only, so this always holds.
            self._expect("ospf")
            return (Match(_ALL[self._version], 0, self._bits),)
        raise self._refuse(word)

    def _destination(self) -> Match:
        operator, word = self._next(), self._next()
        try:
            prefix = ipaddress.ip_network(word)
        except ValueError:
            raise self._refuse(word) from None
        if operator not in {"in", "=="}:
            raise self._refuse(operator)
        if prefix.version != self._version:
            # Of the other family: it matches none of these routes.
            return Match(_ALL[self._version], 0, self._bits, never=True)
        if operator == "in":
            return Match(prefix, prefix.prefixlen, self._bits)
        return Match(prefix, prefix.prefixlen, prefix.prefixlen)

    def _length(self) -> Match:
        operator = self._next()
        if operator == "in":
            self._expect("{")
            word = self._next()
            self._expect("}")
            match = _RANGE.fullmatch(word)
            if match is None:
                raise self._refuse(word)
            low, high = int(match[1]), int(match[2] or match[1])
        else:
            word = self._next()
            if not word.isdecimal():
                raise self._refuse(word)
            number = int(word)
            ranges = {"==": (number, number), "<=": (0, number), "<": (0, number - 1), ">=": (number, self._bits),
                      ">": (number + 1, self._bits)}  # fmt: skip
            if operator not in ranges:
                raise self._refuse(operator)
            low, high = ranges[operator]
        high = min(high, self._bits)
        return Match(_ALL[self._version], max(low, 0), high, never=low > high)

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        word = self._peek()
        if not word:
            raise Trap(f"invalid value for argument rule: unexpected end of {self._text!r}", ARGUMENT)
        self._position += 1
        return word

    def _expect(self, word: str) -> None:
        if self._peek() != word:
            raise self._refuse(self._peek() or "the end")
        self._position += 1

    def _refuse(self, word: str) -> Trap:
        return not_emulated(f"{word!r} in the filter rule {self._text!r}")
