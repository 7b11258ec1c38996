# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a new configuration of BIRD may stay, decided without input or output. Private to this collection."""

from __future__ import annotations

import fnmatch
import math
import posixpath
import re
from collections.abc import Collection, Iterable

from ..ospf.causes import likely_causes, say_causes
from ..ospf.neighbors import Neighbor, Own, OwnInterface
from ..secret import HIDDEN, HIDDEN_CHANGED
from ..waiting import Verdict
from .conf import includes, is_ours, with_includes

CANDIDATE_SUFFIX = ".candidate"  # Of the new files, beside the real ones
TRIAL_SUFFIX = ".trial"  # Of what BIRD reads meanwhile

# A file that the role did not write may hold a secret in a comment, or in a form that we do not know.
NOT_SHOWN = "(not shown: the role did not write it, and it may hold passwords)\n"

_OSPFV3 = re.compile(r"^\s*protocol\s+ospf\s+v3\b", re.MULTILINE)
_PASSWORD = re.compile(r'(password\s+)"[^"]*"')


def hide_passwords(text: str | None) -> str:
    return _PASSWORD.sub(rf'\1"{HIDDEN}"', text or "")


def file_diffs(
    path: str, before: str | None, after: str, key_file: str, key_before: str | None, key_after: str
) -> list[dict[str, str]]:
    """Return the diffs of the files that change, without a secret. A text is None where there is no file yet."""
    diffs = []
    if before != after:
        shown = hide_passwords(before) if not before or is_ours(before) else NOT_SHOWN
        diffs.append(_diff(path, shown, hide_passwords(after)))
    if key_before != key_after:
        other = HIDDEN if key_before is None else HIDDEN_CHANGED
        diffs.append(_diff(key_file, "" if key_before is None else HIDDEN + "\n", other + "\n"))
    return diffs


def including(text: str, main: str, path: str, other: str) -> str | None:
    """Return the file (a text, of the path main) with C(other) included for C(path), None if it includes no C(path)."""
    directory = posixpath.dirname(main)
    found = [included for included in includes(text, directory) if fnmatch.fnmatchcase(path, included)]
    return with_includes(text, directory, dict.fromkeys(found, other)) if found else None


