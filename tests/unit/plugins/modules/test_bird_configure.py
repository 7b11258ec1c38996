# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new bird.conf and key on trial, with a BIRD that is none. The quick bed does the same with a real one."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.ospf.packet import Signer
from ansible_collections.homelab.anycast.plugins.modules import bird_configure

FULL = "172.18.0.1\t  1\tFull/DR\t 9.9\teth0\t172.18.0.1"
EXSTART = FULL.replace("Full", "ExStart")
PROTOCOLS = b"2002-Name       Proto\n1002-anycast    OSPF       master4    up     15:29:29.245  Running\n0000 \n"
OLD_KEY, NEW_KEY = 'password "old-secret";\n', 'password "new-secret";\n'
# What BIRD says of a node that tells the router of 172.18.0.64, and of one that has just started.
TOLD = """1016-
 area 0.0.0.0
 \trouter 172.18.0.1
 \t\tdistance 1
 \trouter 172.18.0.11
 \t\tdistance 0
 \t\txnetwork 172.18.0.64/32 metric 0
 end
""".replace(" end", "0000 ")
NOT_TOLD = "1016-\n area 0.0.0.0\n0000 \n"
CONFIRMED, RECONFIGURED = b"0018 Reconfiguration confirmed\n", b"0003 Reconfigured\n"


class Answers:
    """What BIRD answers; notes which files it was told to read, and what was in them."""

    def __init__(self, recorded):
        self.recorded = {**recorded, "show protocols": PROTOCOLS}
        self.neighbors = FULL
        self.state = TOLD
        self.confirm = CONFIRMED
        self.reconfigure = RECONFIGURED
        self.try_out = RECONFIGURED
        self.read = []
        self.on_trial = lambda: None

    def get(self, command, default):
        if command == "show ospf neighbors anycast":
            heading = "1013-anycast:\n Router ID\n"
            return (heading + (f" {self.neighbors}\n" if self.neighbors else "") + "0000 \n").encode()
        if command == "show ospf state anycast":
            return self.state.encode()
        if command == "configure confirm":
            return self.confirm
        if command == "configure":
            self.read.append("the files")
            return self.reconfigure
        trial = re.fullmatch(r'configure "(.*)" timeout \d+', command)
        if trial:
            self.read.append(Path(trial[1]).read_text())
            self.on_trial()
            return self.try_out
        return self.recorded.get(command, default)


class Node:
    def __init__(self, root):
        self.conf = root / "etc" / "bird.conf"
        self.key = root / "etc" / "anycast.key"
        self.seen = root / "seen"
        self.conf.parent.mkdir()
        self.program = root / "bin" / "bird"
        self.program.parent.mkdir()
        self.parser()

    def parser(self, error=""):
        """Have `bird -p` accept everything, or refuse it with this error; it leaves what it was given."""
        lines = [
            "#!/bin/sh",
            f'cp "$3" {self.seen}',
            f'echo {shlex.quote(error)} | sed "s|FILE|$3|" >&2',
            f"exit {int(bool(error))}",
        ]
        self.program.write_text("\n".join(lines) + "\n")
        self.program.chmod(0o755)

    def content(self, text):
        return f'# Written by the role homelab.anycast.bird_anycast\ninclude "{self.key}";\n{text}\n'

    def left(self):
        return sorted(path.name for path in self.conf.parent.iterdir())


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = Node(tmp_path)
    monkeypatch.setenv("PATH", f"{made.program.parent}:/usr/bin:/bin")
    return made


@pytest.fixture
def bird(fake_bird, clock, monkeypatch):
    monkeypatch.setattr(bird_configure, "time", clock)
    running = fake_bird()
    running.answers = Answers(running.answers)
    return running


@pytest.fixture
def configure(node, run_module, tmp_path):
    def configure(text="new", key=NEW_KEY, check_mode=False, **options):
        return run_module(
            "bird_configure",
            check_mode,
            **{
                "content": node.content(text),
                "path": str(node.conf),
                "key": key,
                "key_file": str(node.key),
                "hello_interval": 3,
                "dead_interval": 12,
                "socket": str(tmp_path / "bird.ctl"),
                "mode": "0640",
                **options,
            },
        )

    return configure


@pytest.fixture
def configured(node):
    node.conf.write_text(node.content("old"))
    node.key.write_text(OLD_KEY)
    for path in (node.conf, node.key):
        path.chmod(0o640)
    return node


