"""What a command does and answers: the part between the words of a sentence and the router."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .board import format_date
from .certificates import describe_certificate, is_authority, sign
from .errors import (
    GENERAL,
    Trap,
    already_have,
    before_itself,
    group_in_use,
    invalid_value,
    missing_argument,
    no_match,
    no_such_command,
    no_such_item,
    not_emulated,
    not_permitted,
    out_of_range,
    unknown_parameter,
)
from .frr_filter import parse_rule
from .menus import MENUS, REFERRERS
from .ping import ARGUMENTS as PING_ARGUMENTS
from .ping import ping
from .policy import User, format_policies, parse_policies
from .queries import matches
from .router import FIRST_OWN_ADDRESS, Router
from .schema import OLDEST, Kind, Menu, Property
from .store import Row, Table
from .values import (
    format_bool,
    format_duration,
    parse_address,
    parse_bool,
    parse_duration,
    parse_host,
    parse_ipv6_prefix,
    parse_number,
    parse_prefix,
)

LOG = logging.getLogger("routeros.commands")

# The reply words of a sentence: `!re`, `!empty` or `!done` and its attributes.
Reply = tuple[str, dict[str, str]]

_STARS = "*****"
_WRITES = {"add", "set", "remove", "unset", "move", "enable", "disable", "comment", "sign", "export-certificate"}
# Arguments of a print that change nothing over the API.
_PRINT_FLAGS = {"detail", "without-paging", "terse", "show-ids"}
_PING = "ping"
# The short form of /tool/ping is in the schemas up to 7.22.3, and in none from 7.23 on.
_ROOT_PING_GONE = (7, 23)
# Kinds that are numbers in a pattern, and the highest number.
_PATTERNS = {
    Kind.PORTS: (r"!?\d+(-\d+)?(,\d+(-\d+)?)*", 65535),
    Kind.ICMP_OPTIONS: (r"\d+(:\d+(-\d+)?)?", 255),
}


@dataclass
class Sentence:
    """A command sentence taken apart."""

    command: str
    attributes: dict[str, str] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    tag: str | None = None
    proplist: list[str] | None = None

    @classmethod
    def parse(cls, words: Sequence[str]) -> Sentence:
        """Words of a sentence; an unknown kind of word is ignored by routers, so it is here."""
        sentence = cls(words[0])
        for word in words[1:]:
            if word.startswith("="):
                name, dummy, value = word[1:].partition("=")
                if name == ".proplist":
                    sentence.proplist = [one for one in value.split(",") if one]
                else:
                    sentence.attributes[name] = value
            elif word.startswith("?"):
                sentence.queries.append(word)
            elif word.startswith(".tag="):
                sentence.tag = word.removeprefix(".tag=")
        return sentence


class Commands:
    """Commands of one logged-in user."""

    def __init__(self, router: Router, user: User) -> None:
        self._router = router
        self._user = user

    def run(self, sentence: Sentence) -> Iterator[Reply]:
        """The replies to a sentence, `!done` included; raises Trap."""
        path, command = self._resolve(sentence.command)
        if command == _PING:
            # Without the lock: others are served meanwhile.
            yield from self._ping(sentence)
            return
        with self._router.lock:
            replies = list(self._run_menu(path, command, sentence))
        yield from replies

    def _resolve(self, word: str) -> tuple[str, str]:
        """Menu and command; or the trap that names the part which does not exist."""
        parts = [part for part in word.strip("/").replace(" ", "/").split("/") if part]
        if not word.startswith("/") or not parts:
            raise no_such_command(parts[0] if parts else "")
        if parts == [_PING] and self._router.version < _ROOT_PING_GONE:
            return "", _PING
        known = [path for path in MENUS if self._router.menu(path) is not None]
        for index in range(len(parts) - 1):
            path = "/".join(parts[: index + 1])
            if not any(one == path or one.startswith(f"{path}/") for one in known):
                raise no_such_command(parts[index])
        path, command = "/".join(parts[:-1]), parts[-1]
        menu = self._router.menu(path)
        if menu is not None and menu.refuses(command, self._router.version):
            raise not_emulated(f"/{path}/{command}")
        if menu is None or not menu.has_command(command, self._router.version):
            raise no_such_command(command)
        return path, command

    def _run_menu(self, path: str, command: str, sentence: Sentence) -> Iterator[Reply]:
        menu = self._router.menu(path)
        assert menu is not None
        self._need("write" if command in _WRITES else "read")
        if command in _WRITES and menu.policy:
            self._need(menu.policy)
        if command in {"print", "getall"}:
            return self._print(menu, sentence)
        if command == "get":
            return self._get(menu, sentence)
        LOG.info("%s: /%s/%s", self._user.name, path, command)
        try:
            reply = getattr(self, f"_{command.replace('-', '_')}")(menu, dict(sentence.attributes))
        except Exception:
            # What was written before the refusal would be saved with the next change.
            self._router.store.restore()
            raise
        self._router.commit()
        # It tells how far it is until it is done (property progress of the command's reply; the text is an assumption).
        rows = [("!re", {"progress": "done"})] if command == "sign" else []
        return iter([*rows, ("!done", reply or {})])

    def _need(self, policy: str) -> None:
        if not self._user.may(policy):
            raise not_permitted()

    # Reading

    def _print(self, menu: Menu, sentence: Sentence) -> Iterator[Reply]:
        count_only = False
        wanted: list[str] | None = None
        for name, value in sentence.attributes.items():
            if name == "count-only":
                count_only = True
            elif name == ".id":
                wanted = value.split(",")
            elif name not in _PRINT_FLAGS:
                raise unknown_parameter(name)
        rows = [self._shown(menu, row) for row in self._router.rows(menu)]
        if wanted is not None:
            rows = [row for row in rows if row.get(".id") in wanted]
        rows = [row for row in rows if matches(row, sentence.queries)]
        if count_only:
            yield "!done", {"ret": str(len(rows))}
            return
        for row in rows:
            if sentence.proplist is not None:
                row = {name: row[name] for name in sentence.proplist if name in row}
            yield "!re", row
        if not rows and self._router.version >= (7, 18):
            yield "!empty", {}
        yield "!done", {}

    def _get(self, menu: Menu, sentence: Sentence) -> Iterator[Reply]:
        rows = [self._shown(menu, row) for row in self._router.rows(menu)]
        if not menu.single:
            wanted = self._ids(menu, sentence.attributes, rows)
            rows = [row for row in rows if row[".id"] in wanted]
        name = sentence.attributes.get("value-name")
        if name is None:
            ret = ";".join(f"{key}={value}" for key, value in rows[0].items())
        elif name == ".id" or name in menu.readable(self._router.version):
            ret = rows[0].get(name, "")
        else:
            raise no_match("value-name")
        yield "!done", {"ret": ret}

    def _shown(self, menu: Menu, row: dict[str, str]) -> dict[str, str]:
        """Without the policy `sensitive` a secret reads as five stars (capture)."""
        if self._user.may("sensitive"):
            return row
        secrets = {one.name for one in menu.properties if one.secret}
        return {name: _STARS if name in secrets and value else value for name, value in row.items()}

    def _ping(self, sentence: Sentence) -> Iterator[Reply]:
        self._need("test")
        for name in sentence.attributes:
            if name not in PING_ARGUMENTS:
                raise unknown_parameter(name)
        if "address" not in sentence.attributes:
            raise missing_argument("address")
        for name in ("do-not-fragment", "arp-ping"):
            if name in sentence.attributes:
                raise not_emulated(name)
        for row in ping(sentence.attributes, self._router.ping_program):
            yield "!re", row
        yield "!done", {}

    # Writing: each gets the attributes and returns those of `!done`

    def _add(self, menu: Menu, attributes: dict[str, str]) -> dict[str, str]:
        table = self._router.store.table(menu.path)
        before = None
        values: dict[str, str] = {}
        if "place-before" in attributes:
            self._known(menu, "place-before", adding=True)
            before = self._row(menu, table, attributes.pop("place-before"))
        if "copy-from" in attributes:
            self._known(menu, "copy-from", adding=True)
            values = dict(self._row(menu, table, attributes.pop("copy-from")).values)
        self._write(menu, values, attributes, adding=True)
        missing = [one.name for one in menu.properties if one.mandatory and one.name not in values]
        if missing:
            raise missing_argument(missing[0])
        if menu.auto_name and "name" not in values:
            values["name"] = self._new_name(menu, table)
        self._unique(menu, table, values, None)
        return {"ret": self._shown_id(menu, table.add(values, before))}

    def _set(self, menu: Menu, attributes: dict[str, str]) -> None:
        if menu.single:
            stored = self._router.store.single(menu.path)
            values = dict(stored)
            self._write(menu, values, attributes)
            if menu.path == "system/clock":
                self._router.set_clock(values)
            stored.clear()
            stored.update(values)
            return
        rows = self._take_rows(menu, attributes)
        table = self._router.store.table(menu.path)
        for row in rows:
            old = row.values.get("name")
            self._write(menu, row.values, dict(attributes))
            self._unique(menu, table, row.values, row)
            if old is not None and row.values["name"] != old:
                self._follow(menu, old, row.values["name"])

    def _comment(self, menu: Menu, attributes: dict[str, str]) -> None:
        self._set(menu, attributes)

    def _unset(self, menu: Menu, attributes: dict[str, str]) -> None:
        rows = self._take_rows(menu, attributes)
        names = [name for name in attributes.pop("value-name", "").split(",") if name]
        if attributes:
            raise unknown_parameter(next(iter(attributes)))
        if not names:
            raise missing_argument("value-name")
        for name in names:
            one = menu.property(name, self._router.version)
            if one is None or not one.unset:
                raise no_match("value-name")
            for row in rows:
                row.values.pop(name, None)

    def _remove(self, menu: Menu, attributes: dict[str, str]) -> None:
        rows = self._take_rows(menu, attributes)
        if attributes:
            raise unknown_parameter(next(iter(attributes)))
        table = self._router.store.table(menu.path)
        if menu.path == "certificate":
            # Manual, "Certificates": what a removed authority has issued is removed as well.
            names = {row.values["name"] for row in rows}
            rows += [row for row in table.rows if row.values.get("ca") in names and row not in rows]
        if menu.path == "user/group":
            groups = {user.values["group"] for user in self._router.store.table("user").rows}
            if any(row.values["name"] in groups for row in rows):
                raise group_in_use()
        for row in rows:
            table.rows.remove(row)
            if name := row.values.get("name"):
                # What referred to it shows its id from now on (assumption) and is inactive.
                self._follow(menu, name, row.id)

    def _enable(self, menu: Menu, attributes: dict[str, str]) -> None:
        self._switch(menu, attributes, "false")

    def _disable(self, menu: Menu, attributes: dict[str, str]) -> None:
        self._switch(menu, attributes, "true")

    def _switch(self, menu: Menu, attributes: dict[str, str], disabled: str) -> None:
        rows = self._take_rows(menu, attributes)
        if attributes:
            raise unknown_parameter(next(iter(attributes)))
        for row in rows:
            row.values["disabled"] = disabled

    def _move(self, menu: Menu, attributes: dict[str, str]) -> None:
        table = self._router.store.table(menu.path)
        destination = attributes.pop("destination", None)
        rows = self._take_rows(menu, attributes)
        if attributes:
            raise unknown_parameter(next(iter(attributes)))
        before = None
        if destination is not None:
            # One that does not exist stands for the end, without a word (capture: ha-manager).
            with contextlib.suppress(Trap):
                before = self._row(menu, table, destination)
        if before is not None and before in rows:
            raise before_itself()
        for row in rows:
            table.rows.remove(row)
            table.rows.insert(len(table.rows) if before is None else table.rows.index(before), row)

    def _sign(self, menu: Menu, attributes: dict[str, str]) -> None:
        table = self._router.store.table(menu.path)
        wanted = attributes.pop("number", attributes.pop(".id", None))
        if wanted is None:
            raise missing_argument(".id")
        row = self._row(menu, table, wanted)
        authority = attributes.pop("ca", None)
        name = attributes.pop("name", row.values["name"])
        for other in attributes:
            raise not_emulated(other) if other in {"ca-crl-host", "ca-on-smart-card"} else unknown_parameter(other)
        if "pem" in row.values:
            raise Trap("failure: the certificate is signed already", GENERAL)
        by = None if authority is None else self._router.certificate(authority)
        if authority is not None and (by is None or not is_authority(self._usage(menu, authority))):
            raise no_match("ca")
        (template,) = [shown for shown in self._router.rows(menu) if shown[".id"] == row.id]
        signed = sign(template, by)
        now = int(time.time())
        end = now + int(template["days-valid"]) * 86400
        row.values |= {
            "name": name,
            "key": signed.key,
            "pem": signed.certificate,
            "private-key": "true",
            **describe_certificate(signed.certificate),
            "invalid-before": format_date(self._router.version, now),
            "invalid-after": format_date(self._router.version, end),
            "not-after": str(end),
        }
        # Flags are there only when true (captures). One that the router's own authority signed is issued.
        if is_authority(template["key-usage"]):
            row.values["authority"] = "true"
        if authority is None:
            row.values["trusted"] = "true"
        else:
            row.values |= {"issued": "true", "ca": authority}
        self._unique(menu, table, row.values, row)

    def _usage(self, menu: Menu, name: str) -> str:
        return next(row["key-usage"] for row in self._router.rows(menu) if row["name"] == name)

    def _export_certificate(self, menu: Menu, attributes: dict[str, str]) -> None:
        # Manual, "Certificates": exporting requires the policy sensitive.
        self._need("sensitive")
        (row,) = self._take_rows(menu, attributes)
        name = attributes.pop("file-name", f"cert_export_{row.values['name']}")
        for other, value in attributes.items():
            if other not in {"type", "export-passphrase"}:
                raise unknown_parameter(other)
            if (other, value) != ("type", "pem"):
                raise not_emulated(f"{other}={value}")
        if "pem" not in row.values:
            raise Trap("failure: the certificate is not signed", GENERAL)
        files = self._router.store.table("file")
        files.rows = [one for one in files.rows if one.values["name"] != f"{name}.crt"]
        text = row.values["pem"]
        files.add({"name": f"{name}.crt", "type": ".crt file", "size": str(len(text)), "contents": text})

    # Rows

    def _take_rows(self, menu: Menu, attributes: dict[str, str]) -> list[Row]:
        """The rows that `.id` or `numbers` name; both are taken out of the attributes."""
        text = attributes.pop(".id", None)
        numbers = attributes.pop("numbers", None)
        wanted = text if text is not None else numbers
        if wanted is None:
            raise missing_argument(".id")
        table = self._router.store.table(menu.path)
        return [self._row(menu, table, one) for one in wanted.split(",")]

    def _row(self, menu: Menu, table: Table, wanted: str) -> Row:
        """A row by id, by name, or where the menu has no names by comment; a bare number is a position.

        Captures of `move` in /ip/firewall/filter (ha-manager); of other menus and commands it is an assumption.
        """
        if not wanted.startswith("*") and menu.path != "ip/route":
            by = "comment" if menu.key is None else menu.key
            for row in table.rows:
                if row.values.get(by) == wanted:
                    return row
            if wanted.isdecimal() and int(wanted) < len(table.rows):
                return table.rows[int(wanted)]
            raise no_such_item()
        if menu.path == "ip/address" and int(wanted.lstrip("*"), 16) < FIRST_OWN_ADDRESS:
            raise not_emulated("changing an address of the machine")
        if menu.path == "ip/route":
            number = int(wanted.lstrip("*"), 16) if wanted.startswith("*") else 0
            if number < 0x80000000:
                # Dynamic routes cannot be changed.
                raise no_such_item()
            wanted = f"*{number - 0x80000000:X}"
        return table.find(wanted)

    @staticmethod
    def _shown_id(menu: Menu, row: Row) -> str:
        return f"*{0x80000000 + int(row.id.lstrip('*'), 16):X}" if menu.path == "ip/route" else row.id

    def _ids(self, menu: Menu, attributes: dict[str, str], rows: list[dict[str, str]]) -> set[str]:
        wanted = attributes.get(".id", attributes.get("number", attributes.get("numbers")))
        if wanted is None:
            raise missing_argument(".id")
        found = {
            row[".id"] for row in rows if row[".id"] == wanted or (menu.key is not None and row.get(menu.key) == wanted)
        }
        if not found:
            raise no_such_item()
        return found

    @staticmethod
    def _new_name(menu: Menu, table: Table) -> str:
        taken = {row.values.get("name") for row in table.rows}
        number = 1
        while f"{menu.auto_name}{number}" in taken:
            number += 1
        return f"{menu.auto_name}{number}"

    @staticmethod
    def _unique(menu: Menu, table: Table, values: dict[str, str], itself: Row | None) -> None:
        if menu.key is None:
            return
        for row in table.rows:
            if row is not itself and row.values.get(menu.key) == values.get(menu.key):
                raise already_have(menu.key)

    def _follow(self, menu: Menu, old: str, new: str) -> None:
        """References are to the row, not to its name."""
        for path, name in REFERRERS.get(menu.path, ()):
            for row in self._router.store.table(path).rows:
                if row.values.get(name) == old:
                    row.values[name] = new

    # Values

    def _known(self, menu: Menu, name: str, adding: bool) -> Property:
        new_name_since, old_name = menu.renamed.get(name, (OLDEST, name))
        if self._router.version < new_name_since:
            raise unknown_parameter(name)
        one = menu.property(old_name, self._router.version)
        if one is None or (one.add_only and not adding):
            raise unknown_parameter(name)
        return one

    def _write(self, menu: Menu, values: dict[str, str], attributes: dict[str, str], adding: bool = False) -> None:
        """Check all values before the first is written."""
        checked: dict[str, str | None] = {}
        for name, text in attributes.items():
            if name.startswith("!"):
                one = self._known(menu, name[1:], adding)
                if not one.unset:
                    raise unknown_parameter(name)
                checked[one.name] = None
                continue
            one = self._known(menu, name, adding)
            if name == "comment" and text == "":
                # An empty comment is none.
                checked[name] = None
                continue
            checked[one.name] = self._value(one, text)
        for name, value in checked.items():
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value

    def _value(self, one: Property, text: str) -> str:
        value = self._canonical(one, text)
        if one.only is not None:
            parts = value.split(",") if one.kind is Kind.FLAGS else [value]
            possible = (*one.only, *(one.with_crypto if self._router.frr_has_crypto else ()))
            for part in parts:
                if part not in possible and value != one.default:
                    raise not_emulated(f"{one.name}={part}")
        return value

    def _canonical(self, one: Property, text: str) -> str:
        kind, name = one.kind, one.name
        if kind is Kind.SWITCH:
            # Any value turns it on, `no` as well (librouteros issue 130).
            return ""
        if kind is Kind.BOOL:
            flag = parse_bool(text)
            if flag is None:
                raise no_match(name)
            return format_bool(flag)
        if kind is Kind.NUMBER:
            return str(self._in_range(one, parse_number(name, text)))
        if kind is Kind.TIME:
            return format_duration(self._in_range(one, parse_duration(name, text)))
        if kind is Kind.INTERVAL:
            return format_duration(self._in_milliseconds(one, parse_duration(name, text)))
        if kind is Kind.HOST:
            return parse_host(name, text)
        if kind is Kind.ENUM:
            if text not in one.values:
                raise no_match(name)
            return text
        if kind is Kind.FLAGS:
            if not set(text.split(",")) <= {*one.values, ""}:
                raise no_match(name)
            return text
        if kind is Kind.ADDRESS:
            return parse_address(name, text)
        if kind is Kind.PREFIX:
            return parse_prefix(name, text)
        if kind is Kind.NAME:
            if text not in {*one.values, *self._router.names(one.target)}:
                raise no_match(name)
            return text
        if kind is Kind.POLICY:
            return format_policies(parse_policies(text))
        if kind is Kind.PREFIXES:
            return ",".join(parse_prefix(name, part) for part in text.split(",") if part)
        if kind is Kind.REFERENCE:
            if text not in self._router.names(one.target):
                raise no_match(name)
            return text
        if kind is Kind.ADDRESS_OR_NAME:
            known = text in one.values or text in self._router.names(one.target)
            return text if known else parse_address(name, text)
        if kind is Kind.INTERFACES:
            names = self._router.canonical_interfaces(text)
            if names is None:
                raise no_match(name)
            return names
        if kind is Kind.GATEWAY:
            address, dummy, interface = text.partition("%")
            parse_address(name, address)
            if interface and interface not in self._router.names("interface"):
                raise no_match(name)
            return text
        if kind is Kind.FILTER_RULE:
            parse_rule(text)
            return text
        if kind is Kind.MATCHER:
            self._check_matcher(one, text.removeprefix("!"))
            return text
        if kind is Kind.IPV6_RANGE:
            for part in text.removeprefix("!").split("-"):
                parse_ipv6_prefix(name, part)
            return text
        if kind in _PATTERNS:
            pattern, highest = _PATTERNS[kind]
            if not re.fullmatch(pattern, text) or max(int(number) for number in re.findall(r"\d+", text)) > highest:
                raise invalid_value(name)
            return text
        if one.secret and any(not 33 <= ord(character) <= 126 for character in text):
            # FRR's command line takes a key as one word.
            raise not_emulated(f"blanks and other than ASCII characters in {name}")
        if kind is not Kind.STRING:
            raise invalid_value(name)
        return text

    def _check_matcher(self, one: Property, text: str) -> None:
        if one.target:
            known = text in self._router.names(one.target)
        elif one.name == "protocol" and text.isdecimal():
            known = int(text) <= 255
        elif one.name in {"src-address", "dst-address"}:
            for part in text.split("-"):
                parse_prefix(one.name, part)
            known = True
        else:
            known = not one.values or set(text.split(",")) <= set(one.values)
        if not known:
            # An unknown in-interface is no value "of interface" (captures: ha-manager).
            raise no_match(one.target.replace("/", "-") or one.name)

    @staticmethod
    def _in_milliseconds(one: Property, seconds: float) -> float:
        assert one.low is not None and one.high is not None
        if not one.low <= round(seconds * 1000) <= one.high:
            raise out_of_range(one.name, *(format_duration(limit / 1000) for limit in (one.low, one.high)))
        return seconds

    @staticmethod
    def _in_range[N: (int, float)](one: Property, number: N) -> N:
        if one.low is None or one.high is None:
            return number
        if not one.low <= number <= one.high:
            as_text = format_duration if one.kind is Kind.TIME else str
            raise out_of_range(one.name, as_text(one.low), as_text(one.high))
        if one.kind is Kind.TIME and number != int(number):
            raise invalid_value(one.name)
        return number