def _diff(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


class Patience:
    """How long to look at the neighbours after a change, in seconds.

    BIRD takes a neighbour whose hellos no longer fit for alive until a dead interval is over. Any packet of that one
    starts that anew, not only a hello, such as the acknowledgement of what the change made us announce (2.0.12 and 2.17
    lost the neighbour only 9.5 s after a change to dead 6).

    :ivar fresh: what is left of the dead interval at any time while hellos arrive; one of them may be lost. Less shows
      that nothing was heard for a while, sooner than the loss of the neighbour does.
    :ivar settle: a neighbour that stays Full and fresh counts as kept after this long. Where the dead interval leaves
      no room for a lost hello, freshness says nothing: the other end gives us up after the old dead interval, may flood
      that 5 s later (MinLSInterval, RFC 2328 B), and so keep our own dead interval running once more.
    :ivar wait: what all neighbours together get; one that starts again from nothing needs an election (at most a dead
      interval, RFC 2328 9.4) and the exchange of the databases.
    :ivar rollback: when BIRD rolls back by itself, if it hears nothing more from us.
    """

    def __init__(self, hello_interval: float, dead_interval: float, dead_interval_before: float = 0) -> None:
        longest = max(dead_interval, dead_interval_before)
        self.fresh = dead_interval - 2 * hello_interval
        if self.fresh >= hello_interval:
            self.settle = longest + 1
        else:
            self.fresh = 0
            self.settle = dead_interval + dead_interval_before + 6
        self.wait = self.settle + max(10, longest)
        self.rollback = math.ceil(self.wait) + 10


def adjacency(entry: Neighbor) -> str:
    """Return what to call the adjacency to a neighbour: its router id, in OSPFv3 with that after it.

    OSPFv2 and OSPFv3 have adjacencies of their own to the same router (RFC 5340 2.5: those of OSPFv3 are between
    link-local addresses), and a change may cost one of them only.
    """
    return f"{entry.router_id} (OSPFv3)" if ":" in str(entry.address) else str(entry.router_id)


def full(neighbors: Iterable[Neighbor]) -> list[str]:
    """Return the adjacencies that are Full, in their order, each once."""
    return list(dict.fromkeys(adjacency(entry) for entry in neighbors if entry.state == "Full"))


def to_keep(adjacencies: Iterable[str], *configuration: str, without: Collection[str] = ()) -> list[str]:
    """Return those of the adjacencies that a new configuration means to keep: where it has no OSPFv3, not OSPFv3's.

    :param without: router ids of neighbours that may go.
    """
    has_ospfv3 = any(_OSPFV3.search(text) for text in configuration)
    kept = [name for name in adjacencies if has_ospfv3 or not name.endswith("(OSPFv3)")]
    return [name for name in kept if name.removesuffix(" (OSPFv3)") not in without]


class Trial:
    """Watches whether the adjacencies, as full() gives them, that there were before a change have survived it."""

    def __init__(self, before: Iterable[str], patience: Patience, start: float) -> None:
        self.before = list(before)
        self.patience = patience
        self.neighbors: list[Neighbor] = []
        self.lost: list[str] = []
        self._since = dict.fromkeys(self.before, start)
        self._restarted: set[str] = set()

    def look(self, neighbors: list[Neighbor], now: float) -> Verdict:
        """Take in what was found at this time; return the Verdict, which is good once nothing is left in doubt."""
        self.neighbors = neighbors
        heard: dict[str, float] = {}
        for entry in filter(_adjacent, neighbors):
            heard[adjacency(entry)] = max(entry.dead_seconds or 0, heard.get(adjacency(entry), 0))
        self.lost = [name for name in self.before if name not in heard]
        self._restarted.update(self.lost)
        if self.lost or (self.before and not full(neighbors)):
            return Verdict(False)
        self._since.update({name: now for name in self.before if heard[name] < self.patience.fresh})
        # One that came up again since the change has proven that both ends fit; one that never went down has to outlive
        # the hellos it had heard before.
        settle = self.patience.settle
        return Verdict(all(name in self._restarted or now - self._since[name] >= settle for name in self.before))


def _adjacent(entry: Neighbor) -> bool:
    """Two ordinary routers on a LAN rest in 2-Way, and after a change of priority these may be such (RFC 2328 10.4)."""
    return entry.state == "Full" or (entry.state == "2-Way" and entry.role == "DROther")


def rollback_message(
    trial: Trial, interfaces: list[OwnInterface], spent: float, restored: float | None, path: str
) -> str:
    """Return the message for a user whose configuration lost a neighbour, which was back after `restored` s or not."""
    found = {adjacency(entry): entry for entry in trial.neighbors}
    own = Own("BIRD", interfaces=interfaces)
    lines = [
        f"The new configuration was rolled back: with it the adjacency to {', '.join(trial.lost or trial.before)} was"
        f" lost, and not back after {spent:.0f} s. BIRD runs the old configuration again, and {path} on disk is"
        " still that one."
    ]
    for name in trial.lost:
        entry = found.get(name)
        state = entry.state if entry else "Missing"
        interface = own.interface(entry.interface if entry else None)
        causes = say_causes(likely_causes(state, interface, entry.role if entry else None))
        lines.append(f"- {name} was Full, then {entry.in_words() if entry else 'no neighbour any more'}. {causes}.")
    if restored is None:
        lines.append("The adjacency has not come back since: see 'birdc show ospf neighbors' and 'journalctl -u bird'.")
    else:
        lines.append(f"The adjacency is back, {restored:.0f} s after the rollback.")
    lines.append("What both ends must agree on has to change at both ends: the router first, then the nodes.")
    return "\n".join(lines)
