"""The playbook drill as a user runs it, against a router of recordings. Nodes and client are this machine.

Proves how the parts play together, not what an event does to a real node: systemd is a sham, whose only unit that does
anything is the announcement of sip1. The routes of the router and who answers follow from that.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.policy import LAB_PASSWORD, User

from .conftest import Start
from .playbook import ANSIBLE_PLAYBOOK, CLOSED, PYTHON, ROOT, leave_next_hops, on_second_link
from .recorded import Recording

RECORDS = Path("/run/homelab-anycast-drill")
SOURCES = ["127.0.0.22", "127.0.0.23"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the sham nodes keep their records below /run: needs root")

# Also knows how to wait for the undo, as a timer does.
SYSTEMD = """#!/bin/sh
echo "${0##*/} $*" >> "$SHAM/asked"
case "${0##*/} $*" in
  "systemctl stop anycast-announce@"*) touch "$SHAM/withdrawn" ;;
  "systemctl start anycast-announce@"*) rm -f "$SHAM/withdrawn" ;;
  "systemctl list-units"*) [ ! -e "$SHAM/units" ] || cat "$SHAM/units" ;;
  "systemctl stop anycast-drill-undo"*) rm -f "$SHAM/units" ;;
  systemd-run*)
    echo "anycast-drill-undo.timer loaded active waiting" > "$SHAM/units"
    for last; do :; done
    echo "$last" > "$SHAM/undo" ;;
esac
"""


def own_address() -> str:
    """Return an address of this machine which is not of the loopback, as that of a service must be."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no IPv4 address beside the loopback's")
        address: str = probe.getsockname()[0]
        return address


def sip_answer(data: bytes, name: str) -> bytes:
    kept = [line for line in data.decode().split("\r\n")[1:] if line.startswith(("Via", "From", "To", "Call-", "CSeq"))]
    return "\r\n".join(["SIP/2.0 200 OK", *kept, f"Server: {name}", "", ""]).encode()


def dns_answer(data: bytes, name: str) -> bytes:
    """A name server's identity, as RFC 4892 has it."""
    text = bytes([len(name)]) + name.encode()
    owner, kind = b"\xc0\x0c", b"\0\x10\0\x03"
    header = data[:2] + b"\x84\0\0\1\0\1\0\0\0\0"
    return header + data[12:] + owner + kind + bytes(4) + len(text).to_bytes(2) + text


class Servers:
    """Answers SIP or DNS: the first client as sip1 until that is withdrawn or falls silent, else as sip2."""

    def __init__(self, address: str, sham: Path) -> None:
        self.withdrawn = sham / "withdrawn"
        self.silent = sham / "silent"
        self.answer = sip_answer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port: int = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            data, sender = self.socket.recvfrom(65536)
            if not data:
                return
            name = "sip2" if sender[0] != SOURCES[0] or self.withdrawn.exists() else "sip1"
            if self.silent.exists() and sender[0] == SOURCES[0]:
                continue
            self.socket.sendto(self.answer(data, name), sender)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()


