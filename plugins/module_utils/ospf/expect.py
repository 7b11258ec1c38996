# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules bird_ospf_neighbors and routeros_ospf_neighbors have in common: read, compare, wait, report."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.causes import diagnose, failure_message
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import (
    Expectation,
    Own,
    Watch,
    expectation_problems,
)
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Unreadable, after, wait_for


def run(module, reader, fatal, about):
    """Do what the module is for, and exit.

    :param reader: has neighbors(), which returns the neighbours as they are now, and own(), which returns an Own; both
      may raise Unreadable.
    :param fatal: the exception (or a tuple of them) by which the reader says that no further look will help.
    :param about: called at the end, for what else to return.
    """
    params = module.params
    problems = expectation_problems(params)
    if problems:
        module.fail_json(msg="; ".join(problems))
    expectation = Expectation.from_params(params)
    watch = Watch(expectation)
    try:
        verdict, spent = wait_for(
            lambda now: watch.look(reader.neighbors(), now),
            params["wait"],
            params["stable"] if expectation.given else 0,
            params["poll_interval"],
        )
    except fatal as exc:
        module.fail_json(msg=str(exc))
    if verdict.error is not None:
        module.fail_json(msg=f"Cannot read the OSPF neighbours{after(spent)}: {verdict.error}")
    comparison = watch.comparison
    found = dict(
        about(),
        changed=False,
        neighbors=comparison.counted,
        missing=comparison.missing,
        stuck=comparison.stuck,
        surplus=comparison.surplus if expectation.given else [],
        waited=round(spent, 3),
    )
    if verdict.good:
        module.exit_json(**found)
    try:
        own = reader.own()
    except (Unreadable, fatal) as exc:
        own = Own(f"this end (which could not be asked about itself: {exc})")
    module.fail_json(
        msg=failure_message(comparison, own, spent, params["stable"] if verdict.unstable else None),
        likely_causes=diagnose(comparison, own),
        own={"router_id": own.router_id, "interfaces": own.interfaces},
        **found,
    )
