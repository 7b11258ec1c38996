# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that runs on the nodes: its decisions, and its conversation with BIRD and with services."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird import paths
from ansible_collections.homelab.anycast.plugins.module_utils.model import limits
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer as modules

PROGRAM = Path(__file__).parents[3] / "roles" / "bird_anycast" / "files" / "announcer.py"
SPEC = importlib.util.spec_from_file_location("announcer_program", PROGRAM)
assert SPEC and SPEC.loader
announcer = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(announcer)


FILES = PROGRAM.parent
UNIT = (FILES / "anycast-announce@.service").read_text()
WITHDRAW_UNIT = (FILES / "anycast-withdraw@.service").read_text()


def test_what_the_files_of_a_node_repeat_is_what_the_modules_say():
    """Each of them stands alone on the node."""
    assert (announcer.SETTINGS, announcer.ANNOUNCED) == (modules.SETTINGS, modules.ANNOUNCED)
    assert announcer.METRICS == modules.METRICS
    assert (announcer.PROTOCOL, announcer.PROTOCOL_V3) == (paths.PROTOCOL, paths.PROTOCOL_V3)
    metrics = modules.METRICS.rpartition("/")[0]
    assert f"ReadWritePaths={modules.ANNOUNCED} -{metrics}\n" in UNIT
    assert f"rm {modules.ANNOUNCED}/%i.*" in UNIT
    assert f"timeout {announcer.BIRD_TIMEOUT:g} birdc configure" in UNIT
    for service in (None, "%i"):
        assert f"ConditionPathExists=!{modules.drain_file(service)}\n" in UNIT
    assert f"ExecStart={' '.join(modules.COMMAND)} announce %i\n" in UNIT
    assert f"ExecStopPost=+{' '.join(modules.COMMAND)} settle %i\n" in UNIT
    assert f"ExecStart={' '.join(modules.COMMAND)} withdraw %i\n" in WITHDRAW_UNIT
    assert f"OnFailure={Path(modules.WITHDRAW_UNIT).name.replace('@', '@%i')}\n" in UNIT
    boot = (FILES / "tmpfiles.conf").read_text().splitlines()
    assert {f"r! {modules.ANNOUNCED}/*{suffix}" for suffix in announcer.SUFFIXES} <= set(boot)
    assert {f"d {metrics} 0755 bird bird", f"f {modules.METRICS} 0644 bird bird"} <= set(boot)
    assert f"f {modules.DRAIN_METRICS} 0644 root root" in boot


def test_the_unit_gives_the_router_its_time():
    start = int(WITHDRAW_UNIT.partition("TimeoutStartSec=")[2].partition("\n")[0])
    assert start > announcer.SETTLED_WITHIN
    stop = int(UNIT.partition("TimeoutStopSec=")[2].partition("\n")[0])
    assert announcer.SETTLED_WITHIN + limits.LIMITS["bird_anycast_withdraw_wait"][1] < stop


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(("name", "text"), [("anycast-announce", UNIT), ("anycast-withdraw", WITHDRAW_UNIT)])
def test_systemd_takes_the_unit(tmp_path, name, text):
    unit = tmp_path / f"{name}@sip.service"
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if name in line] == []


@pytest.mark.parametrize(
    "rise, fall, checks, healthy",
    [
        (1, 1, "+", "+"),
        (1, 1, "+-+", "+-+"),
        (2, 3, "++", "-+"),
        (2, 3, "+-+-+", "-----"),
        (2, 3, "++--", "-+++"),
        (2, 3, "++---", "-+++-"),
        (2, 3, "++--+--", "-++++++"),
        (2, 3, "++---+++", "-+++--++"),
    ],
)
def test_rise_and_fall(rise, fall, checks, healthy):
    health = announcer.Health(rise, fall)
    seen = ""
    for check in checks:
        before = health.healthy
        assert health.seen(check == "+") == (health.healthy != before)
        seen += "+" if health.healthy else "-"
    assert seen == healthy


