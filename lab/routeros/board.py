"""What a hAP lite says about itself; the keys are those of captures of other boards."""

from __future__ import annotations

import calendar
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from .schema import Version
from .values import format_duration

# RouterOS 7 on 32 MB leaves single-digit MB of memory, and 16 MB of flash a few hundred KB.
_FREE_MEMORY, _FREE_FLASH = 6_291_456, 278_528
# Releases of the long-term channel; everything else is called stable.
_LONG_TERM = {"7.20.8", "7.23.8", "6.49.18"}


def full_version(text: str) -> str:
    """`7.20.8` -> `7.20.8 (long-term)`, as the version is printed."""
    return text if "(" in text else f"{text} ({'long-term' if text in _LONG_TERM else 'stable'})"


def system_resource_row(version: str, uptime: float) -> dict[str, str]:
    """/system/resource."""
    return {
        "uptime": format_duration(int(uptime)),
        "version": version,
        "build-time": "2026-01-12 09:21:33",
        "factory-software": "6.44.6",
        "free-memory": str(_FREE_MEMORY),
        "total-memory": str(32 * 1024 * 1024),
        "cpu": "MIPS 24Kc V7.4",
        "cpu-count": "1",
        "cpu-frequency": "650",
        "cpu-load": _load(),
        "free-hdd-space": str(_FREE_FLASH),
        "total-hdd-space": str(16 * 1024 * 1024),
        # Captures of CHR (ha-manager), and of boards with 16 MB of flash.
        "write-sect-since-reboot": "169",
        "write-sect-total": "41845",
        "architecture-name": "smips",
        "board-name": "hAP lite",
        "platform": "MikroTik",
    }


def _date_format(version: Version) -> str:
    return "%Y-%m-%d" if version >= (7, 10) else "%b/%d/%Y"


def format_date(version: Version, now: float) -> str:
    """2026-11-22 10:00:00, before 7.10 nov/22/2026 10:00:00; in UTC."""
    return time.strftime(f"{_date_format(version)} %H:%M:%S", time.gmtime(now)).lower()


def parse_date(version: Version, date: str, clock: str) -> float | None:
    """Seconds since 1970 of a date and a time in UTC, None where one is not as this version prints it."""
    with contextlib.suppress(ValueError):
        return float(calendar.timegm(time.strptime(f"{date} {clock}", f"{_date_format(version)} %H:%M:%S")))
    return None


def clock_row(version: Version, now: float, written: Mapping[str, str]) -> dict[str, str]:
    """/system/clock."""
    date, _blank, clock = format_date(version, now).partition(" ")
    return {
        "time": clock,
        "date": date,
        "time-zone-autodetect": written.get("time-zone-autodetect", "true"),
        "time-zone-name": written.get("time-zone-name", "Etc/UTC"),
        "gmt-offset": "+00:00",
        "dst-active": "false",
    }


def routerboard_row(version: Version) -> dict[str, str]:
    """/system/routerboard."""
    firmware = ".".join(str(part) for part in version)
    return {
        "routerboard": "true",
        "board-name": "hAP lite",
        "model": "RB941-2nD",
        "serial-number": "EMULATOR",
        "firmware-type": "qca9531L",
        "factory-firmware": "6.44.6",
        "current-firmware": firmware,
        "upgrade-firmware": firmware,
    }


def _load() -> str:
    load = float(Path("/proc/loadavg").read_text().split()[0])
    return str(min(round(load * 100), 100))
