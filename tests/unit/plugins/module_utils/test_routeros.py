# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading RouterOS's rows, and turning its errors into something to act on."""

from __future__ import annotations

import time

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import (
    MINIMUM_VERSION,
    InterfaceFinder,
    check_version,
    connect_message,
    flag,
    neighbor_role,
    own_interfaces,
    parse_duration,
    parse_neighbors,
    parse_version,
    split_address,
    trap_message,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("7.20.8 (long-term)", (7, 20, 8)),
        ("7.16", (7, 16, 0)),
        ("7.24rc1 (testing)", (7, 24, 0)),
        ("6.49.10 (long-term)", (6, 49, 10)),
        (7.16, (7, 16, 0)),
        ("", None),
        ("FRR", None),
    ],
)
def test_version(text, version):
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["7.16 (stable)", "7.16beta3", "7.23.8 (long-term)", "8.0"])
def test_supported_version(text):
    assert check_version(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("7.15.3 (stable)", ["hap-lite runs RouterOS 7.15.3, expected 7.16 or newer", "ipv4-multipath-hash-policy"]),
        ("7.2", ["runs RouterOS 7.2, expected 7.16 or newer", "channel=long-term"]),
        ("6.49.10 (long-term)", ["runs RouterOS 6.49.10, expected 7.16", "channel=upgrade"]),
        ("", ["its version is ''", "Is it a MikroTik router?"]),
    ],
)
def test_unsupported_version(text, says):
    assert MINIMUM_VERSION == (7, 16)
    message = check_version(text, "hap-lite")
    for part in says:
        assert part in message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("36s", 36),
        ("1h26m4s", 5164),
        ("6w2d17h5m16s", 6 * 604800 + 2 * 86400 + 17 * 3600 + 5 * 60 + 16),
        ("200ms", 0.2),
        ("3s210ms", 3.21),
        ("12m", 720),
        ("00:00:36", 36),
        ("0s", 0),
        (36, 36),
        (None, None),
        ("", None),
        ("soon", None),
        ("a:b:c", None),
        ("3s1h", None),
    ],
)
def test_duration(text, seconds):
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("row", "is_set"),
    [
        ({}, False),
        ({"a": True}, True),
        ({"a": "true"}, True),
        ({"a": ""}, True),
        ({"a": False}, False),
        ({"a": "false"}, False),
    ],
)
def test_flag(row, is_set):
    assert flag(row, "a") is is_set


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("10.1.1.1%ether2", ("10.1.1.1", "ether2")),
        ("10.1.1.1%ether2@VRF1", ("10.1.1.1", "ether2")),
        ("10.1.1.1", ("10.1.1.1", None)),
    ],
)
def test_address(text, parts):
    assert split_address(text) == parts


# RouterOS 7.20.8, as captured (facts: A1M).
CAPTURED = [
    {
        "instance": "default",
        "area": "area1",
        "address": "10.1.1.2",
        "priority": 1,
        "router-id": "11.11.11.11",
        "dr": "10.1.1.2",
        "bdr": "10.1.1.1",
        "state": "Full",
        "state-changes": 6,
        "adjacency": "1h26m4s",
        "timeout": "36s",
        "dynamic": True,
    },
    {
        "instance": "default",
        "area": "area1",
        "address": "10.1.1.6",
        "priority": 1,
        "router-id": "11.11.11.22",
        "dr": "10.1.1.5",
        "bdr": "10.1.1.6",
        "state": "Full",
        "state-changes": 6,
        "adjacency": "1h25m17s",
        "timeout": "39s",
        "dynamic": True,
    },
]
INTERFACES = [
    {"address": "10.1.1.1%ether2", "area": "area1", "state": "bdr", "hello-interval": "10s", "dead-interval": "40s"},
    {"address": "10.1.1.5%ether3", "area": "area1", "state": "dr", "priority": 128},
    {"address": "192.168.41.1%lo0", "area": "area1", "state": "passive"},
]
ADDRESSES = [
    {"address": "10.1.1.1/30", "network": "10.1.1.0", "interface": "ether2"},
    {"address": "10.1.1.5/30", "network": "10.1.1.4", "interface": "ether3", "actual-interface": "ether3"},
    {"address": "192.168.41.1/32", "network": "192.168.41.1", "interface": "lo0"},
]


