# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of the system as lines for a terminal, and as an HTML page. Private to this collection."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from .status import Client, NodeState, RouterState, Status, worst
from .text import clip, count, escaped, table_lines, when

WIDTH = 88  # Columns of a terminal, less what Ansible's callbacks put around a line
_CHANGES = 10  # Rows of changes

SYMBOLS = {"good": "✓", "note": "●", "bad": "✕", "unknown": "?"}  # Says the same as the colour


Shape = dict[str, Any]  # Part of the drawing, for the template


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
    found = [status.verdict.text, *textwrap.wrap(status.verdict.summary, WIDTH)]
    found.append(f"{when(status.time)} UTC, by {status.by}")
    for title, notes in (("PROBLEMS", status.troubles), ("NOTES", status.notes)):
        found += ["", title] if notes else []
        for note in notes:
            text = f"{note.where}: {note.text}"
            found += textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    for title, rows, columns, names in _tables(status):
        found += ["", *textwrap.wrap(title, WIDTH)]
        found += _fitted(rows, columns, names) if rows else ["none could be read"]
    found += ["", "LAST CHANGES (UTC)"]
    for change in status.changes[:_CHANGES]:
        text = f"{when(change.time)}  {change.node}: {change.text}"
        found += textwrap.wrap(text, WIDTH, subsequent_indent=" " * 21)
    return found if status.changes else [*found, "none are known"]


def _fitted(rows: list[Shape], columns: list[str], names: list[str]) -> list[str]:
    """Return a table with the names in some columns as long as the terminal has room for."""
    found: list[str] = []
    for length in range(60, 3, -1):
        clipped = [{**row, **{name: row[name] and clip(row[name], length) for name in names}} for row in rows]
        found = table_lines(clipped, columns)
        if max(map(len, found)) <= WIDTH:
            break
    return found


def _tables(status: Status) -> Iterator[tuple[str, list[Shape], list[str], list[str]]]:
    """Yield (title, rows, columns, those of them which hold names)."""
    short = status.short_names
    for service in status.services:
        rows = [
            {**{key: "?" if value is None else value for key, value in vars(cell).items()}, "node": short[cell.node]}
            for cell in service.nodes
        ]
        columns = ["node", "state", "expected", "announced", "installed", "healthy", "drained"]
        yield f"SERVICE {service.name} {', '.join(service.addresses)}", rows, columns, ["node"]
    found = [(row, short.get(row.neighbor or "", row.router_id)) for row in status.neighbors]
    rows = [{**vars(row), "at": short[row.at], "neighbor": name} for row, name in found]
    columns = ["at", "neighbor", "address", "state", "bfd", "role", "full_for"]
    yield "NEIGHBOURS", rows, columns, ["at", "neighbor"]
    hops = [(row, short.get(row.node or "", row.node)) for row in status.next_hops]
    rows = [{**vars(row), "router": short[row.router], "node": name} for row, name in hops]
    columns = ["prefix", "router", "next_hop", "node", "protocol", "active", "ecmp"]
    yield "NEXT HOPS", rows, columns, ["router", "node"]


def status_page(status: Status) -> Shape:
    """Return what the template of the page needs, with every string escaped: nothing in it is markup."""
    page: Shape = escaped(
        {
            **dataclasses.asdict(status),
            "time": when(status.time),
            "changes": [{**vars(row), "time": when(row.time)} for row in status.changes],
            "drains": [{**vars(drain), "node": node, "since": when(drain.since)} for node, drain in status.drains],
            "symbols": SYMBOLS,
            "pictures": [
                {**drawing(status, columns=6, box=172 if len(status.nodes) > 4 else 220), "layout": "wide"},
                {**drawing(status, columns=2, box=170), "layout": "narrow"},
            ],
        }
    )
    # By the names as the page has them.
    names = [*(router.name for router in status.routers), *(node.name for node in status.nodes)]
    page["short"] = {escaped(name): escaped(status.short_names[name]) for name in names}
    return page


# Pixels. A character of a wide font (DejaVu Sans) takes so many on average, bold or small.
_GAP = 14
_PAD = 12
_LINE = 18
_BOLD = 8.3
_SMALL = 6.3
_SYMBOL = 15  # The symbol before a text
_TOP_MARGIN = 6
_STEM = 26  # Between the box of the router and those of the nodes: down to the bus, and down from it
_DROP = 58
_ROWS = 5  # Services, or addresses, that one box shows; the others are counted


