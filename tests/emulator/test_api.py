"""The API as librouteros sees it: menus, rows, errors, versions, rights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from librouteros.exceptions import MultiTrapError, TrapError

from lab.routeros.policy import LAB_PASSWORD, User, load_users

from .conftest import Start
from .recorded import RECORDED, Recording

TEMPLATE = "/routing/ospf/interface-template"
RULE = "if (dst in 172.18.0.0/24 && dst-len == 32) { accept } else { reject }"


def base(router: Recording) -> None:
    """An instance and an area."""
    router.call("/routing/ospf/instance/add", "=name=home", "=router-id=172.18.0.1")
    router.call("/routing/ospf/area/add", "=name=backbone", "=instance=home")


def row(router: Recording, menu: str = TEMPLATE, user: str = "ansible") -> dict[str, Any]:
    (only,) = router.call(f"{menu}/print", user=user)
    return only


def refused(router: Recording, command: str, *words: str, user: str = "ansible") -> tuple[str, int | None]:
    with pytest.raises(TrapError) as caught:
        router.call(command, *words, user=user)
    return caught.value.message, caught.value.category


# Rows


def test_add_returns_the_id_and_prints_defaults(empty: Recording) -> None:
    base(empty)
    assert empty.call(f"{TEMPLATE}/add", "=area=backbone", "=interfaces=bridge-lan") == [{"ret": "*1"}]
    assert row(empty) == {
        ".id": "*1",
        ".nextid": "*FFFFFFFF",
        "area": "backbone",
        "interfaces": "bridge-lan",
        "instance-id": 0,
        "type": "broadcast",
        "retransmit-interval": "5s",
        "transmit-delay": "1s",
        "hello-interval": "10s",
        "dead-interval": "40s",
        "priority": 128,
        "cost": 1,
        "inactive": False,
    }
    assert row(empty, "/routing/ospf/area") == {
        ".id": "*1", "name": "backbone", "instance": "home", "area-id": "0.0.0.0", "type": "default", "inactive": False
    }  # fmt: skip


def test_disabled_is_printed_only_when_it_was_written(empty: Recording) -> None:
    base(empty)
    assert "disabled" not in row(empty, "/routing/ospf/instance")
    empty.call("/routing/ospf/instance/set", "=.id=*1", "=disabled=no")
    assert row(empty, "/routing/ospf/instance")["disabled"] is False
    empty.call("/routing/ospf/instance/disable", "=numbers=home")
    assert (row(empty, "/routing/ospf/instance")["disabled"], row(empty, "/routing/ospf/instance")["inactive"]) == (
        True,
        True,
    )
    assert empty.frr.config == {}
    empty.call("/routing/ospf/instance/enable", "=.id=*1")
    assert ("router ospf",) in empty.frr.config


@pytest.mark.parametrize("written", ["=passive=", "=passive=no", "=passive=yes"])
def test_passive_is_a_switch(empty: Recording, written: str) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", "=interfaces=bridge-lan", written)
    assert row(empty)["passive"] == ""
    assert "ip ospf passive" in empty.frr.config[("interface bridge-lan",)]
    empty.call(f"{TEMPLATE}/unset", "=.id=*1", "=value-name=passive")
    assert "passive" not in row(empty)
    assert "ip ospf passive" not in empty.frr.config[("interface bridge-lan",)]


def test_unset_by_exclamation_mark(empty: Recording) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", "=auth=md5", "=auth-key=k", "=!interfaces=", "=comment=ours")
    empty.call(f"{TEMPLATE}/set", "=.id=*1", "=!auth=", "=!auth-key=", "=comment=")
    assert not {"auth", "auth-key", "interfaces", "comment"} & set(row(empty))
    assert refused(empty, f"{TEMPLATE}/set", "=.id=*1", "=!cost=") == ("unknown parameter !cost", None)
    assert refused(empty, f"{TEMPLATE}/unset", "=.id=*1", "=value-name=cost") == (
        "input does not match any value of value-name",
        1,
    )


@pytest.mark.parametrize("text", ["3", "3s", "00:00:03"])
def test_durations(empty: Recording, text: str) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", f"=hello-interval={text}", "=dead-interval=1m30s")
    assert (row(empty)["hello-interval"], row(empty)["dead-interval"]) == ("3s", "1m30s")


def test_dead_not_above_hello_is_taken(empty: Recording) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", "=hello-interval=10s", "=dead-interval=4s")
    assert row(empty)["dead-interval"] == "4s"


def test_several_rows_at_once_and_by_name(empty: Recording) -> None:
    base(empty)
    empty.call("/routing/ospf/area/add", "=name=two", "=instance=home", "=area-id=0.0.0.2")
    empty.call("/routing/ospf/area/set", "=.id=*1,*2", "=comment=ours")
    empty.call("/routing/ospf/area/set", "=numbers=two", "=type=stub")
    rows = empty.call("/routing/ospf/area/print")
    assert [(one["name"], one["type"], one["comment"]) for one in rows] == [
        ("backbone", "default", "ours"),
        ("two", "stub", "ours"),
    ]
    empty.call("/routing/ospf/area/remove", "=.id=*1,*2")
    assert empty.call("/routing/ospf/area/print") == []
    # Ids are not used twice.
    assert empty.call("/routing/ospf/area/add", "=name=three", "=instance=home") == [{"ret": "*3"}]


def test_ordered_menus(empty: Recording) -> None:
    for rule in ("accept", "reject"):
        empty.call("/routing/filter/rule/add", "=chain=c", f"=rule={rule}")
    empty.call("/routing/filter/rule/add", "=chain=c", f"=rule={RULE}", "=place-before=*1")

    def order() -> list[str]:
        return [one[".id"] for one in empty.call("/routing/filter/rule/print")]

    assert order() == ["*3", "*1", "*2"]
    empty.call("/routing/filter/rule/move", "=numbers=*2", "=destination=*3")
    assert order() == ["*2", "*3", "*1"]
    empty.call("/routing/filter/rule/move", "=numbers=*2")
    assert order() == ["*3", "*1", "*2"]
    assert [one["name"] for one in empty.call("/routing/filter/chain/print")] == ["c"]


def test_copy_from(empty: Recording) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", "=cost=7", "=auth=simple")
    empty.call(f"{TEMPLATE}/add", "=copy-from=*1", "=auth=md5")
    first, second = empty.call(f"{TEMPLATE}/print")
    assert (first["auth"], second["auth"], second["cost"]) == ("simple", "md5", 7)


def test_names_are_made_up_and_renaming_is_followed(empty: Recording) -> None:
    empty.call("/routing/ospf/instance/add", "=router-id=1.1.1.1")
    assert row(empty, "/routing/ospf/instance")["name"] == "ospf-instance-1"
    empty.call("/routing/ospf/area/add", "=name=a", "=instance=ospf-instance-1")
    empty.call("/routing/ospf/instance/set", "=.id=*1", "=name=home")
    area = row(empty, "/routing/ospf/area")
    assert (area["instance"], area["inactive"]) == ("home", False)


def test_what_is_referred_to_may_be_removed(empty: Recording) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", "=interfaces=bridge-lan")
    assert ("interface bridge-lan",) in empty.frr.config
    empty.call("/routing/ospf/area/disable", "=.id=*1")
    assert row(empty)["inactive"] is True
    assert ("interface bridge-lan",) not in empty.frr.config
    empty.call("/routing/ospf/area/remove", "=.id=*1")
    assert (row(empty)["area"], row(empty)["inactive"]) == ("*1", True)
    # Another area of that name is another area.
    base_area = empty.call("/routing/ospf/area/add", "=name=backbone", "=instance=home")
    assert base_area == [{"ret": "*2"}]
    assert row(empty)["inactive"] is True


def test_get(empty: Recording) -> None:
    base(empty)
    assert empty.call("/routing/ospf/area/get", "=.id=*1", "=value-name=area-id") == [{"ret": "0.0.0.0"}]
    assert empty.call("/system/identity/get", "=value-name=name") == [{"ret": "MikroTik"}]
    assert refused(empty, "/routing/ospf/area/get", "=.id=*1", "=value-name=nix")[1] == 1


def test_settings_become_sysctls(empty: Recording) -> None:
    (settings,) = empty.call("/ip/settings/print")
    assert (settings["send-redirects"], settings["rp-filter"], settings["ipv4-multipath-hash-policy"]) == (
        True,
        False,
        "l3",
    )
    assert ".id" not in settings
    empty.call("/ip/settings/set", "=send-redirects=no", "=rp-filter=loose", "=ipv4-multipath-hash-policy=l4")
    assert {"send-redirects": "false", "rp-filter": "loose", "ipv4-multipath-hash-policy": "l4"}.items() <= (
        empty.kernel.settings.items()
    )


# Printing


def test_queries_and_proplist(empty: Recording) -> None:
    names = empty.call("/interface/print", "=.proplist=name,type,nothing", "?type=ether")
    assert [one["name"] for one in names] == ["ether2", "ether3", "ether4", "wlan1"]
    assert all(set(one) == {"name", "type"} for one in names)
    assert empty.call("/interface/print", "?type=bridge", "?type=loopback", "?#|", "=count-only=") == [{"ret": 2}]
    assert [one["name"] for one in empty.call("/interface/getall", "=.id=*1")] == ["lo"]
    assert refused(empty, "/interface/print", "=nothing=") == ("unknown parameter nothing", None)


@pytest.mark.parametrize(("version", "words"), [("7.18", ["!empty", "!done"]), ("7.17.1", ["!done"])])
def test_an_empty_print(start: Start, version: str, words: list[str]) -> None:
    api = start("nobody", version, rows=False).connect()
    api.protocol.writeSentence("/routing/ospf/area/print")
    assert [api.protocol.readSentence()[0] for dummy in words] == words


# Errors


def test_an_unknown_menu_answers_with_two_traps(empty: Recording) -> None:
    for command, part in (
        ("/routing/bgp/peer/print", "bgp"),
        ("/system/routerboard/settings/print", "settings"),
        ("/routing/ospf/area/find-me", "find-me"),
        ("/nothing", "nothing"),
    ):
        with pytest.raises(MultiTrapError) as caught:
            empty.call(command)
        assert [(trap.message, trap.category) for trap in caught.value.traps] == [
            (f"no such command or directory ({part})", 0),
            ("no such command prefix", None),
        ]


@pytest.mark.parametrize(
    ("words", "message", "category"),
    [
        (["=area=backbone", "=colour=red"], "unknown parameter colour", None),
        (["=area=nowhere"], "input does not match any value of area", 1),
        (["=area=backbone", "=type=ring"], "input does not match any value of type", 1),
        (["=area=backbone", "=auth=None"], "input does not match any value of auth", 1),
        (["=area=backbone", "=interfaces=ether99"], "input does not match any value of interfaces", 1),
        (["=area=backbone", "=use-bfd=perhaps"], "input does not match any value of use-bfd", 1),
        (["=area=backbone", "=cost=many"], "invalid value for argument cost", 1),
        (["=area=backbone", "=cost=65536"], "value of cost out of range (0..65535)", 1),
        (["=area=backbone", "=hello-interval=0"], "value of hello-interval out of range (1s..18h12m15s)", 1),
        (["=area=backbone", "=hello-interval=200ms"], "value of hello-interval out of range (1s..18h12m15s)", 1),
        (["=area=backbone", "=hello-interval=1s500ms"], "invalid value for argument hello-interval", 1),
        (["=area=backbone", "=hello-interval=soon"], "invalid value for argument hello-interval", 1),
        (["=area=backbone", "=networks=1.2.3"], "invalid value for argument networks", 1),
        (["=interfaces=bridge-lan"], "missing =area=", None),
    ],
)
def test_values_are_checked(empty: Recording, words: list[str], message: str, category: int | None) -> None:
    base(empty)
    assert refused(empty, f"{TEMPLATE}/add", *words) == (message, category)
    assert empty.call(f"{TEMPLATE}/print") == []


def test_other_errors(empty: Recording) -> None:
    base(empty)
    assert refused(empty, "/routing/ospf/area/set", "=.id=*9", "=comment=x") == ("no such item", 0)
    assert refused(empty, "/routing/ospf/area/remove", "=numbers=nobody") == ("no such item", 0)
    assert refused(empty, "/routing/ospf/area/add", "=name=backbone", "=instance=home") == (
        "failure: already have such name",
        None,
    )
    assert refused(empty, "/routing/ospf/instance/set", "=.id=*1", "=router-id=1.2.3") == (
        "invalid value for argument router-id",
        1,
    )
    assert refused(empty, "/routing/ospf/instance/set", "=.id=*1", "=in-filter-chain=none-such") == (
        "input does not match any value of in-filter-chain",
        1,
    )


def test_what_is_refused_is_not_saved_with_the_next_change(empty: Recording) -> None:
    base(empty)
    empty.call("/routing/ospf/area/add", "=name=other", "=instance=home", "=area-id=0.0.0.1")
    message, _category = refused(empty, "/routing/ospf/area/set", "=numbers=other", "=name=backbone", "=comment=x")
    assert message == "failure: already have such name"
    empty.call("/system/identity/set", "=name=router")
    rows = empty.call("/routing/ospf/area/print")
    assert [(one["name"], "comment" in one) for one in rows] == [("backbone", False), ("other", False)]


@pytest.mark.parametrize(
    ("command", "words", "culprit"),
    [
        ("/routing/ospf/area/add", ["=name=b", "=instance=second"], "a second OSPF instance of version 2"),
        ("/routing/ospf/area/set", ["=.id=*1", "=nssa-translator=yes"], "nssa-translator=yes"),
        (
            "/ip/settings/set",
            ["=icmp-errors-use-inbound-interface-address=yes"],
            "icmp-errors-use-inbound-interface-address=true",
        ),
        ("/routing/ospf/instance/set", ["=.id=*1", "=redistribute=connected,bgp"], "redistribute=bgp"),
        (f"{TEMPLATE}/add", ["=area=backbone", "=type=ptp-unnumbered"], "type=ptp-unnumbered"),
        (f"{TEMPLATE}/add", ["=area=backbone", "=auth=sha1"], "auth=sha1"),
        (f"{TEMPLATE}/add", ["=area=backbone", "=auth=sha384"], "auth=sha384"),
        (f"{TEMPLATE}/add", ["=area=backbone", "=auth=sha512"], "auth=sha512"),
        (f"{TEMPLATE}/add", ["=area=backbone", "=auth-key=two words"], "auth-key"),
        ("/routing/filter/rule/add", ["=chain=c", "=rule=jump d"], "'jump'"),
        ("/routing/ospf/area/listen", [], "/routing/ospf/area/listen"),
        ("/ip/address/add", ["=address=10.0.0.1/24", "=interface=ether2"], "/ip/address/add"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(
    empty: Recording, command: str, words: list[str], culprit: str
) -> None:
    base(empty)
    empty.call("/routing/ospf/instance/add", "=name=second", "=router-id=2.2.2.2")
    before = (empty.directory / "state.json").read_text()
    message, category = refused(empty, command, *words)
    assert culprit in message
    assert (message.startswith("failure: the emulator does not support"), category) == (True, 4)
    assert (empty.directory / "state.json").read_text() == before


def test_what_frr_refuses_is_taken_back(empty: Recording) -> None:
    base(empty)
    empty.frr.refuse = "ip ospf cost 666"
    message, dummy = refused(empty, f"{TEMPLATE}/add", "=area=backbone", "=interfaces=bridge-lan", "=cost=666")
    assert "ip ospf cost 666" in message
    assert empty.call(f"{TEMPLATE}/print") == []
    assert ("interface bridge-lan",) not in empty.frr.config


# Versions


@pytest.mark.parametrize(
    ("version", "command", "words", "exists"),
    [
        ("7.9.2", f"{TEMPLATE}/add", ["=area=backbone", "=use-bfd=yes"], False),
        ("7.10.2", f"{TEMPLATE}/add", ["=area=backbone", "=use-bfd=yes"], True),
        ("7.22.3", f"{TEMPLATE}/set", ["=.id=*9", "=!vlink-neighbor-id="], True),
        ("7.23.8", f"{TEMPLATE}/add", ["=area=backbone", "=!vlink-neighbor-id="], False),
        ("7.15.3", "/ip/settings/set", ["=ipv4-multipath-hash-policy=l4"], False),
        ("7.16", "/ip/settings/set", ["=ipv4-multipath-hash-policy=l4"], True),
        ("7.10.2", "/routing/bfd/configuration/add", ["=comment=x"], False),
        ("7.11.3", "/routing/bfd/configuration/add", ["=comment=x"], True),
    ],
)
def test_properties_by_version(start: Start, version: str, command: str, words: list[str], exists: bool) -> None:
    router = start("nobody", version, rows=False)
    base(router)
    name = words[-1].split("=")[1].lstrip("!")
    if exists and "*9" not in words[0]:
        router.call(command, *words)
    else:
        assert refused(router, command, *words)[0] == ("no such item" if exists else f"unknown parameter {name}")


@pytest.mark.parametrize(
    ("version", "menu", "exists"),
    [
        ("7.9.2", "/routing/bfd/session", False),
        ("7.10.2", "/routing/bfd/session", True),
        ("7.11.3", "/routing/settings", False),
        ("7.12.2", "/routing/settings", True),
        ("6.49.18", "/routing/ospf/instance", False),
        ("6.49.18", "/system/resource", True),
    ],
)
def test_menus_by_version(start: Start, version: str, menu: str, exists: bool) -> None:
    router = start("nobody", version, rows=False)
    if exists:
        router.call(f"{menu}/print")
    else:
        with pytest.raises(MultiTrapError, match="no such command or directory"):
            router.call(f"{menu}/print")


@pytest.mark.parametrize(
    ("version", "printed"),
    [("7.20.8", "7.20.8 (long-term)"), ("7.24.5", "7.24.5 (stable)"), ("7.25rc1 (testing)", "7.25rc1 (testing)"),
     ("6.49.18", "6.49.18 (long-term)")],
)  # fmt: skip
def test_version_and_board(start: Start, version: str, printed: str) -> None:
    (resource,) = start("nobody", version, rows=False).call("/system/resource/print")
    assert (resource["version"], resource["board-name"], resource["architecture-name"]) == (
        printed,
        "hAP lite",
        "smips",
    )
    assert (resource["total-memory"], resource["uptime"]) == (33554432, "1h26m4s")
    # As of CHR, and of boards with 16 MB of flash.
    assert {"write-sect-since-reboot", "write-sect-total"} <= set(resource)


def test_writing_ospf_interfaces_by_version(start: Start) -> None:
    with pytest.raises(MultiTrapError):
        start("nobody", "7.22.3").call("/routing/ospf/interface/add", "=area=backbone")
    assert "emulator" in refused(start("nobody", "7.23.8"), "/routing/ospf/interface/add", "=area=backbone")[0]


# Rights


def test_login(empty: Recording, caplog: pytest.LogCaptureFixture) -> None:
    for user, password in (("ansible", "wrong-secret"), ("nobody", LAB_PASSWORD), ("ansible", "")):
        with pytest.raises(TrapError) as caught:
            empty.connect(user, password)
        assert (caught.value.message, caught.value.category) == ("invalid user name or password (6)", None)
    empty.connect("admin", "").close()
    assert "wrong-secret" not in caplog.text


def test_a_user_without_the_policy_sensitive_reads_stars(empty: Recording) -> None:
    base(empty)
    empty.call(f"{TEMPLATE}/add", "=area=backbone", "=auth=simple", "=auth-key=secret")
    assert row(empty)["auth-key"] == "secret"
    assert row(empty, user="nosensitive")["auth-key"] == "*****"
    assert empty.call(f"{TEMPLATE}/get", "=.id=*1", "=value-name=auth-key", user="nosensitive") == [{"ret": "*****"}]
    assert empty.call(f"{TEMPLATE}/print", "?auth-key=secret", user="nosensitive") == []
    empty.call(f"{TEMPLATE}/set", "=.id=*1", "=cost=9", user="nosensitive")
    assert row(empty)["auth-key"] == "secret"


def test_a_reader_cannot_write(empty: Recording) -> None:
    assert refused(empty, "/routing/ospf/instance/add", "=name=x", user="readonly") == (
        "not enough permissions (9)",
        None,
    )
    empty.call("/routing/ospf/instance/print", user="readonly")


def test_users_file(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "users.json"
    users = [
        {"name": "boss", "password": "pässword"},
        {"name": "guest", "password": "g", "policies": ["read"]},
        {"name": "viewer", "password": "v", "policies": ["read", "api"]},
    ]
    path.write_text(json.dumps(users))
    path.chmod(0o644)
    with pytest.raises(ValueError, match="0600"):
        load_users(path)
    path.chmod(0o600)
    router = start("nobody", rows=False, users=load_users(path))
    # Without the policy api there is no login.
    with pytest.raises(TrapError, match="invalid user name"):
        router.connect("guest", "g")
    with pytest.raises(TrapError, match="invalid user name"):
        router.connect("ansible", LAB_PASSWORD)
    api = router.connect("viewer", "v")
    with pytest.raises(TrapError, match="not enough permissions"):
        tuple(api("/tool/ping", address="127.0.0.1"))
    path.write_text(json.dumps([{"name": "x", "passwort": "y"}]))
    with pytest.raises(ValueError, match="passwort"):
        load_users(path)
    assert User("a", "b", "full", frozenset({"read"})).may("write") is False


# State


def test_state_survives_and_is_private(start: Start, tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    first = start("nobody", rows=False, directory=directory)
    base(first)
    first.call(f"{TEMPLATE}/add", "=area=backbone", "=interfaces=bridge-lan", "=auth=md5", "=auth-id=1", "=auth-key=k")
    config = first.frr.config
    first.close()
    assert (directory / "state.json").stat().st_mode & 0o777 == 0o600
    second = start("nobody", rows=False, directory=directory)
    assert second.frr.config == config
    assert row(second)["auth-key"] == "k"
    assert [path.name for path in directory.iterdir()] == ["state.json"]


def test_recordings_hold_no_foreign_data() -> None:
    """The recordings are committed: nothing of the machine that made them may be in there."""
    for path in RECORDED.iterdir():
        assert not re.search(r"/root/|/home/|\.cache", path.read_text()), path


# Ping


def test_ping(start: Start, tmp_path: Path) -> None:
    program = tmp_path / "ping"
    program.write_text(
        "#!/bin/sh\n"
        'for last; do [ "$before" = -s ] && data=$last; before=$last; done\n'
        '[ "$last" = 172.18.0.9 ] && exit 1\n'
        # As ping(8): no time where there is no place for a time stamp.
        '[ "$data" -ge 16 ] && time=" time=0.204 ms"\n'
        'echo "36 bytes from $last: icmp_seq=1 ttl=64$time"\n'
    )
    program.chmod(0o755)
    router = start("nobody", rows=False, ping=str(program))
    rows = router.call("/tool/ping", "=address=172.18.0.11", "=count=2", "=interval=10ms")
    assert [(one["seq"], one["host"], one["size"], one["ttl"], one["time"]) for one in rows] == [
        (0, "172.18.0.11", 56, 64, "204us"),
        (1, "172.18.0.11", 56, 64, "204us"),
    ]
    assert (rows[-1]["sent"], rows[-1]["received"], rows[-1]["packet-loss"]) == (2, 2, 0)
    (answered,) = router.call("/tool/ping", "=address=2001:db8::64", "=count=1")
    assert (answered["received"], answered["size"], answered["time"]) == (1, 56, "204us")
    (lost,) = router.call("/tool/ping", "=address=172.18.0.9", "=count=1")
    assert (lost["status"], lost["packet-loss"], "time" in lost) == ("timeout", 100, False)
    assert refused(router, "/tool/ping", "=count=1") == ("missing =address=", None)
    assert refused(router, "/tool/ping", "=address=here", "=count=1")[0] == "invalid value for argument address"
    assert refused(router, "/tool/ping", "=address=1.2.3.4", "=nothing=1")[0] == "unknown parameter nothing"
    assert len(router.call("/ping", "=address=172.18.0.9", "=count=1")) == 1


@pytest.mark.parametrize(("version", "exists"), [("7.22.3", True), ("7.23.8", False), ("7.24", False)])
def test_the_short_form_of_ping_by_version(start: Start, version: str, exists: bool) -> None:
    router = start("nobody", version, rows=False, ping="false")
    assert len(router.call("/tool/ping", "=address=127.0.0.1", "=count=1")) == 1
    if exists:
        assert len(router.call("/ping", "=address=127.0.0.1", "=count=1")) == 1
    else:
        with pytest.raises(MultiTrapError, match=r"no such command or directory \(ping\)"):
            router.call("/ping", "=address=127.0.0.1", "=count=1")


# Rows of menus as recordings have them; the sources stand beside the code


@pytest.mark.parametrize("command", ["set", "remove", "move", "enable", "unset", "comment", "get"])
def test_a_command_without_a_row(empty: Recording, command: str) -> None:
    menu = "/routing/ospf/interface-template"
    assert refused(empty, f"{menu}/{command}") == ("missing =.id=", None)


def test_moving(empty: Recording) -> None:
    for number in range(4):
        empty.call("/routing/filter/rule/add", "=chain=c", "=rule=accept", f"=comment=rule {number}")

    def move(numbers: str, *destination: str) -> str:
        words = [f"=destination={one}" for one in destination]
        empty.call("/routing/filter/rule/move", f"=numbers={numbers}", *words)
        return "".join(one[".id"] for one in empty.call("/routing/filter/rule/print"))

    # Several as a block, in the order given.
    assert move("*4,*3", "*1") == "*4*3*1*2"
    # An unknown destination is the end.
    assert move("*4", "*FFFF") == "*3*1*2*4"
    # A bare number is a position, a text a comment.
    assert move("0", "2") == "*1*3*2*4"
    assert move("rule 3", "0") == "*4*1*3*2"
    for numbers, destination in (("*3", "*3"), ("0", "0")):
        assert refused(empty, "/routing/filter/rule/move", f"=numbers={numbers}", f"=destination={destination}") == (
            "failure: can not move object before itself",
            None,
        )
    assert refused(empty, "/routing/filter/rule/move", "=numbers=*FFFF") == ("no such item", 0)
    assert refused(empty, "/routing/filter/rule/move", "=numbers=nothing") == ("no such item", 0)


def test_a_group_with_a_member_stays(empty: Recording) -> None:
    empty.call("/user/group/add", "=name=few", "=policy=read")
    empty.call("/user/add", "=name=one", "=group=few")
    assert refused(empty, "/user/group/remove", "=numbers=few") == ("failure: group has some users", None)
    empty.call("/user/remove", "=numbers=one")
    empty.call("/user/group/remove", "=numbers=few")


def test_users(start: Start) -> None:
    router = start("nobody", rows=False)
    rows = {user["name"]: user for user in router.call("/user/print")}
    assert (rows["ansible"]["inactivity-policy"], rows["ansible"]["inactivity-timeout"]) == ("none", "10m")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", rows["ansible"]["last-logged-in"])
    assert "last-logged-in" not in rows["readonly"]
    assert "inactivity-policy" not in start("nobody", "7.15.3", rows=False).call("/user/print")[0]


SERVICE = "/ip/service"


@pytest.mark.parametrize(
    ("version", "static", "dynamic"),
    [("7.16.2", 8, []), ("7.20.8", 8, ["btest", "discover", "api"]), ("7.24", 9, ["btest", "discover", "api"])],
)
def test_services(start: Start, version: str, static: int, dynamic: list[str]) -> None:
    router = start("nobody", version, rows=False)
    rows = router.call(f"{SERVICE}/print")
    assert [one["name"] for one in rows[static:]] == dynamic
    services = {one["name"]: one for one in rows[:static]}
    assert services["telnet"][".id"] == "*0"
    assert [name for name, one in services.items() if one["disabled"]] == ["www-ssl"]
    assert {name for name, one in services.items() if "certificate" in one and "tls-version" in one} == (
        {"www-ssl", "api-ssl", "reverse-proxy"} & set(services)
    )
    if dynamic:
        assert services["api"]["proto"] == "tcp" and services["api"]["dynamic"] is False
        own = rows[-1]
        assert (own["dynamic"], own["connection"], own["port"]) == (True, True, 8728)
        assert own["remote"].startswith("127.0.0.1:") and own["local"] == f"127.0.0.1:{router.server.port}"
        assert not {"address", "available-from", "max-sessions", "vrf"} & set(own)
    else:
        assert not {"proto", "dynamic"} & set(services["api"])


def test_the_addresses_of_a_service_have_two_names(start: Start) -> None:
    old, new = start("nobody", "7.20.8", rows=False), start("nobody", "7.24", rows=False)
    assert refused(old, f"{SERVICE}/set", "=numbers=api", "=available-from=127.0.0.0/8")[0] == (
        "unknown parameter available-from"
    )
    for name in ("address", "available-from"):
        new.call(f"{SERVICE}/set", "=numbers=api", f"={name}=127.0.0.0/8")
        (row,) = new.call(f"{SERVICE}/print", "?name=api", "?dynamic=false")
        assert row["available-from"] == "127.0.0.0/8" and "address" not in row
        new.call(f"{SERVICE}/set", "=numbers=api", f"={name}=")


def test_routes_that_take_no_packets_to_a_gateway(empty: Recording) -> None:
    empty.call("/ip/route/add", "=dst-address=10.1.0.0/16", "=gateway=172.18.0.22", "=disabled=yes", "=comment=off")
    empty.call("/ip/route/add", "=dst-address=10.2.0.0/16", "=blackhole=")
    disabled, hole = (one for one in empty.call("/ip/route/print") if one.get("static"))
    assert disabled == {
        ".id": "*80000001",
        "dst-address": "10.1.0.0/16",
        "gateway": "172.18.0.22",
        "disabled": True,
        "inactive": False,
        "static": True,
        "comment": "off",
    }
    assert hole["blackhole"] == hole["immediate-gw"] == ""
    assert not {"scope", "target-scope", "gateway"} & set(hole)


@pytest.mark.parametrize(
    ("version", "count", "absent"),
    [
        ("7.20.8", 18, set()),
        ("7.16.2", 6, {"allow-fast-path", "disable-link-local-address", "stale-neighbor-timeout"}),
    ],
)
def test_settings_say_more_than_what_is_used(start: Start, version: str, count: int, absent: set[str]) -> None:
    router = start("nobody", version, rows=False)
    settings = row(router, "/ipv6/settings")
    assert len(settings) == count and not absent & set(settings)
    assert (settings.get("ipv6-fast-path-active"), settings["max-neighbor-entries"]) == (not absent or None, 512)
    settings = row(router, "/ip/settings")
    assert (settings["ipv4-fasttrack-active"], settings["ipv4-fast-path-bytes"]) == (False, 0)
    assert refused(router, "/ip/settings/set", "=ipv4-fast-path-active=no")[0] == (
        "unknown parameter ipv4-fast-path-active"
    )


def test_the_router_elects_an_id_of_its_own(empty: Recording) -> None:
    (own,) = empty.call("/routing/id/print")
    assert own == {
        ".id": "*0",
        "name": "main",
        "dynamic-id": "172.18.0.1",
        "select-dynamic-id": "only-vrf",
        "select-from-vrf": "main",
        "dynamic": True,
        "inactive": False,
    }
    empty.call("/routing/id/add", "=name=written", "=id=10.0.0.1")
    empty.call("/routing/id/add", "=name=elected", "=select-dynamic-id=lowest")
    rows = empty.call("/routing/id/print")[1:]
    assert [(one["dynamic"], one["dynamic-id"]) for one in rows] == [(False, ""), (False, "172.18.0.1")]
    assert row(empty, "/routing/table") == {
        ".id": "*0", "name": "main", "dynamic": True, "fib": "", "invalid": False
    }  # fmt: skip


def test_what_a_certificate_says(empty: Recording) -> None:
    menu = "/certificate"
    empty.call(f"{menu}/add", "=name=ca", "=common-name=ca", "=key-size=prime256v1", "=key-usage=key-cert-sign")
    assert row(empty, menu)["key-type"] == "ec"
    assert not {"skid", "invalid-after"} & set(row(empty, menu))
    empty.call(f"{menu}/sign", "=.id=*1")
    empty.call(f"{menu}/add", "=name=own", "=common-name=own", "=key-size=prime256v1", "=key-usage=tls-server")
    empty.call(f"{menu}/sign", "=.id=*2", "=ca=ca")
    authority, own = empty.call(f"{menu}/print")
    # The manual ("Certificates") prints a self-signed one with the flag T.
    assert (authority["trusted"], authority["akid"]) == (True, "")
    assert own["akid"] == authority["skid"] != own["skid"]
    for one in (authority, own):
        assert re.fullmatch(r"[0-9a-f]{40}", one["skid"]) and re.fullmatch(r"[0-9A-F]+", str(one["serial-number"]))
        assert one["invalid-before"] < one["invalid-after"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", one["invalid-after"])


# Packet filter and clock

FILTER = "/ip/firewall/filter"


def test_a_rule_of_the_packet_filter(empty: Recording) -> None:
    empty.call(f"{FILTER}/add", "=chain=input", "=protocol=ospf", "=in-interface=!bridge-lan", "=comment=ours")
    assert row(empty, FILTER) == {
        ".id": "*1",
        "chain": "input",
        "action": "accept",
        "protocol": "ospf",
        "in-interface": "!bridge-lan",
        "comment": "ours",
        "bytes": 0,
        "packets": 0,
        "dynamic": False,
        "invalid": False,
    }
    empty.call(f"{FILTER}/add", "=chain=input", "=action=drop", "=place-before=*1")
    assert [rule["action"] for rule in empty.call(f"{FILTER}/print")] == ["drop", "accept"]
    empty.call(f"{FILTER}/disable", "=.id=*2")
    assert [rule.get("disabled") for rule in empty.call(f"{FILTER}/print")] == [True, None]
    # What was written once stays (captures: ha-manager).
    empty.call(f"{FILTER}/set", "=.id=*2", "=disabled=no", "=log=no", "=log-prefix=")
    shown = empty.call(f"{FILTER}/print")[0]
    assert (shown["disabled"], shown["log"], shown["log-prefix"]) == (False, False, "")
    # Rules are kept only: FRR is not told.
    assert empty.frr.config == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["=action=drop"], ("missing =chain=", None)),
        (["=chain=input", "=action=deny"], ("input does not match any value of action", 1)),
        (["=chain=input", "=protocol=osfp"], ("input does not match any value of protocol", 1)),
        (["=chain=input", "=protocol=256"], ("input does not match any value of protocol", 1)),
        (["=chain=input", "=in-interface=ether9"], ("input does not match any value of interface", 1)),
        (["=chain=input", "=in-interface-list=!LAN"], ("input does not match any value of interface-list", 1)),
        (["=chain=input", "=connection-state=new,old"], ("input does not match any value of connection-state", 1)),
        (["=chain=input", "=src-address=here"], ("invalid value for argument src-address", 1)),
        (["=chain=input", "=colour=red"], ("unknown parameter colour", None)),
        (["=chain=input", "=tls-host=x"], ("failure: the emulator does not support tls-host=x", 4)),
    ],
)
def test_a_rule_that_no_router_takes(empty: Recording, words: list[str], says: tuple[str, int | None]) -> None:
    assert refused(empty, f"{FILTER}/add", *words) == says
    assert empty.call(f"{FILTER}/print") == []


@pytest.mark.parametrize(
    ("version", "date", "other"),
    [("7.20.8", r"\d{4}-\d\d-\d\d", "2020-09-13"), ("7.9.2", r"[a-z]{3}/\d\d/\d{4}", "sep/13/2020")],
)
def test_the_clock(start: Start, version: str, date: str, other: str) -> None:
    router = start("nobody", version=version, rows=False)
    clock = row(router, "/system/clock")
    assert re.fullmatch(date, clock["date"]) and re.fullmatch(r"\d\d:\d\d:\d\d", clock["time"])
    assert (clock["gmt-offset"], clock["time-zone-name"]) == ("+00:00", "Etc/UTC")
    words = ["=time-zone-autodetect=no", "=time-zone-name=Europe/Riga"]
    assert refused(router, "/system/clock/set", *words)[0].startswith("failure: the emulator does not support")
    router.call("/system/clock/set", "=time-zone-autodetect=no", "=time-zone-name=UTC")
    router.call("/system/clock/set", f"=date={other}", "=time=12:10:00")
    clock = row(router, "/system/clock")
    assert (clock["date"], clock["time"][:2], clock["time-zone-autodetect"]) == (other, "12", False)
    assert refused(router, "/system/clock/set", "=date=13.09.2020")[0] == "invalid value for argument date"
    assert refused(router, "/system/clock/set", "=time=noon")[0] == "invalid value for argument time"
    assert row(router, "/system/clock")["date"] == other
    assert router.call("/interface/list/member/print") == []
