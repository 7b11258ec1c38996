"""`python -m bench run`, `page`, `scale` and `timers`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable

from bed import requirements

from . import figures, run, scale, scale_figures, timers
from .events import EVENTS


def at_least(least: int) -> Callable[[str], int]:
    """A number on the command line that may not be less."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is too few, expected {least} or more")
        return int(text)

    return number


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench", description="What clients lose by each event, and what many nodes cost."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    events = actions.add_parser("run", help="what clients lose by this collection and by what else there is, in turns")
    events.add_argument("--rounds", type=at_least(1), default=figures.ROUNDS)
    events.add_argument("--events", nargs="+", choices=list(EVENTS), default=list(EVENTS))
    events.add_argument("--sides", nargs="+", choices=figures.SIDES, default=figures.SIDES)
    events.add_argument("--resume", action="store_true", help="go on where build/bench.json ends")
    actions.add_parser("page", help="docs/bench.md anew, of the build/bench.json of the last run")
    nodes = actions.add_parser("scale", help="many nodes: time, processor, memory, and the modules' time")
    nodes.add_argument("--nodes", nargs="+", type=at_least(2), default=scale_figures.NODES)
    hellos = actions.add_parser("timers", help="which hello and dead intervals survive loss and a slow router")
    hellos.add_argument("--minutes", type=at_least(1), default=20)
    arguments = parser.parse_args()
    if arguments.action == "page":
        return run.page()
    if reason := requirements():
        print(reason, file=sys.stderr)
        return 1
    # As Ctrl-C: everything that was started ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments.action == "scale":
            return scale.run(arguments.nodes)
        if arguments.action == "timers":
            return timers.run(arguments.minutes)
        return run.run(arguments.rounds, arguments.events, arguments.sides, arguments.resume)
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
