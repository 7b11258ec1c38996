# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The defaults of a role stand in defaults/main.yml, for Ansible, and in argument_specs.yml, for its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"


def load(role, name):
    return yaml.safe_load((ROLES / role / name).read_text())


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_defaults_and_argument_specs_agree(role):
    for entry_point in load(role, "meta/argument_specs.yml")["argument_specs"].values():
        options = entry_point["options"]
        documented = {name: option["default"] for name, option in options.items() if "default" in option}
        assert documented == load(role, "defaults/main.yml")
        assert [
            name for name, option in options.items() if "default" not in option and not option.get("required")
        ] == []
