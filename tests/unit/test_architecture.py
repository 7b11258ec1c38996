# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the house (ARCHITECTURE.md): which way imports run, how long a signature is, where a plan is made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.anycast.plugins.filter.model import FilterModule

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
NAMESPACE = "ansible_collections.homelab.anycast.plugins."

# What each package of module_utils may import, beside itself; in the order in which they stand on each other.
MAY_IMPORT = {
    "waiting": (),
    "secret": (),
    "model": (),
    "ospf": ("model",),
    "probe": ("model", "ospf"),
    "bird": ("model", "ospf"),
    "node": ("model", "ospf", "bird"),
    "routeros": ("model", "ospf"),
    "assumptions": ("routeros",),
    "system": ("model", "ospf", "probe", "bird", "node", "routeros"),
    "drill": ("model", "ospf", "probe", "bird", "node", "routeros", "system"),
}
FOR_ALL = ("waiting", "secret")
MOST_POSITIONAL = 6
FILTERS = {"model.py": ["link", "services", "table"]}
PLANS = {"routeros_ospf": "homelab.anycast.routeros_ospf_plan", "bird_anycast": "homelab.anycast.bird_anycast_plan"}


def sources(below: str = "") -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((PLUGINS / below).rglob("*.py")):
        yield path.relative_to(PLUGINS).as_posix(), ast.parse(path.read_text())


def package(parts: list[str]) -> str:
    """Return model for module_utils/model/link.py, waiting for module_utils/waiting.py, action for action/NAME.py."""
    return parts[1] if parts[0] == "module_utils" and len(parts) > 1 else parts[0]


def imported(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield the packages that a file imports from: within module_utils by relative imports, elsewhere by full names."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            parts = [*path.split("/")[: -node.level], *(node.module or "").split(".")]
            yield from map(package, [[*parts[:-1], alias.name] for alias in node.names] if not node.module else [parts])
        elif (node.module or "").startswith(NAMESPACE):
            yield package((node.module or "")[len(NAMESPACE) :].split("."))


def wrong_imports() -> Iterator[str]:
    for path, tree in sources("module_utils"):
        own = package(path.removesuffix(".py").split("/"))
        allowed = {own, *MAY_IMPORT.get(own, ()), *(() if own in FOR_ALL else FOR_ALL)}
        yield from (f"{path} imports {found}" for found in imported(path, tree) if found not in allowed)
    for path, tree in sources():
        # plugin_utils run on the controller only, as actions do.
        doors = {"action", "filter", "modules"}
        if not path.startswith(("action/", "plugin_utils/", "module_utils/")):
            doors.add("plugin_utils")
        yield from (f"{path} imports {found}" for found in imported(path, tree) if found in doors)


def long_signatures() -> Iterator[str]:
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
                count = len([name for name in names if name not in ("self", "cls")])
                if count > MOST_POSITIONAL:
                    yield f"{path}: {node.name} has {count}"


def doors_in_the_way() -> Iterator[str]:
    yield from (path for path, _tree in sources("filter") if Path(path).name not in FILTERS)


def plans_made_elsewhere() -> Iterator[str]:
    for role, plan in PLANS.items():
        files = sorted((ROOT / "roles" / role / "tasks").glob("*.yml"))
        made = [path.name for path in files for _task in re.findall(rf"^ *{plan}:", path.read_text(), re.MULTILINE)]
        if made != ["plan.yml"]:
            yield f"{role}: made by {made}"


def misread_pages() -> Iterator[str]:
    """YAML stumbles at a colon in a description, and takes what follows a comma in one without quotes for a key."""
    for path, tree in (*sources("modules"), *sources("doc_fragments")):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and re.match(r"(DOCUMENTATION|RETURN) = ", ast.unparse(node)):
                try:
                    page = yaml.safe_load(ast.literal_eval(node.value))
                except yaml.YAMLError as error:
                    yield f"{path}: {error}"
                else:
                    yield from (f"{path}: {key}" for key in keys(page) if " " in key)


def keys(page: object) -> Iterator[str]:
    for key, value in page.items() if isinstance(page, dict) else ():
        yield str(key)
        # In a sample, keys are what they are.
        yield from keys(value) if key != "sample" else ()


def silent_libraries() -> Iterator[str]:
    for path, tree in sources("module_utils"):
        if "rivate to this collection." not in " ".join((ast.get_docstring(tree) or "").split()):
            yield path


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(wrong_imports, id="imports run one way"),
        pytest.param(long_signatures, id="at most 6 positional parameters"),
        pytest.param(doors_in_the_way, id="filters are for users"),
        pytest.param(plans_made_elsewhere, id="a role makes its plan at one place"),
        pytest.param(misread_pages, id="YAML reads a page as it is meant"),
        pytest.param(silent_libraries, id="a library says that it is private"),
    ],
)
def test_the_rules_of_the_house(found):
    assert list(found()) == [], "change the code"


def test_no_package_stands_on_itself():
    """The order of MAY_IMPORT is one in which each knows only those before it, so there is no circle."""
    order = list(MAY_IMPORT)
    assert all(order.index(known) < order.index(one) for one, others in MAY_IMPORT.items() for known in others)
    found = {path.name.removesuffix(".py") for path in (PLUGINS / "module_utils").iterdir()}
    assert found - {"__pycache__"} == set(order)


def test_users_have_three_filters():
    documented = sorted(path.stem for path in (PLUGINS / "filter").glob("*.yml"))
    assert documented == sorted(FilterModule().filters()) == sorted(FILTERS["model.py"])
    assert all(yaml.safe_load((PLUGINS / "filter" / f"{name}.yml").read_text())["DOCUMENTATION"] for name in documented)
