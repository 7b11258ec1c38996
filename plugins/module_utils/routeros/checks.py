# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps the role routeros_ospf from configuring a router, one sentence each. Private to this collection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model import ip
from ..model.limits import limit_problems
from ..model.link import Link
from ..ospf.router_id import router_id_problems
from .rows import HASH_POLICIES, Network, RouterRequest, anycast_networks, area_rows, bfd_rows, template_rows
from .takeover import Info, is_in_force, matched_interfaces
from .values import Row, address_and_subnet, flag, parse_duration, quoted

# What a row of /routing/bfd/configuration has where it says nothing (manual, BFD).
BFD_TIMERS = {"min-tx": "200ms", "min-rx": "200ms", "multiplier": "5"}

# A name that needs no quotes in the console, and which librouteros does not read as a number.
_CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def request_problems(request: RouterRequest) -> list[str]:
    """Return why the variables cannot be written to any router."""
    limits = {"routeros_ospf_priority": request.priority, "routeros_ospf_cost": request.cost}
    return [*limit_problems(limits), *_filter_problems(request), *_distribution_problems(request.distribution)]


def _filter_problems(request: RouterRequest) -> Iterator[str]:
    chain = request.filter_chain
    if not chain:
        return
    # librouteros reads these words as booleans, so they would never compare equal.
    if not _CHAIN.fullmatch(chain) or chain.lower() in ("yes", "no", "true", "false"):
        yield (
            f"routeros_ospf_filter_chain is '{chain}', expected a letter and then letters, digits, dot, - and _; or ''"
            " for no filter"
        )
    if not request.prefixes:
        yield (
            "routeros_ospf_anycast_prefixes is empty, expected the prefixes that hold the anycast addresses, such as"
            " 172.18.0.64/32: the router would take no route from the nodes. inventories/home makes it of"
            " anycast_services"
        )
    yield from anycast_networks(request.prefixes)[1]


def _distribution_problems(distribution: str) -> Iterator[str]:
    if distribution == "per_packet":
        yield (
            "routeros_ospf_distribution is 'per_packet', which RouterOS 7 does not offer: it chooses the next hop by a"
            " hash (/ip/settings ipv4-multipath-hash-policy is l3, l4 or l3-inner), and the packets of one registration"
            " or call would go to different nodes. Take 'per_client', or 'per_flow' where few clients send many"
            " independent requests"
        )
    elif distribution not in HASH_POLICIES:
        yield f"routeros_ospf_distribution is '{distribution}', expected one of: {', '.join(HASH_POLICIES)}"


def router_problems(
    info: Info, request: RouterRequest, other_router_ids: Mapping[str, Any], link: Link | None
) -> list[str]:
    """Return what on this router, or on the others, is in the way. The link is None where it cannot work."""
    return [
        *router_id_problems("routeros_ospf_router_id", request.router_id, other_router_ids),
        *_interface_problems(info, request.interfaces),
        *_rows_in_the_way(info, request),
        *_masked_keys(info),
        *_forwarding_problems(info),
        *(_bfd_problems(info, request, link) if link and link.bfd else ()),
        *(_chain_problems(info, request) if request.filter_chain else ()),
        *(_ipv6_problems(info) if ip.has_ipv6(request.prefixes) else ()),
    ]


def _interface_problems(info: Info, required: Iterable[str]) -> Iterator[str]:
    by_name = {entry["name"]: entry for entry in info["interfaces"]}
    usable = ", ".join(entry["name"] for entry in info["interfaces"] if not entry["disabled"]) or "none"
    for name in required:
        if name not in by_name:
            found = f"the router has no interface '{name}'; it has: {usable}"
            yield f"routeros_ospf_interfaces: {found}. Correct the name of the interface"
        elif by_name[name]["disabled"]:
            yield (
                f"routeros_ospf_interfaces: interface '{name}' of the router is disabled. Enable it (/interface enable"
                f" {quoted(name)}), or choose one of: {usable}"
            )


def _rows_in_the_way(info: Info, request: RouterRequest) -> Iterator[str]:
    advice = f"set the comment '{request.comment}' on that row to let the role manage it"
    for kind, name in (("instance", request.instance), ("area", request.area)):
        names = [ip.versioned(name, version) for version in request.versions]
        for row in info["ospf"][kind + "s"]:
            if row["name"] in names and row.get("comment") != request.comment:
                yield (
                    f"the router has an OSPF {kind} '{row['name']}' that this role does not manage (comment"
                    f" '{row.get('comment') or ''}'). Choose a different name in routeros_ospf_{kind}, or {advice}"
                )
    for row in info["ospf"]["interface_templates"]:
        taken = matched_interfaces(info, row, request, "networks")
        # RouterOS does not say which of two templates wins; release 7.23.3 speaks of a "duplicate config".
        if taken and row.get("comment") != request.comment and is_in_force(info, row, request.versions):
            matchers = ", ".join(f"{name}={row[name]}" for name in ("interfaces", "networks") if row.get(name))
            yield (
                f"interface {', '.join(sorted(taken))} is matched by the interface template {row['.id']} (area"
                f" {row['area']}, {matchers or 'every interface'}, comment '{row.get('comment') or ''}') that this role"
                f" does not manage. Disable or remove that row, or {advice}"
            )


