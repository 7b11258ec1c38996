# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an action refuses, as text that people read. Private to this collection."""

from __future__ import annotations

from typing import NoReturn

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


def refuse(action: ActionBase, text: str) -> NoReturn:
    """Fail with a text of several lines, which Ansible prints as it is, and with its first line as the result's msg.

    The whole text as msg would be printed a second time, as JSON. ansible-core 2.20 does that: it takes msg from the
    error alone.
    """
    # Else Ansible shows five lines of the playbook after the text, which are not where the fault is.
    action._task._ds = None
    raise AnsibleActionFail(text, result={"msg": text.partition("\n")[0].rstrip(":")})
