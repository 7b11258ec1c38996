"""Ask routers whether they do what the collection takes RouterOS to do.

The login is ROUTEROS_USERNAME and ROUTEROS_PASSWORD of the environment. The exit code is 1 where a router does
something else, 2 where one cannot be asked.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import (
    DIFFERS,
    Check,
    Result,
    counted,
    described,
)

from . import ROOT
from .checks import load
from .runner import Runner
from .session import Login, NoSession, login_reply, session

GROUPS = {
    "read": "reads only; safe on any router",
    "sandbox": "adds disabled rows with a comment of its own, and removes them",
    "full": "for a lab only: also users, certificates and logins",
}
RECORDINGS = ROOT / "build" / "conformance"


def main(arguments: Sequence[str] | None = None) -> int:
    groups = "; ".join(f"{name}: {what}" for name, what in GROUPS.items())
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("router", nargs="+", metavar="ROUTER", help="address or name, perhaps with :PORT")
    parser.add_argument("--group", action="append", choices=[*GROUPS], help=f"what to ask ({groups}); read by default")
    parser.add_argument("--only", help="ids of checks, with commas between them")
    parser.add_argument(
        "--lab", action="store_true", help="the router is a lab's; without it the group full is not asked"
    )
    parser.add_argument("--tls", action="store_true", help="log in to api-ssl")
    parser.add_argument("--ca", help="with --tls: the certificate that proves the router's")
    parser.add_argument("--insecure", action="store_true", help="with --tls: take any certificate")
    parser.add_argument(
        "--mask", action="store_true", help="hide addresses, comments and names in output and recording"
    )
    parser.add_argument("--recordings", type=Path, default=RECORDINGS, help="where to write what was answered")
    options = parser.parse_args(arguments)
    chosen = options.group or ["read"]
    if "full" in chosen and not options.lab:
        parser.error("the group full changes users, certificates and logins: add --lab if the router is one of a lab")
    checks = [check for group in chosen for check in load(group)]
    if options.only:
        ids = options.only.split(",")
        if unknown := sorted(set(ids) - {check.id for check in checks}):
            parser.error(f"no such check: {', '.join(unknown)}")
        checks = [check for check in checks if check.id in ids]
    codes = []
    for router in options.router:
        try:
            login = Login.of(router, options.tls, options.ca, options.insecure)
            codes.append(ask(login, checks, options.mask, options.recordings))
        except NoSession as error:
            print(error, file=sys.stderr)
            codes.append(2)
    return max(codes)


def ask(login: Login, checks: Sequence[Check], mask: bool, recordings: Path) -> int:
    """Ask one router; print what comes of it, and write the recording."""
    with session(login) as router:
        runner = Runner(
            router,
            login.username,
            mask,
            lambda name, password: login_reply(dataclasses.replace(login, username=name, password=password)),
        )
        try:
            results = runner.run(checks, show)
        except KeyboardInterrupt:
            # The answer to what was asked last is still to come, so this takes a session of its own.
            with session(login) as again:
                Runner(again, login.username).sweep()
            raise
    facts = runner.facts
    name = "-".join(re.findall(r"\w[\w.]*", f"{facts.board} {facts.version.partition(' ')[0]}"))
    path = recordings / f"{name}.jsonl"
    runner.recording.save(path)
    print(f"{facts.board}, {facts.version}: {counted(results)}. Recording: {path}")
    return int(any(result.status == DIFFERS for result in results))


def show(result: Result) -> None:
    """One line; and what was asked and answered where something differs."""
    print("\n".join(described(result)))


if __name__ == "__main__":
    sys.exit(main())
