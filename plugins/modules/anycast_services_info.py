#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_services_info
short_description: Read which services a node announces, and why it does or does not
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads for each service the states of its units, whether it is announced, what its check says, what is drained, and
    the last changes from the journal.
  - M(homelab.anycast.routeros_next_hops) reads the router's next hops. The playbook C(homelab.anycast.status) shows
    both together.
notes:
  - Use C(become), or the journal and the drains may not be readable.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.debian]
options:
  services: {type: list, elements: dict, required: true, description: As P(homelab.anycast.services#filter) gives them.}
"""

EXAMPLES = r"""
- name: Read what this node announces
  homelab.anycast.anycast_services_info:
    services: "{{ bird_anycast_services | homelab.anycast.services }}"
  become: true
  register: node
"""

RETURN = r"""
services:
  description:
    - The services. C(unit) is the unit that the service follows, C(bird.service) if it follows none. C(unit_state) and
      C(announcer_state) (of C(anycast-announce@NAME.service)) are in systemd's words.
    - C(announced) tells whether BIRD's configuration has the service. BIRD announces nothing while it does not run.
    - C(healthy) tells whether the unit is active and the check passes, if there is one. It is null if this is unknown,
      as for a drained service, whose check does not run. C(health) is the result of the check, null without a check.
    - C(why) is the reason why the service is or is not announced. C(changes) are from the journal, the newest first.
  returned: success
  type: list
  elements: dict
  sample:
    - name: sip
      unit: kamailio.service
      unit_state: active
      announcer_state: active
      announced: true
      healthy: true
      health: "announced: 172.18.0.64 answers SIP OPTIONS with 200"
      why: "announced: 172.18.0.64 answers SIP OPTIONS with 200"
      changes: [{time: "2026-11-22T15:00:00Z", text: "sip announced: it is healthy"}]
records: {type: list, elements: dict, returned: success, description: "What M(homelab.anycast.anycast_drain) returns."}
bird_state: {type: str, returned: success, description: "State of C(bird.service), in systemd's words."}
unlisted: {type: list, elements: str, returned: success, description: Announced services that are not in O(services).}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.node import announcer, systemd

# The last changes of a service to return.
_CHANGES = 5
# Lines of the journal to look at for each: systemd adds some of its own.
_LINES = 10


def changes_of(module: AnsibleModule, name: str) -> list[dict[str, Any]]:
    """Return the last changes of a service; none, and a warning, where the journal cannot be read."""
    unit = announcer.instance(name)
    command = ["journalctl", "--unit", unit, "--lines", str(_CHANGES * _LINES), "--output", "json", "--quiet"]
    command += ["--unit", announcer.withdrawer(name)]
    code, out, err = module.run_command(command)
    if code:
        module.warn(f"the journal of {unit} cannot be read: {err.strip() or f'exit code {code}'}")
        return []
    return announcer.service_changes(out)[:_CHANGES]


def read_services(module: AnsibleModule) -> dict[str, Any]:
    services = systemd.services_of(module)
    states = systemd.unit_states(module.run_command, [announcer.BIRD_UNIT, *announcer.units_of(services)])
    found = []
    for described, service in zip(systemd.announcements(module.run_command, services), services):
        name = service.name
        unit, instance = states[announcer.starter(service)], states[announcer.instance(name)]
        if instance["LoadState"] == "not-found":
            described["why"] = f"{announcer.instance(name)} is not installed: run homelab.anycast.site"
        found.append(
            dict(
                described,
                unit=announcer.starter(service),
                unit_state=unit["ActiveState"],
                announcer_state=instance["ActiveState"],
                healthy=announcer.is_healthy(service, unit, instance),
                health=(instance.get("StatusText") or None) if service.check else None,
                changes=changes_of(module, name),
            )
        )
    names = [service.name for service in services]
    announced = sorted(path.stem for path in Path(announcer.ANNOUNCED).glob("*.conf"))
    return {
        "services": found,
        "records": [vars(found) for found in systemd.drains()],
        "bird_state": states[announcer.BIRD_UNIT]["ActiveState"],
        "unlisted": [name for name in announced if name not in names],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={"services": {"type": "list", "elements": "dict", "required": True}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **read_services(module))


if __name__ == "__main__":
    main()
