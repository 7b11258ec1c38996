# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan of the role bird_anycast, made without input or output. Private to this collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..bird.conf import BirdConf
from ..bird.paths import PROTOCOL, PROTOCOL_V3, Paths
from ..model import ip, limits
from ..model import services as services_model
from ..model.link import link_problems, working_link
from ..model.services import Service, ServicesError
from . import announcer, takeover
from . import problems as node_checks
from .ifupdown import HandMade
from .interfaces import IFUPDOWN2, READ_INTERFACES, InterfaceManagers, source_problems
from .source_routing import SourceRouting

Row = dict[str, Any]  # A part of a plan, or what anycast_node_info returns

PACKAGES = ("bird2", "bird3")
SERVICE_LSA, ROUTER_LSA = "service", "router"
BACKBONE = "0.0.0.0"
# Of the directory of what is announced: the announcer has this user's rights and no others.
_ANNOUNCED = {"owner": "bird", "group": "bird", "mode": "0750"}
_RUNS = {"load": "loaded", "active": "active", "enabled": "enabled"}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The variables of the role, as users give them."""

    link: Any
    services: Any
    router_id: Any
    interfaces: list[str]
    priority: Any
    cost: Any
    withdraw_wait: Any
    interface_manager: str
    package: str
    lsa: str  # "service" or "router": whose OSPF LSA an address is in
    source_gateway: str
    source_table: Any
    directory: str
    without: str | None  # Name of a service that the list may have and that is to go
    removal: bool  # Whether the role is to go

    def listed_services(self) -> Any:
        if self.without and isinstance(self.services, list):
            return [s for s in self.services if not isinstance(s, dict) or str(s.get("name")) != self.without]
        return self.services

    def source_routing(self, facts: Row) -> SourceRouting:
        return SourceRouting(self.source_gateway, self.source_table, self.interfaces, facts)

    def info_arguments(self) -> Row:
        """Return what anycast_node_info is to read."""
        services, source_routing = services_model.valid(self.listed_services()), self.source_routing({})
        return {
            "units": [*services_model.units(services), announcer.BIRD_UNIT],
            "packages": list(PACKAGES),
            "link_interfaces": self.interfaces,
            "directory": self.directory,
            "dummies": services_model.interfaces(services),
            "source_table": int(self.source_table) if self.source_gateway and source_routing.is_table() else None,
            "tries": not self.removal,
            "removal": self.removal,
        }


class _Planner:
    def __init__(self, wanted: Wanted, info: Row, other_router_ids: Mapping[str, Any]) -> None:
        self.wanted = wanted
        self.info = info
        self.others = other_router_ids
        self.services: list[Service] = []
        self.services_problems: list[str] = []
        link = working_link(wanted.link)
        self.link: Row = link.without_keys() if link else {}
        try:
            self.services = services_model.normalise_services(wanted.listed_services())
        except ServicesError as error:
            self.services_problems.append(f"bird_anycast_services: {error}")
        self.prefixes = services_model.service_prefixes(self.services)
        self.paths = Paths(wanted.directory)
        # Whether it is the article's, the services say; wrong ones are enough of a problem.
        wrong = self.services_problems and not wanted.removal
        self.conf = BirdConf.from_dict(info["bird_conf"]) if info["bird_conf"] and not wrong else None
        self.around = takeover.Around(info["routes"], list(info["facts"].get("interfaces", ())), wanted.interfaces)
        self.kind = takeover.bird_conf_kind(self.conf, self.services, self.around)
        # What the role has written of BIRD's configuration, None if nothing.
        ours = info["bird_part"] if self.kind == takeover.FOREIGN else info["bird_conf"]
        self.ours = BirdConf.from_dict(ours) if ours and ours["ours"] else None
        self.hand_made = [HandMade(**found) for found in info["stanzas"]]
        found = info["interface_managers"] or {"running": [], "mute": {}, "links": {}, "interfaces": []}
        self.managers = InterfaceManagers(**found)
        self.source_routing = wanted.source_routing(info["facts"])
        self.installed = any(info["packages"].values())

    def plan(self) -> Row:
        routing, shown = self.source_routing, self.info["source_routing"] or ""
        used = services_model.interfaces(self.services)
        return {
            "problems": self.problems(),
            "doubts": self.doubts(),
            "info": self.info,
            "link": self.link,
            "services": [service.as_dict() for service in self.services],
            "ospf_versions": ip.ospf_versions(self.prefixes),
            "interface_manager": self.managers.choose_manager(self.wanted.interface_manager),
            "interfaces": self.interfaces(),
            "surplus_interfaces": [name for name in self.managers.interfaces if name not in used],
            "namespaces": not self.info["tries"].get("sandbox"),
            "source_routing": {
                # Of all interfaces, as one table and one priority are shared by them.
                "commands": routing.commands(self.prefixes).up,
                "forget": routing.forget_commands(),
                "repair": bool(routing.missing_source_routing(self.prefixes, shown)),
            },
            "takeover": self.takeover(),
            "bird": self.bird(),
            "removal": self.removal() if self.wanted.removal else None,
        }

    def problems(self) -> list[str]:
        wanted, info = self.wanted, self.info
        limited = {f"bird_anycast_{name}": getattr(wanted, name) for name in ("priority", "cost", "withdraw_wait")}
        bfd = bool(self.link.get("bfd"))
        return [
            *link_problems("bird_anycast_link", wanted.link, self.prefixes),
            *self.services_problems,
            *node_checks.node_problems(self.services, wanted.router_id, wanted.interfaces, info["facts"], self.others),
            *limits.limit_problems(limited),
            *self.source_routing.source_routing_problems(services_model.announced(wanted.listed_services())),
            *node_checks.unit_problems(self.services, info["units"]),
            *node_checks.try_problems(info["tries"]),
            *self.managers.manager_problems(wanted.interface_manager, wanted.source_gateway),
            *self.source_problems(),
            *node_checks.package_problems(wanted.package, info["packages"]),
            *takeover.bird_conf_problems(self.conf, self.services, self.around, bfd, self.paths),
            *takeover.hand_made_problems(self.hand_made, self.services),
        ]

    def doubts(self) -> list[str]:
        info = self.info
        return [
            *node_checks.unit_warnings(self.services, info["units"]),
            *node_checks.resolver_warnings(self.services, info["resolvers"]),
            *node_checks.bird_warnings(info["packages"], info["security_updates"]),
            *node_checks.sandbox_warnings(info["tries"]),
            *self.source_routing.source_routing_warnings(info["source_routing"] or ""),
        ]

    def source_problems(self) -> list[str]:
        manager = self.managers.choose_manager(self.wanted.interface_manager)
        names = services_model.interfaces(self.services) if manager in READ_INTERFACES else []
        names += [found.name for found in self.hand_made if found.name not in names]
        return source_problems(self.info["sources"], names)

    def interfaces(self) -> list[Row]:
        prefixes: dict[str, list[str]] = {}
        for service in self.services:
            prefixes.setdefault(service.interface, []).extend(service.addresses)
        routing = {name: vars(self.source_routing.commands(own)) for name, own in prefixes.items()}
        return [{"name": name, "addresses": prefixes[name], "source_routing": routing[name]} for name in prefixes]

    def takeover(self) -> Row:
        names = [found.name for found in self.hand_made]
        router_id = str(self.wanted.router_id)
        return {
            "kind": self.kind,
            "notes": takeover.takeover_notes(
                self.conf, self.hand_made, self.services, router_id, self.paths, self.around
            ),
            "interfaces": [entry for entry in self.interfaces() if entry["name"] in names],
            "template": "interface.ifupdown2.j2" if IFUPDOWN2 in self.managers.running else "interface.j2",
            "keep_bird_conf": self.installed and self.kind in (takeover.PLAIN, takeover.ARTICLE),
            "units": {
                announcer.BIRD_UNIT: self.info["units"].get(announcer.BIRD_UNIT, {}),
                "announced_by_hand": self.kind == takeover.ARTICLE,
            },
        }

    def lsa(self) -> str:
        """Return whose LSA the addresses are in: an area for each service needs the link in area 0 (RFC 2328 3.1)."""
        return self.wanted.lsa if self.link.get("area") == BACKBONE else ROUTER_LSA

    def restarts_ospf(self) -> bool:
        """Return whether the new bird.conf starts OSPF anew. It announces only what was linked for it before."""
        changed = self.ours is not None and self.ours.service_areas != (self.lsa() == SERVICE_LSA)
        return changed or self.kind == takeover.ARTICLE

    def suffixes(self) -> tuple[str, str]:
        return announcer.AREAS if self.lsa() == SERVICE_LSA else announcer.INTERFACES

    def told(self) -> Row | None:
        """Return what BIRD is to tell its neighbours again after OSPF has started anew, None where it does not."""
        if not self.restarts_ospf():
            return None
        files = {
            f"{self.paths.announced}/{service.name}{suffix}": prefixes
            for service in self.services
            for suffix, version in zip(self.suffixes(), (4, 6))
            if (prefixes := ip.of_version(service.addresses, version))
        }
        return {"area": self.link.get("area"), "files": files}

    def bird(self) -> Row:
        foreign = self.kind == takeover.FOREIGN
        return {
            "package": node_checks.bird_package(self.wanted.package, self.info["packages"]),
            "installed": self.installed,
            "runs": _RUNS.items() <= self.info["units"].get(announcer.BIRD_UNIT, {}).items(),
            "bird_conf": self.paths.bird_conf,
            "part": self.paths.part,
            "path": self.paths.part if foreign else self.paths.bird_conf,
            "interfaces": self.wanted.interfaces,
            "main": self.paths.bird_conf if foreign else None,
            "key_file": self.paths.key,
            "announced": {**_ANNOUNCED, "path": self.paths.announced},
            "announced_is_there": self.info["announced"] == _ANNOUNCED,
            "lsa": self.lsa(),
            "restarts_ospf": self.restarts_ospf(),
            "told": self.told(),
            "suffixes": list(self.suffixes()),
            "protocol": PROTOCOL,
            "protocol_v3": PROTOCOL_V3,
        }

    def removal(self) -> Row:
        before = self.info["before"]
        action = takeover.bird_afterwards(before, self.kind, self.installed)
        return {
            "action": action,
            "notes": takeover.removal_notes(action, before, self.paths),
            "purge": before["purge"],
            "stanzas": before["stanzas"],
            "gives_back": bool(before["files"]),
            "bird_is_active": self.info["units"].get(announcer.BIRD_UNIT, {}).get("active") == "active",
        }


def node_plan(wanted: Wanted, info: Row, other_router_ids: Mapping[str, Any]) -> Row:
    """Return what the tasks write, by the names that they use; info is what anycast_node_info has read."""
    return _Planner(wanted, info, other_router_ids).plan()
