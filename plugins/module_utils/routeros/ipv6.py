# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an IPv6 anycast address safe on the router, where IPv6 has other means than IPv4.

/ip/settings has send-redirects, /ipv6/settings has nothing like it (manual, CLI reference, ipv6/settings): there the
redirects are dropped by a rule of /ipv6/firewall/filter. Linux sends them as IPv4's, when a packet leaves by the
interface it came in by, and a client keeps what one says until its own next hop is found dead: 12 s and 29 s in the
quick bed.

Nothing in here does input or output.
"""

from __future__ import annotations

from ipaddress import ip_address

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import takeover
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.rows import hash_policy
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import flag
from ansible_collections.homelab.anycast.plugins.module_utils.system import packet_filter

# RFC 4861 4.5; its code is 0. The manual writes all codes of a type so ("Building Advanced Firewall": 134:0-255).
REDIRECT = 137
_MENU = packet_filter.routeros_menu(6)


def redirect_rules(prefixes, send_redirects, comment):
    """Return the rows of /ipv6/firewall/filter: one, or none where there is no IPv6 or redirects are wanted."""
    if send_redirects or not ip.has_ipv6(prefixes):
        return []
    return [
        {
            "chain": "output",
            "action": "drop",
            "protocol": "icmpv6",
            "icmp-options": f"{REDIRECT}:0-255",
            "comment": comment,
        }
    ]


def settings(info, prefixes, distribution, comment):
    """Return what to set in /ipv6/settings.

    l3 and l3-inner hash the flow label as well, l4 the ports (manual, CLI reference, ipv6/settings); none hashes the
    addresses alone. Where the last IPv6 prefix goes, what was there before the role comes back.

    :raises OptionError: for a name that is none of HASH_POLICIES.
    """
    if ip.has_ipv6(prefixes):
        return {"multipath-hash-policy": hash_policy(distribution)}
    noted = takeover.read_note(info, comment) if takeover.has_ospfv3(info, comment) else None
    return noted["ipv6_settings"] if noted else {}


def problems(info, prefixes, send_redirects, comment):
    """Return what speaks against IPv6 prefixes, one sentence each."""
    if not ip.has_ipv6(prefixes):
        return []
    found = []
    if flag(info["ipv6_settings"], "disable-ipv6"):
        found.append(
            "the router has no IPv6 (/ipv6/settings disable-ipv6=yes), and routeros_ospf_anycast_prefixes has an IPv6"
            " prefix: enable it (/ipv6/settings/set disable-ipv6=no, then reboot), or take the prefix away"
        )
    elif not info["ipv6_settings"].get("forward", True):
        found.append(
            "the router forwards no IPv6 (/ipv6/settings forward=no), and routeros_ospf_anycast_prefixes has an IPv6"
            " prefix: enable it (/ipv6/settings/set forward=yes), or take the prefix away"
        )
    rows = info["firewall"]["ipv6_filter"]
    for rule in redirect_rules(prefixes, send_redirects, comment):
        ours = next((position for position, row in enumerate(rows) if row.get("comment") == comment), None)
        before = _let_out(rows[:ours], rule, info["firewall"]["interface_lists"])
        if before is not None:
            found.append(
                "the {} lets ICMPv6 redirects out before the rule that drops them, and with those the clients on the"
                " nodes' LAN go past the router to one node, and are lost with it: {}; or set"
                " routeros_ospf_send_redirects to true, where no client with IPv6 is on that LAN".format(
                    packet_filter.routeros_rule(before, 6),
                    "add ours before it ({}/add {} place-before={})".format(
                        _MENU, " ".join(f"{name}={value}" for name, value in rule.items()), before.get(".id")
                    )
                    if ours is None
                    else "move ours before it ({}/move {} destination={})".format(
                        _MENU, rows[ours].get(".id"), before.get(".id")
                    ),
                )
            )
    return found


def _let_out(rows, rule, lists):
    """Return the row which is certain to let a redirect out though our rule follows, None if none does."""
    # Connection tracking does not know them: "invalid" in Linux' output, which no manual promises.
    redirect = packet_filter.Packet(
        packet_filter.ICMPV6, ip_address("fe80::1"), ip_address("fe80::2"), "", outgoing=True, icmp=REDIRECT, state=None
    )
    for count in range(1, len(rows) + 1):
        if packet_filter.routeros_drop([*rows[:count], rule], redirect, lists) is None:
            return rows[count - 1]
    return None


def plan(info, prefixes, distribution, send_redirects, comment):
    """Return what to write: {settings, rules, write_rules}; the latter whether there is one to write or to remove."""
    rules = redirect_rules(prefixes, send_redirects, comment)
    return {
        "settings": settings(info, prefixes, distribution, comment),
        "rules": rules,
        "write_rules": bool(rules) or any(row.get("comment") == comment for row in info["firewall"]["ipv6_filter"]),
    }
