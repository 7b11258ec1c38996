# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Announce an anycast service from this node, withdraw it, or do either as its health asks for.

  announcer.py announce SERVICE   present in BIRD's configuration, and BIRD told
  announcer.py settle SERVICE     absent; wait until BIRD has told the router, and the router has changed its next hops
  announcer.py run SERVICE        check the service for ever; announce it while it is healthy
  announcer.py check SERVICE      check it once; say the reason and exit with 1 if it is not healthy
  announcer.py told SERVICE       wait until BIRD has told the router of it; exit with 1 if it has not

Run by the systemd unit anycast-announce@SERVICE. What is announced is a symbolic link in ANNOUNCED to the service's
file in SETTINGS: it is there or it is not, also on a full disk or when we are killed between two instructions.

Python 3.9 and its standard library; what costs time to import is imported where it is used.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time

SETTINGS = "/etc/homelab-anycast"
ANNOUNCED = "/etc/bird/anycast.d"
BIRD_SOCKET = "/run/bird/bird.ctl"
# As bird.conf calls them: OSPFv2 for IPv4 addresses, OSPFv3 for IPv6 addresses.
PROTOCOL = "anycast"
PROTOCOL_V3 = "anycast_v3"
# What bird.conf includes for either; a service without IPv6 addresses has no file for OSPFv3. That for OSPFv2
# comes last, as it is the one which says that the service is announced.
SUFFIXES = (".v3", ".conf")

# Seconds. BIRD answers in milliseconds; these are for a busy machine.
BIRD_TIMEOUT = 3.0
# BIRD may have been started a moment ago.
BIRD_START = 5.0
# RFC 2328's MinLSInterval: a change within 5 s of the one before it is held back.
FLOOD_TIMEOUT = 8.0
POLL = 0.05

# Replies to `configure`: reconfigured, in progress, queued.
ACCEPTED = (3, 4, 5)

ERROR, WARNING, NOTICE = 3, 4, 5


def say(level, text):
    """Write one line to the journal (sd-daemon(3) says what <N> means), or to the terminal."""
    prefix = "<%d>" % level if "JOURNAL_STREAM" in os.environ else ""
    print(prefix + text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------------------------
# BIRD


class BirdAway(Exception):
    """BIRD does not run, or does not answer."""


class BirdSlow(BirdAway):
    """BIRD runs, but has not answered in time: nobody knows what it announces."""


class BirdRefuses(Exception):
    """BIRD runs, and does not take its configuration."""


def last_reply(data):
    """Return the (code, text) of the last line of a complete answer, and all of its text; None while it is incomplete.

    A line starts with a four-digit code, then "-" if more follows or " " if it is the last; or with a blank if it has
    the code of the line before it.
    """
    if not data.endswith(b"\n"):
        return None
    lines = data.decode("utf-8", "replace").splitlines()
    last = lines[-1]
    if not (last[:4].isdigit() and last[4:5] == " "):
        return None
    text = [line[5:] if line[:4].isdigit() else line[1:] for line in lines]
    return int(last[:4]), last[5:], "\n".join(text)


def own_stubnets(state):
    """Return the prefixes this router itself announces, from the text of `show ospf state`."""
    own, found = False, set()
    for line in state.splitlines():
        words = line.split()
        if line.startswith("\t") and not line.startswith("\t\t"):
            # The next router or network.
            own = False
        elif words == ["distance", "0"]:
            own = True
        elif own and words[:1] == ["stubnet"]:
            found.add(canonical(words[1]))
    return found


def canonical(prefix):
    """Return a prefix in the one way of writing it: an IPv6 address has several."""
    address, _slash, length = prefix.partition("/")
    if ":" in address:
        address = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))
    return "%s/%s" % (address, length)


def protocols(prefixes):
    """Return the protocols that announce the prefixes."""
    families = {":" in prefix for prefix in prefixes}
    return [name for name, is_ipv6 in ((PROTOCOL, False), (PROTOCOL_V3, True)) if is_ipv6 in families]


