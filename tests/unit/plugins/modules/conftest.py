# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module tests share: running a module, a BIRD and a router which are none, and a clock that does not wait."""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import threading
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.homelab.anycast.plugins.module_utils import waiting
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer, systemd
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import session

PLUGINS = "ansible_collections.homelab.anycast.plugins.modules."
RECORDINGS = Path(__file__).parents[1] / "fixtures" / "bird"


@pytest.fixture
def run_module(capsys, monkeypatch):
    """Return a function that runs a module with options and returns what it prints."""
    # The tests of filters and actions, in the same process, have loaded what makes it a controller; a host is none, and
    # a module's warnings are in its result there.
    monkeypatch.setattr("ansible.module_utils._internal.is_controller", False)

    def run(name, /, check_mode=False, **options):
        module = importlib.import_module(PLUGINS + name)
        # Each run is a process of its own elsewhere, without the warnings of those before.
        monkeypatch.setattr("ansible.module_utils.common.warnings._global_warnings", {})
        with patch_module_args({**options, "_ansible_check_mode": check_mode}), pytest.raises(SystemExit) as ended:
            module.main()
        result = json.loads(capsys.readouterr().out)
        assert (ended.value.code != 0) is bool(result.get("failed"))
        return result

    return run


class FakeTime:
    """Stands in for the module time: sleeping only moves the clock, and runs what is to happen by then."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []
        self.events = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        for at, event in [entry for entry in self.events if entry[0] <= self.now - 1000]:
            self.events.remove((at, event))
            event()

    def at(self, seconds, event):
        """Call event() once so many seconds have been slept."""
        self.events.append((seconds, event))


@pytest.fixture
def clock(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr(waiting, "time", fake)
    return fake


# ---------------------------------------------------------------------------------------------------------------------
# BIRD


def recording(name):
    """Return a recorded session as (greeting, {command: answer})."""
    session = json.loads((RECORDINGS / "sessions.json").read_text())[name]
    answers = {command: "".join(f"{line}\n" for line in lines).encode() for command, lines in session.items()}
    return answers.pop("greeting"), answers


class FakeBird:
    """Listens on a control socket and answers as recorded; set greeting, answers and hangs to make it misbehave."""

    def __init__(self, path, name):
        self.path = str(path)
        self.play(name)
        self.commands = []
        self.hangs = False
        self.closes_on = None
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def play(self, name):
        self.greeting, self.answers = recording(name)

    def neighbors(self, *rows, protocol="anycast"):
        """Answer with these neighbours from now on."""
        heading = f"1013-{protocol}:\n Router ID   \tPri\t     State     \tDTime\tInterface  Router IP\n"
        text = heading + "".join(f" {row}\n" for row in rows) + "0000 \n"
        self.answers["show ospf neighbors " + protocol] = text.encode()

    def stop(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self):
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            # Somebody may only look whether there is a BIRD, and go.
            with contextlib.suppress(ConnectionError), client, client.makefile("rb") as lines:
                if self.hangs:
                    lines.readline()
                    continue
                client.sendall(self.greeting)
                for line in lines:
                    command = line.decode().rstrip("\n")
                    self.commands.append(command)
                    if command == self.closes_on:
                        client.sendall(b"1013-anycast:\n")
                        break
                    answer = self.answers.get(command, b"9001 syntax error, unexpected CF_SYM_UNDEFINED\n")
                    # In two parts, as a socket may deliver it.
                    half = len(answer) // 2
                    client.sendall(answer[:half])
                    client.sendall(answer[half:])


@pytest.fixture
def fake_bird(tmp_path):
    birds = []

    def start(name="node"):
        bird = FakeBird(tmp_path / "bird.ctl", name)
        birds.append(bird)
        return bird

    yield start
    for bird in birds:
        bird.stop()


# ---------------------------------------------------------------------------------------------------------------------
# RouterOS


class FakeRouter:
    """A RouterOS in memory, at the level of librouteros' Api; refuses whatever is no reading."""

    def __init__(self):
        self.menus: dict = {
            "/system/resource": [
                {
                    "version": "7.20.8 (long-term)",
                    "architecture-name": "smips",
                    "board-name": "hAP lite",
                    "free-memory": 6291456,
                    "total-memory": 33554432,
                },
            ],
            "/interface": [
                {
                    ".id": "*1",
                    "name": "ether1",
                    "type": "ether",
                    "actual-mtu": 1500,
                    "running": True,
                    "disabled": False,
                },
                {
                    ".id": "*2",
                    "name": "ether2",
                    "type": "ether",
                    "actual-mtu": 1500,
                    "running": False,
                    "disabled": True,
                },
                {
                    ".id": "*3",
                    "name": "bridge-lan",
                    "type": "bridge",
                    "actual-mtu": 1500,
                    "running": True,
                    "disabled": False,
                },
            ],
            "/ipv6/address": [
                {".id": "*1", "address": "fe80::1/64", "interface": "bridge-lan", "disabled": False},
            ],
            "/ip/address": [
                {
                    ".id": "*1",
                    "address": "172.18.0.1/26",
                    "network": "172.18.0.0",
                    "interface": "bridge-lan",
                    "actual-interface": "bridge-lan",
                    "disabled": False,
                    "dynamic": False,
                    "invalid": False,
                },
                {
                    ".id": "*2",
                    "address": "192.0.2.2/30",
                    "network": "192.0.2.0",
                    "interface": "ether1",
                    "actual-interface": "ether1",
                    "disabled": False,
                    "dynamic": False,
                    "invalid": False,
                },
            ],
            "/ip/route": [],
            "/ip/settings": [
                {
                    "ip-forward": True,
                    "ipv4-multipath-hash-policy": "l3",
                    "rp-filter": "strict",
                    "send-redirects": True,
                    "tcp-syncookies": False,
                },
            ],
            "/ip/firewall/filter": [],
            "/ip/firewall/raw": [],
            "/ip/firewall/nat": [],
            "/ipv6/firewall/filter": [],
            "/ipv6/firewall/raw": [],
            "/routing/rule": [],
            "/interface/ethernet/switch": [],
            "/ip/firewall/service-port": [],
            "/ipv6/settings": [{"disable-ipv6": False, "forward": True, "multipath-hash-policy": "l3"}],
            "/interface/list": [{"name": name, "builtin": True} for name in ("all", "none", "dynamic", "static")],
            "/interface/list/member": [],
            "/system/clock": [{"date": "2026-11-22", "time": "20:48:02", "gmt-offset": "+02:00", "dst-active": False}],
            "/routing/id": [],
            "/routing/ospf/instance": [
                {
                    ".id": "*1",
                    "name": "anycast",
                    "version": 2,
                    "vrf": "main",
                    "router-id": "172.18.0.1",
                    "inactive": False,
                    "comment": "homelab.anycast",
                },
            ],
            "/routing/ospf/area": [
                {
                    ".id": "*1",
                    "name": "anycast",
                    "instance": "anycast",
                    "area-id": "0.0.0.0",
                    "type": "default",
                    "inactive": False,
                    "comment": "homelab.anycast",
                },
            ],
            "/routing/ospf/interface-template": [
                {
                    ".id": "*1",
                    "area": "anycast",
                    "interfaces": "bridge-lan",
                    "type": "broadcast",
                    "cost": 1,
                    "priority": 128,
                    "hello-interval": "3s",
                    "dead-interval": "4s",
                    "auth": "simple",
                    "auth-key": "s3cretK1",
                    "inactive": False,
                    "comment": "homelab.anycast",
                },
            ],
            "/routing/ospf/interface": [
                {
                    ".id": "*1",
                    "address": "172.18.0.1%bridge-lan",
                    "area": "anycast",
                    "state": "dr",
                    "network-type": "broadcast",
                    "cost": 1,
                    "priority": 128,
                    "hello-interval": "3s",
                    "dead-interval": "4s",
                    "auth-key": "s3cretK1",
                    "dynamic": True,
                },
            ],
            "/routing/ospf/neighbor": [],
            "/routing/bfd/configuration": [],
            "/routing/filter/rule": [],
            "/routing/bfd/session": [],
            "/routing/route": [],
        }
        self.logins = 0
        self.closed = 0
        self.reads = []
        # Exceptions to raise, at login or by menu, the first one first.
        self.login_errors = []
        self.errors = {}

    def neighbors(self, *rows):
        """Have these neighbours from now on: (router id, state, more properties)."""
        self.menus["/routing/ospf/neighbor"] = [self.neighbor(*row) for row in rows]

    @staticmethod
    def neighbor(router_id, state="Full", **more):
        row = {
            ".id": "*1",
            "instance": "anycast",
            "area": "anycast",
            "address": router_id,
            "priority": 0,
            "router-id": router_id,
            "dr": "172.18.0.1",
            "state": state,
            "state-changes": 6,
            "timeout": "3s",
            "dynamic": True,
        }
        if state == "Full":
            row["adjacency"] = "1h26m4s"
        row.update({key.replace("_", "-"): value for key, value in more.items()})
        return row

    def routes(self, *rows):
        """Have these routes from now on, OSPF's to 172.18.0.64/32 where a row does not say otherwise."""
        usual = {
            "dst-address": "172.18.0.64/32",
            "routing-table": "main",
            "distance": 110,
            "scope": 20,
            "target-scope": 10,
            "dynamic": True,
            "inactive": False,
            "active": True,
            "ospf": True,
            "ecmp": True,
        }
        self.menus["/ip/route"] = [
            {key: value for key, value in {**usual, **row}.items() if value is not None} for row in rows
        ]

    # What librouteros' Api has.

    def rawCmd(self, command, *words):  # noqa: N802
        menu, _slash, verb = command.rpartition("/")
        assert verb == "print", f"a module that only reads has run {command}"
        self.reads.append((menu, words))
        if self.errors.get(menu):
            raise self.errors[menu].pop(0)
        rows = self.menus[menu]
        for word in words:
            if word.startswith("?"):
                name, value = word[1:].split("=", 1)
                rows = [row for row in rows if str(row.get(name)) == value]
            elif word.startswith("=.proplist="):
                names = word[len("=.proplist=") :].split(",")
                rows = [{name: row[name] for name in names if name in row} for row in rows]
            else:
                raise AssertionError("what is " + word)
        return iter(rows)

    def close(self):
        self.closed += 1