def drawing(status: Status, columns: int, box: int) -> Shape:
    """Return where things are in the drawing: routers above, the link, below it nodes in so many columns of boxes."""
    nodes, routers = status.nodes, status.routers
    rows = -(-len(nodes) // columns) or 1
    per_row = max(-(-len(nodes) // rows), 1)  # As many in each row, but for the last
    margin = 16 if rows > 1 else 0  # The link to further rows runs down at the left
    inner = max(per_row * box + (per_row - 1) * _GAP, 2 * box + _GAP)
    width = margin + inner + 2
    top = _top(status, margin, inner)
    bus = top["bottom"] + _STEM
    drawn: Shape = {
        "width": width,
        "routers": top["routers"],
        "clients": top["clients"],
        "arrow": top["arrow"],
        "stems": [
            {"x": entry["x"] + entry["width"] // 2, "y1": entry["y"] + entry["height"], "y2": bus}
            for entry in top["routers"]
        ],
        "buses": [],
        "nodes": [],
    }
    # Of the name, the address, and a line for each service.
    height = 52 + _LINE * max((min(len(node.services), _ROWS) for node in nodes), default=0)
    offset = margin + 1
    start = offset + (inner - (per_row * box + (per_row - 1) * _GAP)) // 2
    bottom = bus
    for number in range(rows):
        members = nodes[number * per_row : (number + 1) * per_row]
        y = bus + number * (_DROP + height + _STEM)
        ends = [start + place * (box + _GAP) + 20 for place in range(len(members))]
        if number == 0:
            ends += [stem["x"] for stem in drawn["stems"]]
        if rows > 1:
            ends.append(8)
        if ends:
            drawn["buses"].append({"x1": min(ends), "x2": max(ends), "y": y})
        for position, node in enumerate(members):
            x = start + position * (box + _GAP)
            place = {"x": x, "y": y + _DROP, "bus": y, "drop": x + 20, "height": height}
            drawn["nodes"].append({**_node_box(node, status.short_names[node.name], box), **place})
        bottom = y + _DROP + height if members else y
    drawn["trunk"] = {"x": 8, "y1": bus, "y2": drawn["buses"][-1]["y"]} if rows > 1 else None
    drawn["height"] = bottom + _TOP_MARGIN
    above, below = ", ".join(router.name for router in routers), ", ".join(node.name for node in nodes)
    drawn["label"] = f"{above or 'no router'} above {below or 'no node'}"
    return drawn


def _top(status: Status, margin: int, inner: int) -> Shape:
    """Return the boxes of the routers, and of the clients to the left of them."""
    routers, clients, short = status.routers, status.clients, status.short_names
    arrow = 24
    shares = 2 * len(routers) + bool(clients)  # Half as much for the clients as for each router
    between = arrow * bool(clients) + _GAP * max(len(routers) - 1, 0)
    share = (inner - between) / max(shares, 1)
    client_width = min(220, max(int(share), 118)) if clients else 0
    router_width = min(260, (inner - between - client_width) // max(len(routers), 1))
    total = router_width * len(routers) + client_width + between
    x = margin + 1 + (inner - total) // 2
    found: Shape = {"routers": [], "clients": None, "arrow": None}
    boxes = [_router_lines(status, router, router_width) for router in routers]
    client_lines = _client_lines(clients, client_width)
    # Of name and second line, and a line for each of the others.
    height = 52 + _LINE * max(len(entry) for entry in [*boxes, client_lines])
    if clients:
        found["clients"] = {
            **{"x": x, "y": _TOP_MARGIN, "width": client_width, "height": height},
            "name": clip(", ".join(short[client.name] for client in clients), _fitting(client_width, _BOLD)),
            "title": ", ".join(client.name for client in clients),
            "lines": client_lines,
        }
        found["arrow"] = {
            "x1": x + client_width + 3,
            "x2": x + client_width + arrow - 3,
            "y": _TOP_MARGIN + height // 2,
        }
        x += client_width + arrow
    for router, texts in zip(routers, boxes):
        place = {"x": x, "y": _TOP_MARGIN, "width": router_width, "height": height}
        name = clip(short[router.name], _fitting(router_width - _SYMBOL, _BOLD))
        about = clip(_about(router), _fitting(router_width, _SMALL))
        told = {"name": name, "title": router.name, "about": about, "level": router.level, "lines": texts}
        found["routers"].append({**place, **told})
        x += router_width + _GAP
    found["bottom"] = _TOP_MARGIN + (height if routers or clients else 0)
    return found


def _about(router: RouterState) -> str:
    if router.version:
        # Without the name of its channel.
        return "RouterOS " + router.version.partition(" ")[0]
    return f"router id {router.router_id}" if router.router_id else "router"


def _router_lines(status: Status, router: RouterState, width: int) -> list[Shape]:
    fitting = _fitting(width - _SYMBOL, _SMALL)
    if router.trouble:
        return [{"text": clip(_head(router.trouble), fitting), "level": router.level}]
    texts = []
    for prefix in dict.fromkeys(prefix for service in status.services for prefix in service.addresses):
        hops = [row for row in status.next_hops if (row.prefix, row.router) == (prefix, router.name)]
        active = [row for row in hops if row.active]
        good = active and not any(row.level == "bad" for row in hops)
        level = "unknown" if not hops else "good" if good else "bad"
        said = count(len(active), "next hop") if hops else "not known"
        texts.append({"text": clip(f"{prefix.partition('/')[0]} → {said}", fitting), "level": level})
    return _at_most(texts)


def _client_lines(clients: list[Client], width: int) -> list[Shape]:
    fitting = _fitting(width, _SMALL)
    texts = [text for client in clients for text in ranges(client.addresses)]
    return _at_most([{"text": clip(text, fitting), "level": "plain"} for text in texts])


def _node_box(node: NodeState, name: str, width: int) -> Shape:
    fitting = _fitting(width - _SYMBOL, _SMALL)
    services = [{"text": clip(f"{cell.service} {cell.state}", fitting), "level": cell.level} for cell in node.services]
    return {
        "width": width,
        "name": clip(name, _fitting(width - _SYMBOL, _BOLD)),
        "title": node.name,
        "about": clip(_head(node.trouble or "") or node.address or "address unknown", _fitting(width, _SMALL)),
        "level": node.level,
        "link": vars(node.link),
        "lines": _at_most(services),
    }


def _head(trouble: str) -> str:
    """Return what is the matter, without why: the drawing has room for no more."""
    return trouble.partition(":")[0]


def _at_most(rows: list[Shape]) -> list[Shape]:
    if len(rows) <= _ROWS:
        return rows
    hidden = rows[_ROWS - 1 :]
    levels = [row["level"] for row in hidden if row["level"] != "plain"]
    return [*rows[: _ROWS - 1], {"text": f"and {len(hidden)} more", "level": worst(levels) if levels else "plain"}]


def _fitting(width: int, character: float) -> int:
    return max(int((width - 2 * _PAD) / character), 4)
