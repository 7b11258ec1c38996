# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a packet filter does to one packet, of IPv4 or IPv6: RouterOS' raw and filter below /ip/firewall and
/ipv6/firewall, nftables, iptables and ip6tables.

Each rule matches the packet (True), does not (False), or that cannot be told from here (None: a rate limit, an address
list). Only what is certain is called a drop; the rest is doubtful. Private to this collection.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Optional, Union

from ..routeros.values import flag

# /etc/protocols of Debian; nft and iptables print names where they know them.
PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "ipsec-esp": 50, "ipsec-ah": 51, "esp": 50, "ah": 51,
             "icmpv6": 58, "ipv6-icmp": 58, "ospf": 89, "ospfigp": 89, "pim": 103, "vrrp": 112, "l2tp": 115,
             "sctp": 132}  # fmt: skip
OSPF, TCP, UDP, ICMPV6 = 89, 6, 17, 58

_MAX_DEPTH = 32

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Row = dict[str, Any]  # A row of RouterOS, or what nft prints as JSON
Match = Optional[bool]
Sets = dict[tuple[Any, ...], Row]  # Sets and maps of nftables, by family, table and name


@dataclasses.dataclass(frozen=True)
class Packet:
    """The first packet of its kind, so that no rule about established connections lets it through."""

    protocol: int
    source: Address
    destination: Address
    interface: str  # By which it comes or goes
    outgoing: bool = False  # Whether it leaves this host
    destination_port: int | None = None
    icmp: int | None = None
    state: str | None = "new"  # What connection tracking calls it; None where that cannot be told
    onward: str | None = None  # By which it leaves a router that forwards it

    @property
    def version(self) -> int:
        return self.destination.version

    @property
    def kind(self) -> str:
        """Return what iptables calls the type of the destination address."""
        if self.destination.is_multicast:
            return "multicast"
        return "unicast" if self.outgoing or self.onward else "local"

    @property
    def hook(self) -> str:
        """Return by which chain a packet filter sees it."""
        return "output" if self.outgoing else "forward" if self.onward else "input"

    def place(self, name: str) -> str | None:
        """Return the interface that a matcher such as in-interface looks at, None where the packet has none."""
        if name.startswith("o"):
            return self.interface if self.outgoing else self.onward
        return None if self.outgoing else self.interface


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule, compared with a packet."""

    matches: Match  # None where it cannot be told
    action: str  # accept, drop, return, jump, goto or continue
    text: str
    target: Any = None  # The chain to jump or go to


@dataclasses.dataclass(frozen=True)
class Drop:
    """What drops a packet, and whether that is certain."""

    text: str
    certain: bool


Chains = dict[Any, list[Rule]]


def every(matches: Iterable[Match]) -> Match:
    """Return whether all matches hold: False where one does not, else None where one cannot be told."""
    found = list(matches)
    return False if False in found else None if None in found else True


def some(matches: Iterable[Match]) -> Match:
    """Return whether any match holds: None where none does and one cannot be told."""
    return _not(every(map(_not, matches)))


def _not(match: Match) -> Match:
    return None if match is None else not match


def _verdicts(chains: Chains, name: Any, certain: bool = True, depth: int = 0) -> Iterator[tuple[str, str, bool]]:
    """Yield (accept or drop, text, whether that is certain) in the order in which the kernel comes by them."""
    for rule in chains.get(name, ()) if depth < _MAX_DEPTH else ():
        if rule.matches is False or rule.action == "continue":
            continue
        sure = certain and rule.matches is True
        if rule.action in ("jump", "goto"):
            yield from _verdicts(chains, rule.target, sure, depth + 1)
        elif rule.action != "return":
            yield rule.action, rule.text, sure
        if rule.action in ("return", "goto"):
            if sure:
                return
            certain = False  # It may be over here: nothing after it is certain


def walk(chains: Chains, name: Any, policy: str = "accept", policy_text: str = "") -> Drop | None:
    """Return the Drop of a chain, None if the packet passes. At its end the policy, accept or drop, decides."""
    may_pass, doubtful = False, None
    for verdict, text, sure in itertools.chain(_verdicts(chains, name), [(policy, policy_text, True)]):
        if verdict == "drop" and sure:
            return Drop(text, certain=not may_pass)
        if sure:
            break
        if verdict == "accept":
            may_pass = True
        else:
            doubtful = doubtful or text
    return None if doubtful is None else Drop(doubtful, certain=False)


def _is_protocol(value: Any, packet: Packet) -> Match:
    text = str(value).lower()
    if text in ("all", "0"):
        return True
    number = int(text) if text.isdigit() else PROTOCOLS.get(text)
    return None if number is None else number == packet.protocol


def _contains(text: str, address: Address) -> Match:
    """Return whether a prefix, a range or an address contains an address; None if it is none of these."""
    first, dash, last = str(text).partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
            return low.version == address.version and int(low) <= int(address) <= int(high)
        return address in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _port_in(text: Any, port: int | None) -> Match:
    """Return whether a comma list of ports and ranges (1-2 or 1:2) contains a port."""
    if port is None:
        return False
    matches: list[Match] = []
    for part in str(text).split(","):
        first, _separator, last = part.replace(":", "-").partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            matches.append(None)
        else:
            matches.append(int(first) <= port <= int(last or first))
    return some(matches)


# What a row of RouterOS has beside its matchers.
_NO_MATCHERS = frozenset(
    (".id", ".nextid", "action", "address-list", "address-list-timeout", "bytes", "chain", "comment", "disabled",
     "dynamic", "invalid", "jump-target", "log", "log-prefix", "packets", "reject-with", "hw-offload", "creation-time",
     "said", "to-addresses", "to-ports")
)  # fmt: skip
_ROUTEROS_ACTIONS = MappingProxyType(
    {"accept": "accept", "drop": "drop", "reject": "drop", "jump": "jump", "return": "return"}
)


def routeros_menu(version: int, name: str = "filter") -> str:
    return f"/{'ip' if version == 4 else 'ipv6'}/firewall/{name}"


def routeros_chains(packet: Packet) -> tuple[tuple[str, str], ...]:
    """Return the (menu, chain) that look at a packet, in their order (manual, "Packet Flow in RouterOS")."""
    return ("raw", "output" if packet.outgoing else "prerouting"), ("filter", packet.hook)


def routeros_drop(firewall: Row, packet: Packet) -> Drop | None:
    """Return the Drop of a packet by a router with this firewall, as routeros_info returns it; None if it passes."""
    return _worst(drop for _menu, _chain, drop in routeros_drops(firewall, packet))


def routeros_drops(firewall: Row, packet: Packet) -> Iterator[tuple[str, str, Drop]]:
    """Yield (menu, chain, Drop) for each chain that drops a packet."""
    packet = tracked(firewall, packet)
    for menu, chain in routeros_chains(packet):
        rows = firewall.get(menu if packet.version == 4 else f"ipv6_{menu}", ())
        path = routeros_menu(packet.version, menu)
        drop = routeros_walk(rows, path, chain, packet, firewall["interface_lists"])
        if drop:
            yield path, chain, drop


def tracked(firewall: Row, packet: Packet) -> Packet:
    """Return a packet as a router's connection tracking has it: untracked where a rule of raw says notrack."""
    rows = firewall.get("raw" if packet.version == 4 else "ipv6_raw", ())
    chain = routeros_chains(packet)[0][1]
    # As if notrack dropped it, and a drop let it through.
    found = routeros_walk(rows, "", chain, packet, firewall["interface_lists"], _actions(("notrack",)))
    return dataclasses.replace(packet, state="untracked") if found and found.certain else packet


