# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a RouterOS router over its API, in one session, and reading its rows.

The first half are pure functions; the second half talks, through community.routeros and librouteros.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network

from ansible_collections.community.routeros.plugins.module_utils.api import check_has_library, create_api

from ansible_collections.homelab.anycast.plugins.module_utils.neighbors import (
    BFD_STATES,
    Own,
    add_bfd,
    neighbor,
    normalise_state,
)
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Unreadable

try:
    from librouteros.exceptions import ConnectionClosed, LibRouterosError
except ImportError:  # check_has_library() says so to the user.

    class LibRouterosError(Exception):  # type: ignore[no-redef]
        pass

    class ConnectionClosed(LibRouterosError):  # type: ignore[no-redef]
        pass


# The one place that says which RouterOS this collection supports.
MINIMUM_VERSION = (7, 16)
MINIMUM_VERSION_REASON = (
    "/ip/settings ipv4-multipath-hash-policy, by which the router spreads clients over the nodes, exists from 7.16 on"
)


class RouterError(Exception):
    """The router answers, or fails to, in a way that another look will not cure."""


# ---------------------------------------------------------------------------------------------------------------------
# Parsing


def parse_version(text):
    """Return (7, 20, 8) for "7.20.8 (long-term)", None if there is no version in it."""
    match = re.match(r"\s*(\d+)\.(\d+)(?:\.(\d+))?", str(text))
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def check_version(text, router="the router"):
    """Return what is wrong with a version as /system/resource gives it, None if it is supported."""
    version = parse_version(text)
    minimum = "%d.%d" % MINIMUM_VERSION
    if version is None:
        return "%s says its version is '%s', expected RouterOS %s or newer. Is it a MikroTik router?" % (
            router,
            text,
            minimum,
        )
    if version >= MINIMUM_VERSION:
        return None
    advice = "Upgrade it: /system/package/update set channel=long-term, then install."
    if version[0] < 7:
        advice = (
            "RouterOS 6 has other OSPF menus. Upgrade it: /system/package/update set channel=upgrade, then install, and"
            " again with channel=long-term."
        )
    return "%s runs RouterOS %s, expected %s or newer: %s. %s" % (
        router,
        str(text).split(" ", 1)[0],
        minimum,
        MINIMUM_VERSION_REASON,
        advice,
    )


_DURATION = re.compile(
    r"(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?(?:(?P<s>\d+)s)?(?:(?P<ms>\d+)ms)?\Z"
)
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


def parse_duration(text):
    """Return seconds for 1h26m4s, 200ms or 00:00:36; None for None and what is no duration."""
    if text is None:
        return None
    text = str(text)
    if ":" in text:
        try:
            hours, minutes, seconds = text.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            return None
    match = _DURATION.match(text)
    if not match or not text:
        return float(text) if text.isdigit() else None
    return float(sum(int(value) * _UNITS[unit] for unit, value in match.groupdict().items() if value))


def flag(row, name):
    """Return whether a flag of a row is set. RouterOS leaves most out when they are not; a switch is set by ''."""
    return name in row and row[name] in (True, "true", "yes", "")


def split_list(text):
    """Return the names in a property that lists several: ether1,ether2."""
    return [name.strip() for name in str(text or "").split(",") if name.strip()]


def split_address(text):
    """Return (address, interface) of an OSPF interface's address, 10.1.1.1%ether2 or 10.1.1.1%ether2@VRF1."""
    address, _percent, interface = str(text).partition("%")
    return address, interface.partition("@")[0] or None


def address_and_subnet(row):
    """Return (the router's own address, the subnet it is in) for a row of /ip/address.

    Of a point-to-point address, a /32, the subnet is the other end, which RouterOS calls its network.

    :raises ValueError: if there is no IPv4 address in it.
    """
    own = IPv4Interface(str(row.get("address")))
    if own.network.prefixlen == 32 and row.get("network"):
        return own.ip, IPv4Network(str(row["network"]))
    return own.ip, own.network


