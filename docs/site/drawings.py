"""The drawings of the site, as SVG: the network, and who does what in time when a service comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

INK, SOFT, LINE, CARD = "#1c2127", "#59636e", "#9aa5b1", "#ffffff"
ROUTER, NODE, CLIENT, BAD = "#0b5cad", "#17702f", "#6b4fa0", "#b3202a"
FONT = 'font-family="system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif"'


class Drawing:
    """Shapes on a ground; sizes are in pixels."""

    def __init__(self, width: int, height: int, ground: str = "#ffffff") -> None:
        self.size = width, height
        self.ground = ground
        self.shapes: list[str] = []

    def text(self, x: float, y: float, words: str, **style: str) -> None:
        style = {"size": "14", "fill": INK, "anchor": "middle", "weight": "400", **style}
        self.shapes.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{style["size"]}" fill="{style["fill"]}"'
            f' font-weight="{style["weight"]}" text-anchor="{style["anchor"]}">{escape(words)}</text>'
        )

    def line(self, *points: tuple[float, float], colour: str = LINE, width: float = 1.5, dash: str = "") -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
        )

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str = INK, dash: str = "") -> None:
        """A horizontal or vertical one."""
        (x1, y1), (x2, y2) = start, end
        self.line(start, end, colour=colour, dash=dash)
        right, down = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
        back = x2 - 8 * right, y2 - 8 * down
        corners = (x2, y2), (back[0] - 4 * down, back[1] - 4 * right), (back[0] + 4 * down, back[1] + 4 * right)
        self.shapes.append(
            f'<polygon points="{" ".join(f"{x:g},{y:g}" for x, y in corners)}" fill="{colour}" stroke="none"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, colour: str, lines: list[str]) -> None:
        """The first line is its name."""
        self.shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="{CARD}"'
            f' stroke="{colour}" stroke-width="2"/>'
        )
        top = y + height / 2 - (len(lines) - 1) * 9.5 + 5
        for number, words in enumerate(lines):
            first = number == 0
            self.text(
                *(x + width / 2, top + number * 19, words),
                weight="600" if first else "400",
                fill=colour if first else INK,
                size="15" if first else "13",
            )

    def band(self, y: float, height: float, fill: str) -> None:
        self.shapes.append(f'<rect x="0" y="{y:g}" width="{self.size[0]}" height="{height:g}" fill="{fill}"/>')

    def stripe(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self.shapes.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="2" fill="{fill}"/>')

    def svg(self) -> str:
        width, height = self.size
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" {FONT}>',
                f'<rect width="{width}" height="{height}" fill="{self.ground}"/>',
                *self.shapes,
                "</svg>\n",
            ]
        )


def network() -> str:
    """The network of inventories/home."""
    drawing = Drawing(860, 430)
    drawing.line((430, 14), (430, 58))
    drawing.text(444, 32, "uplink", fill=SOFT, anchor="start", size="13")
    drawing.box(300, 58, 260, 84, ROUTER, ["hap-lite", "RouterOS 7, 172.18.0.1/26", "OSPF area 0.0.0.0"])
    drawing.text(590, 72, "one route with three next hops (ECMP):", anchor="start", size="13", fill=SOFT)
    for number, words in enumerate(("172.18.0.64/32 via 172.18.0.11", "via 172.18.0.12", "via 172.18.0.13"), start=0):
        drawing.text(846, 94 + number * 19, words, anchor="end", size="13", fill=ROUTER)
    drawing.line((430, 142), (430, 214))
    drawing.line((60, 214), (800, 214), colour=INK, width=3)
    drawing.text(444, 204, "bridge-lan, 172.18.0.0/26", fill=SOFT, anchor="start", size="13")
    for number in range(3):
        left = 10 + number * 194
        drawing.line((left + 92, 214), (left + 92, 262))
        lines = [f"sip{number + 1}", f"172.18.0.{11 + number}", "BIRD, SIP server", "dummy0: 172.18.0.64/32"]
        drawing.box(left, 262, 184, 112, NODE, lines)
        # What it says to the router.
        drawing.arrow((left + 112, 256), (left + 112, 220), colour=NODE)
    drawing.text(518, 244, "each announces 172.18.0.64/32", fill=NODE, anchor="start", size="12")
    drawing.line((725, 214), (725, 262))
    drawing.box(
        600,
        262,
        250,
        112,
        CLIENT,
        ["phones", "172.18.0.22 .23 .24 .25", "each sends to 172.18.0.64", "and lands on one node"],
    )
    drawing.text(
        430, 408, "The same address on every node; the router decides who is served where.", fill=SOFT, size="13"
    )
    return drawing.svg()


LANES = {"service": 90, "announcer": 255, "BIRD": 410, "router": 565, "client": 750}


def announce() -> str:
    """Who does what in time: a service starts, is stopped, and its node dies."""
    drawing = Drawing(860, 760)
    for top, height, fill in ((56, 236, "#f1f6fb"), (292, 236, "#f3f8f2"), (528, 232, "#fbf2f2")):
        drawing.band(top, height, fill)
    for name, x in LANES.items():
        colour = {"router": ROUTER, "client": CLIENT}.get(name, NODE)
        for top in (56, 292, 528):
            drawing.line((x, top + 34), (x, top + 222), dash="3 4")
        drawing.text(x, 30, name, weight="600", fill=colour, size="15")
    for name, words in (
        ("service", "its systemd unit"),
        ("announcer", "anycast-announce@sip"),
        ("BIRD", "on the node"),
        ("router", "RouterOS"),
        ("client", "a phone"),
    ):
        drawing.text(LANES[name], 48, words, fill=SOFT, size="12")
    _start(drawing, 56)
    _stop(drawing, 292)
    _death(drawing, 528)
    return drawing.svg()


def _step(drawing: Drawing, y: float, start: str, end: str, words: str, colour: str = INK, dash: str = "") -> None:
    x1, x2 = LANES[start], LANES[end]
    drawing.arrow((x1, y), (x2, y), colour=colour, dash=dash)
    drawing.text((x1 + x2) / 2, y - 6, words, size="12", fill=colour)


def _title(drawing: Drawing, y: float, words: str, result: str, colour: str) -> None:
    drawing.text(12, y + 22, words, anchor="start", weight="600")
    drawing.text(848, y + 22, result, anchor="end", weight="600", fill=colour)


def _start(drawing: Drawing, top: float) -> None:
    _title(drawing, top, "The service starts", "lost: 0", NODE)
    _step(drawing, top + 58, "service", "announcer", "unit has started")
    _step(drawing, top + 86, "announcer", "service", "check: rise good answers", dash="4 3")
    _step(drawing, top + 118, "announcer", "BIRD", "file, birdc configure")
    _step(drawing, top + 150, "BIRD", "router", "link state update")
    drawing.text(LANES["router"] + 10, top + 176, "next hop added", anchor="start", size="12", fill=ROUTER)
    _step(drawing, top + 206, "client", "service", "the router's hash sends some clients here", colour=CLIENT)


def _stop(drawing: Drawing, top: float) -> None:
    _title(drawing, top, "systemctl stop, restart, an upgrade, a shutdown, a drain", "lost: 0", NODE)
    _step(drawing, top + 58, "service", "announcer", "about to stop")
    _step(drawing, top + 86, "announcer", "BIRD", "file removed")
    _step(drawing, top + 118, "BIRD", "router", "withdrawn")
    drawing.text(LANES["router"] + 10, top + 140, "next hop gone", anchor="start", size="12", fill=ROUTER)
    _step(drawing, top + 166, "client", "router", "goes to another node", colour=CLIENT)
    drawing.line((LANES["announcer"], top + 86), (LANES["announcer"], top + 196), colour=NODE, width=5)
    drawing.text(LANES["announcer"] + 10, top + 150, "waits 1 s for the router", anchor="start", size="12", fill=NODE)
    _step(drawing, top + 196, "announcer", "service", "may stop")


def _death(drawing: Drawing, top: float) -> None:
    _title(drawing, top, "The node loses its power", "measured with BFD: 0.85 s", BAD)
    x = LANES["BIRD"]
    drawing.text(x, top + 62, "✕", size="26", fill=BAD)
    drawing.text(x - 18, top + 60, "silence", anchor="end", size="12", fill=BAD)
    drawing.line((LANES["router"], top + 56), (LANES["router"], top + 150), colour=BAD, width=5)
    for number, words in enumerate(
        ("the router notices by BFD", "after 200 ms x 5 = 1 s, without it", "after dead_interval, 4 s")
    ):
        drawing.text(x - 18, top + 88 + 18 * number, words, anchor="end", size="12", fill=BAD)
    drawing.line((LANES["client"], top + 56), (LANES["client"], top + 178), colour=BAD, width=5)
    drawing.text(LANES["client"] + 12, top + 106, "lost", anchor="start", size="12", fill=BAD)
    drawing.text(LANES["router"] + 10, top + 156, "next hop gone", anchor="start", size="12", fill=ROUTER)
    _step(drawing, top + 190, "client", "router", "goes to another node", colour=CLIENT)


def scene(paths: dict[int, int], moved: dict[int, int], words: dict[int, str]) -> Drawing:
    """Clients above, the router, servers below; a path leads from a client to a server. Narrow, for phones.

    :param moved: the clients whose server is gone, with that server.
    :param words: what stands below a server instead of its state.
    """
    drawing = Drawing(420, 330)
    for client in range(4):
        x = 54 + 104 * client
        drawing.box(x - 40, 8, 80, 34, CLIENT, [f"phone {client + 1}"])
        colour = NODE if client not in moved else BAD if words else ROUTER
        turn = 150 + 40 * client
        drawing.line((x, 42), (turn, 96), colour=colour, width=2)
        drawing.line((turn, 138), (80 + 130 * paths[client] - 18 + 12 * client, 212), colour=colour, width=2)
        if client in moved:
            drawing.line((turn, 138), (80 + 130 * moved[client], 212), colour=BAD, dash="4 4")
    drawing.box(110, 96, 200, 42, ROUTER, ["router"])
    for server in range(3):
        x = 80 + 130 * server
        dead = server in moved.values()
        drawing.box(x - 58, 212, 116, 62, BAD if dead else NODE, [f"server {server + 1}", "172.18.0.64"])
        drawing.text(x, 296, words.get(server, "off" if dead else "announces"), fill=BAD if dead else SOFT, size="13")
    return drawing


def anycast() -> str:
    """One address on three servers."""
    drawing = scene({0: 0, 1: 0, 2: 1, 3: 2}, {}, {})
    drawing.text(210, 322, "All phones send to 172.18.0.64.", size="13")
    return drawing.svg()


def moves() -> str:
    """A server is gone: its clients move."""
    drawing = scene({0: 0, 1: 0, 2: 2, 3: 2}, {2: 1}, {})
    drawing.text(210, 322, "Phone 3 meets server 3 from now on.", size="13")
    return drawing.svg()


def breaks() -> str:
    """Why long connections do not fit."""
    drawing = scene({0: 0, 1: 0, 2: 2, 3: 2}, {2: 1}, {2: "resets"})
    drawing.text(210, 322, "Server 3 does not know the TCP connection of phone 3.", size="13", fill=BAD)
    return drawing.svg()


# Title, and the name of the event in the table of docs/bench.md.
FAILOVERS = (
    ("a node loses its link or its power", "link cut"),
    ("the service is killed", "service killed"),
    ("the service hangs", "service hangs"),
    ("maintenance: withdraw the node, stop its service", "planned withdraw"),
)
WATCHED = 12.0  # Seconds. A client without an answer for longer had none as long as the bench watched.
BENCH = Path(__file__).parents[1] / "bench.md"
LIGHT = {"ground": "#ffffff", "ink": INK, "soft": SOFT, "line": LINE, "article": BAD, "collection": ROUTER}
DARK = {
    **{"ground": "#0d1117", "ink": "#e8ebef", "soft": "#9ba6b2", "line": "#59636e"},
    **{"article": "#ff8585", "collection": "#7fb2ff"},
}


def measured(event: str) -> dict[str, tuple[float, float]]:
    """Return the median seconds of an event by side, from docs/bench.md: behind the router, and on the nodes' LAN."""
    lines = BENCH.read_text().replace("**", "").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    sides = next(row for row in rows if row[:2] == ["event", "article"])
    cells = next(row for row in rows if row[0] == event and len(row) == len(sides))
    found = {}
    for side, cell in zip(sides[1:], cells[1:], strict=True):
        if cell == "-":
            continue
        # 3.04 (2.24..3.40); LAN ≥12
        medians = [float(place.removeprefix("LAN ").removeprefix("≥").split()[0]) for place in cell.split("; ")]
        found[side] = (medians[0], medians[-1])
    return found


