# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The defaults of a role stand in defaults/main.yml, for Ansible, and in argument_specs.yml, for its documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"


EACH_ROLE = pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))


def load(role, name):
    return yaml.safe_load((ROLES / role / name).read_text())


def entry_points(role):
    return load(role, "meta/argument_specs.yml")["argument_specs"]


@EACH_ROLE
def test_defaults_and_argument_specs_agree(role):
    for entry_point in entry_points(role).values():
        options = entry_point["options"]
        documented = {name: option["default"] for name, option in options.items() if "default" in option}
        assert documented == load(role, "defaults/main.yml")
        assert [
            name for name, option in options.items() if "default" not in option and not option.get("required")
        ] == []


@EACH_ROLE
def test_every_variable_is_documented_and_used(role):
    documented = {name for entry_point in entry_points(role).values() for name in entry_point["options"]}
    texts = [
        re.sub(r"^ *#.*$", "", path.read_text(), flags=re.MULTILINE)
        for directory in ("tasks", "templates", "vars")
        for path in (ROLES / role / directory).glob("*")
    ]
    # Not what is registered (__ROLE_...), and no module or file of the collection.
    used = {name for text in texts for name in re.findall(rf"(?<![\w.]){role}_\w+", text)}
    assert used == documented
