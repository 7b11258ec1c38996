# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The link model: what both ends of the OSPF link must agree on, written once.

A link is one dictionary. Both roles take it (C(routeros_ospf_link), C(bird_anycast_link)) and hand it to
L(normalise_link), which fills the defaults and rejects what cannot work. No default of a link stands anywhere else.

The names are those of RFC 2328 (appendix C.3) and of the RouterOS manual. Private to this collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from . import ip

_T = TypeVar("_T")

# What a key may measure in octets on the wire.
# simple: RFC 2328 D.2, a 64-bit field. md5: RFC 2328 D.3, 16 octets.
# HMAC-SHA: RFC 5709 3.3 hashes a key longer than the digest before use, plain HMAC (RFC 2104) only one longer than the
# block. Within the digest's length every implementation computes the same, so that is the limit.
KEY_OCTETS = {"simple": 8, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
AUTHENTICATION_KINDS = ("none", *KEY_OCTETS)
# Kinds whose packets carry a Key ID (RFC 2328 D.3, RFC 5709); "simple" has no room for one.
KINDS_WITH_KEY_ID = ("md5", "sha1", "sha256", "sha384", "sha512")
# RFC 7166, the authentication trailer, knows HMAC-SHA only. BIRD refuses the others ("Plaintext authentication not
# supported in OSPFv3", "Keyed hash algorithms are not allowed").
OSPFV3_AUTHENTICATIONS = ("none", *(kind for kind in KINDS_WITH_KEY_ID if kind != "md5"))
# RFC 7166 4.5 appends the Cryptographic Protocol ID to the key. What is longer than the digest then is hashed first
# there, and by plain HMAC (RFC 2104) only where it is longer than the block.
_PROTOCOL_ID_OCTETS = 2

# nbma and ptmp need hand-written neighbours at both ends, which this model does not carry.
NETWORK_TYPES = ("broadcast", "ptp")

# HelloInterval is a 16-bit field (RFC 2328 A.3.2); RouterOS takes 1s..18h12m15s for all three.
_SECONDS = (1, 65535, "whole seconds ")
# By key: the least, the greatest and the unit.
_LIMITS = {
    **{"hello_interval": _SECONDS, "dead_interval": _SECONDS, "retransmit_interval": _SECONDS},
    # DesiredMinTxInterval and RequiredMinRxInterval of RFC 5880. Below 10 ms no small router keeps up; above a minute
    # BFD notices nothing before OSPF does.
    "bfd_interval": (10, 60000, "milliseconds "),
    "bfd_multiplier": (1, 255, ""),  # Detect Mult is an 8-bit field that must not be zero (RFC 5880 4.1)
}


@dataclasses.dataclass(frozen=True)
class Link:
    """A link that can work: every key of the dictionary, checked. Intervals of OSPF are whole seconds."""

    area: str = "0.0.0.0"
    network_type: str = "broadcast"
    hello_interval: int = 1
    dead_interval: int = 4  # As quick as the article's, which one lost hello of 3 s resets: `make timers`
    retransmit_interval: int = 2
    authentication: str = "sha256"
    key_id: int | None = 1  # None where packets carry none
    key: str | None = dataclasses.field(default=None, repr=False)
    # A second key that the nodes accept but never send with (KeyStartAccept without KeyStartGenerate, RFC 2328 D.3),
    # for the time in which the keys change. The router has no place for one.
    accept_key: str | None = dataclasses.field(default=None, repr=False)
    accept_key_id: int | None = None
    bfd: bool = False  # Off: it needs UDP 3784 through the firewalls of both ends, and time of the router's processor
    # RouterOS' own defaults, which notice a dead node after 1 s; 650 MHz of a hAP lite should not be asked for less.
    # Milliseconds, and None without BFD, as is the multiplier.
    bfd_interval: int | None = 200
    bfd_multiplier: int | None = 5

    def as_dict(self) -> dict[str, Any]:
        """Return the link as users write it, its keys included."""
        return dataclasses.asdict(self)

    def without_keys(self) -> dict[str, Any]:
        """Return the link as a dictionary that may be shown."""
        return {name: value for name, value in self.as_dict().items() if name not in ("key", "accept_key")}


DEFAULTS = Link().as_dict()

# The API turns these into booleans on the way (facts of librouteros' parsing), so they can never compare equal.
_WORDS_READ_AS_BOOLEAN = ("yes", "no", "true", "false")


class LinkError(ValueError):
    """The link cannot work. Its text lists every problem, and never a key."""


def normalise_link(link: Any) -> Link:
    """Return a link with all keys of DEFAULTS, checked. Raises LinkError, which says all that is wrong and expected."""
    if not isinstance(link, dict):
        kind = "missing" if link is None else f"of type {type(link).__name__}"
        raise LinkError(f"the link is {kind}, expected a dictionary with any of: {', '.join(DEFAULTS)}")
    problems = [unknown_key(key, DEFAULTS) for key in link if key not in DEFAULTS]
    given = {key: value for key, value in link.items() if key in DEFAULTS and value is not None}
    result: dict[str, Any] = {**DEFAULTS, **given}

    result["area"] = _checked(problems, _area, result["area"])
    for key, limits in _LIMITS.items():
        result[key] = _checked(problems, _whole_number, result[key], key, *limits)
    hello, dead = result["hello_interval"], result["dead_interval"]
    if hello is not None and dead is not None and dead <= hello:
        expected = f"more than hello_interval, which is {hello} s; four times hello_interval is usual"
        problems.append(f"dead_interval is {dead} s, expected {expected}")
    if result["network_type"] not in NETWORK_TYPES:
        problems.append(f"network_type is '{result['network_type']}', expected one of: {', '.join(NETWORK_TYPES)}")
    problems.extend(_authentication_problems(result))
    problems.extend(_bfd_problems(result))
    if problems:
        raise LinkError("; ".join(problems))
    if result["authentication"] not in KINDS_WITH_KEY_ID:
        result["key_id"] = None
    if not result["bfd"]:
        result["bfd_interval"] = result["bfd_multiplier"] = None
    return Link(**result)


def working_link(link: Any) -> Link | None:
    """Return the link with every default filled in, None where it cannot work: link_problems() say why."""
    with contextlib.suppress(LinkError):
        return normalise_link(link)
    return None


def link_problems(variable: str, value: Any, prefixes: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with the link in a variable and with carrying the prefixes over it, one sentence each."""
    try:
        link = normalise_link(value)
    except LinkError as error:
        return [f"{variable}: {error}"]
    return [f"{variable}: {problem}" for problem in ospfv3_problems(link, prefixes)]


def ospfv3_problems(link: Link, prefixes: Iterable[str]) -> list[str]:
    """Return what keeps a link from carrying the IPv6 ones of the prefixes, one sentence each."""
    kind = link.authentication
    if kind == "none" or not ip.has_ipv6(prefixes):
        return []
    if kind not in OSPFV3_AUTHENTICATIONS:
        return [
            f"authentication is '{kind}', and there are IPv6 addresses: OSPFv3 has no such authentication (RFC 7166),"
            f" expected one of: {', '.join(OSPFV3_AUTHENTICATIONS)}"
        ]
    room, octets = KEY_OCTETS[kind] - _PROTOCOL_ID_OCTETS, len((link.key or "").encode())
    if octets > room:
        return [
            f"key has {octets} octets, and there are IPv6 addresses: with authentication '{kind}' OSPFv3 carries at"
            f" most {room} (RFC 7166 4.5); shorten it or choose another kind"
        ]
    return []


def without_authentication(link: Any) -> Link:
    """Return a normalised link without authentication, for what needs no key. Raises LinkError."""
    if isinstance(link, dict):
        link = {**link, "authentication": "none", "key": None, "accept_key": None}
    return normalise_link(link)


def unknown_key(key: Any, known: Iterable[str]) -> str:
    known = list(known)
    hint = f"did you mean '{close}'?" if (close := closest(key, known)) else f"expected any of: {', '.join(known)}"
    return f"unknown key '{key}', {hint}"


def closest(word: Any, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the one of the known words that was meant perhaps."""
    return next(iter(difflib.get_close_matches(str(word), list(known), n=1, cutoff=cutoff)), None)


def _checked(problems: list[str], check: Callable[..., _T], *args: Any) -> _T | None:
    try:
        return check(*args)
    except ValueError as error:
        problems.append(str(error))
        return None


def _area(value: Any) -> str:
    try:
        # ipaddress reads a number as well, as BIRD and RouterOS do: area 0 is area 0.0.0.0.
        return str(ipaddress.IPv4Address(int(value) if str(value).isdigit() else str(value)))
    except ValueError:
        raise ValueError(f"area is '{value}', expected a dotted quad such as 0.0.0.0, or a number") from None


def _whole_number(value: Any, name: str, lowest: int, highest: int, unit: str = "") -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdigit() or not lowest <= int(text) <= highest:
        raise ValueError(f"{name} is '{value}', expected {unit}{lowest} to {highest}")
    return int(text)


def _authentication_problems(result: dict[str, Any]) -> list[str]:
    kind, key = result["authentication"], result["key"]
    if kind not in AUTHENTICATION_KINDS:
        return [f"authentication is '{kind}', expected one of: {', '.join(AUTHENTICATION_KINDS)}"]
    if kind == "none":
        key = key or result["accept_key"]
        return ["a key is set, but authentication is 'none': drop the key or choose a kind"] if key else []
    problems: list[str] = []
    if kind in KINDS_WITH_KEY_ID:
        result["key_id"] = _checked(problems, _whole_number, result["key_id"], "key_id", 1, 255)
    if key is None or key == "":
        problems.append(f"key is empty, expected 1 to {KEY_OCTETS[kind]} octets for authentication '{kind}'")
        return problems
    result["key"] = str(key)
    return [*problems, *_key_problems("key", result["key"], kind), *_accept_key_problems(result)]


def _accept_key_problems(result: dict[str, Any]) -> list[str]:
    kind, key = result["authentication"], result["accept_key"]
    if key in (None, ""):
        result["accept_key"] = result["accept_key_id"] = None
        return []
    if kind not in KINDS_WITH_KEY_ID:
        return [
            f"accept_key is set, but packets with authentication '{kind}' do not say which key they carry, so only one"
            f" works: drop accept_key, or take one of {', '.join(KINDS_WITH_KEY_ID)}"
        ]
    result["accept_key"] = str(key)
    problems = _key_problems("accept_key", result["accept_key"], kind)
    result["accept_key_id"] = _checked(problems, _whole_number, result["accept_key_id"], "accept_key_id", 1, 255)
    if result["accept_key_id"] is not None and result["accept_key_id"] == result["key_id"]:
        found = f"accept_key_id is {result['key_id']}"
        problems.append(f"{found}, expected a different number from key_id: it says which key a packet carries")
    return problems


def _key_problems(name: str, key: str, kind: str) -> list[str]:
    problems: list[str] = []
    octets = len(key.encode())
    if octets > KEY_OCTETS[kind]:
        problems.append(
            f"{name} has {octets} octets, authentication '{kind}' carries at most {KEY_OCTETS[kind]}: shorten it or"
            " choose another kind"
        )
    # BIRD's strings end at a quote and know no escape; a command line at either end may lose a space.
    if not all("!" <= character <= "~" and character != '"' for character in key):
        found = "a character outside printable ASCII, a space or a quote"
        problems.append(f"{name} has {found}: not every end can carry it")
    if key.lower() in _WORDS_READ_AS_BOOLEAN:
        words = ", ".join(_WORDS_READ_AS_BOOLEAN)
        problems.append(f"{name} is one of {words}, which the RouterOS API reads as a boolean")
    return problems


def _bfd_problems(result: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    result["bfd"] = _checked(problems, _truth, result["bfd"], "bfd")
    interval, multiplier = result["bfd_interval"], result["bfd_multiplier"]
    dead = result["dead_interval"]
    if result["bfd"] and interval and multiplier and dead and interval * multiplier >= dead * 1000:
        problems.append(
            f"bfd_interval x bfd_multiplier is {interval * multiplier / 1000:g} s, expected less than dead_interval,"
            f" which is {dead} s: else OSPF is the first to notice a dead neighbour"
        )
    return problems


def _truth(value: Any, name: str) -> bool:
    # A value that comes by --extra-vars may be text.
    truth = {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())
    if truth is None:
        raise ValueError(f"{name} is '{value}', expected true or false")
    return truth
