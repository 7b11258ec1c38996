"""examples/sip: Debian's kamailio on three nodes with the example's own configuration, and 100 phones that talk SIP.

The router has a static route for each phone's address in place of OSPF: so a test decides which node a phone meets.
"""

from __future__ import annotations

import email
import itertools
import json
import socket
import time
from collections.abc import Iterator
from email.message import Message

import pytest

from bed import ANYCAST, Bed, Machine, requirements, wait_for
from tests.example import checked

if reason := requirements():
    pytest.skip(reason, allow_module_level=True)

PHONES = 100
ADDRESSES = ["172.18.0.22", "172.18.0.23", "172.18.0.24", "172.18.0.25"]
SERVER = (ANYCAST, 5060)
SYNC_PORT = 5062
NUMBERS = itertools.count(1)


class Phone:
    """A user agent with one address and port (RFC 3261), which answers nothing by itself."""

    def __init__(self, bed: Bed, name: str, address: str, port: int) -> None:
        self.name = name
        self.address = address
        self.here = f"{address}:{port}"
        with bed.phones.network():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))

    def close(self) -> None:
        self._socket.close()

    def send(self, start: str, *headers: str, to: tuple[str, int] = SERVER, body: str = "") -> None:
        lines = [start, *headers, f"Content-Length: {len(body)}", "", body]
        self._socket.sendto("\r\n".join(lines).encode(), to)

    def request(
        self, method: str, uri: str, call: Call, *headers: str, to: tuple[str, int] = SERVER, body: str = ""
    ) -> None:
        via = f"Via: SIP/2.0/UDP {self.here};branch=z9hG4bK{call.id}{call.branch};rport"
        dialog = (
            f"From: {call.sender}",
            f"To: {call.receiver}",
            f"Call-ID: {call.id}",
            f"CSeq: {call.number} {method}",
        )
        contact = f"Contact: <sip:{self.name}@{self.here}>"
        self.send(f"{method} {uri} SIP/2.0", via, "Max-Forwards: 70", *dialog, contact, *headers, to=to, body=body)

    def answer(self, request: Message, status: str) -> None:
        """Answer a request to the address of its first Via (RFC 3261 18.2.2): that is the anycast address."""
        receiver = request["To"] + ("" if ";tag=" in request["To"] else f";tag={self.name}")
        copied = [
            f"{name}: {value}"
            for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
            for value in request.get_all(name, [])
        ]
        assert ANYCAST in request["Via"]
        self.send(f"SIP/2.0 {status}", *copied, f"To: {receiver}", f"Contact: <sip:{self.name}@{self.here}>")

    def wait(self, start: str, seconds: float = 5) -> Message:
        """Return the next message whose first line begins so, which must come from the anycast address."""
        deadline, seen = time.monotonic() + seconds, []
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data, source = self._socket.recvfrom(65535)
            except TimeoutError:
                break
            first, _end, rest = data.decode().partition("\r\n")
            seen.append(first)
            if first.startswith(start):
                assert source == SERVER
                return email.message_from_string(rest)
        raise AssertionError(f"{self.name}: no '{start}' within {seconds:g} s, but {seen}")

    def hears_nothing(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        with pytest.raises(TimeoutError):
            raise AssertionError(f"{self.name} heard {self._socket.recv(65535).decode()}")


class Call:
    """What the requests of one dialog have in common."""

    def __init__(self, sender: str, receiver: str) -> None:
        self.id = f"call{next(NUMBERS)}"
        self.sender = f"<sip:{sender}@{ANYCAST}>;tag={self.id}"
        self.receiver = f"<sip:{receiver}@{ANYCAST}>"
        self.number = 1
        self.branch = 1


class Servers:
    """The three nodes with kamailio."""

    def __init__(self, bed: Bed, configurations: list[str]) -> None:
        self.bed = bed
        self.lost: set[int] = set()
        for place in ("all", "bridge-lan"):
            bed.router.run("sysctl", "-qw", f"net.ipv4.conf.{place}.send_redirects=0")
        for address in ADDRESSES:
            bed.router.run("ip", "rule", "add", "from", address, "lookup", address.rpartition(".")[2])
        for node, text in zip(bed.nodes, configurations, strict=True):
            node.write("/run/kamailio/kamailio.cfg", text)
            # As a real node has it. kamailio looks its host's name up, and nobody answers DNS here.
            node.write("/run/hosts", f"127.0.0.1 localhost {node.name}\n")
            node.run("mount", "--bind", "/run/hosts", "/etc/hosts")
            self.start(node)

    def start(self, node: Machine) -> None:
        options = ("-f", "/run/kamailio/kamailio.cfg", "-m", "32", "-M", "4", "-DD", "-E")
        node.start_program("kamailio", "kamailio", *options)

    def serve(self, address: str, number: int) -> None:
        """Have the router send a phone to a node, counted from 1."""
        node, table = self.bed.addresses[number - 1], address.rpartition(".")[2]
        self.bed.router.run("ip", "route", "replace", f"{ANYCAST}/32", "via", node, "table", table)

    def serve_all(self, number: int) -> None:
        for address in ADDRESSES:
            self.serve(address, number)

    def lose(self, number: int) -> None:
        """As if the power went."""
        self.bed.router.run("ip", "link", "set", self.bed.port(number - 1), "down")
        # All but its first process.
        self.bed.nodes[number - 1].run("sh", "-c", "kill -9 -1")
        self.lost.add(number)

    def back(self, number: int) -> None:
        self.bed.router.run("ip", "link", "set", self.bed.port(number - 1), "up")
        self.start(self.bed.nodes[number - 1])
        self.lost.discard(number)

    def registered(self, number: int) -> int:
        """How many phones a node knows."""
        return self.bed.nodes[number - 1].run("kamcmd", "ul.dump", "brief", check=False).count("AoR: ")


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed(3, packages=("kamailio",)) as bed:
        yield bed


@pytest.fixture(scope="module")
def phones(bed: Bed) -> Iterator[list[Phone]]:
    phones = [Phone(bed, f"phone{number}", ADDRESSES[number % 4], 10000 + number) for number in range(PHONES)]
    yield phones
    for phone in phones:
        phone.close()


@pytest.fixture(scope="module")
def started(bed: Bed, phones: list[Phone], tmp_path_factory: pytest.TempPathFactory) -> Servers:
    """All phones are registered at the first node."""
    example = checked(tmp_path_factory.mktemp("sip"), "sip/inventory.yml", templates=["kamailio.cfg"])
    servers = Servers(bed, [example.written["kamailio.cfg"][name] for name in ("sip1", "sip2", "sip3")])
    servers.serve_all(1)
    for node in bed.nodes:
        wait_for("its peers", lambda n=node: n.run("kamcmd", "dmq.list_nodes", check=False).count("active") == 3)  # type: ignore[misc]
    for phone in phones:
        register(phone, "sip1")
    return servers


@pytest.fixture
def servers(started: Servers) -> Servers:
    """All nodes run, and know all phones, whatever the test before has left."""
    for number in sorted(started.lost):
        started.back(number)
    for number in (1, 2, 3):
        wait_for(f"all phones on node {number}", lambda n=number: started.registered(n) >= PHONES)  # type: ignore[misc]
    return started


def register(phone: Phone, server: str) -> None:
    phone.request("REGISTER", f"sip:{ANYCAST}", Call(phone.name, phone.name), "Expires: 600")
    assert phone.wait("SIP/2.0 200")["Server"] == server


def is_callable(caller: Phone, callee: Phone) -> None:
    """A call that the callee declines."""
    call = Call(caller.name, callee.name)
    uri = f"sip:{callee.name}@{ANYCAST}"
    caller.request("INVITE", uri, call)
    invite = callee.wait("INVITE")
    assert invite["Call-ID"] == call.id
    callee.answer(invite, "486 Busy Here")
    callee.wait("ACK")
    call.receiver = caller.wait("SIP/2.0 486")["To"]
    caller.request("ACK", uri, call)


def rings(caller: Phone, callee: Phone) -> tuple[Call, Message]:
    call = Call(caller.name, callee.name)
    caller.request("INVITE", f"sip:{callee.name}@{ANYCAST}", call)
    invite = callee.wait("INVITE")
    callee.answer(invite, "180 Ringing")
    caller.wait("SIP/2.0 180")
    return call, invite


def is_up(caller: Phone, callee: Phone) -> tuple[Call, list[str]]:
    """A call that the callee has taken. Return it, and the route of its next requests."""
    call, invite = rings(caller, callee)
    callee.answer(invite, "200 OK")
    taken = caller.wait("SIP/2.0 200")
    call.receiver = taken["To"]
    route = [f"Route: {value}" for value in taken.get_all("Record-Route", [])]
    assert [ANYCAST in line for line in route] == [True]
    call.branch += 1
    caller.request("ACK", f"sip:{callee.name}@{callee.here}", call, *route)
    callee.wait("ACK")
    return call, route


def hangs_up(caller: Phone, callee: Phone, call: Call, route: list[str]) -> None:
    call.branch, call.number = call.branch + 1, call.number + 1
    caller.request("BYE", f"sip:{callee.name}@{callee.here}", call, *route)
    callee.answer(callee.wait("BYE"), "200 OK")
    caller.wait("SIP/2.0 200")


def test_all_phones_can_be_called_when_their_server_is_lost(servers: Servers, phones: list[Phone]) -> None:
    servers.lose(1)
    for number in (2, 3):
        servers.serve_all(number)
        for position, phone in enumerate(phones):
            is_callable(phones[position - 1], phone)


def test_a_server_that_starts_gets_all_registrations(bed: Bed, servers: Servers, phones: list[Phone]) -> None:
    servers.lose(1)
    servers.serve_all(2)
    # One that it has missed.
    late = Phone(bed, "phone999", ADDRESSES[0], 10999)
    register(late, "sip2")
    begin = time.monotonic()
    servers.back(1)
    wait_for("all phones", lambda: servers.registered(1) == PHONES + 1, every=0.05)
    print(f"{PHONES + 1} registrations {time.monotonic() - begin:.2f} s after the start of kamailio")
    servers.serve_all(1)
    for phone in (*phones, late):
        is_callable(phones[0] if phone is late else late, phone)
    late.close()


def test_a_call_between_phones_of_two_servers(servers: Servers, phones: list[Phone]) -> None:
    caller, callee = phones[0], phones[1]
    servers.serve(caller.address, 2)
    servers.serve(callee.address, 3)
    call, invite = rings(caller, callee)
    # A server that does not know that it rings sends the INVITE again after 0.5 s and 1.5 s (RFC 3261 17.1.1.2).
    callee.hears_nothing(2)
    callee.answer(invite, "486 Busy Here")
    callee.wait("ACK")
    call.receiver = caller.wait("SIP/2.0 486")["To"]
    caller.request("ACK", f"sip:{callee.name}@{ANYCAST}", call)
    hangs_up(caller, callee, *is_up(caller, callee))


def test_a_call_that_is_up_outlives_its_server(servers: Servers, phones: list[Phone]) -> None:
    caller, callee = phones[0], phones[1]
    servers.serve_all(2)
    call, route = is_up(caller, callee)
    servers.lose(2)
    servers.serve(caller.address, 3)
    servers.serve(callee.address, 1)
    hangs_up(caller, callee, call, route)


def test_a_call_that_rings_is_lost_with_the_callers_server(servers: Servers, phones: list[Phone]) -> None:
    """What examples/README.md says of it. The caller calls again."""
    caller, callee = phones[0], phones[1]
    servers.serve_all(2)
    call, invite = rings(caller, callee)
    servers.lose(2)
    servers.serve_all(3)
    callee.answer(invite, "200 OK")
    caller.hears_nothing(1)
    caller.request("CANCEL", f"sip:{callee.name}@{ANYCAST}", call)
    caller.wait("SIP/2.0 481")
    is_callable(caller, callee)


@pytest.mark.parametrize("port", [5060, SYNC_PORT])
def test_only_a_server_can_send_registrations(servers: Servers, phones: list[Phone], port: int) -> None:
    servers.serve_all(2)
    phone, call = phones[0], Call("usrloc", "usrloc")
    place = ANYCAST if port == 5060 else servers.bed.addresses[1]
    # Of DMQ's module usrloc, action 1 is a registration.
    now = int(time.time())
    contact: dict[str, object] = {
        "action": 1,
        "aor": "intruder",
        "ruid": "intruder-1",
        "c": f"sip:intruder@{phone.here}",
    }
    contact |= dict.fromkeys(("received", "path", "user_agent", "instance"), "")
    contact |= dict.fromkeys(("flags", "cflags", "methods", "reg_id"), 0)
    contact |= {"callid": "1", "cseq": 1, "q": -1, "expires": now + 600, "last_modified": now}
    uri, kind = f"sip:usrloc@{place}:{port}", "Content-Type: application/json"
    phone.request("KDMQ", uri, call, kind, to=(place, port), body=json.dumps(contact))
    phone.hears_nothing(1)
    phone.request("INVITE", f"sip:intruder@{ANYCAST}", Call(phone.name, "intruder"))
    phone.wait("SIP/2.0 404")
