"""The commands from one configuration of FRR to another."""

from __future__ import annotations

from lab.routeros.frr_changes import changes, differences, hide, parse_running
from lab.routeros.frr_config import Config, build

from .conftest import Start
from .recorded import RECORDED
from .test_frr_config import AREA, INSTANCE, rows


def test_nothing_changes_nothing() -> None:
    config = build(rows({"auth": "sha256", "auth-key": "k", "use-bfd": "true"}, bfd=[{".id": "*1"}]))
    assert changes(config, config) == []


def test_only_the_difference_is_written() -> None:
    assert changes(build(rows()), build(rows({"hello-interval": "3s", "dead-interval": "12s"}))) == [
        "interface bridge-lan",
        "ip ospf dead-interval 12",
        "ip ospf hello-interval 3",
        "exit",
    ]
    assert changes(build(rows({"passive": ""})), build(rows())) == [
        "interface bridge-lan",
        "no ip ospf passive",
        "exit",
    ]


def test_the_area_comes_last_and_goes_first() -> None:
    create = changes({}, build(rows({"auth": "simple", "auth-key": "k"})))
    assert create[0:2] == ["router ospf", "ospf router-id 172.18.0.1"]
    assert create[-2:] == ["ip ospf area 0.0.0.0", "exit"]
    drop = changes(build(rows({"auth": "simple", "auth-key": "k"})), {})
    assert drop[:2] == ["interface bridge-lan", "no ip ospf area 0.0.0.0"]
    assert drop[-1] == "no router ospf"


def test_another_area_and_another_key_need_removal_first() -> None:
    old = build(rows({"auth": "md5", "auth-id": "1", "auth-key": "old"}))
    new = build(
        rows(
            {"auth": "md5", "auth-id": "1", "auth-key": "new"},
            areas=[{**AREA, "area-id": "0.0.0.9", "type": "default"}],
        )
    )
    commands = changes(old, new)
    assert commands.index("no ip ospf area 0.0.0.0") < commands.index("ip ospf area 0.0.0.9")
    assert commands.index("no ip ospf message-digest-key 1") < commands.index("ip ospf message-digest-key 1 md5 new")
    assert not [command for command in commands if command.startswith("no ") and "old" in command]


def test_a_filter_is_complete_before_it_is_used() -> None:
    def config(rule: str) -> Config:
        return build(rows(instances=[{**INSTANCE, "in-filter-chain": "c"}], filters=[{"chain": "c", "rule": rule}]))

    commands = changes(config("accept"), config("if (dst == 1.2.3.4) { accept }"))
    use = next(index for index, command in enumerate(commands) if command.startswith("ip protocol ospf"))
    assert all(not command.startswith("no ") for command in commands[: use + 1])
    assert [command for command in commands[use + 1 :] if not command.startswith("no route-map ros-c-")] == []


def test_secrets_are_hidden() -> None:
    for line in ("ip ospf authentication-key abc", "key-string abc", "ip ospf message-digest-key 1 md5 abc"):
        assert "abc" not in hide(line)
    old = build(rows({"auth": "md5", "auth-id": "1", "auth-key": "abc"}))
    assert differences({}, old)
    assert not [text for text in differences({}, old) if "abc" in text]


def test_running_config_of_frr_is_read_back(start: Start) -> None:
    """What FRR 10.3 printed after the emulator had configured it is what the rows ask for."""
    states = sorted(path.stem for path in RECORDED.iterdir())
    assert states
    for state in states:
        router = start(state)
        assert differences(router.frr.running(), router.frr.config) == [], state


def test_a_foreign_running_config_is_left_alone() -> None:
    text = """
frr version 10.3
ip prefix-list theirs seq 5 permit any
interface ether5
 description uplink
 ip ospf cost 7
exit
!
route-map theirs permit 10
exit
!
bfd
 peer 192.0.2.1
 exit
 !
exit
!
"""
    have = parse_running(text)
    assert have == {("interface ether5",): ["ip ospf cost 7"]}
    assert changes(have, {}) == ["interface ether5", "no ip ospf cost 7", "exit"]
