# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a factory-fresh router needs before the collection manages it. Private to this collection.

Sources: MikroTik's manual, "Certificates" (templates, sign, export-certificate), "User" (policies) and "Services"; the
device dumps of 7.20.8 for the names of properties; community.routeros 3.22 for what 7.24 renamed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from .values import Row, flag, parse_duration, parse_version

# The least a user of this collection needs: to log in (api), to read and write the configuration, to compare the OSPF
# key instead of writing it on every run (sensitive), and to ping in `verify` (test). Users are managed by
# `policy` alone.
POLICIES = ("read", "write", "test", "sensitive", "api")
DEFAULT_GROUPS = ("full", "read", "write")  # They belong to the router; changing them would change what others may do

# Left of a certificate when it is replaced. A router that is off for its last month must be bootstrapped over again.
RENEW_DAYS = 30
# A certificate is not valid yet on a host whose clock is behind the router's by more than what one login takes.
MOST_SKEW = 60

TIMEOUT = 180  # Seconds for an answer. A processor of 650 MHz is busy for a while with a key of 2048 bits.

_AUTHORITY_USAGE = "key-cert-sign,crl-sign"
_SERVER_USAGE = "digital-signature,key-encipherment,tls-server"


class BootstrapError(ValueError):
    """A value which the user has to change."""


def bootstrap_login(first: Mapping[str, Any], target: Mapping[str, Any], authority_is_here: bool) -> dict[str, Any]:
    """Return how the user of the first contact logs in: as the router offers it at first, over TLS as soon as possible.

    :param first: options of community.routeros for the first contact; C(target) those which the collection will use.
    :param authority_is_here: whether the authority's certificate is on the controller. Then nothing but TLS that it
        proves will do: else an attacker who makes TLS fail would get the password in clear.
    """
    if not authority_is_here:
        return {"timeout": TIMEOUT, **first}
    secure = {name: value for name, value in target.items() if name not in ("username", "password")}
    # A host with a certificate of the router's own authority is the router. Its present certificate may be made out to
    # a former address. The new user's login, later, checks the name as well.
    secure["validate_cert_hostname"] = False
    # What the target has is for the time when there are no more certificates to make.
    patient = {"timeout": max(TIMEOUT, secure.get("timeout") or 0)}
    return {**secure, **patient, "username": first.get("username"), "password": first.get("password", "")}


def bootstrap_problems(
    first: Mapping[str, Any],
    target: Mapping[str, Any],
    allowed: Iterable[Any],
    group: str,
    other_ca_paths: Iterable[Any] = (),
) -> list[str]:
    """Return what is wrong with the variables of the role, one sentence each; other_ca_paths are the other routers'."""
    found = []
    for name, value in (("routeros_bootstrap_login", first), ("routeros_bootstrap_target", target)):
        if not value.get("hostname"):
            found.append(f"{name}.hostname is missing, expected the address of the router")
        if not value.get("username"):
            found.append(f"{name}.username is missing, expected the name of a user")
    if not target.get("password"):
        found.append(
            "routeros_bootstrap_target.password is empty, expected the password that the new user gets"
            " (inventories/home takes it from the environment: export ROUTEROS_PASSWORD=...)"
        )
    if target.get("username") and target.get("username") == first.get("username"):
        found.append(
            f"routeros_bootstrap_target.username is '{target['username']}', the user of the first contact"
            " (routeros_bootstrap_login.username), expected a separate user with fewer rights"
            " (inventories/home takes it from ROUTEROS_USERNAME)"
        )
    for name in ("tls", "validate_certs", "validate_cert_hostname"):
        # community.routeros: validate_certs is true unless said otherwise, the others false.
        if not target.get(name, name == "validate_certs"):
            option = f"routeros_bootstrap_target.{name}"
            found.append(f"{option} is false, expected true: the API is prepared for proven TLS")
    if target.get("force_no_cert"):
        found.append("routeros_bootstrap_target.force_no_cert is true, expected false: it proves no certificate")
    if not target.get("ca_path"):
        found.append(
            "routeros_bootstrap_target.ca_path is missing, expected the file on the controller that the certificate of"
            " the router's authority is written to (inventories/home: routeros_api_ca_path)"
        )
    elif target["ca_path"] in other_ca_paths:
        found.append(
            f"routeros_bootstrap_target.ca_path is '{target['ca_path']}' for a second router too, expected a file"
            " for each (inventories/home: set routeros_api_ca_path for each router)"
        )
    if group in DEFAULT_GROUPS:
        wrong = f"routeros_bootstrap_group is '{group}', one of the router's own groups"
        found.append(f"{wrong}, expected a separate group such as 'anycast'")
    try:
        allowed_networks(allowed)
    except BootstrapError as error:
        found.append(f"routeros_bootstrap_allowed: {error}")
    return found


