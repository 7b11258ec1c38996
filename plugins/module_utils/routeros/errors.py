# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to tell users of a router that refuses a login or a question. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_Advices = Mapping[tuple[str, ...], str]

# What a user reads in community.routeros' "Error while connecting: ...", and what to do about it. The first match wins,
# and what may pass by itself comes after all that does not.
_CONNECT_ERRORS = {
    ("invalid user name or password", "cannot log in"): "the router rejects the login of user '{username}'. Correct"
    " username and password; /log on the router says more.",
    ("not enough permissions", "not permitted"): "user '{username}' may not log in over the API. Give its group the"
    " policies api and read (/user/group).",
    ("codec can't encode", "ordinal not in range"): "username or password has a character that the encoding"
    " '{encoding}' lacks. Set encoding to UTF-8.",
    ("hostname mismatch", "not valid for"): "the router's certificate is not made out to '{hostname}'. Set hostname to"
    " a name in the certificate, or validate_cert_hostname to false.",
    ("certificate_verify_failed", "certificate verify failed"): "the router's certificate is not signed by a CA that"
    " this host trusts. Set ca_path to the CA's certificate (or, for a first contact, validate_certs to false). If the"
    " router has been reset, remove the file of ca_path ({ca_path}) and run homelab.anycast.bootstrap.",
    ("wrong_version_number", "record layer failure", "packet_length_too_long", "unexpected eof", "eof occurred"): (
        "what listens there does not speak TLS. Set tls to false for the plain API (port 8728), or port to that of the"
        " router's service api-ssl (8729)."
    ),
    ("handshake_failure", "handshake failure", "no_shared_cipher", "no shared cipher"): (
        "the router's service api-ssl has no certificate. Give it one (/ip/service set api-ssl certificate=NAME), or"
        " set force_no_cert to true, which does not protect against a man in the middle. If the router has been reset,"
        " remove the file of ca_path ({ca_path}) and run homelab.anycast.bootstrap."
    ),
    ("no such file or directory", "permission denied"): "the file '{ca_path}' cannot be read on this host. Correct"
    " ca_path.",
    ("no_certificate_or_crl_found", "no certificate or crl found", "x509", "pem lib"): (
        "the file '{ca_path}' holds no certificate in PEM form. Correct ca_path."
    ),
    ("name or service not known", "name resolution", "nodename nor servname", "no address associated"): (
        "the name '{hostname}' cannot be resolved. Correct hostname."
    ),
}
# So looks a router that restarts, too.
_AWAY_ERRORS = {
    ("connection refused",): "nothing listens there. Correct hostname and port, and see that the service {service} is"
    " enabled (/ip/service).",
    ("no route to host", "network is unreachable"): "this host has no route to that address. Correct hostname, or"
    " the routes of this host.",
    ("unexpectedly closed", "connection reset", "broken pipe"): "it closed the connection. Either {other}, or this host"
    " is not in the address list of the service {service} (/ip/service).",
    ("timed out", "timeout"): "no answer within {timeout} s. Correct hostname and port; see that the router is up, that"
    " its firewall lets this host in, and that port {port} speaks {service} (else set tls or port); raise timeout if it"
    " is slow.",
}


def may_pass(text: str) -> bool:
    """Return whether a failed connection, as for connect_message(), may be a router that is away for a moment."""
    plain = _reason(text).lower()
    return not _advice(plain, _CONNECT_ERRORS) and bool(_advice(plain, _AWAY_ERRORS))


def _reason(text: str) -> str:
    return text.partition("Error while connecting: ")[2] or text


def _advice(plain: str, errors: _Advices) -> str | None:
    return next((advice for patterns, advice in errors.items() if any(pattern in plain for pattern in patterns)), None)


def connect_message(text: str, params: Mapping[str, Any]) -> str:
    """Return a message for a user from what community.routeros says about a failed connection by these options."""
    tls = bool(params.get("tls"))
    port = params.get("port") or (8729 if tls else 8728)
    other = "it speaks TLS there (set tls to true)"
    if tls:
        other = "it does not speak TLS there (set tls to false, or port to that of the service api-ssl)"
    values = {**params, "port": port, "other": other, "service": "api-ssl" if tls else "api"}
    reason = _reason(text)
    plain = reason.lower()
    kind = "API over TLS" if tls else "plain API"
    message = f"Cannot connect to the router at {params['hostname']}, port {port} ({kind}): "
    advice = _advice(plain, {**_CONNECT_ERRORS, **_AWAY_ERRORS})
    if advice is None:
        return message + reason
    # Python's text on a codec quotes the character, and says where in the password it is.
    return message + advice.format_map(values) + ("" if "codec" in plain else f" The error was: {reason}")


def trap_message(text: str, menu: str, username: str, command: str = "print") -> str:
    """Return a message for a user from what the router says when it refuses a question, or a command."""
    if command != "print":
        advice = " Log in as a user of the group full." if "not enough permissions" in text else ""
        return f"the router refuses {menu}/{command} by user '{username}': {text.rstrip('.')}.{advice}"
    if "not enough permissions" in text:
        return f"user '{username}' may not read {menu}: {text}. Give its group the policies api and read (/user/group)."
    if "no such command" in text:
        return f"the router has no menu {menu}: {text}. Is it RouterOS 7, with its routing package?"
    return f"the router refuses to print {menu}: {text}"
