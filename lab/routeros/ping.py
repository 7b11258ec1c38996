"""/ping: real packets from the router, in RouterOS' rows."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import time
from collections.abc import Iterator, Sequence

from .errors import GENERAL, Trap, invalid_value
from .values import format_duration, parse_duration, parse_number

_REPLY = re.compile(r"(\d+) bytes from ([\da-f.:]+): icmp_seq=(\d+) ttl=(\d+) time=([\d.]+) ms")
ARGUMENTS = ("address", "count", "interval", "size", "src-address", "ttl", "interface", "do-not-fragment", "arp-ping")


def ping(arguments: dict[str, str], program: Sequence[str] = ("ping",)) -> Iterator[dict[str, str]]:
    """Rows of /ping: `seq host size ttl time`, or `seq host status=timeout`, each with the running totals.

    The keys follow the manual's "Ping" page; the size a router prints is that of the whole packet (56 by default).
    """
    try:
        target = ipaddress.ip_address(arguments["address"])
    except ValueError:
        raise invalid_value("address") from None
    address = str(target)
    # Of the two headers before the data.
    headers = 28 if target.version == 4 else 48
    # Without count a router pings until it is told to stop; over the API clients always give one.
    count = parse_number("count", arguments.get("count", "4"))
    if not count:
        raise invalid_value("count")
    interval = parse_duration("interval", arguments.get("interval", "1s"))
    size = parse_number("size", arguments.get("size", "56"))
    # With less than 16 bytes of data ping(8) has no place for a time stamp, and prints no time; IPv6's default has 8.
    data = max(size - headers, 16)
    options: list[str] = []
    for name, option in (("src-address", "-I"), ("interface", "-I"), ("ttl", "-t")):
        if name in arguments:
            options += [option, arguments[name]]
    received = 0
    times: list[float] = []
    for sent in range(1, count + 1):
        started = time.monotonic()
        wait = ["-W", f"{max(interval, 0.2):g}"]
        command = [*program, "-n", "-c", "1", *wait, "-s", str(data), *options, address]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        except OSError as error:
            raise Trap(f"failure: the emulator cannot run {program[0]}: {error}", GENERAL) from None
        row = {"seq": str(sent - 1), "host": address}
        if match := _REPLY.search(done.stdout):
            received += 1
            times.append(float(match[5]) / 1000)
            row |= {"size": str(size), "ttl": match[4], "time": format_duration(times[-1])}
        else:
            row["status"] = "timeout"
        row |= {"sent": str(sent), "received": str(received), "packet-loss": str(100 * (sent - received) // sent)}
        if times:
            row |= {
                "min-rtt": format_duration(min(times)),
                "avg-rtt": format_duration(sum(times) / len(times)),
                "max-rtt": format_duration(max(times)),
            }
        yield row
        if sent < count:
            time.sleep(max(0, interval - (time.monotonic() - started)))