def _masked_keys(info: Info) -> Iterator[str]:
    masked = [row[".id"] for row in info["ospf"]["interface_templates"] if row.get("key_masked")]
    if masked:
        yield (
            f"the router shows the keys of its interface templates {', '.join(masked)} as ***** to the user of the API:"
            " the user's group lacks the policy 'sensitive', so they cannot be compared and would be written on every"
            " run. Add the policy to the group (/user/group)"
        )


def _bfd_problems(info: Info, request: RouterRequest, link: Link) -> Iterator[str]:
    """Say which rows that the role does not manage decide about BFD on its interfaces: the first that matches does.

    What an address list holds is not known here; a row with one is left to the check of the sessions.
    """
    (ours,) = bfd_rows(link, request)
    for row in info["bfd"]["configurations"]:
        if row.get("comment") == request.comment:
            return
        taken = matched_interfaces(info, row, request, "addresses")
        elsewhere = row.get("address-list") or row.get("vrf") not in (None, "", "main")
        if flag(row, "disabled") or elsewhere or not taken:
            continue
        same = all(
            parse_duration(row.get(name, usual)) == parse_duration(ours[name]) for name, usual in BFD_TIMERS.items()
        )
        if same and not flag(row, "forbid-bfd"):
            continue
        yield (
            f"the row {row['.id']} of /routing/bfd/configuration (comment '{row.get('comment') or ''}') decides about"
            f" BFD on {', '.join(taken)}, as it stands before the role's, and"
            f" {'forbids it' if flag(row, 'forbid-bfd') else 'has other timers'}. Disable or remove it, or limit"
            " it to other interfaces or addresses"
        )


def _chain_problems(info: Info, request: RouterRequest) -> Iterator[str]:
    for network in anycast_networks(request.prefixes)[0]:
        for interface, subnet in _connected_subnets(info):
            if network.version == subnet.version and network.overlaps(subnet):
                inside = network.prefixlen >= subnet.prefixlen
                yield (
                    f"routeros_ospf_anycast_prefixes has {network}, which {'lies inside' if inside else 'holds'}"
                    f" {subnet} on interface {interface}: a node could announce the addresses of hosts there; expected"
                    " prefixes outside every subnet of the router"
                )
    for row in info["filter"]["rules"]:
        if row.get("chain") not in request.chains:
            continue
        if row.get("comment") != request.comment and not flag(row, "disabled"):
            yield (
                f"the filter chain '{row['chain']}' of the router has a rule {row['.id']} that this role does not"
                f" manage (comment '{row.get('comment') or ''}'). Choose a different name in"
                f" routeros_ospf_filter_chain, or set the comment '{request.comment}' on that row to let the role"
                " manage it"
            )
        elif row.get("comment") == request.comment and flag(row, "disabled"):
            yield (
                f"the rule {row['.id']} of the filter chain '{row['chain']}' is disabled, which changes what it"
                " accepts. Enable or remove it (/routing/filter/rule)"
            )


def _connected_subnets(info: Info) -> Iterator[tuple[str, Network]]:
    """Yield (interface, network) for every enabled address; of a point-to-point address both ends."""
    for row in info["addresses"]:
        if not row["disabled"]:
            own, subnet = address_and_subnet(row)
            yield row["interface"], subnet
            if own not in subnet:
                yield row["interface"], ipaddress.IPv4Network(own)
    for row in info["ipv6_addresses"]:
        if not row["disabled"]:
            network = ipaddress.IPv6Interface(str(row["address"])).network
            # Every interface has one of these, and no node announces it.
            if not network.is_link_local:
                yield row["interface"], network


def _forwarding_problems(info: Info) -> Iterator[str]:
    if not info["ip_settings"].get("ip-forward", True):
        yield (
            "the router does not forward IPv4 (/ip/settings ip-forward=no), so no client reaches an anycast address"
            " through it. Enable it (/ip/settings/set ip-forward=yes)"
        )


def _ipv6_problems(info: Info) -> Iterator[str]:
    advice = "or take the IPv6 prefix out of routeros_ospf_anycast_prefixes"
    if flag(info["ipv6_settings"], "disable-ipv6"):
        yield (
            "IPv6 is disabled on the router (/ipv6/settings disable-ipv6=yes), and routeros_ospf_anycast_prefixes has"
            f" an IPv6 prefix. Enable it (/ipv6/settings/set disable-ipv6=no, then reboot), {advice}"
        )
    elif not info["ipv6_settings"].get("forward", True):
        yield (
            "the router does not forward IPv6 (/ipv6/settings forward=no), and routeros_ospf_anycast_prefixes has an"
            f" IPv6 prefix. Enable it (/ipv6/settings/set forward=yes), {advice}"
        )


