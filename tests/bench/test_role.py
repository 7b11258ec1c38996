"""What the benchmark takes from the role."""

from __future__ import annotations

from bench import role
from bench.service import answer


def test_the_commands_of_the_unit_after_a_stop() -> None:
    withdraw, settle = role.stop_commands((role.FILES / "anycast-announce@.service").read_text())
    assert withdraw.startswith("/bin/sh -c 'rm /etc/bird/anycast.d/sip.*")
    assert settle == "/usr/bin/python3 -IS /usr/local/lib/homelab-anycast/announcer.py settle sip"


def test_the_announcer_and_its_settings() -> None:
    files = role.announcer_files({"kind": "sip"})
    assert set(files) == {
        "/usr/local/lib/homelab-anycast/announcer.py",
        "/etc/homelab-anycast/sip.conf",
        "/etc/homelab-anycast/sip.json",
    }
    assert 'interface "dummy0" 172.18.0.64/32 { stub; };' in files["/etc/homelab-anycast/sip.conf"]


def test_the_service_answers_with_its_node() -> None:
    request = b"OPTIONS sip:a SIP/2.0\r\nVia: x;branch=y\r\nUser-Agent: probe\r\n\r\n"
    assert answer(request, b"node1") == (
        b"SIP/2.0 200 OK\r\nServer: node1\r\nVia: x;branch=y\r\nUser-Agent: probe\r\n\r\n"
    )
