# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secret properties of RouterOS rows, taken out of what a module returns. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

Row = dict[str, Any]

# What a user whose group lacks the policy "sensitive" reads instead of a secret (measured on RouterOS 7.20.8).
MASKED_BY_ROUTER = "*****"
HIDDEN = "(hidden)"
HIDDEN_CHANGED = "(hidden, changed)"


def hide(result: Row, properties: Collection[str]) -> Row:
    """Return the result of api_modify with secret values replaced; in a diff, a new one differs from the old one."""
    before = _values([(result.get("diff") or {}).get("before"), result.get("old_data")], properties)
    secrets = _values(result, properties)
    replacements = dict.fromkeys(before, HIDDEN)
    for secret in secrets - before:
        replacements[secret] = HIDDEN_CHANGED if before else HIDDEN
    hidden: Row = _replaced(result, properties, replacements)
    return hidden


def unreadable(result: Row, properties: Collection[str]) -> list[str]:
    """Return the names of the secret properties which the router masked in the rows it has, sorted."""
    return sorted(name for name in properties if MASKED_BY_ROUTER in _values(result.get("old_data") or [], [name]))


def _values(node: Any, properties: Collection[str]) -> set[str]:
    if isinstance(node, dict):
        found = {str(node[name]) for name in properties if node.get(name) not in (None, "")}
        return found.union(*(_values(value, properties) for value in node.values()))
    if isinstance(node, (list, tuple)):
        return set().union(*(_values(value, properties) for value in node))
    return set()


def _replaced(node: Any, properties: Collection[str], replacements: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: replacements.get(str(value), HIDDEN)
            if key in properties and value not in (None, "")
            else _replaced(value, properties, replacements)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return [_replaced(value, properties, replacements) for value in node]
    if isinstance(node, str):
        # A message of the router may quote what it refused. A longer secret may hold a shorter one.
        for secret in sorted(replacements, key=len, reverse=True):
            node = node.replace(secret, HIDDEN)
    return node
