# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure functions of module_utils as filters. Each is documented in the .yml file of its name beside this one."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.anycast.plugins.module_utils.model import link as link_model
from ansible_collections.homelab.anycast.plugins.module_utils.model import services
from ansible_collections.homelab.anycast.plugins.module_utils.system import text


def link(value):
    try:
        return link_model.normalise_link(value).as_dict()
    except link_model.LinkError as error:
        raise AnsibleFilterError(str(error)) from None


def services_filter(value):
    try:
        return [service.as_dict() for service in services.normalise_services(value)]
    except services.ServicesError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    def filters(self):
        return {
            "link": link,
            "services": services_filter,
            "table": text.table_lines,
        }
