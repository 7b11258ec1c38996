# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How clients ask the services, as a filter. It is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.probe import targets


def probe_targets(services, sources):
    return [target.as_dict() for target in targets.probe_targets(normalise_services(services), sources)]


class FilterModule:
    def filters(self):
        return {"probe_targets": probe_targets}