def routeros_nat(firewall: Row, packet: Packet) -> Drop | None:
    """Return which rule of srcnat gives a packet a different source, as a Drop."""
    menu, actions = routeros_menu(packet.version, "nat"), _actions(("masquerade", "src-nat", "netmap"))
    return routeros_walk(firewall.get("nat", ()), menu, "srcnat", packet, firewall["interface_lists"], actions)


def routeros_rule_drop(rows: Iterable[Row], packet: Packet) -> Drop | None:
    """Return which row of /routing/rule keeps a packet from being routed by the table main, as a Drop."""
    found = []
    for row in rows:
        action, table = row.get("action", "lookup"), row.get("table", "main")
        if action == "lookup-only-in-table":
            action = "accept" if table == "main" else "drop"
        elif action == "lookup":
            # In another table where nothing is found the next rule is asked.
            action = "accept" if table == "main" else "passthrough"
        no_matchers = ("chain", "inactive", "interface", "table")
        matchers = {name: value for name, value in row.items() if name not in no_matchers}
        found.append({**matchers, "action": action, "in-interface": row.get("interface"), "said": row})
    return routeros_walk(found, "/routing/rule", None, packet, {}, {**_ROUTEROS_ACTIONS, "unreachable": "drop"})


def _actions(dropping: Iterable[str]) -> dict[str, str]:
    """Return actions with which a walk finds other rules than those that drop."""
    return {**_ROUTEROS_ACTIONS, "drop": "accept", "reject": "accept", **dict.fromkeys(dropping, "drop")}