def told(seconds: float) -> str:
    if seconds >= WATCHED:
        return f"{WATCHED:g} s or more"
    return f"{seconds:.2f} s" if seconds else "0 s"


def failover(colours: dict[str, str]) -> str:
    """How long clients wait for an answer, in the place where they wait longest."""
    drawing = Drawing(860, 116 + 74 * len(FAILOVERS), colours["ground"])
    left, right = 20.0, 660.0
    drawing.text(
        left, 30, "How long clients get no answer", anchor="start", weight="600", size="18", fill=colours["ink"]
    )
    for x, side, words in (
        (left, "article", "by hand, as in the article"),
        (260, "collection", "with homelab.anycast"),
    ):
        drawing.stripe(x, 46, 14, 14, colours[side])
        drawing.text(x + 22, 58, words, anchor="start", fill=colours["ink"])
    for number, (title, event) in enumerate(FAILOVERS):
        top = 88.0 + 74 * number
        drawing.text(left, top, title, anchor="start", weight="600", fill=colours["ink"])
        windows = measured(event)
        for row, side in enumerate(("article", "collection")):
            seconds = max(windows[side])
            width = min(seconds, WATCHED) / WATCHED * (right - left)
            y = top + 10 + 22 * row
            drawing.stripe(left, y, max(width, 2), 17, colours[side])
            drawing.text(
                *(left + max(width, 2) + 8, y + 13, told(seconds)), anchor="start", fill=colours[side], weight="600"
            )
    foot = "Median of the rounds of make bench, in the place where clients waited longest: docs/bench.md"
    drawing.text(left, drawing.size[1] - 16, foot, anchor="start", size="13", fill=colours["soft"])
    return drawing.svg()


DRAWINGS: dict[str, Callable[[], str]] = {
    "network": network,
    "announce": announce,
    "anycast": anycast,
    "moves": moves,
    "breaks": breaks,
    "failover": lambda: failover(LIGHT),
    "failover_dark": lambda: failover(DARK),
}
