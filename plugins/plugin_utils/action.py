# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every action does: check its options, decide, change nothing. Private to this collection."""

import importlib
from typing import Any, NoReturn

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

from ..module_utils.system.text import plain_message

Row = dict[str, Any]


class Action(ActionBase):  # type: ignore[misc]  # ansible-core has no types.
    """An action with the options of its documentation; its result is what decide() returns, in check mode as well."""

    _supports_check_mode = True
    REQUIRED_IF: list[tuple[str, str, tuple[str, ...]]] = []

    def run(self, tmp: str | None = None, task_vars: Row | None = None) -> Row:
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(self.options(), required_if=self.REQUIRED_IF)
        return {"changed": False, **self.decide(options, task_vars or {})}

    def options(self) -> dict[str, Row]:
        """Return the options that plugins/modules documents for the action."""
        name = type(self).__module__.rpartition(".")[2]
        documented: Row = yaml_load(importlib.import_module(f"..modules.{name}", __package__).DOCUMENTATION)
        return dict(documented.get("options") or {})

    def decide(self, options: Row, task_vars: Row) -> Row:
        raise NotImplementedError

    def refuse(self, text: str) -> NoReturn:
        """Fail with a text of several lines, which Ansible prints as it is; the result's msg is its first line.

        The whole text as msg would be printed a second time, as JSON. ansible-core 2.20 does that: it takes msg from
        the error alone.
        """
        # Else Ansible shows five lines of the playbook after the text, which are not where the fault is.
        self._task._ds = None
        raise AnsibleActionFail(text, result={"msg": text.partition("\n")[0].rstrip(":")})


class Verdict(Action):
    """An action that judges what others have read, and contacts no host."""

    _requires_connection = False


RAW, TEXT, FLAG = ({"type": kind, "required": True} for kind in ("raw", "str", "bool"))  # Of a role's variables
NAMES = {"type": "list", "elements": "str", "required": True}


class Plan(Action):
    """The plan of a role. It reads its machine once for the same variables, by a module of this collection."""

    MODULE: str
    VARIABLES: dict[str, Row]  # Of the role. What users may have wrong is raw: the plan lists all of it.
    ASKED: tuple[str, ...]  # The options that decide what is planned

    def options(self) -> dict[str, Row]:
        found = super().options()
        return {**found, "variables": {**found["variables"], "options": self.VARIABLES}}

    def decide(self, options: Row, task_vars: Row) -> Row:
        link = options["variables"]["link"]
        if isinstance(link, dict):
            link = {name: value for name, value in link.items() if name not in ("key", "accept_key")}
        asked = {**{name: options[name] for name in self.ASKED}, "variables": {**options["variables"], "link": link}}
        if options["made"].get("asked") == asked:
            return dict(options["made"])
        info, said = self.read_machine(self.reading(options), task_vars, options["fail"])
        return {**said, **({"asked": asked, "info": info, **self.plan(info, options, task_vars)} if info else {})}

    def reading(self, options: Row) -> Row:
        """Return the arguments of the module that reads the machine."""
        raise NotImplementedError

    def plan(self, info: Row, options: Row, task_vars: Row) -> Row:
        raise NotImplementedError

    def read_machine(self, arguments: Row, task_vars: Row, fail: bool) -> tuple[Row, Row]:
        """Return (what the module read, what else the result says); without fail, msg and reached if it read none."""
        try:
            result = self._execute_module(module_name=self.MODULE, module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            if fail:
                raise
            return {}, {"msg": str(error), "reached": False}
        if result.get("failed"):
            return {}, dict(result) if fail else {"msg": plain_message(result), "reached": True}
        said = {key: result[key] for key in ("warnings", "deprecations") if key in result}
        beside = ("changed", "invocation", *said)
        return {key: value for key, value in result.items() if key not in beside and not key.startswith("_")}, said