def routeros_walk(
    rows: Iterable[Row],
    menu: str,
    chain: str | None,
    packet: Packet,
    members: Mapping[str, list[str]],
    actions: Mapping[str, str] = _ROUTEROS_ACTIONS,
) -> Drop | None:
    """Return the Drop of a packet by one chain of a menu; members are the interfaces in each interface list."""
    chains: Chains = {}
    for position, row in enumerate(rows):
        if not (flag(row, "disabled") or flag(row, "invalid")):
            matches = every(_routeros_match(name, value, packet, members) for name, value in row.items())
            # Log, passthrough and the others go on with the next rule; tarpit is for TCP.
            action = actions.get(row.get("action", "accept"), "continue")
            rule = Rule(matches, action, routeros_rule(row.get("said", row), menu, position), row.get("jump-target"))
            chains.setdefault(row.get("chain"), []).append(rule)
    return walk(chains, chain)


def routeros_rule(row: Row, menu: str, position: int | None = None) -> str:
    """Return what to call a rule."""
    details = f"chain {row['chain']}, " if "chain" in row else ""
    details += f"action {row.get('action', 'accept')}"
    details += f", comment '{row['comment']}'" if row.get("comment") else ""
    return f"rule {row.get('.id', position)} of {menu} ({details})"


def _is_icmp(options: str, packet: Packet) -> bool:
    """Return whether a packet is of a type such as 137, or 137:0-255: the type with some codes, here of code 0."""
    kind, _colon, codes = options.partition(":")
    return packet.icmp is not None and kind == str(packet.icmp) and (codes in ("", "0") or codes.startswith("0-"))


# Of a property of a row, and of an option of iptables, whether it matches.
_MATCHERS: dict[str, Callable[[str, Packet], Match]] = {
    "protocol": _is_protocol,
    "src-address": lambda text, packet: _contains(text, packet.source),
    "dst-address": lambda text, packet: _contains(text, packet.destination),
    "in-interface": lambda text, packet: text == packet.place("in-interface"),
    "out-interface": lambda text, packet: text == packet.place("out-interface"),
    "connection-state": lambda text, packet: None if packet.state is None else packet.state in text.split(","),
    "icmp-options": _is_icmp,
    "dst-port": lambda text, packet: _port_in(text, packet.destination_port),
    "dst-address-type": lambda text, packet: packet.kind in text.split(","),
    # No packet here is of a connection whose addresses were changed, or of an IPsec policy ("in,none").
    "connection-nat-state": lambda text, packet: False,
    "ipsec-policy": lambda text, packet: text.endswith(",none"),
}


def _routeros_match(name: str, value: Any, packet: Packet, members: Mapping[str, list[str]]) -> Match:
    if name in _NO_MATCHERS or value in (None, ""):
        return True
    text = str(value)
    if text.startswith("!"):
        return _not(_routeros_match(name, text[1:], packet, members))
    if name in ("in-interface-list", "out-interface-list"):
        place = packet.place(name)
        listed = {"all": True, "none": False}.get(text, place in members[text] if text in members else None)
        return listed if place is not None else False
    return _MATCHERS[name](text, packet) if name in _MATCHERS else None


_NFT_VERDICTS = {"reject": "drop", **{name: name for name in ("accept", "drop", "return", "jump", "goto")}}
_NFT_FAMILIES = {4: "ip", 6: "ip6"}
# Statements which let the packet go on to the next one.
_NFT_PASSING = ("counter", "log", "comment", "mangle", "notrack", "meter", "ct helper", "secmark")


def nft_drop(ruleset: Iterable[Row], packet: Packet, ignored: Iterable[str] = ()) -> Drop | None:
    """Return the Drop of a packet by the list below "nftables" of C(nft --json list ruleset), None if it passes.

    The ignored tables are names of the family ip, or of ip6 for a packet of that.
    """
    family = _NFT_FAMILIES[packet.version]
    found = [
        (kind, (value["family"], value.get("table")), value)
        for entry in ruleset
        for kind, value in entry.items()
        if isinstance(value, dict) and value.get("family") in (family, "inet")
    ]
    left_out = [(family, name) for name in ignored]
    sets: Sets = {(*table, value["name"]): value for kind, table, value in found if kind in ("set", "map")}
    chains: Chains = {}
    bases: list[tuple[tuple[Any, ...], Row]] = []
    for kind, table, value in found:
        if kind == "rule":
            chains.setdefault((*table, value["chain"]), []).extend(_nft_rules(value, table, packet, sets))
        elif (
            kind == "chain"
            and (value.get("hook"), value.get("type")) == (packet.hook, "filter")
            and table not in left_out
        ):
            bases.append((table, value))
    bases.sort(key=lambda base: base[1]["prio"] if isinstance(base[1].get("prio"), int) else 0)
    drops = []
    for table, chain in bases:
        where = "chain {} of the nftables table {} {}".format(chain["name"], *table)
        drops.append(walk(chains, (*table, chain["name"]), chain.get("policy", "accept"), f"the policy of the {where}"))
    return _worst(drops)


