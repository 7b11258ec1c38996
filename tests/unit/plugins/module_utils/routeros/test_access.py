# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import access

FIRST = {"hostname": "172.18.0.1", "username": "admin", "password": "sticker"}
TARGET = {
    "hostname": "172.18.0.1",
    "port": 8729,
    "username": "ansible",
    "password": "new",
    "tls": True,
    "validate_cert_hostname": True,
    "ca_path": "router-ca.pem",
}
ALLOWED = ["172.18.0.0/26"]


@pytest.mark.parametrize(
    "first, target, allowed, group, words",
    [
        ({}, {}, ALLOWED, "anycast", None),
        ({"hostname": ""}, {}, ALLOWED, "anycast", "routeros_bootstrap_login.hostname is missing"),
        ({}, {"username": ""}, ALLOWED, "anycast", "routeros_bootstrap_target.username is missing"),
        (
            {},
            {"password": ""},
            ALLOWED,
            "anycast",
            "routeros_bootstrap_target.password is empty, expected the password",
        ),
        ({}, {"username": "admin"}, ALLOWED, "anycast", "is 'admin', the user of the first contact"),
        ({}, {"tls": False}, ALLOWED, "anycast", "routeros_bootstrap_target.tls is false, expected true"),
        ({}, {"validate_certs": False}, ALLOWED, "anycast", "target.validate_certs is false, expected true"),
        ({}, {"validate_cert_hostname": False}, ALLOWED, "anycast", "target.validate_cert_hostname is false"),
        ({}, {"force_no_cert": True}, ALLOWED, "anycast", "target.force_no_cert is true, expected false"),
        ({}, {"ca_path": None}, ALLOWED, "anycast", "routeros_bootstrap_target.ca_path is missing"),
        ({}, {}, ALLOWED, "full", "routeros_bootstrap_group is 'full', one of the router's own groups"),
        ({}, {}, [], "anycast", "routeros_bootstrap_allowed: is empty"),
        ({}, {}, ["172.18.0.1/26"], "anycast", "'172.18.0.1/26' is no IPv4 prefix (172.18.0.1/26 has host bits set)"),
        ({}, {}, ["lan"], "anycast", "routeros_bootstrap_allowed: 'lan' is no IPv4 prefix"),
    ],
)
def test_variables(first, target, allowed, group, words):
    found = access.bootstrap_problems({**FIRST, **first}, {**TARGET, **target}, allowed, group)
    assert found == [] if words is None else len(found) == 1 and words in found[0]


def test_a_file_for_each_router():
    (problem,) = access.bootstrap_problems(FIRST, TARGET, ALLOWED, "anycast", ["router-ca.pem"])
    assert "ca_path is 'router-ca.pem' for a second router too" in problem


def test_the_first_password_goes_in_clear_only_as_long_as_there_is_no_other_way():
    assert access.bootstrap_login(FIRST, TARGET, False) == {"timeout": 180, **FIRST}
    assert access.bootstrap_login(FIRST, TARGET, True) == {
        **TARGET,
        "timeout": 180,
        "validate_cert_hostname": False,
        "username": "admin",
        "password": "sticker",
    }
    # What is enough later is not while certificates are made.
    assert access.bootstrap_login(FIRST, {**TARGET, "timeout": 30}, True)["timeout"] == 180


HERE = {"name": "admin", "address": "172.18.0.5", "via": "api"}


@pytest.mark.parametrize(
    "sessions, own, expected",
    [
        ([], "172.18.0.5", ["172.18.0.5"]),
        ([HERE, {**HERE, "address": "172.18.0.9"}], "172.18.0.5", ["172.18.0.5"]),
        # Behind NAT the router's word counts; other users and ways of access do not.
        (
            [HERE, {**HERE, "address": "10.0.0.1", "via": "winbox"}, {**HERE, "name": "bob"}],
            "172.17.0.2",
            ["172.18.0.5"],
        ),
        ([HERE, {**HERE, "address": "10.0.0.1"}], "172.17.0.2", ["10.0.0.1", "172.18.0.5"]),
    ],
)
def test_as_the_router_sees_it(sessions, own, expected):
    assert access.seen_from(sessions, "admin", own) == expected


@pytest.mark.parametrize(
    "seen, let_in",
    [
        (["172.18.0.5"], True),
        (["172.18.0.64"], False),
        (["192.0.2.7"], True),
        (["10.0.0.1", "172.18.0.5"], True),
        (["fe80::1"], False),
    ],
)
def test_lock_out(seen, let_in):
    problem = access.lock_out(seen, [*ALLOWED, "192.0.2.7/32"])
    assert (problem is None) is let_in
    if problem:
        assert problem.startswith(
            f"the router is reached from {seen[0]}, which is in none of 172.18.0.0/26, 192.0.2.7/32"
        )
        assert "routeros_bootstrap_allowed" in problem


@pytest.mark.parametrize("skew, words", [(None, None), (-60, None), (61, "61 s ahead of"), (-86400 * 365, " s behind")])
def test_clock(skew, words):
    problem = access.clock_problem({"utc": "2026-11-22T18:48:02Z", "skew": skew})
    assert problem is None if words is None else words in str(problem)


