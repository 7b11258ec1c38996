# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv4 and IPv6 beside each other: OSPFv2 (RFC 2328) carries the one, OSPFv3 (RFC 5340) the other.

Both run over the same link, with the same link model; OSPFv3 runs where there is an IPv6 prefix to announce.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.anycast.plugins.module_utils.model.link import KEY_OCTETS, KINDS_WITH_KEY_ID

# RFC 7166, the authentication trailer, knows HMAC-SHA only. BIRD refuses the others ("Plaintext authentication not
# supported in OSPFv3", "Keyed hash algorithms are not allowed").
OSPFV3_AUTHENTICATIONS = ("none", *(kind for kind in KINDS_WITH_KEY_ID if kind != "md5"))

# RFC 7166 4.5 appends the Cryptographic Protocol ID to the key. What is longer than the digest then is hashed first
# there, and by plain HMAC (RFC 2104) only where it is longer than the block.
_PROTOCOL_ID_OCTETS = 2


def of_version(prefixes, version):
    """Return the prefixes of IP version 4 or 6."""
    return [prefix for prefix in prefixes if ipaddress.ip_interface(str(prefix)).version == version]


def has_ipv6(prefixes):
    """Return whether there is an IPv6 prefix among them, so that OSPFv3 is wanted; what is no prefix is none."""
    for prefix in prefixes:
        try:
            if ipaddress.ip_interface(str(prefix)).version == 6:
                return True
        except ValueError:
            continue
    return False


def ospf_versions(prefixes):
    """Return the versions of OSPF that carry the prefixes. OSPFv2 is always there: it is what the link is proven by."""
    return [2, 3] if has_ipv6(prefixes if isinstance(prefixes, (list, tuple)) else []) else [2]


def versioned(name, version):
    """Return the name of a thing for this version of OSPF: anycast, anycast-v3."""
    return name if version == 2 or not name else f"{name}-v{version}"


def sources_for(sources, prefix):
    """Return those of the addresses from which the prefix can be asked: of the same IP version."""
    return of_version(sources, ipaddress.ip_interface(str(prefix)).version)


def reachable_from(prefixes, sources):
    """Return the prefixes which can be asked from one of the addresses; all where none are named."""
    return [prefix for prefix in prefixes if not sources or sources_for(sources, prefix)]


def service_prefixes(services):
    """Return the prefixes of all of these services."""
    return [prefix for service in services for prefix in service["addresses"]]


def interface_problems(services):
    """Return which services cannot be told apart: OSPFv3 announces an interface with all of its IPv6 addresses.

    OSPFv2's interface in bird.conf can be narrowed to an address; OSPFv3's can not ("Interface name/mask expected, not
    IP prefix").
    """
    owners = {}
    for service in services:
        if has_ipv6(service["addresses"]):
            owners.setdefault(service["interface"], []).append(service["name"])
    return [
        "services {} have IPv6 addresses on interface {}, and OSPFv3 would announce and withdraw them together: give"
        " each an interface of its own, such as interface: dummy1".format(
            " and ".join(f"'{name}'" for name in names), interface
        )
        for interface, names in owners.items()
        if len(names) > 1
    ]


def link_problems(link, prefixes):
    """Return what keeps a normalised link from carrying the prefixes, one sentence each.

    :param prefixes: what is announced over it.
    """
    kind = link["authentication"]
    if not has_ipv6(prefixes) or kind == "none":
        return []
    if kind not in OSPFV3_AUTHENTICATIONS:
        return [
            "authentication is '{}', and there are IPv6 addresses: OSPFv3 has no such authentication (RFC 7166),"
            " expected one of: {}".format(kind, ", ".join(OSPFV3_AUTHENTICATIONS))
        ]
    room = KEY_OCTETS[kind] - _PROTOCOL_ID_OCTETS
    octets = len(link["key"].encode())
    if octets > room:
        return [
            f"key has {octets} octets, and there are IPv6 addresses: with authentication '{kind}' OSPFv3 carries at"
            f" most {room} (RFC 7166 4.5); shorten it or choose another kind"
        ]
    return []