# What would cost the router the adjacencies that it has. Two routers stay neighbours only as long as they agree on the
# area (RFC 2328 8.2), the timers (10.5), the authentication and its key (D.3). The router gets a new link before the
# nodes do, so a change of these drops every node until that one has it as well.

# Properties of /routing/ospf/interface-template that both ends must agree on, and what RouterOS takes for one that is
# not set, which it then does not print (manual, OSPF, "Interface Templates").
AGREED = {"type": "broadcast", "hello-interval": "10s", "dead-interval": "40s", "auth": "none"}


def full_neighbors(info: Info, *areas: str) -> list[Row]:
    """Return the rows of the neighbours in these areas to which the router is adjacent."""
    rows: list[Row] = info["ospf"]["neighbors"]
    return [row for row in rows if row.get("area") in areas and str(row.get("state")).lower() == "full"]


def interruption_problems(info: Info, link: Link, request: RouterRequest) -> list[str]:
    """Return one sentence for each interface template of the role whose change would drop neighbours; never a key.

    Of a new key it knows where routeros_info was asked with auth_key_sha256.
    """
    found = []
    for template in template_rows(link, request):
        changes = _changes(info, template, link, request)
        full = full_neighbors(info, template["area"])
        neighbors = [str(row.get("address", "")).partition("%")[0] for row in full]
        if changes and neighbors:
            found.append(
                f"the router has {', '.join(changes)} in its interface template on {template['interfaces']}: with the"
                f" change it loses its neighbours {', '.join(neighbors)}, and their clients, until each of them has the"
                " same. Correct routeros_ospf_link; change a key with homelab.anycast.rotate_key; or, where an"
                " interruption does no harm, set routeros_ospf_allow_interruption"
            )
    return found


def _changes(info: Info, template: Row, link: Link, request: RouterRequest) -> list[str]:
    """Return what a template of the role has and what it is to be, a phrase for each property."""
    row = _in_force(info["ospf"]["interface_templates"], "area", template["area"], request.comment)
    if row is None:
        return []
    pairs = [(name, row.get(name, default), template.get(name, default)) for name, default in AGREED.items()]
    if "auth-id" in template:
        pairs.append(("auth-id", row.get("auth-id", "none"), template["auth-id"]))
    area = _in_force(info["ospf"]["areas"], "name", template["area"], request.comment)
    if area is not None:
        pairs.insert(0, ("area-id", area.get("area-id", "0.0.0.0"), area_rows(link, request)[0]["area-id"]))
    found = [f"{name}={has}, expected {wanted}" for name, has, wanted in pairs if str(has) != str(wanted)]
    # Where the kind of authentication changes, so does the rest.
    if row.get("key_as_given") is False and row.get("auth") == template.get("auth"):
        found.append("an auth-key that is not the link's (keys are not shown)")
    return found


def _in_force(rows: list[Row], name: str, value: str, comment: str) -> Row | None:
    ours = (row for row in rows if row.get("comment") == comment and not flag(row, "disabled"))
    return next((row for row in ours if row.get(name) == value), None)


def rotation_problems(info: Info, link: Link, comment: str, new_key_id: int) -> list[str]:
    """Return why the playbook rotate_key cannot change the key of the role's interface template."""
    template = _own_template(info, comment)
    if template is None:
        return [f"the router has no interface template with the comment '{comment}'. Run homelab.anycast.site first"]
    kind, key_id = template.get("auth"), str(template.get("auth-id"))
    if kind != link.authentication or key_id not in (str(link.key_id), str(new_key_id)):
        return [
            f"the router's interface template has auth={kind} with auth-id={key_id}, expected {link.authentication}"
            f" with {link.key_id}, the inventory's key_id, or {new_key_id}, that of anycast_new_key_id. Run"
            " homelab.anycast.site first"
        ]
    if key_id == str(new_key_id) and template.get("key_as_new") is False:
        return [
            f"the router has auth-id={key_id} from an earlier run, with a key that is not anycast_new_key (keys are not"
            " shown). Run homelab.anycast.rotate_key with the key of that run"
        ]
    return []


def has_key_id(info: Info, comment: str, key_id: int) -> bool:
    """Return whether the role's interface template has a key id: where an earlier run was interrupted, the new one."""
    return str((_own_template(info, comment) or {}).get("auth-id")) == str(key_id)


def _own_template(info: Info, comment: str) -> Row | None:
    return next((row for row in info["ospf"]["interface_templates"] if row.get("comment") == comment), None)
