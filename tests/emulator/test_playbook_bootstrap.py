"""The playbook bootstrap as a user runs it, against a router as it comes from the factory."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import librouteros
import pytest
import yaml

from lab.routeros.certificates import sign
from lab.routeros.menus import MENUS
from lab.routeros.policy import FACTORY_USER, User, Users
from lab.routeros.server import Session

from .conftest import Start
from .playbook import PYTHON, play
from .recorded import Recording

ADMIN_PASSWORD, PASSWORD = "printed-on-sticker", "made-for-ansible"
KEY = "the-key-of-ospf"
ADMIN = User(FACTORY_USER.name, ADMIN_PASSWORD, FACTORY_USER.group, FACTORY_USER.policies)


class Fresh:
    """Runs playbooks on a factory-fresh router: both services of the API are enabled, api-ssl has no certificate."""

    def __init__(self, router: Recording, tls_port: int, directory: Path) -> None:
        self.router = router
        self.ca = directory / "router-ca.pem"
        self._directory = directory
        self.first: dict[str, Any] = {
            "hostname": "127.0.0.1",
            "port": router.server.port,
            "username": "admin",
            "password": ADMIN_PASSWORD,
        }
        self.target: dict[str, Any] = {
            "hostname": "127.0.0.1",
            "port": tls_port,
            "username": "ansible",
            "password": PASSWORD,
            "tls": True,
            "validate_certs": True,
            "validate_cert_hostname": True,
            "ca_path": str(self.ca),
            "timeout": 30,
        }
        self.variables: dict[str, Any] = {"routeros_bootstrap_allowed": ["127.0.0.0/8"]}

    def __call__(self, *options: str, name: str = "bootstrap") -> tuple[int, str]:
        """Return the exit code and everything that was printed, on one line."""
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": PYTHON,
            "routeros_bootstrap_login": self.first,
            "routeros_bootstrap_target": self.target,
            "routeros_ospf_api": self.target,
            "routeros_ospf_link": {"key": KEY},
            "routeros_ospf_router_id": "172.18.0.1",
            "routeros_ospf_interfaces": ["bridge-lan"],
            "routeros_ospf_anycast_prefixes": ["172.18.0.64"],
            **self.variables,
        }
        inventory = {"anycast_routers": {"hosts": {"hap-lite": variables}}}
        (self._directory / "hosts.yml").write_text(yaml.safe_dump(inventory))
        book: dict[str, Any] = {"import_playbook": f"homelab.anycast.{name}"}
        if name == "routeros_ospf":
            book = {"hosts": "anycast_routers", "gather_facts": False, "roles": ["homelab.anycast.routeros_ospf"]}
        (self._directory / "play.yml").write_text(yaml.safe_dump([book]))
        return play("-i", str(self._directory / "hosts.yml"), str(self._directory / "play.yml"), *options)

    def state(self) -> str:
        """What the router keeps."""
        state = self.router.directory / "state.json"
        return state.read_text() if state.exists() else ""

    def service(self, name: str) -> dict[str, str]:
        with self.router.router.lock:
            return self.router.router.service(name)

    def rows(self, menu: str) -> list[dict[str, str]]:
        with self.router.router.lock:
            return self.router.router.rows(MENUS[menu])


@pytest.fixture
def fresh(start: Start, tmp_path: Path) -> Iterator[Fresh]:
    router = start("nobody", rows=False, users=Users((ADMIN,)))
    with router.tls() as port:
        yield Fresh(router, port, tmp_path)


def test_from_the_factory_to_a_configured_router(fresh: Fresh) -> None:
    code, said = fresh("--check", "--diff")
    assert code == 0, said
    # Certificates, their copy, the user, the plain API; nothing of it has been done.
    assert "changed=4" in said
    assert '"address": "127.0.0.0/8"' in said and '"policies": [' in said
    assert fresh.state() == ""
    assert not fresh.ca.exists()

    code, said = fresh("-vvv", "--diff")
    assert code == 0, said
    assert "changed=4" in said
    assert [secret for secret in (ADMIN_PASSWORD, PASSWORD, "PRIVATE KEY") if secret in said] == []
    # What a module warns of when it would log a password.
    assert "did not set no_log" not in said
    assert fresh.ca.read_text().startswith("-----BEGIN CERTIFICATE-----")
    service = fresh.service("api-ssl")
    assert (service["address"], service["certificate"]) == ("127.0.0.0/8", "anycast-api")
    assert fresh.service("api")["disabled"] == "true"
    with pytest.raises(ConnectionRefusedError):
        librouteros.connect(host="127.0.0.1", port=fresh.first["port"], username="admin", password=ADMIN_PASSWORD)
    # The exported file is gone, the private keys are where only the router's owner reads.
    assert fresh.router.router.store.table("file").rows == []

    for options in ((), ("--check", "--diff")):
        code, said = fresh(*options)
        assert code == 0, said
        assert "changed=0" in said

    # The new user has all the rights that the role needs, and not those of managing users.
    code, said = fresh(name="routeros_ospf")
    assert code == 0, said
    user = fresh.router.router.users.login("ansible", PASSWORD)
    assert user is not None and user.policies == {"read", "write", "test", "sensitive", "api"}


def test_it_does_not_lock_itself_out(fresh: Fresh) -> None:
    fresh.variables["routeros_bootstrap_allowed"] = ["172.18.0.0/26"]
    code, said = fresh()
    assert code != 0
    assert "the router is reached from 127.0.0.1, which is in none of 172.18.0.0/26" in said
    assert fresh.state() == ""


def test_the_plain_api_stays_until_the_new_user_has_logged_in(fresh: Fresh) -> None:
    port, fresh.target["port"] = fresh.target["port"], 1
    code, said = fresh()
    assert code != 0
    assert "nothing listens there" in said
    assert fresh.service("api")["disabled"] == "false"
    # The next run goes on from there.
    fresh.target["port"] = port
    code, said = fresh()
    assert code == 0, said
    assert "changed=2" in said
    assert fresh.service("api")["disabled"] == "true"


def test_the_new_password_never_travels_in_clear(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    clear: list[str] = []
    secure: list[str] = []
    answer = Session._answer

    def overheard(session: Session, words: list[str]) -> None:
        # A drill that an earlier test has killed may still watch its own router.
        if session._router is fresh.router.router:
            (secure if isinstance(session._connection, ssl.SSLSocket) else clear).extend(words)
        answer(session, words)

    monkeypatch.setattr(Session, "_answer", overheard)
    for options in (("--check",), (), ("--check",)):
        code, said = fresh(*options)
        assert code == 0, said
    assert f"=password={ADMIN_PASSWORD}" in clear
    assert [word for word in clear if PASSWORD in word] == []
    assert f"=password={PASSWORD}" in secure
    # With the certificate here, nothing but TLS will do; least of all is the password sent in clear.
    del clear[:]
    fresh.target["port"] = fresh.first["port"]
    assert fresh()[0] != 0
    assert clear == []


def test_another_password_another_list_another_address(fresh: Fresh) -> None:
    assert fresh()[0] == 0
    authority = fresh.ca.read_text()
    fresh.target |= {"password": "another-one-of-it", "hostname": "localhost"}
    fresh.variables["routeros_bootstrap_allowed"] = ["127.0.0.1/32", "192.0.2.0/24"]
    code, said = fresh("--diff")
    assert code == 0, said
    assert "changed=2" in said
    assert '"password": "(hidden, changed)"' in said
    assert "another-one-of-it" not in said and PASSWORD not in said
    assert fresh.service("api-ssl")["address"] == "127.0.0.1/32,192.0.2.0/24"
    # By the same authority, which so need not be handed out again.
    assert fresh.ca.read_text() == authority
    names = [row["name"] for row in fresh.rows("certificate")]
    assert names == ["anycast-ca", "anycast-api-2"]
    code, said = fresh()
    assert code == 0, said
    assert "changed=0" in said


def test_bad_input_is_said_before_anything_is_changed(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*words: str) -> None:
        code, said = fresh()
        assert code != 0
        for word in words:
            assert word in said
        assert fresh.state() == ""

    fresh.first["password"] = "wrong-password"
    refused("invalid user name or password (6)", "user 'admin'")
    fresh.first["password"] = ADMIN_PASSWORD
    target = fresh.target
    fresh.target = {**target, "tls": False, "password": ""}
    refused("routeros_bootstrap_target.tls is false", "routeros_bootstrap_target.password is empty")
    # A file of another router, or of this one before it was reset.
    fresh.target = target
    other = {"common-name": "another", "key-size": "prime256v1", "key-usage": "key-cert-sign", "days-valid": "1"}
    fresh.ca.write_text(sign(other, None).certificate)
    refused(f"If the router has been reset, remove the file of ca_path ({fresh.ca}) and run homelab.anycast.bootstrap")
    fresh.ca.unlink()
    # Like a router without a battery that has found no time server yet.
    monkeypatch.setattr("lab.routeros.router.clock_row", lambda *_: {"date": "1970-01-02", "time": "00:01:00"})
    refused("the router's clock says 1970-01-02T00:01:00Z", "/system/clock set")


def test_what_is_there_already(fresh: Fresh) -> None:
    """A run that was interrupted, a group that others are in, a user with more rights."""
    admin = fresh.router.connect("admin", ADMIN_PASSWORD)

    def call(command: str, *words: str) -> None:
        tuple(admin.rawCmd(command, *words))

    call("/certificate/add", "=name=anycast-ca", "=common-name=left")
    call("/user/group/add", "=name=anycast", "=policy=read,api")
    call("/user/add", "=name=monitor", "=group=anycast")
    call("/user/add", "=name=ansible", "=group=full", f"=password={PASSWORD}")
    code, said = fresh()
    assert code != 0
    assert "the group 'anycast' of the router is also that of monitor and has other policies (api,read)" in said
    assert fresh.service("api")["disabled"] == "false"
    fresh.variables["routeros_bootstrap_group"] = "homelab"
    code, said = fresh()
    assert code == 0, said
    assert [row["group"] for row in fresh.rows("user")] == ["full", "anycast", "homelab"]
    assert [row["common-name"] for row in fresh.rows("certificate")] == ["anycast-ca", "127.0.0.1"]


def test_7_24_names_the_address_list_otherwise(start: Start, tmp_path: Path) -> None:
    router = start("nobody", rows=False, version="7.24.5", users=Users((ADMIN,)))
    with router.tls() as port:
        fresh = Fresh(router, port, tmp_path)
        code, said = fresh()
        assert code == 0, said
        assert fresh.service("api-ssl")["available-from"] == "127.0.0.0/8"
        code, said = fresh()
        assert code == 0, said
        assert "changed=0" in said
