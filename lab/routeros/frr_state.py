"""FRR's JSON -> rows of the read-only menus, as pure functions. Keys and their absence are those of captures."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .frr_config import Assignment, Rows, active_instance, bfd_configuration
from .frr_filter import inside, parse_chain
from .schema import Version
from .values import format_bool, format_duration

Row = dict[str, str]

# FRR's neighbour states in RouterOS 7's spelling, as its log has them.
_NEIGHBOR_STATES = {
    "Down": "Down",
    "Deleted": "Down",
    "Attempt": "Attempt",
    "Init": "Init",
    "2-Way": "TwoWay",
    "Twoway": "TwoWay",
    "ExChange": "Exchange",
    "ExStart": "ExStart",
    "Exchange": "Exchange",
    "Loading": "Loading",
    "Full": "Full",
}
_INTERFACE_STATES = {
    "Down": "down",
    "Loopback": "loopback",
    "Waiting": "waiting",
    "Point-To-Point": "ptp",
    "DROther": "dr-other",
    "Backup": "bdr",
    "DR": "dr",
}
_INTERFACE_STATES_V3 = {
    "None": "down",
    "Down": "down",
    "Loopback": "loopback",
    "Waiting": "waiting",
    "PointToPoint": "ptp",
    "DROther": "dr-other",
    "BDR": "bdr",
    "DR": "dr",
}
# Ids are per protocol and step by 0x10 (capture).
_ID_BASES = {"ospf": 0x2018C000, "connect": 0x20183000}
# Those of IPv6 are others (assumption).
_IPV6_IDS = 0x10000000
_ROUTE_SCOPES = {"ospf": ("20", "10"), "connect": ("10", "5"), "static": ("30", "10")}
_NO_ADDRESS = {"", "0.0.0.0"}
# What a neighbour's row says where there is no designated router, or no backup (capture: a terse print of CHR 7.21
# shows it for the backup; for the other it is an assumption).
_NONE = "0.0.0.0"


@dataclass(frozen=True)
class Elected:
    """State of an OSPF interface, that is of one address; and whom FRR takes for designated router and backup there."""

    state: str
    dr: str = ""
    bdr: str = ""
    passive: bool = False


# By interface and address.
Elections = Mapping[tuple[str, str], Elected]

_ADDRESS_LINE = re.compile(r"Internet Address ([\d.]+)/\d+")
_STATE_LINE = re.compile(r"State ([\w-]+), Priority \d+")
_DESIGNATED_LINE = re.compile(r"(Backup )?Designated Router \(ID\) [\d.]+,? Interface Address ([\d.]+)")


def elections(interfaces: Any, text: str = "") -> dict[tuple[str, str], Elected]:
    """What `show ip ospf interface json` says; and where an interface has several addresses, the same without `json`.

    FRR 10.3 runs OSPF once for each address, as RouterOS does, and its JSON has only the last of them.
    """
    found = {
        (name, link["ipAddress"]): Elected(
            link["state"],
            link.get("drAddress", ""),
            link.get("bdrAddress", ""),
            bool(link.get("timerPassiveIface")),
        )
        for name, link in interfaces.get("interfaces", {}).items()
        if link.get("ospfEnabled")
    }
    interface = ""
    key = ("", "")
    for line in text.splitlines():
        if line and not line.startswith(" "):
            interface = line.partition(" ")[0]
        elif match := _ADDRESS_LINE.search(line):
            key = (interface, match[1])
        elif match := _STATE_LINE.search(line):
            found[key] = Elected(match[1])
        elif match := _DESIGNATED_LINE.search(line):
            backup = match[1] is not None
            found[key] = replace(found[key], bdr=match[2]) if backup else replace(found[key], dr=match[2])
        elif "No Hellos (Passive interface)" in line:
            found[key] = replace(found[key], passive=True)
    return found


def neighbor_rows(
    neighbors: Any, elected: Elections, rows: Rows, assigned: Sequence[Assignment], version: Version
) -> list[Row]:
    """/routing/ospf/neighbor from `show ip ospf neighbor detail json`."""
    instance = active_instance(rows)
    if instance is None:
        return []
    by_interface = {one.interface.name: one for one in assigned}
    found: list[Row] = []
    for router_id, entries in neighbors.get("neighbors", {}).items():
        for entry in entries:
            assignment = by_interface.get(entry["ifaceName"])
            if assignment is None:
                continue
            state = _NEIGHBOR_STATES[entry["nbrState"].partition("/")[0]]
            row = {".id": f"*{len(found) + 1:X}", "instance": instance["name"], "area": assignment.area["name"]}
            if version >= (7, 21):
                row["interface"] = entry["ifaceName"]
            row["address"] = entry["ifaceAddress"]
            if assignment.template["type"] != "ptp":
                row["priority"] = str(entry["nbrPriority"])
            row["router-id"] = router_id
            if assignment.template["type"] not in {"ptp", "ptmp-broadcast"}:
                seen = elected.get((entry["ifaceName"], entry["localIfaceAddress"]), Elected(""))
                row["dr"] = _address_of(seen.dr, entry.get("routerDesignatedId"))
                row["bdr"] = _address_of(seen.bdr, entry.get("routerDesignatedBackupId"))
            row["state"] = state
            row["state-changes"] = str(entry["stateChangeCounter"])
            if state == "Full":
                row["adjacency"] = _whole_seconds(entry["lastPrgrsvChangeMsec"])
            row["timeout"] = _whole_seconds(entry["routerDeadIntervalTimerDueMsec"])
            for key, counter in (("ls-requests", "linkStateRequestListCounter"),
                                 ("ls-retransmits", "linkStateRetransmissionListCounter"),
                                 ("db-summaries", "databaseSummaryListCounter")):  # fmt: skip
                if entry.get(counter):
                    row[key] = str(entry[counter])
            row["dynamic"] = "true"
            found.append(row)
    return found


def neighbor_rows_v3(
    neighbors: Any, details: Any, rows: Rows, assigned: Sequence[Assignment], version: Version, first: int
) -> list[Row]:
    """The same from `show ipv6 ospf6 neighbor json` and `... detail json`.

    ospf6d does not say how often a state has changed, so `state-changes` is missing.
    """
    instance = active_instance(rows, "3")
    if instance is None:
        return []
    by_interface = {one.interface.name: one for one in assigned}
    found: list[Row] = []
    for entry in neighbors.get("neighbors", []):
        name = entry["interfaceName"]
        assignment = by_interface.get(name)
        detail = details.get(f"{entry['neighborId']}%{name}")
        if assignment is None or detail is None:
            continue
        row = {".id": f"*{first + len(found):X}", "instance": instance["name"], "area": assignment.area["name"]}
        if version >= (7, 21):
            row["interface"] = name
        row["address"] = f"{detail['linkLocalAddress']}%{name}"
        if assignment.template["type"] != "ptp":
            row["priority"] = str(entry["priority"])
        row["router-id"] = entry["neighborId"]
        if assignment.template["type"] != "ptp":
            # In OSPFv3 it is named by its router id (RFC 5340 A.3.2).
            row |= {"dr": detail["neighborDRouter"], "bdr": detail["neighborBdRouter"]}
        row["state"] = _NEIGHBOR_STATES[entry["state"]]
        if row["state"] == "Full":
            row["adjacency"] = format_duration(_clock_seconds(entry["duration"]))
        row["timeout"] = format_duration(_clock_seconds(entry["deadTime"]))
        row["dynamic"] = "true"
        found.append(row)
    return found


def _clock_seconds(text: str) -> int:
    """Seconds of 00:00:03, and of 01d02h03m, as FRR writes what is longer."""
    if ":" in text:
        hours, minutes, seconds = (int(part) for part in text.split(":"))
        return hours * 3600 + minutes * 60 + seconds
    sizes = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(number) * sizes[unit] for number, unit in re.findall(r"(\d+)([wdhms])", text))


def ospf_interface_rows_v3(interfaces: Any, assigned: Sequence[Assignment], version: Version, first: int) -> list[Row]:
    """/routing/ospf/interface from `show ipv6 ospf6 interface json`."""
    found: list[Row] = []
    for assignment in assigned:
        template, name = assignment.template, assignment.interface.name
        link = interfaces.get(name)
        if not link or not link.get("attachedToArea"):
            continue
        address = next(
            (one["address"] for one in link.get("internetAddress", []) if one["address"].startswith("fe80:")), ""
        )
        passive = bool(link.get("timerPassiveIface"))
        state = "passive" if passive else _INTERFACE_STATES_V3[link["ospf6InterfaceState"]]
        row = {
            ".id": f"*{first + len(found):X}",
            "address": f"{address.partition('/')[0]}%{name}",
            "area": assignment.area["name"],
            "state": state,
            "network-type" if version < (7, 23) else "type": template["type"],
        }
        for key in ("dr", "bdr"):
            value = link.get(key, "")
            if value not in _NO_ADDRESS and state != key and template["type"] != "ptp" and not passive:
                row[key] = value
        row["cost"] = str(link["cost"])
        if template["type"] != "ptp":
            row["priority"] = str(link["priority"])
        if version >= (7, 10):
            row["use-bfd"] = "true" if template.get("use-bfd") == "true" else "false"
        row["retransmit-interval"] = format_duration(link["timerIntervalsConfigRetransmit"])
        row["transmit-delay"] = format_duration(link["transmitDelaySec"])
        row["hello-interval"] = format_duration(link["timerIntervalsConfigHello"])
        row["dead-interval"] = format_duration(link["timerIntervalsConfigDead"])
        row["dynamic"] = "true"
        found.append(row)
    return found


def _address_of(seen_by_us: str | None, seen_by_neighbor: str | None) -> str:
    return next((one for one in (seen_by_us, seen_by_neighbor) if one and one not in _NO_ADDRESS), _NONE)


def ospf_interface_rows(
    interfaces: Any, elected: Elections, assigned: Sequence[Assignment], version: Version
) -> list[Row]:
    """/routing/ospf/interface from `show ip ospf interface json`: a row for each address (logs of RouterOS 6 and 7 name
    the interface by it)."""
    found: list[Row] = []
    for assignment, address in ((one, address) for one in assigned for address in one.addresses):
        name, local = assignment.interface.name, address.partition("/")[0]
        seen = elected.get((name, local))
        if seen is None:
            continue
        # Cost, priority and timers are those of the interface.
        template, link = assignment.template, interfaces["interfaces"][name]
        state = "passive" if seen.passive else _INTERFACE_STATES[seen.state]
        row = {
            ".id": f"*{len(found) + 1:X}",
            "address": f"{local}%{name}",
            "area": assignment.area["name"],
            "state": state,
            "network-type" if version < (7, 23) else "type": template["type"],
        }
        point_to_point = template["type"] == "ptp"
        # Each is absent where it is this router, and on point to point links (captures).
        for key, value in (("dr", seen.dr), ("bdr", seen.bdr)):
            if value not in _NO_ADDRESS and state != key and not point_to_point and not seen.passive:
                row[key] = value
        row["cost"] = str(link["cost"])
        if not point_to_point:
            row["priority"] = str(link["priority"])
        if version >= (7, 10):
            row["use-bfd"] = "true" if template.get("use-bfd") == "true" else "false"
        row["retransmit-interval"] = format_duration(link["timerRetransmitSecs"])
        row["transmit-delay"] = format_duration(link["transmitDelaySecs"])
        row["hello-interval"] = format_duration(link["timerMsecs"] / 1000)
        row["dead-interval"] = format_duration(link["timerDeadSecs"])
        row["dynamic"] = "true"
        found.append(row)
    return found


_LSA_TYPES = {
    "router-LSA": "router",
    "network-LSA": "network",
    "summary-LSA": "inter-area-prefix",
    "ASBR-summary-LSA": "inter-area-router",
    "AS-external-LSA": "external",
    "NSSA-LSA": "nssa",
}


def lsa_rows(database: Any, rows: Rows) -> list[Row]:
    """/routing/ospf/lsa from `show ip ospf database detail json`."""
    instance = active_instance(rows)
    if instance is None or not database:
        return []
    names = {area["area-id"]: area["name"] for area in rows.areas if area["instance"] == instance["name"]}
    found: list[Row] = []
    for group in database.values():
        if isinstance(group, Mapping) and "areas" in group:
            pairs = [(names.get(area), lsa) for area, entries in group["areas"].items() for lsa in entries]
        elif isinstance(group, list):
            pairs = [(None, lsa) for lsa in group]
        else:
            continue
        for area, lsa in pairs:
            kind = _LSA_TYPES.get(lsa.get("lsaType", ""))
            if kind is None:
                continue
            row = {".id": f"*{len(found) + 1:X}", "instance": instance["name"]}
            if area:
                row["area"] = area
            row |= {
                "type": kind,
                "originator": lsa["advertisingRouter"],
                "id": lsa["linkStateId"],
                "sequence": f"0x{int(lsa['lsaSeqNumber'], 16):X}",
                "age": str(lsa["lsaAge"]),
                "checksum": f"0x{int(lsa['checksum'], 16):X}",
            }
            if body := _lsa_body(lsa):
                row["body"] = body
            if lsa["advertisingRouter"] == database.get("routerId"):
                row["self-originated"] = "true"
            row["dynamic"] = "true"
            found.append(row)
    return found


def _lsa_body(lsa: Mapping[str, Any]) -> str:
    """The text form of router and network LSAs (capture)."""
    lines = ["options="]
    for link in lsa.get("routerLinks", {}).values():
        kind = link["linkType"]
        metric = link["tos0Metric"]
        if "Transit" in kind:
            identity, data, name = link["designatedRouterAddress"], link["routerInterfaceAddress"], "network"
        elif "Stub" in kind:
            identity, data, name = link["networkAddress"], link["networkMask"], "stub"
        else:
            identity, data, name = link["neighborRouterId"], link["routerInterfaceAddress"], "point-to-point"
        lines.append(f"    type={name} id={identity} data={data} metric={metric}")
    if "attchedRouters" in lsa:
        netmask = ipaddress.IPv4Network(f"0.0.0.0/{lsa['networkMask']}").netmask
        lines.append(f"    netmask={netmask}")
        lines += [f"    routerId={router}" for router in lsa["attchedRouters"]]
    return "\n".join(lines) if len(lines) > 1 else ""


def route_rows(table: Any, rows: Rows, static: Sequence[Mapping[str, str]], version: int = 4) -> list[Row]:
    """/ip/route from `show ip route json`: one row for each next hop (capture), plus the configured ones.

    With version 6, /ipv6/route from `show ipv6 route json`.
    """
    found: list[Row] = []
    instance = active_instance(rows, "2" if version == 4 else "3")
    for prefix, entries in table.items():
        for entry in entries:
            kind = {"ospf": "ospf", "ospf6": "ospf", "connected": "connect"}.get(entry["protocol"])
            hops = [hop for hop in entry.get("nexthops", []) if not hop.get("duplicate")]
            # A router keeps no OSPF route to its own networks beside the connected one (capture).
            if kind is None or (kind == "ospf" and all(hop.get("directlyConnected") for hop in hops)):
                continue
            for hop in hops:
                row = _dynamic_route(prefix, entry, hop, kind)
                if prefix == "fe80::/64":
                    # Each link has its own.
                    row["dst-address"] = f"fe80::%{hop['interfaceName']}/64"
                if len(hops) > 1:
                    row["ecmp"] = "true"
                if kind == "connect":
                    row |= _local_address(prefix, hop["interfaceName"], rows)
                elif instance is not None and _is_filtered(prefix, rows, instance):
                    # For /routing/route; /ip/route has no such property.
                    row["filtered"] = "true"
                found.append(row)
    _number(found, 0 if version == 4 else _IPV6_IDS)
    return found + [_static_route(table, route) for route in static]


def _dynamic_route(prefix: str, entry: Mapping[str, Any], hop: Mapping[str, Any], kind: str) -> Row:
    scope, target_scope = _ROUTE_SCOPES[kind]
    gateway = hop["interfaceName"] if kind == "connect" else f"{hop['ip']}%{hop['interfaceName']}"
    row = {
        ".id": "",
        "dst-address": prefix,
        "routing-table": "main",
        "gateway": gateway,
        "immediate-gw": gateway,
        "distance": str(entry["distance"]),
        "scope": scope,
        "target-scope": target_scope,
        "dynamic": "true",
        "inactive": "false",
        kind: "true",
        "ospf.metric": str(entry["metric"]),
    }
    if entry.get("selected") and hop.get("active"):
        row["active"] = "true"
    return row


def _static_route(table: Any, route: Mapping[str, str]) -> Row:
    """A configured route: active when zebra uses it (captures)."""
    row = {**route, ".id": f"*{0x80000000 + int(route['.id'].lstrip('*'), 16):X}", "dynamic": "false", "static": "true"}
    entry = next(
        (one for one in table.get(route["dst-address"], [])
         if one["protocol"] == "static" and str(one["distance"]) == route["distance"]), None
    )  # fmt: skip
    hops = entry.get("nexthops", []) if entry else []
    usable = route.get("disabled") != "true" and any(hop.get("active") for hop in hops)
    row["inactive"] = format_bool(not usable)
    if usable and entry is not None and entry.get("selected"):
        row["active"] = "true"
    if "gateway" in route:
        address, interface = route["gateway"], next((hop.get("interfaceName", "") for hop in hops), "")
        row["immediate-gw"] = f"{address.partition('%')[0]}%{interface}" if usable and interface else ""
    return row


def _is_filtered(prefix: str, rows: Rows, instance: Mapping[str, str]) -> bool:
    """Whether the instance's chain rejects a route: what FRR does, worked out again, as FRR does not tell why."""
    chain = instance.get("in-filter-chain")
    if not chain:
        return False
    network = ipaddress.ip_network(prefix)
    rules = [
        row["rule"]
        for row in rows.filters
        if row["chain"] == chain and row.get("disabled") != "true" and row.get("rule")
    ]
    for step in parse_chain(rules, network.version):
        if step.matches is None or any(
            not match.never and inside(network, match.prefix) and match.low <= network.prefixlen <= match.high
            for match in step.matches
        ):
            return not step.accept
    return True


