# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of module_utils/routeros/access.py as filters. Each is documented in the .yml file of its name."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.routeros import access


class FilterModule:
    def filters(self):
        return {"bootstrap_login": access.bootstrap_login, "bootstrap_problems": access.bootstrap_problems}
