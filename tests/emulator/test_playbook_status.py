"""The playbook status as a user runs it: a router that answers or not, and nodes that nobody can reach."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.policy import LAB_PASSWORD

from .conftest import Start
from .playbook import CLOSED, PYTHON, ROOT, play

# Short enough for the drawing.
EVIL = "<script>1"


class Status:
    """Runs the playbook on an inventory whose nodes are closed ports of the loopback, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.page = directory / "anycast-status.html"
        self.port = CLOSED
        self.node_variables: dict[str, Any] = {"bird_anycast_services": "{{ anycast_services }}"}
        self.router_variables: dict[str, Any] = {}

    def inventory(self) -> dict[str, Any]:
        node = {"ansible_host": "127.0.0.1", "ansible_port": CLOSED, **self.node_variables}
        router = {
            "ansible_connection": "local",
            "ansible_python_interpreter": PYTHON,
            "routeros_ospf_router_id": "172.18.0.1",
            "routeros_ospf_link": {"bfd": False},
            "routeros_ospf_api": {
                "hostname": "127.0.0.1",
                "port": self.port,
                "username": "ansible",
                "password": LAB_PASSWORD,
            },
            **self.router_variables,
        }
        return {
            "all": {
                "vars": {
                    "anycast_services": [{"name": "sip", "addresses": ["172.18.0.64"]}],
                    "ansible_ssh_common_args": "-oBatchMode=yes -oStrictHostKeyChecking=no",
                },
                "children": {
                    "anycast_routers": {"hosts": {"hap-lite": router}},
                    "anycast_nodes": {
                        "hosts": {
                            f"sip{number}": {**node, "bird_anycast_router_id": f"172.18.0.{10 + number}"}
                            for number in (1, 2)
                        }
                    },
                    "anycast_clients": {"hosts": {"phones": {"anycast_probe_sources": [EVIL]}}},
                },
            }
        }

    def __call__(self, *options: str) -> tuple[int, str]:
        """Return the exit code and everything that was printed, on one line."""
        inventory = self.directory / "hosts.yml"
        inventory.write_text(yaml.safe_dump(self.inventory()))
        return play(
            *("-i", str(inventory), "homelab.anycast.status", *options),
            directory=self.directory,
            ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible" / "collections"),
            ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
        )


@pytest.fixture
def status(tmp_path: Path) -> Status:
    return Status(tmp_path)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nothing_answers(status: Status) -> None:
    code, said = status()
    assert code == 0, said
    assert "sip1, sip2: cannot be reached: ssh to port 1: Connection refused" in said
    assert "hap-lite: cannot be read: Cannot connect to the router at 127.0.0.1, port 1" in said
    assert "Degraded: sip announced by 0 of 2, 2 not known, and the router's next hops are not known" in said
    assert "2 PROBLEMS" in said
    # The verdict is the last that is said before the recap.
    assert said.index("TASK [Write the page") < said.index("Degraded: ")
    # What a module says stands on the page alone, not as an error before it.
    assert "[hap-lite]: FAILED!" not in said
    assert LAB_PASSWORD not in said
    # Through Ansible's own templating, what is not markup does not become some.
    page = Tags(status.page.read_text())
    assert page.text.count(EVIL) == 1
    assert "time" in page.found
    assert EVIL in page.text
    assert LAB_PASSWORD not in page.text


def test_the_router_answers(status: Status, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    router = start("full")
    logins = router.count_logins(monkeypatch)
    status.port = router.server.port
    code, said = status("-e", "anycast_status_file=")
    assert code == 0, said
    assert "OSPF at hap-lite: 3 of 3 neighbours Full" in said, said
    # The router has both, whatever the nodes say.
    assert "sip1 unknown yes ? yes ? ?" in said
    # One for the neighbours, one for the only address.
    assert logins == ["ansible"] * 2
    # For the terminal alone nothing has changed.
    assert not status.page.exists()
    assert "changed=0" in said
    assert "changed=1" not in said


def test_check_mode_writes_nothing(status: Status) -> None:
    code, said = status("--check", "--diff", "-e", "anycast_status_json=status.json")
    assert code == 0, said
    assert "2 PROBLEMS" in said
    assert list(status.directory.iterdir()) == [status.directory / "hosts.yml"]


def test_another_file(status: Status) -> None:
    code, said = status("-e", "anycast_status_file=other.html", "-e", "anycast_status_json=status.json")
    assert code == 0, said
    assert (status.directory / "other.html").exists()
    found = json.loads((status.directory / "status.json").read_text())
    assert found["level"] == "degraded"
    assert found["clients"] == [{"name": "phones", "addresses": [EVIL]}]
    assert found["problems"][0]["commands"][0].startswith("ssh -p 1 ")


def test_a_misspelt_variable_is_refused(status: Status) -> None:
    code, said = status("-e", "anycast_status_jsn=status.json")
    assert code == 2
    assert "the variable 'anycast_status_jsn' is unknown, did you mean 'anycast_status_json'?" in said


def test_a_file_that_cannot_be_written_does_not_hide_the_state(status: Status) -> None:
    code, said = status("-e", "anycast_status_file=nowhere/page.html")
    assert code == 2
    assert "2 PROBLEMS" in said


def test_strict_fails_after_all_is_shown_and_written(status: Status) -> None:
    code, said = status("-e", "anycast_status_strict=true")
    assert code == 2
    # Once: Ansible repeats only the first line of a failure.
    assert said.count("2 PROBLEMS") == 1
    assert status.page.exists()


def test_variables_that_are_missing_or_wrong(status: Status) -> None:
    status.node_variables = {"bird_anycast_services": "{{ nowhere }}"}
    status.router_variables = {"routeros_ospf_api": "{{ nowhere_either }}"}
    code, said = status("-e", "anycast_status_file=")
    assert code == 0, said
    assert "sip1, sip2: bird_anycast_services cannot be resolved: 'nowhere' is undefined" in said
    assert "hap-lite: cannot be read: " in said
