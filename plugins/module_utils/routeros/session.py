# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a RouterOS router over its API, in one session, and reading what its rows hold.

The first half are pure functions; the second half talks, through community.routeros and librouteros.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Interface, IPv4Network

from ansible_collections.community.routeros.plugins.module_utils.api import check_has_library, create_api

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.errors import (
    connect_message,
    may_pass,
    trap_message,
)
from ansible_collections.homelab.anycast.plugins.module_utils.waiting import Unreadable

try:
    from librouteros.exceptions import ConnectionClosed, LibRouterosError
except ImportError:  # check_has_library() says so to the user.

    class LibRouterosError(Exception):  # type: ignore[no-redef]
        pass

    class ConnectionClosed(LibRouterosError):  # type: ignore[no-redef,misc]
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
        return f"{router} says its version is '{text}', expected RouterOS {minimum} or newer. Is it a MikroTik router?"
    if version >= MINIMUM_VERSION:
        return None
    advice = "Upgrade it: /system/package/update set channel=long-term, then install."
    if version[0] < 7:
        advice = (
            "RouterOS 6 has other OSPF menus. Upgrade it: /system/package/update set channel=upgrade, then install, and"
            " again with channel=long-term."
        )
    return "{} runs RouterOS {}, expected {} or newer: {}. {}".format(
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


def address_and_subnet(row):
    """Return (the router's own address, the subnet it is in) for a row of /ip/address.

    Of a point-to-point address, a /32, the subnet is the other end, which RouterOS calls its network.

    :raises ValueError: if there is no IPv4 address in it.
    """
    own = IPv4Interface(str(row.get("address")))
    if own.network.prefixlen == 32 and row.get("network"):
        return own.ip, IPv4Network(str(row["network"]))
    return own.ip, own.network


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

    def __init__(self, module):
        self.module = module
        self.hostname = module.params["hostname"]
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
            words.append("?{}={}".format(*where))
        return self._ask(menu, "print", *words)

    def run(self, menu, command, values):
        """Run a command of a menu, add for example, and return the rows it answers.

        :param values: its arguments by name.
        """
        return self._ask(menu, command, *("={}={}".format(*item) for item in values.items()))

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
            raise RouterError(f"{self.hostname}: {trap_message(str(exc), menu, username, command)}") from exc
        except OSError as exc:
            raise self._session_lost(exc) from exc

    def _session(self):
        if self._api is None:
            try:
                self._api = create_api(_Recorder(self.module.params))
            except _Refused as exc:
                message = connect_message(str(exc), self.module.params)
                # Whoever does not wait learns at once what to correct.
                if self._lost or (self.module.params.get("wait") and may_pass(str(exc))):
                    raise Unreadable(message) from exc
                raise RouterError(message) from exc
        return self._api

    def _session_lost(self, exc):
        self.close()
        self._lost = True
        return Unreadable(
            "The session with the router {} was lost: {}. Is it restarting, or too slow for a timeout of {} s?".format(
                self.hostname, exc, self.module.params["timeout"]
            )
        )


def open_router(module):
    """Return the Router for a module with community.routeros' options; fails if librouteros is missing."""
    check_has_library(module)
    return Router(module)