class Drill:
    """Runs the playbook in a directory of its own."""

    def __init__(self, directory: Path, router: Recording, address: str) -> None:
        self.directory = directory
        self.sham = directory / "sham"
        self.sham.mkdir()
        # Not below pytest's directory: Ansible puts a socket there, whose path must not be long.
        self.files = Path(tempfile.mkdtemp(prefix="drill-"))
        for name in ("systemctl", "systemd-run"):
            program = directory / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(SYSTEMD)
            program.chmod(0o755)
        self.address = address
        self.servers = Servers(address, self.sham)
        self.router = router
        self.routers: dict[str, dict[str, Any]] = {}
        self.service: dict[str, Any] = {"name": "sip", "addresses": [address], "unit": "kamailio.service"}
        self.nodes: dict[str, dict[str, Any]] = {"sip1": {}, "sip2": {}}
        self.options: dict[str, Any] = {
            "anycast_drill_consent": True,
            "anycast_node": "sip1",
            "anycast_drill_events": "drain",
            "anycast_drill_port": self.servers.port,
            "anycast_drill_settle": 5,
            "anycast_drill_return": 20,
            "anycast_wait": 5,
        }
        self.add_router("hap-lite", router)

    def add_router(self, name: str, router: Recording) -> None:
        """Have a router, whose routes follow the announcement."""
        self.routers[name] = {"routeros_ospf_api": router.login()}
        settle(router)
        show = router.frr.show

        def shown(command: str) -> Any:
            answer = json.loads(json.dumps(show(command)).replace("172.18.0.64", self.address))
            if command == "show ip route json" and (self.sham / "withdrawn").exists():
                for route in answer[f"{self.address}/32"]:
                    route["nexthops"] = [hop for hop in route["nexthops"] if hop["ip"] != "172.18.0.11"]
            return answer

        router.frr.show = shown  # type: ignore[method-assign]

    def inventory(self) -> dict[str, Any]:
        local = {"ansible_connection": "local", "ansible_python_interpreter": PYTHON, "ansible_become": False}
        routers = {name: {**local, **variables} for name, variables in self.routers.items()}
        nodes = {
            name: {
                **local,
                "bird_anycast_router_id": f"172.18.0.1{name[-1]}",
                "bird_anycast_services": [self.service],
                **more,
            }
            for name, more in self.nodes.items()
        }
        return {
            "all": {
                "children": {
                    "anycast_routers": {"hosts": routers},
                    "anycast_nodes": {"hosts": nodes},
                    "anycast_clients": {"hosts": {"phones": {**local, "anycast_probe_sources": SOURCES}}},
                }
            }
        }

    def start(self, **options: Any) -> subprocess.Popen[str]:
        inventory = self.directory / "hosts.yml"
        inventory.write_text(yaml.safe_dump(self.inventory()))
        asked = self.directory / "asked.yml"
        asked.write_text(yaml.safe_dump({**self.options, **options}))
        program = ANSIBLE_PLAYBOOK
        return subprocess.Popen(
            [program, "-i", str(inventory), "homelab.anycast.drill", "-e", f"@{asked}"],
            cwd=self.directory,
            env={
                **os.environ,
                "HOME": str(self.directory),
                "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
                "ANSIBLE_ASYNC_DIR": str(self.directory / "async"),
                "TMPDIR": str(self.files),
                "SHAM": str(self.sham),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A terminal of its own, so to say, for a Ctrl-C.
            start_new_session=True,
        )

    def __call__(self, **options: Any) -> tuple[int, str]:
        """Return the exit code and everything that was printed, on one line."""
        running = self.start(**options)
        said = running.communicate()[0]
        return running.returncode, " ".join(said.split())

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.directory / "anycast-drill.json").read_text())["events"]
        return found

    def asked(self) -> list[str]:
        return (self.sham / "asked").read_text().splitlines() if (self.sham / "asked").exists() else []


def settle(router: Recording) -> None:
    """Make the recorded adjacencies a minute old."""
    show = router.frr.show

    def older(command: str) -> Any:
        return json.loads(re.sub(r'("lastPrgrsvChangeMsec": )\d+', r"\g<1>60000", json.dumps(show(command))))

    router.frr.show = older  # type: ignore[method-assign]


@pytest.fixture
def drill(tmp_path: Path, start: Start) -> Iterator[Drill]:
    router = start("full")
    # Of a test run that was killed.
    shutil.rmtree(RECORDS, ignore_errors=True)
    one = Drill(tmp_path, router, own_address())
    yield one
    # The probes and watches of a play that was killed go on as long as these are there.
    shutil.rmtree(one.files)
    one.servers.close()
    shutil.rmtree(RECORDS, ignore_errors=True)


