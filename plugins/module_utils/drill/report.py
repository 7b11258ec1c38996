# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a drill has found, to look at: lines for a terminal, and an HTML page with a timeline of each event.

Private to this collection. Runs on the controller only. matplotlib is imported where it draws: the rest works without.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import re
import sys
from typing import Any

from ..system.request import Row
from ..system.text import count, escaped, table_lines, when
from .result import Result

# The colours of Okabe and Ito, which colour-blind readers can tell apart, and on which black can be read; grey for a
# node that does not say its name. Black stripes and a cross are a loss.
NODES = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442")
UNKNOWN = "#BBBBBB"
LOSS = "#000000"
# Each stands for a colour of the page, which is different on a dark screen.
TEXT, SOFT, LINE = "#010101", "#010102", "#010103"
MARKS = {"event": "#010104", "router": "#010105", "mended": SOFT}
_OF_PAGE = {TEXT: "text", SOFT: "soft", LINE: "line", MARKS["event"]: "bad", MARKS["router"]: "note"}
_WIDTH, _ROW = 11.0, 0.36  # Inches
_QUIET = 3.0  # Seconds of quiet that a picture shows at either end of what happened
_LONG = 30.0  # A run longer than this gets a second picture of the time around the event

Axes = Any  # Of matplotlib
# A row of a picture: (label, [(from, to, name, lost)]); a name of None says nothing.
Bars = tuple[str, list[tuple[float, float, "str | None", bool]]]


@dataclasses.dataclass(frozen=True)
class Report:
    """A drill: when it began, who did it, and what came of each event."""

    time: str
    by: str
    events: list[Result]


def library_problems() -> list[str]:
    """Return what keeps this controller from drawing, one sentence each."""
    if importlib.util.find_spec("matplotlib") is not None:
        return []
    missing = "the Python package matplotlib, which draws the report, is missing on the controller"
    return [f"{missing}: apt install python3-matplotlib, or {sys.executable} -m pip install matplotlib"]


def verdict(report: Report) -> str:
    events = report.events
    failed = [event.title for event in events if not event.ok]
    if not events:
        return "No event has taken place"
    if failed:
        return f"{len(failed)} of {count(len(events), 'event')} not within the limits: {', '.join(failed)}"
    return f"All is well: {count(len(events), 'event')} within the limits"


def report_lines(report: Report) -> list[str]:
    rows = [
        {
            "event": event.title,
            "sent": event.sent,
            "lost": event.lost,
            "window": _seconds(event.window_s),
            "limit": _seconds(event.limit),
            "router": _seconds(event.router_changed_s),
            "lost_coming_back": event.recovery["lost"],
            "ok": event.ok,
        }
        for event in report.events
    ]
    columns = ["event", "sent", "lost", "window", "limit", "router", "lost_coming_back", "ok"]
    problems = [f"{event.title}: {problem}" for event in report.events for problem in event.problems]
    return [verdict(report), "", *table_lines(rows, columns), *problems]


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def report_page(report: Report) -> Row:
    """Return what the template of the page needs, with every string escaped; the pictures alone are markup."""
    events = [event.as_dict() for event in report.events]
    level = "well" if events and all(event.ok for event in report.events) else "degraded"
    page: Row = {"level": level, "time": report.time, "when": when(report.time), "by": report.by, "summary": ""}
    found: Row = escaped({**page, "verdict": verdict(report), "events": events})
    for shown, event in zip(found["events"], report.events):
        shown["pictures"] = pictures(event)
        for name, value in vars(event).items():
            if name.endswith("_s") and not isinstance(value, dict):
                shown[name.removesuffix("_s") + "_text"] = _seconds(value)
        shown["limit_text"] = _seconds(event.limit)
        # Where nothing may be lost, a loss fills the bar.
        shown["share"] = min(100, round(100 * event.window_s / (event.limit or event.window_s or 1)))
        shown["router_back_text"] = _seconds(max((r.back_s for r in event.routers if r.back_s), default=None))
    return found


def pictures(event: Result) -> list[Row]:
    """Return the SVG pictures of an event: all of it, and before that the time around the event where that is short."""
    runs = [run for client in event.clients for run in client.runs]
    if not runs:
        return []
    begin = max(min(run["from"] for run in runs), -_QUIET)
    end = max(run["to"] for run in runs)
    interesting = [event.last_loss_s, event.router_changed_s, event.served_again_s, 1.0]
    around = max(value for value in interesting if value is not None) + 2.0
    spans = [(begin, end, "All of it")]
    if end - begin > _LONG and around < (end - begin) / 3:
        spans.insert(0, (max(begin, -2.0), around, "Around the event"))
    return [{"caption": caption, "svg": _picture(event, first, last)} for first, last, caption in spans]


def _colours(event: Result) -> dict[Any, str]:
    """Return the colour of each name that answers or is a next hop, the same in all pictures of an event."""
    names = {run["answered_by"] for client in event.clients for run in client.runs if not run["lost"]}
    return {name: NODES[number % len(NODES)] for number, name in enumerate(sorted(name for name in names if name))}


