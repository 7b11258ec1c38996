# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    # A module takes one of the first three, and one of those that name its platform. They are plain strings, as
    # ansible-test does not read an f-string.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
"""

    WRITES = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
    support: full
"""

    READ_ONLY = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: This action only reads, in check mode too, and never reports a change.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details: This action does not modify state.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
    support: full
    details: This action does not modify state.
"""

    CONTROLLER = r"""
attributes:
  platform: {description: Target OS/families that can be operated against., support: full, platforms: posix}
"""

    LINUX = r"""
attributes:
  platform: {description: Target OS/families that can be operated against., support: full, platforms: linux}
"""

    DEBIAN = r"""
attributes:
  platform: {description: Target OS/families that can be operated against., support: full, platforms: Debian}
"""

    ROUTEROS = r"""
notes:
  - Runs where it can reach the router's API, normally on the controller; use C(delegate_to) or C(connection=local).
attributes:
  platform: {description: Target OS/families that can be operated against., support: full, platforms: RouterOS}
  action_group:
    description:
      - Use C(group/homelab.anycast.api) in C(module_defaults) to give the login once, for the modules of this
        collection and for those of C(community.routeros).
    support: full
    membership: [homelab.anycast.api]
"""
