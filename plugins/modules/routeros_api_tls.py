#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_api_tls
short_description: Give the API of a MikroTik router TLS, with a certificate of the router's own authority
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Makes an authority and a certificate on the router, gives the certificate to the service C(api-ssl), and lets the
    addresses O(allowed) use that service. Returns the authority's certificate, by which clients prove the router.
    Private keys stay on the router.
  - Changes nothing and fails if the host that it runs on would be locked out, if the router's clock is more than a
    minute off, or if a certificate of a different kind has the name of the authority.
  - A certificate that is made out to a different O(host), or has 30 days or less left, is replaced by a new one of the
    same authority, under the other of two names (O(certificate), and the same with C(-2\)).
notes:
  - Needs a user with the policies C(api), C(read), C(write) and C(sensitive) (to export a certificate; MikroTik's
    manual, "Certificates").
  - RouterOS exports a certificate only as a file. The module exports the authority's (no key), reads C(contents) of
    C(/file), and removes the file, in check mode too. Files of up to 60 KiB can be read so (manual, "Files").
  - The keys have 2048 bits (RSA). The processor of a hAP lite may take half a minute for one, so the option C(timeout)
    should be generous.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.writes
  - homelab.anycast.attributes.routeros
options:
  authority: {type: str, required: true, description: "Name of the authority's certificate on the router."}
  certificate: {type: str, required: true, description: "Name of the API's certificate on the router."}
  host: {type: str, required: true, description: "The router's address or name for clients, as in the certificate."}
  days: {type: int, required: true, description: Days for which a new certificate is valid.}
  allowed: {type: list, elements: str, required: true, description: The IPv4 prefixes that may use C(api-ssl).}
"""

EXAMPLES = r"""
- name: TLS for the API
  homelab.anycast.routeros_api_tls:
    hostname: 172.18.0.1
    username: admin
    password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_ADMIN_PASSWORD') }}"
    timeout: 180
    authority: anycast-ca
    certificate: anycast-api
    host: 172.18.0.1
    days: 3650
    allowed: [172.18.0.0/26]
  register: api

- name: The certificate by which the router is proven
  ansible.builtin.copy:
    content: "{{ api.authority_certificate }}"
    dest: router-ca.pem
    mode: "0644"
"""

RETURN = r"""
authority_certificate:
  description: The authority's certificate (PEM); empty in check mode as long as it has not been made.
  returned: success
  type: str
certificate: {type: str, returned: success, description: Name of the certificate that the service uses.}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.routeros import access
from ..module_utils.routeros.facts import CLOCK_PROPERTIES, clock
from ..module_utils.routeros.session import Router, RouterError, open_router
from ..module_utils.routeros.values import Row
from ..module_utils.waiting import wait_until

CERTIFICATE = "/certificate"
SERVICE = "/ip/service"
FILE = "/file"
# The file appears a moment after it was exported.
FILE_SECONDS = 10


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            authority={"type": "str", "required": True},
            certificate={"type": "str", "required": True},
            host={"type": "str", "required": True},
            days={"type": "int", "required": True},
            allowed={"type": "list", "elements": "str", "required": True},
        ),
        supports_check_mode=True,
    )
    with open_router(module) as router:
        try:
            result = secure(router, module.params, module.check_mode)
        except access.BootstrapError as exc:
            module.fail_json(msg=str(exc))
    module.exit_json(**result)


def secure(router: Router, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Return the result of the module."""
    version = router.version()
    certificates = access.Certificates(
        router.rows(CERTIFICATE), params["authority"], params["certificate"], params["host"], params["days"]
    )
    before = certificates.as_found()
    service = _service(router)
    changes = access.service_changes(service, version, certificates.name, params["allowed"])
    _check(router, params["allowed"])
    after = certificates.as_wanted()
    # A template that is thrown away is in neither.
    changed = bool(changes or certificates.templates) or before != after
    authority_certificate = ""
    if not check_mode:
        _make(router, certificates)
        if changes:
            router.run(SERVICE, "set", {".id": service[".id"], **changes})
        # Nothing uses them any more.
        for name in certificates.superseded:
            router.run(CERTIFICATE, "remove", {"numbers": name})
    if not check_mode or certificates.has_authority:
        authority_certificate = _export(router, params["authority"])
    return {
        "changed": changed,
        "authority_certificate": authority_certificate,
        "certificate": certificates.name,
        "diff": {
            "before": {"certificates": before, "api-ssl": {name: service.get(name, "") for name in changes}},
            "after": {"certificates": after, "api-ssl": changes},
        },
    }


def _service(router: Router) -> Row:
    # From 7.18 on the menu also holds connections, as dynamic rows of the same name.
    for row in router.rows(SERVICE, where=("name", "api-ssl")):
        if row.get("dynamic") is not True:
            return row
    raise RouterError(f"{router.hostname}: the router has no service api-ssl (/ip/service)")


def _check(router: Router, allowed: list[str]) -> None:
    sessions = router.rows_if_any("/user/active", proplist=("name", "address", "via"))
    seen = access.seen_from(sessions, router.params["username"], router.own_address())
    problems = [
        access.lock_out(seen, allowed),
        access.clock_problem(clock(router.first_row("/system/clock", CLOCK_PROPERTIES), time.time())),
    ]
    if any(problems):
        raise RouterError("; ".join(problem for problem in problems if problem))


def _make(router: Router, certificates: access.Certificates) -> None:
    for name in certificates.templates:
        router.run(CERTIFICATE, "remove", {"numbers": name})
    if not certificates.has_authority:
        router.run(CERTIFICATE, "add", certificates.authority_words())
        _sign(router, certificates.authority, {})
    if not certificates.has_certificate:
        router.run(CERTIFICATE, "add", certificates.certificate_words())
        _sign(router, certificates.name, {"ca": certificates.authority})


def _sign(router: Router, name: str, values: dict[str, str]) -> None:
    answer = router.run(CERTIFICATE, "sign", {"number": name, **values})
    row = next(iter(router.rows(CERTIFICATE, where=("name", name))), {})
    if not access.usable(row):
        progress = ", ".join(str(part.get("progress")) for part in answer) or "nothing"
        raise RouterError(
            f"{router.hostname}: the certificate '{name}' has not been signed; the router said: {progress}. Run this"
            " again, with a higher timeout if the router is slow"
        )


def _export(router: Router, name: str) -> str:
    """Return the certificate in PEM form."""
    file = f"{name}.crt"
    router.run(CERTIFICATE, "export-certificate", {"numbers": name, "file-name": name, "type": "pem"})
    written: Row = {}

    def is_written() -> bool:
        for row in router.rows(FILE, proplist=(".id", "name", "contents"), where=("name", file)):
            written.update(row)
        return "-----END CERTIFICATE-----" in str(written.get("contents"))

    if not wait_until(is_written, FILE_SECONDS, interval=0.5):
        raise RouterError(
            f"{router.hostname}: the file {file} which the router exported the certificate '{name}' to holds"
            f" {len(str(written.get('contents', '')))} characters and no certificate, expected one in PEM form. Copy it"
            " from Files to the controller by hand (routeros_bootstrap_target.ca_path) and run this again"
        )
    router.run(FILE, "remove", {".id": written[".id"]})
    return str(written["contents"]).strip() + "\n"


if __name__ == "__main__":
    main()
