# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

CHECK_MODE = "Can run in C(check_mode) and return changed status prediction without modifying target."
DIFF_MODE = "Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode."
IDEMPOTENT = """
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way."""
PLATFORM = """
attributes:
  platform:
    description: Target OS/families that can be operated against.
    support: full"""


class ModuleDocFragment:
    # A module takes one of the first three, and one of those that name its platform.
    DOCUMENTATION = f"""
attributes:
  check_mode: {{description: "{CHECK_MODE}"}}
  diff_mode: {{description: "{DIFF_MODE}"}}
  idempotent:
    description: {IDEMPOTENT}
"""

    WRITES = f"""
attributes:
  check_mode: {{description: "{CHECK_MODE}", support: full}}
  diff_mode: {{description: "{DIFF_MODE}", support: full}}
  idempotent:
    description: {IDEMPOTENT}
    support: full
"""

    READ_ONLY = f"""
attributes:
  check_mode:
    description: {CHECK_MODE}
    support: full
    details: This action only reads, in check mode too, and never reports a change.
  diff_mode:
    description: {DIFF_MODE}
    support: N/A
    details: This action does not modify state.
  idempotent:
    description: {IDEMPOTENT}
    support: full
    details: This action does not modify state.
"""

    CONTROLLER = f"""{PLATFORM}
    platforms: posix
"""

    LINUX = f"""{PLATFORM}
    platforms: linux
"""

    DEBIAN = f"""{PLATFORM}
    platforms: Debian
"""

    ROUTEROS = f"""
notes:
  - Runs where it can reach the router's API, normally on the controller; use C(delegate_to) or C(connection=local).
{PLATFORM}
    platforms: RouterOS
  action_group:
    description:
      - Use C(group/homelab.anycast.api) in C(module_defaults) to give the login once, for the modules of this
        collection and for those of C(community.routeros).
    support: full
    membership: [homelab.anycast.api]
"""