def _worst(drops: Iterable[Drop | None]) -> Drop | None:
    """Return one that is certain, else the first."""
    return min((drop for drop in drops if drop), key=lambda drop: not drop.certain, default=None)


def _nft_rules(rule: Row, table: tuple[Any, ...], packet: Packet, sets: Sets) -> Iterator[Rule]:
    """Yield the rule for each verdict in a rule: a verdict map has several."""
    where = "chain {} of the nftables table {} {}".format(rule["chain"], *table)
    text = "a rule{} of the {}".format(" ('{}')".format(rule["comment"]) if rule.get("comment") else "", where)
    matches: list[Match] = []
    for statement in rule.get("expr", []):
        name, value = list(statement.items())[0]
        if name == "match":
            matches.append(_nft_match(value, table, packet, sets))
        elif name in _NFT_VERDICTS:
            target = (*table, value["target"]) if name in ("jump", "goto") else None
            yield Rule(every(matches), _NFT_VERDICTS[name], text, target)
        elif name == "vmap":
            yield from _nft_verdict_map(value, matches, text, table, packet, sets)
        elif name not in _NFT_PASSING:
            # A limit, a match of iptables (xt), or newer than this list.
            matches.append(None)
            if name == "queue" or (name == "xt" and value and value.get("type") == "target"):
                yield Rule(every(matches), "drop", text)


def _nft_verdict_map(
    value: Row, matches: list[Match], text: str, table: tuple[Any, ...], packet: Packet, sets: Sets
) -> Iterator[Rule]:
    data = value.get("data")
    elements = data.get("set", []) if isinstance(data, dict) else []
    if isinstance(data, str):
        elements = sets.get((*table, data.lstrip("@")), {}).get("elem", [])
    for key, verdict in elements:
        name, details = list(verdict.items())[0]
        target = (*table, details["target"]) if name in ("jump", "goto") else None
        match = _nft_equal(value.get("key"), key, table, packet, sets)
        yield Rule(every([*matches, match]), _NFT_VERDICTS.get(name, "continue"), text, target)


def _nft_match(value: Row, table: tuple[Any, ...], packet: Packet, sets: Sets) -> Match:
    match = _nft_equal(value.get("left"), value.get("right"), table, packet, sets)
    operator = value.get("op")
    if operator in ("==", "in"):
        return match
    return _not(match) if operator == "!=" else None


def _nft_equal(left: Any, right: Any, table: tuple[Any, ...], packet: Packet, sets: Sets) -> Match:
    """Return whether what C(left) stands for is C(right), or among it."""
    if isinstance(right, str) and right.startswith("@"):
        right = {"set": sets[(*table, right[1:])].get("elem", [])} if (*table, right[1:]) in sets else None
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    if isinstance(right, list):
        return some(_nft_equal(left, one, table, packet, sets) for one in right)
    if isinstance(right, dict) and "elem" in right:
        return _nft_equal(left, right["elem"].get("val"), table, packet, sets)
    if not isinstance(left, dict) or right is None:
        return None
    kind, details = next(iter(left.items()))
    if kind == "ct":
        return bool(right == packet.state) if details.get("key") == "state" and packet.state else None
    if kind == "meta":
        return _nft_meta(details.get("key"), right, packet)
    if kind == "fib" and details.get("result") == "type" and details.get("flags") == ["daddr"]:
        return bool(right == packet.kind)
    return _nft_payload(details, right, packet) if kind == "payload" else None


def _nft_meta(key: Any, right: Any, packet: Packet) -> Match:
    if key == "l4proto":
        return _is_protocol(right, packet)
    if key in ("iif", "iifname", "oif", "oifname"):
        place = packet.place(key)
        return place is not None and re.fullmatch(re.escape(str(right)).replace(r"\*", ".*"), place) is not None
    if key in ("nfproto", "protocol"):
        return right in (("ipv4", "ip") if packet.version == 4 else ("ipv6", "ip6"))
    if key == "pkttype":
        return bool(right == ("multicast" if packet.destination.is_multicast else "host"))
    return None