def _local_address(prefix: str, interface: str, rows: Rows) -> Row:
    for one in rows.interfaces:
        for address in one.addresses:
            if one.name == interface and str(ipaddress.IPv4Interface(address).network) == prefix:
                return {"local-address": f"{address.partition('/')[0]}%{interface}"}
    return {}


def _number(rows: Sequence[Row], offset: int) -> None:
    """Ids by protocol; equal routes and next hops keep FRR's order."""
    counts: dict[str, int] = {}
    for row in rows:
        kind = "ospf" if "ospf" in row else "connect"
        row[".id"] = f"*{_ID_BASES[kind] + offset + 0x10 * counts.setdefault(kind, 0):X}"
        counts[kind] += 1


# What is left of a static route that is disabled (captures: ha-manager).
_DISABLED_ROUTE = (".id", "dst-address", "gateway", "disabled", "inactive", "static", "comment")
# In a dump of the manual (Routing) addresses of this form stand in the order of the routes, and no two are the same.
_FIRST_ROUTE_POINTER, _ROUTE_POINTER_STEP = 0x20342000, 0x60


def ip_route_row(row: Row) -> Row:
    """A row as /ip/route shows it."""
    shown = {name: value for name, value in row.items() if name not in {"filtered", "ospf.metric"}}
    if row.get("disabled") == "true":
        shown["inactive"] = "false"
        return {name: shown[name] for name in _DISABLED_ROUTE if name in shown}
    if "blackhole" in row:
        # Captures: ha-manager.
        shown = {name: value for name, value in shown.items() if name not in {"scope", "target-scope"}}
        shown["immediate-gw"] = ""
    return shown


