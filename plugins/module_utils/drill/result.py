# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an event of a drill cost the clients, and when the routers sent them elsewhere. Private to this collection.

Nothing in here does input or output. All times are seconds; points in time are seconds since the event, or since 1970
where that is said. The names of what users read in anycast-drill.json end in _s where they are seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ..system.request import Row
from .plan import Event, unserved_nodes

Run = dict[str, Any]  # A dictionary {from, to, probes, answered_by, lost}: probes in a row with the same answer


@dataclasses.dataclass(frozen=True)
class Measured:
    """What an event was seen to do; points in time are seconds since 1970 by the controller's clock."""

    broken_at: float
    mended_at: float | None  # None: nothing was put back
    early: bool  # Whether it had been put back by itself, before the drill did
    clock: float  # Within how many seconds the clocks of the hosts are known, either way
    probes: list[Row]  # Each {client, started, results}; results are those of anycast_probe
    watches: list[Row]  # Each {router, changes}; changes are those of routeros_next_hops


@dataclasses.dataclass(frozen=True)
class Client:
    """What one address of a client saw."""

    client: str
    source: str
    sent: int
    lost: int
    lost_before: int
    recovery_lost: int
    first_loss_s: float | None
    last_loss_s: float | None
    window_s: float  # From its first lost probe to the end of its last
    recovery_window_s: float
    served_again_s: float | None  # None: not to the end
    before: str | None  # Who answered it before the event
    after: str | None  # Who answered it last before the node was put back
    end: str | None  # Who answered it at the end
    runs: list[Run]


@dataclasses.dataclass(frozen=True)
class Router:
    """When a router no longer had the node as a next hop, and when it had it again; never where a router was away."""

    router: str
    changed_s: float | None
    back_s: float | None
    changes: list[Row]

    def losses(self) -> list[str]:
        """Return which next hops it had at first and then lacked, in words."""
        first = self.changes[0]["gateways"]
        found = []
        for gateway in first:
            gone, back = _absence((change["by"], gateway in change["gateways"]) for change in self.changes)
            if gone is not None:
                until = "to the end" if back is None else f"to {back:.1f} s"
                found.append(f"{self.router} lacked the next hop {gateway} from {gone:.1f} s after the event {until}")
        return found


@dataclasses.dataclass(frozen=True)
class Result:
    """The figures of one event; one that could not be measured has no clients."""

    event: str
    node: str  # Empty where the event broke a router
    router: str  # Empty where it broke a node
    title: str
    limit: float
    why: str
    recovery: Row
    problems: list[str]
    sent: int = 0
    lost: int = 0
    lost_before: int = 0
    first_loss_s: float | None = None
    last_loss_s: float | None = None
    window_s: float = 0.0  # The longest of all clients
    router_changed_s: float | None = None
    served_again_s: float | None = None
    mended_s: float | None = None
    clients: list[Client] = dataclasses.field(default_factory=list)
    routers: list[Router] = dataclasses.field(default_factory=list)
    precision_s: Row = dataclasses.field(default_factory=dict)  # How exact: {clocks, probe, router}

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_dict(self) -> Row:
        """Return it as users read it: with the node or the router that was broken, not both."""
        row = {**dataclasses.asdict(self), "ok": self.ok}
        del row["router" if self.node else "node"]
        return row

    @classmethod
    def of_dict(cls, row: Row) -> Result:
        known = {"node": "", "router": "", **{name: row[name] for name in row if name != "ok"}}
        clients = [Client(**client) for client in row["clients"]]
        routers = [Router(**router) for router in row["routers"]]
        return cls(**{**known, "clients": clients, "routers": routers})


