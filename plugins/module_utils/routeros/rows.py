# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role routeros_ospf writes to the router, and what speaks against writing it."""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip as model_ip
from ansible_collections.homelab.anycast.plugins.module_utils.ospf.router_id import router_id_problems
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.values import (
    address_and_subnet,
    flag,
    routeros_duration,
    split_list,
)

# How the clients are spread over the next hops of a route, by our name; and what /ip/settings
# ipv4-multipath-hash-policy calls it (manual, "Multipath (ECMP) routes"): l3 hashes the two addresses, l4 the protocol
# and the ports as well.
HASH_POLICIES = {"per_client": "l3", "per_flow": "l4"}

# A name that needs no quotes in the console, and which librouteros does not read as a number.
_CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class OptionError(ValueError):
    """An option of the role cannot work. Its text lists every problem."""


def interface_template(link, area, interfaces, priority, cost, comment):
    """Return the row of /routing/ospf/interface-template for a normalised link.

    Keys which are unset are left out: a value of None would reach the router as the text "None" on add
    (community.routeros 3.x).
    """
    row = {
        "area": area,
        "interfaces": ",".join(interfaces),
        "type": link.network_type,
        "cost": cost,
        "priority": priority,
        "hello-interval": routeros_duration(link.hello_interval),
        "dead-interval": routeros_duration(link.dead_interval),
        "retransmit-interval": routeros_duration(link.retransmit_interval),
        # Said where it is the default, too: else api_modify would set it on the second run.
        "use-bfd": link.bfd,
        "disabled": False,
        "comment": comment,
    }
    if link.authentication != "none":
        row.update({"auth": link.authentication, "auth-key": link.key})
        if link.key_id is not None:
            row["auth-id"] = link.key_id
    return row


def interface_templates(link, area, interfaces, priority, cost, comment, versions=(2,)):
    """Return the rows of /routing/ospf/interface-template: the same for each version of OSPF, in an area of its own."""
    return [
        interface_template(link, model_ip.versioned(area, version), interfaces, priority, cost, comment)
        for version in versions
    ]


def areas(link, name, instance_name, comment, versions=(2,)):
    """Return the rows of /routing/ospf/area, one for each version of OSPF."""
    return [
        {
            "name": model_ip.versioned(name, version),
            "instance": model_ip.versioned(instance_name, version),
            "area-id": link.area,
            "disabled": False,
            "comment": comment,
        }
        for version in versions
    ]


def bfd_configuration(link, interfaces, comment):
    """Return the rows of /routing/bfd/configuration for a normalised link: one, or none without BFD.

    "Anything not explicitly listed is forbidden by default" (manual, BFD): use-bfd of the template alone does nothing.
    """
    if not link.bfd:
        return []
    interval = routeros_duration(milliseconds=link.bfd_interval)
    return [
        {
            "interfaces": ",".join(interfaces),
            "min-tx": interval,
            "min-rx": interval,
            "multiplier": link.bfd_multiplier,
            "disabled": False,
            "comment": comment,
        }
    ]


def instances(name, router_id, filter_chain, comment, versions=(2,)):
    """Return the rows of /routing/ospf/instance, one for each version of OSPF.

    Without a chain the property is left out, as in interface_template.
    """
    rows = []
    for version in versions:
        row = {
            "name": model_ip.versioned(name, version),
            "version": version,
            "router-id": router_id,
            "disabled": False,
            "comment": comment,
        }
        if filter_chain:
            row["in-filter-chain"] = model_ip.versioned(filter_chain, version)
        rows.append(row)
    return rows


def filter_chains(chain, versions=(2,)):
    """Return the names of the chains that the instances have; none for no filter."""
    return [model_ip.versioned(chain, version) for version in versions] if chain else []


def filter_rules(prefixes, chain, comment):
    """Return the rows of /routing/filter/rule: host routes inside the prefixes are accepted, nothing else is.

    Each version of OSPF has a chain of its own, with the prefixes that it can bring.

    One row for each prefix, so that another prefix changes a row and never takes away what stays accepted. They are
    sorted, so that the order of the list does not matter to the router.

    RouterOS leaves C(disabled) out of an enabled row of this menu, and so does this: api_modify knows no default of it.

    :raises OptionError: with all problems of the prefixes at once.
    """
    networks, problems = _networks(prefixes)
    if problems:
        raise OptionError("; ".join(problems))
    rows = []
    for version in model_ip.ospf_versions(networks):
        rules = [
            f"if (dst in {network} && dst-len == {network.max_prefixlen}) {{ accept }}"
            for network in networks
            if network.version == {2: 4, 3: 6}[version]
        ]
        # The default action of a chain is reject (manual); said so that whoever reads the chain need not know that.
        rows += [
            {"chain": model_ip.versioned(chain, version), "rule": rule, "comment": comment}
            for rule in (*rules, "reject")
        ]
    return rows