def health(healthy, count):
    result = announcer.Health(3, 4)
    result.healthy, result.count = healthy, count
    return result


@pytest.mark.parametrize(
    "healthy, count, present, reason, trouble, line",
    [
        (True, 0, True, None, None, "announced: it answers"),
        (True, 2, True, "no answer", None, "announced, but failed 2 of 4: no answer"),
        (False, 0, False, "no answer", None, "withdrawn: no answer"),
        (False, 1, False, None, None, "withdrawn: it answers, passed 1 of 3"),
        (True, 0, False, None, "bird is away", "withdrawn: bird is away"),
    ],
)
def test_status_line(healthy, count, present, reason, trouble, line):
    assert announcer.describe(health(healthy, count), present, "it answers", reason, trouble) == line


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"", None),
        (b"0001 BIRD 2.17.1 rea", None),
        (b"0001 BIRD 2.17.1 ready.\n", (1, "BIRD 2.17.1 ready.", "BIRD 2.17.1 ready.")),
        (b"0002-Reading configuration from /etc/bird/bird.conf\n", None),
        (
            b"0002-Reading configuration from /etc/bird/bird.conf\n0003 Reconfigured\n",
            (3, "Reconfigured", "Reading configuration from /etc/bird/bird.conf\nReconfigured"),
        ),
        (
            b"0002-Reading configuration from x\n8002 x:1:1 syntax error\n",
            (8002, "x:1:1 syntax error", "Reading configuration from x\nx:1:1 syntax error"),
        ),
        (b"1016-\n \tarea\n0000 \n", (0, "", "\n\tarea\n")),
    ],
)
def test_last_reply(data, expected):
    assert announcer.last_reply(data) == expected


STATE = """
area 0.0.0.0

\trouter 172.18.0.1
\t\tdistance 1
\t\tstubnet 172.18.0.0/26 metric 10

\trouter 172.18.0.11
\t\tdistance 0
\t\tnetwork 172.18.0.0/26 metric 1
\t\tstubnet 172.18.0.64/32 metric 0

\trouter 172.18.0.12
\t\tdistance 1
\t\tstubnet 172.18.0.65/32 metric 0

\tnetwork 172.18.0.0/26
\t\tdr 172.18.0.1
\t\tdistance 1
\t\trouter 172.18.0.1
\t\trouter 172.18.0.11
"""


# As BIRD 2.0.12, 2.17.6 and 3.1.8 say it, shortened; recorded in the quick bed. 172.18.0.65 has its area, and the
# summary LSA that would tell the router of it is held back.
STATE_OF_AREAS = """
area 0.0.0.0

\trouter 172.18.0.1
\t\tdistance 10
\t\tnetwork 172.18.0.0/26 metric 10

\trouter 172.18.0.11
\t\tdistance 0
\t\tnetwork 172.18.0.0/26 metric 10
\t\txnetwork 172.18.0.64/32 metric 0

\trouter 172.18.0.12
\t\tdistance 20
\t\txnetwork 172.18.0.66/32 metric 0

area 172.18.0.64

\trouter 172.18.0.11
\t\tdistance 0
\t\tstubnet 172.18.0.64/32 metric 0
\t\txnetwork 172.18.0.0/26 metric 10

area 172.18.0.65

\trouter 172.18.0.11
\t\tdistance 0
\t\tstubnet 172.18.0.65/32 metric 0

area 255.255.255.255

\trouter 172.18.0.11
\t\tdistance 0
\t\txnetwork 172.18.0.64/32 metric 0
\t\txnetwork 172.18.0.65/32 metric 0
"""


@pytest.mark.parametrize("state", [STATE, STATE_OF_AREAS, STATE.replace("0.0.0.0", "0.0.0.5")])
def test_only_what_it_tells_the_router_itself(state):
    assert announcer.told_prefixes(state) == {"172.18.0.64/32"}