def test_captured_neighbors_without_an_interface():
    first, second = parse_neighbors(CAPTURED, InterfaceFinder(INTERFACES, ADDRESSES))
    assert first == {
        "router_id": "11.11.11.11",
        "address": "10.1.1.2",
        "interface": "ether2",
        "state": "Full",
        "role": "DR",
        "priority": 1,
        "full_seconds": 5164.0,
        "state_changes": 6,
        "dead_seconds": 36.0,
        "bfd": None,
    }
    assert (second["interface"], second["role"]) == ("ether3", "BDR")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"state": "TwoWay"}, {"state": "2-Way"}),
        ({"state": "2-Way"}, {"state": "2-Way"}),
        ({"interface": "bridge-lan"}, {"interface": "bridge-lan"}),
        ({"address": "10.1.1.2%ether2"}, {"address": "10.1.1.2"}),
        ({"adjacency": None}, {"full_seconds": None}),
        ({"state-changes": None}, {"state_changes": None}),
    ],
)
def test_other_neighbors(more, expected):
    row = {key: value for key, value in {**CAPTURED[0], **more}.items() if value is not None}
    (found,) = parse_neighbors([row])
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("row", "role"),
    [
        ({"address": "10.0.0.1", "dr": "10.0.0.1", "bdr": "10.0.0.2", "priority": 1}, "DR"),
        ({"address": "10.0.0.2", "dr": "10.0.0.1", "bdr": "10.0.0.2", "priority": 1}, "BDR"),
        ({"address": "10.0.0.3", "dr": "10.0.0.1", "bdr": "10.0.0.2", "priority": 1}, "DROther"),
        ({"address": "10.0.0.3", "dr": "10.0.0.1", "priority": 0}, "DROther"),
        ({"address": "10.0.0.3", "priority": 1}, None),
        ({"address": "10.0.0.3"}, "PtP"),
    ],
)
def test_role(row, role):
    assert neighbor_role(row) == role


@pytest.mark.parametrize(
    ("address", "interface"),
    [
        ("10.1.1.2", "ether2"),
        ("10.9.9.9", None),  # two interfaces speak OSPF in the area
        ("not an address", None),
    ],
)
def test_finds_the_interface(address, interface):
    assert InterfaceFinder(INTERFACES, ADDRESSES)({"address": address, "area": "area1"}) == interface


@pytest.mark.parametrize(
    ("interfaces", "addresses", "found"),
    [
        # The remote address of a tunnel, an unnumbered link, two bridges of one subnet, nothing.
        (
            [{"address": "10.0.0.1%gre1", "area": "a"}, {"address": "10.0.0.1%gre2", "area": "a"}],
            [{"address": "10.0.0.1/32", "network": "10.0.0.2", "interface": "gre1"}],
            "gre1",
        ),
        ([{"address": "0.0.0.0%ether1", "area": "a"}], [], "ether1"),
        (
            [{"address": "10.0.0.1%a", "area": "a"}, {"address": "10.0.0.3%b", "area": "a"}],
            [{"address": "10.0.0.1/24", "interface": "a"}, {"address": "10.0.0.3/24", "interface": "b"}],
            None,
        ),
        (
            [{"address": "10.0.0.1%a", "area": "a"}, {"address": "10.0.0.3%b", "area": "a"}],
            [{"address": "10.0.0.1/24", "interface": "a"}, {"address": "10.0.0.3/29", "interface": "b"}],
            "b",
        ),
        ([{"address": "0.0.0.0%a", "area": "a"}, {"address": "0.0.0.0%b", "area": "a", "state": "passive"}], [], "a"),
        ([], [], None),
    ],
)
def test_finds_the_interface_of_odd_links(interfaces, addresses, found):
    assert InterfaceFinder(interfaces, addresses)({"address": "10.0.0.2", "area": "a"}) == found


def test_own_interfaces():
    ether2, _ether3, lo0 = own_interfaces(INTERFACES, ADDRESSES)
    assert (ether2["name"], ether2["network"], ether2["hello"], ether2["dead"]) == ("ether2", "10.1.1.1/30", 10, 40)
    assert (ether2["silent"], lo0["silent"]) == (False, True)


