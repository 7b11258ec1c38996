"""Start the bed by hand (`python -m bed up`) or record replies (`python -m bed record bird|frr DIRECTORY`)."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from .machines import Machine
from .record_bird import record_bird, record_told
from .record_frr import record_frr
from .rootfs import ensure_rootfs, requirements
from .topology import Bed


def main() -> int:
    parser = argparse.ArgumentParser(prog="bed", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    up = actions.add_parser("up", help="start router (with FRR), nodes and clients, and wait for Ctrl-C")
    up.add_argument("--nodes", type=int, default=3)
    recorder = actions.add_parser("record", help="record replies in many states")
    recorder.add_argument("daemon", choices=["bird", "told", "frr"])
    recorder.add_argument("directory", type=Path)
    actions.add_parser("rootfs", help="build the root and print where it is")
    arguments = parser.parse_args()
    if reason := requirements():
        print(reason, file=sys.stderr)
        return 1
    if arguments.action == "rootfs":
        print(ensure_rootfs())
    elif arguments.action == "record":
        {"bird": record_bird, "told": record_told, "frr": record_frr}[arguments.daemon](arguments.directory)
    else:
        with Bed(arguments.nodes) as bed:
            bed.router.start_frr()
            machines: list[Machine] = [bed.router, *bed.nodes, bed.phones]
            for machine in machines:
                print(f"{machine.name}: {' '.join(machine.inside('sh'))}")
            print("Ctrl-C ends it", flush=True)
            try:
                signal.pause()
            except KeyboardInterrupt:
                print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
