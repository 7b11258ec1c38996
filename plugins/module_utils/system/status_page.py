# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of the system as lines for a terminal, as an HTML page, and as JSON. Private to this collection."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable
from typing import Any

from .status_model import Problem, ServiceState, Status, worst
from .text import clip, count, escaped, table_lines, when

WIDTH = 88  # Columns of a terminal, less what Ansible's callbacks put around a line
_PROBLEMS = 10  # That a terminal shows
_TABLES, _ROWS = 3, 4  # Tables of services that a terminal shows, and how long one may be to show what is well
_CHANGES = 20  # That the page shows

SYMBOLS = {"good": "✓", "note": "●", "bad": "✕", "outage": "✕", "unknown": "?"}  # Says the same as the colour
_COLUMNS = ["node", "state", "expected", "announced", "installed", "healthy", "drained"]

Shape = dict[str, Any]


def ranges(addresses: Iterable[str]) -> list[str]:
    """Return addresses with neighbouring ones as one: 172.18.0.22–25."""
    found: list[tuple[str, str, int, int]] = []  # (all but the last number, the text, the first number, the last one)
    for address in addresses:
        head, _dot, last = address.rpartition(".")
        number = int(last) if last.isdigit() else -1
        if found and number >= 0 and (found[-1][0], found[-1][3] + 1) == (head, number):
            found[-1] = (*found[-1][:3], number)
        else:
            found.append((head, address, number, number))
    return [text if first == last else f"{text}–{last}" for _head, text, first, last in found]


def status_lines(status: Status) -> list[str]:
    """Return what a terminal shows: the verdict, the problems, and what is not well; the page shows all."""
    found = textwrap.wrap(status.verdict, WIDTH) + textwrap.wrap(status.summary, WIDTH)
    found.append(f"{when(status.time)} UTC, by {status.by}")
    for noun, entries in (("PROBLEM", status.problems), ("NOTE", status.notes)):
        found += ["", count(len(entries), noun).replace("s", "S")] if entries else []
        for entry in entries[:_PROBLEMS]:
            found += _problem_lines(entry)
        if len(entries) > _PROBLEMS:
            found.append(f"- and {len(entries) - _PROBLEMS} more, see the page")
        anchors = dict.fromkeys(f"#{entry.docs.partition('#')[2]}" for entry in entries[:_PROBLEMS])
        found += [f"See {entry.docs.partition('#')[0]} {' '.join(anchors)}" for entry in entries[:1]]
    found.append("")
    bad = [service for service in status.services if service.level != "good"]
    for service in status.services:
        found += textwrap.wrap(f"SERVICE {service.name} ({', '.join(service.addresses)}): {service.served}", WIDTH)
        found += _cells(status, service) if service.level != "good" and len(bad) <= _TABLES else []
    for router in status.routers:
        if router.trouble:
            continue
        full = [row.state == "Full" for row in status.neighbors if row.at == router.name]
        found.append(f"OSPF at {router.name}: {sum(full)} of {count(len(full), 'neighbour')} Full")
    for gateway in status.gateways:
        found += textwrap.wrap(f"GATEWAY {gateway.text}", WIDTH)
    for change in status.changes[:1]:
        found += textwrap.wrap(f"LAST CHANGE {when(change.time)} UTC, {change.node}: {change.text}", WIDTH)
    return found


def _problem_lines(entry: Problem) -> list[str]:
    cause = f". Likely cause: {entry.causes[0]}" if entry.causes else ""
    found = textwrap.wrap(f"{entry}{cause}", WIDTH, initial_indent="- ", subsequent_indent="  ")
    more = f"   # and {len(entry.commands) - 1} more" if len(entry.commands) > 1 else ""
    # Not wrapped: it is to be copied.
    return [*found, *(f"  {command}{more}" for command in entry.commands[:1])]


def _cells(status: Status, service: ServiceState) -> list[str]:
    """Return the table of a service with the names of the nodes as long as the terminal has room for."""
    short, found = status.short_names, [""]
    for length in range(60, 3, -1):
        rows = [
            {
                **{key: "?" if value is None else value for key, value in vars(cell).items()},
                "node": clip(short[cell.node], length),
            }
            for cell in service.nodes
            if cell.level != "good" or len(service.nodes) <= _ROWS
        ]
        found = table_lines(rows, _COLUMNS)
        if max(map(len, found)) <= WIDTH:
            break
    return found


def status_values(status: Status) -> Shape:
    """Return the state for scripts, of plain values."""
    values = dataclasses.asdict(status)
    del values["short_names"]
    return values


def status_page(status: Status) -> Shape:
    """Return what the template of the page needs, with every string escaped: nothing in it is markup."""
    values = status_values(status)

    def levels(row: Shape) -> list[str]:
        # No BFD is no fault where none is asked for.
        return [row["level"], *(["bad"] if row.get("bfd_level") == "bad" else [])]

    for rows in (*(service["nodes"] for service in values["services"]), values["neighbors"], values["next_hops"]):
        # What is wrong first, then in the order of the inventory.
        rows.sort(key=lambda row: worst(levels(row)) == "good")
    page: Shape = escaped(
        {
            **values,
            "when": when(status.time),
            "changes": [{**vars(row), "when": when(row.time)} for row in status.changes[:_CHANGES]],
            "clients": [{"name": one.name, "addresses": ranges(one.addresses)} for one in status.clients],
            "levels": {
                key: worst(level for row in values[key] for level in levels(row)) if values[key] else "unknown"
                for key in ("next_hops", "neighbors", "gateways")
            },
            "symbols": SYMBOLS,
        }
    )
    # By the names as the page has them.
    page["short"] = {escaped(name): escaped(short) for name, short in status.short_names.items()}
    return page
