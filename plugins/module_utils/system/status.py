# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the whole system, out of what was read at both ends: what serves, what does not, and why.

Nothing in here does input or output. What could not be read is None in the model, never false.

A result is what a module returned, or failed with; one that never ran is empty. Levels are good, note (on purpose, or
worth knowing), bad, and unknown.
"""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import service_prefixes
from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain
from ansible_collections.homelab.anycast.plugins.module_utils.ospf import causes as ospf_causes
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.neighbors import STATES, Neighbor
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.next_hops import addresses_of
from ansible_collections.homelab.anycast.plugins.module_utils.system import last_node
from ansible_collections.homelab.anycast.plugins.module_utils.system.text import count, duration

# The worst first.
_LEVELS = ("bad", "unknown", "note", "good")
# Causes to name with each adjacency that is stuck.
_CAUSES = 3
_NOT_ASKED = "was not asked: --limit leaves it out"


def worst(levels):
    """Return the worst of some levels, good if there are none."""
    return min(levels, key=_LEVELS.index, default="good")


def model(gathered):
    """Return the state of the system.

    :param gathered: {time, by, routers, nodes, clients}: when and by whom it was gathered, and the hosts.

      - router: {name, router_id, bfd (whether it is expected), problems (of its variables), neighbors (result),
        next_hops (results, each with the prefix as item)}
      - node: {name, address (by which Ansible reaches it), router_id, bfd, problems, services (normalised), info
        (result of anycast_services_info), neighbors (result)}
      - client: {name, addresses}
    """
    return _System(gathered).model()


def reason(result, key):
    """Return why a result does not have what it should have, None if it does."""
    if key in result:
        return None
    if not result or result.get("skipped"):
        return _NOT_ASKED
    text = " ".join(str(result.get("msg") or "it failed and does not say why").split())
    # What Ansible puts before every message says nothing here.
    text = text.removeprefix("Task failed: ").removeprefix("Module failed: ")
    if result.get("unreachable"):
        return "cannot be reached: " + text.removeprefix("Failed to connect to the host via ssh: ")
    return "cannot be read: " + text


def short_names(names):
    """Return the names by themselves without their domain, where they stay unique; addresses as they are."""
    heads = [name.partition(".")[0] for name in names]
    return {name: name if head.isdigit() or heads.count(head) > 1 else head for name, head in zip(names, heads)}


def prefixes(nodes):
    """Return the addresses of the services of all nodes, each once."""
    return list(dict.fromkeys(prefix for node in nodes for prefix in service_prefixes(node["services"])))


class _System:
    def __init__(self, gathered):
        self.gathered = gathered
        self.routers = gathered["routers"]
        self.nodes = gathered["nodes"]
        self.findings = []
        names = [host["name"] for host in self.routers + self.nodes + gathered["clients"]]
        self.short = short_names(list(dict.fromkeys(names)))
        self.by_router_id = {}
        for host in self.routers + self.nodes:
            if host["router_id"]:
                self.by_router_id.setdefault(host["router_id"], []).append(host["name"])
        self.addresses = {node["name"]: self._addresses(node) for node in self.nodes}

    # -----------------------------------------------------------------------------------------------------------------
    # What was read

    def _addresses(self, node):
        """Return the addresses by which routers know a node, and those it should have."""
        readable = [router["neighbors"] for router in self.routers if "neighbors" in router["neighbors"]]
        found = last_node.neighbor_addresses(readable, node["router_id"]) if node["router_id"] else []
        # OSPFv3's next hop is known by the router id alone while OSPFv2 is down.
        own = [address for address in (node["router_id"], node["address"]) if address]
        return list(dict.fromkeys(found + own))

    def _owner(self, hop):
        """Return the name of the node that a next hop is, None for a stranger's."""
        return next((name for name in self.addresses if self._is(hop, name)), None)

    def _is(self, hop, name):
        return not addresses_of(hop).isdisjoint(self.addresses[name])

    def _readable(self, prefix):
        """Yield (router, next hops) of each router whose routes to the prefix could be read."""
        for router in self.routers:
            for result in router["next_hops"]:
                if result.get("item") == prefix and "next_hops" in result:
                    yield router, result["next_hops"]

    def _installed(self, node, service):
        """Return (whether every router has the node as a next hop of every address, whether any has it of any).

        The first is None if no router could be asked.
        """
        answers = [
            any(hop["active"] and self._is(hop, node["name"]) for hop in hops)
            for prefix in service.addresses
            for _router, hops in self._readable(prefix)
        ]
        return (all(answers) if answers else None), any(answers)

    def _find(self, level, where, text):
        self.findings.append({"level": level, "where": where, "text": text})

    # -----------------------------------------------------------------------------------------------------------------
    # The hosts

    def _hosts(self):
        """Find what keeps hosts from being looked at."""
        for kind, group, hosts in (
            ("router", "anycast_routers", self.routers),
            ("node", "anycast_nodes", self.nodes),
        ):
            if not hosts:
                self._find("bad", "inventory", f"there is no {kind}: the group {group} is empty")
        for router_id, names in self.by_router_id.items():
            if len(names) > 1:
                self._find("bad", ", ".join(names), f"have the same router id, {router_id}: give each its own")
        for host in self.routers + self.nodes:
            for problem in host["problems"]:
                self._find("bad", host["name"], problem)
        for router in self.routers:
            trouble = self.router_trouble(router)
            if trouble:
                self._find(_level_of(trouble), router["name"], trouble)
                continue
            for result in router["next_hops"]:
                trouble = reason(result, "next_hops")
                if trouble:
                    self._find("bad", router["name"], "routes to {}: {}".format(result.get("item"), trouble))
        for node in self.nodes:
            for trouble in self.node_troubles(node):
                self._find(_level_of(trouble), node["name"], trouble)
            for name in node["info"].get("unlisted", ()):
                self._find(
                    "bad",
                    node["name"],
                    f"announces '{name}', which its bird_anycast_services does not list: run homelab.anycast.site",
                )

    @staticmethod
    def router_trouble(router):
        return reason(router["neighbors"], "neighbors")

    @staticmethod
    def node_troubles(node):
        """Return why a node could not be looked at, or BIRD on it; each reason once."""
        unread = reason(node["info"], "services")
        if unread and (node["info"].get("unreachable") or not node["neighbors"]):
            return [unread]
        # Told by the problem with the variables that it comes from.
        troubles = [unread] if unread and not node["problems"] else []
        bird = reason(node["neighbors"], "neighbors")
        if bird:
            state = node["info"].get("bird_state", "active")
            troubles.append(bird if state == "active" else f"bird.service is {state}: {bird}")
        return troubles

    # -----------------------------------------------------------------------------------------------------------------
    # Services

    def _cell(self, node, service):
        """Return the state of one service on one node."""
        info = node["info"]
        entry = next((found for found in info.get("services", ()) if found["name"] == service.name), None)
        records = [found for found in map(Drain.from_dict, info.get("records", ())) if found.covers(service.name)]
        installed, anywhere = self._installed(node, service)
        announced = entry and entry["announced"] and info.get("bird_state", "active") == "active"
        cell = {
            "service": service.name,
            "node": node["name"],
            "expected": not records,
            "announced": announced,
            "installed": installed,
            "healthy": entry and entry["healthy"],
            "drained": bool(records) if entry else None,
        }
        cell["state"], cell["level"], cell["why"] = self._judge(cell, entry, records, anywhere, node)
        return cell

    def _judge(self, cell, entry, records, anywhere, node):
        if entry is None:
            troubles = self.node_troubles(node)
            return "unknown", "unknown", troubles[0] if troubles else "the node does not say"
        why = entry["why"]
        for word in ("announced: ", "withdrawn: "):
            why = why.removeprefix(word)
        if records:
            why = str(records[0])
            if not (anywhere or cell["announced"]):
                return "drained", "note", why
            if not records[0].done:
                return "draining", "note", why
            if anywhere:
                return "still installed", "bad", why + ", yet the router still sends clients to it"
            return "still announced", "bad", why + ", yet it is announced"
        if cell["announced"]:
            if cell["healthy"] is False:
                return "not healthy", "bad", "it is announced, though it is not healthy: " + why
            if cell["installed"]:
                return "serving", "good", why
            if cell["installed"] is None:
                return "announced", "unknown", "no router could be asked for its next hops"
            return "not installed", "bad", self._why_not_installed(node)
        bird = node["info"].get("bird_state", "active")
        if bird != "active":
            why = "bird.service is " + bird
        if anywhere:
            return "still installed", "bad", "the router still sends clients to it, though it is not announced: " + why
        return "withdrawn", "bad", why

    def _why_not_installed(self, node):
        if self._link(node)["level"] == "bad":
            return "it is announced, and its adjacency is not up"
        return (
            "it is announced, and no active next hop of the router: see the router's import filter (in-filter-chain),"
            " and whether another route to the address hides this one"
        )

    def _services(self):
        found = {}
        for node in self.nodes:
            for service in node["services"]:
                entry = found.setdefault(service.name, {"name": service.name, "addresses": [], "nodes": []})
                entry["addresses"] += [prefix for prefix in service.addresses if prefix not in entry["addresses"]]
                entry["nodes"].append(self._cell(node, service))
        for service in found.values():
            cells = service["nodes"]
            service["announced"] = sum(bool(cell["announced"]) for cell in cells)
            known = any(cell["installed"] is not None for cell in cells)
            service["serving"] = sum(cell["state"] == "serving" for cell in cells) if known else None
            service["level"] = worst(cell["level"] for cell in cells)
            self._judge_service(service)
        for node in self.nodes:
            self._judge_cells(
                node, [c for entry in found.values() for c in entry["nodes"] if c["node"] == node["name"]]
            )
        return list(found.values())

    def _judge_service(self, service):
        what = "{} ({})".format(service["name"], ", ".join(service["addresses"]))
        asked = [hops for prefix in service["addresses"] for _router, hops in self._readable(prefix)]
        if asked and not any(hop["active"] for hops in asked for hop in hops):
            service["level"] = "bad"
            self._find("bad", what, "nobody serves it: the router has no next hop")

    def _judge_cells(self, node, cells):
        """Find what is wrong with the services of a node; those with the same trouble together."""
        together = {}
        for cell in cells:
            # Told once, as what is wrong with BIRD or with the adjacency.
            follows = (cell["state"] == "withdrawn" and self.node_troubles(node)) or (
                cell["state"] == "not installed" and self._link(node)["level"] == "bad"
            )
            if cell["level"] in ("bad", "note") and not follows:
                together.setdefault((cell["level"], cell["state"], cell["why"]), []).append(cell["service"])
        for (level, state, why), names in together.items():
            verb = "is" if len(names) == 1 else "are"
            self._find(level, node["name"], "{} {} {}: {}".format(", ".join(names), verb, state, why))

    # -----------------------------------------------------------------------------------------------------------------
    # Adjacencies

    def _views(self, node, router):
        """Return the neighbour that each end sees in the other: [(whose view, neighbour or None if it sees none)]."""
        views = []
        for seen, end, other in (("the router", router, node), ("the node", node, router)):
            if "neighbors" in end["neighbors"] and other["router_id"]:
                entries = [entry for entry in end["neighbors"]["neighbors"] if entry["router_id"] == other["router_id"]]
                views.append((seen, max(entries, key=lambda entry: _rank(entry["state"]), default=None)))
        return views

    def _link(self, node):
        """Return the state of a node's adjacencies with all routers, the worst of what both ends see of them."""
        pairs = [
            (entry, node["bfd"] or router["bfd"])
            for router in self.routers
            for _seen, entry in self._views(node, router)
        ]
        if not pairs:
            return {"state": None, "bfd": None, "level": "unknown", "text": "not known"}
        entry, _bfd = min(pairs, key=lambda pair: _rank(pair[0] and pair[0]["state"]))
        if entry is None:
            return {"state": "missing", "bfd": None, "level": "bad", "text": "no neighbour"}
        if entry["state"] != "Full":
            return {"state": entry["state"], "bfd": None, "level": "bad", "text": entry["state"]}
        expected = any(bfd for _entry, bfd in pairs)
        states = [entry["bfd"] for entry, _bfd in pairs if entry["bfd"] != "up"]
        if not expected and len(states) == len(pairs) and not any(states):
            return {"state": "Full", "bfd": None, "level": "good", "text": "Full"}
        bfd = states[0] if states else "up"
        return {
            "state": "Full",
            "bfd": bfd or "none",
            "level": "bad" if expected and states else "good",
            "text": "Full, BFD " + (bfd or "none"),
        }

    def _adjacencies(self):
        """Find what is wrong with the adjacencies, and with their BFD sessions."""
        for node in self.nodes:
            for router in self.routers:
                views = self._views(node, router)
                states = [entry["state"] if entry else "missing" for _seen, entry in views]
                # Without BIRD there is no neighbour, which needs no telling.
                if node["info"].get("bird_state", "active") != "active":
                    continue
                if any(state != "Full" for state in states):
                    self._judge_adjacency(node, router, views, states)
                elif node["bfd"] or router["bfd"]:
                    self._judge_bfd(node, router, views)
        known = set(self.by_router_id)
        for end in self.routers + self.nodes:
            for entry in end["neighbors"].get("neighbors", ()):
                if entry["router_id"] not in known:
                    text = "has the neighbour {}, which is not in the inventory"
                    self._find("note", end["name"], text.format(Neighbor(**entry).in_words()))

    def _judge_adjacency(self, node, router, views, states):
        said = {seen: "no neighbour" if state == "missing" else state for (seen, _entry), state in zip(views, states)}
        if len(set(said.values())) == 1:
            text = next(iter(said.values()))
        else:
            text = ", ".join(f"{state} at {seen}" for seen, state in said.items())
        text = "OSPF with {}: {}".format(router["name"], text)
        if not self.node_troubles(node):
            furthest = max(states, key=_rank)
            state = min(states, key=_rank) if furthest == "Full" else furthest
            text += _causes(ospf_causes.likely_causes("Missing" if state == "missing" else state))
        self._find("bad", node["name"], text)

    def _judge_bfd(self, node, router, views):
        states = {seen: entry["bfd"] for seen, entry in views if entry["bfd"] != "up"}
        if not states:
            return
        said = ", ".join("{} at {}".format(state or "no session", seen) for seen, state in states.items())
        causes = _causes(ospf_causes.bfd_causes(next(iter(states.values()))))
        self._find("bad", node["name"], "BFD with {}: {}{}".format(router["name"], said, causes))

    def _neighbors(self):
        rows = []
        for ends, others in ((self.routers, self.nodes), (self.nodes, self.routers)):
            for end in ends:
                if "neighbors" not in end["neighbors"]:
                    continue
                expected = {other["router_id"]: other for other in others if other["router_id"]}
                for entry in end["neighbors"]["neighbors"]:
                    # Nodes see each other too, and rest in 2-Way.
                    if entry["router_id"] in expected or entry["router_id"] not in self.by_router_id:
                        rows.append(self._neighbor(end, expected.get(entry["router_id"]), entry))
                seen = {entry["router_id"] for entry in end["neighbors"]["neighbors"]}
                rows += [
                    self._neighbor(end, other, Neighbor(router_id, None, None, "missing").as_dict())
                    for router_id, other in expected.items()
                    if router_id not in seen
                ]
        return rows

    @staticmethod
    def _neighbor(end, other, entry):
        bfd = other is not None and (end["bfd"] or other["bfd"])
        level = "note" if other is None else "good" if entry["state"] == "Full" else "bad"
        return {
            "at": end["name"],
            "neighbor": other["name"] if other else None,
            "router_id": entry["router_id"],
            "address": entry["address"],
            "interface": entry["interface"],
            "state": entry["state"],
            "role": entry["role"],
            "bfd": entry["bfd"] or ("none" if bfd and entry["state"] != "missing" else None),
            "full_for": None if entry["full_seconds"] is None else duration(entry["full_seconds"]),
            "level": level,
            "bfd_level": "bad" if bfd and entry["bfd"] != "up" else "good" if entry["bfd"] == "up" else "note",
        }

    # -----------------------------------------------------------------------------------------------------------------
    # Next hops

    def _next_hops(self):
        rows = []
        carriers = {}
        for node in self.nodes:
            for service in node["services"]:
                for prefix in service.addresses:
                    carriers.setdefault(prefix, {"service": service.name, "nodes": []})["nodes"].append(node["name"])
        for prefix, carrier in carriers.items():
            for router, hops in self._readable(prefix):
                base = {"prefix": prefix, "service": carrier["service"], "router": router["name"]}
                for hop in hops:
                    rows.append(self._next_hop(base, hop, carrier["nodes"]))
                if not hops:
                    empty = dict.fromkeys(("next_hop", "node", "interface", "protocol", "distance", "active", "ecmp"))
                    rows.append({**base, **empty, "level": "bad"})
        return rows

    def _next_hop(self, base, hop, carriers):
        node = self._owner(hop)
        row = {
            **base,
            "next_hop": "blackhole" if hop["blackhole"] else hop["gateway"] or hop["interface"],
            "node": node,
            "interface": hop["interface"],
            "protocol": hop["protocol"],
            "distance": hop["distance"],
            "active": hop["active"],
            "ecmp": hop["ecmp"],
            "level": "good" if hop["active"] else "note",
        }
        text = None
        if not hop["active"]:
            if hop["protocol"] == "ospf" and node in carriers:
                text = "{next_hop} is a candidate for {prefix} only: another route hides it, or a filter rejects it"
        elif hop["protocol"] not in (None, "ospf"):
            text = "{prefix} goes to {next_hop} by a route of kind {protocol} (distance {distance}), expected ospf"
        elif node is None:
            text = (
                "{next_hop} is a next hop of {prefix}, and no node of the inventory has that address: a stranger"
                " announces it and gets its share of the clients"
            )
        elif node not in carriers:
            text = "{next_hop} ({node}) is a next hop of {prefix}, which its bird_anycast_services does not list"
        if text:
            row["level"] = "bad" if hop["active"] else "note"
            self._find(row["level"], row["router"], text.format(**row))
        return row

    # -----------------------------------------------------------------------------------------------------------------
    # The rest

    def _changes(self):
        rows = [
            {"time": change["time"], "node": node["name"], "service": entry["name"], "text": change["text"]}
            for node in self.nodes
            for entry in node["info"].get("services", ())
            for change in entry["changes"]
        ]
        return sorted(rows, key=lambda row: row["time"], reverse=True)

    def _drains(self):
        return [dict(found, node=node["name"]) for node in self.nodes for found in node["info"].get("records", ())]

    def _node(self, node, services):
        cells = [cell for service in services for cell in service["nodes"] if cell["node"] == node["name"]]
        troubles = self.node_troubles(node) + node["problems"]
        link = self._link(node)
        level = "good"
        if troubles:
            level = worst(map(_level_of, troubles))
        return {
            "name": node["name"],
            "short": self.short[node["name"]],
            "address": next(iter(self.addresses[node["name"]]), None),
            "router_id": node["router_id"],
            "trouble": troubles[0] if troubles else None,
            "link": link,
            "services": cells,
            "level": worst([level, link["level"], *(cell["level"] for cell in cells)]),
        }

    def _router(self, router):
        trouble = self.router_trouble(router)
        return {
            "name": router["name"],
            "short": self.short[router["name"]],
            "router_id": router["router_id"],
            "version": router["neighbors"].get("version"),
            "trouble": trouble,
            "level": worst([entry["level"] for entry in self.findings if entry["where"] == router["name"]]),
        }

    def model(self):
        self._hosts()
        services = self._services()
        self._adjacencies()
        next_hops = self._next_hops()
        # Each once: two addresses of a service have the same trouble.
        findings = list({tuple(entry.values()): entry for entry in self.findings}.values())
        # What is wrong with a host together, in the order of the inventory; what is wrong with all of them first.
        order = [host["name"] for host in self.routers + self.nodes]
        findings.sort(key=lambda entry: order.index(entry["where"]) if entry["where"] in order else -1)
        troubles = [entry for entry in findings if entry["level"] != "note"]
        notes = [entry for entry in findings if entry["level"] == "note"]
        return {
            "time": self.gathered["time"],
            "by": self.gathered["by"],
            "verdict": _verdict(troubles, notes, services),
            "troubles": troubles,
            "notes": notes,
            "services": services,
            "routers": [self._router(router) for router in self.routers],
            "nodes": [self._node(node, services) for node in self.nodes],
            "clients": [dict(client, short=self.short[client["name"]]) for client in self.gathered["clients"]],
            "neighbors": self._neighbors(),
            "next_hops": next_hops,
            "drains": self._drains(),
            "changes": self._changes(),
        }


def _verdict(troubles, notes, services):
    level = "bad" if troubles else "note" if notes else "good"
    text = "All is well" if not troubles else "Not well: {}".format(count(len(troubles), "problem"))
    if notes:
        text += ", {}".format(count(len(notes), "note"))
    served = []
    for service in services:
        nodes = count(len(service["nodes"]), "node")
        if service["serving"] is None:
            text_of = "{} is announced by {} of {}, and what the router makes of it is not known"
            served.append(text_of.format(service["name"], service["announced"], nodes))
        else:
            served.append("{} is served by {} of {}".format(service["name"], service["serving"], nodes))
    return {"level": level, "well": not troubles, "text": text, "summary": "; ".join(served) or "no service is known"}


def _causes(causes):
    return ". " + ospf_causes.say_causes(causes[:_CAUSES]) if causes else ""


def _level_of(trouble):
    return "unknown" if trouble == _NOT_ASKED else "bad"


def _rank(state):
    """Return how far an adjacency is; nothing there, and an unknown state, come before all."""
    return STATES.index(state) if state in STATES else -1