def _nft_payload(details: Row, right: Any, packet: Packet) -> Match:
    protocol, field = details.get("protocol"), details.get("field")
    if protocol in _NFT_FAMILIES.values() and protocol != _NFT_FAMILIES[packet.version]:
        return False
    if (protocol, field) in (("ip", "protocol"), ("ip6", "nexthdr")):
        return _is_protocol(right, packet)
    if isinstance(right, dict) and "prefix" in right:
        right = "{addr}/{len}".format(**right["prefix"])
    elif isinstance(right, dict) and "range" in right:
        right = "-".join(map(str, right["range"]))
    if protocol in _NFT_FAMILIES.values() and field in ("saddr", "daddr"):
        return _contains(right, packet.source if field == "saddr" else packet.destination)
    if protocol in PROTOCOLS and PROTOCOLS[protocol] != packet.protocol:
        return False
    return _port_in(right, packet.destination_port) if field == "dport" and protocol in ("udp", "th") else None


_IPTABLES_TARGETS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
# An option, its value, which may be in quotes, and whether it is inverted.
_IPTABLES_OPTION = re.compile(
    r'(?<!\S)(?P<not>! )?(?P<option>--?[a-z][\w-]*)(?: (?P<value>"(?:\\.|[^"\\])*"|[^\s!-]\S*))?', re.I
)
# Targets which let the packet go on to the next rule.
_IPTABLES_PASSING = ("LOG", "NFLOG", "MARK", "CONNMARK", "AUDIT", "TRACE", "SET")
_IPTABLES_OPTIONS = {
    "-p": "protocol", "--protocol": "protocol", "-s": "src-address", "--source": "src-address", "-d": "dst-address",
    "--destination": "dst-address", "-i": "in-interface", "--in-interface": "in-interface", "-o": "out-interface",
    "--out-interface": "out-interface", "--ctstate": "connection-state", "--state": "connection-state",
    "--dport": "dst-port", "--destination-port": "dst-port", "--dports": "dst-port", "--dst-type": "dst-address-type",
}  # fmt: skip


def iptables_tables(saved: str) -> list[str]:
    """Return the names of the tables in the output of C(iptables-save)."""
    return [line[1:].strip() for line in saved.splitlines() if line.startswith("*")]


def iptables_drop(saved: str, packet: Packet, program: str = "") -> Drop | None:
    """Return the Drop of a packet by the table filter in the output of C(iptables-save), or that of the program's."""
    program = program or iptables_program(packet.version)
    chains: Chains = {}
    policies: dict[str, str] = {}
    table = None
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table != "filter":
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[name] = policy
        elif line.startswith("-A "):
            known = {*policies, *_IPTABLES_TARGETS}
            chains.setdefault(line.split()[1], []).append(_iptables_rule(line, known, packet, program))
    name = packet.hook.upper()
    policy = _IPTABLES_TARGETS.get(policies.get(name, "ACCEPT"), "accept")
    return walk(chains, name, policy, f"the policy of {program}' chain {name}")


def iptables_program(version: int) -> str:
    return "iptables" if version == 4 else "ip6tables"


def _iptables_rule(line: str, known: set[str], packet: Packet, program: str) -> Rule:
    matches: list[Match] = []
    action, target = "continue", None
    for found in _IPTABLES_OPTION.finditer(line):
        option, value = found["option"], found["value"]
        if option in ("-j", "--jump", "-g", "--goto"):
            target = value
            if target in _IPTABLES_TARGETS:
                action = _IPTABLES_TARGETS[target]
            elif target in known:
                action = "goto" if option in ("-g", "--goto") else "jump"
            elif target not in _IPTABLES_PASSING:
                # A target of an extension.
                matches.append(None)
                action = "drop"
            break  # What follows are options of the target
        # Of a match it is its options that count; one of them that is not known makes the rule uncertain.
        if option not in ("-A", "-m", "--match", "--comment"):
            match = None if value is None else _iptables_match(option, value, packet)
            matches.append(_not(match) if found["not"] else match)
    return Rule(every(matches), action, f"the rule '{line.strip()}' of {program}", target)


def _iptables_match(option: str, value: str, packet: Packet) -> Match:
    if option == "--pkt-type":
        return value == ("multicast" if packet.destination.is_multicast else "unicast")
    name = _IPTABLES_OPTIONS.get(option)
    if name is None:
        return None
    if name in ("in-interface", "out-interface"):
        value = packet.interface if value.endswith("+") and packet.interface.startswith(value[:-1]) else value
        return _MATCHERS[name](value, packet)
    return _routeros_match(name, value.lower(), packet, {})
