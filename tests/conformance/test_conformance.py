"""The checks against the emulator in three versions, and what the kit promises to those who have a router."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.asking import (
    DIFFERS,
    HOLDS,
    NOT_ASKED,
    NOT_SEEN,
    REFUSED,
    BadCheck,
    Check,
    Result,
    Step,
)
from ansible_collections.homelab.anycast.plugins.module_utils.assumptions.expect import Reply, problems
from ansible_collections.homelab.anycast.plugins.module_utils.routeros import session as product
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.neighbors import OspfReader
from ansible_collections.homelab.anycast.plugins.module_utils.secret import HIDDEN
from tests.conformance import recording
from tests.conformance.__main__ import main, show
from tests.conformance.checks import CHECKS, COMMENT, READ, dangers, load
from tests.conformance.recording import Recording
from tests.conformance.runner import MENUS, Runner
from tests.conformance.session import Login, NoSession, login_reply, session
from tests.emulator.recorded import Recording as Emulator

VERSIONS = ("7.16.2", "7.20.8", "7.24")
USER, PASSWORD = "ansible", "lab-password"
PING = """#!/bin/sh
for last; do :; done
echo "36 bytes from $last: icmp_seq=1 ttl=64 time=0.204 ms"
"""
# What no single router shows, and what the emulator refuses by name (LIMITS.md) or has not at all.
UNSEEN = {"R11a", "R12a", "R14", "R17a", "R22", "R40"}
REFUSALS = {"S02", "S24a", "F22"}
Start = Callable[..., Emulator]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Emulator] = []
    program = tmp_path / "ping"
    program.write_text(PING)
    program.chmod(0o755)

    def begin(version: str = "7.20.8", state: str = "full") -> Emulator:
        router = Emulator(tmp_path / f"router{len(running)}", state, version, True, None, str(program))
        running.append(router)
        router.call("/ip/route/add", "=dst-address=10.1.0.0/16", "=gateway=172.18.0.22", "=disabled=yes")
        router.call("/ip/route/add", "=dst-address=10.2.0.0/16", "=blackhole=")
        router.call("/ip/firewall/filter/add", "=chain=input", "=protocol=ospf", "=comment=of the house")
        router.share_gateway("vrrp1", "172.18.0.2", "=priority=200")
        router.share_gateway("vrrp2", "172.18.0.3", "=vrid=2")
        router.vrrp.backups = {"vrrp2"}
        router.call("/certificate/add", "=name=own", "=common-name=own", "=key-size=prime256v1")
        router.call("/certificate/sign", "=.id=own")
        return router

    yield begin
    for router in running:
        router.close()


def login(router: Emulator, user: str = USER) -> Login:
    return Login("127.0.0.1", router.server.port, user, PASSWORD)


def ask(router: Emulator, *groups: str, user: str = USER, private: bool = False) -> tuple[list[Result], Recording]:
    with session(login(router, user)) as opened:
        runner = Runner(
            opened, user, private, lambda name, word: login_reply(Login("127.0.0.1", router.server.port, name, word))
        )
        return runner.run([check for group in groups for check in load(group)]), runner.recording


def by_status(results: list[Result], status: str) -> set[str]:
    return {result.check.id for result in results if result.status == status}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_emulator(start: Start, version: str) -> None:
    router = start(version)
    before = [router.call(f"{menu}/print") for menu in MENUS]
    results, _recording = ask(router, "read", "sandbox", "full")
    assert [(result.check.id, result.reasons) for result in results if result.status == DIFFERS] == []
    assert by_status(results, NOT_SEEN) == UNSEEN
    assert by_status(results, REFUSED) == REFUSALS
    assert len(by_status(results, HOLDS)) > 70
    assert {result.check.id for result in results if result.status == NOT_ASKED and not result.reasons} == set()
    # Nothing is left, and nothing else was touched.
    after = [router.call(f"{menu}/print") for menu in MENUS]
    assert _without_logins(after) == _without_logins(before)


def _without_logins(tables: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    return [[{name: row[name] for name in row if name not in {"last-logged-in", "expires-after"}} for row in table]
            for table in tables]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "seen"), [("point_to_point", {"R11a"}), ("exstart", {"R12a"}), ("bfd_forbidden", {"R17a"})]
)
def test_what_other_states_show(start: Start, state: str, seen: set[str]) -> None:
    results, _recording = ask(start(state=state), "read")
    assert by_status(results, DIFFERS) == set()
    assert seen <= by_status(results, HOLDS)


def test_a_user_who_may_only_read(start: Start) -> None:
    router = start()
    results, _recording = ask(router, "read", "sandbox", user="readonly")
    assert by_status(results, DIFFERS) == set()
    assert {"S01", "S14", "S22"} <= by_status(results, REFUSED)
    assert "S26" in by_status(results, NOT_ASKED)


def test_a_user_who_reads_no_keys(start: Start) -> None:
    results, _recording = ask(start(), "read", user="nosensitive")
    assert "R33" in by_status(results, HOLDS)


def test_every_claim_can_fail(start: Start) -> None:
    """A router that answers each print with one strange row, and everything else with a strange trap."""

    class Strange:
        def ask(self, words: Sequence[str]) -> Reply:
            if words[0] in {"/system/resource/print", "/user/group/print"}:
                policies = "read,write,policy,test,sensitive,api"
                return Reply((("!re", "=version=7.20.8", "=policy=" + policies), ("!done",)))
            if words[0].endswith("/print"):
                return Reply((("!re", "=odd=yes"), ("!done",)))
            return Reply((("!trap", "=message=something else"), ("!done",)))

    results = Runner(Strange(), USER, False, lambda name, word: Reply((("!fatal", "odd"),))).run(
        [check for group in ("read", "sandbox", "full") for check in load(group)]
    )
    # Which words a filter's parser finds is not known.
    assert by_status(results, HOLDS) == {"S02", "end"}
    assert len(by_status(results, DIFFERS)) > 60


def test_a_key_that_a_router_shows_is_in_no_line(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a user without the policy sensitive reads keys, the kit says so without them."""
    router = start()
    key = next(check for check in load("read") if check.id == "R33")
    with session(login(router, "nosensitive")) as opened:
        runner = Runner(opened, "nosensitive")
        router.call("/user/set", "=numbers=nosensitive", "=group=full")
    with session(login(router, "nosensitive")) as opened:
        runner.router = opened
        (result,) = runner.run([key], show)
    assert result.reasons == [f"row: auth-key is {HIDDEN}, expected '\\\\*{{5}}'"]
    said = capsys.readouterr().out
    assert HIDDEN in said and "key-of-the-lab" not in said


