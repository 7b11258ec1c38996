# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters add to the functions behind them: they read variables, and say what is wrong with these."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from jinja2 import Environment, nodes

PACKAGE = "ansible_collections.homelab.anycast.plugins.filter."
DIRECTORY = Path(str(importlib.import_module(PACKAGE + "model").__file__)).parent
MODULES = sorted(path.stem for path in DIRECTORY.glob("*.py"))
FILTERS = {
    name: function
    for module in MODULES
    for name, function in importlib.import_module(PACKAGE + module).FilterModule().filters().items()
}


def test_each_filter_has_its_documentation():
    """Ansible finds a filter by the name of its file, else it has no documentation and no place in ansible-doc."""
    assert sorted(FILTERS) == sorted(path.stem for path in DIRECTORY.glob("*.yml"))


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_the_documentation_has_the_parameters_that_the_filter_takes(name):
    """By position and, since Ansible hands on what is given by name, by name too."""
    documentation = yaml.safe_load((DIRECTORY / f"{name}.yml").read_text())["DOCUMENTATION"]
    value, *others = inspect.signature(FILTERS[name]).parameters.values()
    named = ["_input", *(parameter.name for parameter in others)]
    assert documentation["positional"].split(", ") == named
    options = documentation["options"]
    assert list(options) == named
    for parameter in others:
        option = options[parameter.name]
        assert option.get("required", False) is (parameter.default is parameter.empty)
        if not option.get("required"):
            # A list cannot be a default in Python.
            assert list(option.get("default") or []) == list(parameter.default or [])


def expressions(example):
    """Yield what a template would compute, from any depth of an example; conditions have no braces of their own."""
    for key, value in example.items():
        if isinstance(value, dict):
            yield from expressions(value)
        elif isinstance(value, str):
            yield f"{{{{ {value} }}}}" if key in ("that", "when") else value


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_the_example_calls_the_filter_with_what_it_takes(name):
    example = yaml.safe_load(yaml.safe_load((DIRECTORY / f"{name}.yml").read_text())["EXAMPLES"])
    called = {
        node.name: ([None for _argument in node.args], {str(pair.key): None for pair in node.kwargs})
        for text in expressions(example)
        for node in Environment().parse(text).find_all(nodes.Filter)
    }
    assert f"homelab.anycast.{name}" in called
    for full_name, (by_position, by_name) in called.items():
        if full_name.startswith("homelab.anycast."):
            function = FILTERS[full_name.removeprefix("homelab.anycast.")]
            inspect.signature(function).bind(None, *by_position, **by_name)


# ---------------------------------------------------------------------------------------------------------------------
# Errors of the input


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("link", [{"dead_interval": 1}], "dead_interval is 1 s"),
        ("services", [[{"name": "sip"}]], "service 'sip': addresses"),
    ],
)
def test_what_cannot_be_computed_is_one_clear_error(name, arguments, says):
    with pytest.raises(AnsibleFilterError) as raised:
        FILTERS[name](*arguments)
    assert says in str(raised.value)
