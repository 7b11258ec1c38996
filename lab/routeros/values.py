"""Values as words: the API carries text only. Parsing what a client may write, printing what a router answers."""

from __future__ import annotations

import ipaddress
import re

from .errors import invalid_value

_UNITS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}
_DURATION_PART = re.compile(r"(\d+)(ms|us|[wdhms])")
_CLOCK = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d)(\.\d+)?")


def format_duration(seconds: float) -> str:
    """`1h26m4s`, `200ms`, `3s210ms`: zero parts are left out (captures)."""
    microseconds = round(seconds * 1_000_000)
    if microseconds <= 0:
        return "0s"
    text = ""
    for unit, size in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, microseconds = divmod(microseconds, size * 1_000_000)
        text += f"{count}{unit}" if count else ""
    milliseconds, microseconds = divmod(microseconds, 1000)
    text += f"{milliseconds}ms" if milliseconds else ""
    return text + (f"{microseconds}us" if microseconds else "")


def parse_duration(name: str, text: str) -> float:
    """`3`, `3s`, `00:00:03`, `1m30s`: what the console takes."""
    if text.isdecimal() and text.isascii():
        return float(text)
    if match := _CLOCK.fullmatch(text):
        return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) + float(match[4] or 0)
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise invalid_value(name)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def parse_bool(text: str) -> bool | None:
    """Booleans may be written yes/no or true/false; None for anything else."""
    return {"yes": True, "true": True, "no": False, "false": False}.get(text)


def format_bool(value: bool) -> str:
    """The API prints true and false (captures)."""
    return "true" if value else "false"


def parse_number(name: str, text: str) -> int:
    """A decimal or 0x number."""
    if re.fullmatch(r"\d+", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return int(text, 16)
    raise invalid_value(name)


def parse_address(name: str, text: str) -> str:
    """An IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise invalid_value(name) from None


def parse_host(name: str, text: str) -> str:
    """An IPv4 address with the length of its network; a plain address means /32."""
    try:
        return str(ipaddress.IPv4Interface(text))
    except ValueError:
        raise invalid_value(name) from None


def parse_prefix(name: str, text: str) -> str:
    """An IPv4 prefix; a plain address means /32, and host bits are cut off as routers do."""
    try:
        return str(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        raise invalid_value(name) from None


def parse_ipv6_prefix(name: str, text: str) -> str:
    """An IPv6 prefix; a plain address means /128."""
    try:
        return str(ipaddress.IPv6Network(text, strict=False))
    except ValueError:
        raise invalid_value(name) from None


def format_id(number: int) -> str:
    """`*` and upper-case hexadecimal (captures)."""
    return f"*{number:X}"


def parse_version(text: str) -> tuple[int, ...]:
    """`7.20.8 (long-term)` -> (7, 20, 8); `7.24beta3` -> (7, 24)."""
    match = re.match(r"(\d+(?:\.\d+)*)", text)
    if match is None:
        raise ValueError(f"{text!r} is no RouterOS version")
    return tuple(int(part) for part in match[1].split("."))