def measured(event: Event, results: Mapping[str, Any]) -> Measured:
    """Return what the tasks and loops of the playbook have measured, all times by the controller's clock."""
    clocks = {clock["item"]: clock for clock in results["clocks"]}
    here = {"offset": 0.0, "uncertainty": 0.0}
    host = clocks[event.node] if event.on == "node" else here
    mended = results["mended"].get("at")
    # Of a loop over the jobs, which were started in a loop over the files, made in a loop over the clients.
    probes = [(found["item"]["item"]["item"], found) for found in results["probes"]]
    return Measured(
        broken_at=results["broken"]["at"] + event.delay - host["offset"],
        mended_at=None if mended is None else mended - host["offset"],
        early=bool(event.undo) and mended is None,
        clock=max(clock["uncertainty"] for clock in [host, *(clocks[name] for name, _found in probes)]),
        probes=[
            {"client": name, "started": found["began"] - clocks[name]["offset"], "results": found["results"]}
            for name, found in probes
        ],
        watches=[{"router": found["item"]["item"], "changes": found["changes"]} for found in results["watches"]],
    )


def event_result(event: Event, seen: Measured, addresses: Iterable[str], names: Iterable[str]) -> Result:
    """Return the figures of one event; by the addresses the routers know the node, the names are of all nodes.

    Of a router that is away there are no such addresses.
    """
    start = seen.broken_at
    mended = None if seen.mended_at is None else round(seen.mended_at - start, 3)
    clients = [
        _client(event, probes["client"], found, probes["started"] - start, mended, seen.clock)
        for probes in seen.probes
        for found in probes["results"]
    ]
    routers = [_router(watch, start, set(addresses)) for watch in seen.watches]
    found = Result(
        event=event.event,
        node=event.node,
        router=event.router,
        title=event.title,
        limit=event.limit,
        why=event.why,
        recovery={
            "lost": sum(client.recovery_lost for client in clients),
            "window_s": max((client.recovery_window_s for client in clients), default=0.0),
            "limit": event.recovery_limit,
        },
        problems=[],
        sent=sum(client.sent for client in clients),
        lost=sum(client.lost for client in clients),
        lost_before=sum(client.lost_before for client in clients),
        first_loss_s=min((c.first_loss_s for c in clients if c.first_loss_s is not None), default=None),
        last_loss_s=max((c.last_loss_s for c in clients if c.last_loss_s is not None), default=None),
        window_s=max((client.window_s for client in clients), default=0.0),
        router_changed_s=_latest(router.changed_s for router in routers),
        served_again_s=_latest(client.served_again_s for client in clients),
        mended_s=mended,
        clients=clients,
        routers=routers,
        precision_s={"clocks": seen.clock, "probe": event.interval, "router": _resolution(routers)},
    )
    return dataclasses.replace(found, problems=_result_problems(event, found, seen.early, names))


def _latest(times: Iterable[float | None]) -> float | None:
    """Return the latest of some points in time, None where one of them never came."""
    known = list(times)
    return None if None in known else max((time for time in known if time is not None), default=None)


def _client(event: Event, name: str, found: Row, offset: float, mended: float | None, clock: float) -> Client:
    """Return what one address of a client saw. The offset, negative, is from the event to the first probe."""
    runs = [
        {
            "from": round(offset + run["first"], 3),
            "to": round(offset + run["last"] + event.interval, 3),
            "probes": run["probes"],
            "answered_by": run["answered_by"],
            "lost": run["reason"] is not None,
        }
        for run in found["runs"]
    ]
    # A probe that was under way when the clocks, as far as they are known, said so is one of the event.
    blur = clock + event.interval
    lost: dict[str, list[Run]] = {"before": [], "event": [], "recovery": []}
    for run in runs:
        if run["lost"]:
            recovering = mended is not None and run["from"] >= mended
            lost["before" if run["to"] <= -blur else "recovery" if recovering else "event"].append(run)
    served = [run for run in runs if not run["lost"]]
    until_mended = [run for run in served if mended is None or run["from"] < mended]
    own = lost["event"]
    return Client(
        client=name,
        source=found["source"],
        sent=_count(runs),
        lost=_count(own),
        lost_before=_count(lost["before"]),
        recovery_lost=_count(lost["recovery"]),
        first_loss_s=own[0]["from"] if own else None,
        last_loss_s=round(own[-1]["to"] - event.interval, 3) if own else None,
        window_s=_window(own),
        recovery_window_s=_window(lost["recovery"]),
        served_again_s=None if runs and runs[-1]["lost"] else max(own[-1]["to"], 0.0) if own else 0.0,
        before=next((run["answered_by"] for run in reversed(served) if run["from"] < 0), None),
        after=until_mended[-1]["answered_by"] if until_mended else None,
        end=served[-1]["answered_by"] if served else None,
        runs=runs,
    )