def test_before_bird_runs_the_files_are_written(node, configure):
    result = configure(check_mode=True)
    assert result["changed"] and node.left() == []
    result = configure()
    assert result["changed_files"] == [str(node.key), str(node.conf)]
    assert (node.conf.read_text(), node.key.read_text()) == (node.content("new"), NEW_KEY)
    assert {path.stat().st_mode & 0o777 for path in (node.conf, node.key)} == {0o640}
    assert node.left() == ["anycast.key", "bird.conf"]
    assert not configure()["changed"]


def test_no_secret_is_returned(configured, configure):
    text = json.dumps(configure()["diff"])
    assert "old-secret" not in text and "new-secret" not in text
    assert "(hidden, changed)" in text


def test_only_the_mode_is_corrected(configured, configure):
    configured.conf.chmod(0o644)
    result = configure("old", OLD_KEY)
    assert (result["changed"], result["changed_files"]) == (True, [])
    assert configured.conf.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_one(configured, configure, tmp_path):
    real = tmp_path / "elsewhere.conf"
    configured.conf.rename(real)
    configured.conf.symlink_to(real)
    assert configure()["changed"]
    assert configured.conf.is_symlink()
    assert real.read_text() == configured.content("new")


def test_what_bird_does_not_parse_changes_nothing(configured, configure):
    configured.parser('FILE:3:1 syntax error near password "new-secret"')
    result = configure()
    assert result["failed"]
    # The user's own file is named, not the copy that was parsed, and the key is not in it.
    assert f"nothing was changed: {configured.conf}:3:1 syntax error" in result["msg"]
    assert "new-secret" not in result["msg"]
    assert configured.conf.read_text() == configured.content("old")
    # It was parsed with the new key, not with the one on disk.
    assert str(configured.key) not in configured.seen.read_text()


def test_without_bird_there_is_nothing_to_configure(node, configure, monkeypatch):
    monkeypatch.setattr(bird_configure, "find_bird", lambda: None)
    assert "Install the package bird2" in configure()["msg"]
    # Check mode is of a node that will have it.
    assert configure(check_mode=True)["changed"]


def test_on_trial_until_the_neighbours_have_proven_it(configured, configure, bird):
    files = {}
    bird.answers.on_trial = lambda: files.update(conf=configured.conf.read_text(), key=configured.key.read_text())
    result = configure()
    assert (result["before"], result["lost"], result["rolled_back"]) == (["172.18.0.1"], [], False)
    # A dead interval and a second.
    assert 13 <= result["waited"] < 14
    # Nothing of it was on disk before that: a BIRD that is started meanwhile has the old one.
    assert files == {"conf": configured.content("old"), "key": OLD_KEY}
    trial, last = bird.answers.read
    assert "new" in trial and str(configured.key) + '"' not in trial
    assert last == "the files"
    assert configured.conf.read_text() == configured.content("new")
    assert configured.left() == ["anycast.key", "bird.conf"]


def test_a_lost_neighbour_brings_the_old_one_back(configured, configure, bird, clock):
    bird.answers.on_trial = lambda: setattr(bird.answers, "neighbors", EXSTART)
    clock.at(40, lambda: setattr(bird.answers, "neighbors", FULL))
    result = configure()
    assert result["failed"] and result["rolled_back"] and result["lost"] == ["172.18.0.1"]
    assert "172.18.0.1 was Full, then" in result["msg"]
    assert "The adjacency is back" in result["msg"]
    assert configured.conf.read_text() == configured.content("old")
    assert configured.left() == ["anycast.key", "bird.conf"]
    assert bird.answers.read[-1] == "the files"


def test_one_that_does_not_come_back_is_told(configured, configure, bird):
    bird.answers.on_trial = lambda: setattr(bird.answers, "neighbors", "")
    result = configure()
    assert "172.18.0.1 was Full, then no neighbour any more" in result["msg"]
    assert "The adjacency has not come back since" in result["msg"]


def test_a_bird_that_dies_on_trial(configured, configure, bird):
    bird.answers.on_trial = Path(bird.path).unlink
    result = configure()
    assert result["failed"]
    assert f"The file {configured.conf} is still the old one; BIRD starts with it, or rolls back" in result["msg"]
    assert configured.conf.read_text() == configured.content("old")


def test_somebody_else_configures_meanwhile(configured, configure, bird):
    bird.answers.confirm = b"0019 Nothing to do\n"
    result = configure()
    assert "BIRD was started again or told to read its configuration, 3 times" in result["msg"]
    assert len(bird.answers.read) == 3
    assert configured.conf.read_text() == configured.content("old")


