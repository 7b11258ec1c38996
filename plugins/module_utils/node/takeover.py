# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was on a node before the role, and its way back; no input or output in here. Private to this collection."""

from __future__ import annotations

import dataclasses
import fnmatch
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Union

from ..bird.conf import BirdConf, Protocol
from ..bird.paths import PROTOCOL, Paths
from ..model.services import Service, service_prefixes
from .files import KEPT
from .ifupdown import HandMade

# What bird.conf is, in the order in which it is asked. ARTICLE announces the addresses of the services and does nothing
# else that we know of, as written by hand after the article. PLAIN tells its neighbours nothing, as the package's own.
# Both are replaced. FOREIGN is all else, which the role does not change.
NONE, OURS, PLAIN, ARTICLE, FOREIGN = "none", "ours", "plain", "article", "foreign"

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclasses.dataclass(frozen=True)
class Around:
    """What a bird.conf works on."""

    routes: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # Of C(ip -json route), of both versions
    interfaces: list[str] = dataclasses.field(default_factory=list)  # The names of all
    links: list[str] = dataclasses.field(default_factory=list)  # The names of those to OSPF's neighbours


_NOTHING = Around()


def bird_conf_kind(conf: BirdConf | None, services: Iterable[Service], around: Around = _NOTHING) -> str:
    if conf is None:
        return NONE
    if conf.ours:
        return OURS
    services = list(services)
    if conf.others or conf.includes or lost_routes(around.routes, services):
        return FOREIGN
    speaking = conf.speaking()
    if not speaking:
        return PLAIN
    if len(speaking) > 1 or not _is_articles(speaking[0], services) or more_than_article(conf, services, around):
        return FOREIGN
    return ARTICLE


def _is_articles(protocol: Protocol, services: list[Service]) -> bool:
    stubs = [entry for entry in protocol.interfaces if entry.stub]
    names = {service.interface for service in services}
    networks = {_network(prefix) for prefix in service_prefixes(services)}
    return (
        protocol.kind == "ospf2"
        and not (protocol.others or protocol.template)
        and len(protocol.areas) == 1
        and bool(protocol.stubnets or stubs)
        and all(_network(prefix) in networks for prefix in protocol.stubnets)
        and all(name in names for entry in stubs for name in entry.patterns)
    )


def more_than_article(conf: BirdConf, services: list[Service], around: Around) -> list[str]:
    """Return what a bird.conf in the article's words does beyond announcing the services, in words."""
    own = {service.interface for service in services}
    more = []
    for protocol in conf.speaking():
        name = f"protocol {protocol.name or protocol.kind}"
        on = [other for other in around.interfaces if other not in {"lo", *own, *around.links}]
        on = [other for other in on if protocol.kind == "ospf2" and protocol.speaks_on(other)]
        if on:
            more.append(f"{name} speaks OSPF on {', '.join(on)} too")
        if protocol.exports:
            more += [
                f"{name} announces what {found.name or found.kind} takes from the kernel"
                for found in conf.protocols
                if found.learns and not _is_about(found, own)
            ]
    routes = lost_routes(around.routes, services)
    return more + ([f"the node has the routes {', '.join(routes)} from BIRD alone"] if routes else [])


def _is_about(protocol: Protocol, interfaces: set[str]) -> bool:
    """Return whether a protocol direct takes the networks of these interfaces alone."""
    patterns = {pattern for entry in protocol.interfaces for pattern in entry.patterns}
    return protocol.kind == "direct" and bool(patterns) and patterns <= interfaces


def lost_routes(routes: Iterable[Mapping[str, Any]], services: Iterable[Service]) -> list[str]:
    """Return the destinations that packets would take another way to, or none, without the routes of BIRD."""
    routes = list(routes)
    others = [route for route in routes if route.get("protocol") != "bird"]
    networks = {_network(prefix) for prefix in service_prefixes(services)}
    return list(
        dict.fromkeys(
            str(route["dst"])
            for route in routes
            if route.get("protocol") == "bird"
            and _destination(route) not in networks
            and _way(route) != _way(_best(others, _destination(route)))
        )
    )


def _destination(route: Mapping[str, Any]) -> _Network | None:
    version6 = ":" in str(route.get("gateway", ""))  # The default route has the version of its gateway
    return _network(("::/0" if version6 else "0.0.0.0/0") if route["dst"] == "default" else str(route["dst"]))


