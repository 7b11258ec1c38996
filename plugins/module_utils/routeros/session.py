# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A session with a RouterOS router over its API, by community.routeros and librouteros. Private to this collection."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import check_has_library, create_api

from ..waiting import Unreadable
from .errors import connect_message, may_pass, trap_message
from .values import Row, parse_version

try:
    from librouteros.exceptions import ConnectionClosed, LibRouterosError
except ImportError:  # check_has_library() says so to the user. To mypy, librouteros has no types.

    class LibRouterosError(Exception):  # type: ignore[no-redef]
        pass

    class ConnectionClosed(LibRouterosError):  # type: ignore[no-redef,misc]
        pass


MINIMUM_VERSION = (7, 16)  # The one place that says which RouterOS this collection supports
MINIMUM_VERSION_REASON = (
    "/ip/settings ipv4-multipath-hash-policy, which routeros_ospf_distribution sets (per_client and per_flow alike),"
    " exists from 7.16 on"
)


class RouterError(Exception):
    """The router answers, or fails to, in a way that a second look will not cure."""


def check_version(text: str, router: str = "the router") -> str | None:
    """Return what is wrong with a version as /system/resource gives it, None if it is supported."""
    version = parse_version(text)
    minimum = "%d.%d" % MINIMUM_VERSION
    if version is None:
        return f"{router} says its version is '{text}', expected RouterOS {minimum} or newer. Is it a MikroTik router?"
    if version >= MINIMUM_VERSION:
        return None
    command = "Upgrade it: /system/package/update set channel="
    advice = command + "long-term, then install."
    if version[0] < 7:
        advice = f"RouterOS 6 has other OSPF menus. {command}upgrade, then install, and again with channel=long-term."
    found = text.split(" ", 1)[0]
    return f"{router} runs RouterOS {found}, expected {minimum} or newer: {MINIMUM_VERSION_REASON}. {advice}"


class _Refused(Exception):
    """create_api() has called fail_json()."""


def _refuse(msg: str, **_details: Any) -> None:
    """Stands in for fail_json() in create_api(), which would exit with a text that is of little use to the user."""
    raise _Refused(msg)


class Router:
    """A session with a router; it logs in once, when it is first asked, and again only if the session is lost."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.hostname: str = params["hostname"]
        self._api: Any = None
        self._version: str | None = None
        self._lost = False

    def close(self) -> None:
        if self._api is not None:
            api, self._api = self._api, None
            try:
                api.close()
            except (LibRouterosError, OSError):
                self._lost = True

    def rows(self, menu: str, proplist: Iterable[str] = (), where: tuple[str, str] | None = None) -> list[Row]:
        """Return the rows of a menu, where one property has a value; of a proplist, these properties and no secret."""
        words = ["=.proplist=" + ",".join(proplist)] if proplist else []
        if where:
            words.append("?{}={}".format(*where))
        return self._ask(menu, "print", *words)

    def first_row(self, menu: str, proplist: Iterable[str] = ()) -> Row:
        """Return the row of a menu that has one, empty where the router does not say."""
        return next(iter(self.rows(menu, proplist)), {})

    def run(self, menu: str, command: str, values: Mapping[str, Any]) -> list[Row]:
        """Run a command of a menu, add for example, with these arguments, and return the rows it answers."""
        return self._ask(menu, command, *(f"={name}={value}" for name, value in values.items()))

    def sentences(self, words: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        """Return what the router answers to a sentence, as it is: a trap is an answer too."""
        protocol = self._session().protocol
        found: list[tuple[str, ...]] = []
        try:
            protocol.writeSentence(*words)
            while not found or found[-1][0] != "!done":
                word, attributes = protocol.readSentence()
                found.append((word, *attributes))
        except (LibRouterosError, OSError) as exc:
            raise self._session_lost(exc) from exc
        return tuple(found)

    def own_address(self) -> str:
        """Return this host's address in the session with the router."""
        return str(self._session().protocol.transport.sock.getsockname()[0])

    def rows_if_any(self, menu: str, proplist: Iterable[str] = (), where: tuple[str, str] | None = None) -> list[Row]:
        """Return the rows of a menu, none if the router refuses: for what is only good to know."""
        try:
            return self.rows(menu, proplist, where)
        except RouterError:
            return []

    def version(self) -> str:
        """Return the version as the router gives it. Raises RouterError if this collection does not support it."""
        return self._version or str(self.resource()["version"])

    def resource(self) -> Row:
        """Return the row of /system/resource. Raises RouterError if this collection does not support the version."""
        row = self.first_row("/system/resource")
        version = str(row.get("version", ""))
        problem = check_version(version, "The router " + self.hostname)
        if problem:
            raise RouterError(problem)
        self._version = version
        return row

    def _ask(self, menu: str, command: str, *words: str) -> list[Row]:
        api = self._session()
        try:
            return list(api.rawCmd(menu + "/" + command, *words))
        except ConnectionClosed as exc:
            raise self._session_lost(exc) from exc
        except LibRouterosError as exc:
            message = trap_message(str(exc), menu, self.params["username"], command)
            raise RouterError(f"{self.hostname}: {message}") from exc
        except OSError as exc:
            raise self._session_lost(exc) from exc

    def _session(self) -> Any:
        if self._api is None:
            try:
                self._api = create_api(types.SimpleNamespace(params=self.params, fail_json=_refuse))
            except _Refused as exc:
                message = connect_message(str(exc), self.params)
                # Without waiting, the user learns at once what to correct.
                if self._lost or (self.params.get("wait") and may_pass(str(exc))):
                    raise Unreadable(message) from exc
                raise RouterError(message) from exc
        return self._api

    def _session_lost(self, exc: Exception) -> Unreadable:
        self.close()
        self._lost = True
        return Unreadable(
            f"The session with the router {self.hostname} was lost: {exc}. Is it restarting, or too slow for a timeout"
            f" of {self.params['timeout']} s?"
        )


@contextlib.contextmanager
def open_router(module: AnsibleModule) -> Iterator[Router]:
    """Have the Router of a module with community.routeros' options; what the router refuses is how the module fails."""
    check_has_library(module)
    router = Router(module.params)
    try:
        yield router
    except (RouterError, Unreadable) as exc:
        module.fail_json(msg=str(exc))
    finally:
        router.close()
