# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an event of a drill cost: when the clients lost probes, and when the routers let go of the node.

Nothing in here does input or output. All times are seconds; points in time are seconds since 1970, or since the event
where that is said.
"""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.drill.plan import unserved_nodes


def measured(event, results, node, names):
    """Return what L(result) takes, with every point in time by the controller's clock.

    :param results: of the tasks: {broken, mended, clocks, probes, watches}; the last three are those of loops.
    :param node: addresses by which the routers know the node; names: of all nodes.
    """
    clocks = {clock["item"]: clock for clock in results["clocks"]}
    here = {"offset": 0.0, "uncertainty": 0.0}
    host = clocks[event["node"]] if event["on"] == "node" else here
    mended = results["mended"].get("at")
    # Of a loop over the jobs, which were started in a loop over the files, made in a loop over the clients.
    probes = [(found["item"]["item"]["item"], found) for found in results["probes"]]
    return {
        "broken_at": results["broken"]["at"] + event["delay"] - host["offset"],
        "mended_at": None if mended is None else mended - host["offset"],
        "early": bool(event["undo"]) and mended is None,
        "clock": max(clock["uncertainty"] for clock in [host, *(clocks[name] for name, _found in probes)]),
        "node": node,
        "names": names,
        "probes": [
            {"client": name, "started": found["began"] - clocks[name]["offset"], "results": found["results"]}
            for name, found in probes
        ],
        "watches": [{"router": found["item"]["item"], "changes": found["changes"]} for found in results["watches"]],
    }


def result(event, measured):
    """Return the figures of one event.

    :param event: of a plan.
    :param measured: {broken_at, mended_at (None if nothing was put back), early (whether that had happened by itself),
        clock (+- seconds), node (its addresses), names (of all nodes), probes: [{client, started, results}], watches:
        [{router, changes}]}, all points in time by the controller's clock.

    All seconds in it count from the event; `window_s` is the longest time from a client's first lost probe to the end
    of its last.
    """
    start = measured["broken_at"]
    mended = None if measured["mended_at"] is None else round(measured["mended_at"] - start, 3)
    clients = [
        _client(probes["client"], found, probes["started"] - start, mended, event["interval"], measured["clock"])
        for probes in measured["probes"]
        for found in probes["results"]
    ]
    routers = [_router(watch, start, set(measured["node"])) for watch in measured["watches"]]
    lost = [client for client in clients if client["lost"]]
    again = [client["served_again_s"] for client in clients]
    changed = [router["changed_s"] for router in routers]
    found = {
        "event": event["event"],
        "node": event["node"],
        "title": event["title"],
        "sent": sum(client["sent"] for client in clients),
        "lost": sum(client["lost"] for client in clients),
        "lost_before": sum(client["lost_before"] for client in clients),
        "first_loss_s": min((client["first_loss_s"] for client in lost), default=None),
        "last_loss_s": max((client["last_loss_s"] for client in lost), default=None),
        "window_s": max((client["window_s"] for client in clients), default=0.0),
        "limit": event["limit"],
        "why": event["why"],
        "router_changed_s": None if None in changed else max(changed, default=None),
        "served_again_s": None if None in again else max(again, default=0.0),
        "mended_s": mended,
        "early": measured["early"],
        "recovery": {
            "lost": sum(client["recovery_lost"] for client in clients),
            "window_s": max((client["recovery_window_s"] for client in clients), default=0.0),
            "limit": event["recovery_limit"],
        },
        "clients": clients,
        "routers": routers,
        "precision_s": {"clocks": measured["clock"], "probe": event["interval"], "router": _resolution(routers)},
    }
    found["problems"] = _verdict(event, found, measured["names"])
    found["ok"] = not found["problems"]
    return found


def _client(name, found, offset, mended, interval, clock):
    """Return what one address of a client saw.

    :param offset: seconds from the event to the first probe, negative.
    """
    runs = [
        {
            "from": round(offset + run["first"], 3),
            "to": round(offset + run["last"] + interval, 3),
            "probes": run["probes"],
            "answered_by": run["answered_by"],
            "lost": run["reason"] is not None,
        }
        for run in found["runs"]
    ]
    # A probe that was under way when the clocks, as far as we know them, said so is one of the event.
    blur = clock + interval
    phases = {"before": [], "event": [], "recovery": []}
    for run in runs:
        begins = (
            "before" if run["to"] <= -blur else "recovery" if mended is not None and run["from"] >= mended else "event"
        )
        phases[begins].append(run)
    losses = {phase: [run for run in those if run["lost"]] for phase, those in phases.items()}
    served = [run for run in runs if not run["lost"]]
    until_mended = [run for run in served if mended is None or run["from"] < mended]
    lost = losses["event"]
    return {
        "client": name,
        "source": found["source"],
        "sent": sum(run["probes"] for run in runs),
        "lost": _count(lost),
        "lost_before": _count(losses["before"]),
        "recovery_lost": _count(losses["recovery"]),
        "first_loss_s": lost[0]["from"] if lost else None,
        "last_loss_s": round(lost[-1]["to"] - interval, 3) if lost else None,
        "window_s": _window(lost),
        "recovery_window_s": _window(losses["recovery"]),
        # None: not to the end.
        "served_again_s": None if runs and runs[-1]["lost"] else max(lost[-1]["to"], 0.0) if lost else 0.0,
        "before": next((run["answered_by"] for run in reversed(served) if run["from"] < 0), None),
        "after": until_mended[-1]["answered_by"] if until_mended else None,
        "end": served[-1]["answered_by"] if served else None,
        "runs": runs,
    }


def _count(runs):
    return sum(run["probes"] for run in runs)


def _window(runs):
    return round(runs[-1]["to"] - runs[0]["from"], 3) if runs else 0.0


def _router(watch, start, node):
    """Return when a router let go of the node, and when it took it back."""
    changes = [
        {
            "after": None if change["after"] is None else round(change["after"] - start, 3),
            "by": round(change["by"] - start, 3),
            "gateways": change["gateways"],
        }
        for change in watch["changes"]
    ]
    gone = next((change for change in changes if not node & set(change["gateways"])), None)
    back = gone and next(
        (change for change in changes if change["by"] > gone["by"] and node & set(change["gateways"])), None
    )
    return {
        "router": watch["router"],
        "changed_s": gone and gone["by"],
        "back_s": back and back["by"],
        "changes": changes,
    }


def _resolution(routers):
    """Return within how many seconds the changes of the routers are known, None if there was none."""
    spans = [
        round(change["by"] - change["after"], 3)
        for router in routers
        for change in router["changes"]
        if change["after"] is not None
    ]
    return max(spans, default=None)


def _verdict(event, found, names):
    """Return what is not as it should be, one sentence each.

    :param names: of all nodes.
    """
    problems = []
    if found["window_s"] > event["limit"]:
        problems.append(
            "clients lost {:.2f} s, the limit is {:g} s ({})".format(found["window_s"], event["limit"], event["why"])
        )
    recovery = found["recovery"]
    if recovery["window_s"] > recovery["limit"]:
        problems.append(
            "clients lost {:.2f} s when {} came back, the limit is {:g} s".format(
                recovery["window_s"], event["node"], recovery["limit"]
            )
        )
    problems.extend(
        "{} was not served to the end".format(client["source"])
        for client in found["clients"]
        if client["served_again_s"] is None
    )
    if found["lost_before"]:
        problems.append(
            "{} probes were lost before the event: something else disturbs the clients".format(found["lost_before"])
        )
    if event["leaves"] and found["router_changed_s"] is None:
        problems.append("the router has not let go of {}".format(event["node"]))
    problems.extend(
        "the next hops of {} were not watched in time: they are known from {:.1f} s on".format(
            router["router"], router["changes"][0]["by"]
        )
        for router in found["routers"]
        if router["changes"][0]["by"] > 0
    )
    if found["early"]:
        problems.append("it was put back by itself, before the drill did: what came after that is not the event")
    served = [client["before"] for client in found["clients"]]
    problems.extend(unserved_nodes([event], names, served))
    if not any(client["sent"] for client in found["clients"]):
        problems.append("no probe was sent: nothing is measured")
    if any(client["runs"] and client["runs"][0]["from"] > 0 for client in found["clients"]):
        problems.append("the probes began after the event: nothing is known of what came before them")
    if any(client["sent"] >= event["count"] for client in found["clients"]):
        problems.append("the probes ended before the event did: nothing is known of what came after them")
    return problems


def failure(event, failed):
    """Return the result of an event that could not be measured; it has the keys of every result, and no clients.

    :param failed: the result of the task that failed, or of a loop of which any has.
    """
    messages = [
        item.get("msg")
        for item in [*failed.get("results", []), failed]
        if item.get("failed") or item.get("unreachable")
    ]
    text = " ".join(str(messages[0] if messages else failed.get("msg")).split())
    return {
        "event": event["event"],
        "node": event["node"],
        "title": event["title"],
        "sent": 0,
        "lost": 0,
        "window_s": 0.0,
        "limit": event["limit"],
        "recovery": {"lost": 0, "window_s": 0.0, "limit": event["recovery_limit"]},
        "clients": [],
        "routers": [],
        "ok": False,
        "problems": [f"not measured: {text}"],
    }