AUTHORITY = {"name": "ca", "private-key": True, "authority": True, "expires-after": "500w"}
SERVER = {
    "name": "api",
    "private-key": True,
    "issued": True,
    "ca": "ca",
    "subject-alt-name": "IP:172.18.0.1",
    "expires-after": "519w4d15h28m25s",
}


@pytest.mark.parametrize(
    "rows, has_authority, has_certificate, name, templates, superseded",
    [
        ([], False, False, "api", [], []),
        ([AUTHORITY], True, False, "api", [], []),
        ([AUTHORITY, SERVER], True, True, "api", [], []),
        # Interrupted before the signature.
        ([{"name": "ca"}], False, False, "api", ["ca"], []),
        ([AUTHORITY, {"name": "api"}], True, False, "api", ["api"], []),
        # Made out to another address, about to expire, expired, or of another authority.
        ([AUTHORITY, {**SERVER, "subject-alt-name": "IP:192.168.88.1"}], True, False, "api-2", [], ["api"]),
        ([AUTHORITY, {**SERVER, "expires-after": "4w1d"}], True, False, "api-2", [], ["api"]),
        ([AUTHORITY, {**SERVER, "expires-after": "", "expired": True}], True, False, "api-2", [], ["api"]),
        ([AUTHORITY, {**SERVER, "ca": "his"}], True, False, "api-2", [], ["api"]),
        ([AUTHORITY, SERVER, {**SERVER, "name": "api-2"}], True, True, "api", [], ["api-2"]),
        ([AUTHORITY, {**SERVER, "ca": "x"}, {**SERVER, "name": "api-2"}], True, True, "api-2", [], ["api"]),
    ],
)
def test_certificates(rows, has_authority, has_certificate, name, templates, superseded):
    found = access.Certificates(rows, "ca", "api", "172.18.0.1", 3650)
    assert (found.has_authority, found.has_certificate, found.name) == (has_authority, has_certificate, name)
    assert (found.templates, found.superseded) == (templates, superseded)
    wanted = found.as_wanted()
    assert sorted(wanted) == sorted(["ca", name])
    assert wanted[name]["subject-alt-name"] == "IP:172.18.0.1"


@pytest.mark.parametrize("row", [{**AUTHORITY, "authority": False}, {**AUTHORITY, "expires-after": "3d"}])
def test_a_certificate_in_the_way_of_the_authority(row):
    with pytest.raises(access.BootstrapError, match="routeros_bootstrap_authority"):
        access.Certificates([row], "ca", "api", "172.18.0.1", 3650)


def test_no_name_left_for_the_certificate():
    rows = [AUTHORITY, *({**SERVER, "name": name, "ca": "his"} for name in ("api", "api-2"))]
    with pytest.raises(access.BootstrapError, match="neither of the certificates api and api-2"):
        access.Certificates(rows, "ca", "api", "172.18.0.1", 3650)


@pytest.mark.parametrize("host, expected", [("172.18.0.1", "IP:172.18.0.1"), ("gw.example.org", "DNS:gw.example.org")])
def test_alternative_name(host, expected):
    assert access.alternative_name(host) == expected


@pytest.mark.parametrize(
    "row, version, expected",
    [
        (
            {"certificate": "none", "address": "", "disabled": True},
            "7.20.8",
            {"certificate": "api", "address": "172.18.0.0/26", "disabled": "no"},
        ),
        ({"certificate": "api", "address": "172.18.0.0/26", "disabled": False}, "7.20.8", {}),
        ({"certificate": "api", "address": "0.0.0.0/0"}, "7.20.8", {"address": "172.18.0.0/26"}),
        ({"certificate": "api", "address": "172.18.0.0/26,::/0"}, "7.20.8", {"address": "172.18.0.0/26"}),
        ({"certificate": "api", "available-from": "172.18.0.0/26"}, "7.24.5 (stable)", {}),
        ({"certificate": "api"}, "7.24.5 (stable)", {"available-from": "172.18.0.0/26"}),
    ],
)
def test_service(row, version, expected):
    assert access.service_changes(row, version, "api", ALLOWED) == expected


GROUPS = [{"name": "read", "policy": "local,read,api,!write"}, {"name": "anycast", "policy": "read,api,!write,!local"}]


def test_policies():
    assert access.granted(GROUPS[0]["policy"]) == {"local", "read", "api"}
    assert access.policy_text(("read", "write"), GROUPS) == "read,write,!local,!api"


@pytest.mark.parametrize(
    "users, policies, is_problem",
    [
        ([], ("read",), False),
        ([{"name": "ansible", "group": "anycast"}], ("read",), False),
        ([{"name": "his", "group": "anycast"}], ("read", "api"), False),
        ([{"name": "his", "group": "anycast"}], ("read",), True),
    ],
)
def test_a_group_of_others(users, policies, is_problem):
    problem = access.group_problem("anycast", policies, GROUPS, users, "ansible")
    assert (
        problem is None if not is_problem else "is also that of his and has other policies (api,read)" in str(problem)
    )