class FakeBird(threading.Thread):
    """Answers each command by a table: by a text, by one after the other, or (None) by silence."""

    def __init__(self, path, replies):
        super().__init__(daemon=True)
        self.replies = replies
        self.commands = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self.start()

    def run(self):
        while True:
            connection = self._listener.accept()[0]
            connection.sendall(b"0001 BIRD 2.17.1 ready.\n")
            with contextlib.suppress(ConnectionError):
                self.serve(connection)

    def serve(self, connection):
        for line in connection.makefile():
            self.commands.append(line.strip())
            reply = self.replies[line.strip()]
            if isinstance(reply, list):
                reply = reply.pop(0)
            if reply is not None:
                connection.sendall(reply.encode())


OK = "0002-Reading configuration from bird.conf\n0003 Reconfigured\n"
BAD = "0002-Reading configuration from bird.conf\n8002 bird.conf:7:1 syntax error\n"
PREFIXES = ["127.0.0.1/32"]
SETTINGS = {"addresses": PREFIXES, "withdraw_wait": 0, "check": None}


@pytest.fixture
def node(tmp_path, monkeypatch):
    """The directories of a node."""
    for constant, name in (("SETTINGS", "settings"), ("ANNOUNCED", "announced")):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(announcer, constant, str(tmp_path / name))
    # A socket's path may be no longer than 107 characters.
    directory = os.open(tmp_path, os.O_RDONLY)
    path = f"/proc/self/fd/{directory}/bird"
    monkeypatch.setattr(announcer, "BIRD_SOCKET", path)
    monkeypatch.setattr(announcer, "BIRD_TIMEOUT", 0.3)
    monkeypatch.setattr(announcer, "BIRD_START", 0)
    # The fake is a thread of ours.
    monkeypatch.setattr(announcer, "kill_bird", lambda: None)
    (tmp_path / "settings" / "sip.json").write_text(json.dumps(SETTINGS))
    yield tmp_path
    os.close(directory)


STATE_COMMAND, ENABLE, DISABLE = "show ospf state anycast", "enable anycast", "disable anycast"
SILENT = "1016-\n0000 \n"
ANNOUNCED = "1016-\n \n \trouter 172.18.0.11\n \t\tdistance 0\n \t\tstubnet 127.0.0.1/32 metric 0\n0000 \n"


def bird_of(node, configure=OK):
    replies = {"configure": configure, STATE_COMMAND: SILENT, **dict.fromkeys([ENABLE, DISABLE], "0009 ok\n")}
    return FakeBird(announcer.BIRD_SOCKET, replies)


def link(node):
    return node / "announced" / "sip.conf"


def test_announce_and_withdraw(node, capsys):
    bird = bird_of(node)
    assert announcer.main(["announce", "sip"]) == 0
    assert link(node).readlink() == (node / "settings" / "sip.conf")
    assert announcer.main(["announce", "sip"]) == 0
    assert announcer.main(["settle", "sip"]) == 0
    assert not link(node).is_symlink()
    assert announcer.main(["settle", "sip"]) == 0
    # The second `settle` finds no link, and nobody knows whether BIRD was told without it.
    assert bird.commands == ["configure", ENABLE] * 2 + ["configure", STATE_COMMAND] * 2
    assert capsys.readouterr().err.splitlines() == ["sip announced"] * 2 + ["sip withdrawn"]


def metrics(node):
    """Return the samples, by their names."""
    lines = (node / "metrics.prom").read_text().splitlines()
    return dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))


