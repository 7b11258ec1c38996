"""The router: stored rows, FRR and the kernel put together."""

from __future__ import annotations

import logging
import shlex
import subprocess
import threading
import time
from collections.abc import Callable

from .board import clock_row, routerboard_row, system_resource_row
from .certificates import Signed
from .errors import GENERAL, Trap
from .frr_config import (
    Config,
    Interface,
    Rows,
    area_is_active,
    assign,
    build,
    enabled,
    named,
    router_id,
)
from .frr_state import (
    bfd_session_rows,
    ip_route_row,
    lsa_rows,
    neighbor_rows,
    neighbor_rows_v3,
    ospf_interface_rows,
    ospf_interface_rows_v3,
    route_rows,
    routing_route_row,
)
from .kernel import Kernel, address_rows, interface_rows, ipv4_interfaces
from .menus import MENUS
from .policy import Users
from .schema import Menu, Version
from .store import Store
from .values import format_bool, format_duration, parse_version
from .vtysh import Frr, FrrError

LOG = logging.getLogger("routeros")

_NEIGHBORS = "show ip ospf neighbor detail json"
_NEIGHBORS_V3 = "show ipv6 ospf6 neighbor json"
_NEIGHBOR_DETAILS_V3 = "show ipv6 ospf6 neighbor detail json"
_INTERFACES_V3 = "show ipv6 ospf6 interface json"
_INTERFACES = "show ip ospf interface json"
# Built in.
_INTERFACE_LISTS = ("all", "none", "dynamic", "static")
_PACKET_FILTERS = ("ip/firewall/filter", "ipv6/firewall/filter")
# Counters, which are not counted, and flags of a rule of theirs.
_FILTER_STATE = {"bytes": "0", "packets": "0", "dynamic": "false", "invalid": "false"}
# Ports of a router's services (capture, manual); the emulator serves the two API ones.
_SERVICES = (("telnet", 23), ("ftp", 21), ("www", 80), ("ssh", 22), ("www-ssl", 443), ("api", 8728), ("winbox", 8291),
             ("api-ssl", 8729))  # fmt: skip


