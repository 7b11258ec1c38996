"""The modules of the role routeros_bootstrap against the emulator, each by itself and in this process."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from lab.routeros.certificates import sign
from lab.routeros.menus import MENUS
from lab.routeros.policy import FACTORY_USER, User, Users

from .conftest import Start
from .recorded import Recording

MODULES = "ansible_collections.homelab.anycast.plugins.modules."
ADMIN_PASSWORD, PASSWORD = "printed-on-sticker", "made-for-ansible"
ADMIN = User(FACTORY_USER.name, ADMIN_PASSWORD, FACTORY_USER.group, FACTORY_USER.policies)
TLS = {
    "authority": "anycast-ca",
    "certificate": "anycast-api",
    "host": "127.0.0.1",
    "days": 3650,
    "allowed": ["127.0.0.0/8"],
}
ACCOUNT = {"group": "anycast", "user": "ansible", "user_password": PASSWORD}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def router(start: Start) -> Recording:
    return start("nobody", rows=False, users=Users((ADMIN,)))


@pytest.fixture
def run(router: Recording, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(name: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        login = {"hostname": "127.0.0.1", "port": router.server.port, "username": "admin", "password": ADMIN_PASSWORD}
        values = {**login, **options, "_ansible_check_mode": check_mode}
        with patch_module_args(values), pytest.raises(SystemExit):
            importlib.import_module(MODULES + name).main()
        printed = capsys.readouterr().out
        assert PASSWORD not in printed and ADMIN_PASSWORD not in printed
        result: dict[str, Any] = json.loads(printed)
        return result

    return run


def state(router: Recording) -> str:
    path = router.directory / "state.json"
    return path.read_text() if path.exists() else ""


def rows(router: Recording, menu: str) -> list[dict[str, str]]:
    with router.router.lock:
        return router.router.rows(MENUS[menu])


# --- routeros_api_tls -------------------------------------------------------------------------------------------------


def test_tls_is_made_once(router: Recording, run: Run) -> None:
    result = run("routeros_api_tls", check_mode=True, **TLS)
    assert (result["changed"], result["authority_certificate"], state(router)) == (True, "", "")
    assert result["diff"]["before"]["certificates"] == {}
    assert list(result["diff"]["after"]["certificates"]) == ["anycast-ca", "anycast-api"]

    result = run("routeros_api_tls", **TLS)
    assert result["changed"] and result["certificate"] == "anycast-api"
    certificate = result["authority_certificate"]
    assert certificate.startswith("-----BEGIN CERTIFICATE-----") and certificate.endswith("-----END CERTIFICATE-----\n")
    # The exported file is gone.
    assert rows(router, "file") == []

    for check_mode in (True, False):
        result = run("routeros_api_tls", check_mode, **TLS)
        assert (result["changed"], result["authority_certificate"]) == (False, certificate)


def test_another_host_gets_another_certificate_of_the_same_authority(router: Recording, run: Run) -> None:
    first = run("routeros_api_tls", **TLS)
    second = run("routeros_api_tls", **{**TLS, "host": "hap-lite.example"})
    assert (second["changed"], second["certificate"]) == (True, "anycast-api-2")
    assert second["authority_certificate"] == first["authority_certificate"]
    assert [row["name"] for row in rows(router, "certificate")] == ["anycast-ca", "anycast-api-2"]


def test_what_was_interrupted_goes_on(router: Recording, run: Run) -> None:
    """A template that nobody has signed has the name."""
    with_admin(router, "/certificate/add", "=name=anycast-ca", "=common-name=left")
    assert run("routeros_api_tls", **TLS)["authority_certificate"]
    assert [row["common-name"] for row in rows(router, "certificate")] == ["anycast-ca", "127.0.0.1"]


def test_a_template_that_is_thrown_away_is_a_change(router: Recording, run: Run) -> None:
    run("routeros_api_tls", **TLS)
    with_admin(router, "/certificate/add", "=name=anycast-api-2", "=common-name=left")
    assert [run("routeros_api_tls", check_mode, **TLS)["changed"] for check_mode in (True, False)] == [True, True]
    assert [row["name"] for row in rows(router, "certificate")] == ["anycast-ca", "anycast-api"]
    assert not run("routeros_api_tls", **TLS)["changed"]


def row_id(router: Recording, menu: str, name: str) -> str:
    return next(row[".id"] for row in rows(router, menu) if row["name"] == name)


def with_admin(router: Recording, command: str, *words: str) -> None:
    admin = router.connect("admin", ADMIN_PASSWORD)
    try:
        list(admin.rawCmd(command, *words))
    finally:
        admin.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"allowed": ["172.18.0.0/26"]}, "reached from 127.0.0.1, which is in none of 172.18.0.0/26"),
        ({"password": "wrong"}, "invalid user name or password"),
        ({"port": 1}, "Connection refused"),
    ],
)
def test_tls_is_refused_before_anything_is_changed(
    router: Recording, run: Run, changes: dict[str, Any], says: str
) -> None:
    result = run("routeros_api_tls", **{**TLS, **changes})
    assert result["failed"] and says in result["msg"]
    assert state(router) == ""


def test_a_router_that_signs_nothing(router: Recording, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(MODULES + "routeros_api_tls")
    monkeypatch.setattr(module.access, "usable", lambda row: False)
    result = run("routeros_api_tls", **TLS)
    assert "the certificate 'anycast-ca' has not been signed; the router said: " in result["msg"]
    assert "with a higher timeout" in result["msg"]


def test_a_router_that_exports_nothing(router: Recording, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(MODULES + "routeros_api_tls")
    monkeypatch.setattr(module, "FILE", "/user/active")
    monkeypatch.setattr(module, "FILE_SECONDS", -1)
    result = run("routeros_api_tls", **TLS)
    assert "the file anycast-ca.crt which the router exported the certificate 'anycast-ca' to holds 0" in result["msg"]


def test_a_router_without_the_service(router: Recording, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(MODULES + "routeros_api_tls")
    monkeypatch.setattr(module, "SERVICE", "/certificate")
    assert "the router has no service api-ssl" in run("routeros_api_tls", **TLS)["msg"]


# --- routeros_user ----------------------------------------------------------------------------------------------------


@pytest.fixture
def account(router: Recording, run: Run, tmp_path: Path) -> Iterator[Run]:
    """The module over TLS, where it writes."""
    usage = {"common-name": "router", "key-size": "prime256v1", "key-usage": "tls-server", "days-valid": "1"}
    signed = sign(usage, None)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(signed.certificate)
    key.write_text(signed.key)
    with router.tls(str(certificate), str(key)) as port:
        over_tls = {"port": port, "tls": True, "validate_certs": False}
        yield lambda check_mode=False, **options: run("routeros_user", check_mode, **{**ACCOUNT, **over_tls, **options})


def test_a_user_is_made_once(router: Recording, account: Run) -> None:
    result = account(check_mode=True)
    assert result["changed"] and state(router) == ""
    assert result["diff"]["before"] == {"group": {}, "user": {}}

    result = account()
    assert result["diff"]["after"]["group"]["policies"] == ["api", "read", "sensitive", "test", "write"]
    assert result["diff"]["after"]["user"]["password"] == "(hidden)"
    user = router.router.users.login("ansible", PASSWORD)
    assert user is not None and user.policies == {"read", "write", "test", "sensitive", "api"}
    assert not account()["changed"]


@pytest.mark.parametrize(
    ("menu", "name", "word"),
    [
        pytest.param("user", "ansible", "=password=another", id="another password"),
        pytest.param("user", "ansible", "=group=full", id="more rights"),
        pytest.param("user", "ansible", "=disabled=yes", id="disabled"),
        pytest.param("user/group", "anycast", "=policy=read,api", id="fewer rights"),
    ],
)
def test_a_user_is_put_right(router: Recording, account: Run, menu: str, name: str, word: str) -> None:
    account()
    with_admin(router, f"/{menu}/set", f"=.id={row_id(router, menu, name)}", word)
    result = account()
    assert result["changed"], result
    user = router.router.users.login("ansible", PASSWORD)
    assert user is not None and user.policies == {"read", "write", "test", "sensitive", "api"}
    assert not account()["changed"]


def test_a_group_of_others_is_not_changed(router: Recording, account: Run) -> None:
    with_admin(router, "/user/group/add", "=name=anycast", "=policy=read,api")
    with_admin(router, "/user/add", "=name=monitor", "=group=anycast")
    assert "the group 'anycast' of the router is also that of monitor" in account()["msg"]


def test_a_password_never_travels_in_clear(router: Recording, run: Run) -> None:
    result = run("routeros_user", **ACCOUNT)
    assert "tls is false, expected true: the password of the new user would be sent in clear text" in result["msg"]
    assert state(router) == ""
    # In check mode nothing travels.
    assert run("routeros_user", check_mode=True, **ACCOUNT)["changed"]


def test_a_password_that_cannot_be_sent(account: Run) -> None:
    result = account(user_password="пароль", encoding="ASCII")
    assert "user_password holds a character that encoding 'ASCII' lacks" in result["msg"]
    assert "пароль" not in json.dumps(result, ensure_ascii=False)
