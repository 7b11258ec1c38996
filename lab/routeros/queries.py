"""Query words of a print: a stack machine (MikroTik manual, API, "Queries")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .errors import API, Trap
from .values import parse_bool

_OPERATIONS = re.compile(r"(?:\d+\.?|[!&|.])+")


def matches(row: Mapping[str, str], words: Sequence[str]) -> bool:
    """Whether a row passes the query words (each still with its question mark); no words let everything pass.

    At the end all values left on the stack must be true, as several plain `?name=value` words mean "and".
    """
    stack: list[bool] = []
    for word in words:
        body = word[1:]
        if body.startswith("#"):
            _operate(stack, body[1:], word)
        elif body.startswith("-"):
            stack.append(body[1:] not in row)
        elif body.startswith((">", "<")):
            name, separator, value = body[1:].partition("=")
            if not separator:
                raise _bad_query(word)
            stack.append(name in row and _compare(row[name], value, body[0]))
        else:
            # librouteros writes `?=name=value`, the manual `?name=value`; both are valid.
            name, separator, value = body.removeprefix("=").partition("=")
            if not name:
                raise _bad_query(word)
            stack.append(name in row and (not separator or _equal(row[name], value)))
    return all(stack)


def _operate(stack: list[bool], operations: str, word: str) -> None:
    """`?#` with any of: digits (push a copy of that value), `.`, `!`, `&`, `|`."""
    if not _OPERATIONS.fullmatch(operations):
        raise _bad_query(word)
    try:
        for operation in re.findall(r"\d+\.?|[!&|.]", operations):
            if operation == "!":
                stack.append(not stack.pop())
            elif operation == "&":
                right, left = stack.pop(), stack.pop()
                stack.append(left and right)
            elif operation == "|":
                right, left = stack.pop(), stack.pop()
                stack.append(left or right)
            elif operation == ".":
                stack.append(stack[-1])
            else:
                index = int(operation.rstrip("."))
                # A number alone at the end takes that value and drops the others.
                value = stack[index]
                if not operation.endswith("."):
                    stack.clear()
                stack.append(value)
    except IndexError:
        raise _bad_query(word) from None


def _equal(have: str, wanted: str) -> bool:
    if have == wanted:
        return True
    # Clients write booleans either way.
    return parse_bool(have) is not None and parse_bool(have) == parse_bool(wanted)


def _compare(have: str, wanted: str, operator: str) -> bool:
    """Numbers as numbers, anything else as text."""
    if have.isdecimal() and wanted.isdecimal():
        return int(have) > int(wanted) if operator == ">" else int(have) < int(wanted)
    return have > wanted if operator == ">" else have < wanted


def _bad_query(word: str) -> Trap:
    return Trap(f"invalid query word {word}", API)