def test_prometheus_is_told(node, monkeypatch):
    monkeypatch.setattr(announcer, "METRICS", str(node / "metrics.prom"))
    bird_of(node)
    # Nobody has made the file: nobody reads it.
    assert announcer.main(["announce", "sip"]) == 0
    assert not (node / "metrics.prom").exists()

    (node / "metrics.prom").write_text('# HELP x\nanycast_announced{service="dns"} 1\n')
    monkeypatch.setattr(announcer.time, "time", lambda: 1795000000.5)
    assert announcer.main(["announce", "sip"]) == 0
    found = metrics(node)
    assert found['anycast_announced{service="sip"}'] == found['anycast_announced{service="dns"}'] == "1"
    assert found['anycast_changed_timestamp_seconds{service="sip"}'] == "1795000000"
    assert found['anycast_status_info{service="sip",status="announced: it is not checked"}'] == "1"
    monkeypatch.setattr(announcer.time, "time", lambda: 1795000060)
    assert announcer.main(["announce", "sip"]) == 0
    assert metrics(node) == found
    assert announcer.main(["settle", "sip"]) == 0
    found = metrics(node)
    assert found['anycast_announced{service="sip"}'] == "0"
    assert found['anycast_changed_timestamp_seconds{service="sip"}'] == "1795000060"
    assert (node / "metrics.prom").stat().st_mode & 0o777 == 0o644
    assert len([name for name in found if "sip" in name]) == 5


def test_the_words_of_the_state_are_one_label():
    text = announcer.with_metrics("", "sip", False, 'withdrawn: "a\\b"\nc', (1, 2))
    assert text.splitlines()[-1] == ('anycast_status_info{service="sip",status="withdrawn: \\"a\\\\b\\" c"} 1')
    assert 'anycast_checks_total{service="sip",result="failed"} 2' in text
    # Read once more, nothing of it is left.
    again = announcer.with_metrics(text, "sip", False, "withdrawn", (1, 2))
    assert len(again.splitlines()) == len(text.splitlines())