def test_a_bird_that_refuses_to_read_it(configured, configure, bird):
    bird.answers.try_out = b"0006 Reconfiguration ignored, shutting down\n"
    result = configure()
    assert "The new configuration is not in force" in result["msg"]
    assert "'Reconfiguration ignored, shutting down' to 'configure' (code 0006)" in result["msg"]
    assert configured.conf.read_text() == configured.content("old")


def test_a_bird_that_stops_after_it_has_confirmed(configured, configure, bird):
    bird.answers.reconfigure = b"0006 Reconfiguration ignored, shutting down\n"
    result = configure()
    assert f"BIRD has confirmed the new configuration, and {configured.conf} has it" in result["msg"]
    assert "'Reconfiguration ignored, shutting down' to 'configure' (code 0006)" in result["msg"]
    assert configured.conf.read_text() == configured.content("new")


def test_a_disk_that_fails_after_bird_has_confirmed(configured, configure, bird, monkeypatch):
    def broken(self):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(bird_configure.Change, "replace_files", broken)
    result = configure()
    assert "BIRD runs the new configuration, but it cannot be written" in result["msg"]
    assert "[Errno 5] Input/output error" in result["msg"]
    assert result["rolled_back"] is False and configured.left() == ["anycast.key", "bird.conf"]


def test_no_time_to_answer(configured, configure, bird):
    assert "timeout is 0, expected more than 0 seconds" in configure(timeout=0)["msg"]
    assert configured.left() == ["anycast.key", "bird.conf"]


def test_a_full_disk(configured, configure, monkeypatch):
    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bird_configure.Change, "write_candidates", full)
    result = configure()
    assert "Cannot write the new configuration, the old one stays: [Errno 28]" in result["msg"]


def test_a_part_of_somebody_elses_bird_conf(configured, configure, bird):
    main = configured.conf.with_name("main.conf")
    main.write_text(f'router id 192.0.2.1;\ninclude "{configured.conf}";\n')
    assert configure(main=str(main))["changed"]
    # BIRD is told to read the whole of it, with our part on trial, and it stays as it was.
    assert bird.answers.read[0].startswith("router id 192.0.2.1;")
    assert f'include "{configured.conf}"' not in bird.answers.read[0]
    assert main.read_text() == f'router id 192.0.2.1;\ninclude "{configured.conf}";\n'
    assert configured.left() == ["anycast.key", "bird.conf", "main.conf"]


def test_its_errors_are_told_of_their_own_file(configured, configure):
    main = configured.conf.with_name("main.conf")
    main.write_text(f'include "{configured.conf}";\n')
    configured.parser("FILE:1:1 syntax error")
    assert f"nothing was changed: {main}:1:1 syntax error" in configure(main=str(main))["msg"]


@pytest.mark.parametrize("text", [None, "router id 192.0.2.1;\n"])
def test_one_that_does_not_include_ours(configured, configure, text):
    main = configured.conf.with_name("main.conf")
    if text:
        main.write_text(text)
    assert f"add the line 'include \"{configured.conf}\";' to it" in configure(main=str(main))["msg"]


# ---------------------------------------------------------------------------------------------------------------------
# OSPF starts anew


@pytest.fixture
def told(tmp_path):
    """Two services, of which one is announced."""
    announced = tmp_path / "sip.area"
    announced.write_text("")
    files = {str(announced): ["172.18.0.64/32"], str(tmp_path / "dns.area"): ["172.18.0.65/32"]}
    return {"area": "0.0.0.0", "files": files}


def test_the_next_node_waits_until_the_routers_had_the_time_to_follow(configured, configure, bird, clock, told):
    bird.answers.on_trial = lambda: setattr(bird.answers, "state", NOT_TOLD)
    clock.at(20, lambda: setattr(bird.answers, "state", TOLD))
    result = configure(told=told)
    # On trial up to 13 s, told at 20 s, and 7 s more.
    assert result["told"] == ["172.18.0.64/32"] and 27 <= result["waited"] < 28


def test_what_was_not_told_before_is_not_waited_for(configured, configure, bird, told):
    bird.answers.state = NOT_TOLD
    result = configure(told=told)
    assert not result.get("failed") and result["told"] == []


def test_no_neighbour_before_is_no_reason_to_wait(configured, configure, bird, told):
    bird.answers.neighbors = ""
    assert "told" not in configure(told=told)


