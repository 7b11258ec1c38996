# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules look at on a node: systemd's units, what is announced, and what is drained."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import (
    Service,
    ServicesError,
    normalise_services,
)
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node

_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "StatusText")


def unit_states(run_command, units, required=True):
    """Return the properties of each unit, by its name.

    :param required: whether the module fails on a machine without systemd; else there are none.
    """
    units = list(dict.fromkeys(units))
    if not units:
        return {}
    code, out, _err = run_command(
        ["systemctl", "show", "--property=" + ",".join(_PROPERTIES), "--", *units], check_rc=required
    )
    if code:
        return {}
    # One block for each, in the order asked for; an alias has another Id.
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in out.strip().split("\n\n")]
    return dict(zip(units, blocks))


def services_of(module: Any) -> list[Service]:
    """Return the option C(services) of a module, which fails where they cannot work."""
    try:
        return normalise_services(module.params["services"] or [])
    except ServicesError as error:
        module.fail_json(msg=f"services: {error}")
        raise


def link(name):
    return f"{announcer.ANNOUNCED}/{name}.conf"


def links(name):
    """Return every path that announces a service."""
    return [link(name), f"{announcer.ANNOUNCED}/{name}.v3"]


def is_announced(name):
    return os.path.lexists(link(name))


def read_drain(service):
    """Return the record of a drain of this service, or of the whole node where it is None; None if there is none."""
    try:
        return json.loads(Path(announcer.drain_file(service)).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        # systemd asks only whether it is there, so it is a drain all the same.
        return {"service": service, "since": "an unknown time", "by": "somebody", "reason": "the record is damaged"}


def drain_of(name):
    """Return what has a service drained: the record of its own drain, or of its node's; None if it is not."""
    return read_drain(None) or read_drain(name)


def describe(run_command, services):
    """Return for each service whether it is announced, and why."""
    units = [unit for s in services for unit in (announcer.instance(s.name), announcer.starter(s))]
    states = unit_states(run_command, units)
    found = []
    for service in services:
        name, unit = service.name, announcer.starter(service)
        record, instance = drain_of(name), states[announcer.instance(name)]
        if record:
            why = last_node.text(record)
        elif states[unit]["ActiveState"] != "active":
            why = "{} is {}".format(unit, states[unit]["ActiveState"])
        elif instance["ActiveState"] != "active":
            why = "{} is {}".format(announcer.instance(name), instance["ActiveState"])
        else:
            why = instance["StatusText"] or f"{unit} is active"
        found.append({"name": name, "announced": is_announced(name), "why": why})
    return found


def records():
    """Return the records of all drains on this node."""
    found = []
    for path in sorted(Path(announcer.DRAINED).glob("*.json")):
        record = read_drain(None if path.stem == "node" else path.stem[len("service-") :])
        if record:
            found.append(record)
    return found
