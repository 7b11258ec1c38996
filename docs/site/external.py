"""The pages of Ansible's documentation that ours refer to, for Sphinx, which would ask its server for them."""

from __future__ import annotations

import zlib

# By the label that antsibull-docs uses. One that is missing here is a warning of the build.
PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_collections.ansible.builtin.debug_module": "collections/ansible/builtin/debug_module.html",
    "ansible_collections.ansible.builtin.setup_module": "collections/ansible/builtin/setup_module.html",
    "ansible_collections.community.routeros.api_modify_module": "collections/community/routeros/api_modify_module.html",
    "ansible_collections.community.routeros.docsite.api-guide": "collections/community/routeros/docsite/api-guide.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def inventory() -> bytes:
    """Return an inventory of Sphinx, version 2."""
    head = b"# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n# The remainder is compressed by zlib.\n"
    lines = (f"{label} std:label -1 {page} {label}\n" for label, page in PAGES.items())
    return head + zlib.compress("".join(lines).encode())