def test_a_service_that_is_withdrawn_meanwhile(configured, configure, bird, clock, told):
    bird.answers.on_trial = lambda: setattr(bird.answers, "state", NOT_TOLD)
    clock.at(20, lambda: Path(next(iter(told["files"]))).unlink())
    result = configure(told=told)
    assert not result.get("failed") and 27 <= result["waited"] < 28


def test_one_that_does_not_tell_again(configured, configure, bird, told):
    bird.answers.on_trial = lambda: setattr(bird.answers, "state", NOT_TOLD)
    result = configure(told=told)
    assert result["failed"]
    assert "30 s later it does not tell its neighbours of 172.18.0.64/32, as it did before" in result["msg"]
    assert configured.conf.read_text() == configured.content("new")


# ---------------------------------------------------------------------------------------------------------------------
# The key of the router first


class Heard:
    """Stands in for the listener: hears one of the routers, or none."""

    answers = ("172.18.0.1",)
    asked: tuple | None = None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def wait_for(self, *arguments):
        type(self).asked = arguments
        return next((signer for signer in arguments[1] if signer.router_id in self.answers), None)


@pytest.fixture
def follow(tmp_path, monkeypatch):
    monkeypatch.setattr(bird_configure, "Listener", Heard)
    monkeypatch.setattr(Heard, "asked", None)
    return {
        "router_ids": ["172.18.0.1"],
        "authentication": "sha256",
        "key_id": 2,
        "key": "next-secret",
        "timeout": 5,
        "listening": str(tmp_path / "listening"),
    }


def test_a_node_moves_after_the_router(configured, configure, follow):
    assert configure(follow=follow)["changed"]
    assert Heard.asked == (5, [Signer("172.18.0.1", "sha256", 2, "next-secret")])
    assert not Path(follow["listening"]).exists()


def test_what_is_there_already_waits_for_the_router_too(configured, configure, follow, monkeypatch):
    """The playbook changes the router when the node listens, and learns whether the node has heard it."""
    assert not configure("old", OLD_KEY, follow=follow)["changed"]
    assert Heard.asked
    monkeypatch.setattr(Heard, "answers", ())
    assert "no packet of the router 172.18.0.1 came" in configure("old", OLD_KEY, follow=follow)["msg"]


def test_check_mode_does_not_wait(configured, configure, follow):
    assert configure(check_mode=True, follow=follow)["changed"]
    assert configure("old", OLD_KEY, check_mode=True, follow=follow)["changed"] is False
    assert Heard.asked is None


@pytest.mark.parametrize("heard, goes", [("172.18.0.1", "172.18.0.2"), ("172.18.0.2", "172.18.0.1")])
def test_of_several_routers_the_first_one_that_is_heard_must_stay(
    configured, configure, bird, follow, monkeypatch, heard, goes
):
    """The other one may have the old key for longer, and to go back to the old key would cost the first one."""
    monkeypatch.setattr(Heard, "answers", (heard,))
    follow["router_ids"] = ["172.18.0.1", "172.18.0.2"]
    lines = {router_id: FULL.replace("172.18.0.1", router_id) for router_id in follow["router_ids"]}
    bird.answers.neighbors = "\n ".join(lines.values())
    bird.answers.on_trial = lambda: setattr(bird.answers, "neighbors", lines[heard])
    result = configure(follow=follow)
    assert not result.get("failed") and result["before"] == [heard]
    configured.key.write_text(OLD_KEY)
    bird.answers.neighbors = "\n ".join(lines.values())
    bird.answers.on_trial = lambda: setattr(bird.answers, "neighbors", lines[goes])
    assert f"with it the adjacency to {heard} was lost" in configure(follow=follow)["msg"]


def test_a_router_that_does_not_move(configured, configure, follow, monkeypatch):
    monkeypatch.setattr(Heard, "answers", ())
    result = configure(follow=follow)
    assert "no packet of the router 172.18.0.1 came within 5 s that is signed with the key of id 2" in result["msg"]
    assert "next-secret" not in json.dumps(result)
    assert configured.key.read_text() == OLD_KEY
    assert not Path(follow["listening"]).exists()


def test_no_right_to_listen(configured, configure, follow, monkeypatch):
    def refuse(self):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Heard, "__enter__", refuse)
    assert "Nothing was changed: cannot listen to the router" in configure(follow=follow)["msg"]
