# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The list of services: which anycast addresses a node carries, on which interface, and what decides that it does.

L(normalise_services) fills the defaults and rejects what no node can carry. Private to this collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import math
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import ip
from .link import unknown_key

REQUIRED = ("name", "addresses")
DEFAULTS = {"interface": "dummy0", "unit": None, "check": None}

# Seconds. What a check of the own node may take is little.
CHECK_DEFAULTS = {"interval": 1, "timeout": 0.5, "rise": 3, "fall": 3}
HURRY = 0.1  # Seconds between two checks of a service that does not answer: HURRY of announcer.py
# The keys that each kind has beside these, and their defaults; None: required.
CHECK_KINDS: dict[str, dict[str, Any]] = {
    "sip": {"port": 5060},
    "dns": {"port": 53, "name": None},
    "tcp": {"port": None},
    "command": {"command": None},
}

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")  # It becomes a file name below /etc/bird, and a systemd instance name
# IFNAMSIZ of Linux is 16 with the closing zero; ifupdown and BIRD patterns set the characters. ifupdown takes what
# comes after a dot for a VLAN.
_INTERFACE = re.compile(r"(?!lo\Z)[A-Za-z0-9][A-Za-z0-9_-]{0,14}")
# systemd.unit(5), of the types that can run a service. A template without its instance is no unit.
_UNIT = re.compile(r"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.(service|socket|target)")
_DNS_NAME = re.compile(r"(?=.{1,253}\.?\Z)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")

_SHELLS = ("sh", "bash", "dash", "busybox")


@dataclasses.dataclass(frozen=True)
class Check:
    """What proves that a service is healthy. Times are seconds; each kind has the keys of CHECK_KINDS beside them."""

    kind: str
    interval: float
    timeout: float
    rise: int
    fall: int
    port: int | None = None
    name: str | None = None  # What a DNS server is asked for
    command: list[str] | None = None

    @property
    def hang_limit(self) -> float:
        """Seconds in which a hang is noticed: the next check, `fall` of them HURRY apart, the last one's timeout."""
        return self.interval + (self.fall - 1) * HURRY + self.timeout

    def as_dict(self) -> dict[str, Any]:
        """Return the keys that a check of this kind has."""
        return {key: getattr(self, key) for key in ("kind", *CHECK_DEFAULTS, *CHECK_KINDS[self.kind])}


@dataclasses.dataclass(frozen=True)
class Service:
    """A service that a node can carry: every key of the dictionary, checked."""

    name: str
    addresses: list[str]  # Prefixes such as 172.18.0.64/32
    interface: str
    unit: str | None = None
    check: Check | None = None

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "check": self.check.as_dict() if self.check else None}


class ServicesError(ValueError):
    """The list of services cannot work. Its text lists every problem."""


def normalise_services(services: Any) -> list[Service]:
    """Return the services with every default filled in, checked. Raises ServicesError with all problems at once."""
    if not isinstance(services, list) or not all(isinstance(service, dict) for service in services):
        raise ServicesError(
            "the services are not a list of dictionaries, each with name, addresses and perhaps interface"
        )
    problems: list[str] = []
    result: list[Service] = []
    owners: dict[str, str] = {}
    names = set()
    for position, service in enumerate(services, start=1):
        name = str(service.get("name") or "")
        label = f"service '{name}'" if name else f"service number {position}"
        problems.extend(f"{label}: {problem}" for problem in _shape_problems(service, name))
        unit = _unit(service)
        if unit is not None and not _UNIT.fullmatch(unit):
            problems.append(f"{label}: unit is '{unit}', expected a systemd unit such as kamailio.service")
        check, check_problems = normalise_check(service.get("check"))
        problems.extend(f"{label}: check: {problem}" for problem in check_problems)
        if name in names:
            problems.append(f"{label}: the name is used twice, expected unique names")
        names.add(name)
        addresses = []
        for address in _addresses(service):
            try:
                prefix = host_prefix(address)
            except ValueError as error:
                problems.append(f"{label}: {error}")
                continue
            if prefix in owners:
                problems.append(f"{label}: address {address} belongs to {owners[prefix]} already")
            owners[prefix] = label
            addresses.append(prefix)
        result.append(Service(name, addresses, _interface(service), unit, check))
    problems.extend(_interface_problems(result))
    if problems:
        raise ServicesError("; ".join(problems))
    return result


