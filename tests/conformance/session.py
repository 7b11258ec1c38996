"""One session with a router, as librouteros opens it; sentences go and come as they are."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import librouteros
from librouteros.exceptions import FatalError, LibRouterosError

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.expect import Reply

# RouterOS passes bytes through as they are, in whichever encoding; latin-1 gives each byte one character and back.
ENCODING = "latin-1"
PORT, TLS_PORT = 8728, 8729


class NoSession(Exception):
    """The router cannot be reached, or refuses the login."""


@dataclass(frozen=True)
class Login:
    """Where to log in, and as whom."""

    host: str
    port: int
    username: str
    password: str
    tls: bool = False
    ca_path: str | None = None
    """The certificate of the authority; None: those of the system."""
    insecure: bool = False
    """Take any certificate."""
    timeout: float = 30

    @classmethod
    def of(cls, router: str, tls: bool = False, ca_path: str | None = None, insecure: bool = False) -> Login:
        """The login of HOST or HOST:PORT, as the environment says."""
        host, _colon, port = router.rpartition(":") if router.count(":") == 1 else (router, "", "")
        username, password = (os.environ.get(name) for name in ("ROUTEROS_USERNAME", "ROUTEROS_PASSWORD"))
        if not username or password is None:
            raise NoSession("set ROUTEROS_USERNAME and ROUTEROS_PASSWORD to a user of the router who may use its API")
        return cls(host, int(port or (TLS_PORT if tls else PORT)), username, password, tls, ca_path, insecure)


class Router(Protocol):
    """What answers sentences: a router, or a recording of one."""

    def ask(self, words: Sequence[str]) -> Reply:
        """The answer to a sentence."""


class Session:
    """A router that is logged in to."""

    def __init__(self, login: Login) -> None:
        options = {"ssl_wrapper": _wrapper(login)} if login.tls else {}
        try:
            self._api = librouteros.connect(
                host=login.host,
                port=login.port,
                username=login.username,
                password=login.password,
                timeout=login.timeout,
                encoding=ENCODING,
                **options,
            )
        except (OSError, LibRouterosError) as error:
            raise NoSession(f"{login.host}:{login.port}: {error}") from None

    def ask(self, words: Sequence[str]) -> Reply:
        """The answer to a sentence: all sentences up to !done, or to !fatal, with which the router hangs up."""
        protocol = self._api.protocol
        found: list[tuple[str, ...]] = []
        try:
            protocol.writeSentence(*(word.encode().decode(ENCODING) for word in words))
            while not found or found[-1][0] != "!done":
                word, attributes = protocol.readSentence()
                found.append((word, *map(_text, attributes)))
        except FatalError as error:
            found.append(("!fatal", str(error)))
        except (OSError, LibRouterosError) as error:
            raise NoSession(f"{words[0]}: {error}") from None
        return Reply(tuple(found))

    def close(self) -> None:
        self._api.close()


@contextmanager
def session(login: Login) -> Iterator[Session]:
    """A session that ends with the block."""
    opened = Session(login)
    try:
        yield opened
    finally:
        opened.close()


def login_reply(login: Login) -> Reply:
    """What a login of its own is answered with."""
    try:
        Session(login).close()
    except NoSession as error:
        return Reply((("!trap", f"=message={str(error).partition(': ')[2]}"), ("!done",)))
    return Reply((("!done",),))


def _text(word: str) -> str:
    """What is UTF-8, as such; anything else byte by byte."""
    try:
        return word.encode(ENCODING).decode()
    except UnicodeDecodeError:
        return word


def _wrapper(login: Login):  # type: ignore[no-untyped-def]  # as librouteros wants it
    context = ssl.create_default_context(cafile=login.ca_path)
    if login.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return lambda sock: context.wrap_socket(sock, server_hostname=login.host)
