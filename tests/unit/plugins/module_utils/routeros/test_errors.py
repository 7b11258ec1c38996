# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of RouterOS turned into something to act on, and which versions of it are supported."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros.errors import (
    connect_message,
    may_pass,
    trap_message,
)
from ansible_collections.homelab.anycast.plugins.module_utils.routeros.session import (
    MINIMUM_VERSION,
    check_version,
)

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
        ("[Errno 113] No route to host", {}, "no route to that address"),
        ("[Errno 101] Network is unreachable", {}, "no route to that address"),
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
    ("reason", "passes"),
    [
        ("[Errno 111] Connection refused", True),
        ("[Errno 113] No route to host", True),
        ("[Errno 104] Connection reset by peer", True),
        ("Connection unexpectedly closed.", True),
        ("timed out", True),
        ("_ssl.c:989: The handshake operation timed out", True),
        ("invalid user name or password (6)", False),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1032)", False),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1032)", False),
        ("[Errno -2] Name or service not known", False),
        ("something new", False),
    ],
)
def test_what_may_pass_by_itself(reason, passes):
    assert may_pass("Error while connecting: " + reason) is passes


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
    message = str(check_version(text, "hap-lite"))
    assert [part for part in says if part not in message] == []