def normalise_check(check: Any) -> tuple[Check | None, list[str]]:
    """Return (the check with every default filled in, what is wrong with it); (None, []) if there is none."""
    if check is None:
        return None, []
    if not isinstance(check, dict):
        return None, [f"it is {check!r}, expected a dictionary with kind"]
    kind = check.get("kind")
    if not isinstance(kind, str) or kind not in CHECK_KINDS:
        return None, [f"kind is {kind!r}, expected one of: {', '.join(CHECK_KINDS)}"]
    known = {**CHECK_DEFAULTS, **CHECK_KINDS[kind]}
    problems = [unknown_key(key, ("kind", *known)) for key in check if key != "kind" and key not in known]
    given = {key: value for key, value in check.items() if key in known and value is not None}
    result: dict[str, Any] = {"kind": kind, **known, **given}
    for key, test in _CHECK_TESTS.items():
        if key in known and result[key] is None:
            problems.append(f"{key} is missing, kind '{kind}' needs it")
        elif key in known:
            problems.extend(test(key, result[key]))
    if not problems and result["timeout"] >= result["interval"]:
        problems.append(f"timeout is {result['timeout']:g} s, expected less than interval, {result['interval']:g} s")
    return Check(**result), problems


def _is_number(value: Any) -> bool:
    # Whole numbers may be larger than any float, and are finite.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _is_whole(value: Any, lowest: int, highest: float) -> bool:
    return _is_number(value) and value == int(value) and lowest <= value <= highest


def _expected(words: str, holds: Callable[[Any], bool]) -> Callable[[str, Any], Iterable[str]]:
    return lambda key, value: [] if holds(value) else [f"{key} is {value!r}, expected {words}"]


