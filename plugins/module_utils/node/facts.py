# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What programs of a node print, as the checks ask of it: C(ip -json), C(apt-cache policy). Private to this collection.

Not those of M(ansible.builtin.setup): that is one more module to execute, which takes as long as all else that the
checks read of a node (docs/speed.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any, Union

Address = Union[IPv4Interface, IPv6Interface]
Facts = dict[str, Any]  # What anycast_node_info returns as facts


def parse_interfaces(text: str) -> dict[str, dict[str, Any]]:
    """Return the interfaces by their names, out of C(ip -json -details address show)."""
    return {
        row["ifname"]: {
            # UNKNOWN is that of a driver without a carrier, such as the loopback's (operstates.rst of the kernel).
            "active": row["operstate"] != "DOWN",
            "mtu": row["mtu"],
            "addresses": ["{local}/{prefixlen}".format(**entry) for entry in row["addr_info"]],
            "kind": row.get("linkinfo", {}).get("info_kind"),
            "master": row.get("master"),
        }
        for row in json.loads(text)
    }


def parse_default(text: str) -> str | None:
    """Return the interface of the first default route, None without one, from C(ip -json route show default)."""
    hops = [hop for row in json.loads(text) for hop in (row, *row.get("nexthops", ()))]
    return next((str(hop["dev"]) for hop in hops if hop.get("dev")), None)


def interface(facts: Facts, name: str) -> dict[str, Any]:
    """Return what the facts say of an interface, an empty dictionary if nothing."""
    found: dict[str, Any] = facts.get("interfaces", {}).get(name, {})
    return found


def addresses(facts: Facts, interfaces: Iterable[str] | None = None) -> Iterator[tuple[str, Address]]:
    """Yield (name, address) for the addresses of all or some interfaces."""
    for name in facts.get("interfaces", ()) if interfaces is None else interfaces:
        for address in interface(facts, name).get("addresses", ()):
            yield name, ip_interface(address)


def ipv4_addresses(facts: Facts, interfaces: Iterable[str] | None = None) -> Iterator[tuple[str, IPv4Interface]]:
    return ((name, own) for name, own in addresses(facts, interfaces) if isinstance(own, IPv4Interface))


def ipv6_addresses(facts: Facts, interfaces: Iterable[str] | None = None) -> Iterator[tuple[str, IPv6Interface]]:
    return ((name, own) for name, own in addresses(facts, interfaces) if isinstance(own, IPv6Interface))


def security_update(policy: str) -> str | None:
    """Return the newest version of a security archive that is newer than what is installed, None if there is none.

    :param policy: what `apt-cache policy PACKAGE` prints. The newest version is the first, the installed one has ***.
    """
    version = None
    for line in policy.partition("Version table:\n")[2].splitlines():
        if line.startswith(" ***"):
            return None
        if not line.startswith(" " * 8):
            version = line.split()[0]
        elif "-security/" in line:
            return version
    return None