def neighbor_role(row):
    """Return the role of the neighbour in a row of /routing/ospf/neighbor.

    It follows from whom the neighbour itself takes for designated router and backup; on point-to-point links RouterOS
    prints neither, nor a priority.
    """
    dr, bdr = row.get("dr"), row.get("bdr")
    if dr is None and bdr is None:
        return None if "priority" in row else "PtP"
    # OSPFv3 names them by their router ids.
    own = row.get("router-id" if _is_link_local(row) else "address")
    if own == dr:
        return "DR"
    if own == bdr:
        return "BDR"
    return "DROther"


def parse_neighbors(rows, interface_of=lambda row: None):
    """Return rows of /routing/ospf/neighbor as neighbours.

    :param interface_of: called for a row that does not name its interface, as up to RouterOS 7.20.
    """
    found = []
    for row in rows:
        interface = row["interface"] if "interface" in row else interface_of(row)
        state_changes, priority = row.get("state-changes"), row.get("priority")
        found.append(
            neighbor(
                router_id=str(row.get("router-id", "")) or None,
                address=str(row.get("address", "")).partition("%")[0] or None,
                interface=None if interface is None else str(interface),
                state=normalise_state(str(row.get("state", "Down"))),
                role=neighbor_role(row),
                priority=None if priority is None else int(priority),
                full_seconds=parse_duration(row.get("adjacency")),
                state_changes=None if state_changes is None else int(state_changes),
                dead_seconds=parse_duration(row.get("timeout")),
            )
        )
    return found


BFD_PROPERTIES = ("remote-address", "state", "inactive", "about")


def parse_bfd_sessions(rows):
    """Return rows of /routing/bfd/session as a list of (address, interface, state).

    A session that no row of /routing/bfd/configuration allows has no state, but says so ("BFD forbidden for destination
    address", manual, BFD).
    """
    found = []
    for row in rows:
        address, interface = split_address(row.get("remote-address", ""))
        state = str(row.get("state", "down"))
        if "forbidden" in str(row.get("about", "")):
            state = "forbidden"
        found.append((address, interface, state if state in BFD_STATES else "down"))
    return found


def _is_link_local(row):
    """Return whether a row of /routing/ospf/neighbor is of OSPFv3, which runs on link-local addresses."""
    return ":" in str(row.get("address", ""))


class InterfaceFinder:
    """Finds the interface on which a neighbour is, for a RouterOS that does not say so.

    :param interfaces: rows of /routing/ospf/interface, whose address is the router's own and names the interface.
    :param addresses: rows of /ip/address, for the subnets; the network of a /32 is its remote address.
    """

    def __init__(self, interfaces, addresses):
        networks = {}
        for row in addresses:
            try:
                own, network = address_and_subnet(row)
            except ValueError:
                continue
            networks[str(own), str(row.get("actual-interface", row.get("interface")))] = network
        # Interfaces by (prefix length, network address), and by area those which speak OSPF.
        self.by_network = {}
        self.by_area = {}
        for row in interfaces:
            address, name = split_address(row.get("address", ""))
            if name is None:
                continue
            subnet = networks.get((address, name))
            if subnet is not None:
                key = (subnet.prefixlen, int(subnet.network_address))
                self.by_network.setdefault(key, set()).add(name)
            if row.get("state") != "passive":
                self.by_area.setdefault(row.get("area"), set()).add(name)
        self.prefix_lengths = sorted({length for length, _network in self.by_network}, reverse=True)

    def __call__(self, row):
        """Return the interface for a row of /routing/ospf/neighbor, None if it is not clear."""
        if _is_link_local(row):
            return split_address(row["address"])[1]
        try:
            address = int(IPv4Address(str(row.get("address", "")).partition("%")[0]))
        except AddressValueError:
            return None
        for length in self.prefix_lengths:
            shift = 32 - length
            matches = self.by_network.get((length, address >> shift << shift))
            if matches:
                break
        else:
            # An unnumbered link, say.
            matches = self.by_area.get(row.get("area"), set())
        return next(iter(matches)) if len(matches) == 1 else None


