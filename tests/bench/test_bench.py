"""What of the bench needs no bed: command line, addresses, what the role gives it, reading many neighbours."""

from __future__ import annotations

import sys

import pytest

from bed.topology import ANYCAST, HOME, WIDE
from bench import __main__ as cli
from bench import figures, peers, reading, role, run
from bench.events import EVENTS
from bench.service import answer
from bench.sides import Side


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--rounds", "0"], "0 is too few, expected 1 or more"),
        (["scale", "--nodes", "8", "1"], "1 is too few, expected 2 or more"),
        (["run", "--events", "rain"], "invalid choice: 'rain'"),
        (["run", "--sides", "pacemaker"], "invalid choice: 'pacemaker'"),
    ],
)
def test_what_cannot_be_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    assert said in capsys.readouterr().err


def test_where_the_bed_cannot_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "run"])
    monkeypatch.setattr(cli, "requirements", lambda: "the quick bed needs root")
    assert cli.main() == 1
    assert capsys.readouterr().err == "the quick bed needs root\n"


def test_the_articles_network() -> None:
    assert HOME.address(1) == "172.18.0.1"
    assert HOME.nodes(3) == ["172.18.0.11", "172.18.0.12", "172.18.0.13"]


def test_a_node_never_has_the_address_of_a_phone() -> None:
    assert HOME.nodes(11)[-1] == "172.18.0.21"
    with pytest.raises(ValueError, match="no room for 12 nodes"):
        HOME.nodes(12)


def test_many_nodes() -> None:
    nodes = WIDE.nodes(500)
    assert (nodes[0], nodes[-1], len(set(nodes))) == ("172.19.0.11", "172.19.1.254", 500)
    assert ANYCAST not in nodes
    with pytest.raises(ValueError, match="no room for 1013 nodes"):
        WIDE.nodes(1013)


def test_the_announcer_with_its_units() -> None:
    files = role.announcer_units({"sip": "172.18.0.64", "sip2": "172.18.0.65"})
    assert {path for path in files if "sip2" in path} == {
        "/etc/homelab-anycast/sip2.area",
        "/etc/homelab-anycast/sip2.conf",
        "/etc/homelab-anycast/sip2.json",
        "/etc/systemd/system/anycast-announce@sip2.service.d/homelab-anycast.conf",
        "/etc/systemd/system/sip2.service.d/homelab-anycast-sip2.conf",
    }
    assert "BindsTo=sip2.service" in files["/etc/systemd/system/anycast-announce@sip2.service.d/homelab-anycast.conf"]
    assert files["/etc/systemd/system/anycast-announce@.service"].startswith("# Written by the role")


def test_each_side_has_a_name_and_says_what_it_is() -> None:
    versions = {"bird": "BIRD 2", "keepalived": "2", "exabgp": "4", "healthchecker": "0.9"}
    assert tuple(run.CLASSES) == figures.SIDES
    for side in run.CLASSES.values():
        assert len(side.what.format(**versions)) > 20
        assert set(side.skips) <= set(EVENTS)
    # What is skipped has no such action.
    assert {name for name, side in run.CLASSES.items() if side.kill_checker is Side.kill_checker} == {
        name for name, side in run.CLASSES.items() if figures.CHECKER_KILLED in side.skips
    }


def test_what_comes_from_pypi_has_exact_versions() -> None:
    assert all("==" in line for line in peers.REQUIREMENTS.read_text().splitlines())


def test_the_announcer_and_its_settings() -> None:
    files = role.announcer_files({"kind": "sip"})
    assert set(files) == {
        "/usr/local/lib/homelab-anycast/announcer.py",
        "/etc/homelab-anycast/sip.area",
        "/etc/homelab-anycast/sip.conf",
        "/etc/homelab-anycast/sip.json",
    }
    assert 'interface "dummy0" 172.18.0.64/32 { stub; };' in files["/etc/homelab-anycast/sip.conf"]


def test_the_service_answers_with_its_node() -> None:
    request = b"OPTIONS sip:a SIP/2.0\r\nVia: x;branch=y\r\nUser-Agent: probe\r\n\r\n"
    assert answer(request, b"node1") == (
        b"SIP/2.0 200 OK\r\nServer: node1\r\nVia: x;branch=y\r\nUser-Agent: probe\r\n\r\n"
    )


def test_what_is_made_up_is_what_is_read() -> None:
    expected = reading.addresses(300)
    from_bird = reading.read_bird(*reading.bird_answers(300))
    from_routeros = reading.read_routeros(*reading.routeros_rows(300))
    for found in (from_bird, from_routeros):
        assert [one.router_id for one in found] == expected
        assert {(one.state, one.bfd) for one in found} == {("Full", "up")}
        assert reading.compare(found, expected)
        assert not reading.compare(found, expected[1:])
    assert {one.interface for one in from_bird} == {"enp0s11"}
    assert {one.interface for one in from_routeros} == {"bridge-lan"}


def test_only_what_is_right_is_timed() -> None:
    with pytest.raises(RuntimeError, match="made up"):
        reading.milliseconds(lambda: False)


def test_both_are_measured() -> None:
    assert set(reading.measure(10)) == {"bird", "routeros"}