def _picture(event: Result, first: float, last: float) -> str:
    """Return one SVG of these seconds: a row for each address of the clients, with who answered, and each next hop."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # As text that can be read and searched, in the page's own font.
    text_options = {"svg.fonttype": "none", "text.parse_math": False}
    colours = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), TEXT)
    options: Any = {**text_options, **colours, "font.size": 10, "hatch.linewidth": 1.2}
    with matplotlib.rc_context(options):
        rows = _rows(event)
        figure = Figure(figsize=(_WIDTH, 1.75 + _ROW * len(rows)), layout="constrained", facecolor="none")
        canvas: Any = FigureCanvasSVG(figure)
        axes = figure.add_subplot(facecolor="none")
        _draw(axes, event, rows, first, last)
        text = io.BytesIO()
        canvas.print_svg(text, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    # Inside HTML there is neither an XML header nor a fixed size.
    svg = text.getvalue().decode()
    for colour, name in _OF_PAGE.items():
        svg = svg.replace(colour, f"var(--{name})")
    head, tag_end, body = svg[svg.index("<svg") :].partition(">")
    return re.sub(r' (width|height)="[^"]*"', "", head) + tag_end + body


def _rows(event: Result) -> list[Bars]:
    """Return the rows of a picture, the topmost first."""
    rows: list[Bars] = [
        (client.source, [(run["from"], run["to"], run["answered_by"], run["lost"]) for run in client.runs])
        for client in event.clients
    ]
    for router in event.routers:
        changes = router.changes
        ends = [change["by"] for change in changes[1:]] + [float("inf")]
        for gateway in dict.fromkeys(gateway for change in changes for gateway in change["gateways"]):
            there = [(change, end) for change, end in zip(changes, ends) if gateway in change["gateways"]]
            rows.append((f"{router.router} via {gateway}", [(c["by"], end, None, False) for c, end in there]))
    return rows


def _draw(axes: Axes, event: Result, rows: list[Bars], first: float, last: float) -> None:
    palette = _colours(event)
    clients = len(event.clients)
    width = last - first
    for number, (_label, spans) in enumerate(rows):
        for begin, end, name, lost in spans:
            begin, end = max(begin, first), min(end, last)
            if end <= begin:
                continue
            extent = {"y": number, "width": end - begin, "left": begin}
            if number >= clients:
                axes.barh(**extent, height=0.22, color=SOFT, linewidth=0)
            elif lost:
                axes.barh(**extent, height=0.72, color="white", edgecolor=LOSS, hatch="////", linewidth=0.8)
                # One lost probe would be too narrow to be seen.
                axes.plot((begin + end) / 2, number, marker="X", markersize=9, color=LOSS, markeredgecolor="white")
            else:
                axes.barh(**extent, height=0.72, color=palette.get(name, UNKNOWN), linewidth=0)
                if end - begin > width * 0.012 * (len(name or "?") + 1):
                    axes.text(
                        (begin + end) / 2, number, name or "?", ha="center", va="center", fontsize=9, color="black"
                    )
    marks = _marks(event, first, last)
    for at, _text, colour, style in marks:
        axes.axvline(at, color=colour, linestyle=style, linewidth=1.8, zorder=3)
    _label_marks(axes, marks, width)
    if clients < len(rows):
        axes.axhline(clients - 0.5, color=SOFT, linewidth=0.8)
    axes.set_xlim(first, last)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [label for label, _spans in rows])
    axes.set_xlabel("seconds from the event")
    axes.grid(axis="x", color=LINE, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    _legend(axes.figure, palette, event)


def _marks(event: Result, first: float, last: float) -> list[tuple[float, str, str, str]]:
    """Return [(seconds, text, colour, style of the line)] of what is inside the picture, in the order of time."""
    found = [(0.0, "event", MARKS["event"], "solid"), (event.mended_s, "put back", MARKS["mended"], "dashdot")]
    for router in event.routers:
        found.append((router.changed_s, "router without it", MARKS["router"], "dashed"))
        found.append((router.back_s, "router with it again", MARKS["router"], "dotted"))
    inside = ((at, text, colour, style) for at, text, colour, style in found if at is not None)
    return sorted(mark for mark in inside if first <= mark[0] <= last)


def _label_marks(axes: Axes, marks: list[tuple[float, str, str, str]], width: float) -> None:
    """Write above the rows what the marks are; those too close to the one before go a line higher."""
    ends: list[float] = []
    for at, text, colour, _style in marks:
        label = f"{text} {at:.2f} s" if at else text
        length = width * 0.0085 * len(label)  # A character takes about so much of the width
        level = next((number for number, end in enumerate(ends) if end <= at), len(ends))
        ends[level : level + 1] = [at + length]
        place = {"xycoords": ("data", "axes fraction"), "xytext": (2, 3 + 13 * level), "textcoords": "offset points"}
        axes.annotate(label, (at, 1.0), color=colour, fontsize=9, annotation_clip=False, **place)


def _legend(figure: Any, palette: dict[Any, str], event: Result) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Any] = [Patch(color=colour, label=f"answered by {name}") for name, colour in palette.items()]
    if any(not run["lost"] and not run["answered_by"] for client in event.clients for run in client.runs):
        entries.append(Patch(color=UNKNOWN, label="answered, by whom is not said"))
    cross: Any = {"marker": "X", "markersize": 9, "color": LOSS, "markeredgecolor": "white"}
    entries.append(Line2D([], [], linestyle="none", label="lost", **cross))
    if event.routers:
        entries.append(Line2D([], [], color=SOFT, linewidth=4, label="next hop of the router"))
    figure.legend(handles=entries, loc="outside lower center", ncols=6, frameon=False, fontsize=9)
