"""The router: stored rows, FRR and the kernel put together."""

from __future__ import annotations

import ipaddress
import logging
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from .board import clock_row, format_date, parse_date, routerboard_row, system_resource_row
from .certificates import Signed, key_type
from .errors import GENERAL, Trap, invalid_value, no_match, not_emulated
from .frr_config import (
    Assignment,
    Config,
    Interface,
    Rows,
    active_instances,
    area_is_active,
    assign,
    build,
    enabled,
    has_area,
    named,
    router_id,
)
from .frr_state import (
    Elected,
    bfd_session_rows,
    elections,
    ip_route_row,
    lsa_rows,
    neighbor_rows,
    neighbor_rows_v3,
    ospf_interface_rows,
    ospf_interface_rows_v3,
    route_rows,
    routing_route_rows,
)
from .kernel import Kernel, address_rows, interface_rows, ipv4_interfaces
from .menus import IP_FAST_PATH, IPV6_FAST_PATH, MENUS
from .policy import Users
from .schema import OLDEST, Menu, Version
from .store import Store
from .values import format_bool, format_duration, format_id, parse_version
from .vrrp import FLAGS, NoVrrp, Vrrp, instances
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
# What menus without rows say beside the settings, and from when on: IPv6 has allow-fast-path from then on.
_STATE = {"ip/settings": (OLDEST, IP_FAST_PATH), "ipv6/settings": ((7, 18), IPV6_FAST_PATH)}
# Counters, which are not counted, and flags of a rule of theirs.
_FILTER_STATE = {"bytes": "0", "packets": "0", "dynamic": "false", "invalid": "false"}
# Ports of a router's services, of which the emulator serves the two API ones; all but www-ssl are enabled (manual).
# Captures: the first has the id *0 (terraform-routeros), and 7.23 has a static reverse-proxy (ha-manager).
_SERVICES = {
    "telnet": "23", "ftp": "21", "www": "80", "ssh": "22", "www-ssl": "443", "api": "8728", "winbox": "8291",
    "api-ssl": "8729", "reverse-proxy": "443",
}  # fmt: skip
_REVERSE_PROXY_SINCE = (7, 21)
_TLS_SERVICES = {"www-ssl", "api-ssl", "reverse-proxy"}
# From this version on the menu also holds what else the router listens on, and a row for each connection (ha-manager).
_DYNAMIC_SERVICES_SINCE = (7, 18)
# The ids of the kernel's addresses are below; those of the addresses on the interfaces of VRRP are not.
FIRST_OWN_ADDRESS = 0x1000
_DYNAMIC_SERVICES = (("btest", "2000", "tcp"), ("discover", "5678", "udp"))


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
        *,
        vrrp: Vrrp | None = None,
    ) -> None:
        self.store = store
        self.vrrp = vrrp or NoVrrp()
        self.frr = frr
        self.kernel = kernel
        self.users = users
        self.frr_has_crypto = frr_has_crypto
        users.keep_in(store)
        store.seed("ip/address", [], first_number=FIRST_OWN_ADDRESS)
        store.seed(
            "ip/service",
            [
                {"name": name, "port": port, "disabled": format_bool(name == "www-ssl")}
                for name, port in _SERVICES.items()
            ],
            first_number=0,
        )
        self.sessions: dict[int, dict[str, str]] = {}
        """Rows of /user/active, by the identity of what serves the session."""
        self.connections: dict[int, dict[str, str]] = {}
        """What /ip/service shows of open connections, by the same."""
        self.followers: list[Callable[[], None]] = []
        """Called after every change: the servers follow /ip/service."""
        self.version_text = version_text
        self.version: Version = parse_version(version_text)
        self.ping_program = tuple(shlex.split(ping))
        self.lock = threading.RLock()
        self._interfaces: list[Interface] = []
        self._ahead = 0.0  # Of the machine's clock, since /system/clock was set
        self._readers: dict[str, Callable[[], list[dict[str, str]]]] = {
            "routing/ospf/interface": self._ospf_interfaces,
            "routing/ospf/neighbor": self._neighbors,
            "routing/ospf/lsa": lambda: lsa_rows(self.frr.show("show ip ospf database detail json"), self._frr_rows()),
            "routing/bfd/session": self._bfd_sessions,
            "routing/filter/chain": self._filter_chains,
            "routing/route": lambda: routing_route_rows([*self._routes(), *self._routes_v6()]),
            # A capture: terraform-routeros, resource_routing_table.go.
            "routing/table": lambda: [{".id": "*0", "name": "main", "dynamic": "true", "fib": "", "invalid": "false"}],
            "routing/id": self._routing_ids,
            "ip/service": self._services,
            "ip/address": self._addresses,
            "ipv6/address": lambda: address_rows(self.kernel.addresses(), "inet6"),
            "ip/neighbor": list,
            "ip/route": lambda: [ip_route_row(row) for row in self._routes()],
            "ipv6/route": lambda: [ip_route_row(row) for row in self._routes_v6()],
            "interface": self._interface_rows,
            "interface/vrrp": self._vrrp_rows,
            "interface/list": lambda: [
                {".id": f"*{0x2000000 + number:X}", "name": name, "builtin": "true", "dynamic": "false"}
                for number, name in enumerate(_INTERFACE_LISTS)
            ],
            "interface/list/member": list,
            "user/active": lambda: [dict(row) for row in self.sessions.values()],
            "system/clock": lambda: [clock_row(self.version, self.now(), self.store.single("system/clock"))],
            "system/resource": lambda: [system_resource_row(self.version_text, self.kernel.uptime())],
            "system/routerboard": lambda: [routerboard_row(self.version)],
        }

    # Reading

    def now(self) -> float:
        """Seconds since 1970 by the router's clock."""
        return time.time() + self._ahead

    def set_clock(self, values: dict[str, str]) -> None:
        """Carry out what was written to /system/clock: the date and time go, the time zone stays."""
        row = clock_row(self.version, self.now(), {})
        date, clock = values.pop("date", None), values.pop("time", None)
        if date is None and clock is None:
            return
        wanted = parse_date(self.version, date or row["date"], clock or row["time"])
        if wanted is None:
            raise invalid_value("time" if date is None else "date")
        self._ahead = wanted - time.time()

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
                since, state = _STATE.get(menu.path, (OLDEST, {}))
                return [self._complete(menu, self.store.single(menu.path)) | (state if since <= self.version else {})]
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
            own = {row.values["name"] for row in self.store.table("interface/vrrp").rows}
            return {link["ifname"] for link in self.kernel.links()} | own | {*_INTERFACE_LISTS}
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
            if menu.next_ids:
                # After the last one comes the end (assumption: the highest id, as firewall rules show it).
                shown[".nextid"] = rows[index + 1].id if index + 1 < len(rows) else "*FFFFFFFF"
            shown |= self._complete(menu, row.values)
            shown |= {name: row.values[name] for name in menu.read_only if name in row.values}
            if menu.path in _PACKET_FILTERS:
                shown |= _FILTER_STATE
            elif menu.path == "certificate":
                shown["key-type"] = key_type(shown["key-size"])
                if "not-after" in row.values:
                    left = int(row.values["not-after"]) - int(self.now())
                    shown |= {"expires-after": format_duration(left)} if left > 0 else {"expired": "true"}
            elif menu.path == "user" and shown["name"] in self.users.last_logins:
                # Of who never logged in there is none (capture: ha-manager).
                shown["last-logged-in"] = format_date(self.version, self.users.last_logins[shown["name"]])
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
            interfaces = self.frr.show(_INTERFACES)
            found = ospf_interface_rows(interfaces, self._elections(interfaces, assigned), assigned, self.version)
        if assigned := assign(rows, "3"):
            found += ospf_interface_rows_v3(self.frr.show(_INTERFACES_V3), assigned, self.version, len(found) + 1)
        return found

    def _neighbors(self) -> list[dict[str, str]]:
        rows = self._frr_rows()
        found = []
        if assigned := assign(rows):
            elected = self._elections(self.frr.show(_INTERFACES), assigned)
            found = neighbor_rows(self.frr.show(_NEIGHBORS), elected, rows, assigned, self.version)
        if assigned := assign(rows, "3"):
            neighbors, details = self.frr.show(_NEIGHBORS_V3), self.frr.show(_NEIGHBOR_DETAILS_V3)
            found += neighbor_rows_v3(neighbors, details, rows, assigned, self.version, len(found) + 1)
        return found

    def _elections(self, interfaces: Any, assigned: Sequence[Assignment]) -> dict[tuple[str, str], Elected]:
        several = any(len(one.addresses) > 1 for one in assigned)
        return elections(interfaces, self.frr.text(_INTERFACES.removesuffix(" json")) if several else "")

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

    def _vrrp_rows(self) -> list[dict[str, str]]:
        """The rows written, each with its state: a flag is there only when it is set (capture, ha-manager)."""
        rows, states = self._stored(MENUS["interface/vrrp"]), self._vrrp_states()
        mtus = {link["ifname"]: str(link["mtu"]) for link in self.kernel.links()} if rows else {}
        found = []
        for row in rows:
            flag = states.get(row["name"])
            # The last octet is the vrid (RFC 9568 7.3).
            row |= {
                "mtu": mtus.get(row["interface"], "1500"),
                "mac-address": f"00:00:5E:00:01:{int(row['vrid']):02X}",
                "running": format_bool(flag == "master"),
            }
            if enabled(row):
                row["invalid"] = "false"
            found.append(row | ({flag: "true"} if flag else {}))
        return found

    def _vrrp_states(self) -> dict[str, str]:
        """The flag of each row, by its name; without the interface that keepalived makes for it, it has none."""
        rows = {row.id.lstrip("*"): row.values["name"] for row in self.store.table("interface/vrrp").rows}
        links = {link["ifname"] for link in self.kernel.links()} if rows else set()
        return {
            rows[name]: FLAGS[state]
            for name, state in self.vrrp.states().items()
            if state in FLAGS and rows.get(name) in links
        }

    def _addresses(self) -> list[dict[str, str]]:
        """The kernel's addresses, and the rows of those on the interfaces of VRRP, which a backup has as well."""
        states = self._vrrp_states()
        names = {row.values["name"] for row in self.store.table("interface/vrrp").rows}
        found = [row for row in address_rows(self.kernel.addresses(), "inet") if row["interface"] not in names]
        for row in self._stored(MENUS["ip/address"]):
            state = {
                "network": str(ipaddress.IPv4Interface(row["address"]).network.network_address),
                "actual-interface": row["interface"],
                "vrf": "main",
                # On a backup it is (capture, ha-manager).
                "invalid": format_bool(states.get(row["interface"]) != "master"),
                "dynamic": "false",
                "slave": "false",
            }
            found.append(row | state)
        return found

    def _interface_rows(self) -> list[dict[str, str]]:
        """The kernel's interfaces; those of VRRP are there whether or not keepalived runs them."""
        vrrp = {row["name"]: row for row in self._vrrp_rows()}
        found = interface_rows(self.kernel.links())
        missing = [name for name in vrrp if all(row["name"] != name for row in found)]
        first = max((int(row[".id"].lstrip("*"), 16) for row in found), default=0) + 1
        found += [
            {".id": format_id(number), "name": name, "mtu": "1500", "actual-mtu": "1500"}
            for number, name in enumerate(missing, start=first)
        ]
        for row in found:
            if own := vrrp.get(row["name"]):
                row |= {"type": "vrrp", **{name: own[name] for name in ("mac-address", "running", "disabled")}}
        return found

    def _routing_ids(self) -> list[dict[str, str]]:
        """The rows written; and the one which a router adds for each VRF (manual, CLI reference, routing/id)."""
        rows = self._frr_rows()
        written = self._stored(MENUS["routing/id"])
        for row in written:
            # Keys of a capture (terraform-routeros, resource_routing_id.go), where the id was written.
            elected = "" if "id" in row else router_id(rows, {"router-id": row["name"]}) or ""
            row |= {"dynamic": "false", "dynamic-id": elected}
        if any(row["name"] == "main" for row in written):
            return written
        own = {
            ".id": "*0",
            "name": "main",
            "dynamic-id": router_id(rows, {"router-id": "main"}) or "",
            "select-dynamic-id": "only-vrf",
            "select-from-vrf": "main",
            "dynamic": "true",
        }
        return [own | {"inactive": format_bool(not own["dynamic-id"])}, *written]

    def _services(self) -> list[dict[str, str]]:
        """The router's services; and from 7.18 on, dynamic, what else it listens on, and each connection."""
        rows = []
        for row in self._stored(MENUS["ip/service"]):
            if row["name"] == "reverse-proxy" and self.version < _REVERSE_PROXY_SINCE:
                continue
            if row["name"] not in _TLS_SERVICES:
                del row["certificate"], row["tls-version"]
            if self.version >= (7, 24):
                row["available-from"] = row.pop("address")
            if self.version >= _DYNAMIC_SERVICES_SINCE:
                row |= {"proto": "tcp", "dynamic": "false"}
            rows.append(row | {"invalid": "false"})
        if self.version >= _DYNAMIC_SERVICES_SINCE:
            state = {"disabled": "false", "invalid": "false", "dynamic": "true"}
            dynamic = [{"name": name, "port": port, "proto": proto} for name, port, proto in _DYNAMIC_SERVICES]
            for connection in self.connections.values():
                dynamic.append(connection | {"port": _SERVICES[connection["name"]], "proto": "tcp"})
            first = self.store.table("ip/service").next_number
            rows += [{".id": format_id(first + number), **row, **state} for number, row in enumerate(dynamic)]
        return rows

    def service(self, name: str) -> dict[str, str]:
        """The row of /ip/service for a service, as printed."""
        return next(row for row in self._services() if row["name"] == name)

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
        self._configure_vrrp()

    def _configure_vrrp(self) -> None:
        rows, addresses = self._complete_rows("interface/vrrp"), self._complete_rows("ip/address")
        names = {row["name"] for row in rows}
        if rows or addresses:
            links = {link["ifname"] for link in self.kernel.links()}
            if not {row["interface"] for row in rows} <= links - names:
                raise no_match("interface")
            if not {row["interface"] for row in addresses if not row["interface"].startswith("*")} <= names:
                raise not_emulated("/ip/address/add with an interface that is not one of VRRP")
        self.vrrp.configure(instances(rows, addresses))

    def _config(self) -> Config:
        rows = self._frr_rows()
        for version in ("2", "3"):
            if sum(has_area(instance, rows) for instance in active_instances(rows, version)) > 1:
                raise not_emulated(f"a second OSPF instance of version {version} that has an area in use")
        return build(rows)

    def refresh(self, full: bool) -> None:
        """Follow the kernel: with other addresses, templates match other interfaces. `full` asks FRR in any case, as
        it may have been restarted; and keepalived, which may have died."""
        try:
            interfaces = ipv4_interfaces(self.kernel.addresses())
            if interfaces == self._interfaces and not full:
                return
            self._interfaces = interfaces
            self.frr.configure(self._config())
            if full:
                self._configure_vrrp()
        # A crowded machine may not answer in time; the next look will tell.
        except (FrrError, Trap, OSError, subprocess.SubprocessError) as error:
            LOG.error("FRR does not follow the rows: %s", error)

    # Values

    def canonical_interfaces(self, text: str) -> str | None:
        """A comma list of interfaces and built-in lists, or None where one does not exist."""
        known = self.names("interface")
        names = [name for name in text.split(",") if name]
        return ",".join(names) if set(names) <= known else None