class Router:
    """One router. Every method expects that the caller holds `lock`."""

    def __init__(
        self,
        store: Store,
        frr: Frr,
        kernel: Kernel,
        users: Users,
        version_text: str,
        ping: str = "ping",
        frr_has_crypto: bool = False,
    ) -> None:
        self.store = store
        self.frr = frr
        self.kernel = kernel
        self.users = users
        self.frr_has_crypto = frr_has_crypto
        users.keep_in(store)
        store.seed(
            "ip/service",
            [
                {"name": name, "port": str(port), "disabled": format_bool(not name.startswith("api"))}
                for name, port in _SERVICES
            ],
        )
        self.sessions: dict[int, dict[str, str]] = {}
        """Rows of /user/active, by the identity of what serves the session."""
        self.followers: list[Callable[[], None]] = []
        """Called after every change: the servers follow /ip/service."""
        self.version_text = version_text
        self.version: Version = parse_version(version_text)
        self.ping_program = tuple(shlex.split(ping))
        self.lock = threading.RLock()
        self._interfaces: list[Interface] = []
        self._readers: dict[str, Callable[[], list[dict[str, str]]]] = {
            "routing/ospf/interface": self._ospf_interfaces,
            "routing/ospf/neighbor": self._neighbors,
            "routing/ospf/lsa": lambda: lsa_rows(self.frr.show("show ip ospf database detail json"), self._frr_rows()),
            "routing/bfd/session": self._bfd_sessions,
            "routing/filter/chain": self._filter_chains,
            "routing/route": lambda: [routing_route_row(row) for row in (*self._routes(), *self._routes_v6())],
            "routing/table": lambda: [{".id": "*0", "name": "main", "dynamic": "true", "fib": "", "used": "true"}],
            "ip/address": lambda: address_rows(self.kernel.addresses(), "inet"),
            "ipv6/address": lambda: address_rows(self.kernel.addresses(), "inet6"),
            "ip/neighbor": list,
            "ip/route": lambda: [ip_route_row(row) for row in self._routes()],
            "ipv6/route": lambda: [ip_route_row(row) for row in self._routes_v6()],
            "interface": lambda: interface_rows(self.kernel.links()),
            "interface/list": lambda: [
                {".id": f"*{0x2000000 + number:X}", "name": name, "builtin": "true", "dynamic": "false"}
                for number, name in enumerate(_INTERFACE_LISTS)
            ],
            "interface/list/member": list,
            "user/active": lambda: [dict(row) for row in self.sessions.values()],
            "system/clock": lambda: [clock_row(self.version, time.time())],
            "system/resource": lambda: [system_resource_row(self.version_text, self.kernel.uptime())],
            "system/routerboard": lambda: [routerboard_row(self.version)],
        }

    # Reading

    def menu(self, path: str) -> Menu | None:
        """The menu, if a router of this version has it."""
        menu = MENUS.get(path)
        return menu if menu is not None and menu.exists(self.version) else None

    def rows(self, menu: Menu) -> list[dict[str, str]]:
        """The rows of a menu as a print shows them, `.id` first."""
        try:
            if menu.path in self._readers:
                return self._readers[menu.path]()
            if menu.single:
                return [self._complete(menu, self.store.single(menu.path))]
            return self._stored(menu)
        except FrrError as error:
            LOG.error("%s: %s", menu.path, error)
            raise Trap(f"failure: FRR does not answer: {error}", GENERAL) from None

    def names(self, path: str) -> set[str]:
        """The names that a reference to a menu may use."""
        if path == "routing/filter/chain":
            return {
                row.values["chain"] for row in self.store.table("routing/filter/rule").rows if "chain" in row.values
            }
        if path == "interface":
            return {link["ifname"] for link in self.kernel.links()} | {*_INTERFACE_LISTS}
        if path == "interface/list":
            return {*_INTERFACE_LISTS}
        return {row.values["name"] for row in self.store.table(path).rows}

    def _complete(self, menu: Menu, values: dict[str, str]) -> dict[str, str]:
        """Written values and the defaults of the others, in the order of the menu."""
        row = {}
        for one in menu.properties:
            if not one.exists(self.version) or one.hidden:
                continue
            value = values.get(one.name, one.default)
            if value is not None:
                row[one.name] = value
        return row

    def _stored(self, menu: Menu) -> list[dict[str, str]]:
        rows = self.store.table(menu.path).rows
        inactive = self._inactive(menu.path)
        found = []
        for index, row in enumerate(rows):
            shown = {".id": row.id}
            if menu.ordered:
                # After the last one comes the end (assumption: the highest id, as firewall rules show it).
                shown[".nextid"] = rows[index + 1].id if index + 1 < len(rows) else "*FFFFFFFF"
            shown |= self._complete(menu, row.values)
            shown |= {name: row.values[name] for name in menu.read_only if name in row.values}
            if menu.path in _PACKET_FILTERS:
                shown |= _FILTER_STATE
            elif menu.path == "certificate" and "not-after" in row.values:
                left = int(row.values["not-after"]) - int(time.time())
                shown |= {"expires-after": format_duration(left)} if left > 0 else {"expired": "true"}
            elif menu.path == "ip/service":
                shown["invalid"] = "false"
            if inactive is not None:
                shown["inactive"] = format_bool(inactive(shown))
            found.append(shown)
        return found

    def _inactive(self, path: str) -> Callable[[dict[str, str]], bool] | None:
        """What makes a row inactive: it is disabled, or what it refers to is missing or disabled (assumption)."""
        if path in {"routing/bfd/configuration", "routing/filter/rule", "routing/id"}:
            return lambda row: not enabled(row)
        if not path.startswith("routing/ospf/"):
            return None
        # It asks the kernel for its addresses, which takes a process: only where they are needed.
        rows = self._frr_rows()
        if path == "routing/ospf/instance":
            return lambda row: not enabled(row) or router_id(rows, row) is None
        if path == "routing/ospf/area":
            return lambda row: not area_is_active(row, rows)
        # Templates, ranges and static neighbours.
        return lambda row: not enabled(row) or not area_is_active(named(rows.areas, row["area"]), rows)

    def _frr_rows(self) -> Rows:
        complete = self._complete_rows
        return Rows(
            instances=complete("routing/ospf/instance"),
            areas=complete("routing/ospf/area"),
            ranges=complete("routing/ospf/area/range"),
            templates=complete("routing/ospf/interface-template"),
            bfd=complete("routing/bfd/configuration"),
            filters=complete("routing/filter/rule"),
            ids=complete("routing/id"),
            routes=complete("ip/route"),
            interfaces=ipv4_interfaces(self.kernel.addresses()),
        )

    def _complete_rows(self, path: str) -> list[dict[str, str]]:
        menu = MENUS[path]
        return [{".id": row.id, **self._complete(menu, row.values)} for row in self.store.table(path).rows]

    def _ospf_interfaces(self) -> list[dict[str, str]]:
        rows = self._frr_rows()
        found = []
        if assigned := assign(rows):
            found = ospf_interface_rows(self.frr.show(_INTERFACES), assigned, self.version)
        if assigned := assign(rows, "3"):
            found += ospf_interface_rows_v3(self.frr.show(_INTERFACES_V3), assigned, self.version, len(found) + 1)
        return found

    def _neighbors(self) -> list[dict[str, str]]:
        rows = self._frr_rows()
        found = []
        if assigned := assign(rows):
            found = neighbor_rows(self.frr.show(_NEIGHBORS), self.frr.show(_INTERFACES), rows, assigned, self.version)
        if assigned := assign(rows, "3"):
            neighbors, details = self.frr.show(_NEIGHBORS_V3), self.frr.show(_NEIGHBOR_DETAILS_V3)
            found += neighbor_rows_v3(neighbors, details, rows, assigned, self.version, len(found) + 1)
        return found

    def _bfd_sessions(self) -> list[dict[str, str]]:
        rows = self._frr_rows()
        assigned = assign(rows)
        neighbors = self.frr.show(_NEIGHBORS) if assigned else {}
        peers, counters = self.frr.show("show bfd peers json"), self.frr.show("show bfd peers counters json")
        return bfd_session_rows(peers, counters, neighbors, rows, assigned)

    def _filter_chains(self) -> list[dict[str, str]]:
        names = dict.fromkeys(row.values["chain"] for row in self.store.table("routing/filter/rule").rows)
        return [
            {".id": f"*{number:X}", "name": name, "dynamic": "true", "inactive": "false"}
            for number, name in enumerate(names, start=1)
        ]

    def _routes(self) -> list[dict[str, str]]:
        rows = self._frr_rows()
        return route_rows(self.frr.show("show ip route json"), rows, rows.routes)

    def _routes_v6(self) -> list[dict[str, str]]:
        return route_rows(self.frr.show("show ipv6 route json"), self._frr_rows(), (), 6)

    def service(self, name: str) -> dict[str, str]:
        """A row of /ip/service, as printed."""
        return next(row for row in self.rows(MENUS["ip/service"]) if row["name"] == name)

    def certificate(self, name: str) -> Signed | None:
        """A certificate and its key; None where it has not been signed."""
        for row in self.store.table("certificate").rows:
            if row.values["name"] == name and "pem" in row.values:
                return Signed(row.values["pem"], row.values["key"])
        return None

    # Writing

    def commit(self) -> None:
        """Carry out what was written and save it; or take it back and say why."""
        try:
            self.apply()
        except Exception as error:
            self.store.restore()
            LOG.error("taken back: %s", error)
            try:
                self.apply()
            except (FrrError, OSError) as again:
                LOG.error("the state before could not be brought back either: %s", again)
            if isinstance(error, Trap):
                raise
            raise Trap(f"failure: the emulator could not carry it out: {error}", GENERAL) from error
        self.store.save()
        for follow in self.followers:
            follow()

    def apply(self) -> None:
        """Make FRR and the kernel agree with the rows."""
        self.frr.configure(self._config())
        self.kernel.set_ip_settings(self._complete(MENUS["ip/settings"], self.store.single("ip/settings")))
        self.kernel.set_ipv6_settings(self._complete(MENUS["ipv6/settings"], self.store.single("ipv6/settings")))
        self.kernel.set_ipv6_filter(self._complete_rows("ipv6/firewall/filter"))

    def _config(self) -> Config:
        rows = self._frr_rows()
        for version in ("2", "3"):
            if sum(enabled(row) and row["version"] == version for row in rows.instances) > 1:
                raise Trap(
                    f"failure: the emulator does not support a second enabled OSPF instance of version {version}",
                    GENERAL,
                )
        return build(rows)

    def refresh(self, full: bool) -> None:
        """Follow the kernel: with other addresses, templates match other interfaces. `full` asks FRR in any case, as
        it may have been restarted."""
        try:
            interfaces = ipv4_interfaces(self.kernel.addresses())
            if interfaces == self._interfaces and not full:
                return
            self._interfaces = interfaces
            self.frr.configure(self._config())
        # A crowded machine may not answer in time; the next look will tell.
        except (FrrError, Trap, OSError, subprocess.SubprocessError) as error:
            LOG.error("FRR does not follow the rows: %s", error)

    # Values

    def canonical_interfaces(self, text: str) -> str | None:
        """A comma list of interfaces and built-in lists, or None where one does not exist."""
        known = self.names("interface")
        names = [name for name in text.split(",") if name]
        return ",".join(names) if set(names) <= known else None
