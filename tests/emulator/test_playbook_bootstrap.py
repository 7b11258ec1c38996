"""The playbook bootstrap as a user runs it, against a router as it comes from the factory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import librouteros
import pytest
import yaml

from lab.routeros.policy import FACTORY_USER, User, Users

from .conftest import Start
from .recorded import Recording

ROOT = Path(__file__).parents[2]
ADMIN_PASSWORD, PASSWORD = "printed-on-sticker", "made-for-ansible"
KEY = "the-key-of-ospf"


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
            "ansible_python_interpreter": sys.executable,
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
        play = [{"import_playbook": f"homelab.anycast.{name}"}]
        if name == "routeros_ospf":
            play = [{"hosts": "anycast_routers", "gather_facts": False, "roles": ["homelab.anycast.routeros_ospf"]}]  # type: ignore[dict-item]
        (self._directory / "play.yml").write_text(yaml.safe_dump(play))
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                "-i",
                str(self._directory / "hosts.yml"),
                str(self._directory / "play.yml"),
                *options,
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def state(self) -> str:
        """What the router keeps."""
        state = self.router.directory / "state.json"
        return state.read_text() if state.exists() else ""

    def service(self, name: str) -> dict[str, str]:
        with self.router.router.lock:
            return self.router.router.service(name)


@pytest.fixture
def fresh(start: Start, tmp_path: Path) -> Iterator[Fresh]:
    admin = User(FACTORY_USER.name, ADMIN_PASSWORD, FACTORY_USER.group, FACTORY_USER.policies)
    router = start("nobody", rows=False, users=Users((admin,)))
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
    assert "this host reaches the router from 127.0.0.1, which is in none of 172.18.0.0/26" in said
    assert fresh.state() == ""


def test_the_plain_api_stays_when_the_new_user_cannot_log_in(fresh: Fresh) -> None:
    # The certificate is made out to a name by which the connection is not made.
    fresh.target["port"] = 1
    code, said = fresh()
    assert code != 0
    assert "nothing listens there" in said
    assert fresh.service("api")["disabled"] == "false"
    # What was done before stays, and the next run goes on from there.
    fresh.ca.unlink()
    fresh.target["port"] = fresh.router.server.port