def away(what, exc):
    """Return the exception for an error of the conversation with BIRD."""
    kind = BirdSlow if isinstance(exc, socket.timeout) else BirdAway
    return kind("%s: %s" % (what, exc.strerror or exc))


class Bird:
    """One conversation with BIRD over its control socket."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(BIRD_TIMEOUT)
        try:
            self._socket.connect(BIRD_SOCKET)
            self._read()
        except OSError as exc:
            self.close()
            raise away("bird does not answer on %s" % BIRD_SOCKET, exc) from exc

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        self._socket.close()

    def _read(self):
        data = b""
        while True:
            reply = last_reply(data)
            if reply:
                return reply
            more = self._socket.recv(65536)
            if not more:
                raise OSError(errno.ECONNRESET, "it closed the connection")
            data += more

    def ask(self, command):
        """Return (code, text of the last line, all of the text)."""
        try:
            self._socket.sendall(command.encode() + b"\n")
            return self._read()
        except OSError as exc:
            raise away("bird does not answer '%s'" % command, exc) from exc

    def configure(self):
        """Have BIRD read its configuration."""
        code, text, _all = self.ask("configure")
        if code not in ACCEPTED:
            raise BirdRefuses("bird refuses its configuration: %s" % text)

    def announces(self, prefixes):
        """Return whether BIRD still tells the router of any of them."""
        wanted = {canonical(prefix) for prefix in prefixes}
        for protocol in protocols(prefixes):
            code, _text, everything = self.ask("show ospf state %s" % protocol)
            # An OSPF protocol which is down tells nothing to anybody.
            if code < 8000 and own_stubnets(everything) & wanted:
                return True
        return False


def bird_when_started():
    """Return a conversation with BIRD, which may be starting just now."""
    deadline = time.monotonic() + BIRD_START
    while True:
        try:
            return Bird()
        except BirdAway:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL)


# ---------------------------------------------------------------------------------------------------------------------
# Present or absent


def read_settings(name):
    with open(os.path.join(SETTINGS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def link_of(name, suffix=".conf"):
    return os.path.join(ANNOUNCED, name + suffix)


def is_present(name):
    return os.path.lexists(link_of(name))


def sync(directory):
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_present(name):
    """Make the link. One step of the file system: nobody ever sees half of it."""
    new = os.path.join(ANNOUNCED, "." + name + ".new")
    try:
        for suffix in SUFFIXES:
            settings = os.path.join(SETTINGS, name + suffix)
            if suffix != ".conf" and not os.path.exists(settings):
                continue
            if os.path.lexists(new):
                os.unlink(new)
            os.symlink(settings, new)
            os.replace(new, link_of(name, suffix))
        sync(ANNOUNCED)
    except OSError:
        # Withdrawn is the consistent state when the disk fails us.
        make_absent(name)
        raise


def make_absent(name):
    """Remove the link, which needs no space on the disk. Return whether it was there."""
    was_there = False
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link_of(name, suffix))
            was_there = True
    if not was_there:
        return False
    try:
        sync(ANNOUNCED)
    except OSError as exc:
        # It is gone for everybody who looks; a boot starts with none of them (tmpfiles.d) in any case.
        say(WARNING, "cannot write %s to the disk: %s" % (ANNOUNCED, exc.strerror))
    return True


def announce(name, bird=None):
    """Make the service present and tell BIRD. Raises with everything undone if that is not possible."""
    make_present(name)
    try:
        with bird or Bird() as talk:
            talk.configure()
    except (BirdAway, BirdRefuses):
        make_absent(name)
        raise


def withdraw(name, prefixes, again=False):
    """Make the service absent and tell BIRD, if it runs. Return whether BIRD announced it until now.

    Raises BirdSlow where that is not known; then it is to be called again, which `again` says.

    A BIRD that refuses its configuration goes on with the old one, so it would go on announcing a service which may be
    dead. Then OSPF is stopped, with all services of this node; the next configuration BIRD takes starts it again.
    """
    was_there = make_absent(name)
    try:
        with Bird() as bird:
            announced = bird.announces(prefixes)
            # Also where it does not announce it yet: BIRD may hold back what it was told to announce (MinLSInterval).
            if announced or was_there or again:
                try:
                    bird.configure()
                except BirdRefuses as exc:
                    say(ERROR, "%s; OSPF is stopped on this node to withdraw %s" % (exc, name))
                    for protocol in protocols(prefixes):
                        bird.ask("disable %s" % protocol)
            return announced
    except BirdSlow:
        raise
    except BirdAway:
        # Then it announces nothing, and will find nothing to announce when it is back.
        return False


def wait_until_flooded(prefixes):
    """Wait until BIRD has told its neighbours that the prefixes are gone."""
    deadline = time.monotonic() + FLOOD_TIMEOUT
    with Bird() as bird:
        while bird.announces(prefixes):
            if time.monotonic() >= deadline:
                say(ERROR, "bird still announces %s after %g s" % (", ".join(prefixes), FLOOD_TIMEOUT))
                return
            time.sleep(POLL)


def wait_until_told(prefixes):
    """Wait until BIRD tells its neighbours of one of the prefixes. Return whether it does."""
    deadline = time.monotonic() + FLOOD_TIMEOUT
    with Bird() as bird:
        while not bird.announces(prefixes):
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL)
    return True


# ---------------------------------------------------------------------------------------------------------------------
# Health


class Health:
    """Healthy after `rise` passes in a row, not healthy any more after `fall` failures in a row."""

    def __init__(self, rise, fall):
        self.rise = rise
        self.fall = fall
        self.healthy = False
        self.count = 0

    def seen(self, passed):
        """Note a check. Return whether the health has changed."""
        if passed == self.healthy:
            self.count = 0
            return False
        self.count += 1
        if self.count < (self.fall if self.healthy else self.rise):
            return False
        self.healthy = not self.healthy
        self.count = 0
        return True


def describe(health, present, what, reason, trouble=None):
    """Return the line that `systemctl status` shows.

    :param what: that is checked, in words; reason: why it failed just now, None if it passed.
    :param trouble: why a healthy service cannot be announced.
    """
    state = "announced" if present else "withdrawn"
    if trouble:
        return "%s: %s" % (state, trouble)
    if health.healthy:
        if reason is None:
            return "%s: %s" % (state, what)
        return "%s, but failed %d of %d: %s" % (state, health.count, health.fall, reason)
    if reason is None:
        return "%s: %s, passed %d of %d" % (state, what, health.count, health.rise)
    return "%s: %s" % (state, reason)


# ---------------------------------------------------------------------------------------------------------------------
# Checks. Each returns in words what passed, and raises Failed with the reason otherwise.


class Failed(Exception):
    """The check did not pass."""


def sip_options(address, port, source, token):
    """Return an OPTIONS request (RFC 3261 11) from source, whose first two are its address and port."""
    address, own = ("[%s]" % text if ":" in text else text for text in (address, source[0]))
    lines = (
        "OPTIONS sip:%s:%d SIP/2.0" % (address, port),
        "Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK%s;rport" % (own, source[1], token),
        "Max-Forwards: 70",
        "From: <sip:check@%s>;tag=%s" % (own, token),
        "To: <sip:%s:%d>" % (address, port),
        "Call-ID: %s@%s" % (token, own),
        "CSeq: 1 OPTIONS",
        "User-Agent: homelab.anycast announcer",
        "Content-Length: 0",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def sip_status(data, token):
    """Return the status code and phrase of a final response to our request, None for any other datagram."""
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or words[0] != "SIP/2.0" or len(words[1]) != 3 or not words[1].isdigit():
        return None
    if words[1] < "200" or not any("z9hG4bK" + token in line for line in lines[1:]):
        return None
    return int(words[1]), words[2] if len(words) > 2 else ""


def judge_sip(status, phrase):
    """A server that says what we may not do is alive; one that says it is broken, or overloaded, is not healthy."""
    if status >= 500:
        raise Failed("answers SIP OPTIONS with %d %s" % (status, phrase))
    return "answers SIP OPTIONS with %d" % status


def dns_query(name, number):
    """Return a query for the A records of a name (RFC 1035 4)."""
    labels = [label.encode("idna") for label in name.rstrip(".").split(".") if label]
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + b"\0\1\0\1"
    return number.to_bytes(2, "big") + b"\1\0" + b"\0\1\0\0\0\0\0\0" + question


def dns_reply(data, number):
    """Return the response code and the number of answers of a response to our query, None for any other datagram."""
    if len(data) < 12 or data[:2] != number.to_bytes(2, "big") or not data[2] & 0x80:
        return None
    return data[3] & 0x0F, int.from_bytes(data[6:8], "big")


RCODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def judge_dns(name, rcode, answers):
    if rcode:
        raise Failed("answers the DNS query for %s with %s" % (name, RCODES.get(rcode, "code %d" % rcode)))
    if not answers:
        raise Failed("has no A record of %s" % name)
    return "answers the DNS query for %s" % name


def left(deadline):
    return max(deadline - time.monotonic(), 0.001)


def opened(kind, address):
    """Return a socket bound to the address, so that the check never passes by the answer of another node."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        sock.bind((address, 0))
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRNOTAVAIL:
            raise Failed("%s is not on this node" % address) from exc
        raise
    return sock


