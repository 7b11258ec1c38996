"""The wire: tags, long words, broken clients, TLS, several at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from librouteros import connect
from librouteros.protocol import encode_sentence

from lab.routeros.policy import LAB_PASSWORD

from .recorded import Recording


def raw(router: Recording) -> socket.socket:
    return socket.create_connection(("127.0.0.1", router.server.port), timeout=10)


def everything(connection: socket.socket) -> bytes:
    data = b""
    # Closing with unread input resets the connection.
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            data += part
    return data


def logged_in(router: Recording) -> socket.socket:
    connection = raw(router)
    connection.sendall(encode_sentence("/login", "=name=ansible", f"=password={LAB_PASSWORD}", encoding="ascii"))
    assert connection.recv(100) == encode_sentence("!done", encoding="ascii")
    return connection


def test_tags_are_echoed(empty: Recording) -> None:
    with logged_in(empty) as connection:
        connection.sendall(encode_sentence("/system/identity/print", ".tag=7", encoding="ascii"))
        connection.sendall(encode_sentence("/nothing", ".tag=8", encoding="ascii"))
        connection.sendall(encode_sentence("/quit", encoding="ascii"))
        assert everything(connection) == b"".join(
            encode_sentence(*words, encoding="ascii")
            for words in (
                ("!re", ".tag=7", "=name=MikroTik"),
                ("!done", ".tag=7"),
                ("!trap", ".tag=8", "=category=0", "=message=no such command or directory (nothing)"),
                ("!trap", ".tag=8", "=message=no such command prefix"),
                ("!done", ".tag=8"),
                ("!fatal", "session terminated on request"),
            )
        )


def test_commands_before_login(empty: Recording) -> None:
    with raw(empty) as connection:
        connection.sendall(encode_sentence("/system/identity/print", encoding="ascii"))
        assert everything(connection) == encode_sentence("!fatal", "not logged in", encoding="ascii")


def test_the_old_login_gets_a_challenge_and_is_refused(empty: Recording) -> None:
    with raw(empty) as connection:
        connection.sendall(encode_sentence("/login", encoding="ascii"))
        assert b"=ret=" in connection.recv(200)
        connection.sendall(encode_sentence("/login", "=name=admin", "=response=00", encoding="ascii"))
        assert b"invalid user name or password (6)" in connection.recv(200)


@pytest.mark.parametrize(
    "data",
    [b"\xf8\x00\x00\x00\x00", b"\xf0\xff\xff\xff\xff", b"\xef\xff\xff\xff" + b"x" * 100, b"\x16\x03\x01\x02\x00\x01"],
)
def test_malformed_input_ends_the_connection_only(empty: Recording, data: bytes) -> None:
    with raw(empty) as connection:
        connection.sendall(data)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        answer = everything(connection)
    assert answer in (b"",) or answer.startswith(b"\x06!fatal")
    assert empty.call("/system/identity/print") == [{"name": "MikroTik"}]


def test_a_length_that_cannot_be_is_fatal(empty: Recording) -> None:
    with raw(empty) as connection:
        connection.sendall(b"\xef\xff\xff\xff")
        assert everything(connection) == encode_sentence("!fatal", "word too long", encoding="ascii")


def test_clients_that_vanish(empty: Recording) -> None:
    for words in ([], [b"\x06/log"], [encode_sentence("/login", encoding="ascii")]):
        with raw(empty) as connection:
            for word in words:
                connection.sendall(word)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert empty.call("/system/identity/print") == [{"name": "MikroTik"}]


def test_long_words_and_every_byte(empty: Recording) -> None:
    comment = "ä" * 9000 + "=x=\n"
    api = connect(host="127.0.0.1", port=empty.server.port, username="ansible", password=LAB_PASSWORD, encoding="utf-8")
    api.path("routing", "ospf", "instance").add(name="home", comment=comment, **{"router-id": "1.1.1.1"})
    (row,) = api.path("routing", "ospf", "instance")
    assert row["comment"] == comment
    api.close()


def test_several_clients_at_once(empty: Recording) -> None:
    def work(number: int) -> None:
        empty.call("/routing/id/add", f"=name=id{number}", f"=id=10.0.0.{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    rows = empty.call("/routing/id/print", "?dynamic=false")
    assert sorted(row["name"] for row in rows) == sorted(f"id{number}" for number in range(20))
    assert len({row[".id"] for row in rows}) == 20


def test_tls_with_a_certificate(empty: Recording, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "2", "-subj", "/CN=router", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    with empty.tls(str(certificate), str(key)) as port:
        trusted = ssl.create_default_context(cafile=str(certificate))
        api = connect(
            host="127.0.0.1", port=port, username="ansible", password=LAB_PASSWORD,
            ssl_wrapper=lambda sock: trusted.wrap_socket(sock, server_hostname="127.0.0.1"),
        )  # fmt: skip
        assert list(api("/system/identity/print")) == [{"name": "MikroTik"}]
        api.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(
                host="127.0.0.1", port=port, username="ansible", password=LAB_PASSWORD,
                ssl_wrapper=lambda sock: ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1"),
            )  # fmt: skip


def test_tls_without_a_certificate_is_anonymous(empty: Recording) -> None:
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anonymous.check_hostname = False
    anonymous.verify_mode = ssl.CERT_NONE
    anonymous.set_ciphers("ADH:@SECLEVEL=0")
    with empty.tls() as port:
        api = connect(
            host="127.0.0.1", port=port, username="ansible", password=LAB_PASSWORD, ssl_wrapper=anonymous.wrap_socket
        )
        assert list(api("/system/identity/print")) == [{"name": "MikroTik"}]
        api.close()
