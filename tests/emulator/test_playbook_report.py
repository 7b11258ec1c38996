"""The playbook report as a user runs it, and its file as a stranger reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.policy import LAB_PASSWORD
from tests.conformance import recording

from .conftest import Start
from .playbook import CLOSED, PYTHON, ROOT, play
from .recorded import Recording

# What is on the router and must not be in the file.
PRIVATE = (
    "key-of-the-lab",
    LAB_PASSWORD,
    "172.18.",
    "10.77.",
    "kids",
    "call Bob",
    "ansible",
    "hap-lite",
    "EMULATOR",
    "sip1",
)


class Report:
    """Runs the playbook on a router that answers and a node that does not."""

    def __init__(self, directory: Path, router: Recording | None) -> None:
        self.directory = directory
        self.router = router
        self.path = directory / "anycast-report.txt"

    def inventory(self) -> dict[str, Any]:
        login = self.router.login() if self.router else {}
        router = {
            "ansible_connection": "local",
            "ansible_python_interpreter": PYTHON,
            "routeros_ospf_api": {"hostname": "127.0.0.1", "port": CLOSED, "username": "a", "password": "b", **login},
        }
        node = {"ansible_host": "127.0.0.1", "ansible_port": CLOSED, "ansible_ssh_common_args": "-oBatchMode=yes"}
        return {
            "anycast_routers": {"hosts": {"hap-lite": router}},
            "anycast_nodes": {"hosts": {"sip1": node}},
        }

    def __call__(self, *options: str, inventory: dict[str, Any] | None = None) -> tuple[int, str]:
        hosts = self.directory / "hosts.yml"
        hosts.write_text(yaml.safe_dump(self.inventory() if inventory is None else inventory))
        return play(
            *("-i", str(hosts), "homelab.anycast.report", *options),
            directory=self.directory,
            ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible" / "collections"),
        )


def test_the_report_of_a_router(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    router = start("full")
    router.call(
        "/ip/route/add", "=dst-address=10.77.0.0/16", "=gateway=172.18.0.22", "=disabled=yes", "=comment=call Bob"
    )
    router.call("/ip/firewall/filter/add", "=chain=kids", "=action=drop", "=log-prefix=kids", "=comment=call Bob")
    rows = {"dst-address": "172.18.0.0/26", "belongs-to": "kids"}
    monkeypatch.setattr("lab.routeros.router.routing_route_rows", lambda _rows: [{".id": "*1", **rows}])
    before = (router.directory / "state.json").read_text()
    logins = router.count_logins(monkeypatch)
    report = Report(tmp_path, router)
    code, said = report()
    assert code == 0, said
    assert logins == ["ansible"]
    assert (router.directory / "state.json").read_text() == before
    text = report.path.read_text()
    assert [private for private in PRIVATE if private.lower() in text.lower().replace("ansible-core", "")] == []
    # What the maintainers are to know: the versions, what differs and where the code relies on it.
    head, *_rest = text.splitlines()
    assert re.fullmatch(r"homelab\.anycast \d\S+, ansible-core \d\S+", head)
    assert re.search(
        r"^Router 1: hAP lite, RouterOS 7\.20\.8 \(long-term\): \d+ hold, 1 differ, \d+ not seen", text, re.M
    )
    first = text[text.index("Router 1") :].splitlines()[1:7]
    assert [line.strip() for line in first] == [
        "R21   differs   The routing table says how a route contributes",
        "asked:    /routing/route/print ?dst-address=192.0.2.0/26",
        "answered: !re =.id=*1 =dst-address=192.0.2.0/26 =belongs-to=name-"
        + re.findall(r"belongs-to=name-(\d+)", text)[0],
        "answered: !done",
        "row *1: expected afi",
        "row *1: expected contribution",
    ]
    assert "used by:  routeros/next_hops.py read_filtered_next_hops" in text
    assert "Node 1: BIRD not read" in text
    # The answers feed the tests as they are.
    (tmp_path / "router.jsonl").write_text(text[text.index('{"format"') :])
    recorded = recording.load(tmp_path / "router.jsonl")
    (neighbor, *_others) = recorded.rows_of("/routing/ospf/neighbor")
    assert (neighbor["address"], neighbor["state"]) == ("192.0.2.11", "Full")
    assert all(json.loads(line) for line in text[text.index('{"format"') :].splitlines())


def test_a_router_that_does_not_answer(tmp_path: Path) -> None:
    report = Report(tmp_path, None)
    code, said = report()
    assert code != 0
    assert "Cannot connect to the router at 127.0.0.1, port 1" in said
    assert not report.path.exists()


def test_an_inventory_without_a_router(tmp_path: Path) -> None:
    report = Report(tmp_path, None)
    code, said = report(inventory={"routers": {"hosts": {"hap-lite": {}}}})
    assert code != 0
    assert "the group anycast_routers is missing" in said
    assert not report.path.exists()