def _count(runs: list[Run]) -> int:
    return sum(run["probes"] for run in runs)


def _window(runs: list[Run]) -> float:
    return round(runs[-1]["to"] - runs[0]["from"], 3) if runs else 0.0


def _router(watch: Row, start: float, addresses: set[str]) -> Router:
    changes = [dict(change) for change in watch["changes"]]
    for change in changes:
        change["after"] = None if change["after"] is None else round(change["after"] - start, 3)
        change["by"] = round(change["by"] - start, 3)
    # Where a router is away, the others are not to change.
    looks = [(change["by"], bool(addresses & set(change["gateways"]))) for change in changes if addresses]
    return Router(watch["router"], *_absence(looks), changes)


def _absence(looks: Iterable[tuple[float, bool]]) -> tuple[float | None, float | None]:
    """Return from when on something was not there, and when it was there again, by when it was seen there or not."""
    known = list(looks)
    gone = next((by for by, is_there in known if not is_there), None)
    back = next((by for by, is_there in known if gone is not None and by > gone and is_there), None)
    return gone, back


def _resolution(routers: list[Router]) -> float | None:
    """Return within how many seconds the changes of the routers are known, None if there was none."""
    changes = [change for router in routers for change in router.changes if change["after"] is not None]
    return max((round(change["by"] - change["after"], 3) for change in changes), default=None)


def _result_problems(event: Event, found: Result, early: bool, names: Iterable[str]) -> list[str]:
    problems = []
    if found.window_s > event.limit:
        problems.append(f"clients lost {found.window_s:.2f} s, the limit is {event.limit:g} s ({event.why})")
    recovery = found.recovery
    if recovery["window_s"] > recovery["limit"]:
        limit = f"the limit is {recovery['limit']:g} s"
        problems.append(f"clients lost {recovery['window_s']:.2f} s when {event.host} came back, {limit}")
    unserved = [client.source for client in found.clients if client.served_again_s is None]
    problems += [f"{source} was not served to the end" for source in unserved]
    if found.lost_before:
        problems.append(f"{found.lost_before} probes were lost before the event: something else disturbs the clients")
    if event.router:
        problems += [loss for router in found.routers for loss in router.losses()]
    elif event.leaves and found.router_changed_s is None:
        problems.append(f"the router still has {event.node} as a next hop")
    problems += [
        f"the next hops of {router.router} were not watched in time: they are known from"
        f" {router.changes[0]['by']:.1f} s on"
        for router in found.routers
        if router.changes[0]["by"] > 0
    ]
    if early:
        problems.append("it was put back before the drill did this: losses after that do not show the event")
    problems += unserved_nodes([event.node] if event.node else [], names, (client.before for client in found.clients))
    if not found.sent:
        problems.append("no probe was sent: nothing is measured")
    if any(client.runs and client.runs[0]["from"] > 0 for client in found.clients):
        problems.append("the probes began after the event: losses before them are not known")
    if any(client.sent >= event.count for client in found.clients):
        problems.append("the probes ended before the event did: losses after them are not known")
    return problems


def failed_result(event: Event, failed: Row) -> Result:
    """Return the result of an event that could not be measured, by the failed task's result, or that of its loop."""
    those = [item for item in failed.get("results", []) if item.get("failed") or item.get("unreachable")]
    text = " ".join(str([*those, failed][0].get("msg")).split())
    recovery = {"lost": 0, "window_s": 0.0, "limit": event.recovery_limit}
    return Result(
        **{name: getattr(event, name) for name in ("event", "node", "router", "title", "limit", "why")},
        recovery=recovery,
        problems=[f"not measured: {text}"],
    )
