"""/ipv6/firewall/filter in the kernel: its rules as a table of nftables.

What menus.py lets through, and nothing else, is translated here; the other matchers are refused by name. A rule that is
invalid on a router, such as a jump to a chain without rules, is none here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TABLE = "routeros"
_HOOKS = ("input", "forward", "output")
_ACTIONS = {"accept": "accept", "drop": "drop", "return": "return", "passthrough": ""}
# Property of a row: what nft(8) calls it.
_MATCHES = {
    "in-interface": "iifname",
    "out-interface": "oifname",
    "protocol": "meta l4proto",
    "src-address": "ip6 saddr",
    "dst-address": "ip6 daddr",
    "src-port": "th sport",
    "dst-port": "th dport",
    "connection-state": "ct state",
}
# IANA's numbers, where nft has another name or none.
_PROTOCOLS = {"icmpv6": "58", "ospf": "89", "tcp": "6", "udp": "17"}


def ruleset(rows: Iterable[Mapping[str, str]]) -> str:
    """The commands, for `nft -f -`, that make the kernel filter as the rows say; one transaction."""
    enabled = [row for row in rows if row.get("disabled") != "true"]
    # Named first, then removed: what is not there cannot be.
    lines = [f"table ip6 {TABLE}", f"delete table ip6 {TABLE}"]
    if enabled:
        chains = [*_HOOKS, *dict.fromkeys(row["chain"] for row in enabled if row["chain"] not in _HOOKS)]
        lines.append(f"table ip6 {TABLE} {{")
        for chain in chains:
            lines.append(f"  chain {_chain(chain)} {{")
            if chain in _HOOKS:
                lines.append(f"    type filter hook {chain} priority filter; policy accept;")
            lines += [f"    {rule}" for row in enabled if row["chain"] == chain for rule in _rule(row, chains)]
            lines.append("  }")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _chain(name: str) -> str:
    return name if name in _HOOKS else f"c_{name.encode().hex()}"


def _rule(row: Mapping[str, str], chains: list[str]) -> Iterable[str]:
    if row["action"] == "jump":
        if row.get("jump-target") not in chains:
            return
        verdict = f"jump {_chain(row['jump-target'])}"
    else:
        verdict = _ACTIONS[row["action"]]
    matches = [_match(name, row[name]) for name in _MATCHES if row.get(name)]
    if options := row.get("icmp-options"):
        matches.append(_icmp(options))
    yield " ".join([*matches, "counter", verdict]).strip()


def _match(name: str, value: str) -> str:
    text = value.removeprefix("!")
    if name == "protocol":
        text = _PROTOCOLS.get(text, text)
    elif name.endswith("-interface"):
        text = f'"{text}"'
    elif "," in text:
        text = "{ " + text.replace(",", ", ") + " }"
    return f"{_MATCHES[name]} {'!= ' if value.startswith('!') else ''}{text}"


def _icmp(options: str) -> str:
    """137:0-255: the type, and the codes of it."""
    kind, _colon, codes = options.partition(":")
    code = f" icmpv6 code {codes}" if codes and codes != "0-255" else ""
    return f"icmpv6 type {kind}{code}"