def hash_policy(distribution):
    """Return what /ip/settings ipv4-multipath-hash-policy is to be.

    :raises OptionError: for a name that is none of HASH_POLICIES.
    """
    if distribution in HASH_POLICIES:
        return HASH_POLICIES[distribution]
    if distribution == "per_packet":
        raise OptionError(
            "routeros_ospf_distribution is 'per_packet', which RouterOS 7 does not offer: it chooses the next hop by a"
            " hash (/ip/settings ipv4-multipath-hash-policy is l3, l4 or l3-inner), and the packets of one registration"
            " or call would go to different nodes. Take 'per_client', or 'per_flow' where few clients send many"
            " independent requests"
        )
    raise OptionError(
        "routeros_ospf_distribution is '{}', expected one of: {}".format(distribution, ", ".join(HASH_POLICIES))
    )


def guard_problems(info, prefixes, filter_chain, distribution, comment):
    """Return what speaks against the import filter and the distribution, one sentence each.

    :param prefixes: what routeros_ospf_anycast_prefixes holds.
    :param filter_chain: name of the chain to write; empty if there is to be no filter.
    :param distribution: name of the distribution; None if it is not to be set.
    """
    problems = _filter_problems(info, prefixes, filter_chain, comment) if filter_chain else []
    try:
        if distribution is not None:
            hash_policy(distribution)
    except OptionError as error:
        problems.append(str(error))
    return problems


def _filter_problems(info, prefixes, chain, comment):
    problems = []
    # librouteros reads these words as booleans, so they would never compare equal.
    if not _CHAIN.fullmatch(str(chain)) or str(chain).lower() in ("yes", "no", "true", "false"):
        problems.append(
            f"routeros_ospf_filter_chain is '{chain}', expected a letter and then letters, digits, dot, - and _; or ''"
            " for no filter"
        )
    networks, wrong = _networks(prefixes)
    problems.extend(wrong)
    problems.extend(
        "routeros_ospf_anycast_prefixes has {}, which {} {} on interface {}: a node could announce the addresses of"
        " hosts there; expected prefixes outside every subnet of the router".format(
            network, "lies inside" if network.subnet_of(subnet) else "holds", subnet, interface
        )
        for network in networks
        for interface, subnet in _connected_subnets(info)
        if network.version == subnet.version and network.overlaps(subnet)
    )
    for row in info["filter"]["rules"]:
        if row.get("chain") not in filter_chains(chain, model_ip.ospf_versions(prefixes)):
            continue
        disabled = flag(row, "disabled")
        if row.get("comment") == comment:
            if disabled:
                problems.append(
                    "the rule {} of the filter chain '{}' is disabled, which changes what it accepts: enable or remove"
                    " it (/routing/filter/rule)".format(row[".id"], row["chain"])
                )
        elif not disabled:
            problems.append(
                "the router has a rule {} of somebody else's in the filter chain '{}' (comment '{}', expected '{}'):"
                " set routeros_ospf_filter_chain to another name, or give that row our comment to hand it over".format(
                    row[".id"], row["chain"], row.get("comment") or "", comment
                )
            )
    return problems


def _networks(prefixes):
    """Return (the prefixes as networks, sorted and each once; what is wrong with them)."""
    variable = "routeros_ospf_anycast_prefixes"
    if not isinstance(prefixes, (list, tuple)):
        return [], [f"{variable} is '{prefixes}', expected a list of prefixes such as 172.18.0.64/32"]
    if not prefixes:
        return [], [
            f"{variable} is empty, expected the prefixes that hold the anycast addresses, such as 172.18.0.64/32; set"
            " routeros_ospf_filter_chain to '' if the router is to take every route that OSPF brings"
        ]
    networks, problems = set(), []
    for prefix in prefixes:
        try:
            interface = ipaddress.ip_interface(str(prefix))
        except ValueError:
            problems.append(
                f"{variable} has '{prefix}', expected an IPv4 prefix such as 172.18.0.64/32, or an IPv6 prefix such as"
                " 2001:db8::64/128"
            )
            continue
        ip = interface.ip
        if ip.version == 6 and (ip.is_link_local or ip.is_multicast or ip.ipv4_mapped):
            problems.append(f"{variable} has '{prefix}', expected unicast prefixes that can be routed")
        if interface.ip != interface.network.network_address:
            problems.append(f"{variable} has '{prefix}' with host bits set, expected {interface.network}")
        networks.add(interface.network)
    return sorted(networks, key=lambda network: (network.version, network)), problems


