"""The reference: what users need stands before what is internal, and each option of a role once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import playbooks

# The modules for a user's own playbooks. The roles and playbooks call the others.
FOR_USERS = (
    *("routeros_next_hops", "routeros_ospf_neighbors", "bird_ospf_neighbors", "anycast_probe"),
    *("routeros_info", "bird_info", "routeros_api_modify"),
)
_LISTED = re.compile(r"^\* (:ansplugin:`(\w+) (role|filter|module) <[^`]+`) -- (.*)$", re.MULTILINE)
_ENTRY_POINT = re.compile(r"^(?=\.\. _[\w.]+__entrypoint-\w+:$)", re.MULTILINE)


def collection(generated: str) -> str:
    """Return the page about all parts, from the one that antsibull-docs makes."""
    found = {name: (link, kind, words) for link, name, kind, words in _LISTED.findall(generated)}
    by_kind = {kind: [name for name in found if found[name][1] == kind] for kind in ("role", "filter", "module")}
    internal = [name for name in by_kind["module"] if name not in FOR_USERS]
    parts = [".. _plugins_in_homelab.anycast:\n\nRoles, filters and modules\n=========================="]
    for title, names in (
        ("Roles", by_kind["role"]),
        ("Filters", by_kind["filter"]),
        ("Modules for your own playbooks", [name for name in FOR_USERS if name in found]),
        ("Modules that the roles and playbooks call", internal),
    ):
        parts.append(f"{title}\n{'-' * len(title)}")
        parts.append("\n".join(f"* {found[name][0]} -- {found[name][2]}" for name in names))
        pages = "\n".join(f"   {name}_{found[name][1]}" for name in names)
        parts.append(f".. toctree::\n   :hidden:\n\n{pages}")
    parts.append(".. toctree::\n   :hidden:\n\n   changelog")
    return "\n\n".join(parts) + "\n"


def options_once(page: str, entries: dict[str, Any]) -> str:
    """Return a role's page with main first; the other entry points refer to its options instead of repeating them."""
    page, _mark, rest = page.partition(".. Extra links")
    head, *parts = _ENTRY_POINT.split(page)
    sections = {name: part for part in parts if (name := part.split("__entrypoint-", 1)[1].split(":", 1)[0])}
    label = parts[0].split("__entrypoint-", 1)[0].removeprefix(".. _") + "__entrypoint-main"
    others = [
        sections[name].split("Synopsis\n^^^^^^^^", 1)[0] + _options(entries, name, label) + "\n\n"
        for name in sections
        if name != "main"
    ]
    # Its title is below the sections that are gone.
    rest = rest.replace("Collection links\n~~~~~~~~~~~~~~~~", "Collection links\n----------------")
    return "".join([head, sections["main"], *others]) + (f".. Extra links{rest}" if rest else "")


def _options(entries: dict[str, Any], name: str, label: str) -> str:
    main, own = entries["main"]["options"], entries[name]["options"]
    shared = [option for option in own if option in main]
    which = "All options" if len(shared) == len(main) else "The options " + ", ".join(f"``{one}``" for one in shared)
    return "\n\n".join(
        [
            f"{which} of :ref:`main <{label}>`{' and:' if len(own) > len(shared) else '.'}",
            *(f"``{one}`` ({own[one]['type']}): {plain(' '.join(_texts(own[one])))}" for one in own if one not in main),
        ]
    )


def _texts(option: dict[str, Any]) -> list[str]:
    described = option["description"]
    return [described] if isinstance(described, str) else described


def plain(words: str) -> str:
    """Return text with Ansible's marks in reStructuredText."""
    words = re.sub(r"\b[MP]\(([\w.]+)(?:#\w+)?\)", r"``\1``", words)
    return re.sub(r"\b[CVOE]\(([^)]*)\)", r"``\1``", words)


