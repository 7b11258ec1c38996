"""What a menu is: its properties, commands and versions. The tables themselves are in menus.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

Version = tuple[int, ...]
OLDEST: Version = (6,)
# Commands of every menu that would need an answer without end, or make no sense over this emulator.
_NOWHERE = frozenset({"listen", "export", "edit", "reset", "monitor"})


class Kind(Enum):
    """How a property's text is checked and written back."""

    STRING = auto()
    NUMBER = auto()
    TIME = auto()
    INTERVAL = auto()
    """A time whose limits are in milliseconds."""
    BOOL = auto()
    ENUM = auto()
    FLAGS = auto()
    """Comma list out of an enumeration."""
    ADDRESS = auto()
    ADDRESS_OR_NAME = auto()
    """An address, or the name of a row of another menu (router-id)."""
    HOST = auto()
    """An address with the length of its network."""
    PREFIX = auto()
    PREFIXES = auto()
    INTERFACES = auto()
    REFERENCE = auto()
    """The name of a row of another menu."""
    SWITCH = auto()
    """Valueless: set by being named, whatever the value; printed as empty text; absent when off."""
    FILTER_RULE = auto()
    GATEWAY = auto()
    NAME = auto()
    """One of an enumeration, or the name of a row of another menu (the certificate of a service)."""
    POLICY = auto()
    """What a group of users may do: `read,api,!write`."""
    MATCHER = auto()
    """Of the packet filter: a comma list out of an enumeration or a name of another menu, perhaps after `!`."""
    IPV6_RANGE = auto()
    """Of the packet filter: an IPv6 prefix, or FIRST-LAST, perhaps after `!`."""
    PORTS = auto()
    """Of the packet filter: a comma list of ports and ranges, perhaps after `!`."""
    ICMP_OPTIONS = auto()
    """Of the packet filter: a type, or TYPE:CODE or TYPE:FIRST-LAST."""


@dataclass(frozen=True)
class Property:
    """One property of a menu that a client may write."""

    name: str
    kind: Kind = Kind.STRING
    values: tuple[str, ...] = ()
    default: str | None = None
    """Printed when nothing was set; None: the key is absent then."""
    mandatory: bool = False
    unset: bool = False
    """May be taken back with unset or `=!name=`."""
    low: int | None = None
    high: int | None = None
    since: Version = OLDEST
    gone: Version | None = None
    secret: bool = False
    target: str = ""
    """The menu that REFERENCE, ADDRESS_OR_NAME, NAME and MATCHER look names up in."""
    only: tuple[str, ...] | None = None
    """The values that the emulator carries out; others are valid on a router and refused here, by name."""
    with_crypto: tuple[str, ...] = ()
    """Values that it carries out as well where FRR was built with a crypto library."""
    add_only: bool = False
    hidden: bool = False
    """Written and never printed (passwords)."""

    def exists(self, version: Version) -> bool:
        """Whether a router of this version knows the property."""
        return self.since <= version and (self.gone is None or version < self.gone)


@dataclass(frozen=True)
class Menu:
    """One menu: a list of rows, or a single set of values."""

    path: str
    properties: tuple[Property, ...] = ()
    commands: frozenset[str] = frozenset({"print", "get", "getall"})
    next_ids: bool = False
    """Each row of a print names the row after it (`.nextid`)."""
    single: bool = False
    key: str | None = None
    """The property that must be unique, and by which `numbers` finds rows."""
    since: Version = OLDEST
    read_only: tuple[str, ...] = ()
    commands_since: Mapping[str, Version] = field(default_factory=dict)
    refused: Mapping[str, Version] = field(default_factory=dict)
    """Commands that a router has from that version on, and the emulator does not."""
    stored: bool = False
    """The rows are kept by the emulator; otherwise they are read from FRR and the kernel."""
    policy: str = ""
    """What a user needs beside `write` to change it."""
    renamed: Mapping[str, tuple[Version, str]] = field(default_factory=dict)
    """New names of properties, which the old ones stay beside: from when on a router has it, and the old name."""
    auto_name: str = ""
    """How a row added without a name is called; a number follows."""

    def exists(self, version: Version) -> bool:
        """Whether a router of this version has the menu."""
        return self.since <= version

    def has_command(self, command: str, version: Version) -> bool:
        """Whether a router of this version has the command here."""
        return command in self.commands and self.commands_since.get(command, OLDEST) <= version

    def refuses(self, command: str, version: Version) -> bool:
        """Whether a router of this version has a command here that the emulator cannot carry out."""
        return command in _NOWHERE or (command in self.refused and self.refused[command] <= version)

    def property(self, name: str, version: Version) -> Property | None:
        """The writable property of that name, if a router of this version has it."""
        for one in self.properties:
            if one.name == name and one.exists(version):
                return one
        return None

    def readable(self, version: Version) -> list[str]:
        """Every name a row may carry."""
        return [*(one.name for one in self.properties if one.exists(version)), *self.read_only]
