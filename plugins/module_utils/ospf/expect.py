# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What bird_ospf_neighbors and routeros_ospf_neighbors share: all but the reader. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any, Protocol

from ansible.module_utils.basic import AnsibleModule

from ..waiting import Unreadable, after, time_problems, wait_for
from .causes import neighbor_findings, neighbors_failure
from .neighbors import STATES, Expectation, Neighbor, Own, Watch

EXPECTATION_MUTUALLY_EXCLUSIVE = [("router_ids", "count")]


def expectation_argument_spec() -> dict[str, Any]:
    """Return the options of the documentation fragment homelab.anycast.neighbor_expectation."""
    return {
        "router_ids": {"type": "list", "elements": "str"},
        "count": {"type": "int"},
        "full_with": {"type": "list", "elements": "str", "default": []},
        "states": {"type": "list", "elements": "str", "choices": list(STATES), "default": ["Full"]},
        "interface": {"type": "str"},
        "exact": {"type": "bool", "default": False},
        "bfd": {"type": "bool", "default": False},
        "stable": {"type": "float", "default": 0},
        "wait": {"type": "float", "default": 0},
        "poll_interval": {"type": "float", "default": 2},
    }


def expectation_problems(params: Mapping[str, Any]) -> list[str]:
    problems = []
    for option in ("router_ids", "full_with"):
        for value in params[option] or ():
            try:
                if IPv4Address(value).is_unspecified:
                    problems.append(f"{option}: 0.0.0.0 is not a router id (RFC 2328 C.1)")
            except AddressValueError:
                problems.append(f"{option}: '{value}' is not a router id, expected four numbers such as 172.18.0.1")
    if params["count"] is not None and params["count"] < 0:
        problems.append("count is %d, expected 0 or more" % params["count"])
    for option in ("exact", "bfd"):
        if params[option] and params["count"] is None and params["router_ids"] is None and not params["full_with"]:
            problems.append(f"{option} is true, but nothing is expected: give router_ids, count or full_with as well")
    problems.extend(time_problems(params, ("stable", "wait")))
    return problems


class Reader(Protocol):
    """One end of the link: its neighbours as they are now, and itself; both methods may raise Unreadable."""

    def neighbors(self) -> list[Neighbor]: ...

    def own(self) -> Own: ...


def run_neighbors_module(
    module: AnsibleModule, reader: Reader, fatal: type[Exception], about: Callable[[], dict[str, Any]]
) -> None:
    """Do what the module is for, and exit. After an exception of the type fatal no further look will help."""
    params = module.params
    problems = expectation_problems(params)
    if problems:
        module.fail_json(msg="; ".join(problems))
    expectation = Expectation(**{field.name: params[field.name] for field in dataclasses.fields(Expectation)})
    watch = Watch(expectation)
    stable = params["stable"] if expectation.given else 0
    try:
        verdict, spent = wait_for(
            lambda now: watch.look(reader.neighbors(), now), params["wait"], stable, params["poll_interval"]
        )
    except fatal as exc:
        module.fail_json(msg=str(exc))
    if verdict.error is not None:
        module.fail_json(msg=f"Cannot read the OSPF neighbours{after(spent)}: {verdict.error}")
    comparison = watch.comparison
    found = dict(
        about(),
        changed=False,
        neighbors=list(map(vars, comparison.counted)),
        missing=comparison.missing,
        stuck=list(map(vars, comparison.stuck)),
        surplus=list(map(vars, comparison.surplus)),
        waited=round(spent, 3),
    )
    if verdict.good:
        module.exit_json(**found)
    try:
        own = reader.own()
    except (Unreadable, fatal) as exc:
        own = Own(f"this end (which could not be asked about itself: {exc})")
    module.fail_json(
        msg=neighbors_failure(comparison, own, spent, params["stable"] if verdict.unstable else None),
        likely_causes=list(map(vars, neighbor_findings(comparison, own))),
        own=own.as_dict(),
        **found,
    )
