"""What is to guard a node's services, on nodes as people set them up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from field import LINK, FieldNode, field_node

from bed import ANYCAST, ensure_rootfs, requirements, wait_for
from bed.systemd import systemd_requirements

if reason := requirements() or systemd_requirements(ensure_rootfs()):
    pytest.skip(reason, allow_module_level=True)

# The article's, with a node whose default route comes by OSPF.
ARTICLE = f"""
log syslog all;
protocol device {{ }}
protocol kernel {{ ipv4 {{ import none; export all; }}; }}
protocol ospf myAnycast {{
  ipv4 {{ import all; export all; }};
  area 0 {{
    stubnet {ANYCAST}/32 {{ }};
    interface "{LINK}" {{ hello 1; dead 4; }};
  }};
}}
"""
DAEMON = "[Service]\nExecStart=/usr/bin/sleep infinity\n"


@pytest.fixture
def node() -> Iterator[FieldNode]:
    with field_node("ifupdown") as node:
        node.machine.write("/etc/systemd/system/sip.service", DAEMON)
        node.machine.systemctl("daemon-reload")
        node.machine.systemctl("start", "sip")
        yield node


def test_a_check_is_tried_in_the_sandbox_of_the_unit(node: FieldNode) -> None:
    """What passed as the user bird failed in the unit, and site withdrew the service on one node after the other."""
    run = node.role(bird_anycast_services=[{"name": "sip", "addresses": [ANYCAST], "unit": "sip"}])
    assert run.good, run.printed
    assert node.machine.path("/etc/bird/anycast.d/sip.conf").is_symlink()
    command = ["/usr/sbin/ip", "address", "show", "dev", "dummy0"]
    node.machine.run("runuser", "-u", "bird", "--", *command)
    check = {"kind": "command", "command": command}
    run = node.role(bird_anycast_services=[{"name": "sip", "addresses": [ANYCAST], "unit": "sip", "check": check}])
    assert not run.good
    # Ended by a signal: SIGSYS, of the filter of system calls.
    assert "and would not be any more: its check says 172.18.0.64: /usr/sbin/ip exits with -31" in run.printed
    assert node.machine.path("/etc/bird/anycast.d/sip.conf").is_symlink()
    # One that the sandbox allows passes.
    check = {"kind": "command", "command": ["/usr/bin/test", "-e", "/etc/passwd"]}
    run = node.role(bird_anycast_services=[{"name": "sip", "addresses": [ANYCAST], "unit": "sip", "check": check}])
    assert run.good, run.printed
    assert node.machine.path("/etc/bird/anycast.d/sip.conf").is_symlink()


def test_a_bird_conf_by_which_the_node_has_its_routes_stays(node: FieldNode) -> None:
    machine = node.machine
    machine.write("/etc/bird/bird.conf", ARTICLE)
    machine.run("ip", "route", "add", "default", "via", "172.18.0.1", "dev", LINK, "proto", "bird")
    run = node.role()
    assert not run.good and run.changed == 0
    assert "the node has the routes default from BIRD alone" in run.printed
    assert machine.run("cat", "/etc/bird/bird.conf") == ARTICLE
    # With a route of its own it is the article's, and taken over.
    machine.run("ip", "route", "add", "default", "via", "172.18.0.1", "dev", LINK, "metric", "9")
    run = node.role()
    assert run.good, run.printed
    assert "myAnycast" not in machine.run("cat", "/etc/bird/bird.conf")


def test_a_protocol_device_in_an_included_file_is_seen(node: FieldNode) -> None:
    machine = node.machine
    machine.write("/etc/bird/bird.conf", 'router id 192.0.2.1;\ninclude "device.inc";\nfilter x { accept; }\n')
    machine.write("/etc/bird/device.inc", "protocol device { }\n")
    run = node.role()
    assert "add the line 'include" in run.printed and "protocol device" not in run.printed
    with_line = machine.run("cat", "/etc/bird/bird.conf") + 'include "/etc/bird/anycast*.conf";\n'
    machine.write("/etc/bird/bird.conf", with_line)
    run = node.role()
    assert run.good, run.printed
    assert "anycast" in machine.run("birdc", "show", "protocols")


def test_a_unit_that_stays_active_and_a_node_that_asks_itself(node: FieldNode) -> None:
    machine = node.machine
    machine.write("/etc/systemd/system/sip.service", DAEMON + "RemainAfterExit=yes\n")
    machine.systemctl("daemon-reload")
    machine.write("/etc/resolv.conf", f"nameserver {ANYCAST}\n")
    run = node.role(bird_anycast_services=[{"name": "sip", "addresses": [ANYCAST], "unit": "sip"}])
    assert run.good, run.printed
    assert "unit sip.service stays active when its daemon dies (RemainAfterExit=yes)" in run.printed
    assert f"the node resolves names by its own anycast address {ANYCAST} alone" in run.printed


# Answers each question for an A record with its own address, and others with nothing.
DNS = r"""
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    data, peer = server.recvfrom(512)
    question = data[12 : data.index(b"\0", 12) + 5]
    record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(sys.argv[1])
    answers = [record] if question[-4:] == b"\0\1\0\1" else []
    head = data[:2] + b"\x81\x80\0\1\0" + bytes([len(answers)]) + b"\0\0\0\0"
    server.sendto(head + question + b"".join(answers), peer)
"""


def test_a_drained_node_resolves_through_the_others(node: FieldNode) -> None:
    """The cure that operate.rst names: the address stays on the node, so its own server is asked first, and refuses."""
    machine, other = node.machine, "172.18.0.12"
    assert node.role().good
    machine.write("/usr/local/lib/dns.py", DNS)
    # In this test the other node is an address of this machine.
    machine.run("ip", "address", "add", f"{other}/32", "dev", LINK)
    for name, address in (("dns", ANYCAST), ("other", other)):
        unit = f"[Service]\nExecStart=/usr/bin/python3 /usr/local/lib/dns.py {address}\n"
        machine.write(f"/etc/systemd/system/{name}.service", unit)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "dns", "other")
    ask = ("timeout", "4", "getent", "ahostsv4", "example.org")
    machine.write("/etc/resolv.conf", f"nameserver {ANYCAST}\n")
    wait_for("an answer", lambda: ANYCAST in machine.run(*ask, check=False))
    machine.systemctl("stop", "dns")
    assert machine.run(*ask, check=False) == ""
    machine.run(
        "sh", "-c", f"printf 'nameserver {ANYCAST}\\nnameserver {other}\\noptions timeout:1\\n' >/etc/resolv.conf"
    )
    assert other in machine.run(*ask)
