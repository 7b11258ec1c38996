#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: routeros_user
short_description: Make a user of a MikroTik router with the least rights that this collection needs
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Makes a group with the policies C(read), C(write), C(test), C(sensitive) and C(api), all others denied by name, and
    a user in it. With these rights the user can do everything for this collection, but cannot manage users, reboot the
    router, copy files or log in to a terminal, WinBox or WebFig.
  - A router does not show passwords. So the module logs in with O(user_password) to check an existing user.
notes:
  - Needs a user with the policies C(api), C(read), C(write) and C(policy) (MikroTik's manual, "User").
  - Without C(tls) it writes nothing, because the new password would be sent in clear text. In check mode it then
    assumes that the password of an existing user is right.
extends_documentation_fragment:
  - community.routeros.api
  - homelab.anycast.attributes.writes
  - homelab.anycast.attributes.routeros
attributes:
  diff_mode:
    details: Does not show passwords.
options:
  group: {type: str, required: true, description: Name of the group.}
  user: {type: str, required: true, description: Name of the user.}
  user_password: {type: str, required: true, description: "The user's password."}
"""

EXAMPLES = r"""
# With the login once for all of them:
# module_defaults: {group/homelab.anycast.api: {hostname: 172.18.0.1, username: admin, password: ..., tls: true}}
- name: Make a user for Ansible
  homelab.anycast.routeros_user:
    group: anycast
    user: ansible
    user_password: "{{ lookup('ansible.builtin.env', 'ROUTEROS_PASSWORD') }}"
"""

RETURN = r""" # """

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.routeros.plugins.module_utils.api import api_argument_spec

from ..module_utils.routeros import access
from ..module_utils.routeros.session import Router, RouterError, open_router
from ..module_utils.routeros.values import Row, flag
from ..module_utils.secret import HIDDEN, HIDDEN_CHANGED

USER = "/user"
GROUP = "/user/group"
USER_PROPERTIES = (".id", "name", "group", "disabled")


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            api_argument_spec(),
            group={"type": "str", "required": True},
            user={"type": "str", "required": True},
            user_password={"type": "str", "required": True, "no_log": True},
        ),
        supports_check_mode=True,
    )
    params = module.params
    if not params["tls"] and not module.check_mode:
        module.fail_json(msg="tls is false, expected true: the password of the new user would be sent in clear text")
    try:
        params["user_password"].encode(params["encoding"])
    except UnicodeEncodeError:
        # Its own text would quote the character.
        module.fail_json(
            msg=f"user_password holds a character that encoding '{params['encoding']}' lacks. Use other characters,"
            " or set encoding to UTF-8"
        )
    with open_router(module) as router:
        result = ensure(router, module)
    module.exit_json(**result)


def ensure(router: Router, module: AnsibleModule) -> dict[str, Any]:
    """Return the result of the module."""
    name, group = module.params["user"], module.params["group"]
    router.version()
    groups = router.rows(GROUP, proplist=(".id", "name", "policy"))
    users = router.rows(USER, proplist=USER_PROPERTIES)
    problem = access.group_problem(group, access.POLICIES, groups, users, name)
    if problem:
        raise RouterError(problem)
    old_group = next((row for row in groups if row.get("name") == group), {})
    old_user = next((row for row in users if row.get("name") == name), {})

    wanted_group = {}
    if access.granted(old_group.get("policy", "")) != set(access.POLICIES):
        wanted_group = {"policy": access.policy_text(access.POLICIES, groups)}
    wanted_user: dict[str, str] = {}
    if old_user.get("group") != group:
        wanted_user["group"] = group
    if flag(old_user, "disabled"):
        wanted_user["disabled"] = "no"
    # Of a user who is disabled or may not use the API nothing can be found out.
    unknown = wanted_group or wanted_user
    if not old_user or (module.params["tls"] and (unknown or not _logs_in(module.params))):
        wanted_user["password"] = module.params["user_password"]

    if not module.check_mode:
        _write(router, GROUP, old_group, group, wanted_group)
        _write(router, USER, old_user, name, wanted_user)
    return {
        "changed": bool(wanted_group or wanted_user),
        "diff": {
            "before": {
                "group": _shown(group, old_group) if old_group else {},
                "user": {"name": name, "group": old_user.get("group"), "password": HIDDEN} if old_user else {},
            },
            "after": {
                "group": _shown(group, {**old_group, **wanted_group}),
                "user": {
                    "name": name,
                    "group": group,
                    "password": HIDDEN_CHANGED if old_user and "password" in wanted_user else HIDDEN,
                },
            },
        },
    }


def _logs_in(params: dict[str, Any]) -> bool:
    """Return whether the user can log in with the password."""
    session = Router({**params, "username": params["user"], "password": params["user_password"]})
    try:
        session.rows("/system/resource", proplist=("version",))
    except RouterError as exc:
        if "invalid user name or password" in str(exc):
            return False
        raise
    finally:
        session.close()
    return True


def _shown(name: str, row: Row) -> dict[str, Any]:
    return {"name": name, "policies": sorted(access.granted(row.get("policy", "")))}


def _write(router: Router, menu: str, old: Row, name: str, values: dict[str, str]) -> None:
    if values and old:
        router.run(menu, "set", {".id": old[".id"], **values})
    elif values:
        router.run(menu, "add", {"name": name, **values})


if __name__ == "__main__":
    main()