def _connected_subnets(info):
    """Yield (interface, network) for every enabled address; of a point-to-point address both ends."""
    for row in info["addresses"]:
        if not row["disabled"]:
            own, subnet = address_and_subnet(row)
            yield row["interface"], subnet
            if own not in subnet:
                yield row["interface"], ipaddress.IPv4Network(own)
    for row in info.get("ipv6_addresses", []):
        if not row["disabled"]:
            network = ipaddress.IPv6Interface(str(row["address"])).network
            # Every interface has one of these, and nobody announces it.
            if not network.is_link_local:
                yield row["interface"], network


def router_problems(
    info, router_id, instance, area, interfaces, comment, other_router_ids=None, bfd=False, versions=(2,)
):
    """Return what speaks against configuring the router, one sentence each; an empty list if nothing does.

    :param info: result of the module routeros_info; with its option auth_key_sha256 it knows of masked keys as well.
    :param instance: name of the OSPF instance to write; C(area) likewise.
    :param interfaces: names of the interfaces that are to speak OSPF.
    :param comment: the comment by which the role owns its rows.
    :param bfd: whether the link has BFD.
    :param versions: of OSPF that are to run.
    """
    problems = router_id_problems("routeros_ospf_router_id", router_id, other_router_ids or {}, [])
    for kind, variable, name in (
        ("instances", "routeros_ospf_instance", instance),
        ("areas", "routeros_ospf_area", area),
    ):
        problems.extend(
            "the router has {} '{}' of somebody else's (comment '{}', expected '{}'): set {} to another name, or give"
            " that row our comment to hand it over".format(
                kind[:-1], row["name"], row.get("comment") or "", comment, variable
            )
            for row in info["ospf"][kind]
            if row["name"] in [model_ip.versioned(name, version) for version in versions]
            and row.get("comment") != comment
        )
    for row in info["ospf"]["interface_templates"]:
        taken = set(split_list(row.get("interfaces"))) & {"all", *interfaces}
        # RouterOS does not say which of two templates wins; release 7.23.3 speaks of a "duplicate config".
        if taken and row.get("comment") != comment and not flag(row, "disabled"):
            problems.append(
                "interface {} is matched already by the interface template {} (area {}, comment '{}'): disable or"
                " remove that row, or give it our comment '{}' to hand it over".format(
                    ", ".join(sorted(taken)), row[".id"], row["area"], row.get("comment") or "", comment
                )
            )
    masked = [row[".id"] for row in info["ospf"]["interface_templates"] if row.get("key_masked")]
    if masked:
        problems.append(
            "the router shows the keys of its interface templates {} as ***** to the user of the API: the user's group"
            " lacks the policy 'sensitive', so they cannot be compared and would be written on every run. Add the"
            " policy to the group (/user/group)".format(", ".join(masked))
        )
    if bfd:
        problems.extend(_bfd_problems(info, interfaces, comment))
    return problems


def _bfd_problems(info, interfaces, comment):
    """Say which rows of somebody else's decide about BFD on our interfaces: the first row that matches does."""
    subnets = [
        address_and_subnet(row)[1]
        for row in info["addresses"]
        if row["interface"] in interfaces and not row["disabled"]
    ]
    problems = []
    for row in info["bfd"]["configurations"]:
        if row.get("comment") == comment:
            break
        limited = set(split_list(row.get("interfaces")))
        if (
            flag(row, "disabled")
            or (limited and not limited & {"all", "static", *interfaces})
            or not _covers(row, subnets)
        ):
            continue
        problems.append(
            "the row {} of /routing/bfd/configuration (comment '{}') decides about BFD on {}, as it stands before ours,"
            " and {}: disable or remove it, or limit it to other interfaces or addresses".format(
                row[".id"],
                row.get("comment") or "",
                ", ".join(interfaces),
                "forbids it" if flag(row, "forbid-bfd") else "may have other timers",
            )
        )
    return problems


def _covers(row, subnets):
    """Return whether a row of /routing/bfd/configuration may match a neighbour in one of the subnets.

    What an address list holds is not known here; a row with one is left to the check of the sessions.
    """
    if row.get("address-list") or row.get("vrf") not in (None, "", "main"):
        return False
    prefixes = []
    for text in str(row.get("addresses") or "").split(","):
        try:
            prefixes.append(ipaddress.IPv4Network(text.strip(), strict=False))
        except ValueError:
            # IPv6, or nothing at all.
            continue
    if not row.get("addresses"):
        return True
    return any(prefix.overlaps(subnet) for prefix in prefixes for subnet in subnets)
