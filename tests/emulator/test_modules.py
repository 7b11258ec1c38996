"""The unmodified community.routeros modules against the emulator, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .playbook import ANSIBLE_PLAYBOOK, PYTHON
from .recorded import Recording

RULE = "if (dst in 172.18.0.0/24 && dst-len == 32) { accept } else { reject }"
OURS = [{"field": "comment", "values": ["ours"]}]
TEMPLATE = {
    "area": "backbone",
    "interfaces": "bridge-lan",
    "hello-interval": "3s",
    "dead-interval": "12s",
    "auth": "sha256",
    "auth-id": 1,
    "auth-key": "key-of-the-lab",
    "use-bfd": True,
    "passive": "",
    "comment": "ours",
}


def modify(path: str, data: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    return {"community.routeros.api_modify": {"path": path, "data": data, **options}}


def owned(path: str, data: list[dict[str, Any]]) -> dict[str, Any]:
    return modify(
        path,
        data,
        restrict=OURS,
        handle_absent_entries="remove",
        handle_entries_content="remove_as_much_as_possible",
    )


CONFIGURE = {
    "settings": modify("ip settings", [{"send-redirects": False}]),
    "rules": owned("routing filter rule", [{"chain": "ospf-in", "rule": RULE, "comment": "ours"}]),
    "instance": modify(
        "routing ospf instance", [{"name": "home", "router-id": "172.18.0.1", "in-filter-chain": "ospf-in"}]
    ),
    "area": modify("routing ospf area", [{"name": "backbone", "instance": "home"}]),
    "bfd": owned("routing bfd configuration", [{"interfaces": "bridge-lan", "min-rx": "200ms", "comment": "ours"}]),
    "template": owned("routing ospf interface-template", [TEMPLATE]),
}


class Play:
    """Tasks that run one after the other in one ansible-playbook, and what each returned."""

    def __init__(self, router: Recording, directory: Path) -> None:
        self._router = router
        self._directory = directory

    def __call__(self, tasks: dict[str, dict[str, Any]], user: str = "ansible", check: bool = False) -> dict[str, Any]:
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": PYTHON},
            "module_defaults": {"group/community.routeros.api": self._router.login(user)},
            "tasks": [{"name": name, **task, "ignore_errors": True} for name, task in tasks.items()],
        }
        book = self._directory / "play.yml"
        book.write_text(yaml.safe_dump([play], sort_keys=False))
        command = [ANSIBLE_PLAYBOOK, "-i", "localhost,", str(book)]
        # Not the project's own configuration: nothing here may depend on it.
        config = self._directory / "ansible.cfg"
        config.write_text("[defaults]\nstdout_callback = ansible.posix.json\n")
        done = subprocess.run(
            [*command, "--check"] if check else command,
            cwd=self._directory,
            env={**os.environ, "ANSIBLE_CONFIG": str(config), "ANSIBLE_HOME": str(self._directory)},
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            report = json.loads(done.stdout)
        except json.JSONDecodeError:
            raise AssertionError(done.stdout + done.stderr) from None
        return {task["task"]["name"]: task["hosts"]["localhost"] for task in report["plays"][0]["tasks"]}


@pytest.fixture
def play(empty: Recording, tmp_path: Path) -> Play:
    return Play(empty, tmp_path)


def failures(results: dict[str, Any]) -> dict[str, Any]:
    return {name: result["msg"] for name, result in results.items() if result.get("failed")}


def test_a_router_is_configured_once_and_changed_at_will(play: Play, empty: Recording) -> None:
    first = play(CONFIGURE)
    assert failures(first) == {}
    assert {name: result["changed"] for name, result in first.items()} == dict.fromkeys(CONFIGURE, True)
    config = empty.frr.config
    assert {"ip ospf hello-interval 3", "ip ospf bfd", "ip ospf passive"} <= set(config[("interface bridge-lan",)])
    assert empty.kernel.settings["send-redirects"] == "false"

    changed_template = {**TEMPLATE, "dead-interval": "15s", "hello-interval": "3s"}
    del changed_template["passive"]
    tasks = {f"again {name}": task for name, task in CONFIGURE.items()}
    tasks |= {
        "other timers": owned("routing ospf interface-template", [changed_template]),
        "facts": {"community.routeros.api_facts": {"gather_subset": ["all"]}},
        "info": {"community.routeros.api_info": {"path": "routing ospf interface-template", "hide_defaults": True}},
        "neighbors": {
            "community.routeros.api_info": {
                "path": "routing ospf neighbor", "unfiltered": True, "include_dynamic": True,
            }
        },
        "raw": {"community.routeros.api": {"path": "routing ospf area"}},
        "query": {"community.routeros.api": {"path": "interface", "extended_query": {
            "attributes": ["name", "type"], "where": [{"attribute": "type", "is": "==", "value": "bridge"}]}}},
        "find": {"community.routeros.api_find_and_modify": {
            "path": "routing ospf area", "find": {"name": "backbone"}, "values": {"comment": "found"}}},
        "order": modify("routing filter rule", [
            {"chain": "ospf-in", "rule": "reject", "comment": "last"},
            {"chain": "ospf-in", "rule": RULE, "comment": "ours"}],
            handle_absent_entries="remove", handle_entries_content="remove", ensure_order=True),
        "unknown": modify("routing ospf area", [{"name": "x", "instance": "nowhere"}]),
        "gone": owned("routing ospf interface-template", []),
    }  # fmt: skip
    second = play(tasks)
    assert failures(second) == {
        "unknown": second["unknown"]["msg"],
    }
    assert "input does not match any value of instance" in second["unknown"]["msg"]
    assert {name: second[f"again {name}"]["changed"] for name in CONFIGURE} == dict.fromkeys(CONFIGURE, False)
    assert second["other timers"]["changed"] is True
    (before,), (after,) = second["other timers"]["old_data"], second["other timers"]["new_data"]
    assert (before["passive"], "passive" in after, after["dead-interval"]) == ("", False, "15s")
    facts = second["facts"]["ansible_facts"]
    assert (facts["ansible_net_version"], facts["ansible_net_model"], facts["ansible_net_arch"]) == (
        "7.20.8 (long-term)", "RB941-2nD", "smips",
    )  # fmt: skip
    assert facts["ansible_net_interfaces"]["bridge-lan"]["ipv4"] == [{"address": "172.18.0.1", "subnet": 26}]
    assert facts["ansible_net_memtotal_mb"] == 32.0
    assert list(facts["ansible_net_ospf_instance"]) == ["home"]
    (shown,) = second["info"]["result"]
    assert (shown["area"], shown["dead-interval"], shown["use-bfd"]) == ("backbone", "15s", True)
    assert "cost" not in shown
    assert second["neighbors"]["result"] == []
    assert [row["name"] for row in second["raw"]["msg"]] == ["backbone"]
    assert second["query"]["msg"] == [{"name": "bridge-lan", "type": "bridge"}]
    assert second["find"]["changed"] is True
    assert [row["comment"] for row in second["order"]["new_data"]] == ["last", "ours"]
    assert empty.call("/routing/ospf/interface-template/print") == []
    assert ("interface bridge-lan",) not in empty.frr.config


def test_check_mode_writes_nothing(play: Play, empty: Recording) -> None:
    results = play({name: CONFIGURE[name] for name in ("settings", "instance", "rules")}, check=True)
    assert failures(results) == {}
    assert [result["changed"] for result in results.values()] == [True] * 3
    assert empty.frr.config == {}
    assert not (empty.directory / "state.json").exists()


def test_what_a_user_without_rights_sees(play: Play, empty: Recording) -> None:
    empty.call("/routing/ospf/instance/add", "=name=home", "=router-id=172.18.0.1")
    empty.call("/routing/ospf/area/add", "=name=backbone", "=instance=home")
    words = [f"={name}={'yes' if value is True else value}" for name, value in TEMPLATE.items()]
    empty.call("/routing/ospf/interface-template/add", *words)
    # The key reads as stars, so it can never be equal: the module writes it every time.
    blind = play({"template": CONFIGURE["template"]}, user="nosensitive")
    assert failures(blind) == {}
    assert blind["template"]["changed"] is True
    assert blind["template"]["old_data"][0]["auth-key"] == "*****"
    denied = play({"settings": CONFIGURE["settings"]}, user="readonly")
    assert "not enough permissions (9)" in denied["settings"]["msg"]


def test_a_wrong_password(play: Play) -> None:
    task = {"community.routeros.api": {"path": "system identity", "password": "wrong"}}
    assert "Error while connecting: invalid user name or password (6)" in str(play({"login": task})["login"]["msg"])