def routing_route_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows as /routing/route shows them."""
    return [
        routing_route_row(row) | {"debug.fwp-ptr": f"0x{_FIRST_ROUTE_POINTER + number * _ROUTE_POINTER_STEP:X}"}
        for number, row in enumerate(rows)
    ]


def routing_route_row(row: Row) -> Row:
    """A row as /routing/route shows it (manual, Routing)."""
    full = {".id": row[".id"], "afi": "ip6" if ":" in row["dst-address"] else "ip"}
    if "filtered" in row:
        full["contribution"] = "filtered"
    elif row["inactive"] == "true":
        full["contribution"] = "unreachable"
    else:
        full["contribution"] = "active" if "active" in row else "candidate"
    full |= {name: value for name, value in row.items() if name not in {"dynamic", "inactive", "ospf.metric"}}
    if "ospf" in row:
        full |= {"belongs-to": "OSPF route", "ospf.metric": row["ospf.metric"]}
    else:
        full["belongs-to"] = "Static route" if "static" in row else "Connected route"
    return full


def bfd_session_rows(
    peers: Any, counters: Any, neighbors: Any, rows: Rows, assigned: Sequence[Assignment]
) -> list[Row]:
    """/routing/bfd/session from `show bfd peers json` and `... counters json`; and those that are forbidden."""
    counts = {(entry["peer"], entry.get("interface", "")): entry for entry in counters}
    found: list[Row] = []
    for peer in peers:
        interface = peer.get("interface", "")
        counter = counts.get((peer["peer"], interface), {})
        up = peer["status"] == "up"
        row = {
            ".id": f"*{len(found) + 1:X}",
            "multihop": format_bool(peer["multihop"]),
            "vrf": "main",
            "remote-address": f"{peer['peer']}%{interface}" if interface else peer["peer"],
            # Without the interface (capture: YANA; manual, BFD).
            "local-address": (peer["local"] if ":" in peer["peer"] else _own_address(peer["peer"], interface, rows)),
            "state": {"shutdown": "admin-down"}.get(peer["status"], peer["status"]),
            "state-changes": str(counter.get("session-up", 0) + counter.get("session-down", 0)),
        }
        desired, multiplier = peer["transmit-interval"], peer["detect-multiplier"]
        actual = max(desired, peer["remote-receive-interval"]) if up else max(desired, 1000)
        if up:
            row["uptime"] = format_duration(peer["uptime"])
        row |= {
            "desired-tx-interval": _milliseconds(desired),
            "actual-tx-interval": _milliseconds(actual),
            "required-min-rx": _milliseconds(peer["receive-interval"]),
            "remote-min-rx": _milliseconds(peer["remote-receive-interval"]) if up else "1us",
            "multiplier": str(multiplier),
            "packets-rx": str(counter.get("control-packet-input", 0)),
            "packets-tx": str(counter.get("control-packet-output", 0)),
        }
        if up:
            row["remote-min-tx"] = _milliseconds(peer["remote-transmit-interval"])
            interval = max(peer["receive-interval"], peer["remote-transmit-interval"])
            row["hold-time"] = _milliseconds(interval * peer["remote-detect-multiplier"])
            row["up"] = "true"
        row["inactive"] = "false"
        found.append(row)
    return found + _forbidden_sessions(len(found), neighbors, rows, assigned)


def _forbidden_sessions(count: int, neighbors: Any, rows: Rows, assigned: Sequence[Assignment]) -> list[Row]:
    """OSPF asks for BFD, and no configuration entry allows it (manual, BFD)."""
    silent = {
        one.interface.name
        for one in assigned
        if one.template.get("use-bfd") == "true" and bfd_configuration(rows, one.taken) is None
    }
    entries = [
        entry for found in neighbors.get("neighbors", {}).values() for entry in found if entry["ifaceName"] in silent
    ]
    return [
        {
            ".id": f"*{number:X}",
            "multihop": "false",
            "vrf": "main",
            "remote-address": f"{entry['ifaceAddress']}%{entry['ifaceName']}",
            "local-address": "",
            "desired-tx-interval": "0ms",
            "required-min-rx": "0ms",
            "multiplier": "0",
            "inactive": "true",
            "about": "BFD forbidden for destination address",
        }
        for number, entry in enumerate(entries, start=count + 1)
    ]


def _own_address(peer: str, interface: str, rows: Rows) -> str:
    for one in rows.interfaces:
        for address in one.addresses:
            if one.name == interface and ipaddress.IPv4Address(peer) in ipaddress.IPv4Interface(address).network:
                return address.partition("/")[0]
    return ""


def _milliseconds(value: int) -> str:
    return format_duration(value / 1000) if value else "0ms"


def _whole_seconds(milliseconds: int) -> str:
    return format_duration(milliseconds // 1000)
