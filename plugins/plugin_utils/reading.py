# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a machine for a plan, once for the same variables. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

Row = dict[str, Any]


def read_machine(action: ActionBase, module: str, arguments: Row, task_vars: Row, fail: bool) -> tuple[Row, Row]:
    """Return (what a module read, what else the plan's result says). The first is empty where it could not read.

    :param fail: whether the plan fails then. Else its result is C(msg) and C(reached), for a verdict on all hosts.
    """
    try:
        result = action._execute_module(module_name=module, module_args=arguments, task_vars=task_vars)
    except AnsibleConnectionFailure as error:
        if fail:
            raise
        return {}, {"msg": str(error), "reached": False}
    if result.get("failed"):
        return {}, dict(result) if fail else {"msg": result.get("msg"), "reached": True}
    said = {key: result[key] for key in ("warnings", "deprecations") if key in result}
    beside = ("changed", "invocation", *said)
    return {key: value for key, value in result.items() if key not in beside and not key.startswith("_")}, said


def without_keys(options: Row) -> Row:
    """Return the options of a plan as its result may show them. A later run compares its own with them."""
    link = options["link"]
    if not isinstance(link, dict):
        return options
    return {**options, "link": {name: value for name, value in link.items() if name not in ("key", "accept_key")}}