LOGIN = {
    "hostname": "192.0.2.1",
    "username": "ansible",
    "password": "correct horse",
    "tls": False,
    "timeout": 10,
    "encoding": "ASCII",
    "ca_path": "/etc/ca.pem",
}


@pytest.mark.parametrize(
    ("reason", "options", "says"),
    [
        ("invalid user name or password (6)", {}, "rejects the login of user 'ansible'. Correct username and password"),
        ("not enough permissions (9)", {}, "policies api and read"),
        ("[Errno 111] Connection refused", {}, "192.0.2.1, port 8728 (plain API): nothing listens there"),
        ("[Errno 111] Connection refused", {"tls": True}, "port 8729 (API over TLS): nothing listens there"),
        ("[Errno 111] Connection refused", {"port": 18728}, "192.0.2.1, port 18728"),
        ("timed out", {}, "no answer within 10 s. Correct hostname and port"),
        ("_ssl.c:989: The handshake operation timed out", {"tls": True}, "no answer within 10 s"),
        ("[Errno -2] Name or service not known", {}, "the name '192.0.2.1' cannot be resolved. Correct hostname"),
        ("[Errno -3] Temporary failure in name resolution", {}, "cannot be resolved"),
        ("[Errno 113] No route to host", {}, "no way to that address"),
        ("[Errno 101] Network is unreachable", {}, "no way to that address"),
        ("Connection unexpectedly closed.", {}, "it speaks TLS there (set tls to true)"),
        ("[Errno 104] Connection reset by peer", {}, "address list of the service api (/ip/service)"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1032)", {"tls": True}, "Set tls to false"),
        ("[SSL: RECORD_LAYER_FAILURE] record layer failure (_ssl.c:1032)", {"tls": True}, "Set tls to false"),
        (
            "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol",
            {"tls": True},
            "Set tls to false",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1032)",
            {"tls": True},
            "Set ca_path",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, certificate is not valid"
            " for '192.0.2.1'. (_ssl.c:1032)",
            {"tls": True},
            "is not made out to '192.0.2.1'",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid"
            " for 'r1'. (_ssl.c:1032)",
            {"tls": True},
            "validate_cert_hostname",
        ),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] ssl/tls alert handshake failure", {"tls": True}, "has no certificate"),
        ("[Errno 2] No such file or directory", {"tls": True}, "the file '/etc/ca.pem' cannot be read"),
        (
            "[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found (_ssl.c:4168)",
            {"tls": True},
            "'/etc/ca.pem' holds no certificate in PEM form",
        ),
        ("Connection unexpectedly closed.", {"tls": True}, "it does not speak TLS there (set tls to false"),
        ("something new", {}, "Cannot connect to the router at 192.0.2.1, port 8728 (plain API): something new"),
    ],
)
def test_connect_message(reason, options, says):
    message = connect_message("Error while connecting: " + reason, {**LOGIN, **options})
    assert says in message
    assert reason in message
    assert "correct horse" not in message


def test_connect_message_shows_no_character_of_the_password():
    reason = "'ascii' codec can't encode character '\\xe4' in position 20: ordinal not in range(128)"
    message = connect_message("Error while connecting: " + reason, LOGIN)
    assert "Set encoding to UTF-8" in message
    assert "xe4" not in message
    assert "position" not in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not enough permissions (9)", "user 'ansible' may not read /ip/route"),
        ("no such command or directory (ospf), no such command prefix", "has no menu /ip/route"),
        ("failure", "refuses to print /ip/route: failure"),
    ],
)
def test_trap_message(text, says):
    assert says in trap_message(text, "/ip/route", "ansible")


def test_a_thousand_neighbors_take_no_time():
    """Even if each is on an interface of its own, and the router does not say on which."""
    numbers = range(1000)
    interfaces = [{"address": f"10.{n // 250}.{n % 250}.1%vlan{n}", "area": "a"} for n in numbers]
    addresses = [{"address": f"10.{n // 250}.{n % 250}.1/24", "interface": f"vlan{n}"} for n in numbers]
    rows = [dict(CAPTURED[0], address=f"10.{n // 250}.{n % 250}.2") for n in numbers]
    before = time.process_time()
    found = parse_neighbors(rows, InterfaceFinder(interfaces, addresses))
    assert time.process_time() - before < 0.1
    assert [entry["interface"] for entry in found] == [f"vlan{n}" for n in numbers]
