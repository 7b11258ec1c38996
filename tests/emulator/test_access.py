"""What a factory-fresh router is asked for: certificates, files, services, users and groups."""

from __future__ import annotations

import ssl
from pathlib import Path

import librouteros
import pytest
from librouteros.exceptions import TrapError

from lab.routeros.policy import LAB_PASSWORD

from .recorded import Recording


def make_certificates(router: Recording) -> str:
    """An authority and a certificate for the loopback; returns the authority's certificate."""
    router.call("/certificate/add", "=name=ca", "=common-name=ca", "=key-usage=key-cert-sign,crl-sign")
    assert router.call("/certificate/sign", "=number=ca") == [{"progress": "done"}]
    router.call("/certificate/add", "=name=api", "=common-name=127.0.0.1", "=subject-alt-name=IP:127.0.0.1",
                "=key-size=prime256v1")  # fmt: skip
    router.call("/certificate/sign", "=number=api", "=ca=ca")
    router.call("/certificate/export-certificate", "=numbers=ca", "=file-name=of-ca")
    (file,) = router.call("/file/print", "?name=of-ca.crt")
    return str(file["contents"])


def secure_login(port: int, authority: Path) -> librouteros.api.Api:
    context = ssl.create_default_context(cafile=str(authority))
    return librouteros.connect(
        host="127.0.0.1",
        port=port,
        username="ansible",
        password=LAB_PASSWORD,
        ssl_wrapper=lambda connection: context.wrap_socket(connection, server_hostname="127.0.0.1"),
    )


def test_certificates_serve_tls(empty: Recording, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(make_certificates(empty))
    ca, api = empty.call("/certificate/print")
    assert (ca["authority"], "issued" in ca, api["issued"], api["ca"], "authority" in api) == (
        True, False, True, "ca", True,
    )  # fmt: skip
    # Keys never leave the router.
    assert "PRIVATE" not in str([ca, api])
    with empty.tls() as port:
        with pytest.raises(ssl.SSLError):
            secure_login(port, authority)
        empty.call("/ip/service/set", "=numbers=api-ssl", "=certificate=api")
        secure_login(port, authority).close()
    assert (empty.directory / "state.json").stat().st_mode & 0o077 == 0
    # What an authority has issued goes with it.
    empty.call("/certificate/remove", "=numbers=ca")
    assert empty.call("/certificate/print") == []


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("/certificate/sign", ["=number=template", "=ca=nobody"], "input does not match any value of ca"),
        ("/certificate/sign", ["=number=other"], "no such item"),
        ("/certificate/export-certificate", ["=numbers=template"], "failure: the certificate is not signed"),
        ("/certificate/add", ["=name=x", "=common-name=x", "=key-usage=code-sign"], "the emulator does not support"),
        ("/certificate/import", ["=file-name=x"], "the emulator does not support"),
        (
            "/ip/service/set",
            ["=numbers=api-ssl", "=certificate=other"],
            "input does not match any value of certificate",
        ),
        ("/ip/service/set", ["=numbers=api", "=port=1234"], "the emulator does not support port=1234"),
        ("/user/group/add", ["=name=x", "=policy=read,fly"], "input does not match any value of policy"),
        ("/user/add", ["=name=x", "=group=nobody"], "input does not match any value of group"),
        ("/user/add", ["=name=admin", "=group=read"], "failure: already have such name"),
    ],
)
def test_what_is_wrong_is_refused(empty: Recording, command: str, words: list[str], message: str) -> None:
    empty.call("/certificate/add", "=name=template", "=common-name=x")
    with pytest.raises(TrapError) as caught:
        empty.call(command, *words)
    assert message in caught.value.message


def test_a_service_is_closed_and_limited(empty: Recording) -> None:
    api = empty.connect()
    # The session stays, a new one is refused.
    tuple(api.rawCmd("/ip/service/set", "=numbers=api", "=disabled=yes"))
    with pytest.raises(ConnectionRefusedError):
        empty.connect()
    tuple(api.rawCmd("/ip/service/set", "=numbers=api", "=disabled=no", "=address=192.0.2.0/24"))
    with pytest.raises((OSError, librouteros.exceptions.LibRouterosError)):
        empty.connect()
    tuple(api.rawCmd("/ip/service/set", "=numbers=api", "=address=192.0.2.0/24,127.0.0.0/8"))
    empty.connect().close()


def test_users_and_groups(empty: Recording) -> None:
    assert [row["name"] for row in empty.call("/user/group/print")][:3] == ["read", "write", "full"]
    empty.call("/user/group/add", "=name=few", "=policy=api,read")
    empty.call("/user/add", "=name=new", "=group=few", "=password=s3cret")
    (row,) = empty.call("/user/print", "?name=new")
    assert (row["group"], "password" in row) == ("few", False)
    (group,) = empty.call("/user/group/print", "?name=few")
    assert group["policy"].startswith("read,api,!local,!telnet")
    api = empty.connect("new", "s3cret")
    with pytest.raises(TrapError, match="not enough permissions"):
        tuple(api.rawCmd("/system/identity/set", "=name=x"))
    empty.call("/user/group/set", "=numbers=few", "=policy=api,read,write")
    api = empty.connect("new", "s3cret")
    tuple(api.rawCmd("/system/identity/set", "=name=x"))
    # User management needs more than write, and exporting the policy sensitive.
    for command, words in (
        ("/user/set", ["=numbers=new", "=group=full"]),
        ("/certificate/export-certificate", ["=numbers=x"]),
    ):
        with pytest.raises(TrapError, match="not enough permissions"):
            tuple(api.rawCmd(command, *words))


def test_sessions(empty: Recording) -> None:
    api = empty.connect()
    (row,) = api.rawCmd("/user/active/print")
    assert (row["name"], row["address"], row["via"], row["group"]) == ("ansible", "127.0.0.1", "api", "full")
