"""Command line of the lab."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from lab import lab
from lab.errors import LabError
from lab.machines import machine
from lab.setup import setup
from lab.state import locked


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lab", description="Five machines to test the collection on.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="install what the host lacks (apt; root or sudo)")
    commands.add_parser("up", help="bring the lab up; builds the image on first use")
    commands.add_parser("down", help="stop the machines and remove their disks")
    clean = commands.add_parser("clean", help="down, and remove keys and images")
    clean.add_argument("--keep-image", action="store_true", help="keep the image of today's sources, remove older ones")
    commands.add_parser("status", help="what runs, where, with which snapshots")
    commands.add_parser("image", help="build the images that are not there")
    ssh = commands.add_parser("ssh", help="log in, or run a command")
    ssh.add_argument("name")
    ssh.add_argument("remote", nargs=argparse.REMAINDER, metavar="command")
    power_on = "boot a machine from its disk; `edge`, a second router, gets its disk by this"
    for name, text in (("power-off", "pull a machine's plug"), ("power-on", power_on)):
        commands.add_parser(name, help=text).add_argument("name")
    cable = commands.add_parser("cable", help="pull or plug a machine's LAN cable")
    cable.add_argument("name")
    cable.add_argument("position", choices=["on", "off"])
    snapshot = commands.add_parser("snapshot", help="save, load or list states of all machines")
    actions = snapshot.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ("save", "load"):
        actions.add_parser(action).add_argument("tag")
    actions.add_parser("list")
    return top


def run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "setup":
            setup()
        case "status":
            return 0 if lab.status() else 3  # as systemctl: 3 is "not running"
        case "image":
            with lab.interruptible():
                lab.build_images()
        case "ssh":
            return lab.shell(machine(arguments.name), arguments.remote)
        case _:
            with locked(), lab.interruptible():
                change(arguments)
    return 0


def change(arguments: argparse.Namespace) -> None:
    """Commands which change the lab."""
    match arguments.command:
        case "up":
            lab.up()
        case "down":
            lab.down()
        case "clean":
            lab.clean(keep_current_image=arguments.keep_image)
        case "power-off":
            lab.power_off(machine(arguments.name))
        case "power-on":
            lab.power_on(machine(arguments.name))
        case "cable":
            lab.cable(machine(arguments.name), arguments.position == "on")
        case "snapshot":
            if arguments.action == "save":
                lab.save_snapshot(arguments.tag)
            elif arguments.action == "load":
                lab.load_snapshot(arguments.tag)
            else:
                lab.list_snapshots()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        code = run(arguments)
        # Here, where it is looked after, and not at the interpreter's end.
        sys.stdout.flush()
        return code
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # `status | head`: who reads has enough. Nor may anything be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