def allowed_networks(allowed: Iterable[Any]) -> list[IPv4Network]:
    """Return the address list of a service as networks. Raises BootstrapError."""
    if not allowed:
        raise BootstrapError(
            "is empty, expected the addresses the API may be used from, such as 172.18.0.0/26; an empty list would let"
            " every host in"
        )
    found = []
    for entry in allowed:
        try:
            found.append(IPv4Network(str(entry)))
        except ValueError as error:
            raise BootstrapError(
                f"'{entry}' is no IPv4 prefix ({error}), expected one such as 172.18.0.0/26 or 172.18.0.5/32"
            ) from None
    return found


def seen_from(sessions: Iterable[Row], username: str, own: str) -> list[str]:
    """Return the addresses that the router may know this host by, out of /user/active: not its own one behind NAT."""
    addresses = {
        str(row.get("address"))
        for row in sessions
        if row.get("name") == username and str(row.get("via", "")).startswith("api")
    }
    return [own] if not addresses or own in addresses else sorted(addresses)


def lock_out(seen: list[str], allowed: Iterable[str]) -> str | None:
    """Return what is wrong where this host, as seen_from() gives it, would not be let in; None if it would."""
    for address in seen:
        with contextlib.suppress(AddressValueError):
            if any(IPv4Address(address) in network for network in allowed_networks(allowed)):
                return None
    return (
        f"the router is reached from {' or '.join(seen)}, which is in none of {', '.join(map(str, allowed))}: the API"
        " would be closed to this host. Add it to routeros_bootstrap_allowed, or run from a host that is in there"
    )