def _best(routes: Iterable[Mapping[str, Any]], wanted: _Network | None) -> Mapping[str, Any]:
    """Return the most specific route to all of a network, an empty one without any."""
    found: Mapping[str, Any] = {}
    for route in routes:
        own, best = _destination(route), _destination(found) if found else None
        covers = own and wanted and own.version == wanted.version and wanted.subnet_of(own)  # type: ignore[arg-type]
        if own and covers and (best is None or own.prefixlen > best.prefixlen):
            found = route
    return found


def _way(route: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    hops = route.get("nexthops") or [route]
    return sorted((str(hop.get("gateway", "")), str(hop.get("dev", ""))) for hop in hops)


def _network(prefix: str) -> _Network | None:
    try:
        return ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return None


def include_line(paths: Paths) -> str:
    """Return the line by which a bird.conf includes the role's part."""
    return f'include "{paths.part_pattern}";'


def bird_conf_problems(
    conf: BirdConf | None, services: list[Service], around: Around, bfd: bool, paths: Paths
) -> list[str]:
    """Return what keeps the role's protocols from running inside a bird.conf that is FOREIGN, one sentence each."""
    if conf is None or bird_conf_kind(conf, services, around) != FOREIGN:
        return []
    problems = list(_include_problems(conf, _contents(conf, services, around), paths))
    networks = {_network(prefix) for prefix in service_prefixes(services)}
    if not any(protocol.kind == "device" for protocol in conf.protocols):
        problems.append(
            f"{paths.bird_conf} has no 'protocol device', without which BIRD sees no interface go up or down: add"
            " 'protocol device { }' to it"
        )
    lost = lost_routes(around.routes, services)
    if lost:
        problems.append(
            f"the node has the routes {', '.join(lost)} from BIRD alone, and the role's OSPF takes no routes: have the"
            f" node's interface manager make them before you take anything out of {paths.bird_conf}"
        )
    for protocol in conf.protocols:
        file = protocol.file or paths.bird_conf
        problems.extend(_protocol_problems(protocol, around.links, bfd, file))
        problems.extend(
            f"the protocol '{protocol.name or protocol.kind}' in {file} announces {prefix} whether its"
            " service runs or not: take it out there"
            for prefix in (*protocol.stubnets, *protocol.routes)
            if _network(prefix) in networks
        )
    return problems


def _include_problems(conf: BirdConf, contents: str, paths: Paths) -> Iterator[str]:
    included = [path if path.startswith("/") else f"{paths.directory}/{path}" for path in conf.includes]
    found = [path for path in included if fnmatch.fnmatchcase(paths.part, path)]
    if not found:
        yield (
            f"{paths.bird_conf} on this node does more than announce the services ({contents}), so the role does"
            f" not change it: add the line '{include_line(paths)}' at its end, outside of every block. No file matches"
            f" that yet, which BIRD accepts. The role then writes {paths.part} and nothing else there"
        )
    elif all(path == paths.part for path in found):
        yield (
            f"{paths.bird_conf} includes {paths.part} by its name, so that BIRD would not start without that file, as"
            f" after homelab.anycast.remove: write '{include_line(paths)}' instead"
        )


def _protocol_problems(protocol: Protocol, link_interfaces: list[str], bfd: bool, path: str) -> Iterator[str]:
    if protocol.name == PROTOCOL:
        yield f"{path} already has a protocol '{PROTOCOL}', the name of the role's: rename it there"
    if protocol.kind == "ospf2":
        yield from (
            f"the protocol '{protocol.name or protocol.kind}' in {path} speaks OSPF on {interface} already, and two of"
            " them there would answer each other's packets: take that interface out of it, or out of"
            " bird_anycast_interfaces"
            for interface in filter(protocol.speaks_on, link_interfaces)
        )
    if protocol.kind == "bfd" and bfd:
        yield (
            f"{path} already has a 'protocol bfd', and only one can have its UDP port: take it out of that file, or set"
            " bfd to false in bird_anycast_link"
        )


def _contents(conf: BirdConf, services: list[Service], around: Around) -> str:
    names = [f"{protocol.kind} {protocol.name or ''}".strip() for protocol in conf.speaking()]
    more = [*conf.others, *(["include"] if conf.includes else [])]
    parts = ["protocols: " + ", ".join(names)] if names else []
    parts += ["statements: " + ", ".join(more)] if more else []
    return "; ".join(parts + more_than_article(conf, services, around))


def hand_made_problems(interfaces: Iterable[HandMade], services: list[Service]) -> list[str]:
    """Return what hand-made interfaces of the services would lose, one sentence each."""
    problems = []
    for found in interfaces:
        own = service_prefixes(service for service in services if service.interface == found.name)
        wanted = {address.split("/")[0] for address in own}
        label = f"interface {found.name} in {found.file}"
        problems += [
            f"{label} has the address {address}, which no service has: add it to the addresses of a service in"
            " bird_anycast_services, or give it to a different interface"
            for address in found.addresses
            if address not in wanted
        ]
        if found.extra:
            problems.append(
                f"{label} has {', '.join(found.extra)}, which the role would not keep: move what it is for to an"
                " interface or a unit that the role does not manage"
            )
        if found.heirs:
            problems.append(f"{label} is what {', '.join(found.heirs)} inherits from: write that one out in full")
    return problems


def takeover_notes(
    conf: BirdConf | None,
    interfaces: Iterable[HandMade],
    services: list[Service],
    router_id: str,
    paths: Paths,
    around: Around = _NOTHING,
) -> list[str]:
    """Return what the role takes over, one sentence each."""
    notes = []
    kind = bird_conf_kind(conf, services, around)
    kept = f"; the role keeps what was there below {KEPT}"
    if conf and kind == ARTICLE:
        (protocol,) = conf.speaking()
        contents = [f"protocol ospf {protocol.name or ''}".rstrip()]
        contents += [f"stubnet {prefix}" for prefix in protocol.stubnets]
        contents += [f"interface {' '.join(entry.patterns)}" for entry in protocol.interfaces if entry.stub]
        notes.append(f"{paths.bird_conf}, written by hand ({', '.join(contents)}), is replaced{kept}")
    elif conf and kind == FOREIGN:
        more = _contents(conf, services, around)
        notes.append(
            f"{paths.bird_conf} does more than announce the services ({more}), so the role does not"
            f" change it; what announces is in {paths.part}"
        )
        if conf.router_id != router_id:
            notes.append(
                f"its router id is {conf.router_id or 'not set'}, that of the protocol {PROTOCOL} alone is {router_id}"
                " (bird_anycast_router_id)"
            )
    return notes + [
        f"the interface {found.name} moves from {found.file} to a file of the role, and stays up{kept}"
        for found in interfaces
    ]


def bird_afterwards(before: Mapping[str, Any], kind: str, installed: bool) -> str:
    """Return what becomes of BIRD, with such a bird.conf, without the role: purge, stop, reload, empty or leave."""
    if not installed:
        return "leave"
    if before["packages"]:
        return "purge"
    if kind == FOREIGN:
        return "reload"
    if kind != OURS:
        # The role's file was replaced since.
        return "leave"
    if not any(name.endswith("/bird.conf") for name in before["files"]):
        return "empty"
    unit = before["units"].get("bird.service", {})
    # An article's bird.conf would announce the very addresses that are to go.
    return "reload" if unit.get("active") == "active" and not before["units"].get("announced_by_hand") else "stop"


def removal_notes(action: str, before: Mapping[str, Any], paths: Paths) -> list[str]:
    """Return what a user has to know of BIRD afterwards, one sentence each."""
    if action == "empty":
        return [
            f"{paths.bird_conf} holds no protocol any more: what was there before the role is not known, as an earlier"
            " version of the role did not keep it. Where you do not need BIRD: apt purge bird2"
        ]
    if action == "stop" and before["units"].get("announced_by_hand"):
        return [
            f"{paths.bird_conf} is the one from before the role, which announces the addresses by itself. So the role"
            " has stopped BIRD, which does not start at boot. To have that back: systemctl enable --now bird"
        ]
    return []


def purged_packages(text: str) -> list[str]:
    """Return the packages that apt-get -s would remove, in its order: lines C(Remv NAME [VERSION]) or C(Purg ...)."""
    found = (line.split() for line in text.splitlines())
    return [words[1].rstrip("*") for words in found if len(words) > 1 and words[0] in ("Remv", "Purg")]


def packages_to_purge(packages: list[str], with_them: str, without_them: str) -> list[str]:
    """Return which packages came with those that the role has installed, and go with them.

    :param with_them: output of C(apt-get -s purge --auto-remove) of those.
    :param without_them: output of C(apt-get -s autoremove): what is not needed anyway, and the role leaves.
    """
    others = set(purged_packages(without_them)) - set(packages)
    return [name for name in dict.fromkeys([*packages, *purged_packages(with_them)]) if name not in others]