def test_metrics_that_cannot_be_written_hold_up_nothing(node, monkeypatch):
    monkeypatch.setattr(announcer, "METRICS", str(node / "metrics.prom"))
    bird_of(node)
    (node / "metrics.prom").touch()
    # Held by an announcer that was stopped.
    held = os.open(node, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert announcer.main(["announce", "sip"]) == 0
    os.close(held)
    (node / "metrics.prom").unlink()
    (node / "metrics.prom").mkdir()
    assert announcer.main(["settle", "sip"]) == 0
    assert not link(node).is_symlink()


def test_it_waits_until_bird_has_told_the_router(node):
    """The unit's first line has removed the file and told BIRD; RFC 2328's MinLSInterval may hold the change back."""
    bird = bird_of(node)
    bird.replies[STATE_COMMAND] = [ANNOUNCED, ANNOUNCED, ANNOUNCED, SILENT]
    assert announcer.main(["settle", "sip"]) == 0
    assert bird.commands == ["configure", *[STATE_COMMAND] * 4]


def test_it_waits_until_bird_has_told_of_it(node, monkeypatch, capsys):
    bird = bird_of(node)
    bird.replies[STATE_COMMAND] = [SILENT, SILENT, ANNOUNCED]
    assert announcer.main(["told", "sip"]) == 0
    assert bird.commands == [STATE_COMMAND] * 3
    monkeypatch.setattr(announcer, "FLOOD_TIMEOUT", 0.3)
    bird.replies[STATE_COMMAND] = SILENT
    assert announcer.main(["told", "sip"]) == 1
    assert "bird has not told the router of sip within 0.3 s" in capsys.readouterr().err


def test_it_does_not_wait_for_ever(node, monkeypatch, capsys):
    monkeypatch.setattr(announcer, "FLOOD_TIMEOUT", 2.0)
    # The last look has as long: on a busy machine an answer takes its time.
    monkeypatch.setattr(announcer, "POLL", 1.5)
    bird = bird_of(node)
    bird.replies[STATE_COMMAND] = ANNOUNCED
    bird.replies[DISABLE] = "8007 Access denied\n"
    assert announcer.main(["settle", "sip"]) == 1
    said = capsys.readouterr().err
    assert "bird goes on announcing 127.0.0.1/32 for 2 s; bird refuses 'disable anycast': Access denied;" in said
    assert "bird is killed on this node to withdraw sip" in said


def test_a_file_in_the_place_of_the_link_is_replaced(node):
    bird_of(node)
    link(node).write_text("as an older version of the role wrote it")
    assert announcer.main(["announce", "sip"]) == 0
    assert link(node).is_symlink()


def test_what_was_left_half_done_does_not_hinder(node):
    bird_of(node)
    (node / "announced" / ".sip.new").symlink_to("elsewhere")
    assert announcer.main(["announce", "sip"]) == 0
    assert [path.name for path in (node / "announced").iterdir()] == ["sip.conf"]


def test_without_bird(node, capsys):
    assert announcer.main(["announce", "sip"]) == 1
    assert not link(node).is_symlink()
    assert "cannot be announced: bird does not answer on" in capsys.readouterr().err
    link(node).symlink_to("x")
    assert announcer.main(["settle", "sip"]) == 0
    assert not link(node).is_symlink()


def test_with_a_bird_that_hangs(node, capsys):
    bird_of(node, None)
    assert announcer.main(["announce", "sip"]) == 1
    assert not link(node).is_symlink()
    assert "bird does not answer 'configure': timed out" in capsys.readouterr().err


def test_a_refused_configuration_cannot_keep_a_dead_service_announced(node, capsys):
    bird = bird_of(node, BAD)
    assert announcer.main(["announce", "sip"]) == 1
    assert not link(node).is_symlink()
    assert announcer.main(["settle", "sip"]) == 1
    assert bird.commands[-3:] == ["configure", DISABLE, STATE_COMMAND]
    assert "bird.conf:7:1 syntax error; OSPF is stopped on this node" in capsys.readouterr().err


def test_a_full_disk_leaves_it_withdrawn(node, monkeypatch, capsys):
    bird_of(node)
    link(node).symlink_to("x")

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(announcer.os, "symlink", full)
    assert announcer.main(["announce", "sip"]) == 1
    assert not link(node).is_symlink()
    assert "sip cannot be announced: [Errno 28] No space left on device" in capsys.readouterr().err


def test_what_bird_has_not_announced_yet_is_taken_back_too(node):
    """MinLSInterval holds a change back that follows another within 5 s: it would come when the service is dead."""
    bird = bird_of(node)
    announcer.announce("sip", PREFIXES)
    assert announcer.withdraw("sip", PREFIXES) == (True, None)
    assert bird.commands == ["configure", ENABLE, "configure"]


def test_a_health_that_changes(node, capsys):
    bird = bird_of(node)
    announcement = announcer.Announcement("sip", PREFIXES)
    for passed in (True, False):
        announcement.follow(passed, None if passed else "no answer")
        assert announcement.trouble is None
        assert announcement.state == link(node).is_symlink() == passed
    assert capsys.readouterr().err.splitlines() == ["sip announced: it is healthy", "sip withdrawn: no answer"]
    bird.replies["configure"] = BAD
    announcement.follow(True, None)
    assert "healthy, but cannot be announced: bird refuses" in announcement.trouble
    assert announcement.state is None
    bird.replies["configure"] = OK
    announcement.follow(True, None)
    assert link(node).is_symlink() and announcement.trouble is None


def test_what_keeps_it_from_being_announced_is_said_once(node, capsys):
    bird_of(node, BAD)
    announcement = announcer.Announcement("sip", PREFIXES)
    for _check in range(3):
        announcement.follow(True, None)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_bird_that_was_slow_is_told_again(node, capsys):
    """It may have been busy, and to restart it costs the other services seconds."""
    bird = bird_of(node)
    bird.replies["configure"] = [None, OK]
    link(node).symlink_to("x")
    assert announcer.withdraw("sip", PREFIXES) == (True, None)
    assert not link(node).is_symlink()
    assert bird.commands == ["configure", "configure"]


def test_a_checker_that_cannot_withdraw_it_ends(node, monkeypatch, capsys):
    """What its unit runs next has more rights."""

    def stuck(*_arguments):
        raise announcer.NotWithdrawn("sip may still be announced")

    monkeypatch.setattr(announcer, "withdraw", stuck)
    (node / "settings" / "sip.json").write_text(json.dumps({**SETTINGS, "check": {"rise": 1, "fall": 1}}))
    assert announcer.main(["run", "sip"]) == 1
    assert capsys.readouterr().err == "sip may still be announced\n"


def test_settings_that_cannot_be_read_do_not_keep_it_announced(node, capsys):
    bird = bird_of(node)
    bird.replies["show ospf state anycast_v3"] = "9001 syntax error\n"
    link(node).symlink_to("x")
    (node / "settings" / "sip.json").write_text("{")
    assert announcer.main(["settle", "sip"]) == 0
    assert not link(node).is_symlink()
    assert bird.commands[0] == "configure"
    assert "the settings of sip cannot be read" in capsys.readouterr().err


TOKEN = "0123456789abcdef"
REPLY = "SIP/2.0 {}\r\nVia: SIP/2.0/UDP 127.0.0.1:5;branch=z9hG4bK" + TOKEN + "\r\nServer: sip1\r\n\r\n"


@pytest.mark.parametrize(
    "data, expected",
    [
        (REPLY.format("200 OK"), (200, "OK")),
        (REPLY.format("404"), (404, "")),
        (REPLY.format("503 Service Unavailable"), (503, "Service Unavailable")),
        (REPLY.format("100 Trying"), None),
        (REPLY.format("200 OK").replace(TOKEN, "other"), None),
        ("OPTIONS sip:x SIP/2.0\r\n\r\n", None),
        ("SIP/2.0 abc OK\r\n\r\n", None),
        ("\0\1\2", None),
        ("", None),
    ],
)
def test_sip_status(data, expected):
    assert announcer.sip_status(data.encode(), TOKEN) == expected


@pytest.mark.parametrize("status, healthy", [(200, True), (401, True), (405, True), (500, False), (603, False)])
def test_judge_sip(status, healthy):
    if healthy:
        assert str(status) in announcer.judge_sip(status, "")
    else:
        with pytest.raises(announcer.Failed, match=f"SIP OPTIONS with {status} Broken"):
            announcer.judge_sip(status, "Broken")


def test_sip_options():
    text = announcer.sip_options("172.18.0.64", 5060, ("172.18.0.64", 40000), TOKEN).decode()
    assert text.startswith("OPTIONS sip:172.18.0.64:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 172.18.0.64:40000;")
    assert text.endswith("\r\n\r\n")


def test_dns_query():
    query = announcer.dns_query("example.org.", 0x1234)
    assert query == b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01"


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"\x12\x34\x81\x80\0\1\0\2\0\0\0\0", (0, 2)),
        (b"\x12\x34\x81\x83\0\1\0\0\0\0\0\0", (3, 0)),
        (b"\x12\x35\x81\x80\0\1\0\1\0\0\0\0", None),
        (b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0", None),
        (b"\x12\x34\x81", None),
    ],
)
def test_dns_reply(data, expected):
    assert announcer.dns_reply(data, 0x1234) == expected


