# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking things away again, as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import takeover as routeros_takeover
from ansible_collections.homelab.anycast.plugins.module_utils.system import removal


class FilterModule:
    def filters(self):
        return {
            "prefixes_without": removal.prefixes_without,
            "routeros_removal": routeros_takeover.removal,
        }
