"""What a command can fail with, in the words of RouterOS."""

from __future__ import annotations

# Categories of !trap (MikroTik manual, API, "Errors and conditions").
MISSING, ARGUMENT, INTERRUPTED, SCRIPTING, GENERAL, API = 0, 1, 2, 3, 4, 5


class Trap(Exception):
    """One or more `!trap` sentences; then `!done` as usual."""

    def __init__(self, message: str, category: int | None = None, *more: str) -> None:
        super().__init__(message)
        self.sentences: list[tuple[str, int | None]] = [(message, category), *((text, None) for text in more)]


class Fatal(Exception):
    """`!fatal` with this text, after which the router closes the connection."""


def no_such_command(part: str) -> Trap:
    """An unknown menu or command (capture: two sentences)."""
    return Trap(f"no such command or directory ({part})", MISSING, "no such command prefix")


def no_such_item() -> Trap:
    """A row that does not exist (capture)."""
    return Trap("no such item", MISSING)


def unknown_parameter(name: str) -> Trap:
    """A property the menu does not have; without a category (capture)."""
    return Trap(f"unknown parameter {name}")


def no_match(name: str) -> Trap:
    """A value outside an enumeration, or a reference to nothing (manual, API)."""
    return Trap(f"input does not match any value of {name}", ARGUMENT)


def invalid_value(name: str) -> Trap:
    """A value that is no number, address or time (as other menus say it)."""
    return Trap(f"invalid value for argument {name}", ARGUMENT)


def out_of_range(name: str, low: str, high: str) -> Trap:
    """A number or time outside its range (capture: `value of priority out of range (1..254)`, ha-manager)."""
    return Trap(f"value of {name} out of range ({low}..{high})", ARGUMENT)


def missing_argument(name: str) -> Trap:
    """A mandatory argument is missing (captures: `missing =.id=`, ha-manager; `missing =account=`, quickchr).

    No capture shows a category.
    """
    return Trap(f"missing ={name}=")


def before_itself() -> Trap:
    """A row is to be moved to where it is (capture, ha-manager)."""
    return Trap("failure: can not move object before itself")


def group_in_use() -> Trap:
    """A group of users that has a member is to be removed (capture, ha-manager)."""
    return Trap("failure: group has some users")


def already_have(what: str) -> Trap:
    """A duplicate: name, address or entry (capture)."""
    return Trap(f"failure: already have such {what}")


def not_permitted() -> Trap:
    """The user's group lacks a policy (capture)."""
    return Trap("not enough permissions (9)")


def login_refused() -> Trap:
    """Wrong name or password, or no right to use the API (capture)."""
    return Trap("invalid user name or password (6)")


def not_emulated(what: str) -> Trap:
    """Real RouterOS has it, the emulator does not: say so instead of pretending."""
    return Trap(f"failure: the emulator does not support {what}", GENERAL)
