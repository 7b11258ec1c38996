"""The role routeros_ospf against the emulator: what it writes, what it leaves alone, and what it never shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.policy import LAB_PASSWORD

from .recorded import Recording

ROOT = Path(__file__).parents[2]
FIRST_KEY, SECOND_KEY = "first-key-of-it", "second-key-of-it"
INSTANCE, AREA = "/routing/ospf/instance", "/routing/ospf/area"
TEMPLATE = "/routing/ospf/interface-template"


class Role:
    """Runs the role in a play of its own, as an `ansible-playbook` process in this checkout."""

    def __init__(self, router: Recording, directory: Path) -> None:
        self.router = router
        self._playbook = directory / "play.yml"

    def __call__(self, *options: str, user: str = "ansible", key: str = FIRST_KEY, **variables: Any) -> tuple[int, str]:
        """Return the exit code and everything that was printed, on one line."""
        values = {
            "routeros_ospf_api": {
                "hostname": "127.0.0.1",
                "port": self.router.server.port,
                "username": user,
                "password": LAB_PASSWORD,
                "timeout": 30,
            },
            "routeros_ospf_link": {"key": key},
            "routeros_ospf_router_id": "172.18.0.1",
            "routeros_ospf_interfaces": ["bridge-lan"],
            **variables,
        }
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, **values},
            "roles": ["homelab.anycast.routeros_ospf"],
        }
        self._playbook.write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                "-i",
                "localhost,",
                str(self._playbook),
                *options,
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def role(empty: Recording, tmp_path: Path) -> Role:
    return Role(empty, tmp_path)


def test_set_up_once(role: Role) -> None:
    router = role.router
    code, said = role("--check", "--diff")
    assert code == 0, said
    assert "changed=4" in said
    assert '+ "hello-interval": "3s"' in said
    assert router.call(f"{INSTANCE}/print") + router.call(f"{TEMPLATE}/print") == []

    code, said = role()
    assert code == 0, said
    assert "changed=4" in said
    (template,) = router.call(f"{TEMPLATE}/print")
    expected = {"area": "anycast", "interfaces": "bridge-lan", "hello-interval": "3s", "dead-interval": "12s"}
    assert expected.items() <= template.items()
    assert (template["auth"], template["auth-id"], template["auth-key"]) == ("sha256", 1, FIRST_KEY)
    assert router.call("/ip/settings/print")[0]["send-redirects"] is False

    code, said = role()
    assert code == 0, said
    assert "changed=0" in said


def test_a_key_never_shows(role: Role) -> None:
    assert role()[0] == 0
    code, said = role("-vvv", "--diff", key=SECOND_KEY, routeros_ospf_priority=200)
    assert code == 0, said
    # The rest of the diff does show, and so does that the key is another one.
    assert '- "priority": 128' in said and '+ "priority": 200' in said
    assert '- "auth-key": "(hidden)"' in said and '+ "auth-key": "(hidden, another one)"' in said
    assert [secret for secret in (FIRST_KEY, SECOND_KEY, LAB_PASSWORD) if secret in said] == []
    assert role.router.call(f"{TEMPLATE}/print")[0]["auth-key"] == SECOND_KEY


def test_foreign_rows_stay_and_what_is_in_the_way_is_named(role: Role) -> None:
    router = role.router
    router.call(f"{INSTANCE}/add", "=name=his", "=router-id=192.0.2.1", "=disabled=yes", "=comment=his")
    router.call(f"{AREA}/add", "=name=his", "=instance=his")
    router.call(f"{TEMPLATE}/add", "=area=his", "=interfaces=ether2", "=comment=his")
    before = [router.call(f"{menu}/print") for menu in (INSTANCE, AREA, TEMPLATE)]
    assert role()[0] == 0
    after = [router.call(f"{menu}/print") for menu in (INSTANCE, AREA, TEMPLATE)]
    assert [rows[0] | {".nextid": ""} for rows in after] == [rows[0] | {".nextid": ""} for rows in before]

    code, said = role(routeros_ospf_instance="his", routeros_ospf_interfaces=["ether2"])
    assert code != 0
    assert "instance 'his' of somebody else's" in said
    assert "interface ether2 is matched already by the interface template" in said
    assert [router.call(f"{menu}/print") for menu in (INSTANCE, AREA, TEMPLATE)] == after


def test_bad_input_before_anything_is_touched(role: Role) -> None:
    code, said = role(
        routeros_ospf_link={"key": "k" * 33, "hello_interval": 4, "dead_interval": 4}, routeros_ospf_router_id="hap"
    )
    assert code != 0
    for words in ("dead_interval is 4 s", "key has 33 octets", "routeros_ospf_router_id is 'hap'"):
        assert words in said
    code, said = role(routeros_ospf_interfaces=["bridge-none"])
    assert code != 0 and "bridge-none" in said
    assert role.router.call(f"{INSTANCE}/print") == []
    assert role.router.call("/ip/settings/print")[0]["send-redirects"] is True


def test_a_user_who_cannot_read_the_key_is_told(role: Role) -> None:
    assert role()[0] == 0
    code, said = role(user="nosensitive")
    assert code != 0
    assert "lacks the policy 'sensitive'" in said


def test_an_old_router_is_refused(start: Any, tmp_path: Path) -> None:
    for version in ("6.49.10", "7.15.3"):
        code, said = Role(start("nobody", version=version, rows=False), tmp_path)()
        assert code != 0
        assert version in said and "7.16" in said