def test_what_an_interrupted_run_has_left_goes_first(start: Start) -> None:
    router = start()
    for _number in range(2):
        router.call("/routing/filter/rule/add", "=chain=anycast-conformance", "=disabled=yes", f"=comment={COMMENT}")
    results, _recording = ask(router, "sandbox")
    assert by_status(results, DIFFERS) == set()
    assert len(router.call("/routing/filter/rule/print")) == 1


# What must not be asked


@pytest.mark.parametrize(
    ("group", "words", "problem"),
    [
        ("read", ["/system/reboot"], "does not only read"),
        ("read", ["/routing/ospf/interface-template/print"], "can show keys"),
        ("sandbox", ["/routing/filter/rule/add", "=comment=$comment"], "not disabled"),
        ("sandbox", ["/routing/filter/rule/add", "=disabled=yes"], "without the comment"),
        ("sandbox", ["/certificate/add", "=name=other"], "without the name"),
        ("sandbox", ["/ip/firewall/filter/add", "=chain=input", "=disabled=yes", "=comment=$comment"], "a chain other"),
        ("sandbox", ["/ip/firewall/filter/remove", "=.id=*1"], "not the check's own"),
        ("sandbox", ["/ip/firewall/filter/remove", "=numbers=$rule"], "not the check's own"),
        ("sandbox", ["/ip/firewall/filter/move", "=numbers=0"], "not the check's own"),
        ("sandbox", ["/system/identity/set", "=name=x"], "not the check's own"),
    ],
)
def test_a_check_that_could_do_harm_is_not_loaded(group: str, words: list[str], problem: str) -> None:
    (found,) = dangers(Check("X", group, "", "", steps=(Step(tuple(words)),)))
    assert problem in found


