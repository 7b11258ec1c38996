"""The API server: connections, login, sentences. Encoding of words is librouteros' protocol layer."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import secrets
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterable

from librouteros.exceptions import ProtocolError
from librouteros.protocol import decode_length, determine_length, encode_sentence

from .certificates import Signed
from .commands import Commands, Sentence
from .errors import Fatal, Trap, login_refused
from .policy import User
from .router import Router

LOG = logging.getLogger("routeros.server")

# RouterOS passes bytes through as they are; latin-1 gives each byte one character and back.
_ENCODING = "latin-1"
# No word of these menus is longer; a length beyond it is not our protocol (a TLS hello on the plain port, say).
_LONGEST_WORD = 1 << 20
_MOST_WORDS = 1000
_IDLE_SECONDS = 600
_HANDSHAKE_SECONDS = 20


# The group ffdhe2048 of RFC 7919, as `openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048` prints it.
_FFDHE2048 = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


class Session:
    """One connection."""

    def __init__(self, router: Router, connection: socket.socket, peer: str, service: str) -> None:
        self._router = router
        self._connection = connection
        self._peer = peer
        self._service = service
        self._user: User | None = None

    def serve(self) -> None:
        """Answer sentences until either side closes."""
        try:
            local, port = self._connection.getsockname()[:2]
            with self._router.lock:
                self._router.connections[id(self)] = {
                    "name": self._service,
                    "connection": "true",
                    "local": f"{local}:{port}",
                    "remote": self._peer,
                }
            while True:
                words = self._read_sentence()
                if words:
                    self._answer(words)
        except Fatal as error:
            LOG.info("%s: closed: %s", self._peer, error)
            self._write("!fatal", str(error))
        finally:
            with self._router.lock:
                self._router.sessions.pop(id(self), None)
                self._router.connections.pop(id(self), None)

    def _answer(self, words: list[str]) -> None:
        sentence = Sentence.parse(words)
        tag = [] if sentence.tag is None else [f".tag={sentence.tag}"]
        try:
            if sentence.command == "/login":
                self._reply("!done", self._login(sentence), tag)
            elif sentence.command == "/quit":
                raise Fatal("session terminated on request")
            elif self._user is None:
                raise Fatal("not logged in")
            elif sentence.command == "/cancel":
                # Sentences are answered one after the other, so nothing runs that could be cancelled.
                self._reply("!done", {}, tag)
            else:
                for word, attributes in Commands(self._router, self._user).run(sentence):
                    self._reply(word, attributes, tag)
        except Trap as error:
            for message, category in error.sentences:
                attributes = {} if category is None else {"category": str(category)}
                self._reply("!trap", {**attributes, "message": message}, tag)
            self._reply("!done", {}, tag)
        except OSError:
            raise
        except Fatal:
            raise
        except Exception:
            # An error of the emulator must be seen, by the client too, and must not end the others' sessions.
            LOG.exception("%s: %s", self._peer, sentence.command)
            self._reply("!trap", {"category": "4", "message": "failure: the emulator failed, see its log"}, tag)
            self._reply("!done", {}, tag)

    def _login(self, sentence: Sentence) -> dict[str, str]:
        if "name" not in sentence.attributes:
            # Before 6.43 the first /login returned a challenge; newer routers still do, and refuse the answer.
            return {"ret": secrets.token_hex(16)}
        name, password = sentence.attributes["name"], sentence.attributes.get("password", "")
        user = self._router.users.login(name, password) if "response" not in sentence.attributes else None
        if user is None:
            LOG.warning("%s: login failure for user %s", self._peer, name)
            raise login_refused()
        LOG.info("%s: user %s logged in", self._peer, name)
        self._user = user
        with self._router.lock:
            self._router.sessions[id(self)] = {
                ".id": f"*{id(self):X}",
                "when": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
                "name": name,
                "address": self._peer.rpartition(":")[0],
                # That a session over TLS reads the same is an assumption: the manual knows api and rest-api.
                "via": "api",
                "group": user.group,
                "radius": "false",
            }
        return {}

    def _reply(self, word: str, attributes: dict[str, str], tag: Iterable[str]) -> None:
        self._write(word, *tag, *(f"={name}={value}" for name, value in attributes.items()))

    def _write(self, *words: str) -> None:
        self._connection.sendall(encode_sentence(*words, encoding=_ENCODING))

    def _read_sentence(self) -> list[str]:
        words: list[str] = []
        while word := self._read_word():
            words.append(word)
            if len(words) > _MOST_WORDS:
                raise Fatal("sentence too long")
        return words

    def _read_word(self) -> str:
        first = self._read(1)
        if first == b"\0":
            return ""
        try:
            length = decode_length(first + self._read(determine_length(first)))
        except ProtocolError:
            raise Fatal("malformed word length") from None
        if length > _LONGEST_WORD:
            raise Fatal("word too long")
        return self._read(length).decode(_ENCODING)

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            part = self._connection.recv(length - len(data))
            if not part:
                raise ConnectionResetError("closed by the client")
            data += part
        return bytes(data)


class Server:
    """One service of /ip/service on its port, as long as that is enabled; a thread for each connection."""

    def __init__(
        self, router: Router, address: str, port: int, service: str = "api", tls: ssl.SSLContext | None = None
    ) -> None:
        """:param tls: until the service has a certificate of the router's own; None: it speaks no TLS at all."""
        self._router = router
        self._service = service
        self._address = address
        self._tls = tls
        self._own: tuple[Signed, ssl.SSLContext] | None = None
        self._socket: socket.socket | None = socket.create_server((address, port), reuse_port=False)
        self.port: int = self._socket.getsockname()[1]
        """The port it listens on (another than asked for when that was 0)."""

    def start(self) -> None:
        """Accept connections in the background while the service is enabled."""
        self._accept_in_background()
        with self._router.lock:
            self.follow()
            self._router.followers.append(self.follow)

    def follow(self) -> None:
        """Listen, or not, as /ip/service says."""
        disabled = self._router.service(self._service)["disabled"] == "true"
        if disabled and self._socket is not None:
            self._stop_listening()
        elif not disabled and self._socket is None:
            self._socket = socket.create_server((self._address, self.port), reuse_port=False)
            self._accept_in_background()

    def close(self) -> None:
        """Stop accepting."""
        with self._router.lock:
            if self.follow in self._router.followers:
                self._router.followers.remove(self.follow)
            self._stop_listening()

    def _stop_listening(self) -> None:
        listening, self._socket = self._socket, None
        if listening is not None:
            # A plain close would not wake the thread that waits in accept.
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept_in_background(self) -> None:
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True, name=f"accept-{self.port}").start()

    def _accept(self, listening: socket.socket) -> None:
        while listening is self._socket:
            try:
                connection, address = listening.accept()
            except OSError:
                if listening is self._socket:
                    LOG.exception("accept")
                return
            peer = f"{address[0]}:{address[1]}"
            if not self._may_connect(address[0]):
                LOG.warning("%s: not in the address list of %s", peer, self._service)
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection, peer), daemon=True, name=peer).start()

    def _may_connect(self, address: str) -> bool:
        with self._router.lock:
            row = self._router.service(self._service)
        allowed = [part for part in (row.get("address") or row.get("available-from") or "").split(",") if part]
        return not allowed or any(ipaddress.ip_address(address) in ipaddress.ip_network(part) for part in allowed)

    def _context(self) -> ssl.SSLContext | None:
        """TLS with the certificate that the service has now."""
        if self._tls is None:
            return None
        with self._router.lock:
            own = self._router.certificate(self._router.service(self._service).get("certificate", "none"))
            if own is None:
                return self._tls
            if self._own is None or self._own[0] != own:
                self._own = own, _own_context(own)
            return self._own[1]

    def _serve(self, connection: socket.socket, peer: str) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(_HANDSHAKE_SECONDS)
                tls = self._context()
                stream = tls.wrap_socket(connection, server_side=True) if tls else connection
                stream.settimeout(_IDLE_SECONDS)
                with stream:
                    Session(self._router, stream, peer, self._service).serve()
        except OSError as error:
            # Clients come and go; a failed TLS handshake is one of these as well.
            LOG.debug("%s: %s", peer, error)


def _own_context(own: Signed) -> ssl.SSLContext:
    # Python reads certificate and key from a file only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(own.key + own.certificate)
        file.flush()
        return tls_context(file.name, None)


def tls_context(certificate: str | None, key: str | None) -> ssl.SSLContext:
    """TLS for api-ssl: with a certificate as usual, without one anonymous Diffie-Hellman only (manual, API)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
        return context
    # Anonymous suites do not exist in TLS 1.3.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH:@SECLEVEL=0")
    # They need a group, and Python reads one from a file only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(_FFDHE2048)
        file.flush()
        context.load_dh_params(file.name)
    return context