def variables(root: Path) -> str:
    """Return the page with all variables: of the inventory, of the roles, of the playbooks."""
    title = "All variables and their defaults"
    rows = [("variable", "of", "default", "meaning"), *_inventory(root / "plugins" / "filter"), *_roles(root / "roles")]
    rows += _playbooks()
    return "\n\n".join(
        [
            f".. _ansible_collections.{playbooks.COLLECTION}.docsite.variables:",
            f"{title}\n{'=' * len(title)}",
            "Write ``anycast_link``, ``anycast_services`` and the variables of the roles into the inventory. Give the "
            "variables of the playbooks by ``-e``. The linked pages say more about each variable.",
            table(rows, (25, 26, 12, 37)),
        ]
    )


def known() -> dict[str, Any]:
    """Return the variables of all playbooks, as the code has them."""
    from ansible_collections.homelab.anycast.plugins.module_utils.system.request import VARIABLES

    return dict(VARIABLES)


def table(rows: list[tuple[str, ...]], widths: tuple[int, ...]) -> str:
    head = f".. list-table::\n   :header-rows: 1\n   :widths: {' '.join(map(str, widths))}\n\n"
    return head + "\n".join(
        f"   * - {row[0]}\n" + "\n".join(f"     - {cell}".rstrip() for cell in row[1:]) for row in rows
    )


def shown(value: Any) -> str:
    if value is None or value == {}:
        return ""
    return f"``{str(value).lower() if isinstance(value, bool) else value}``" if value != "" else "empty"


def default_of(variable: Any) -> str:
    return f"``${variable.environment}``" if variable.environment else shown(variable.default)


def _inventory(filters: Path) -> Iterator[tuple[str, ...]]:
    from ansible_collections.homelab.anycast.plugins.module_utils.model import link, services

    kinds: dict[str, dict[str, Any]] = {
        "link": link.DEFAULTS,
        "services": {**dict.fromkeys(services.REQUIRED, "required"), **services.DEFAULTS},
    }
    for kind, settings in kinds.items():
        documented = yaml.safe_load((filters / f"{kind}.yml").read_text())["DOCUMENTATION"]["options"]["_input"]
        place = f":ansplugin:`anycast_{kind} <homelab.anycast.{kind}#filter>`"
        for name, default in settings.items():
            cell = default if default == "required" else shown(default)
            yield f"``{name}``", place, cell, _meaning(name, documented["description"])
    for name, number in services.CHECK_DEFAULTS.items():
        yield f"``check: {name}``", place, shown(number), "a setting of the health check"


def _meaning(name: str, texts: list[str]) -> str:
    """Return what the documentation of a filter says about one key: the brackets behind it, or its sentence."""
    text = next(text for text in texts if f"C({name})" in text)
    if brackets := re.search(rf"C\({name}\) \(((?:[^()]|\([^()]*\))*)\)", text):
        return _without_default(plain(brackets[1]))
    sentences = [part for text in texts for part in re.split(r"(?<=[.;])\s", text) if part.startswith("C(")]
    about = next(part for part in sentences if f"C({name})" in part)
    return _without_default(plain(re.sub(r"^(C\(\w+\)(, | and | is | ))+", "", about).rstrip(";.")))


def _without_default(words: str) -> str:
    """The table has a column for it."""
    return re.sub(r", ``[^`]*``(?:(?:, | and )``[^`]*``)* if not given", "", words)


def _roles(roles: Path) -> Iterator[tuple[str, ...]]:
    for role in ("bird_anycast", "routeros_ospf", "routeros_bootstrap"):
        entries = yaml.safe_load((roles / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        for name, option in entries["main"]["options"].items():
            meaning = plain(re.split(r"(?<=\.)\s", _texts(option)[0], maxsplit=1)[0])
            default = "required" if option.get("required") else shown(option.get("default"))
            yield f"``{name}``", f":ansplugin:`{role} <homelab.anycast.{role}#role>`", default, meaning


def _playbooks() -> Iterator[tuple[str, ...]]:
    for name, variable in known().items():
        books = ", ".join(f":ref:`{book} <{playbooks.label(book)}>`" for book in variable.playbooks)
        yield f"``{name}``", books, default_of(variable), variable.meaning
