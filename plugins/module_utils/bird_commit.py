# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a new configuration of BIRD may stay: the decisions of the module bird_configure.

Nothing in here does input or output. A neighbour is a dictionary as in neighbors.py.
"""

from __future__ import annotations

import math
import re

from ansible_collections.homelab.anycast.plugins.module_utils.neighbors import describe, likely_causes
from ansible_collections.homelab.anycast.plugins.module_utils.secret import HIDDEN, HIDDEN_CHANGED
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Verdict

# What the new files are called, beside the real ones; and what BIRD reads meanwhile.
CANDIDATE_SUFFIX = ".candidate"
TRIAL_SUFFIX = ".trial"

_PASSWORD = re.compile(r'(password\s+)"[^"]*"')


def hide_passwords(text):
    """Return a configuration with its passwords replaced: the one before ours may have them in bird.conf itself."""
    return _PASSWORD.sub(r'\1"%s"' % HIDDEN, text)


def file_diffs(path, before, after, key_file, key_before, key_after):
    """Return the diffs of the files that change, without a secret. A text is None where there is no file yet."""
    diffs = []
    if before != after:
        diffs.append(_diff(path, hide_passwords(before or ""), hide_passwords(after)))
    if key_before != key_after:
        other = HIDDEN if key_before is None else HIDDEN_CHANGED
        diffs.append(_diff(key_file, "" if key_before is None else HIDDEN + "\n", other + "\n"))
    return diffs


def _diff(path, before, after):
    return {"before_header": path, "after_header": path, "before": before, "after": after}


class Patience:
    """How long to look at the neighbours, in seconds, from the dead interval (the longer one of old and new).

    :ivar settle: a neighbour that stays Full counts as kept after this long: BIRD (and the router) take a neighbour
      whose hellos no longer fit for alive until its dead interval is over.
    :ivar wait: what all neighbours together get; one that starts again from nothing needs an election (at most a dead
      interval, RFC 2328 9.4 and C.3 RouterDeadInterval) and the exchange of the databases.
    :ivar rollback: when BIRD rolls back by itself, if it hears nothing more from us.
    """

    def __init__(self, dead_interval):
        self.settle = dead_interval + 1
        self.wait = self.settle + max(10, dead_interval)
        self.rollback = math.ceil(self.wait) + 10


def full(neighbors):
    """Return the router ids of the neighbours that are Full, in their order, each once."""
    return list(dict.fromkeys(entry["router_id"] for entry in neighbors if entry["state"] == "Full"))


class Trial:
    """Watches whether the neighbours that were Full before a change have survived it.

    :param before: router ids of those neighbours.
    :param settle: as in Patience.
    :param start: time of the change.
    """

    def __init__(self, before, settle, start):
        self.before = list(before)
        self.settle = settle
        self.start = start
        self.neighbors = []
        self.lost = []
        self._restarted = set()

    def look(self, neighbors, now):
        """Take in what was found at this time; return the Verdict, which is good once nothing is left in doubt."""
        self.neighbors = neighbors
        kept = set(full(neighbors))
        # Two ordinary routers on a LAN rest in 2-Way; after a change of priority they may be such (RFC 2328 10.4).
        kept.update(
            entry["router_id"] for entry in neighbors if entry["state"] == "2-Way" and entry["role"] == "DROther"
        )
        self.lost = [router_id for router_id in self.before if router_id not in kept]
        self._restarted.update(self.lost)
        if self.lost or (self.before and not full(neighbors)):
            return Verdict(False)
        # One that came up again since the change has proven that both ends fit; one that never went down has to outlive
        # the hellos it had heard before.
        untouched = [router_id for router_id in self.before if router_id not in self._restarted]
        return Verdict(not untouched or now - self.start >= self.settle)


def rollback_message(trial, interfaces, spent, restored, path):
    """Return the message for a user whose configuration lost a neighbour.

    :param interfaces: BIRD's interfaces with the new configuration, as in neighbors.Own.
    :param restored: seconds after which the neighbours were back, None if they were not in time.
    """
    found = {entry["router_id"]: entry for entry in trial.neighbors}
    here = {entry["name"]: entry for entry in interfaces}
    speaking = [entry for entry in interfaces if not entry.get("silent")]
    lines = [
        "The new configuration was rolled back: with it the adjacency to %s was lost, and not back after %.0f s. BIRD"
        " runs the configuration before it again, and %s on disk is still that one."
        % (", ".join(trial.lost or trial.before), spent, path)
    ]
    for router_id in trial.lost:
        entry = found.get(router_id)
        state = entry["state"] if entry else "Missing"
        interface = here.get(entry["interface"]) if entry else (speaking[0] if len(speaking) == 1 else None)
        causes = likely_causes(state, interface, entry["role"] if entry else None)
        lines.append(
            "- %s was Full, then %s. Likely causes: %s."
            % (
                router_id,
                describe(entry) if entry else "no neighbour any more",
                "; ".join("(%d) %s" % pair for pair in enumerate(causes, 1)),
            )
        )
    if restored is None:
        lines.append("The adjacency has not come back since: see 'birdc show ospf neighbors' and 'journalctl -u bird'.")
    else:
        lines.append("The adjacency is back, %.0f s after the rollback." % restored)
    lines.append("What both ends must agree on has to change at both ends: the router first, then the nodes.")
    return "\n".join(lines)
