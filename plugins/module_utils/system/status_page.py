# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the system, as status.model() gives it, to look at: lines for a terminal, and what the HTML page draws.

Nothing in here does input or output.
"""

from __future__ import annotations

import textwrap

from ansible_collections.homelab.anycast.plugins.module_utils.system import status
from ansible_collections.homelab.anycast.plugins.module_utils.system.text import clip, escaped, table_lines, when

# Columns of a terminal, less what Ansible's callbacks put around a line.
WIDTH = 88
# Rows of changes.
_CHANGES = 10

# Says the same as the colour.
SYMBOLS = {"good": "✓", "note": "●", "bad": "✕", "unknown": "?"}


def ranges(addresses):
    """Return addresses with neighbouring ones as one: 172.18.0.22–25."""
    found: list = []
    for address in addresses:
        head, _dot, last = str(address).rpartition(".")
        if found and last.isdigit() and found[-1][0] == head and found[-1][2] + 1 == int(last):
            found[-1][2] += 1
        else:
            number = int(last) if last.isdigit() else -1
            found.append([head, str(address), number, number])
    return [text if first == last else f"{text}–{last}" for _head, text, last, first in found]


# ---------------------------------------------------------------------------------------------------------------------
# Terminal


def lines(model):
    """Return the model as lines of text."""
    verdict = model["verdict"]
    found = [verdict["text"], *textwrap.wrap(verdict["summary"], WIDTH)]
    found.append("{} UTC, by {}".format(when(model["time"]), model["by"]))
    for title, key in (("PROBLEMS", "troubles"), ("NOTES", "notes")):
        if model[key]:
            found += ["", title]
            for entry in model[key]:
                text = "{}: {}".format(entry["where"], entry["text"])
                found += textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    for title, rows, columns, names in _tables(model):
        found += ["", *textwrap.wrap(title, WIDTH)]
        found += _fitted(rows, columns, names) if rows else ["none could be read"]
    found += ["", "LAST CHANGES (UTC)"]
    for change in model["changes"][:_CHANGES]:
        text = "{}  {}: {}".format(when(change["time"]), change["node"], change["text"])
        found += textwrap.wrap(text, WIDTH, subsequent_indent=" " * 21)
    if not model["changes"]:
        found.append("none are known")
    return found


def _fitted(rows, columns, names):
    """Return a table with names as long as the terminal has room for.

    :param names: columns that hold names.
    """
    for length in range(60, 3, -1):
        clipped = [{**row, **{name: row[name] and clip(row[name], length) for name in names}} for row in rows]
        found = table_lines(clipped, columns)
        if max(map(len, found)) <= WIDTH:
            break
    return found


def _tables(model):
    """Yield (title, rows, columns, those of them which hold names)."""
    short = {host["name"]: host["short"] for host in model["routers"] + model["nodes"]}
    for service in model["services"]:
        rows = [{**_unknown(cell), "node": short[cell["node"]]} for cell in service["nodes"]]
        columns = ["node", "state", "expected", "announced", "installed", "healthy", "drained"]
        yield "SERVICE {} {}".format(service["name"], ", ".join(service["addresses"])), rows, columns, ["node"]
    rows = [
        {**row, "at": short[row["at"]], "neighbor": short.get(row["neighbor"], row["router_id"])}
        for row in model["neighbors"]
    ]
    columns = ["at", "neighbor", "address", "state", "bfd", "role", "full_for"]
    yield "NEIGHBOURS", rows, columns, ["at", "neighbor"]
    rows = [
        {**row, "router": short[row["router"]], "node": short.get(row["node"], row["node"])}
        for row in model["next_hops"]
    ]
    columns = ["prefix", "router", "next_hop", "node", "protocol", "active", "ecmp"]
    yield "NEXT HOPS", rows, columns, ["router", "node"]


def _unknown(cell):
    return {key: "?" if value is None else value for key, value in cell.items()}


# ---------------------------------------------------------------------------------------------------------------------
# HTML


def page(model):
    """Return what the template of the page needs, with every string escaped: nothing in it is markup."""
    hosts = [*model["routers"], *model["nodes"]]
    return escaped(
        {
            **model,
            # By the names as the page has them.
            "short": {escaped(host["name"]): host["short"] for host in hosts},
            "time": when(model["time"]),
            "changes": [dict(row, time=when(row["time"])) for row in model["changes"]],
            "drains": [dict(row, since=when(row["since"])) for row in model["drains"]],
            "symbols": SYMBOLS,
            "pictures": [
                dict(picture(model, columns=6, box=172 if len(model["nodes"]) > 4 else 220), layout="wide"),
                dict(picture(model, columns=2, box=170), layout="narrow"),
            ],
        }
    )


# Pixels. A character of a wide font (DejaVu Sans) takes so many on average, bold or small.
_GAP = 14
_PAD = 12
_LINE = 18
_BOLD = 8.3
_SMALL = 6.3
# The symbol before a text.
_SYMBOL = 15
_TOP_MARGIN = 6
# Between the box of the router and those of the nodes: down to the bus, and down from it.
_STEM = 26
_DROP = 58
# Services, or addresses, that one box shows; the others are counted.
_ROWS = 5


def picture(model, columns, box):
    """Return where things are in the drawing of the network: routers above, the link, nodes below it.

    :param columns: how many nodes may stand beside each other.
    :param box: width of a node's box.
    """
    nodes, routers = model["nodes"], model["routers"]
    rows = -(-len(nodes) // columns) or 1
    # As many in each row, but for the last.
    per_row = max(-(-len(nodes) // rows), 1)
    # The link to further rows runs down at the left.
    margin = 16 if rows > 1 else 0
    inner = max(per_row * box + (per_row - 1) * _GAP, 2 * box + _GAP)
    width = margin + inner + 2
    top = _top(model, margin, inner)
    bus = top["bottom"] + _STEM
    drawing = {
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
    height = _node_height(model)
    offset = margin + 1
    start = offset + (inner - (per_row * box + (per_row - 1) * _GAP)) // 2
    bottom = bus
    for number in range(rows):
        members = nodes[number * per_row : (number + 1) * per_row]
        y = bus + number * (_DROP + height + _STEM)
        ends = [start + place * (box + _GAP) + 20 for place in range(len(members))]
        if number == 0:
            ends += [stem["x"] for stem in drawing["stems"]]
        if rows > 1:
            ends.append(8)
        if ends:
            drawing["buses"].append({"x1": min(ends), "x2": max(ends), "y": y})
        for place, node in enumerate(members):
            x = start + place * (box + _GAP)
            drawing["nodes"].append(_node_box(node, x, y, box, height))
        bottom = y + _DROP + height if members else y
    drawing["trunk"] = {"x": 8, "y1": bus, "y2": drawing["buses"][-1]["y"]} if rows > 1 else None
    drawing["height"] = bottom + _TOP_MARGIN
    drawing["label"] = "{} above {}".format(
        ", ".join(router["name"] for router in routers) or "no router",
        ", ".join(node["name"] for node in nodes) or "no node",
    )
    return drawing


def _top(model, margin, inner):
    """Return the boxes of the routers, and of the clients to the left of them."""
    routers, clients = model["routers"], model["clients"]
    arrow = 24
    # Half as much for the clients as for each router.
    shares = 2 * len(routers) + bool(clients)
    between = arrow * bool(clients) + _GAP * max(len(routers) - 1, 0)
    share = (inner - between) / max(shares, 1)
    client_width = min(220, max(int(share), 118)) if clients else 0
    router_width = min(260, (inner - between - client_width) // max(len(routers), 1))
    total = router_width * len(routers) + client_width + between
    x = margin + 1 + (inner - total) // 2
    found: dict = {"routers": [], "clients": None, "arrow": None}
    boxes = [_router_lines(model, router, router_width) for router in routers]
    client_lines = _client_lines(clients, client_width)
    # Of name and second line, and a line for each of the others.
    height = 52 + _LINE * max([len(entry) for entry in [*boxes, client_lines]] or [0])
    if clients:
        found["clients"] = {
            "x": x,
            "y": _TOP_MARGIN,
            "width": client_width,
            "height": height,
            "name": clip(", ".join(client["short"] for client in clients), _fitting(client_width, _BOLD)),
            "title": ", ".join(client["name"] for client in clients),
            "lines": client_lines,
        }
        found["arrow"] = {
            "x1": x + client_width + 3,
            "x2": x + client_width + arrow - 3,
            "y": _TOP_MARGIN + height // 2,
        }
        x += client_width + arrow
    for router, texts in zip(routers, boxes):
        found["routers"].append(
            {
                "x": x,
                "y": _TOP_MARGIN,
                "width": router_width,
                "height": height,
                "name": clip(router["short"], _fitting(router_width - _SYMBOL, _BOLD)),
                "title": router["name"],
                "about": clip(_about(router), _fitting(router_width, _SMALL)),
                "level": router["level"],
                "lines": texts,
            }
        )
        x += router_width + _GAP
    found["bottom"] = _TOP_MARGIN + (height if routers or clients else 0)
    return found


def _about(router):
    if router["version"]:
        # Without the name of its channel.
        return "RouterOS " + router["version"].partition(" ")[0]
    return "router id {}".format(router["router_id"]) if router["router_id"] else "router"


def _router_lines(model, router, width):
    fitting = _fitting(width - _SYMBOL, _SMALL)
    if router["trouble"]:
        return [{"text": clip(_head(router["trouble"]), fitting), "level": router["level"]}]
    texts = []
    for prefix in dict.fromkeys(prefix for service in model["services"] for prefix in service["addresses"]):
        hops = [row for row in model["next_hops"] if (row["prefix"], row["router"]) == (prefix, router["name"])]
        active = [row for row in hops if row["active"]]
        level = "good" if active else "bad"
        if any(row["level"] == "bad" for row in hops):
            level = "bad"
        elif not hops:
            level = "unknown"
        count = "{} next hop{}".format(len(active), "" if len(active) == 1 else "s") if hops else "not known"
        texts.append({"text": clip("{} → {}".format(prefix.partition("/")[0], count), fitting), "level": level})
    return _at_most(texts)


def _client_lines(clients, width):
    fitting = _fitting(width, _SMALL)
    texts = [text for client in clients for text in ranges(client["addresses"])]
    return _at_most([{"text": clip(text, fitting), "level": "plain"} for text in texts])


def _node_height(model):
    most = max([min(len(node["services"]), _ROWS) for node in model["nodes"]] or [0])
    # The name, the address, and a line for each service.
    return 52 + _LINE * most


def _node_box(node, x, bus, box, height):
    fitting = _fitting(box - _SYMBOL, _SMALL)
    services = [
        {"text": clip("{} {}".format(cell["service"], cell["state"]), fitting), "level": cell["level"]}
        for cell in node["services"]
    ]
    return {
        "x": x,
        "y": bus + _DROP,
        "bus": bus,
        "drop": x + 20,
        "width": box,
        "height": height,
        "name": clip(node["short"], _fitting(box - _SYMBOL, _BOLD)),
        "title": node["name"],
        "about": clip(_head(node["trouble"] or "") or node["address"] or "address unknown", _fitting(box, _SMALL)),
        "level": node["level"],
        "link": node["link"],
        "lines": _at_most(services),
    }


def _head(trouble):
    """Return what is the matter, without why: the picture has room for no more."""
    return trouble.partition(":")[0]


def _at_most(rows):
    if len(rows) <= _ROWS:
        return rows
    hidden = rows[_ROWS - 1 :]
    levels = [row["level"] for row in hidden if row["level"] != "plain"]
    return [
        *rows[: _ROWS - 1],
        {"text": f"and {len(hidden)} more", "level": status.worst(levels) if levels else "plain"},
    ]


def _fitting(width, character):
    return max(int((width - 2 * _PAD) / character), 4)