def _command_problems(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            yield f"{key} is {value!r}, which cannot be split into words ({error}), expected a list of words"
            return
        yield f"{key} is a string, expected a list of words, {value!r}"
    elif not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        yield f"{key} is {value!r}, expected a list of words"
        return
    if never_fails(value):
        yield f"{key} {value!r} can never fail, so it would announce a dead service"


_SECONDS = _expected("seconds, more than 0", lambda value: _is_number(value) and 0 < value <= 3600)
_COUNT = _expected("a whole number, 1 or more", lambda value: _is_whole(value, 1, math.inf))
_CHECK_TESTS = {
    **{"interval": _SECONDS, "timeout": _SECONDS, "rise": _COUNT, "fall": _COUNT},
    "port": _expected("a port, 1 to 65535", lambda value: _is_whole(value, 1, 65535)),
    "name": _expected(
        "a name that the server has an A record of",
        lambda value: isinstance(value, str) and bool(_DNS_NAME.fullmatch(value)),
    ),
    "command": _command_problems,
}


def never_fails(words: list[str]) -> bool:
    """Return whether a command is one of those that always exit with 0, also as the last one of a shell's script."""
    if not words:
        return True
    program = words[0].rpartition("/")[2]
    if program in ("true", ":", "echo") or (program == "exit" and words[1:] in ([], ["0"])):
        return True
    if program in _SHELLS and "-c" in words:
        script = words[words.index("-c") + 1 :][:1]
        # What is left of the last of these decides nothing.
        last = re.split(r";|\|\||&&?|\n", script[0].strip().rstrip(";").rstrip())[-1] if script else ""
        try:
            # `a && true` fails where a does.
            return never_fails(shlex.split(last)) and not re.search(r"&&[^;|&\n]*$", script[0] if script else "")
        except ValueError:
            return False
    return False


def announced(services: Any) -> list[str]:
    """Return the anycast addresses of unchecked services, as prefixes, without values that are no address."""
    found: list[str] = []
    for service in _dictionaries(services):
        for address in _addresses(service):
            with contextlib.suppress(ValueError):
                found.append(host_prefix(address))
    return list(dict.fromkeys(found))


def own_interfaces(services: Any) -> set[str]:
    """Return the names of the interfaces of unchecked services."""
    return {_interface(service) for service in _dictionaries(services)}


def _addresses(service: dict[str, Any]) -> list[Any]:
    value = service.get("addresses")
    return words(value) if isinstance(value, (list, str)) else []


def _dictionaries(services: Any) -> list[dict[str, Any]]:
    return [service for service in services if isinstance(service, dict)] if isinstance(services, list) else []


def named(services: Iterable[Service], name: str | None = None) -> list[Service]:
    """Return the services of this name; all of them if none is given."""
    return [service for service in services if name in (None, "", service.name)]


def service_prefixes(services: Iterable[Service]) -> list[str]:
    return [prefix for service in services for prefix in service.addresses]


def units(services: Iterable[Service]) -> list[str]:
    return list(dict.fromkeys(service.unit for service in services if service.unit))


def interfaces(services: Iterable[Service]) -> list[str]:
    return list(dict.fromkeys(service.interface for service in services))


def valid(services: Any) -> list[Service]:
    """Return the services with every default filled in; none where they cannot work, which the plan of a node says."""
    with contextlib.suppress(ServicesError):
        return normalise_services(services)
    return []


def words(value: Any) -> list[Any]:
    """Return a list for what may be one, or text with commas."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return list(value or [])


def host_prefix(address: Any) -> str:
    """Return 172.18.0.64/32 for 172.18.0.64 or itself, of IPv6 a /128. Raises ValueError for all but unicast hosts."""
    try:
        interface = ipaddress.ip_interface(str(address))
    except ValueError:
        raise ValueError(f"address '{address}' is not an IPv4 or IPv6 address") from None
    own = interface.ip
    if interface.network.prefixlen != own.max_prefixlen:
        raise ValueError(f"address '{address}' is not a host address, expected {own}/{own.max_prefixlen}")
    if isinstance(own, ipaddress.IPv6Address) and own.ipv4_mapped:
        raise ValueError(f"address '{address}' is an IPv4 address mapped to IPv6, expected {own.ipv4_mapped}")
    # A scope such as in fe80::1%eth0 belongs to a link.
    if own.is_multicast or own.is_loopback or own.is_unspecified or own.is_link_local or "%" in str(address):
        raise ValueError(f"address '{address}' cannot be announced, expected a unicast address")
    return str(interface)


def _shape_problems(service: dict[str, Any], name: str) -> Iterator[str]:
    known = (*REQUIRED, *DEFAULTS)
    for key in service:
        if key not in known:
            yield unknown_key(key, known)
    if not _NAME.fullmatch(name):
        yield f"name is '{name}', expected small letters, digits, - and _"
    if not _addresses(service):
        found = f"is '{service['addresses']}'" if "addresses" in service else "is missing"
        yield f"addresses {found}, expected a list of host addresses such as [172.18.0.64]"
    if not _INTERFACE.fullmatch(_interface(service)):
        yield (
            f"interface is '{_interface(service)}', expected a dummy interface of the role's own such as dummy0: at"
            " most 15 characters, letters, digits, - and _"
        )


def _unit(service: dict[str, Any]) -> str | None:
    unit = service.get("unit")
    # As systemctl takes it.
    return None if unit is None else str(unit) if "." in str(unit) else f"{unit}.service"


def _interface(service: dict[str, Any]) -> str:
    return str(service.get("interface") or DEFAULTS["interface"])


def _interface_problems(services: Iterable[Service]) -> list[str]:
    """Return which services cannot be told apart: OSPFv3 announces an interface with all of its IPv6 addresses.

    OSPFv2's interface in bird.conf can be narrowed to an address; OSPFv3's can not ("Interface name/mask expected, not
    IP prefix").
    """
    owners: dict[str, list[str]] = {}
    for service in services:
        if ip.has_ipv6(service.addresses):
            owners.setdefault(service.interface, []).append(f"'{service.name}'")
    return [
        f"services {' and '.join(names)} have IPv6 addresses on interface {interface}, and OSPFv3 would announce and"
        " withdraw them together: give each an interface of its own, such as interface: dummy1"
        for interface, names in owners.items()
        if len(names) > 1
    ]
