# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet filter does to one packet, of IPv4 or IPv6: RouterOS' /ip/firewall/filter and /ipv6/firewall/filter,
nftables, iptables and ip6tables.

Each rule matches the packet (True), does not (False), or that cannot be told from here (None: a rate limit, an address
list). Only what is certain is called a drop; the rest is doubtful. Private to this collection.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional, Union

from ..routeros.values import flag

# /etc/protocols of Debian; nft and iptables print names where they know them.
PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "ipsec-esp": 50, "ipsec-ah": 51, "esp": 50, "ah": 51,
             "icmpv6": 58, "ipv6-icmp": 58, "ospf": 89, "ospfigp": 89, "pim": 103, "vrrp": 112, "l2tp": 115,
             "sctp": 132}  # fmt: skip
OSPF, UDP, ICMPV6 = 89, 17, 58

_MAX_DEPTH = 32

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
# A row of RouterOS, or what nft prints as JSON.
Row = dict[str, Any]
Match = Optional[bool]
# Sets and maps of nftables, by family, table and name.
Sets = dict[tuple[Any, ...], Row]


@dataclasses.dataclass(frozen=True)
class Packet:
    """The first packet of its kind, so that no rule about established connections lets it through."""

    protocol: int
    source: Address
    destination: Address
    # By which it comes or goes.
    interface: str
    # Whether it leaves this host.
    outgoing: bool = False
    destination_port: int | None = None
    icmp: int | None = None
    # What connection tracking calls it; None where that cannot be told.
    state: str | None = "new"

    @property
    def version(self) -> int:
        return self.destination.version

    @property
    def kind(self) -> str:
        """Return what iptables calls the type of the destination address."""
        if self.destination.is_multicast:
            return "multicast"
        return "unicast" if self.outgoing else "local"


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule, compared with a packet."""

    # None where it cannot be told.
    matches: Match
    # accept, drop, return, jump, goto or continue.
    action: str
    text: str
    # The chain to jump or go to.
    target: Any = None


@dataclasses.dataclass(frozen=True)
class Drop:
    """What drops a packet, and whether that is certain."""

    text: str
    certain: bool


Chains = dict[Any, list[Rule]]


def every(matches: Iterable[Match]) -> Match:
    """Return whether all matches hold: False where one does not, else None where one cannot be told."""
    found = list(matches)
    if any(match is False for match in found):
        return False
    return None if any(match is None for match in found) else True


def _not(match: Match) -> Match:
    return None if match is None else not match


class _Walk:
    """Goes through the chains as the kernel does; what is uncertain is remembered."""

    def __init__(self, chains: Chains) -> None:
        self.chains = chains
        self.may_pass = False
        self.doubtful: str | None = None

    def chain(self, name: Any, depth: int = 0, certain: bool = True) -> tuple[str | None, str]:
        """Return (verdict, text) of a chain; a verdict of None: it decides nothing."""
        for rule in self.chains.get(name, ()) if depth < _MAX_DEPTH else ():
            sure = certain and rule.matches is True
            if rule.matches is False or rule.action == "continue":
                continue
            verdict: str | None = rule.action
            text = rule.text
            if rule.action in ("jump", "goto"):
                verdict, text = self.chain(rule.target, depth + 1, sure)
                if rule.action == "goto" and verdict is None:
                    verdict = "return"
            if verdict == "return":
                if sure:
                    return None, ""
                # It may be over here: nothing after it is certain.
                certain = False
            elif verdict in ("accept", "drop"):
                if sure:
                    return verdict, text
                self._doubt(verdict, text)
        return None, ""

    def _doubt(self, verdict: str, text: str) -> None:
        if verdict == "accept":
            self.may_pass = True
        elif self.doubtful is None:
            self.doubtful = text


def walk(chains: Chains, name: Any, policy: str = "accept", policy_text: str = "") -> Drop | None:
    """Return the Drop of a chain, None if the packet passes.

    :param policy: accept or drop, what happens at its end.
    """
    walked = _Walk(chains)
    verdict, text = walked.chain(name)
    if verdict is None:
        verdict, text = policy, policy_text
    if verdict == "drop":
        return Drop(text, certain=not walked.may_pass)
    return Drop(walked.doubtful, certain=False) if walked.doubtful is not None else None


def _worst(drops: Iterable[Drop | None]) -> Drop | None:
    found = [drop for drop in drops if drop is not None]
    return next((drop for drop in found if drop.certain), found[0] if found else None)


# ---------------------------------------------------------------------------------------------------------------------
# Values that all of them have


def _protocol(value: Any) -> int | None:
    text = str(value).lower()
    return int(text) if text.isdigit() else PROTOCOLS.get(text)


def _is_protocol(value: Any, packet: Packet) -> Match:
    if str(value).lower() in ("all", "0"):
        return True
    number = _protocol(value)
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
    return True if True in matches else None if None in matches else False


# ---------------------------------------------------------------------------------------------------------------------
# RouterOS

# What a row has beside its matchers.
_NO_MATCHERS = frozenset(
    (".id", ".nextid", "action", "address-list", "address-list-timeout", "bytes", "chain", "comment", "disabled",
     "dynamic", "invalid", "jump-target", "log", "log-prefix", "packets", "reject-with", "hw-offload", "creation-time")
)  # fmt: skip
_ROUTEROS_ACTIONS = {"accept": "accept", "drop": "drop", "reject": "drop", "jump": "jump", "return": "return"}


def routeros_menu(version: int) -> str:
    """Return the menu of the packet filter for a version of IP."""
    return "/ip/firewall/filter" if version == 4 else "/ipv6/firewall/filter"


def routeros_drop(rows: Iterable[Row], packet: Packet, members: Mapping[str, list[str]]) -> Drop | None:
    """Return the Drop of a packet by rows of the menu routeros_menu(), None if it passes.

    :param members: the names of the interfaces in each interface list.
    """
    chains: Chains = {}
    for position, row in enumerate(rows):
        if flag(row, "disabled") or flag(row, "invalid"):
            continue
        action = row.get("action", "accept")
        chains.setdefault(row.get("chain"), []).append(
            Rule(
                every(_routeros_match(name, value, packet, members) for name, value in row.items()),
                # Log, passthrough and the others go on with the next rule; tarpit is for TCP.
                _ROUTEROS_ACTIONS.get(action, "continue"),
                routeros_rule(row, packet.version, position),
                row.get("jump-target"),
            )
        )
    return walk(chains, "output" if packet.outgoing else "input")


def routeros_rule(row: Row, version: int, position: int | None = None) -> str:
    """Return what to call a rule."""
    return "rule {} of {} (chain {}, action {}{})".format(
        row.get(".id", position),
        routeros_menu(version),
        row.get("chain"),
        row.get("action", "accept"),
        ", comment '{}'".format(row["comment"]) if row.get("comment") else "",
    )


def _routeros_match(name: str, value: Any, packet: Packet, members: Mapping[str, list[str]]) -> Match:
    if name in _NO_MATCHERS or value in (None, ""):
        return True
    text = str(value)
    if text.startswith("!"):
        return _not(_routeros_match(name, text[1:], packet, members))
    if name == "protocol":
        return _is_protocol(text, packet)
    if name == "src-address":
        return _contains(text, packet.source)
    if name == "dst-address":
        return _contains(text, packet.destination)
    if name in ("in-interface", "out-interface"):
        return _has_interface(name, packet) and text == packet.interface
    if name in ("in-interface-list", "out-interface-list"):
        if not _has_interface(name, packet):
            return False
        if text in ("all", "none"):
            return text == "all"
        return packet.interface in members[text] if text in members else None
    if name == "connection-state":
        return None if packet.state is None else packet.state in text.split(",")
    if name == "icmp-options":
        return _is_icmp(text, packet)
    if name == "dst-port":
        return _port_in(text, packet.destination_port)
    if name == "dst-address-type":
        return packet.kind in text.split(",")
    return None


def _is_icmp(options: str, packet: Packet) -> bool:
    """Return whether a packet is of a type such as 137, or 137:0-255: the type with some codes, here of code 0."""
    kind, _colon, codes = options.partition(":")
    return packet.icmp is not None and kind == str(packet.icmp) and (codes in ("", "0") or codes.startswith("0-"))


def _has_interface(name: str, packet: Packet) -> bool:
    return name.startswith("out-") == packet.outgoing


# ---------------------------------------------------------------------------------------------------------------------
# nftables

_NFT_VERDICTS = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "jump": "jump",
    "goto": "goto",
}
_NFT_FAMILIES = {4: "ip", 6: "ip6"}
# Statements which let the packet go on to the next one.
_NFT_PASSING = ("counter", "log", "comment", "mangle", "notrack", "meter", "ct helper", "secmark")


def nft_drop(ruleset: Iterable[Row], packet: Packet, ignored: Iterable[str] = ()) -> Drop | None:
    """Return the Drop of a packet by the ruleset of C(nft --json list ruleset), None if it passes.

    :param ruleset: the list below "nftables".
    :param ignored: names of tables of the family ip, or of ip6 for a packet of that, to leave out.
    """
    family = _NFT_FAMILIES[packet.version]
    hook = "output" if packet.outgoing else "input"
    sets: Sets = {}
    chains: Chains = {}
    bases: list[tuple[Any, tuple[Any, ...], Row]] = []
    for entry in ruleset:
        for kind, value in entry.items():
            if not isinstance(value, dict) or value.get("family") not in (family, "inet"):
                continue
            table = (value["family"], value.get("table"))
            if table in [(family, name) for name in ignored]:
                continue
            if kind in ("set", "map"):
                sets[(*table, value["name"])] = value
            elif kind == "chain" and value.get("hook") == hook and value.get("type") == "filter":
                bases.append((value.get("prio", 0), table, value))
    for entry in ruleset:
        rule = entry.get("rule")
        if rule and rule.get("family") in (family, "inet"):
            table = (rule["family"], rule["table"])
            chains.setdefault((*table, rule["chain"]), []).extend(_nft_rules(rule, table, packet, sets))
    drops = []
    for _priority, table, chain in sorted(bases, key=lambda base: base[0] if isinstance(base[0], int) else 0):
        where = "chain {} of the nftables table {} {}".format(chain["name"], *table)
        drops.append(walk(chains, (*table, chain["name"]), chain.get("policy", "accept"), f"the policy of the {where}"))
    return _worst(drops)


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
        found = [_nft_equal(left, one, table, packet, sets) for one in right]
        return True if True in found else None if None in found else False
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
        if key.startswith("o") != packet.outgoing:
            return False
        return re.fullmatch(re.escape(str(right)).replace(r"\*", ".*"), packet.interface) is not None
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
    if protocol in _NFT_FAMILIES.values() and field in ("saddr", "daddr"):
        address = packet.source if field == "saddr" else packet.destination
        if isinstance(right, dict) and "prefix" in right:
            right = "{addr}/{len}".format(**right["prefix"])
        elif isinstance(right, dict) and "range" in right:
            right = "-".join(right["range"])
        return _contains(right, address)
    if protocol in PROTOCOLS and PROTOCOLS[protocol] != packet.protocol:
        return False
    if field == "dport" and protocol in ("udp", "th"):
        if isinstance(right, dict) and "range" in right:
            right = "-".join(str(one) for one in right["range"])
        return _port_in(right, packet.destination_port)
    return None


# ---------------------------------------------------------------------------------------------------------------------
# iptables

_IPTABLES_TARGETS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
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


def iptables_drop(saved: str, packet: Packet) -> Drop | None:
    """Return the Drop of a packet by the table filter in the output of C(iptables-save), None if it passes.

    For a packet of IPv6 that of C(ip6tables-save).
    """
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
            words = shlex.split(line)
            known = {*policies, *_IPTABLES_TARGETS}
            chains.setdefault(words[1], []).append(_iptables_rule(words, line, known, packet))
    name = "OUTPUT" if packet.outgoing else "INPUT"
    policy = _IPTABLES_TARGETS.get(policies.get(name, "ACCEPT"), "accept")
    return walk(chains, name, policy, f"the policy of {iptables_program(packet.version)}' chain {name}")


def iptables_program(version: int) -> str:
    """Return the program for a version of IP."""
    return "iptables" if version == 4 else "ip6tables"


def _iptables_rule(words: list[str], line: str, known: set[str], packet: Packet) -> Rule:
    matches: list[Match] = []
    action, target, inverted = "continue", None, False
    position = 2
    while position < len(words):
        word = words[position]
        if word == "!":
            inverted = True
            position += 1
            continue
        if word == "--comment":
            position += 2
            continue
        # An option without a value is followed by the next option.
        following = words[position + 1 : position + 2]
        value = following[0] if following and not following[0].startswith("-") and following[0] != "!" else None
        position += 1 if value is None else 2
        if word in ("-j", "--jump", "-g", "--goto"):
            target = value
            if target in _IPTABLES_TARGETS:
                action = _IPTABLES_TARGETS[target]
            elif target in known:
                action = "goto" if word in ("-g", "--goto") else "jump"
            elif target not in _IPTABLES_PASSING:
                # A target of an extension.
                matches.append(None)
                action = "drop"
            # What follows are options of the target.
            break
        # Of a match it is its options that count; one of them that is not known makes the rule uncertain.
        if word not in ("-m", "--match"):
            match = None if value is None else _iptables_match(word, value, packet)
            matches.append(_not(match) if inverted else match)
        inverted = False
    return Rule(every(matches), action, f"the rule '{line.strip()}' of {iptables_program(packet.version)}", target)


def _iptables_match(option: str, value: str, packet: Packet) -> Match:
    if option == "--pkt-type":
        return value == ("multicast" if packet.destination.is_multicast else "unicast")
    name = _IPTABLES_OPTIONS.get(option)
    if name is None:
        return None
    if name in ("in-interface", "out-interface"):
        same = packet.interface.startswith(value[:-1]) if value.endswith("+") else packet.interface == value
        return _has_interface(name, packet) and same
    return _routeros_match(name, value.lower(), packet, {})
