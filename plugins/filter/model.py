# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filters for users. Each is documented in the .yml file of its name beside this one."""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.model.link import LinkError, normalise_link
from ..module_utils.model.services import ServicesError, normalise_services
from ..module_utils.system.text import table_lines


def link(value: Any) -> dict[str, Any]:
    try:
        return normalise_link(value).as_dict()
    except LinkError as error:
        raise AnsibleFilterError(str(error)) from None


def services(value: Any) -> list[dict[str, Any]]:
    try:
        return [service.as_dict() for service in normalise_services(value)]
    except ServicesError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"link": link, "services": services, "table": table_lines}