@pytest.mark.parametrize(
    "rcode, answers, words",
    [(0, 1, None), (0, 0, "has no A record of x"), (2, 0, "SERVFAIL"), (3, 0, "NXDOMAIN"), (9, 0, "code 9")],
)
def test_judge_dns(rcode, answers, words):
    if words is None:
        assert announcer.judge_dns("x", rcode, answers) == "answers the DNS query for x"
    else:
        with pytest.raises(announcer.Failed, match=words):
            announcer.judge_dns("x", rcode, answers)


def settings(kind, **more):
    return {"addresses": ["127.0.0.1/32"], "check": {"kind": kind, "timeout": 1, **more}}


@pytest.fixture
def udp():
    """A UDP server: answer by the function it is given."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer(function):
            def serve():
                data, peer = server.recvfrom(65535)
                for reply in function(data):
                    server.sendto(reply, peer)

            threading.Thread(target=serve, daemon=True).start()

        yield server.getsockname()[1], answer


def test_check_sip(udp):
    port, answer = udp

    def reply(data):
        via = data.decode().split("\r\n")[1]
        yield b"not SIP"
        yield f"SIP/2.0 100 Trying\r\n{via}\r\n\r\n".encode()
        yield f"SIP/2.0 200 OK\r\n{via}\r\n\r\n".encode()

    answer(reply)
    assert announcer.check_service(settings("sip", port=port)) == "127.0.0.1 answers SIP OPTIONS with 200"


def test_check_sip_without_an_answer(udp):
    with pytest.raises(announcer.Failed, match=r"127.0.0.1 does not answer within 1 s"):
        announcer.check_service(settings("sip", port=udp[0]))


def test_check_sip_that_is_answered_by_something_else_all_the_time(udp):
    port, answer = udp
    answer(lambda data: [b"noise"] * 3)
    with pytest.raises(announcer.Failed, match="does not answer"):
        announcer.check_service(settings("sip", port=port))


def test_check_dns(udp):
    port, answer = udp
    answer(lambda data: [data[:2] + b"\x81\x80\0\1\0\1" + data[8:]])
    passed = announcer.check_service(settings("dns", port=port, name="x.org"))
    assert passed == "127.0.0.1 answers the DNS query for x.org"


def test_check_tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "accepts TCP" in announcer.check_service(settings("tcp", port=port))
    with pytest.raises(announcer.Failed, match="127.0.0.1: Connection refused"):
        announcer.check_service(settings("tcp", port=port))


def test_an_address_of_another_node_is_never_healthy():
    wanted = dict(settings("tcp", port=1), addresses=["192.0.2.1/32"])
    with pytest.raises(announcer.Failed, match="192.0.2.1 is not on this node"):
        announcer.check_service(wanted)


@pytest.mark.parametrize(
    "command, words",
    [
        (["sh", "-c", 'test "$ANYCAST_ADDRESS" = 127.0.0.1'], None),
        (["sh", "-c", "exit 3"], "sh exits with 3"),
        (["/nonexistent"], "cannot run /nonexistent: No such file"),
        (["sleep", "60"], "sleep did not end"),
    ],
)
def test_check_command(command, words):
    if words is None:
        assert announcer.check_service(settings("command", command=command)) == "127.0.0.1 sh exits with 0"
    else:
        with pytest.raises(announcer.Failed, match=words):
            announcer.check_service(settings("command", command=command))


def test_a_command_is_killed_with_what_it_started(tmp_path):
    pid = tmp_path / "pid"
    with pytest.raises(announcer.Failed):
        announcer.check_service(settings("command", command=["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"]))
    state = Path(f"/proc/{pid.read_text().strip()}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and state.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_notify(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("notify")
        monkeypatch.setenv("NOTIFY_SOCKET", "notify")
        announcer.notify(READY=1, STATUS="withdrawn")
        assert systemd.recv(100) == b"READY=1\nSTATUS=withdrawn"


def test_only_the_checker_speaks_to_the_watchdog(tmp_path, monkeypatch):
    """systemd takes the word of any process of the unit, and would have its watchdog end `settle`."""
    told = []
    monkeypatch.setattr(announcer, "notify", lambda **state: told.append(state))
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    announcer.alive()
    assert told == []
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    announcer.alive()
    assert told == [{"WATCHDOG": 1}]


@pytest.mark.parametrize("arguments", [[], ["announce"], ["dance", "sip"], ["announce", "sip", "dns"]])
def test_usage(arguments, capsys):
    assert announcer.main(arguments) == 2
    assert "announcer.py announce SERVICE" in capsys.readouterr().err