LOGIN = {"hostname": "172.18.0.1", "username": "ansible", "password": "correct horse"}


@pytest.fixture
def fake_router(monkeypatch):
    router = FakeRouter()

    def create_api(module):
        router.logins += 1
        assert module.params["hostname"] == LOGIN["hostname"]
        if router.login_errors:
            module.fail_json(msg=f"Error while connecting: {router.login_errors.pop(0)}", connection={})
        return router

    monkeypatch.setattr(session, "create_api", create_api)
    return router


@pytest.fixture
def run_routeros(run_module, fake_router):
    """Return a function that runs a module with a login to the fake router."""

    def run(name, **options):
        return run_module(name, **{**LOGIN, **options})

    return run


# ---------------------------------------------------------------------------------------------------------------------
# A node


class SystemdNode:
    """A node's files below a directory, and a systemd in memory that does to the announcer what its units say."""

    def __init__(self, root):
        self.root = root
        self.active = {announcer.BIRD_UNIT, "kamailio.service"}
        # What would break, and what was called.
        self.failing = set()
        self.calls = []
        # birdc's answer.
        self.reconfigured = "Reconfigured"
        for directory in (announcer.ANNOUNCED, announcer.SYSTEMD, announcer.STATE):
            Path(directory).mkdir(parents=True)

    def run_command(self, words, check_rc=False, **_options):
        program, *arguments = words
        program = program.rpartition("/")[2]
        if program == "systemctl" and arguments[0] == "show":
            return 0, "".join(self._show(unit) for unit in arguments[arguments.index("--") + 1 :]), ""
        # By its name, wherever this machine has it.
        self.calls.append(" ".join([program, *arguments]))
        if program == "systemctl":
            return self._systemctl(*arguments)
        if program == "systemd-tmpfiles":
            for path in map(Path, (announcer.METRICS, announcer.DRAIN_METRICS)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            return 0, "", ""
        if program == "journalctl":
            return 0, "what went wrong", ""
        if words[:-2] == [*announcer.COMMAND]:
            return int("told" in self.failing), "", "bird has not told the router of sip within 8 s"
        if program == "systemd-run":
            if "check" in self.failing:
                (path,) = [word.partition("truncate:")[2] for word in arguments if "truncate:" in word]
                Path(path).write_text("<3>172.18.0.64 does not answer within 0.5 s\n")
            return int("check" in self.failing), "", "Job for run-u1.service failed."
        assert [program, *arguments] == ["birdc", "configure"], words
        return 0, f"BIRD 2.17.1 ready.\n{self.reconfigured}\n", ""

    def _show(self, unit):
        state = "active" if unit in self.active else "inactive"
        return f"Id={unit}\nLoadState=loaded\nActiveState={state}\nStatusText=\n\n"

    def _systemctl(self, verb, unit=""):
        if unit in self.failing:
            return 1, "", "Job failed"
        name = unit.removeprefix("anycast-announce@").removesuffix(".service")
        link = Path(systemd.link(name))
        if verb in ("stop", "restart"):
            self.active.discard(unit)
            link.unlink(missing_ok=True)
        if verb in ("start", "restart"):
            self.active.add(unit)
            if unit.startswith("anycast-announce@"):
                link.symlink_to(f"{announcer.SETTINGS}/{name}.conf")
        return 0, "", ""

    @property
    def announced(self):
        return sorted(path.stem for path in Path(announcer.ANNOUNCED).glob("*.conf"))

    def files(self):
        """Return what there is below the root, by its path on a node."""
        return {
            "/" + str(path.relative_to(self.root)): path.read_text()
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }


@pytest.fixture
def systemd_node(tmp_path, monkeypatch):
    root = tmp_path / "root"
    paths = (
        "SYSTEMD",
        "UNIT",
        "WITHDRAW_UNIT",
        "BOOT",
        "DIRECTORY",
        "PROGRAM",
        "SETTINGS",
        "ANNOUNCED",
        "STATE",
        "DRAINED",
        "METRICS",
        "DRAIN_METRICS",
        "EXPORTED",
    )
    for name in paths:
        monkeypatch.setattr(announcer, name, str(root) + getattr(announcer, name))
    links = {str(root) + path: str(root) + target for path, target in announcer.LINKS.items()}
    monkeypatch.setattr(announcer, "LINKS", links)
    monkeypatch.setattr(announcer, "TRIALS", str(tmp_path))
    monkeypatch.setattr(announcer, "DIRECTORIES", tuple(str(root) + path for path in announcer.DIRECTORIES))
    node = SystemdNode(root)
    monkeypatch.setattr(AnsibleModule, "run_command", node.run_command)
    return node