def own_interfaces(interfaces, addresses=()):
    """Return rows of /routing/ospf/interface as in neighbors.Own."""
    networks = {
        (str(row.get("address", "")).partition("/")[0], str(row.get("actual-interface", row.get("interface")))): row
        for row in addresses
    }
    found = []
    for row in interfaces:
        address, name = split_address(row.get("address", ""))
        known = networks.get((address, name))
        priority = row.get("priority")
        found.append(
            {
                "name": name or address,
                "type": row.get("network-type", row.get("type")),
                "area": row.get("area"),
                "network": str(known["address"]) if known else None,
                "state": row.get("state"),
                "hello": parse_duration(row.get("hello-interval")),
                "dead": parse_duration(row.get("dead-interval")),
                "priority": None if priority is None else int(priority),
                "silent": row.get("state") == "passive",
            }
        )
    return found


# What a user reads in community.routeros' "Error while connecting: ...", and what to do about it. The first match wins.
_CONNECT_ERRORS = (
    (
        ("invalid user name or password", "cannot log in"),
        "the router rejects the login of user '{username}'. Correct username and password; /log on the router says"
        " more.",
    ),
    (
        ("not enough permissions", "not permitted"),
        "user '{username}' may not log in over the API. Give its group the policies api and read (/user/group).",
    ),
    (
        ("codec can't encode", "ordinal not in range"),
        "username or password has a character that the encoding '{encoding}' lacks. Set encoding to UTF-8.",
    ),
    (
        ("hostname mismatch", "not valid for"),
        "the router's certificate is not made out to '{hostname}'. Set hostname to a name in the certificate, or"
        " validate_cert_hostname to false.",
    ),
    (
        ("certificate_verify_failed", "certificate verify failed"),
        "the router's certificate is not signed by a CA that this host trusts. Set ca_path to the CA's certificate (or,"
        " for a first contact, validate_certs to false). If the router has been reset, remove the"
        " file of ca_path ({ca_path}) and run homelab.anycast.bootstrap.",
    ),
    (
        ("wrong_version_number", "record layer failure", "packet_length_too_long", "unexpected eof", "eof occurred"),
        "what listens there does not speak TLS. Set tls to false for the plain API (port 8728), or port to that of the"
        " router's service api-ssl (8729).",
    ),
    (
        ("handshake_failure", "handshake failure", "no_shared_cipher", "no shared cipher"),
        "the router's service api-ssl has no certificate. Give it one (/ip/service set api-ssl certificate=NAME), or"
        " set force_no_cert to true, which does not protect against a man in the middle. If the router has been reset,"
        " remove the file of ca_path ({ca_path}) and run homelab.anycast.bootstrap.",
    ),
    (
        ("no such file or directory", "permission denied"),
        "the file '{ca_path}' cannot be read on this host. Correct ca_path.",
    ),
    (
        ("no_certificate_or_crl_found", "no certificate or crl found", "x509", "pem lib"),
        "the file '{ca_path}' holds no certificate in PEM form. Correct ca_path.",
    ),
    (
        ("name or service not known", "name resolution", "nodename nor servname", "no address associated"),
        "the name '{hostname}' cannot be resolved. Correct hostname.",
    ),
    (
        ("connection refused",),
        "nothing listens there. Correct hostname and port, and see that the service {service} is enabled"
        " (/ip/service).",
    ),
    (
        ("no route to host", "network is unreachable"),
        "there is no way to that address from this host. Correct hostname, or see to the network.",
    ),
    (
        ("unexpectedly closed", "connection reset", "broken pipe"),
        "it closed the connection. Either {other}, or this host is not in the address list of the service {service}"
        " (/ip/service).",
    ),
    (
        ("timed out", "timeout"),
        "no answer within {timeout} s. Correct hostname and port; see that the router is up, that its firewall lets"
        " this host in, and that port {port} speaks {service} (else set tls or port); raise timeout if it is slow.",
    ),
)


