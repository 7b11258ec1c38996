# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a node tells of its units, of what is announced and what is drained. Private to this collection."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..model.services import Service, ServicesError, normalise_services
from . import announcer
from .drain import Drain, drain_metrics
from .files import write_file

Run = Callable[..., "tuple[int, str, str]"]  # AnsibleModule.run_command: exit code, standard output and error
UnitState = dict[str, str]  # Properties by systemd's names

_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "StatusText", "RemainAfterExit")


def unit_states(run: Run, units: Iterable[str], required: bool = True) -> dict[str, UnitState]:
    """Return the properties of each unit, by its name: none without systemd, unless they are required."""
    units = list(dict.fromkeys(units))
    if not units:
        return {}
    code, out, _err = run(["systemctl", "show", "--property=" + ",".join(_PROPERTIES), "--", *units], check_rc=required)
    if code:
        return {}
    # One block for each, in the order asked for; an alias has another Id.
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.strip().split("\n\n")]
    return dict(zip(units, blocks))


def check_failure(run: Run, sandbox: Iterable[str], words: Iterable[str]) -> str | None:
    """Return why a check fails that runs as the announcer runs it; None if it passes.

    As the user bird alone it would be free to do what the unit forbids it afterwards, and pass. systemd-run could hand
    on its output itself, but needs D-Bus for that, which Debian's minimal system lacks; of a oneshot it knows the end.
    """
    with tempfile.NamedTemporaryFile(prefix="anycast-", dir=announcer.TRIALS) as said:
        settings = [*sandbox, "Type=oneshot", "TimeoutStartSec=60", f"StandardError=truncate:{said.name}"]
        properties = [f"--property={setting}" for setting in settings]
        code, _out, error = run(["systemd-run", "--quiet", "--collect", *properties, "--", *words])
        if not code:
            return None
        # Under systemd its lines begin with their priority, sd-daemon(3).
        text = re.sub(r"^<\d>", "", said.read().decode("utf-8", "replace"), flags=re.MULTILINE)
        return text.strip() or error.strip()


def services_of(module: Any) -> list[Service]:
    """Return the option C(services) of a module, which fails where they cannot work."""
    try:
        return normalise_services(module.params["services"] or [])
    except ServicesError as error:
        module.fail_json(msg=f"services: {error}")
        raise


def link(name: str) -> str:
    return f"{announcer.ANNOUNCED}/{name}.conf"


def links(name: str) -> list[str]:
    """Return every path that announces a service."""
    return [f"{announcer.ANNOUNCED}/{name}{suffix}" for suffix in announcer.SUFFIXES]


def is_announced(name: str) -> bool:
    return os.path.lexists(link(name))


def read_drain(service: str | None) -> Drain | None:
    """Return the record of a drain of this service, or of the whole node where it is None; None if there is none."""
    try:
        return Drain.parse(Path(announcer.drain_file(service)).read_text("utf-8", "replace"), service)
    except FileNotFoundError:
        return None


def drain_of(name: str) -> Drain | None:
    """Return what has a service drained: the record of its own drain, or of its node's; None if it is not."""
    return read_drain(None) or read_drain(name)


def announcements(run: Run, services: list[Service]) -> list[dict[str, Any]]:
    """Return for each service its C(name), whether it is C(announced), and C(why)."""
    states = unit_states(run, announcer.units_of(services))
    found = []
    for service in services:
        name, unit = service.name, announcer.starter(service)
        drain, instance = drain_of(name), states[announcer.instance(name)]
        if drain:
            why = str(drain)
        elif states[unit]["ActiveState"] != "active":
            why = f"{unit} is {states[unit]['ActiveState']}"
        elif instance["ActiveState"] != "active":
            why = f"{announcer.instance(name)} is {instance['ActiveState']}"
        else:
            why = instance["StatusText"] or f"{unit} is active"
        found.append({"name": name, "announced": is_announced(name), "why": why})
    return found


def expose_drains() -> None:
    """Write the drains for Prometheus, where the announcer's installation has made the file."""
    path = Path(announcer.DRAIN_METRICS)
    text = drain_metrics(drains())
    if path.exists() and path.read_text("utf-8") != text:
        write_file(path, text, mode=0o644)


def drains() -> list[Drain]:
    paths = sorted(Path(announcer.DRAINED).glob("*.json"))
    found = [read_drain(None if path.stem == "node" else path.stem[len("service-") :]) for path in paths]
    return [record for record in found if record]