def test_checks_are_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [check for path in [READ, *CHECKS.glob("*.yml")] for check in load(path.stem)]
    assert {check.id for check in checks if not check.used_by} == set()
    assert {check.id for check in checks if check.steps and not check.source} == set()
    ids = [check.id for check in checks]
    assert len(ids) == len(set(ids)) > 100
    # Each menu that a check adds rows to is looked through at the end.
    assert {step.menu for check in checks for step in check.steps if step.ask and step.command == "add"} == set(MENUS)
    monkeypatch.setattr("tests.conformance.checks.READ", tmp_path / "read.yml")
    (tmp_path / "read.yml").write_text("- {id: A, claim: a, used_by: b, ask: [/ip/address/remove, =.id=*1]}\n")
    with pytest.raises(BadCheck, match="A: /ip/address/remove does not only read"):
        load("read")


def test_versions_of_an_expectation() -> None:
    expectations = [{"since": "7.18", "replies": ["!empty", "!done"]}, {"before": "7.18", "replies": ["!done"]}]
    assert problems(Reply((("!done",),)), expectations, (7, 16, 2)) == []
    assert problems(Reply((("!done",),)), expectations, (7, 20)) == ["expected !empty !done"]


# The command


def run(router: Emulator, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setenv("ROUTEROS_USERNAME", USER)
    monkeypatch.setenv("ROUTEROS_PASSWORD", PASSWORD)
    return main([*options, "--recordings", str(router.directory), f"127.0.0.1:{router.server.port}"])


def test_the_command(start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    router = start()
    assert run(router, monkeypatch) == 0
    said = capsys.readouterr().out
    assert "R01   holds     The version's text can be parsed" in said
    assert "hAP lite, 7.20.8 (long-term): " in said and " 0 differ, " in said
    assert (router.directory / "hAP-lite-7.20.8.jsonl").exists()
    # Where the router does something else, the exit code and the lines say so.
    row = {".id": "*1", "dst-address": "172.18.0.0/26"}
    monkeypatch.setattr("lab.routeros.router.routing_route_rows", lambda rows: [row, row])
    assert run(router, monkeypatch, "--only=R21") == 1
    said = capsys.readouterr().out
    assert "R21   differs   The routing table says how a route contributes" in said
    assert "      asked:    /routing/route/print ?dst-address=172.18.0.0/26" in said
    assert "      answered: !re =.id=*1 =dst-address=172.18.0.0/26" in said
    assert "      row *1 and 1 more: expected debug.fwp-ptr" in said
    assert "      used by:  routeros/next_hops.py read_filtered_next_hops" in said


def test_the_group_full_is_for_a_lab(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as caught:
        run(start(), monkeypatch, "--group=full")
    assert caught.value.code == 2


def test_a_router_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ROUTEROS_USERNAME", USER)
    monkeypatch.setenv("ROUTEROS_PASSWORD", PASSWORD)
    assert main(["127.0.0.1:1"]) == 2
    assert "127.0.0.1:1: " in capsys.readouterr().err
    monkeypatch.delenv("ROUTEROS_PASSWORD")
    with pytest.raises(NoSession, match="set ROUTEROS_USERNAME and ROUTEROS_PASSWORD"):
        Login.of("172.18.0.1")


# Recordings


def test_a_recording_has_no_secret(start: Start, tmp_path: Path) -> None:
    router = start()
    _results, recorded = ask(router, "read", "sandbox", "full")
    recorded.save(tmp_path / "plain.jsonl")
    text = (tmp_path / "plain.jsonl").read_text()
    assert "key-of-the-lab" not in text and PASSWORD not in text and "BEGIN CERTIFICATE" not in text
    assert HIDDEN in text and "172.18.0.11" in text
    _results, recorded = ask(router, "read", "sandbox", "full", private=True)
    recorded.save(tmp_path / "masked.jsonl")
    text = (tmp_path / "masked.jsonl").read_text()
    for private in ("172.18.", "2bff:fe", "of the house", USER, "EMULATOR", "2e:89:2b"):
        assert private not in text and private.upper() not in text, private


class RecordedRouter(product.Router):
    """The collection's own session, answered from a recording."""

    def __init__(self, recorded: Recording) -> None:
        super().__init__({"hostname": "recorded"})
        self._recorded = recorded

    def _ask(self, menu: str, command: str, *words: str) -> list[dict[str, Any]]:
        rows = self._recorded.rows_of(menu)
        for word in words:
            name, _equals, value = word[1:].partition("=")
            if word.startswith("?"):
                rows = [row for row in rows if str(row.get(name)) == value]
            elif (names := value.split(",")) and name == ".proplist":
                rows = [{one: row[one] for one in names if one in row} for row in rows]
        return rows


def recordings() -> list[Path]:
    """Those of routers that people have sent."""
    return sorted((CHECKS.parent / "recordings").glob("*.jsonl"))


def _feeds_the_parsers(recorded: Recording) -> OspfReader:
    reader = OspfReader(RecordedRouter(recorded))
    for neighbor in reader.neighbors():
        assert neighbor.router_id and neighbor.address and neighbor.dead_seconds is not None
    for interface in reader.own().interfaces or ():
        assert interface.hello and interface.dead
    return reader


def test_a_recording_feeds_the_parsers(start: Start, tmp_path: Path) -> None:
    _results, recorded = ask(start(), "read")
    recorded.save(tmp_path / "router.jsonl")
    reader = _feeds_the_parsers(recording.load(tmp_path / "router.jsonl"))
    assert [(one.address, one.interface, one.state, one.role, one.bfd) for one in reader.neighbors()] == [
        (f"172.18.0.{number}", "bridge-lan", "Full", "DROther", "up") for number in (11, 12, 13)
    ]
    own = reader.own()
    assert (own.name, own.router_id) == ("recorded (RouterOS 7.20.8)", "172.18.0.1")


def test_a_recording_is_held_against_the_emulator(start: Start, tmp_path: Path) -> None:
    _results, recorded = ask(start("7.24"), "read", "sandbox")
    recorded.save(tmp_path / "router.jsonl")
    text = (tmp_path / "router.jsonl").read_text()
    # As of a router that says more of a neighbour, and refuses in other words.
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines[1:]:
        for sentence in line["received"]:
            if line["check"] == "R12" and sentence[0] == "!re":
                sentence.append("=new=1")
            if line["check"] == "S08" and sentence[0] == "!trap":
                sentence[-1] = "=message=no such area"
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _results, ours = ask(start("7.24"), "read", "sandbox")
    assert recording.differences(recording.load(tmp_path / "router.jsonl"), ours) == []
    first, second = recording.differences(recording.load(tmp_path / "other.jsonl"), ours)
    assert first == "R12 /routing/ospf/neighbor/print: rows lack new, which each recorded row has"
    assert second.startswith("S08 /routing/ospf/interface-template/add: answered [('input does not match any value of")


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_recordings_of_routers(start: Start, path: Path) -> None:
    recorded = recording.load(path)
    _feeds_the_parsers(recorded)
    _results, ours = ask(start(recorded.version.partition(" ")[0]), "read", "sandbox")
    assert recording.differences(recorded, ours) == []