def clock_problem(clock: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the router's clock, as facts.clock() gives it; None if it is right for certificates."""
    if clock["skew"] is None or abs(clock["skew"]) <= MOST_SKEW:
        return None
    way = "ahead of" if clock["skew"] > 0 else "behind"
    return (
        f"the router's clock says {clock['utc']}, {abs(clock['skew'])} s {way} this host's, expected {MOST_SKEW} s at"
        " most: its certificates would be valid at a different time. Set it (/system/clock set date=... time=...,"
        " or /system/ntp/client set enabled=yes servers=...)"
    )


def usable(row: Row) -> bool:
    """Return whether a row of /certificate is signed, with its key, and stays valid for a while."""
    if not flag(row, "private-key") or flag(row, "expired") or flag(row, "revoked"):
        return False
    left = parse_duration(row.get("expires-after"))
    return left is None or left > RENEW_DAYS * 86400


def alternative_name(host: str) -> str:
    """Return the subject-alt-name of a certificate by which a client proves that host (RFC 6125; RFC 5280 4.2.1.6)."""
    try:
        return f"IP:{IPv4Address(host)}"
    except AddressValueError:
        return f"DNS:{host}"


class Certificates:
    """The authority and the certificate of the API: which are there, and which have to be made."""

    def __init__(self, rows: Iterable[Row], authority: str, name: str, host: str, days: int) -> None:
        """Takes the rows of /certificate. Raises BootstrapError where one that the role cannot use is in the way."""
        self.authority, self.host, self.days = authority, host, days
        self._rows = {str(row.get("name")): row for row in rows}
        own = self._rows.get(authority)
        if own is not None and flag(own, "private-key") and not (flag(own, "authority") and usable(own)):
            raise BootstrapError(
                f"the certificate '{authority}' of the router is no authority, or expires in less than {RENEW_DAYS}"
                f" days. Remove it (/certificate remove {authority}) and its copy on the controller, and run this again"
                " with the plain API enabled (/ip/service enable api); or set routeros_bootstrap_authority to a"
                " different name"
            )
        self.has_authority = own is not None and flag(own, "private-key")
        mine = [other for other in (name, name + "-2") if other in self._rows]
        suitable = [other for other in mine if self.has_authority and self._suits(self._rows[other])]
        unsigned = [other for other in mine if not flag(self._rows[other], "private-key")]
        self.has_certificate = bool(suitable)
        # A template that an interrupted run left is thrown away, as the router does not tell what it says.
        self.templates = unsigned + ([authority] if own is not None and not self.has_authority else [])
        free = [other for other in (name, name + "-2") if other not in mine or other in unsigned]
        if not suitable and not free:
            raise BootstrapError(
                f"neither of the certificates {' and '.join(mine)} of the router is signed by '{authority}', made out"
                f" to {host} and valid for {RENEW_DAYS} more days. Remove the one that no service uses (/certificate"
                " remove)"
            )
        self.name = suitable[0] if suitable else free[0]
        self.superseded = [other for other in mine if other not in (self.name, *unsigned)]

    def _suits(self, row: Row) -> bool:
        names = str(row.get("subject-alt-name", "")).split(",")
        return usable(row) and row.get("ca") == self.authority and alternative_name(self.host) in names

    def as_found(self) -> dict[str, Row]:
        """Return the certificates as they are, for a diff."""
        return {
            name: {key: row.get(key, "") for key in ("common-name", "subject-alt-name", "ca")}
            for name, row in self._rows.items()
            if name in (self.authority, self.name, *self.superseded) and flag(row, "private-key")
        }

    def as_wanted(self) -> dict[str, Row]:
        """Return the certificates as they will be, for a diff."""
        found = {name: row for name, row in self.as_found().items() if name not in self.superseded}
        found.setdefault(self.authority, {"common-name": self.authority, "subject-alt-name": "", "ca": ""})
        if not self.has_certificate:
            alternative = alternative_name(self.host)
            found[self.name] = {"common-name": self.host, "subject-alt-name": alternative, "ca": self.authority}
        return found

    def authority_words(self) -> dict[str, str]:
        return {"name": self.authority, "common-name": self.authority, **self._words(_AUTHORITY_USAGE)}

    def certificate_words(self) -> dict[str, str]:
        names = {"name": self.name, "common-name": self.host, "subject-alt-name": alternative_name(self.host)}
        return {**names, **self._words(_SERVER_USAGE)}

    def _words(self, usage: str) -> dict[str, str]:
        return {"key-usage": usage, "days-valid": str(self.days)}


def service_changes(row: Row, version: str, certificate: str, allowed: list[str]) -> dict[str, str]:
    """Return the properties to write to the row of api-ssl in /ip/service, as a router of this version names them."""
    addresses = "available-from" if (parse_version(version) or ()) >= (7, 24) else "address"
    changes = {} if row.get("certificate") == certificate else {"certificate": certificate}
    networks, now = allowed_networks(allowed), None
    with contextlib.suppress(BootstrapError):
        now = set(allowed_networks(str(row.get(addresses) or "").split(",")))
    if now != set(networks):
        changes[addresses] = ",".join(map(str, networks))
    if flag(row, "disabled"):
        changes["disabled"] = "no"
    return changes


def granted(policy: Any) -> set[str]:
    """Return the policies that a group's property grants: {read, api} for "read,api,!write"."""
    return {name for name in str(policy).split(",") if name and not name.startswith("!")}


def policy_text(policies: Iterable[str], rows: Iterable[Row]) -> str:
    """Return the policy of a group which grants these and denies, by name, all others in the rows of /user/group."""
    known = [name.lstrip("!") for row in rows for name in str(row.get("policy", "")).split(",") if name]
    others = dict.fromkeys(name for name in known if name not in policies)
    return ",".join([*policies, *("!" + name for name in others)])


def group_problem(name: str, policies: Iterable[str], groups: list[Row], users: list[Row], user: str) -> str | None:
    """Return why a group cannot get these policies for a user, None if it can, by the rows of /user/group and /user."""
    row = next((row for row in groups if row.get("name") == name), None)
    others = sorted(str(one.get("name")) for one in users if one.get("group") == name and one.get("name") != user)
    if row is None or not others or granted(row.get("policy")) == set(policies):
        return None
    return (
        f"the group '{name}' of the router is also that of {', '.join(others)} and has other policies"
        f" ({','.join(sorted(granted(row.get('policy'))))}), expected {','.join(sorted(policies))}. Set"
        " routeros_bootstrap_group to a different name"
    )