def connect_message(text, params):
    """Return a message for a user from what community.routeros says about a failed connection.

    :param text: "Error while connecting: ..."; it is quoted, but where it could hold characters of the password.
    :param params: the options of the module.
    """
    tls = bool(params.get("tls"))
    port = params.get("port") or (8729 if tls else 8728)
    values = {
        "username": params.get("username"),
        "hostname": params.get("hostname"),
        "encoding": params.get("encoding"),
        "ca_path": params.get("ca_path"),
        "timeout": params.get("timeout"),
        "port": port,
        "other": "it does not speak TLS there (set tls to false, or port to that of the service api-ssl)"
        if tls
        else "it speaks TLS there (set tls to true)",
        "service": "api-ssl" if tls else "api",
    }
    reason = text.partition("Error while connecting: ")[2] or text
    plain = reason.lower()
    where = "%s, port %d (%s)" % (values["hostname"], port, "API over TLS" if tls else "plain API")
    for patterns, advice in _CONNECT_ERRORS:
        if any(pattern in plain for pattern in patterns):
            if "codec" in plain:
                # Python's text quotes the character, and says where in the password it is.
                return "Cannot connect to the router at %s: %s" % (where, advice.format(**values))
            return "Cannot connect to the router at %s: %s The error was: %s" % (where, advice.format(**values), reason)
    return "Cannot connect to the router at %s: %s" % (where, reason)


def trap_message(text, menu, username, command="print"):
    """Return a message for a user from what the router says when it refuses a question, or another command."""
    if command != "print":
        advice = " Log in as a user of the group full." if "not enough permissions" in text else ""
        return "the router refuses %s/%s by user '%s': %s.%s" % (menu, command, username, text.rstrip("."), advice)
    if "not enough permissions" in text:
        return "user '%s' may not read %s: %s. Give its group the policies api and read (/user/group)." % (
            username,
            menu,
            text,
        )
    if "no such command" in text:
        return "the router has no menu %s: %s. Is it RouterOS 7, with its routing package?" % (menu, text)
    return "the router refuses to print %s: %s" % (menu, text)


# ---------------------------------------------------------------------------------------------------------------------
# Talking


class _Refused(Exception):
    """create_api() has called fail_json()."""


class _Recorder:
    """Stands in for the module in create_api(), which would exit with a text that is of little use to the user."""

    def __init__(self, params):
        self.params = params

    def fail_json(self, msg, **_details):
        raise _Refused(msg)


class Router:
    """A session with a router; it logs in once, when it is first asked, and again only if the session is lost."""

    def __init__(self, module, create=None):
        self.module = module
        self.hostname = module.params["hostname"]
        self._create = create
        self._api = None
        self._version = None
        self._lost = False

    def close(self):
        """End the session, if there is one."""
        if self._api is not None:
            api, self._api = self._api, None
            try:
                api.close()
            except (LibRouterosError, OSError):
                self._lost = True

    def rows(self, menu, proplist=(), where=None):
        """Return the rows of a menu, /routing/ospf/neighbor for example.

        :param proplist: names of the properties to read; all if empty. Reads no secret if it does not name one.
        :param where: property and value that a row must have.
        """
        words = []
        if proplist:
            words.append("=.proplist=" + ",".join(proplist))
        if where:
            words.append("?%s=%s" % where)
        return self._ask(menu, "print", *words)

    def run(self, menu, command, values):
        """Run a command of a menu, add for example, and return the rows it answers.

        :param values: its arguments by name.
        """
        return self._ask(menu, command, *("=%s=%s" % item for item in values.items()))

    def own_address(self):
        """Return this host's address in the session with the router."""
        return self._session().protocol.transport.sock.getsockname()[0]

    def rows_if_any(self, menu, **how):
        """Return the rows of a menu, none if the router refuses: for what is only good to know."""
        try:
            return self.rows(menu, **how)
        except RouterError:
            return []

    def version(self):
        """Return the version as the router gives it. Raises RouterError if this collection does not support it."""
        if self._version is None:
            self.resource()
        return self._version

    def resource(self):
        """Return the row of /system/resource. Raises RouterError if this collection does not support the version."""
        row = next(iter(self.rows("/system/resource")), {})
        version = str(row.get("version", ""))
        problem = check_version(version, "The router " + self.hostname)
        if problem:
            raise RouterError(problem)
        self._version = version
        return row

    def _ask(self, menu, command, *words):
        api = self._session()
        try:
            return list(api.rawCmd(menu + "/" + command, *words))
        except ConnectionClosed as exc:
            raise self._session_lost(exc) from exc
        except LibRouterosError as exc:
            username = self.module.params["username"]
            raise RouterError("%s: %s" % (self.hostname, trap_message(str(exc), menu, username, command))) from exc
        except OSError as exc:
            raise self._session_lost(exc) from exc

    def _session(self):
        if self._api is None:
            create = self._create or create_api
            try:
                self._api = create(_Recorder(self.module.params))
            except _Refused as exc:
                message = connect_message(str(exc), self.module.params)
                if self._lost:
                    raise Unreadable(message) from exc
                raise RouterError(message) from exc
        return self._api

    def _session_lost(self, exc):
        self.close()
        self._lost = True
        return Unreadable(
            "The session with the router %s was lost: %s. Is it restarting, or too slow for a timeout of %s s?"
            % (self.hostname, exc, self.module.params["timeout"])
        )


