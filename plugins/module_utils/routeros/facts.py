# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a router is and has, as the module routeros_info returns it. Private to this collection."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from ..secret import MASKED_BY_ROUTER
from .next_hops import read_next_hops
from .session import Router
from .values import Row, flag, split_list
from .vrrp import MENU, TYPE, VRRP_PROPERTIES, parse_gateways

# Every property of an OSPF interface template from RouterOS 7.16 on, but for auth-key and the virtual links'.
TEMPLATE_PROPERTIES = (
    *(".id", "area", "interfaces", "networks", "type", "cost", "priority"),
    *("hello-interval", "dead-interval", "retransmit-interval", "transmit-delay"),
    *("auth", "auth-id", "use-bfd", "passive", "instance-id", "comment", "disabled", "inactive"),
)
BFD_PROPERTIES = (
    *(".id", "interfaces", "addresses", "address-list", "vrf", "min-tx", "min-rx", "multiplier"),
    *("forbid-bfd", "comment", "disabled", "inactive"),
)
NEIGHBOR_PROPERTIES = ("area", "address", "router-id", "state", "dr")
FILTER_RULE_PROPERTIES = (".id", "chain", "rule", "comment", "disabled", "inactive")
INTERFACE_PROPERTIES = ("name", "type", "actual-mtu", "running", "disabled")
ADDRESS_PROPERTIES = ("address", "network", "interface", "actual-interface", "disabled")
IPV6_ADDRESS_PROPERTIES = ("address", "interface", "actual-interface", "disabled")
IP_SETTINGS = ("ip-forward", "ipv4-multipath-hash-policy", "rp-filter", "send-redirects")
IPV6_SETTINGS = ("disable-ipv6", "forward", "multipath-hash-policy")
LIST_PROPERTIES = ("name", "include", "exclude")
MEMBER_PROPERTIES = ("list", "interface", "disabled")
CLOCK_PROPERTIES = ("date", "time", "gmt-offset")


def read_router(
    router: Router,
    prefixes: Iterable[str],
    now: Callable[[], float],
    auth_key_sha256: str | None = None,
    new_key_sha256: str | None = None,
) -> dict[str, Any]:
    """Return what routeros_info does; now() is the time of this host. Without auth_key_sha256 it reads no key."""
    resource = router.resource()
    interfaces = router.rows("/interface", proplist=INTERFACE_PROPERTIES)
    addresses = router.rows("/ip/address", proplist=ADDRESS_PROPERTIES)
    ipv6_addresses = router.rows("/ipv6/address", proplist=IPV6_ADDRESS_PROPERTIES)
    # Most routers have none, and are not asked.
    vrrp = router.rows(MENU, proplist=VRRP_PROPERTIES) if any(row.get("type") == TYPE for row in interfaces) else []
    return {
        "version": str(resource.get("version")),
        "architecture": resource.get("architecture-name"),
        "board": resource.get("board-name"),
        "free_memory": resource.get("free-memory"),
        "interfaces": [
            {
                "name": str(row.get("name")),
                "type": row.get("type"),
                "mtu": row.get("actual-mtu"),
                "running": flag(row, "running"),
                "disabled": flag(row, "disabled"),
            }
            for row in interfaces
        ],
        "addresses": [
            {
                "address": row.get("address"),
                "network": row.get("network"),
                "interface": _place(row),
                "disabled": flag(row, "disabled"),
            }
            for row in addresses
        ],
        "ipv6_addresses": [
            {"address": row.get("address"), "interface": _place(row), "disabled": flag(row, "disabled")}
            for row in ipv6_addresses
        ],
        "vrrp": parse_gateways(vrrp, [*addresses, *ipv6_addresses]),
        "ospf": {
            "instances": router.rows("/routing/ospf/instance"),
            "areas": router.rows("/routing/ospf/area"),
            "interface_templates": _templates(router, auth_key_sha256, new_key_sha256),
            "neighbors": router.rows("/routing/ospf/neighbor", proplist=NEIGHBOR_PROPERTIES),
        },
        "bfd": {"configurations": router.rows("/routing/bfd/configuration", proplist=BFD_PROPERTIES)},
        "filter": {"rules": router.rows("/routing/filter/rule", proplist=FILTER_RULE_PROPERTIES)},
        "ip_settings": router.first_row("/ip/settings", IP_SETTINGS),
        "ipv6_settings": router.first_row("/ipv6/settings", IPV6_SETTINGS),
        "firewall": {
            # All properties: a matcher that was left out would make a rule look wider than it is.
            **{name: router.rows(f"/ip/firewall/{name}") for name in ("filter", "raw", "nat")},
            **{f"ipv6_{name}": router.rows(f"/ipv6/firewall/{name}") for name in ("filter", "raw")},
            "interface_lists": interface_lists(
                router.rows("/interface/list", proplist=LIST_PROPERTIES),
                router.rows("/interface/list/member", proplist=MEMBER_PROPERTIES),
            ),
        },
        "routing_rules": router.rows("/routing/rule"),
        "l3_hw_offloading": any(
            flag(row, "l3-hw-offloading")
            for row in router.rows_if_any("/interface/ethernet/switch", proplist=("name", "l3-hw-offloading"))
        ),
        "sip_helper": any(
            row.get("name") == "sip" and not flag(row, "disabled")
            for row in router.rows_if_any("/ip/firewall/service-port", proplist=("name", "disabled"))
        ),
        "routes": [{"prefix": one, **hop.as_dict()} for one in prefixes for hop in read_next_hops(router, one)],
        "clock": clock(router.first_row("/system/clock", CLOCK_PROPERTIES), now()),
    }