def ask_udp(address, port, request, parse, deadline):
    """Send a datagram and return what parse() makes of the answer."""
    with opened(socket.SOCK_DGRAM, address) as sock:
        sock.connect((address, port))
        sock.send(request(sock.getsockname()))
        while True:
            sock.settimeout(left(deadline))
            found = parse(sock.recv(65535))
            if found is not None:
                return found


def check_sip(address, check, deadline):
    token = os.urandom(8).hex()
    port = check["port"]
    status, phrase = ask_udp(
        address,
        port,
        lambda source: sip_options(address, port, source, token),
        lambda data: sip_status(data, token),
        deadline,
    )
    return judge_sip(status, phrase)


def check_dns(address, check, deadline):
    number = int.from_bytes(os.urandom(2), "big")
    query = dns_query(check["name"], number)
    rcode, answers = ask_udp(
        address, check["port"], lambda source: query, lambda data: dns_reply(data, number), deadline
    )
    return judge_dns(check["name"], rcode, answers)


def check_tcp(address, check, deadline):
    with opened(socket.SOCK_STREAM, address) as sock:
        sock.settimeout(left(deadline))
        sock.connect((address, check["port"]))
    return "accepts TCP connections on port %d" % check["port"]


def check_command(address, check, deadline):
    import signal
    import subprocess

    words = check["command"]
    try:
        process = subprocess.Popen(
            words,
            env=dict(os.environ, ANYCAST_ADDRESS=address),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise Failed("cannot run %s: %s" % (words[0], exc.strerror)) from exc
    try:
        code = process.wait(left(deadline))
    except subprocess.TimeoutExpired:
        raise Failed("%s did not end" % words[0]) from None
    finally:
        # With whatever it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code:
        raise Failed("%s exits with %d" % (words[0], code))
    return "%s exits with 0" % words[0]


CHECKS = {"sip": check_sip, "dns": check_dns, "tcp": check_tcp, "command": check_command}


def check_service(settings):
    """Check every address of the service, all within one timeout. Return what passed; raises Failed."""
    check = settings["check"]
    deadline = time.monotonic() + check["timeout"]
    for prefix in settings["addresses"]:
        address = prefix.partition("/")[0]
        try:
            passed = CHECKS[check["kind"]](address, check, deadline)
        except socket.timeout:
            raise Failed("%s does not answer within %g s" % (address, check["timeout"])) from None
        except Failed as exc:
            raise Failed("%s: %s" % (address, exc)) from None
        except OSError as exc:
            raise Failed("%s: %s" % (address, exc.strerror or exc)) from None
    return "%s %s" % (", ".join(prefix.partition("/")[0] for prefix in settings["addresses"]), passed)


# ---------------------------------------------------------------------------------------------------------------------
# Commands


def notify(**state):
    """Tell systemd (sd_notify(3)); nobody is told where systemd does not listen."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            text = "\n".join("%s=%s" % item for item in state.items())
            sock.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)


def do_announce(name):
    try:
        announce(name, bird_when_started())
    except (BirdAway, BirdRefuses, OSError) as exc:
        say(ERROR, "%s cannot be announced: %s" % (name, exc))
        return 1
    say(NOTICE, "%s announced" % name)
    return 0


def do_settle(name):
    """The way out, whatever brought us here: a stop, the end of the service, or the end of the checker."""
    settings = read_settings(name)
    try:
        try:
            announced = withdraw(name, settings["addresses"])
        except BirdSlow:
            announced = withdraw(name, settings["addresses"], again=True)
        if announced:
            wait_until_flooded(settings["addresses"])
    except BirdSlow as exc:
        say(ERROR, "%s may still be announced: %s" % (name, exc))
    except BirdAway:
        # Gone meanwhile, and what it announced with it.
        pass
    time.sleep(settings["withdraw_wait"])
    return 0


def do_check(name):
    try:
        say(NOTICE, check_service(read_settings(name)))
    except Failed as exc:
        say(ERROR, str(exc))
        return 1
    return 0


def do_told(name):
    try:
        if wait_until_told(read_settings(name)["addresses"]):
            return 0
        say(ERROR, "bird has not told the router of %s within %g s" % (name, FLOOD_TIMEOUT))
    except BirdAway as exc:
        say(ERROR, str(exc))
    return 1


def look(settings):
    """Return (what passed, None) or (None, the reason)."""
    try:
        return check_service(settings), None
    except Failed as exc:
        return None, str(exc)


def follow(name, prefixes, health, reason, unsure=False):
    """Announce or withdraw as the health asks for.

    :param unsure: whether nobody knows what BIRD announces, as it did not answer in time before.

    Return what keeps it from being done, None if nothing does, and whether nobody knows what BIRD announces.
    """
    if health.healthy and not is_present(name):
        try:
            announce(name)
        except (BirdAway, BirdRefuses, OSError) as exc:
            return "healthy, but cannot be announced: %s" % exc, isinstance(exc, BirdSlow)
        say(NOTICE, "%s announced: it is healthy" % name)
    elif not health.healthy and (is_present(name) or unsure):
        try:
            withdraw(name, prefixes, unsure)
        except BirdSlow as exc:
            return "not healthy, and may still be announced: %s" % exc, True
        say(WARNING, "%s withdrawn: %s" % (name, reason))
    return None, False


def do_run(name):
    settings = read_settings(name)
    health = Health(settings["check"]["rise"], settings["check"]["fall"])
    # Left by a checker that met its end together with what should have withdrawn it.
    trouble, unsure = follow(name, settings["addresses"], health, "its health is not known yet")
    notify(READY=1, STATUS="withdrawn: its health is not known yet")
    passed, due = None, time.monotonic()
    while True:
        what, reason = look(settings)
        passed = what or passed
        health.seen(reason is None)
        notify(WATCHDOG=1)
        before = trouble
        trouble, unsure = follow(name, settings["addresses"], health, reason, unsure)
        if trouble and trouble != before:
            say(ERROR, "%s is %s" % (name, trouble))
        notify(WATCHDOG=1, STATUS=describe(health, is_present(name), passed, reason, trouble))
        # From start to start, so that a check which takes its time does not make the next one late.
        due = max(due + settings["check"]["interval"], time.monotonic())
        time.sleep(max(due - time.monotonic(), 0))


COMMANDS = {"announce": do_announce, "settle": do_settle, "run": do_run, "check": do_check, "told": do_told}


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    return COMMANDS[arguments[0]](arguments[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