class OspfReader:
    """Reads the neighbours of a router, and what it says about itself."""

    # Not all properties: from RouterOS 7.23 on this menu can hold keys.
    INTERFACE_PROPERTIES = (
        "address",
        "area",
        "state",
        "priority",
        "hello-interval",
        "dead-interval",
    )
    ADDRESS_PROPERTIES = ("address", "network", "interface", "actual-interface", "disabled")

    def __init__(self, router, instance=None):
        self.router = router
        self.instance = instance
        self._find = None

    def neighbors(self):
        """Return the neighbours as they are now."""
        self.router.version()
        rows = self.router.rows("/routing/ospf/neighbor")
        if self.instance is not None:
            rows = [row for row in rows if row.get("instance") == self.instance]
        else:
            # A node of OSPFv3 would be there twice, with the same router id.
            rows = [row for row in rows if not _is_link_local(row)] or rows
        found = parse_neighbors(rows, self._interface_of)
        if self._find is not None and any(entry["interface"] is None for entry in found):
            # An interface may have come since we read them; once more, and then it stays unknown.
            self._find = None
            found = parse_neighbors(rows, self._interface_of)
        return add_bfd(found, parse_bfd_sessions(self.router.rows("/routing/bfd/session", proplist=BFD_PROPERTIES)))

    def own(self):
        """Return what the router says about itself."""
        interfaces, addresses = self._interfaces(), self._addresses()
        version = self.router.version().split(" ", 1)[0]
        name = "%s (RouterOS %s)" % (self.router.hostname, version)
        return Own(name, self._router_id(), own_interfaces(interfaces, addresses))

    def _interface_of(self, row):
        if self._find is None:
            self._find = InterfaceFinder(self._interfaces(), self._addresses())
        return self._find(row)

    def _interfaces(self):
        return self.router.rows("/routing/ospf/interface", proplist=self.INTERFACE_PROPERTIES)

    def _addresses(self):
        rows = self.router.rows("/ip/address", proplist=self.ADDRESS_PROPERTIES)
        return [row for row in rows if not flag(row, "disabled")]

    def _router_id(self):
        """Return the router id of the instance; it may be written there as the name of a row of /routing/id."""
        instances = self.router.rows_if_any("/routing/ospf/instance", proplist=("name", "router-id", "version"))
        if self.instance is not None:
            instances = [row for row in instances if row.get("name") == self.instance]
        else:
            instances = [row for row in instances if str(row.get("version")) != "3"] or instances
        if len(instances) != 1:
            return None
        value = str(instances[0].get("router-id", "main"))
        try:
            return str(IPv4Address(value))
        except AddressValueError:
            pass
        for row in self.router.rows_if_any("/routing/id", proplist=("name", "id", "dynamic-id")):
            if row.get("name") == value:
                return row.get("dynamic-id") or row.get("id")
        return None


def open_router(module):
    """Return the Router for a module with community.routeros' options; fails if librouteros is missing."""
    check_has_library(module)
    return Router(module)