def command_lines() -> list[str]:
    """Return those of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text().replace("\0", " "))
    return found


def wait_until(holds: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_drain(drill: Drill) -> None:
    code, said = drill()
    assert code == 0, said
    assert "Event 1 of 1: drain of sip1. It may cost a client 0 s" in said
    assert "All is well: 1 event within the limits" in said
    (event,) = drill.events()
    assert (event["event"], event["lost"], event["limit"], event["ok"]) == ("drain", 0, 0, True)
    first, second = event["clients"]
    assert (first["before"], first["after"], first["end"]) == ("sip1", "sip2", "sip1")
    assert (second["before"], second["after"], second["end"]) == ("sip2", "sip2", "sip2")
    (router,) = event["routers"]
    assert 0 < router["changed_s"] < event["mended_s"] < router["back_s"]
    assert event["precision_s"]["clocks"] < 0.5
    # Armed first, called off last, and nothing left.
    asked = drill.asked()
    order = [
        next(number for number, line in enumerate(asked) if line.startswith(words))
        for words in (
            "systemd-run --quiet --unit=anycast-drill-undo ",
            "systemctl stop anycast-announce@sip.service",
            "systemctl start anycast-announce@sip.service",
            "systemctl stop anycast-drill-undo.timer",
        )
    ]
    assert order == sorted(order)
    assert [path.name for path in RECORDS.iterdir()] == ["lock"]
    assert not (drill.directory / ".ansible" / "homelab-anycast-drill" / "drill.json").exists()
    page = (drill.directory / "anycast-drill.html").read_text()
    assert page.count("<svg") == len(re.findall("<h3>", page)) > 0
    assert LAB_PASSWORD not in said + page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_drain_with_two_routers_on_two_links(drill: Drill, start: Start) -> None:
    """Each knows the node by an address of its own. What the clients lose is not the matter here."""
    second = start("full")
    drill.add_router("hap2", second)
    on_second_link(second)
    _code, said = drill()
    assert "not measured" not in said
    (event,) = drill.events()
    assert [router["router"] for router in event["routers"]] == ["hap-lite", "hap2"], said
    for router in event["routers"]:
        assert 0 < router["changed_s"] < event["mended_s"] < router["back_s"]


def test_an_event_of_the_controller_that_costs_the_clients_of_a_resolver_too_much(drill: Drill) -> None:
    # Asked as its check asks.
    drill.service |= {
        "name": "dns",
        "check": {"kind": "dns", "name": "check.test", "port": drill.options.pop("anycast_drill_port")},
    }
    drill.servers.answer = dns_answer
    silent, withdrawn = drill.sham / "silent", drill.sham / "withdrawn"
    drill.nodes["sip1"] = {
        "anycast_drill_cut": f"touch {silent}; (sleep 1; touch {withdrawn}; rm {silent}) >/dev/null 2>&1 &",
        "anycast_drill_restore": f"rm -f {silent} {withdrawn}",
    }
    code, said = drill(anycast_drill_events="cut", anycast_drill_limits={"cut": 0.2})
    assert code == 2, said
    assert "1 of 1 event not within the limits: cable of sip1 pulled" in said
    (cut,) = drill.events()
    assert cut["lost"] > 10
    # One second, as far as this machine starts things in time.
    assert 0.5 < cut["window_s"] < 5
    assert re.search(r"clients lost \d\.\d\d s, the limit is 0.2 s", cut["problems"][0])
    assert not cut["ok"]
    first, second = cut["clients"]
    assert (first["before"], first["after"], first["end"]) == ("sip1", "sip2", "sip1")
    assert second["before"] == "sip2"


def interrupt(running: subprocess.Popen[str]) -> None:
    """Press Ctrl-C; and again where ansible-playbook got stuck on it, waiting for a lock, as it does now and then.

    What is interrupted has to last until then, also should the first one be passed over.
    """
    while True:
        os.killpg(running.pid, signal.SIGINT)
        try:
            running.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        return


def test_what_fails_is_put_back_and_ends_the_drill(drill: Drill) -> None:
    withdrawn = drill.sham / "withdrawn"
    half = {"event": "half", "break": f"touch {withdrawn}; false", "undo": f"rm {withdrawn}", "limit": 0}
    code, said = drill(anycast_drill_events=[half, "drain"])
    assert code == 2, said
    first, second = drill.events()
    assert "not measured: cannot break it" in first["problems"][0]
    assert second["problems"] == ["not measured: the drill has ended with half on sip1"]
    assert not any(line.startswith("systemctl stop anycast-announce@") for line in drill.asked())
    assert not withdrawn.exists()
    assert [path.name for path in RECORDS.iterdir()] == ["lock"]


def test_a_drill_that_dies_is_undone_and_keeps_others_away(drill: Drill) -> None:
    """Ctrl-C in the middle of an event on a node: systemd has what undoes it; a second drill is refused meanwhile."""
    # The router is slow, so there is time to die.
    hang = {
        "event": "hang on",
        "break": f"touch {drill.sham}/broken",
        "undo": f"rm -f {drill.sham}/broken",
        "limit": 300,
    }
    running = drill.start(anycast_drill_events=[{**hang, "leaves": True}])
    wait_until((drill.sham / "broken").exists)
    interrupt(running)
    assert (drill.sham / "broken").exists()
    undo = (drill.sham / "undo").read_text()
    assert f"rm -f {drill.sham}/broken && rm -f {RECORDS}/drill.json" in undo

    code, said = drill()
    assert code == 2
    assert re.search(r"a drill by \S+ has been under way since [-0-9: ]+ UTC", said)
    assert (drill.sham / "broken").exists()

    code, said = drill(anycast_drill_takeover=True)
    assert code == 0, said
    assert not (drill.sham / "broken").exists()


def test_what_the_controller_alone_can_undo_survives_ctrl_c(drill: Drill) -> None:
    off = drill.sham / "off"
    drill.nodes["sip1"] = {"anycast_drill_power_off": f"touch {off}", "anycast_drill_power_on": f"rm {off}"}
    running = drill.start(anycast_drill_events="power_off", anycast_drill_limits={"power_off": 300})
    wait_until(off.exists)
    interrupt(running)
    record = json.loads((drill.directory / ".ansible" / "homelab-anycast-drill" / "drill.json").read_text())
    assert record["undo"] == f"rm {off}"
    # And it waits for its time.
    armed = f"{drill.directory}/.ansible/homelab-anycast-drill/armed"
    assert any(armed in text for text in command_lines())
    code, said = drill(anycast_drill_takeover=True)
    assert code == 0, said
    assert not off.exists()


@pytest.fixture
def second(drill: Drill, start: Start) -> Recording:
    """A second router of the drill, hap2, with commands of its own; it is away while there is a file of this name."""
    router, away = start("full"), drill.sham / "hap2-away"
    drill.add_router("hap2", router)
    silent = drill.sham / "silent"
    drill.routers["hap2"] |= {
        # Without a gateway the client is silent, and the other router has no way to a node for a while.
        "anycast_drill_cut": f"touch {away} {silent}; (sleep 2; rm {silent}) >/dev/null 2>&1 &",
        "anycast_drill_restore": f"rm -f {away} {silent}",
        "anycast_drill_power_off": f"touch {away}",
        "anycast_drill_power_on": f"rm -f {away}",
    }
    login = router.router.users.login

    def unless_away(name: str, password: str) -> User | None:
        if away.exists():
            raise ConnectionResetError("without power")
        return login(name, password)

    router.router.users.login = unless_away  # type: ignore[method-assign]
    show = drill.router.frr.show

    def shown(command: str) -> Any:
        answer = show(command)
        if command == "show ip route json" and silent.exists():
            for route in answer[f"{drill.address}/32"]:
                route["nexthops"] = [hop for hop in route["nexthops"] if hop["ip"] != "172.18.0.12"]
        return answer

    drill.router.frr.show = shown  # type: ignore[method-assign]
    # A dead neighbour is noticed after 1 s, so it is away for 3 s.
    drill.nodes = {name: {"bird_anycast_link": {"bfd": True}} for name in drill.nodes}
    drill.options |= {"anycast_node": "", "anycast_drill_settle": 1}
    return router


def test_a_router_that_a_drill_left_without_power_is_taken_away_twice(drill: Drill, second: Recording) -> None:
    """Once at no cost, as the clients have a gateway that is not it; once without a gateway, and a route, for 2 s."""
    away = drill.sham / "hap2-away"
    away.touch()
    left = {"id": "died", "by": "alice@desk", "since": 0, "until": time.time() + 900, "undo": f"rm {away}"}
    record = drill.directory / ".ansible" / "homelab-anycast-drill" / "drill.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({**left, "what": "router hap2 powered off"}))
    code, said = drill(anycast_drill_events="router_power_off,router_cut", anycast_drill_takeover=True)
    assert code == 2, said
    assert "Event 1 of 2: router hap2 powered off. It may cost a client 1 s (VRRP gives the clients a gateway" in said
    assert "1 of 2 events not within the limits: cable of router hap2 pulled" in said
    off, cut = drill.events()
    assert (off["event"], off["router"], off["lost"], off["problems"]) == ("router_power_off", "hap2", 0, [])
    assert "node" not in off
    # The one that is away cannot be watched.
    assert [router["router"] for router in off["routers"]] == ["hap-lite"]
    assert off["mended_s"] > 3
    assert 1 < cut["window_s"] < 6
    lost, route = cut["problems"]
    assert re.search(r"clients lost \d\.\d\d s, the limit is 1 s \(VRRP", lost)
    assert re.search(r"hap-lite lacked the next hop 172.18.0.12 from \d\.\d s after the event to \d\.\d s", route)
    assert not away.exists() and not record.exists()


def test_a_router_is_left_alone_that_the_others_cannot_stand_in_for(drill: Drill, second: Recording) -> None:
    leave_next_hops(drill.router, drill.address, lambda hop: hop == "172.18.0.11")
    code, said = drill(anycast_drill_events="router_power_off")
    assert code == 2
    (problem,) = drill.events()[0]["problems"]
    assert problem.startswith(
        f"not measured: {drill.address}/32: hap-lite sends clients to 172.18.0.11, and hap2 sends"
    )
    assert "TASK [Break it" not in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"anycast_node": "", "anycast_drill_events": "router_cut"}, "anycast_routers has 1 router(s), expected 2"),
        ({"anycast_drill_consent": False}, "consent is missing: this breaks, one after the other, drain of sip1."),
        ({"anycast_drill_events": "drian"}, "event 'drian' is unknown, did you mean 'drain'?"),
        ({"anycast_drill_events": "cut"}, "sip1 has no variable anycast_drill_cut"),
    ],
)
def test_refused_before_anything_is_broken(drill: Drill, options: dict[str, Any], says: str) -> None:
    code, said = drill(**options)
    assert code == 2
    assert says in said
    assert drill.asked() == []


@pytest.mark.parametrize(
    ("third", "says"),
    [
        (
            {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": CLOSED},
            "1 problem, nothing was broken: - sip3 cannot be reached: ",
        ),
        ({}, "1 problem, nothing was broken: - sip3 serves none of the clients' addresses now"),
    ],
)
def test_a_node_that_would_show_nothing(drill: Drill, third: dict[str, Any], says: str) -> None:
    drill.nodes["sip3"] = third
    code, said = drill(anycast_node="sip3")
    assert code == 2
    assert says in said
    assert not any(line.startswith(("systemd-run", "systemctl stop anycast-announce")) for line in drill.asked())


def test_neighbours_and_clients_that_are_missing_are_told_as_text(drill: Drill) -> None:
    drill.nodes["sip1"] = {"bird_anycast_router_id": "172.18.0.99"}
    (drill.sham / "silent").touch()
    code, said = drill(anycast_wait=1)
    assert code == 2
    assert "2 problems, nothing was broken: - The OSPF neighbours of" in said
    assert "- Missing: 172.18.0.99 (expected Full)" in said
    assert f"- Lost 20 of 40 probes (SIP OPTIONS) to {drill.address}" in said
    # Of the router's neighbours and of the clients' probes, which were shown whole.
    assert "adjacency" not in said and "loss_reasons" not in said
    assert not any(line.startswith(("systemd-run", "systemctl stop anycast-announce")) for line in drill.asked())


def test_the_last_node_is_left_alone(drill: Drill) -> None:
    leave_next_hops(drill.router, drill.address, lambda hop: hop == "172.18.0.11")
    code, said = drill()
    assert code == 2
    assert "would be left without a node: hap-lite sends it to no other" in said
    assert not any(line.startswith(("systemd-run", "systemctl stop anycast-announce")) for line in drill.asked())