def _place(row: Row) -> str:
    """Return on which interface an address is: one that was given to the port of a bridge is on the bridge."""
    return str(row.get("actual-interface") or row.get("interface"))


def _templates(router: Router, auth_key_sha256: str | None, new_key_sha256: str | None) -> list[Row]:
    secret = () if auth_key_sha256 is None else ("auth-key",)
    rows = router.rows("/routing/ospf/interface-template", proplist=(*TEMPLATE_PROPERTIES, *secret))
    for row in rows if auth_key_sha256 else ():
        key = row.pop("auth-key", None)
        if key == MASKED_BY_ROUTER:
            row["key_masked"] = True
        elif key is not None:
            # librouteros makes booleans of some words.
            words = {True: ("yes", "true"), False: ("no", "false")}.get(key, (str(key),))
            hashes = [hashlib.sha256(word.encode()).hexdigest() for word in words]
            row["key_as_given"] = str(auth_key_sha256).lower() in hashes
            if new_key_sha256:
                row["key_as_new"] = new_key_sha256.lower() in hashes
    return rows


def interface_lists(lists: Iterable[Row], members: Iterable[Row]) -> dict[str, list[str]]:
    """Return the interfaces in each interface list, by the rows of /interface/list and /interface/list/member.

    What belongs to the lists "dynamic" and "static" is not known here, nor to a list that includes one of them.
    """
    rows = {str(row.get("name")): row for row in lists}
    direct: dict[str, set[str]] = {}
    for row in members:
        if not flag(row, "disabled"):
            direct.setdefault(str(row.get("list")), set()).add(str(row.get("interface")))

    def expand(name: str, seen: set[str]) -> set[str]:
        if name in seen or name in ("all", "dynamic", "static"):
            raise LookupError(name)
        found = set(direct.get(name, ()))
        row = rows.get(name, {})
        for other in split_list(row.get("include")):
            found |= expand(other, {*seen, name})
        for other in split_list(row.get("exclude")):
            found -= expand(other, {*seen, name})
        return found

    result = {}
    for name in sorted({*rows, *direct}):
        with contextlib.suppress(LookupError):
            result[name] = sorted(expand(name, set()))
    return result


def clock(row: Row, now: float) -> dict[str, Any]:
    """Return the time of a row of /system/clock, and by how many seconds it is ahead of this host's, now."""
    match = re.match(r"([+-])(\d+):(\d+)\Z", str(row.get("gmt-offset", "")))
    try:
        local = datetime.datetime.fromisoformat(f"{row['date']}T{row['time']}")
    except (KeyError, ValueError):
        return {"utc": None, "skew": None}
    offset = datetime.timedelta(hours=int(match[2]), minutes=int(match[3])) if match else datetime.timedelta()
    utc = (local + offset if match and match[1] == "-" else local - offset).replace(tzinfo=datetime.timezone.utc)
    return {"utc": utc.isoformat().replace("+00:00", "Z"), "skew": round(utc.timestamp() - now)}
